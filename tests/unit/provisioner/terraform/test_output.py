"""What Terraform writes becomes readable lines, whatever it writes."""

import json

import pytest

from db.states import LogLevel
from provisioner.provisioners.terraform.diagnostics import error_text, plain_diagnostics
from provisioner.provisioners.terraform.output import LINE_LIMIT_BYTES, JsonLog, TextLog
from provisioner.provisioners.terraform.redaction import Redaction
from tests.recorded_log import RecordedLog

INVALID = {
    "severity": "error",
    "summary": "Invalid value for variable",
    "detail": "The size is small or large.\n\nThis was checked by the validation rule.",
    "range": {"filename": "main.tf", "start": {"line": 9, "column": 1}},
    "snippet": {"context": 'variable "size"', "code": "secret = 1"},
}


def message(output: str, level: str = "info", **more: object) -> bytes:
    return json.dumps({"@level": level, "@message": output, **more}).encode() + b"\n"


@pytest.mark.parametrize(
    ("name", "level"),
    [("trace", "trace"), ("debug", "debug"), ("info", "info"), ("warn", "warn"), ("warning", "warn")],
)
def test_a_message_is_logged_at_its_level(name: str, level: str) -> None:
    log = RecordedLog()

    JsonLog(log).feed(message("hello", name))

    assert log.lines == [(LogLevel(level), "hello")]


def test_a_message_of_several_lines_becomes_as_many() -> None:
    log = RecordedLog()

    JsonLog(log).feed(message("\nInterrupt received.\n\nPlease wait.\n"))
    TextLog(log, LogLevel.ERROR).feed(message("one\ntwo", "debug"))

    assert [output for _, output in log.lines] == ["Interrupt received.", "Please wait.", "one", "two"]


def test_chatter_is_for_debugging_unless_it_is_more_than_information() -> None:
    log = RecordedLog()

    JsonLog(log, frozenset({"outputs"})).feed(
        message("Outputs: 3", type="outputs")
        + message("Plan: 1 to add", type="change_summary")
        + message("odd", "warn", type="outputs")
    )

    assert log.lines == [
        (LogLevel.DEBUG, "Outputs: 3"),
        (LogLevel.INFO, "Plan: 1 to add"),
        (LogLevel.WARN, "odd"),
    ]


def test_an_unknown_level_is_information_and_is_mentioned_once() -> None:
    log = RecordedLog()
    reader = JsonLog(log)

    reader.feed(message("one", "loud") + message("two", "loud"))

    assert log.at(LogLevel.INFO) == ["one", "two"]
    assert log.at(LogLevel.WARN) == ['Terraform wrote at a level that is not known: "loud"']


def test_a_diagnostic_names_file_and_line_and_shows_no_code() -> None:
    log = RecordedLog()
    reader = JsonLog(log)

    reader.feed(message("Error: Invalid value for variable", "error", diagnostic=INVALID))

    assert log.at(LogLevel.ERROR) == [
        "Error: Invalid value for variable",
        '  main.tf:9, in variable "size"',
        "  The size is small or large.",
        "  This was checked by the validation rule.",
    ]
    assert error_text(reader.errors, "").startswith("main.tf:9: Invalid value for variable: The size is")


def test_a_warning_is_no_error() -> None:
    log = RecordedLog()
    reader = JsonLog(log)

    reader.feed(message("Warning: old", "warn", diagnostic={"severity": "warning", "summary": "old"}))

    assert log.lines == [(LogLevel.WARN, "Warning: old")]
    assert reader.errors == []


def test_lines_that_are_no_json_are_kept_and_blank_ones_are_not() -> None:
    log = RecordedLog()
    reader = JsonLog(log)

    reader.feed(b'\n   \nplain\n{"no": "message"}\n{broken\n[1]\nlast')
    reader.close()

    assert log.at(LogLevel.INFO) == ["plain", '{"no": "message"}', "{broken", "[1]", "last"]


def test_a_message_may_come_in_pieces() -> None:
    log = RecordedLog()
    reader = JsonLog(log)

    for byte in message("hällo"):
        reader.feed(bytes([byte]))

    assert log.lines == [(LogLevel.INFO, "hällo")]


def test_a_line_of_a_mebibyte_is_read_and_a_longer_one_is_cut() -> None:
    log = RecordedLog()
    reader = JsonLog(log)

    reader.feed(message("a" * (1 << 20)))
    reader.feed(b"b" * (LINE_LIMIT_BYTES + 7) + b"\n")
    reader.feed(message("after"))

    assert [len(output) for _, output in log.lines[:1]] == [1 << 20]
    assert log.lines[1][1].endswith("b… [7 bytes dropped]")
    assert log.lines[2] == (LogLevel.INFO, "after")


def test_bytes_that_are_no_text_are_replaced() -> None:
    log = RecordedLog()

    JsonLog(log).feed(b"\xff\xfe\x00\n")

    assert log.lines == [(LogLevel.INFO, "\ufffd\ufffd\x00")]


def test_nesting_without_end_is_plain_text() -> None:
    log = RecordedLog()

    JsonLog(log).feed(b'{"@message": ' + b"[" * 100_000 + b"\n")

    assert len(log.lines) == 1


def test_chatter_of_the_program_is_lowered() -> None:
    log = RecordedLog()
    reader = TextLog(log, LogLevel.ERROR)

    reader.feed(message("starting", "info") + message("deep", "trace") + message("odd", "warn") + b"text\n")

    assert log.lines == [(LogLevel.DEBUG, "starting"), (LogLevel.WARN, "odd"), (LogLevel.ERROR, "text")]


PLAIN = """
╷
│ Error: Failed to query available provider packages
│
│ Could not retrieve the list of available versions
│ for provider x/y.
╵
Error: Invalid expression

  on main.tf line 3, in variable "x":
   3:   default =
   4: }

Expected the start of an expression.
"""


def test_errors_are_found_in_plain_text() -> None:
    reader = TextLog(RecordedLog(), LogLevel.ERROR)
    reader.feed(PLAIN.encode())
    reader.close()

    download, syntax = reader.errors

    assert download.sentence() == (
        "Failed to query available provider packages:"
        " Could not retrieve the list of available versions for provider x/y."
    )
    assert syntax.sentence() == "main.tf:3: Invalid expression: Expected the start of an expression."
    assert syntax.context == 'variable "x"'


def test_text_without_errors_has_none() -> None:
    assert list(plain_diagnostics("all is well\nNo Error: here")) == []


def test_more_errors_are_counted() -> None:
    errors = list(plain_diagnostics("Error: a\n\nError: b\n\nError: c"))

    assert error_text(errors, "") == "a (and 2 more errors)"
    assert error_text([], "it ended with code 1") == "it ended with code 1"


def test_secrets_are_hidden_in_every_form_they_take() -> None:
    redaction = Redaction()
    redaction.add(["s3cret", 'two\nlines "quoted"', "abc", ""])

    hidden = redaction('s3cret two | lines "quoted" | two\\nlines \\"quoted\\" | abc')

    assert hidden == "******** two | ******** | ******** | abc"
