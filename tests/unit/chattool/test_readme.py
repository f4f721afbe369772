"""READMEs as a model reads them."""

import pytest

from chattool.readme import cleaned, shortened


@pytest.mark.parametrize(
    ("readme", "text"),
    [
        ("", ""),
        ("plain", "plain"),
        ("---\ntitle: x\n---\n\nText", "Text"),
        ("---\nnot closed", "---\nnot closed"),
        ("# Title\n\nText", "Title\n\nText"),
        ("   ### Title ###\nText", "Title\nText"),
        ("# C#", "C#"),
        ("#\nText", "Text"),
        ("#hashtag", "#hashtag"),
        ("Title\n=====\n\nPart\n---\nText", "Title\n\nPart\nText"),
        ("one\n\n\n\ntwo\n   \n\nthree", "one\n\ntwo\n\nthree"),
        ("one\n\n---\n\ntwo", "one\n\n---\n\ntwo"),
        ("![logo](a.png)\nText", "Text"),
        ("Text ![logo][ref] more", "Text  more"),
        ('<img src="a.png"/>\n\n<IMG src=b>Text', "Text"),
        ("[![build](b.svg)](https://ci) [![docs](d.svg)](https://docs)\n\nText", "Text"),
        ("[link](https://a)", "[link](https://a)"),
        ("\n\nText\n\n", "Text"),
    ],
)
def test_what_only_a_page_needs_is_left_out(readme: str, text: str) -> None:
    assert cleaned(readme, 1000) == text


def test_code_stays_as_it_is() -> None:
    readme = "Run:\n\n```sh\n# a comment\n\n\n![x](y)\n~~~\n```\n\n\n# After\n`![x](y)`"

    assert cleaned(readme, 1000) == ("Run:\n\n```sh\n# a comment\n\n\n![x](y)\n~~~\n```\n\nAfter\n`![x](y)`")


def test_a_longer_fence_holds_shorter_ones() -> None:
    readme = "````\n```\n# kept\n```\n````\n# cut"

    assert cleaned(readme, 1000) == "````\n```\n# kept\n```\n````\ncut"


def test_a_cut_is_marked_and_within_the_limit() -> None:
    assert shortened("abcdef", 6) == "abcdef"
    assert shortened("abcdefg", 6) == "abcde…"
    assert shortened("abcd  g", 6) == "abcd…"


@pytest.mark.parametrize(
    "unit", ["![", "![a](", "[ ", "`", "# ", "<img ", " ", "[![a](b", "\n", "~~~\n", "``` `\n"]
)
def test_no_text_is_slow_to_clean(unit: str) -> None:
    # A quadratic pattern would run into the time limit of the test.
    assert len(cleaned(unit * 500_000 + "x", 1000)) <= 1000
