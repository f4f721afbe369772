"""What a benchmark says: figures, each beside what the driver alone reaches in the same run."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from tests.bench.machine import Machine

_HEADINGS = ("figure", "store", "value", "unit", "driver alone", "ratio")


@dataclass(frozen=True, kw_only=True)
class Figure:
    """One number, and the conditions under which it was measured."""

    name: str
    store: str
    value: float
    unit: str
    driver: float | None = None
    """The same number for as many durable one-row commits by the driver alone: what the machine allows."""

    @property
    def ratio(self) -> float | None:
        """``value`` as a part of what the driver alone reaches; compare this between machines."""
        return self.value / self.driver if self.driver else None

    def json(self, machine: Machine) -> str:
        """One line."""
        facts = {
            "figure": self.name,
            "store": self.store,
            "value": round(self.value, 3),
            "unit": self.unit,
            "driver_alone": self.driver and round(self.driver, 3),
            "ratio": self.ratio and round(self.ratio, 3),
        }
        return json.dumps({**facts, **machine.facts()})


def table(figures: Iterable[Figure]) -> str:
    """The figures for people."""
    rows = [_HEADINGS, *(_cells(figure) for figure in figures)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join(_line(row, widths) for row in rows)


def percentile(samples: Sequence[float], rank: float) -> float:
    """The sample below which ``rank`` (0 to 1) of all samples lie."""
    return sorted(samples)[min(len(samples) - 1, int(len(samples) * rank))]


def _cells(figure: Figure) -> tuple[str, ...]:
    driver, ratio = (("" if number is None else _number(number)) for number in (figure.driver, figure.ratio))
    return figure.name, figure.store, _number(figure.value), figure.unit, driver, ratio


def _line(row: Sequence[str], widths: Sequence[int]) -> str:
    names = [cell.ljust(width) for cell, width in zip(row[:2], widths, strict=False)]
    value, unit = row[2].rjust(widths[2]), row[3].ljust(widths[3])
    numbers = [cell.rjust(width) for cell, width in zip(row[4:], widths[4:], strict=True)]
    return "  ".join([*names, value, unit, *numbers]).rstrip()


def _number(value: float) -> str:
    if value >= 100:
        return f"{value:,.0f}"
    return f"{value:.2f}" if value < 10 else f"{value:.1f}"
