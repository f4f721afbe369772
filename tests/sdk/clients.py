"""Which clients are made to meet each case, and where they are installed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tests.sdk import frameworks, sdks

if TYPE_CHECKING:
    from tests.sdk.frameworks import Call


@dataclass(frozen=True, kw_only=True)
class Client:
    """A library, the provider it is made to talk to, and how."""

    environment: str
    """The folder that ``scripts/sdk-env`` makes."""
    package: str
    dialect: str
    """What the server speaks."""
    call: Call


def _client(environment: str, package: str, dialect: str, call: Call) -> Client:
    return Client(environment=environment, package=package, dialect=dialect, call=call)


_NOW, _OLDER, _LITELLM = ".venv-sdk", ".venv-sdk-older", ".venv-sdk-litellm"

CLIENTS = {
    "openai": _client(_NOW, "openai", "openai", sdks.openai),
    "openai responses": _client(_NOW, "openai", "responses", sdks.responses),
    "openai 2": _client(_LITELLM, "openai", "openai", sdks.openai),
    "openai 1": _client(_OLDER, "openai", "openai", sdks.openai),
    "anthropic": _client(_NOW, "anthropic", "anthropic", sdks.anthropic),
    "anthropic 0": _client(_OLDER, "anthropic", "anthropic", sdks.anthropic),
    "google-genai": _client(_NOW, "google-genai", "google", sdks.google),
    "google-genai aiohttp": _client(_NOW, "google-genai", "google", sdks.google_aiohttp),
    "google-genai 1": _client(_OLDER, "google-genai", "google", sdks.google),
    "mistralai": _client(_NOW, "mistralai", "mistral", sdks.mistral),
    "mistralai 1": _client(_OLDER, "mistralai", "mistral", sdks.mistral),
    "boto3": _client(_NOW, "boto3", "bedrock", sdks.bedrock),
    "httpx": _client(_NOW, "httpx", "openai", frameworks.httpx_like("httpx")),
    "httpx2": _client(_NOW, "httpx2", "openai", frameworks.httpx_like("httpx2")),
    "aiohttp": _client(_NOW, "aiohttp", "openai", frameworks.aiohttp),
    "litellm openai": _client(_LITELLM, "litellm", "openai", frameworks.litellm_of("openai")),
    "litellm anthropic": _client(_LITELLM, "litellm", "anthropic", frameworks.litellm_of("anthropic")),
    "pydantic-ai": _client(_NOW, "pydantic-ai-slim", "openai", frameworks.pydantic_ai),
    "pydantic-ai 1": _client(_OLDER, "pydantic-ai-slim", "openai", frameworks.pydantic_ai),
    "openai-agents chat": _client(
        _NOW, "openai-agents", "openai", frameworks.openai_agents("OpenAIChatCompletionsModel")
    ),
    "openai-agents responses": _client(
        _NOW, "openai-agents", "responses", frameworks.openai_agents("OpenAIResponsesModel")
    ),
}
