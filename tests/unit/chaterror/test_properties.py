"""What holds for every exception."""

from __future__ import annotations

import json
from dataclasses import fields
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from chattool.chaterror import (
    ClassifiedError,
    Kind,
    ProviderError,
    body,
    classify,
    decode_last_error,
    encode_last_error,
    retry_payload,
    terminal_payload,
    with_classification,
    with_provider,
)
from chattool.chaterror.evidence import ROWS
from tests.unit.chaterror.shapes import raised
from tests.unit.chaterror.test_codes import LISTED
from tests.unit.chaterror.test_phrases import ALLOWANCE, CONTEXT, STRONG, WEAK
from tests.unit.chaterror.test_words import WORDS

# Errors are large to draw, and the unit tests are to stay quick.
few = settings(max_examples=40)

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)

telling = st.sampled_from(
    [*(code for _, code in LISTED), *(word for _, word in WORDS), *ALLOWANCE, *CONTEXT, *STRONG, *WEAK]
)
texts = st.one_of(
    st.text(max_size=80), telling, st.tuples(telling, st.text(max_size=20), telling).map(" ".join)
)
keys = st.one_of(
    st.sampled_from(
        [
            "error",
            "message",
            "code",
            "type",
            "status",
            "details",
            "errors",
            "data",
            "response",
            "object",
            "reason",
        ]
    ),
    st.text(max_size=8),
)
values = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), texts, st.integers(400, 600)),
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(keys, inner, max_size=5)),
    max_leaves=12,
)
documents = st.dictionaries(keys, values, max_size=5)
bodies = st.one_of(st.none(), documents, documents.map(json.dumps), texts, st.binary(max_size=60))
headers = st.dictionaries(
    st.sampled_from(
        ["retry-after", "Retry-After-Ms", "date", "content-type", "x-should-retry", "x-amzn-errortype"]
    ),
    st.one_of(texts, st.integers().map(str)),
    max_size=3,
)
statuses = st.one_of(st.just(0), st.integers(380, 610))
names = st.sampled_from(
    ["SomeError", "RateLimitError", "ReadTimeout", "RunCancelled", "JSONDecodeError", "ModelServerError"]
)


@st.composite
def single_errors(draw: st.DrawFn) -> BaseException:
    if draw(st.booleans()):
        return ProviderError(
            draw(texts),
            title=draw(texts),
            status_code=draw(statuses),
            headers=draw(st.none() | headers),
            body=draw(bodies),
            provider=draw(st.sampled_from(["", "openai", "opencode", "zhipu", "scaleway"])),
            retryable=draw(st.none() | st.booleans()),
        )
    attributes = draw(
        st.dictionaries(
            st.sampled_from(
                ["status_code", "code", "status", "type", "body", "details", "headers", "retry_after"]
            ),
            st.one_of(values, documents, headers),
            max_size=4,
        )
    )
    return raised(draw(names), draw(texts), **attributes)


@st.composite
def errors(draw: st.DrawFn) -> BaseException:
    error = draw(single_errors())
    for link in draw(st.lists(st.sampled_from(["cause", "context", "group"]), max_size=3)):
        other = draw(single_errors())
        if link == "cause":
            other.__cause__ = error
        elif link == "context":
            other.__context__ = error
        else:
            other = BaseExceptionGroup(draw(texts) or "g", [other, error])
        error = other
    return error


def _classified(error: BaseException) -> ClassifiedError:
    return classify(error, now=NOW)


@given(errors())
@example(raised("SomeError", "m", headers={"retry-after": "9" * 400}))
@settings(max_examples=150)
def test_classify_never_raises_and_answers_within_its_bounds(error: BaseException) -> None:
    found = _classified(error)
    assert found.evidence != "E27:unreadable exception"
    assert len(found.detail) <= 500
    assert "\n" not in found.detail
    assert found.is_empty or (found.message and found.kind)
    assert found.kind in {"", *Kind}
    assert timedelta() <= found.retry_after <= timedelta(days=365)
    assert found.reset_at is None or (found.reset_at > NOW and found.reset_at.tzinfo is UTC)


@given(errors())
@few
def test_classify_is_deterministic(error: BaseException) -> None:
    assert _classified(error) == _classified(error)


