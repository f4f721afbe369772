"""Time of ``classify`` per error, beside what other libraries take for the same one: ``--help``.

Needs nothing but the package, so any environment can run it; litellm and pydantic-ai are measured where
they are installed. ``scripts/bench classify`` runs it in each environment that is there.
"""

from __future__ import annotations

import argparse
import contextlib
import importlib.util
import json
import os
import statistics
import sys
from dataclasses import dataclass
from time import perf_counter
from typing import TYPE_CHECKING, Any

from chattool.chaterror import ProviderError, classify

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_ROUNDS = 400
_CALLS = 20
_SENTENCE = "The upstream model could not serve this request in time; the same request may work later. "


@dataclass(frozen=True, kw_only=True)
class Figure:
    """Microseconds per call: the median of many rounds, and the fastest of them."""

    name: str
    median: float
    fastest: float
    goal: float | None = None


def main() -> None:
    parser = argparse.ArgumentParser(prog="tests.bench.classify", description=__doc__)
    parser.add_argument("--json", action="store_true", help="the lines of JSON alone")
    options = parser.parse_args()
    figures = list(_figures())
    if not options.json:
        for figure in figures:
            goal = f"  (goal: under {figure.goal:g})" if figure.goal else ""
            _print(f"{figure.name:44} {figure.median:8.1f} µs  fastest {figure.fastest:8.1f} µs{goal}")
    for figure in figures:
        _print(
            json.dumps({"figure": figure.name, "median_us": round(figure.median, 2), "goal_us": figure.goal})
        )


def _figures() -> Iterator[Figure]:
    texts = (
        "openai request failed: 429 too many requests, please slow down",
        "something odd happened while talking to the model",
    )
    for text in texts:
        yield _measured(f"plain text, {text.split(':')[0]!r}", RuntimeError(text), goal=15)
    yield _measured("JSON error of 1 KiB", ProviderError("m", status_code=418, body=body(1024)), goal=40)
    for size in (4, 16, 64):
        error = ProviderError("m", status_code=418, body=body(size * 1024 - 64))
        yield _measured(f"JSON error of {size} KiB", error)
    yield from _of_openai()


def body(size: int) -> str:
    """An error body of so many characters."""
    text = (_SENTENCE * (size // len(_SENTENCE) + 1))[: size - 60]
    return json.dumps({"error": {"message": text.strip(), "type": "odd_error", "code": "odd_code"}})


def _of_openai() -> Iterator[Figure]:
    """One exception of the openai SDK, classified by each library that is there."""
    if importlib.util.find_spec("openai") is None:
        return
    error = _openai_error()
    yield _measured("openai.RateLimitError, chattool", error)
    if importlib.util.find_spec("pydantic_ai") is not None:
        from pydantic_ai.models.openai import _errors  # noqa: PLC0415 - another environment's library

        yield _timed(
            "openai.RateLimitError, pydantic-ai", lambda: _errors.map_status_error(error, "gpt-5", "openai")
        )
    if importlib.util.find_spec("litellm") is not None:
        yield _timed("openai.RateLimitError, litellm", _litellm(error))


def _openai_error() -> Exception:
    import openai  # noqa: PLC0415 - another environment's library

    http: Any = importlib.import_module("httpx2" if importlib.util.find_spec("httpx2") else "httpx")
    request = http.Request("POST", "https://api.openai.com/v1/chat/completions")
    document = json.loads(body(1024))
    response = http.Response(429, headers={"retry-after": "7"}, json=document, request=request)
    made: Exception = openai.RateLimitError(
        f"Error code: 429 - {document}", response=response, body=document["error"]
    )
    return made


def _litellm(error: Exception) -> Callable[[], object]:
    os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"
    import litellm  # noqa: PLC0415 - another environment's library
    from litellm.litellm_core_utils.exception_mapping_utils import exception_type  # noqa: PLC0415

    litellm.suppress_debug_info = True

    def call() -> None:
        with contextlib.suppress(Exception):
            exception_type(model="gpt-5", original_exception=error, custom_llm_provider="openai")

    return call


def _measured(name: str, error: BaseException, *, goal: float | None = None) -> Figure:
    return _timed(name, lambda: classify(error), goal=goal)


def _timed(name: str, call: Callable[[], object], *, goal: float | None = None) -> Figure:
    call()
    rounds = []
    for _ in range(_ROUNDS):
        started = perf_counter()
        for _ in range(_CALLS):
            call()
        rounds.append((perf_counter() - started) / _CALLS * 1e6)
    return Figure(name=name, median=statistics.median(rounds), fastest=min(rounds), goal=goal)


def _print(line: str) -> None:
    sys.stdout.write(f"{line}\n")


if __name__ == "__main__":
    main()
