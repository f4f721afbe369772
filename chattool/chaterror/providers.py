"""Providers: whose error it is, by statement, text, host or library; and how they are called."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from chattool.chaterror.answer import Answer
    from chattool.chaterror.tree import Node

DISPLAY_NAMES: Mapping[str, str] = {
    "anthropic": "Anthropic",
    "azure": "Azure OpenAI",
    "bedrock": "AWS Bedrock",
    "google": "Google",
    "openai": "OpenAI",
    "openai-compat": "OpenAI Compatible",
    "openrouter": "OpenRouter",
    "vercel": "Vercel AI Gateway",
}

ALIASES: Mapping[str, str] = {
    "azure openai": "azure",
    "azure-openai": "azure",
    "openai compat": "openai-compat",
    "openai compatible": "openai-compat",
    "openai_compat": "openai-compat",
}

# The first row that occurs decides, so names that contain another one stand before it.
TEXT_HINTS: tuple[tuple[str, str], ...] = (
    ("openai-compat", "openai-compat"),
    ("openai compatible", "openai-compat"),
    ("azure openai", "azure"),
    ("azure-openai", "azure"),
    ("openrouter", "openrouter"),
    ("aws bedrock", "bedrock"),
    ("bedrock", "bedrock"),
    ("vercel ai gateway", "vercel"),
    ("vercel", "vercel"),
    ("anthropic", "anthropic"),
    ("claude", "anthropic"),
    ("google", "google"),
    ("gemini", "google"),
    ("vertex", "google"),
    ("openai", "openai"),
)

#: Libraries that talk to one provider only, by the package of their exceptions.
PACKAGES: Mapping[str, str] = {
    "anthropic": "anthropic",
    "google.genai": "google",
    "botocore": "bedrock",
}


def normalized(name: str) -> str:
    """``name`` in the one spelling that is stored and compared."""
    name = name.strip().lower()
    return ALIASES.get(name, name)


def subject(provider: str) -> str:
    """The provider at the start of a sentence."""
    return DISPLAY_NAMES.get(provider, "The AI provider")


def inside(provider: str) -> str:
    """The provider inside a sentence."""
    return DISPLAY_NAMES.get(provider, "the AI provider")


def in_text(lowered: str) -> str:
    """The provider that a text in lower case speaks of, or ``""``."""
    for hint, provider in TEXT_HINTS:
        if hint in lowered:
            return provider
    return ""


def of_host(host: str) -> str:
    """The provider that answers at ``host``, or ``""``."""
    host = host.lower()
    if "openai.azure.com" in host:
        return "azure"
    if "amazonaws.com" in host and "bedrock" in host:
        return "bedrock"
    return in_text(host)


def attributed(answer: Answer | None, chain: list[Node], lowered: str) -> str:
    """The provider by what an exception states, by its text, by the host that was asked, by its library.

    ``lowered`` is the text in lower case, without the body.
    """
    if answer is None:
        return in_text(lowered) or _of_package(chain)
    if stated := answer.first(lambda facts: facts.provider):
        return normalized(stated)
    own = lowered.partition("{")[0] if answer.body is not None else lowered
    host = answer.first(lambda facts: facts.host)
    if found := in_text(own) or (of_host(host) if host else ""):
        return found
    # Half the field is called through the openai package.
    if host and any(node.classes.from_openai for node in chain):
        return "openai-compat"
    return _of_package(chain)


def _of_package(chain: list[Node]) -> str:
    for node in chain:
        if node.classes.provider:
            return node.classes.provider
    return ""
