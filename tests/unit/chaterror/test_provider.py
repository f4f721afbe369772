"""Which provider an error is of."""

from __future__ import annotations

import pytest

from chattool.chaterror import ClassifiedError, classify, terminal_message, with_provider
from tests.unit.chaterror.shapes import Response, answered, raised

HINTS = {
    "openai-compat": "openai-compat",
    "OpenAI Compatible": "openai-compat",
    "azure openai": "azure",
    "azure-openai": "azure",
    "openrouter": "openrouter",
    "aws bedrock": "bedrock",
    "bedrock": "bedrock",
    "vercel ai gateway": "vercel",
    "vercel": "vercel",
    "anthropic": "anthropic",
    "claude": "anthropic",
    "google": "google",
    "gemini": "google",
    "vertex": "google",
    "openai": "openai",
    "https://api.openai.com/v1": "openai",
}
NAMES = {
    "anthropic": "Anthropic",
    "azure": "Azure OpenAI",
    "bedrock": "AWS Bedrock",
    "google": "Google",
    "openai": "OpenAI",
    "openai-compat": "OpenAI Compatible",
    "openrouter": "OpenRouter",
    "vercel": "Vercel AI Gateway",
    "mistral": "The AI provider",
    "": "The AI provider",
}
HOSTS = {
    "https://acme.openai.azure.com/x": "azure",
    "https://bedrock-runtime.eu-west-1.amazonaws.com/model": "bedrock",
    "https://s3.amazonaws.com/": "",
    "https://api.anthropic.com/v1": "anthropic",
    "https://generativelanguage.googleapis.com": "google",
    "https://openrouter.ai/api": "openrouter",
    "https://api.mistral.ai": "",
}


@pytest.mark.parametrize(("hint", "provider"), HINTS.items(), ids=HINTS)
def test_a_text_names_its_provider(hint: str, provider: str) -> None:
    assert classify(RuntimeError(f"call to {hint} failed")).provider == provider


def test_bare_azure_is_no_hint() -> None:
    assert classify(RuntimeError("azure failed")).provider == ""


def test_the_first_row_of_the_table_decides() -> None:
    assert classify(RuntimeError("openai via openrouter")).provider == "openrouter"


def test_body_detail_and_headers_are_never_searched() -> None:
    error = answered(500, {"error": {"message": "claude is down"}}, headers={"server": "google"})
    assert classify(error).provider == ""


@pytest.mark.parametrize(("url", "provider"), HOSTS.items(), ids=HOSTS)
def test_a_host_names_its_provider(url: str, provider: str) -> None:
    assert classify(raised("HTTPStatusError", "m", response=Response(500, url=url))).provider == provider


@pytest.mark.parametrize(
    ("module", "provider"),
    [
        ("anthropic._exceptions", "anthropic"),
        ("google.genai.errors", "google"),
        ("botocore.errorfactory", "bedrock"),
    ],
)
def test_the_package_of_a_library_with_one_provider_names_it(module: str, provider: str) -> None:
    error = type("SomeError", (Exception,), {"__module__": module})("m")
    assert classify(error).provider == provider


def test_the_openai_package_proves_nothing() -> None:
    error = type("APIStatusError", (Exception,), {"__module__": "openai"})("m")
    assert classify(error).provider == ""


def test_the_openai_package_with_an_unknown_host_is_openai_compat() -> None:
    error = type("APIStatusError", (Exception,), {"__module__": "openai"})("m")
    error.response = Response(500, url="http://127.0.0.1:8000/v1")
    assert classify(error).provider == "openai-compat"


def test_what_is_stated_beats_what_is_guessed() -> None:
    assert classify(answered(500, text="openai failed", provider="Acme")).provider == "acme"
    assert classify(raised("RateLimitError", "openai", llm_provider="anthropic")).provider == "anthropic"
    assert classify(answered(500, provider="acme"), provider="google").provider == "google"


@pytest.mark.parametrize(
    ("name", "provider"),
    [
        (" Azure OpenAI ", "azure"),
        ("azure-openai", "azure"),
        ("OpenAI compat", "openai-compat"),
        ("openai compatible", "openai-compat"),
        ("openai_compat", "openai-compat"),
        ("Something New", "something new"),
    ],
)
def test_names_are_normalised(name: str, provider: str) -> None:
    assert classify(answered(500), provider=name).provider == provider


@pytest.mark.parametrize(("provider", "name"), NAMES.items(), ids=NAMES)
def test_a_provider_has_a_display_name(provider: str, name: str) -> None:
    assert terminal_message(ClassifiedError(kind="overloaded", provider=provider)) == (
        f"{name} is temporarily overloaded."
    )


def test_an_unknown_provider_is_in_lower_case_inside_a_sentence() -> None:
    assert "with the AI provider failed" in terminal_message(ClassifiedError(kind="auth", provider="mistral"))


# with_provider


FULL = classify(answered(429, {"error": {"code": "x", "message": "d"}}, headers={"retry-after": "3"}))


def test_a_blank_name_only_normalises() -> None:
    assert with_provider(ClassifiedError(kind=" auth "), " ").kind == "auth"
    assert with_provider(FULL, "") == FULL


def test_another_provider_rebuilds_the_message_and_keeps_the_rest() -> None:
    found = with_provider(FULL, "Gemini Proxy")
    assert found.provider == "gemini proxy"
    named = FULL.with_provider("google")
    assert named.message == "Google is rate limiting requests."
    assert (
        named.detail,
        named.retry_after,
        named.status_code,
        named.code,
        named.retryable,
        named.evidence,
    ) == (
        FULL.detail,
        FULL.retry_after,
        FULL.status_code,
        FULL.code,
        FULL.retryable,
        FULL.evidence,
    )


def test_the_same_provider_changes_nothing() -> None:
    stated = ClassifiedError(kind="auth", provider="google", message="my own words")
    assert with_provider(stated, "Google") == stated


def test_special_texts_survive_a_new_provider() -> None:
    incomplete = classify(RuntimeError("anthropic stream closed before message_stop"), provider="google")
    assert incomplete.message == "Google stream closed unexpectedly before the response completed."
    canceled = classify(RuntimeError("chat interrupted"), provider="google")
    assert canceled.message == "The request was canceled before it completed."


def test_the_empty_classification_stays_empty() -> None:
    assert with_provider(ClassifiedError(), "google").is_empty
    assert with_provider(ClassifiedError(provider="openai"), "google").is_empty
