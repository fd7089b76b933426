"""Rearrangements written in the views, slices and joins of the core.

Names and arguments follow the Python array API, and NumPy where that has none.
"""
from __future__ import annotations

from collections.abc import Sequence
from numbers import Integral
from typing import Any

import numpy as np

import chainrule as cr

from .. import _core, check
from .._core import Tensor

# ---- axes

def flatten(x: Tensor, start_axis: int = 0, end_axis: int = -1) -> Tensor:
    """x with the axes from start to end, both included, joined to one in row-major order."""
    if x.ndim == 0:
        return _core.reshape(x, (1,))
    start, end = _axis("flatten", start_axis, x.ndim), _axis("flatten", end_axis, x.ndim)
    if start > end:
        raise ValueError(f"flatten: start_axis {start_axis} lies behind end_axis {end_axis} "
                         f"for {x.ndim} axes")
    joined = int(np.prod(x.shape[start:end + 1], dtype=np.int64))
    return _core.reshape(x, (*x.shape[:start], joined, *x.shape[end + 1:]))


def matrix_transpose(x: Tensor) -> Tensor:
    """Xᵀ of the matrices in the last two axes.   Book: appendix A"""
    if x.ndim < 2:
        raise cr.ShapeError(f"matrix_transpose: x needs at least two axes, got {x.shape}")
    return _core.transpose(x, -2, -1)


def swapaxes(x: Tensor, axis1: int, axis2: int) -> Tensor:
    """x with two axes exchanged; NumPy's name of `transpose`."""
    return _core.transpose(x, axis1, axis2)


def moveaxis(x: Tensor, source: int | Sequence[int], destination: int | Sequence[int]) -> Tensor:
    """x with the axes `source` at the places `destination`; the others keep their order."""
    here = [_axis("moveaxis", a, x.ndim) for a in _several(source)]
    there = [_axis("moveaxis", a, x.ndim) for a in _several(destination)]
    if len(here) != len(there) or len(set(here)) != len(here) or len(set(there)) != len(there):
        raise ValueError(f"moveaxis: source {source} and destination {destination} "
                         "need as many distinct axes")
    order = [a for a in range(x.ndim) if a not in here]
    for place, axis in sorted(zip(there, here, strict=True)):
        order.insert(place, axis)
    return _core.permute_dims(x, order)


def broadcast_arrays(*xs: Tensor) -> tuple[Tensor, ...]:
    """The tensors in their common shape, without copies."""
    shape = _common_shape("broadcast_arrays", xs)
    return tuple(_core.broadcast_to(x, shape) for x in xs)


def meshgrid(*xs: Tensor, indexing: str = "xy") -> tuple[Tensor, ...]:
    """The coordinates of the grid over the given vectors, one tensor each, without copies.

    Shapes  x_i (n_i,) -> (n_1, ..., n_k) for 'ij', (n_2, n_1, n_3, ..., n_k) for 'xy'
    """
    check.one_of("meshgrid", "indexing", indexing, ("xy", "ij"))
    for i, x in enumerate(xs):
        if x.ndim > 1:
            raise cr.ShapeError(f"meshgrid: argument {i} needs one axis, got {x.shape}")
    order = list(range(len(xs)))
    if indexing == "xy" and len(xs) > 1:
        order[:2] = 1, 0
    lines = [_core.reshape(x, [-1 if a == i else 1 for a in order]) for i, x in enumerate(xs)]
    return broadcast_arrays(*lines)


# ---- cutting and joining

def unstack(x: Tensor, axis: int = 0) -> tuple[Tensor, ...]:
    """The slices of x along an axis, without that axis and without copies."""
    axis = _axis("unstack", axis, x.ndim)
    return tuple(_core.select(x, axis, i) for i in range(x.shape[axis]))


