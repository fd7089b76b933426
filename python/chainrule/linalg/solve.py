"""Systems of linear equations, determinants and inverses.

Derivatives after M. Giles (2008), "An extended collection of matrix derivative results for forward and
reverse mode algorithmic differentiation", sections 2.1 to 2.3.
"""
from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

import chainrule as cr

from .._core import Tensor
from ..autodiff import custom_rule
from .arguments import operands, square
from .lapack import LU
from .lapack import solve_triangular as triangular_solution


def solve(a: Tensor, b: Tensor) -> Tensor:
    """X = A⁻¹ B, the solution of A X = B, by LU factors with row exchanges.

    Shapes  a (..., n, n), b (..., n, k) -> (..., n, k), leading axes broadcast;
            b (n,) is one column -> (..., n)
    Errors  ValueError for a singular a
    Cost    2/3 n³ + 2 n² k multiply-adds; derivatives use the same factors
    """
    (a, b), back = operands("solve", a, b)
    square("solve", a)
    lu = _factors("solve", a)
    return back(_columns("solve", a, b, lambda a, b: _solution(lu, a, b, False)))


def inv(a: Tensor) -> Tensor:
    """A⁻¹; to apply it to something, `solve` is faster and more accurate.

    Shapes  a (..., n, n) -> (..., n, n)
    Errors  ValueError for a singular a
    """
    (a,), back = operands("inv", a)
    square("inv", a)
    one = cr.broadcast_to(cr.eye(a.shape[-1], dtype=a.dtype), a.shape)
    return back(_solution(_factors("inv", a), a, one, False))


def _factors(op: str, a: Tensor) -> LU:
    lu = LU.of(a.numpy())
    if lu.singular:
        raise ValueError(f"{op}: a of shape {a.shape} is singular")
    return lu


def _columns(op: str, a: Tensor, b: Tensor, solution: Callable[[Tensor, Tensor], Tensor]) -> Tensor:
    """The solution for b of any number of axes, by one for matrices with equal leading axes."""
    vector = b.ndim == 1
    if vector:
        b = b[:, None]
    n = a.shape[-1]
    if b.ndim < 2 or b.shape[-2] != n:
        raise cr.ShapeError(f"{op}: a {a.shape} and b {b.shape[:-1] if vector else b.shape} need "
                            f"b.shape[{-1 if vector else -2}] == a.shape[-1]")
    if a.ndim == 2 and b.ndim > 2:                                # one matrix for all: more columns
        wide = cr.reshape(cr.moveaxis(b, -2, 0), (n, -1)) if b.size else cr.reshape(b, (n, 0))
        moved = (n, *b.shape[:-2], b.shape[-1])
        return cr.moveaxis(cr.reshape(solution(a, wide), moved), 0, -2)
    try:
        lead = np.broadcast_shapes(a.shape[:-2], b.shape[:-2])
    except ValueError:
        raise cr.ShapeError(f"{op}: leading axes of a {a.shape} and b {b.shape} do not broadcast") from None
    x = solution(cr.broadcast_to(a, (*lead, n, n)), cr.broadcast_to(b, (*lead, n, b.shape[-1])))
    return x[..., 0] if vector else x


def _solution(lu: LU, a: Tensor, b: Tensor, transposed: bool) -> Tensor:
    """X = A⁻¹ B: dX = A⁻¹ (dB - dA X);  B̄ = A⁻ᵀ X̄, Ā = -B̄ Xᵀ. Transposed, A⁻ᵀ B with the same factors."""
    def solve(a: Tensor, b: Tensor) -> Tensor:
        return cr.asarray(lu.solve(b.numpy(), transposed))

    def pull(d: Tensor, x: Tensor, a: Tensor, b: Tensor) -> tuple[Tensor, Tensor]:
        db = _solution(lu, a, d, not transposed)
        return -(x @ db.mT if transposed else db @ x.mT), db

    def push(v: tuple[Tensor, Tensor], x: Tensor, a: Tensor, b: Tensor) -> Tensor:
        da, db = v
        return _solution(lu, a, db - (da.mT if transposed else da) @ x, transposed)

    return custom_rule(solve, pull=pull, push=push)(a, b)


