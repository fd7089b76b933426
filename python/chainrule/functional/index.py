"""Picking, adding and counting by index, written in take, its transposes and sorts.

Names and arguments follow the Python array API where it has them, else PyTorch (with `axis` for its `dim`).
"""
from __future__ import annotations

from typing import Any, NamedTuple

import chainrule as cr

from .. import _core, check
from .._core import Tensor

# ---- picking

def index_select(x: Tensor, axis: int, index: Tensor) -> Tensor:
    """The slices x[..., index[i], ...] along an axis: `take` with an index of one axis.

    Shapes  x (..., n, ...), index (m,) -> (..., m, ...)
    """
    index = cr.asarray(index)
    if index.ndim != 1:
        raise cr.ShapeError(f"index_select: index needs one axis, got {index.shape}; take has no such limit")
    return _core.take(x, index, axis)


def gather(x: Tensor, axis: int, index: Tensor) -> Tensor:
    """y[..., i, ...] = x[..., index[..., i, ...], ...]: an index for each element of y.

    Shapes  x (..., n, ...), index (..., m, ...) -> (..., m, ...); off the axis index may be smaller than x
    Differs from take_along_axis, which repeats sizes of 1 where this takes the first of x, as PyTorch does
    """
    index = cr.asarray(index)
    axis = _axis("gather", axis, x)
    fits = x.ndim == index.ndim and all(a == axis or m <= n for a, (n, m)
                                        in enumerate(zip(x.shape, index.shape, strict=True)))
    if not fits:
        raise cr.ShapeError(f"gather: x {x.shape} and index {index.shape} need as many axes, "
                            f"index no larger than x off axis {axis}")
    return _core.take_along_axis(x[_corner(index.shape, axis)], index, axis)


def nonzero(x: Tensor) -> tuple[Tensor, ...]:
    """The positions of the elements that are not zero, in row-major order: an index tensor for each axis."""
    if x.ndim == 0:
        raise cr.ShapeError("nonzero: x needs at least one axis, got a scalar")
    positions = _core._nonzero(x)
    return tuple(_core.select(positions, 1, axis) for axis in range(x.ndim))


# ---- adding

def index_add(x: Tensor, axis: int, index: Tensor, source: Tensor) -> Tensor:
    """x with slice i of source added to slice index[i], for every i along an axis.

    The order of addition is that of the index, on any number of threads.
    Shapes  x (..., n, ...), index (m,), source (..., m, ...) -> (..., n, ...)
    Errors  IndexError unless -n <= index < n
    """
    index, axis = cr.asarray(index), _axis("index_add", axis, x)
    wanted = (*x.shape[:axis], *index.shape, *x.shape[axis + 1:])
    if index.ndim != 1 or tuple(source.shape) != wanted:
        raise cr.ShapeError(f"index_add: x {x.shape}, index {index.shape} and source {source.shape} need "
                            f"index of one axis and source like x, with that size on axis {axis}")
    return x + _core._index_add(source, index, axis, x.shape[axis])


def scatter_add(x: Tensor, axis: int, index: Tensor, source: Tensor) -> Tensor:
    """x with each element of source added at its own index along an axis: the transpose of gather.

    Shapes  x (..., n, ...), index and source (..., m, ...) -> (..., n, ...)
    Errors  IndexError unless -n <= index < n
    """
    index, axis = cr.asarray(index), _axis("scatter_add", axis, x)
    wanted = (*x.shape[:axis], *index.shape[axis:axis + 1], *x.shape[axis + 1:])
    if tuple(index.shape) != wanted or tuple(source.shape) != wanted:
        raise cr.ShapeError(f"scatter_add: x {x.shape}, index {index.shape} and source {source.shape} need "
                            f"equal sizes, except that of x on axis {axis}")
    return x + _core._scatter_add(source, index, axis, x.shape[axis])


def one_hot(index: Tensor, num_classes: int, dtype: Any = _core.float32) -> Tensor:
    """e_i for each index i: 1 at place i of num_classes, 0 elsewhere.   Book: §2.3

    Shapes  index (...) integers -> (..., num_classes)
    Errors  IndexError unless 0 <= index < num_classes
    """
    check.positive("one_hot", num_classes=num_classes)
    index = cr.asarray(index)
    _integers("one_hot", index)
    if index.size:
        for i in (int(cr.min(index)), int(cr.max(index))):
            if not 0 <= i < num_classes:
                raise IndexError(f"one_hot: index {i} is out of range for {num_classes} classes")
    return (index[..., None] == cr.arange(num_classes, device=index.device)).astype(dtype)