def split(x: Tensor, indices_or_sections: int | Sequence[int], axis: int = 0) -> tuple[Tensor, ...]:
    """x cut along an axis, without copies: into n equal parts, or before each of the given positions.

    Errors  ShapeError unless n divides the axis
    Differs as NumPy's; PyTorch gives the sizes of the parts instead: use np.cumsum(sizes)[:-1]
    """
    axis = _axis("split", axis, x.ndim)
    n = x.shape[axis]
    if isinstance(indices_or_sections, int | Integral):
        parts = int(indices_or_sections)
        check.positive("split", indices_or_sections=parts)
        if n % parts:
            raise cr.ShapeError(f"split: axis {axis} of {x.shape} does not divide into {parts} equal parts")
        cuts = list(range(0, n, n // parts))[1:] if n else [0] * (parts - 1)
    else:
        cuts = [int(i) for i in indices_or_sections]
    lead = (slice(None),) * axis
    ends = [*cuts, None]
    return tuple(x[lead + (slice(a, b),)] for a, b in zip([0, *cuts], ends, strict=True))


def roll(x: Tensor, shift: int | Sequence[int], axis: int | Sequence[int] | None = None) -> Tensor:
    """y[i] = x[i - shift]: what leaves at one end enters at the other; x flattened when axis is None."""
    if axis is None:
        return _core.reshape(roll(flatten(x), shift, 0), x.shape)
    shifts, axes = _several(shift), [_axis("roll", a, x.ndim) for a in _several(axis)]
    if len(shifts) != len(axes) and 1 not in (len(shifts), len(axes)):
        raise ValueError(f"roll: shift {shift} and axis {axis} need as many entries")
    many = max(len(shifts), len(axes))
    for s, a in zip(shifts * (many // len(shifts)), axes * (many // len(axes)), strict=True):
        cut = -s % max(x.shape[a], 1)
        if cut:
            front, back = split(x, [cut], a)
            x = _core.concat([back, front], a)
    return x


def repeat(x: Tensor, repeats: int | Sequence[int], axis: int | None = None) -> Tensor:
    """Each element along an axis that many times in a row; of the flattened x when axis is None.

    Shapes  x (..., n, ...), repeats a number or n of them -> (..., Σ repeats, ...)
    """
    if axis is None:
        return repeat(flatten(x), repeats, 0)
    axis = _axis("repeat", axis, x.ndim)
    n, counts = x.shape[axis], np.asarray(repeats)
    if counts.size == 0:
        counts = counts.astype(np.int64)                       # NumPy reads [] as floats
    if counts.dtype.kind not in "iu" or counts.ndim > 1 or (counts < 0).any():
        raise ValueError(f"repeat: repeats must be integers of at least 0, got {repeats!r}")
    if counts.size == 1:
        each = int(counts.reshape(()))
        wide = _core.broadcast_to(_core.expand_dims(x, axis + 1),
                                  (*x.shape[:axis + 1], each, *x.shape[axis + 1:]))
        return _core.reshape(wide, (*x.shape[:axis], n * each, *x.shape[axis + 1:]))
    if counts.size != n:
        raise cr.ShapeError(f"repeat: repeats has {counts.size} entries, axis {axis} of {x.shape} needs {n}")
    return _taken(x, np.repeat(np.arange(n), counts), axis)


def tile(x: Tensor, repetitions: int | Sequence[int]) -> Tensor:
    """x as a whole repeated along each axis, the last number for the last axis.

    Shapes  x (n_1, ..., n_k), repetitions (r_1, ..., r_k) -> (r_1 n_1, ..., r_k n_k)
    """
    times = _several(repetitions)
    if any(r < 0 for r in times):
        raise ValueError(f"tile: repetitions must be at least 0, got {repetitions}")
    axes = max(x.ndim, len(times))
    times = [1] * (axes - len(times)) + times
    sizes = [1] * (axes - x.ndim) + list(x.shape)
    between = _core.reshape(x, [m for n in sizes for m in (1, n)])
    wide = _core.broadcast_to(between, [m for r, n in zip(times, sizes, strict=True) for m in (r, n)])
    return _core.reshape(wide, [r * n for r, n in zip(times, sizes, strict=True)])


# ---- padding: which element of an axis of n stands at place i, for i outside 0 ... n-1 too

def _reflected(i: np.ndarray, n: int) -> np.ndarray:
    period = max(2 * (n - 1), 1)
    i = i % period
    return np.minimum(i, period - i) if n > 1 else np.zeros_like(i)


PLACES = {
    "reflect": _reflected,                                     # 2 1 | 0 1 2 | 1 0
    "edge": lambda i, n: np.clip(i, 0, n - 1),                 # 0 0 | 0 1 2 | 2 2
    "wrap": lambda i, n: i % n,                                # 1 2 | 0 1 2 | 0 1
}
PLACES["replicate"], PLACES["circular"] = PLACES["edge"], PLACES["wrap"]


def pad(x: Tensor, widths: int | Sequence, mode: str = "constant", value: float = 0.0) -> Tensor:
    """x with more elements before and after it along each axis.

    `widths` is one number for all sides, one (before, after) for all axes, or a pair an axis. Modes:
    'constant' takes `value`, 'reflect' mirrors without repeating the edge, 'edge' (or 'replicate') repeats
    the edge, 'wrap' (or 'circular') goes round.

    Errors  ShapeError when a mode other than 'constant' has to widen an empty axis
    """
    check.one_of("pad", "mode", mode, ("constant", *PLACES))
    before, after = _widths(x, widths)
    if mode == "constant":
        return _core._pad_constant(x, before, after, value)
    for axis, (b, a) in enumerate(zip(before, after, strict=True)):
        if not b and not a:
            continue
        n = x.shape[axis]
        if n == 0:
            raise cr.ShapeError(f"pad: axis {axis} of {x.shape} is empty; mode {mode!r} needs an element")
        x = _taken(x, PLACES[mode](np.arange(-b, n + a), n), axis)
    return x


def _widths(x: Tensor, widths: Any) -> tuple[list[int], list[int]]:
    given = np.asarray(widths)
    if x.ndim == 0 and given.size == 0:
        return [], []
    try:
        pairs = np.broadcast_to(given, (x.ndim, 2))
    except ValueError:
        raise cr.ShapeError(f"pad: widths {widths} need a pair (before, after) "
                            f"for each of {x.ndim} axes") from None
    if given.size and (given.dtype.kind not in "iu" or (given < 0).any()):
        raise ValueError(f"pad: widths must be integers of at least 0, got {widths}; cut with a slice")
    return [int(b) for b, _ in pairs], [int(a) for _, a in pairs]


# ---- matrices in the last two axes

def triu(x: Tensor, k: int = 0) -> Tensor:
    """x on and above the k-th diagonal, 0 below."""
    return _where_column(x, "triu", k, lambda row, column: row <= column)


def tril(x: Tensor, k: int = 0) -> Tensor:
    """x on and below the k-th diagonal, 0 above."""
    return _where_column(x, "tril", k, lambda row, column: row >= column)


def diag(x: Tensor, k: int = 0) -> Tensor:
    """The matrix with x on its k-th diagonal; of a matrix, that diagonal.   Book: appendix A"""
    if x.ndim == 1:
        size = x.shape[0] + abs(k)
        return _core.embed_diagonal(x, size, size, k)
    if x.ndim == 2:
        return _core.diagonal(x, k)
    raise cr.ShapeError(f"diag: x needs one or two axes, got {x.shape}; "
                        "for batches see diagonal and embed_diagonal")


def trace(x: Tensor, offset: int = 0) -> Tensor:
    """Σ x[..., i, i + offset] of the matrices in the last two axes.   Book: appendix A"""
    if x.ndim < 2:
        raise cr.ShapeError(f"trace: x needs at least two axes, got {x.shape}")
    return _core.sum(_core.diagonal(x, offset), -1)


def _where_column(x: Tensor, op: str, k: int, keeps: Any) -> Tensor:
    if x.ndim < 2:
        raise cr.ShapeError(f"{op}: x needs at least two axes, got {x.shape}")
    rows, columns = x.shape[-2:]
    k = max(-rows, min(k, columns))
    row = cr.arange(rows, device=x.device).reshape(rows, 1) + k
    zero = cr.zeros((), dtype=x.dtype, device=x.device)
    return cr.where(keeps(row, cr.arange(columns, device=x.device)), x, zero)


# ---- arguments

def _axis(op: str, axis: int, ndim: int) -> int:
    if not -ndim <= axis < ndim:
        raise IndexError(f"{op}: axis {axis} is out of range for {ndim} axes")
    return int(axis) % ndim


def _several(v: int | Sequence[int]) -> list[int]:
    return [int(v)] if isinstance(v, int | Integral) else [int(i) for i in v]


def _common_shape(op: str, xs: Sequence[Tensor]) -> tuple[int, ...]:
    try:
        return np.broadcast_shapes(*(x.shape for x in xs))
    except ValueError:
        shapes = " and ".join(str(x.shape) for x in xs)
        raise cr.ShapeError(f"{op}: shapes {shapes} do not broadcast: sizes from the right must be equal or 1"
                            ) from None


def _taken(x: Tensor, index: np.ndarray, axis: int) -> Tensor:
    return cr.take(x, cr.asarray(index, device=x.device), axis)
