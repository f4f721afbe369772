"""What a line of a log may hold."""

from db.log_bounds import LINE_LIMIT_BYTES, bounded


def test_a_line_that_is_too_long_is_cut_and_says_by_how_much() -> None:
    line = bounded("x" * (LINE_LIMIT_BYTES + 10))

    assert len(line) < LINE_LIMIT_BYTES + 40
    assert "10 bytes dropped" in line


def test_a_cut_never_splits_a_character() -> None:
    line = bounded("ä" * LINE_LIMIT_BYTES)

    assert line.startswith("ä" * 1000)
    assert "\N{REPLACEMENT CHARACTER}" not in line


def test_what_a_database_cannot_store_is_replaced() -> None:
    assert bounded("a\0b\ud83dc") == "a\N{REPLACEMENT CHARACTER}b?c"