# ---- distinct values

class UniqueAll(NamedTuple):
    values: Tensor
    indices: Tensor
    inverse_indices: Tensor
    counts: Tensor


class UniqueCounts(NamedTuple):
    values: Tensor
    counts: Tensor


class UniqueInverse(NamedTuple):
    values: Tensor
    inverse_indices: Tensor


def unique_all(x: Tensor, *, equal_nan: bool = False) -> UniqueAll:
    """The distinct values of x, ascending; where each comes first, which one each element is, how often.

    Shapes  values, indices, counts (k,); inverse_indices like x; indices count in row-major order
    Differs every NaN is a value of its own unless equal_nan
    """
    flat = x.reshape((-1,))
    order = _core.argsort(flat)
    ascending = _core.take(flat, order)
    new = cr.ones((min(flat.size, 1),), dtype=cr.bool, device=x.device)
    if flat.size > 1:
        left, right = ascending[:-1], ascending[1:]
        changes = left != right
        if equal_nan:
            changes = changes & ((left == left) | (right == right))
        new = _core.concat([new, changes])
    starts = nonzero(new)[0]
    rank = _core.cumsum(new, axis=0) - 1
    ends = _core.concat([starts[1:], cr.full((min(flat.size, 1),), flat.size, device=x.device)])
    return UniqueAll(_core.take(ascending, starts), _core.take(order, starts),
                     _core._scatter_add(rank, order, 0, flat.size).reshape(tuple(x.shape)), ends - starts)


def unique_values(x: Tensor) -> Tensor:
    """The distinct values of x, ascending; every NaN is one of its own."""
    return unique_all(x).values


def unique_counts(x: Tensor) -> UniqueCounts:
    """(values, counts): the distinct values of x, ascending, and how often each occurs."""
    every = unique_all(x)
    return UniqueCounts(every.values, every.counts)


def unique_inverse(x: Tensor) -> UniqueInverse:
    """(values, inverse_indices): the distinct values of x, ascending, and x = values[inverse_indices]."""
    every = unique_all(x)
    return UniqueInverse(every.values, every.inverse_indices)


def unique(x: Tensor, return_index: bool = False, return_inverse: bool = False, return_counts: bool = False,
           *, equal_nan: bool = True) -> Any:
    """The distinct values of x, ascending, as NumPy's unique: with what is asked for, a tuple.

    `return_index` adds where each comes first, `return_inverse` which one each element is, `return_counts`
    how often each occurs.
    """
    every = unique_all(x, equal_nan=equal_nan)
    asked = (True, return_index, return_inverse, return_counts)
    parts = tuple(part for part, wanted in zip(every, asked, strict=True) if wanted)
    return parts if len(parts) > 1 else parts[0]


def isin(x: Tensor, values: Tensor) -> Tensor:
    """Whether each element of x is one of the values; NaN is none.

    Shapes  x (...), values of any shape -> (...) bool
    """
    ascending = _core.sort(cr.asarray(values).reshape((-1,)))
    if ascending.size == 0:
        return cr.zeros(x.shape, dtype=cr.bool, device=x.device)
    at = _core.minimum(_core.searchsorted(ascending, x), ascending.size - 1)
    return _core.take(ascending, at) == x


# ---- arguments

def _integers(op: str, index: Tensor) -> None:
    if index.dtype not in (cr.uint8, cr.int32, cr.int64):
        raise cr.DTypeError(f"{op}: index must be an integer tensor, got {index.dtype.name}; "
                            "use .astype(cr.int64)")


def _axis(op: str, axis: int, x: Tensor) -> int:
    if not -x.ndim <= axis < x.ndim:
        raise IndexError(f"{op}: axis {axis} is out of range for {x.ndim} axes")
    return axis % x.ndim


def _corner(shape: tuple[int, ...], axis: int) -> tuple[slice, ...]:
    """The first elements of each axis but one."""
    return tuple(slice(None) if a == axis else slice(n) for a, n in enumerate(shape))