@given(errors())
@few
def test_a_classification_survives_wrapping(error: BaseException) -> None:
    known = _classified(error)
    if known.is_empty:
        return
    with_classification(error, known)
    wrapper = RuntimeError("status 401 insufficient_quota")
    wrapper.__cause__ = error
    assert _classified(error) == known
    assert _classified(wrapper) == known
    assert _classified(BaseExceptionGroup("g", [ValueError("v"), wrapper])) == known


@given(errors())
@few
def test_a_bare_wrapper_that_repeats_the_text_changes_nothing_but_the_text(error: BaseException) -> None:
    plain = RuntimeError(str(error))
    outer = RuntimeError(str(error))
    outer.__cause__ = plain
    assert _classified(outer) == _classified(plain)


@given(errors())
@few
def test_retryable_follows_from_kind_and_evidence_alone(error: BaseException) -> None:
    found = _classified(error)
    number = found.evidence.partition(":")[0]
    allowed = {(row.kind.value, row.retryable) for row in ROWS if row.id == number}
    allowed |= {("generic", False)} if number in {"", "E27"} else set()
    assert found.is_empty or (found.kind, found.retryable) in allowed


@pytest.mark.parametrize("kind", [kind for kind in Kind if kind not in (Kind.TIMEOUT, Kind.GENERIC)])
def test_most_kinds_alone_decide_about_a_retry(kind: Kind) -> None:
    assert len({row.retryable for row in ROWS if row.kind is kind}) <= 1


@given(errors(), st.text(max_size=12))
@few
def test_a_hint_names_the_provider_and_a_second_one_replaces_it(error: BaseException, name: str) -> None:
    found = classify(error, provider="google", now=NOW)
    assert found.is_empty or found.provider == "google"
    assert with_provider(with_provider(found, name), "openai") == with_provider(found, "openai")


@given(errors())
@few
def test_payloads_are_json_and_what_is_stored_can_be_read(error: BaseException) -> None:
    found = _classified(error)
    json.dumps(
        [terminal_payload(found), retry_payload(found, attempt=1, delay=timedelta(), now=NOW)]
    ).encode()
    stored = encode_last_error(found)
    assert "\x00" not in str(stored)
    read = decode_last_error(json.loads(json.dumps(stored, ensure_ascii=False).encode()))
    assert read is not None
    if not found.is_empty:
        kept = {field.name for field in fields(found)} - {"retry_after", "evidence"}
        assert {name: getattr(read, name) for name in kept} == {name: getattr(found, name) for name in kept}


@given(st.recursive(values, lambda inner: st.dictionaries(keys, inner), max_leaves=30) | st.binary())
@few
def test_reading_what_is_stored_tolerates_anything(stored: object) -> None:
    assert isinstance(decode_last_error(stored), ClassifiedError | None)


# Bounded work


HOSTILE = {
    "braces": "{" * 300_000,
    "brackets": "[" * 60_000,
    "deep objects": '{"a":' * 12_000,
    "quota": "quota " * 50_000,
    "spaces behind status": "status" + " " * 300_000,
    "statuses behind colons": ":429" * 50_000,
    "waits": "wait 1x " * 30_000,
    "urls": "https://a@" * 30_000,
    "exceed your": "exceed your a b c d " * 10_000,
    "insufficient": "insufficient account " * 10_000,
    "stream ids": "stream id 429 " * 20_000,
    "limited": "limited to 1 a " * 20_000,
    "secrets": "sk-" * 50_000,
    "a long number": '{"error": {"code": ' + "9" * 60_000 + "}}",
}


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
def test_hostile_texts_are_classified(text: str) -> None:
    for error in (
        RuntimeError(text),
        ProviderError("m", status_code=418, body=text),
        ProviderError("m", body={"error": {"message": text}}),
    ):
        assert len(_classified(error).detail) <= 500


def test_only_so_much_of_a_body_is_looked_at() -> None:
    strings = body.string_values({"a": ["x" * 1000] * 100_000})
    assert sum(map(len, strings)) <= body.LIMIT
    assert len(body.string_values([""] * 1_000_000)) <= 10_000
    assert len(body.string_values([[[]]] * 1_000_000)) == 0
