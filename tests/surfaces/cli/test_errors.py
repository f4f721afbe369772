"""``chattool errors explain``, as a child process."""

import json
import os
import subprocess
import sys

import pytest


def explain(*words: str, stdin: str = "", code: int = 0) -> str:
    """What the command prints."""
    done = subprocess.run(
        [sys.executable, "-m", "chattool", "errors", "explain", *words],
        input=stdin,
        capture_output=True,
        text=True,
        check=False,
        timeout=30,
    )
    assert done.returncode == code, done.stderr
    return done.stdout if code == 0 else done.stderr


def document(*words: str, stdin: str = "") -> dict[str, object]:
    """The one JSON document that it prints with ``--json``."""
    found: dict[str, object] = json.loads(explain(*words, "--json", stdin=stdin))
    return found


def test_a_log_line_is_explained() -> None:
    lines = explain("openai: 429 too many requests, try again in 7s").splitlines()
    assert [line.split(maxsplit=1)[0] for line in lines] == [
        *("kind", "retryable", "headline", "next", "detail", "provider", "status", "retry", "evidence"),
    ]
    assert lines[0].split() == ["kind", "rate_limit"]
    assert lines[-1].split(maxsplit=1)[1] == "E22:429 (status 429 or words about a rate limit)"


BODY = '{"error": {"code": "insufficient_quota", "message": "add money"}}'
SPENT = {
    "message": (
        "The quota or balance at OpenAI is used up. Add credit, raise the limit, or switch to another model."
    ),
    "retryable": False,
    "detail": "add money",
    "kind": "quota_exhausted",
    "provider": "openai",
    "status_code": 429,
    "code": "insufficient_quota",
    "next_step": "Add credit, raise the limit, or switch to another model.",
    "evidence": "E9:insufficient_quota",
    "evidence_means": "a code or detail that means spent money",
}


@pytest.mark.parametrize(
    ("words", "stdin"),
    [
        (("--status", "429", "--body", BODY), ""),
        (("--status", "429", "--body", "-"), BODY),
        (("--status", "429"), BODY),
        ((), f"HTTP/1.1 429 Too Many Requests\r\ncontent-type: application/json\r\n\r\n{BODY}"),
        ((), f"HTTP/1.1 200 Connection established\r\n\r\nHTTP/2 429\r\ncontent-type: a\r\n\r\n{BODY}"),
    ],
    ids=["arguments", "dash", "status and standard input", "whole answer", "answer behind a proxy"],
)
def test_an_answer_is_explained(words: tuple[str, ...], stdin: str) -> None:
    assert document("--provider", "openai", *words, stdin=stdin) == SPENT


def test_headers_are_heard() -> None:
    found = document("--status", "402", "-H", "Retry-After: 90")
    assert (found["kind"], found["retryable"], found["retry_after_seconds"]) == ("rate_limit", True, 90)


def test_a_line_on_standard_input_is_explained() -> None:
    assert document(stdin="ERROR read ECONNRESET\n")["code"] == "ECONNRESET"


def test_a_body_alone_on_standard_input_is_explained() -> None:
    assert document(stdin='{"error": {"code": 503, "message": "m"}}')["status_code"] == 503


QUOTED = (
    "ERROR Error code: 429 - "
    "{'error': {'message': 'no \\'credit\\'', 'code': 'insufficient_quota', 'param': None}}"
)


@pytest.mark.parametrize("words", [(QUOTED,), ()], ids=["argument", "standard input"])
def test_a_body_that_an_sdk_quotes_as_python_prints_it_is_read(words: tuple[str, ...]) -> None:
    found = document(*words, stdin="" if words else QUOTED)
    assert (found["status_code"], found["code"]) == (429, "insufficient_quota")
    assert found["detail"] == "no 'credit'"


@pytest.mark.parametrize(
    "line", ["{'a': ", "{'a'} 429", "{'" + "[" * 5000 + "}", "{'a': __import__('os')} 429"]
)
def test_a_line_that_only_looks_like_a_quoted_body_is_a_line(line: str) -> None:
    assert document(line)["kind"] == ("rate_limit" if "429" in line else "generic")


def test_a_line_of_which_nothing_is_known_asks_for_more() -> None:
    assert "give --status, -H and --body" in str(document("hello")["next_step"])


def test_a_broken_body_is_explained_like_a_line() -> None:
    assert document("--body", "{bad")["kind"] == "generic"
    assert document("--body", '{"error": {"code": "ECONNRESET"')["code"] == "ECONNRESET"


def test_control_characters_of_an_error_never_reach_the_terminal() -> None:
    shown = explain("\033[31mred 429 \033]0;title\007 x \x9b2J")

    assert "red 429" in shown
    assert all(sign.isprintable() or sign == "\n" for sign in shown)


@pytest.mark.parametrize("flags", [[], ["--json"]])
def test_a_reader_that_has_gone_ends_the_command_without_a_word(flags: list[str]) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    words = [sys.executable, "-m", "chattool", "errors", "explain", "429", *flags]
    done = subprocess.run(words, stdout=writer, stderr=subprocess.PIPE, check=False, timeout=30)
    os.close(writer)

    assert (done.returncode, done.stderr) == (141, b"")


def test_nothing_to_explain_and_a_header_that_is_none_are_wrong_usage() -> None:
    assert "nothing to explain" in explain(stdin="", code=2)
    assert "NAME: VALUE" in explain("--status", "429", "-H", "nonsense", code=2)


def test_a_key_in_a_log_line_is_not_repeated() -> None:
    assert "abcdefghijkl" not in explain("failed with sk-abcdefghijklmnopqrst")
