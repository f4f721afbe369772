"""Whose error it is, when the caller does not say."""

from __future__ import annotations

from typing import TYPE_CHECKING

from chattool.chaterror import providers

if TYPE_CHECKING:
    from chattool.chaterror.answer import Answer
    from chattool.chaterror.tree import Node


def provider(answer: Answer | None, chain: list[Node], lowered: str) -> str:
    """The provider by what an exception states, by its text, by the host that was asked, by its library.

    ``lowered`` is the text in lower case, without the body.
    """
    if answer is None:
        return providers.in_text(lowered) or _of_package(chain)
    if stated := answer.first(lambda facts: facts.provider):
        return providers.normalized(stated)
    own = lowered.partition("{")[0] if answer.body is not None else lowered
    host = answer.first(lambda facts: facts.host)
    if found := providers.in_text(own) or (providers.of_host(host) if host else ""):
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
