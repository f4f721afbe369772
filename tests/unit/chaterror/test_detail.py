"""The provider's own words."""

from __future__ import annotations

import json

import pytest

from chattool.chaterror import (
    RetryExhausted,
    classify,
    encode_last_error,
    format_diagnostic,
    next_step,
    retry_payload,
    terminal_message,
    terminal_payload,
)
from tests.unit.chaterror.shapes import Response, answered, coded, raised, said

MESSAGES = {
    "error.message": ({"error": {"message": "a"}, "message": "b"}, "a"),
    "top-level message": ({"error": {}, "message": "b"}, "b"),
    "error as a string": ({"error": "c"}, "c"),
    "detail as a string": ({"detail": "d"}, "d"),
    "the error of detail": ({"detail": {"error": "e", "message": "f"}}, "e"),
    "the message of detail": ({"detail": {"message": "f"}}, "f"),
    "the first message of errors": ({"errors": [{"message": " "}, {"message": "g"}]}, "g"),
    "MiniMax": ({"base_resp": {"status_msg": "h"}}, "h"),
    "title": ({"title": "i"}, "i"),
    "keys in other letters": ({"Error": {"Message": "j"}}, "j"),
    "a message that is an error body": ({"message": '{"error": {"message": "k"}}'}, "k"),
    "a page is no message": ({"error": {"message": "<html>l</html>"}, "message": "m"}, "m"),
}


@pytest.mark.parametrize(("body", "expected"), MESSAGES.values(), ids=MESSAGES)
def test_the_message_is_found_at(body: dict[str, object], expected: str) -> None:
    assert classify(answered(418, body)).detail == expected
    assert classify(answered(418, json.dumps(body))).detail == expected


def test_a_message_is_unwrapped_once_only() -> None:
    inner = json.dumps({"message": json.dumps({"message": "deep"})})
    assert classify(answered(418, {"message": inner})).detail == '{"message": "deep"}'


def test_trailing_text_spoils_json() -> None:
    assert classify(answered(418, '{"message": "a"} trailing', text="own")).detail == "own"


@pytest.mark.parametrize("line", ["\r\n", "\n"])
def test_the_head_of_a_dump_is_removed(line: str) -> None:
    dump = f"HTTP/1.1 418 Odd{line}server: x{line}{line}" + '{"message": "a"}'
    assert classify(answered(418, dump)).detail == "a"


def test_plain_text_is_shown_by_its_first_line_if_declared() -> None:
    declared = {"Content-Type": "text/plain; charset=utf-8"}
    assert classify(answered(418, " first \nsecond", headers=declared)).detail == "first"
    assert (
        classify(answered(418, "HTTP/1.1 418\nContent-Type: text/plain\n\nfirst\nsecond")).detail == "first"
    )
    assert classify(answered(418, "first", text="own")).detail == "own"


@pytest.mark.parametrize("status", [401, 403])
def test_a_page_on_401_and_403_is_a_gateways(status: int) -> None:
    found = classify(answered(status, "<!DOCTYPE html><p>secret</p>"))
    assert found.detail == "The request was blocked by a gateway or proxy."


def test_a_page_is_never_shown() -> None:
    declared = {"Content-Type": "text/plain"}
    assert classify(answered(502, "<html>secret</html>", text="own", headers=declared)).detail == "own"


def test_a_page_quoted_in_a_text_is_neither_shown_nor_evidence() -> None:
    text = "Unexpected response: Status 200. Body: <HTML><p>payment required, claude</p>"
    found = classify(RuntimeError(text))
    assert (found.evidence, found.detail) == ("E27", "Unexpected response: Status 200. Body")
    assert classify(raised("SomeError", "<!DOCTYPE html><p>secret</p>", status_code=502)).detail == ""


def test_a_body_over_64_kib_is_not_read() -> None:
    fits = json.dumps({"message": "a" * 65_000})
    too_long = json.dumps({"message": "a" * 65_530})
    assert classify(answered(418, fits, text="own")).detail.startswith("aaa")
    assert classify(answered(418, too_long, text="own")).detail == "own"
    assert classify(answered(418, too_long.encode(), text="own")).detail == "own"
    assert classify(
        answered(418, json.dumps({"message": "ä" * 33_000}, ensure_ascii=False), text="own")
    ).detail == ("own")


def test_the_head_counts_for_the_size_of_a_dump() -> None:
    dump = "HTTP/1.1 418\n\n" + json.dumps({"message": "a" * 65_515})
    assert classify(answered(418, dump, text="own")).detail == "own"


def test_the_message_of_a_provider_error_is_shown_without_its_title() -> None:
    error = answered(418)
    error.title = "Title"
    assert (classify(error).detail, str(error)) == ("x", "Title: x")


def test_a_transport_wrapper_is_replaced_by_the_message_in_it() -> None:
    text = 'POST "https://api.test/{v}/x": 418 Odd {"error": {"message": "inner"}}'
    assert classify(answered(418, text=text)).detail == "inner"
    assert classify(answered(418, {"message": text})).detail == "inner"


@pytest.mark.parametrize("rest", ['{"a": 1}', "{broken", "nothing"])
def test_a_transport_wrapper_without_a_message_stays_whole(rest: str) -> None:
    text = f'POST "https://api.test/x": 418 Odd {rest}'
    assert classify(answered(418, text=text)).detail == text


# What is attached


def test_a_mere_text_is_its_own_detail() -> None:
    assert classify(RuntimeError("something  odd\nhappened")).detail == "something odd happened"


