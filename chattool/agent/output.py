"""What a command writes: its beginning and its end are kept, however much it is."""

from __future__ import annotations

from dataclasses import dataclass

from chattool.agent.answers import TEXT_BUDGET, cost, longest, plain

HEAD_BYTES = 16 << 10
TAIL_BYTES = 512 << 10
_HEAD_BUDGET = TEXT_BUDGET // 4
_ALIGN_BYTES = 400


@dataclass(frozen=True, kw_only=True)
class Excerpt:
    """A part of an output for one answer. Offsets are bytes from the beginning."""

    text: str
    omitted_bytes: int
    """What is left out within the text."""
    next_after: int


class Output:
    """Bytes by their offset; in the middle of a long output they are forgotten."""

    def __init__(self) -> None:
        self._head = bytearray()
        self._tail = bytearray()
        self.total = 0

    def add(self, chunk: bytes) -> None:
        self.total += len(chunk)
        room = HEAD_BYTES - len(self._head)
        if room > 0:
            self._head += chunk[:room]
            chunk = chunk[room:]
        self._tail += chunk
        if len(self._tail) > 2 * TAIL_BYTES:  # seldom, since moving bytes costs
            del self._tail[:-TAIL_BYTES]

    def excerpt(self, *, ended: bool) -> Excerpt:
        """The whole output, or its beginning and its end."""
        end = self.total if ended else self._whole_characters()
        everything = self._from(0, end)
        if everything is not None and cost(text := plain(everything)) <= TEXT_BUDGET:
            return Excerpt(text=text, omitted_bytes=0, next_after=end)
        head = _beginning(bytes(self._head), _HEAD_BUDGET)
        if everything is None:
            everything = bytes(self._tail[: len(self._tail) - (self.total - end)])
        tail = _end(everything, TEXT_BUDGET - _HEAD_BUDGET)
        omitted = end - len(head) - len(tail)
        mark = f"\n[… {omitted:,} bytes left out …]\n"
        return Excerpt(text=plain(head) + mark + plain(tail), omitted_bytes=omitted, next_after=end)

    def after(self, offset: int, *, ended: bool) -> Excerpt:
        """What follows ``offset``, as far as it is kept and fits into one answer."""
        end = self.total if ended else self._whole_characters()
        start = min(max(offset, 0), end)
        kept = self._from(start, end)
        skipped = 0
        if kept is None and start < len(self._head):
            kept = bytes(self._head[start:])
        elif kept is None:
            first = self.total - len(self._tail)
            skipped, start = first - start, first
            kept = self._from(start, end) or b""
        part = _beginning(kept, TEXT_BUDGET)
        mark = f"[… {skipped:,} bytes were not kept …]\n" if skipped else ""
        return Excerpt(text=mark + plain(part), omitted_bytes=skipped, next_after=start + len(part))

    def _from(self, start: int, end: int) -> bytes | None:
        """The bytes between two offsets; ``None`` when some of them are forgotten."""
        first = self.total - len(self._tail)
        if start >= first:
            return bytes(self._tail[start - first : end - first])
        if len(self._head) + len(self._tail) == self.total:
            return bytes((self._head + self._tail)[start:end])
        return None

    def _whole_characters(self) -> int:
        """The offset up to which no character is cut in two, as far as one can tell."""
        last = bytes((self._tail or self._head)[-4:])
        return self.total - (len(last) - _cut_off(last))


def _beginning(data: bytes, budget: int) -> bytes:
    # Every byte takes at most six characters of JSON, and at least a third of one.
    data = data[: budget * 4]
    if cost(plain(data)) <= budget:
        return data
    size = longest(len(data), lambda size: cost(plain(data[:size])) <= budget)
    aligned = data.rfind(b"\n", max(0, size - _ALIGN_BYTES), size) + 1
    return data[: aligned or _cut_off(data[:size]) or size]


def _end(data: bytes, budget: int) -> bytes:
    data = data[-budget * 4 :]
    if cost(plain(data)) <= budget:
        return data
    size = longest(len(data), lambda size: cost(plain(data[len(data) - size :])) <= budget)
    start = len(data) - size
    aligned = data.find(b"\n", start, start + _ALIGN_BYTES) + 1
    if not aligned:
        while start < len(data) and data[start] & 0xC0 == 0x80:  # noqa: PLR2004 - inside a character
            start += 1
    return data[aligned or start :]


def _cut_off(data: bytes) -> int:
    """The length of ``data`` without a character of UTF-8 that has only begun."""
    for back in range(1, min(4, len(data)) + 1):
        byte = data[-back]
        if byte & 0xC0 == 0x80:  # noqa: PLR2004 - the inside of a character
            continue
        wanted = 4 if byte >= 0xF0 else 3 if byte >= 0xE0 else 2 if byte >= 0xC0 else 1  # noqa: PLR2004
        return len(data) - back if wanted > back else len(data)
    return len(data)