# ---- triangular systems
def solve_triangular(a: Tensor, b: Tensor, *, upper: bool = False) -> Tensor:
    """X = A⁻¹ B for a triangular A, by substitution; what lies beyond the triangle is not looked at.

    Shapes  a (..., n, n), b (..., n, k) -> (..., n, k), leading axes broadcast;
            b (n,) is one column -> (..., n)
    Errors  ValueError for a 0 on the diagonal
    Cost    n² k multiply-adds
    """
    (a, b), back = operands("solve_triangular", a, b)
    square("solve_triangular", a)
    x = _columns("solve_triangular", a, b, lambda a, b: substitution(a, b, not upper, False))
    return back(x)


def substitution(a: Tensor, b: Tensor, lower: bool, transposed: bool) -> Tensor:
    """The solution of A X = B or Aᵀ X = B for one triangle of A; the rule of `_solution`, on the triangle."""
    def solve_triangular(a: Tensor, b: Tensor) -> Tensor:
        try:
            return cr.asarray(triangular_solution(a.numpy(), b.numpy(), lower, transposed))
        except ZeroDivisionError:
            raise ValueError(f"solve_triangular: a of shape {a.shape} is singular: "
                             "there is a 0 on its diagonal") from None

    triangle = cr.tril if lower else cr.triu

    def pull(d: Tensor, x: Tensor, a: Tensor, b: Tensor) -> tuple[Tensor, Tensor]:
        db = substitution(a, d, lower, not transposed)
        return -triangle(x @ db.mT if transposed else db @ x.mT), db

    def push(v: tuple[Tensor, Tensor], x: Tensor, a: Tensor, b: Tensor) -> Tensor:
        da, db = triangle(v[0]), v[1]
        return substitution(a, db - (da.mT if transposed else da) @ x, lower, transposed)

    return custom_rule(solve_triangular, pull=pull, push=push)(a, b)


# ---- determinants
class Slogdet(NamedTuple):
    sign: Tensor
    logabsdet: Tensor


def det(a: Tensor) -> Tensor:
    """The determinant of A: d det A = det A tr(A⁻¹ dA).   Book: (A.8)

    Shapes  a (..., n, n) -> (...)
    Errors  ValueError when a derivative is asked for at a singular a
    """
    (a,), back = operands("det", a)
    square("det", a)
    lu = LU.of(a.numpy())

    def det(a: Tensor) -> Tensor:
        sign, diagonal = lu.sign_and_diagonal()
        return cr.asarray(np.asarray(sign * np.prod(diagonal, axis=-1)).astype(diagonal.dtype))

    def pull(d: Tensor, y: Tensor, a: Tensor) -> Tensor:
        return (d * y)[..., None, None] * _inverse("det", lu, a).mT

    def push(v: tuple[Tensor], y: Tensor, a: Tensor) -> Tensor:
        return y * _inner(_inverse("det", lu, a).mT, v[0])

    return back(custom_rule(det, pull=pull, push=push)(a))


def slogdet(a: Tensor) -> Slogdet:
    """(sign, log |det A|), where the determinant itself would overflow; (0, -inf) for a singular A.

    Shapes  a (..., n, n) -> (...) twice
    Errors  ValueError when a derivative is asked for at a singular a
    """
    (a,), back = operands("slogdet", a)
    square("slogdet", a)
    lu = LU.of(a.numpy())
    sign, diagonal = lu.sign_and_diagonal()

    def slogdet(a: Tensor) -> Tensor:
        with np.errstate(divide="ignore"):
            return cr.asarray(np.asarray(np.sum(np.log(np.abs(diagonal)), axis=-1)))

    def pull(d: Tensor, y: Tensor, a: Tensor) -> Tensor:
        return d[..., None, None] * _inverse("slogdet", lu, a).mT

    def push(v: tuple[Tensor], y: Tensor, a: Tensor) -> Tensor:
        return _inner(_inverse("slogdet", lu, a).mT, v[0])

    value = custom_rule(slogdet, pull=pull, push=push)(a)
    sign = np.asarray(sign * np.prod(np.sign(diagonal), axis=-1)).astype(diagonal.dtype)
    return Slogdet(back(cr.asarray(sign)), back(value))


def _inverse(op: str, lu: LU, a: Tensor) -> Tensor:
    if lu.singular:
        raise ValueError(f"{op}: the derivative needs an invertible a, got a singular one of shape {a.shape}")
    return _solution(lu, a, cr.broadcast_to(cr.eye(a.shape[-1], dtype=a.dtype), a.shape), False)


def _inner(a: Tensor, b: Tensor) -> Tensor:
    """Σᵢⱼ a[..., i, j] b[..., i, j]"""
    return cr.sum(a * b, axis=(-2, -1))
