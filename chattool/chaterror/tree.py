"""The tree of an exception: members of groups, causes, and contexts that nobody suppressed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from chattool.chaterror.body import LIMIT
from chattool.chaterror.class_facts import class_facts
from chattool.chaterror.shapes import facts

if TYPE_CHECKING:
    from collections.abc import Iterator

_MOST_NODES = 16


class Node:
    """One exception of the tree."""

    __slots__ = (
        "causes",
        "classes",
        "error",
        "explicit",
        "facts",
        "is_member",
        "members",
        "shadowed",
        "text",
    )

    def __init__(self, error: BaseException, *, explicit: bool, shadowed: bool, is_member: bool) -> None:
        self.error = error
        self.explicit = explicit
        """Reached without an implicit context, which may be an older, unrelated failure."""
        self.shadowed = shadowed
        """Below a time-out or a transport error; clients implement time-outs by cancelling."""
        self.is_member = is_member
        self.classes = class_facts(type(error))  # type: ignore[arg-type] # mypy takes a class for its instance
        self.facts = facts(error, self.classes)
        self.text = text_of(error)
        self.members: tuple[Node, ...] = ()
        self.causes: tuple[Node, ...] = ()

    @property
    def is_single(self) -> bool:
        """Whether the exception is linked with no other."""
        return not self.members and not self.causes

    def __iter__(self) -> Iterator[Node]:
        """The node and all below it, depth first."""
        yield self
        for child in (*self.members, *self.causes):
            yield from child

    def chain(self) -> list[Node]:
        """The nodes that speak of one failure: of a group only the first member that knows an answer."""
        chain = [self]
        if self.members:
            chains = [member.chain() for member in self.members]
            telling = (one for one in chains if any(node.facts.has_structure for node in one))
            chain += next(telling, [node for one in chains for node in one])
        for cause in self.causes:
            chain += cause.chain()
        return chain


def walk(error: BaseException) -> Node:
    """The tree below ``error``: at most 16 exceptions, each once."""
    root = Node(error, explicit=True, shadowed=False, is_member=False)
    _extend(root, {id(error)})
    return root


def joined_text(root: Node) -> str:
    """The texts over explicit links: causes behind a colon, members on lines of their own."""
    text = root.text
    if not root.is_single:
        for node in root:
            if node.explicit and node.text and node.text not in text:
                separator = "\n" if node.is_member else ": "
                text = f"{text}{separator}{node.text}" if text else node.text
    return text[:LIMIT]


def _extend(node: Node, seen: set[int]) -> None:
    links = _links(node.error)
    if node.classes.transport is not None:
        # httpcore cuts the chain with "from None", and keeps the cause only as its argument.
        links += [(each, False, False) for each in node.error.args if isinstance(each, BaseException)]
    if not links:
        return
    below = node.shadowed or node.classes.transport is not None or node.classes.deadline
    for linked, is_explicit, is_member in links:
        if len(seen) >= _MOST_NODES or id(linked) in seen:
            continue
        seen.add(id(linked))
        child = Node(linked, explicit=node.explicit and is_explicit, shadowed=below, is_member=is_member)
        if is_member:
            node.members += (child,)
        else:
            node.causes += (child,)
        _extend(child, seen)


def _links(error: BaseException) -> list[tuple[BaseException, bool, bool]]:
    """The exceptions that ``error`` is linked with, whether deliberately, and whether as a member."""
    context = None if error.__suppress_context__ else error.__context__
    if (
        error.__cause__ is context is None
        and not error.__dict__
        and not isinstance(error, BaseExceptionGroup)
    ):
        return []
    links: list[tuple[BaseException, bool, bool]] = []
    if isinstance(error, BaseExceptionGroup):
        links += [(member, True, True) for member in error.exceptions[:_MOST_NODES]]
    original = error.__dict__.get("original_exception")
    if isinstance(original, BaseException):
        links.append((original, True, False))
    if error.__cause__ is not None:
        links.append((error.__cause__, True, False))
    elif context is not None:
        links.append((context, False, False))
    return links


def text_of(error: BaseException) -> str:
    """What an exception says, as far as it is read; ``""`` when it cannot say it."""
    try:
        return str(error)[:LIMIT].strip()
    except Exception:  # noqa: BLE001 - a foreign __str__ may raise anything
        return ""
