"""Order statistics: what stands at a place of the sorted elements."""
from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

import chainrule as cr

from .._core import Tensor
from .views import moveaxis


def quantile(x: Tensor, q: Any, axis: int | Sequence[int] | None = None, keepdims: bool = False) -> Tensor:
    """The value below which a share q of the elements lies, between two of them by a straight line.

    Shapes  one q -> x without the axes; several -> theirs first, as NumPy's
    Errors  ValueError unless 0 <= q <= 1; of no element, and where one is NaN, the result is NaN
    Cost    one sort along the axes
    """
    share = np.asarray(q, dtype=np.float64)
    if not ((share >= 0) & (share <= 1)).all():
        raise ValueError(f"quantile: q must lie in [0, 1], got {q}")
    axes = _axes(x, axis)
    kept = tuple(1 if a in axes else n for a, n in enumerate(x.shape))
    ordered = _last(x, axes)
    if ordered.dtype != cr.float64:
        ordered = ordered.astype(cr.float32)
    if ordered.shape[-1] == 0:
        ordered = cr.full((*ordered.shape[:-1], 1), math.nan, dtype=ordered.dtype, device=x.device)
    n, ordered = ordered.shape[-1], cr.sort(ordered)
    place = share.reshape(-1) * (n - 1)
    below = np.minimum(np.floor(place), max(n - 2, 0)).astype(np.int64)
    low, high = (cr.take(ordered, cr.asarray(np.minimum(i, n - 1), device=x.device), axis=-1)
                 for i in (below, below + 1))
    weight = cr.asarray(place - below, device=x.device).astype(ordered.dtype)
    y = cr.where(weight == 0, low, low + weight * (high - low))
    top = ordered[..., -1:]
    y = moveaxis(cr.where(cr.isnan(top), top, y), -1, 0)                   # shares first
    rest = kept if keepdims else tuple(n for a, n in enumerate(x.shape) if a not in axes)
    y = cr.reshape(y, (*share.shape, *rest))
    return y.astype(x.dtype if x.dtype.is_floating else cr.float32)


def median(x: Tensor, axis: int | Sequence[int] | None = None, keepdims: bool = False) -> Tensor:
    """The middle element over the given axes (all when None), or the mean of the two in the middle."""
    return quantile(x, 0.5, axis, keepdims)


def _axes(x: Tensor, axis: int | Sequence[int] | None) -> tuple[int, ...]:
    if axis is None:
        return tuple(range(x.ndim))
    given = [axis] if isinstance(axis, int) else [int(a) for a in axis]
    if any(not -x.ndim <= a < x.ndim for a in given):
        raise IndexError(f"quantile: axis {axis} is out of range for {x.ndim} axes")
    return tuple(sorted({a % x.ndim for a in given}))


def _last(x: Tensor, axes: tuple[int, ...]) -> Tensor:
    """x with the given axes as one, behind the others."""
    order = [a for a in range(x.ndim) if a not in axes]
    moved, k = cr.permute_dims(x, [*order, *axes]), len(order)
    return cr.reshape(moved, (*moved.shape[:k], math.prod(moved.shape[k:])))
