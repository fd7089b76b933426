"""Checks of constructor and function arguments, in the user's words, so that each is written once."""
from __future__ import annotations

from numbers import Integral, Real


def positive(op: str, **values: int) -> None:
    """Each value is an integer of at least 1."""
    for name, value in values.items():
        if isinstance(value, bool) or not isinstance(value, Integral) or value < 1:
            raise ValueError(f"{op}: {name} must be a positive integer, got {value!r}")


def fraction(op: str, **values: float) -> None:
    """Each value lies in [0, 1]."""
    for name, value in values.items():
        if not isinstance(value, Real) or not 0 <= value <= 1:
            raise ValueError(f"{op}: {name} must lie in [0, 1], got {value!r}")


def not_negative(op: str, **values: float) -> None:
    """Each value is a finite number of at least 0."""
    for name, value in values.items():
        if not isinstance(value, Real) or not 0 <= value < float("inf"):
            raise ValueError(f"{op}: {name} must be a finite number >= 0, got {value!r}")


def one_of(op: str, name: str, value, known) -> None:
    """The value is one of the known names."""
    if value not in known:
        raise ValueError(f"{op}: {name} {value!r} is unknown; needs one of {', '.join(map(str, known))}")


def divides(op: str, part_name: str, part: int, whole_name: str, whole: int) -> None:
    """whole is a multiple of part."""
    if whole % part:
        raise ValueError(f"{op}: {whole_name} {whole} needs to be a multiple of {part_name} {part}")


def axes_tuple(op: str, name: str, value, axes: int, least: int) -> tuple[int, ...]:
    """One integer >= least for every spatial axis; a single integer is repeated."""
    entries = (value,) * axes if isinstance(value, Integral) else tuple(value)
    if len(entries) != axes:
        raise ValueError(f"{op}: {name} {value!r} needs {axes} entries, one a spatial axis")
    if any(isinstance(n, bool) or not isinstance(n, Integral) or n < least for n in entries):
        raise ValueError(f"{op}: {name} must be integers >= {least}, got {value!r}")
    return tuple(int(n) for n in entries)