def test_the_raw_text_of_an_auth_failure_is_not_shown() -> None:
    assert classify(RuntimeError("401 for key abc")).detail == ""
    assert classify(answered(401, said("bad key"))).detail == "bad key"


@pytest.mark.parametrize(
    "text",
    [
        "chat interrupted by 7",
        "anthropic stream closed before message_stop",
        "did not produce a final response",
    ],
)
def test_the_text_of_cancellations_and_broken_streams_is_not_shown(text: str) -> None:
    assert classify(RuntimeError(text)).detail == ""


@pytest.mark.parametrize(
    ("text", "match"),
    [
        ("No tool output found for function call call_9", "function_call_output_missing"),
        ("Item was provided without its required 'reasoning' item: rs_9", "web_search_reasoning_missing"),
    ],
)
def test_the_ids_of_a_continued_conversation_never_leak(text: str, match: str) -> None:
    found = classify(answered(400, said(text)))
    assert found.detail == f"OpenAI Responses API request continuity diagnostic: match={match}."


def test_a_typed_body_without_a_message_is_shown_as_json() -> None:
    body = {"type": "error", "error": {"type": "odd", "n": 1}}
    assert json.loads(classify(answered(0, body, text="")).detail) == body


# format_diagnostic

URLS = {
    "https://user:password@api.test/v1?key=abc#part": "https://api.test/v1",
    "see https://api.test/v1?x=1, then": "see https://api.test/v1, then",
    "(http://user@api.test:81/a).": "(http://api.test:81/a).",
    "HTTPS://API.test/?q": "https://API.test/",
    "http://[bad": "[REDACTED_URL]",
    "http://host:port/": "[REDACTED_URL]",
    "http://?x": "[REDACTED_URL]",
}


@pytest.mark.parametrize(("text", "expected"), URLS.items(), ids=URLS)
def test_urls_lose_their_credentials_query_and_fragment(text: str, expected: str) -> None:
    assert format_diagnostic(text) == expected


def test_white_space_becomes_one_space() -> None:
    assert format_diagnostic(" a \n\t b\u2003c ") == "a b c"


def test_a_long_text_is_cut_to_500_code_points() -> None:
    assert format_diagnostic("x" * 500) == "x" * 500
    assert format_diagnostic("x" * 501) == "x" * 499 + "…"
    assert len(classify(answered(418, said("ä" * 900))).detail) == 500


# Safety

KEYS = [
    "sk-proj-abcdefghijklmnopqrst",
    "AIzaSyabcdefghijklmnopqrstuvw",
    "Bearer abcdefghijklmnop",
    "https://user:hunter2hunter2@api.test/v1",
    "https://api.test/v1?key=abcdefghijklmn",
    r"Illegal header value b'house-key-abcdefgh\n'",
]


@pytest.mark.parametrize("secret", KEYS)
def test_keys_and_credentials_are_shown_nowhere(secret: str) -> None:
    for error in (
        RuntimeError(f"failed with {secret}"),
        answered(418, said(f"failed with {secret}")),
        answered(418, text=f"failed with {secret}"),
        answered(401, said(f"failed with {secret}")),
        raised("SomeError", f"failed with {secret}", status_code=500),
    ):
        found = classify(error)
        shown = f"{found.message} {found.detail} {found.code}"
        assert not any(part in shown for part in ("abcdefgh", "hunter2"))


def test_nothing_is_shown_that_a_store_refuses() -> None:
    found = classify(answered(418, {"error": {"message": "a\x00b\ud800c", "code": "x\x00"}}))
    assert (found.detail, found.code) == ("a�b�c", "x�")


def test_a_headline_never_holds_the_providers_words() -> None:
    assert "secret" not in classify(answered(418, coded("secret_code", "secret words"))).message


CANARY = "canary0canary0canary0"


def test_nothing_of_an_answer_but_its_message_and_code_is_shown() -> None:
    """Headers, other fields of the body, and URLs stay with the exception."""
    body = {
        "error": {"message": "slow down", "code": "rate_limit_exceeded", "user": CANARY, "trace": [CANARY]},
        "request": {"prompt": CANARY},
    }
    request = Response(url=f"https://{CANARY}:{CANARY}@api.test/v1?token={CANARY}")
    response = Response(status_code=429, headers={"authorization": CANARY, "set-cookie": CANARY})
    for error in (
        answered(429, body, headers={"x-api-key": CANARY}),
        answered(429, f"HTTP/1.1 429 Slow\r\nset-cookie: {CANARY}\r\n\r\n" + json.dumps(body)),
        raised("RateLimitError", "slow", body=body, request=request, response=response),
        raised("SomeError", f"GET https://{CANARY}@api.test/v1?key={CANARY}#{CANARY} failed"),
        answered(502, f"<html><body>{CANARY}</body></html>", text="bad gateway"),
        answered(418, f"not declared as text: {CANARY}", text=""),
        answered(0, "x" * 70_000 + CANARY, text="too much"),
    ):
        found = classify(error)
        shown = [found, terminal_payload(found), encode_last_error(error), terminal_message(found)]
        shown += [retry_payload(found, attempt=1, delay=found.retry_after), next_step(found)]
        assert found.kind
        assert CANARY not in str(shown)


def test_an_exhausted_retry_repeats_no_body_and_no_header() -> None:
    last = answered(529, {"error": {"message": CANARY}}, text="busy", headers={"x": CANARY})
    assert CANARY not in str(RetryExhausted(25, last))
