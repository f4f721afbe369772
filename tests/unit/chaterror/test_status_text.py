"""A status that stands in a text."""

from __future__ import annotations

import pytest

from chattool.chaterror import classify
from tests.unit.chaterror.shapes import answered, raised

STATED = {
    "status 503": 503,
    "status: 418": 418,
    "status=400": 400,
    "status code 404": 404,
    "status  code : 422": 422,
    "http 500": 500,
    "HTTP:502": 502,
    "http502x": 502,
    "status 4291": 429,
    "401 came first, then status 503": 503,
    "HTTP/1.1 429 Too Many Requests": 429,
}
FREE_STANDING = {
    "got 401": 401,
    "(403)": 403,
    "408.": 408,
    "429!": 429,
    "=500": 500,
    "502": 502,
    "503,": 503,
    "504;": 504,
    "529": 529,
    "after 5290 came 503": 503,
}
NO_STATUS = [
    "got 400",
    "404 not found",
    "a429",
    "429_a",
    "localhost:503",
    "stream id 429",
    "stream id = 503",
    "stream id:  503",
    "status 200, though 503 stands behind it",
    "status 999",
    "five hundred",
]


@pytest.mark.parametrize(("text", "status"), STATED.items(), ids=STATED)
def test_the_stated_form_decides_wherever_it_stands(text: str, status: int) -> None:
    assert classify(RuntimeError(text)).status_code == status


@pytest.mark.parametrize(("text", "status"), FREE_STANDING.items(), ids=FREE_STANDING)
def test_a_free_standing_number_is_a_status(text: str, status: int) -> None:
    assert classify(RuntimeError(text)).status_code == status


@pytest.mark.parametrize("text", NO_STATUS)
def test_other_numbers_and_words_make_no_status(text: str) -> None:
    assert classify(RuntimeError(text)).status_code == 0


def test_the_search_goes_on_behind_a_port_and_a_stream_number() -> None:
    assert classify(RuntimeError("localhost:503 and stream id 429 said 529")).status_code == 529


def test_a_letter_outside_ascii_is_a_boundary() -> None:
    assert classify(RuntimeError("é429é")).status_code == 429


def test_a_structured_status_beats_the_text() -> None:
    assert classify(answered(503, text="status 401")).status_code == 503


def test_a_class_beats_the_text() -> None:
    assert classify(raised("RateLimitError", "status 401")).status_code == 429


def test_only_the_text_before_the_body_counts() -> None:
    assert classify(RuntimeError('503 {"message": "status 401"}')).status_code == 503
    assert classify(RuntimeError('failed {"message": "status 401"}')).status_code == 0
