"""What is kept of a command's output, and what of it is shown."""

import re

import pytest

from chattool.agent.answers import TEXT_BUDGET, cost, plain
from chattool.agent.output import HEAD_BYTES, TAIL_BYTES, Output


def output(*chunks: bytes) -> Output:
    made = Output()
    for chunk in chunks:
        made.add(chunk)
    return made


def read_on(made: Output, after: int = 0) -> tuple[str, int]:
    """All that is still kept from ``after``, page by page, and what was not kept."""
    text, skipped = "", 0
    while after < made.total:
        part = made.after(after, ended=True)
        assert part.next_after > after
        assert cost(part.text) <= TEXT_BUDGET + 100
        text += re.sub(r"^\[… [\d,]+ bytes were not kept …\]\n", "", part.text)
        skipped += part.omitted_bytes
        after = part.next_after
    return text, skipped


def test_a_short_output_is_shown_whole() -> None:
    shown = output(b"one\n", b"two\n").excerpt(ended=True)

    assert (shown.text, shown.omitted_bytes, shown.next_after) == ("one\ntwo\n", 0, 8)


@pytest.mark.parametrize(
    "chunk", [b"line %d\n", b'"\\\t\n' * 20, b"\0" * 50, "☃é𝄞".encode() * 9, b"\xff\xfe" * 20, b"x" * 999]
)
@pytest.mark.parametrize("times", [50, 2000, 60_000])
def test_of_a_long_output_beginning_and_end_fit_into_an_answer(chunk: bytes, times: int) -> None:
    made = output(*[chunk] * times)

    shown = made.excerpt(ended=True)

    assert cost(shown.text) <= TEXT_BUDGET + 100
    assert shown.next_after == made.total
    if shown.omitted_bytes:
        head, tail = re.split(r"\n\[… [\d,]+ bytes left out …\]\n", shown.text)
        assert plain(chunk * 9000).startswith(head)
        assert plain(chunk * 9000).endswith(tail)
        assert 0 < shown.omitted_bytes < made.total
    else:
        assert shown.text == plain(chunk * times)


def test_a_long_output_is_cut_between_lines() -> None:
    made = output(b"".join(b"line %d\n" % number for number in range(10_000)))

    head, _, tail = re.split(r"(\n\[….*…\]\n)", made.excerpt(ended=True).text)

    assert head.startswith("line 0\n")
    assert tail.endswith("line 9999\n")
    for line in (head + tail).splitlines():
        assert re.fullmatch(r"line \d+", line)


def test_everything_is_read_page_by_page_while_it_is_kept() -> None:
    data = b"".join(b"line %d\n" % number for number in range(30_000))

    assert read_on(output(data)) == (data.decode(), 0)


def test_what_is_forgotten_is_counted() -> None:
    data = b"".join(b"line %d\n" % number for number in range(400_000))
    made = output(*(data[at : at + 65_536] for at in range(0, len(data), 65_536)))

    text, skipped = read_on(made)

    assert skipped == len(data) - len(text)
    assert skipped > 0
    assert text.startswith(data[: HEAD_BYTES - 20].decode())
    assert text.endswith(data[-TAIL_BYTES:].decode())


def test_a_character_that_has_only_begun_waits_for_its_rest() -> None:
    made = output("a☃".encode()[:3])

    assert made.excerpt(ended=False).text == "a"
    begun = made.after(0, ended=False)
    assert (begun.text, begun.next_after) == ("a", 1)
    made.add("☃".encode()[2:])
    assert made.after(begun.next_after, ended=False).text == "☃"


@pytest.mark.parametrize("after", [-5, 0, 3, 4, 10**12])
def test_any_place_may_be_asked_for(after: int) -> None:
    assert output(b"abcd").after(after, ended=True).text == "abcd"[max(after, 0) :]


def test_colours_and_titles_are_left_out_and_controls_marked() -> None:
    written = b"\x1b[1;31mred\x1b[0m \x1b]0;title\x07\x1b(Bplain\r\nnul\0 \x07\x1b[?25l"

    assert plain(written) == "red plain\nnul\ufffd \ufffd"


@pytest.mark.parametrize("piece", [b"\x1b", b"\x1b[", b"\x1b]", b"\x1bP", b"\x1b]a", b"\x1b[0"])
def test_no_output_is_slow_to_clean(piece: bytes) -> None:
    # A quadratic pattern would run into the time limit of the test.
    assert len(plain(piece * 100_000)) <= 400_000
