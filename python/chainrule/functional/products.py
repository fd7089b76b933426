"""Sums of products over named axes, all of them matrix products underneath.   Book: appendix A"""
from __future__ import annotations

from collections.abc import Sequence
from math import prod

import chainrule as cr

from .._core import Tensor
from .views import moveaxis


def outer(a: Tensor, b: Tensor) -> Tensor:
    """y[i, j] = a[i] b[j]

    Shapes  a (M,), b (N,) -> (M, N)
    """
    a, b = cr.asarray(a), cr.asarray(b)
    if a.ndim != 1 or b.ndim != 1:
        raise cr.ShapeError(f"outer: needs two vectors, got shapes {a.shape} and {b.shape}")
    return a[:, None] * b[None, :]


def vecdot(a: Tensor, b: Tensor, axis: int = -1) -> Tensor:
    """y[...] = Σᵢ a[..., i] b[..., i] along an axis of both, other axes broadcast.

    Differs axis counts from the end, as in the array API: it must be negative where a and b differ in ndim
    """
    a, b = cr.asarray(a), cr.asarray(b)
    if a.ndim == 0 or b.ndim == 0:
        raise cr.ShapeError(f"vecdot: needs at least one axis each, got shapes {a.shape} and {b.shape}")
    if axis >= 0 and a.ndim != b.ndim:
        raise ValueError(f"vecdot: axis {axis} must be negative for {a.ndim} and {b.ndim} axes")
    a, b = moveaxis(a, axis, -1), moveaxis(b, axis, -1)
    if a.shape[-1] != b.shape[-1]:
        raise cr.ShapeError(f"vecdot: sizes {a.shape[-1]} and {b.shape[-1]} along axis {axis} "
                            "need to be equal")
    return cr.matmul(a[..., None, :], b[..., :, None])[..., 0, 0]


def vdot(a: Tensor, b: Tensor) -> Tensor:
    """⟨a, b⟩ = Σᵢ a[i] b[i] over all elements in row-major order."""
    a, b = cr.asarray(a), cr.asarray(b)
    if a.size != b.size:
        raise cr.ShapeError(f"vdot: needs equally many elements, got shapes {a.shape} and {b.shape}")
    return cr.matmul(cr.reshape(a, (-1,)), cr.reshape(b, (-1,)))


def inner(a: Tensor, b: Tensor) -> Tensor:
    """y[..., :] = Σₖ a[..., k] b[:, k]: each row of a with each row of b.

    Shapes  a (..., K), b (...', K) -> (..., ...');  the plain product where one of them is a number
    """
    a, b = cr.asarray(a), cr.asarray(b)
    if a.ndim == 0 or b.ndim == 0:
        return a * b
    if a.shape[-1] != b.shape[-1]:
        raise cr.ShapeError(f"inner: shapes {a.shape} and {b.shape} need equal last axes")
    return tensordot(a, b, ((-1,), (-1,)))


def tensordot(a: Tensor, b: Tensor, axes: int | tuple[Sequence[int], Sequence[int]] = 2) -> Tensor:
    """Sums of products over pairs of axes: the last n of a with the first n of b, or two lists of axes.

    Shapes  the axes of a that are left, then those of b
    """
    a, b = cr.asarray(a), cr.asarray(b)
    if isinstance(axes, int):
        if not 0 <= axes <= min(a.ndim, b.ndim):
            raise ValueError(f"tensordot: axes={axes} needs that many axes of shapes {a.shape} and {b.shape}")
        axes = (range(a.ndim - axes, a.ndim), range(axes))
    of_a, of_b = (_axes("tensordot", x, chosen) for x, chosen in zip((a, b), axes, strict=True))
    if [a.shape[i] for i in of_a] != [b.shape[i] for i in of_b]:
        raise cr.ShapeError(f"tensordot: axes {of_a} of {a.shape} and {of_b} of {b.shape} need equal sizes")
    left = [i for i in range(a.ndim) if i not in of_a]
    right = [i for i in range(b.ndim) if i not in of_b]
    K = prod(a.shape[i] for i in of_a)
    rows, columns = [a.shape[i] for i in left], [b.shape[i] for i in right]
    flat_a = cr.reshape(cr.permute_dims(a, (*left, *of_a)), (prod(rows), K))
    flat_b = cr.reshape(cr.permute_dims(b, (*of_b, *right)), (K, prod(columns)))
    return cr.reshape(cr.matmul(flat_a, flat_b), (*rows, *columns))


def _axes(op: str, x: Tensor, chosen: int | Sequence[int]) -> list[int]:
    """The axes counted from the front, each once."""
    found = []
    for axis in (chosen,) if isinstance(chosen, int) else chosen:
        if not -x.ndim <= axis < x.ndim:
            raise IndexError(f"{op}: axis {axis} is out of range for shape {x.shape}")
        found.append(axis % x.ndim)
    if len(set(found)) < len(found):
        raise ValueError(f"{op}: axes {tuple(found)} of shape {x.shape} name one twice")
    return found


def kron(a: Tensor, b: Tensor) -> Tensor:
    """The Kronecker product: a with each element replaced by its product with the whole of b.

    Shapes  a (m₁, ...), b (n₁, ...) -> (m₁ n₁, ...); missing leading axes count as size 1
    """
    a, b = cr.asarray(a), cr.asarray(b)
    n = max(a.ndim, b.ndim)
    size_a, size_b = ([1] * (n - x.ndim) + list(x.shape) for x in (a, b))
    wide_a = cr.reshape(a, [m for size in size_a for m in (size, 1)])
    wide_b = cr.reshape(b, [m for size in size_b for m in (1, size)])
    return cr.reshape(wide_a * wide_b, [p * q for p, q in zip(size_a, size_b, strict=True)])


def matrix_power(a: Tensor, n: int) -> Tensor:
    """Aⁿ = A A ... A by repeated squaring; A⁰ = I, A⁻ⁿ = (A⁻¹)ⁿ.

    Shapes  a (..., m, m) -> (..., m, m)
    Cost    at most 2 log₂ |n| products
    """
    a = cr.asarray(a)
    if a.ndim < 2 or a.shape[-1] != a.shape[-2]:
        raise cr.ShapeError(f"matrix_power: needs square matrices, got shape {a.shape}")
    if not isinstance(n, int):
        raise TypeError(f"matrix_power: n must be an integer, got {n!r}")
    square = cr.linalg.inv(a) if n < 0 else a
    power, n = None, abs(n)
    while n:
        if n & 1:
            power = square if power is None else cr.matmul(power, square)
        n >>= 1
        if n:
            square = cr.matmul(square, square)
    if power is None:
        return cr.zeros_like(a) + cr.eye(a.shape[-1], dtype=a.dtype, device=a.device)
    return power
