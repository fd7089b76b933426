"""What an entry of the gallery returns: pictures, and rows of numbers beside the book's."""
from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Row:
    """One quantity: the book's value, ours, the distance allowed, whether it holds (None: no claim)."""
    quantity: str
    book: str
    ours: str
    tolerance: str
    holds: bool | None


@dataclass
class Result:
    """Rows of numbers, pictures by caption (matplotlib Figures), remarks on what differs."""
    rows: list[Row] = field(default_factory=list)
    figures: dict[str, Any] = field(default_factory=dict)
    remarks: list[str] = field(default_factory=list)

    @property
    def holds(self) -> bool:
        """No claim of the table fails."""
        return all(row.holds is not False for row in self.rows)


def near(quantity: str, book: Any, ours: Any, tolerance: float) -> Row:
    """|ours - book| <= tolerance, for a number or for each of several."""
    pairs = list(zip(_numbers(book), _numbers(ours), strict=True))
    holds = all(abs(a - b) <= tolerance for a, b in pairs)       # a NaN never holds
    return Row(quantity, _text(book), _text(ours), f"{tolerance:g}", holds)


def at_least(quantity: str, bound: float, ours: Any) -> Row:
    """ours >= bound."""
    value = float(ours)
    return Row(quantity, f"≥ {_text(bound)}", _text(value), "", bool(value >= bound))


def at_most(quantity: str, bound: float, ours: Any) -> Row:
    """ours <= bound."""
    value = float(ours)
    return Row(quantity, f"≤ {_text(bound)}", _text(value), "", bool(value <= bound))


def fact(statement: str, holds: Any) -> Row:
    """A statement of the book that is true of what was computed here."""
    return Row(statement, "yes", "yes" if holds else "no", "", bool(holds))


def shown(quantity: str, ours: Any, book: Any = "") -> Row:
    """A number without a claim: the book does not print it, or chance decides it."""
    return Row(quantity, _text(book), _text(ours), "", None)


def _numbers(x: Any) -> list[float]:
    if hasattr(x, "tolist"):
        x = x.tolist()
    if isinstance(x, (list, tuple)):
        return [v for part in x for v in _numbers(part)]
    return [float(x)]


def _text(x: Any) -> str:
    if hasattr(x, "tolist"):
        x = x.tolist()
    if isinstance(x, (list, tuple)):
        return "(" + ", ".join(map(_text, x)) + ")"
    if isinstance(x, bool) or not isinstance(x, (int, float)):
        return str(x)
    if isinstance(x, int) or (math.isfinite(x) and x == int(x) and abs(x) < 1e6):
        return f"{int(x):d}"
    return f"{x:.8g}"
