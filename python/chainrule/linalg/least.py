"""Least squares, rank, norms and the matrix exponential, by singular values or by products.   Book: §2.3"""
from __future__ import annotations

from math import ceil, log2

import numpy as np

import chainrule as cr

from .._core import Tensor
from ..autodiff import custom_rule
from .arguments import matrix, operands, square
from .factor import svd, svdvals
from .solve import inv, solve


def pinv(a: Tensor, rtol: float | None = None) -> Tensor:
    """The Moore-Penrose inverse A⁺ = V Diag(1/s) Uᵀ, over the singular values s > rtol s₁.

    Book: §2.3, (2.17)

    Derivative after G. Golub and V. Pereyra (1973), (4.12), which holds while the rank stays the same.
    Shapes  a (..., m, n) -> (..., n, m); rtol is max(m, n) times the type's epsilon when None
    """
    (a,), back = operands("pinv", a)
    matrix("pinv", a)

    def pinv(a: Tensor) -> Tensor:
        x = a.numpy()
        if not x.size:
            return cr.zeros(a.mT.shape, a.dtype)
        U, s, Vh = np.linalg.svd(x, full_matrices=False)
        kept = s > _rtol(a, rtol) * s[..., :1]
        inverse = np.divide(1, s, out=np.zeros_like(s), where=kept)
        return cr.asarray(np.swapaxes(U * inverse[..., None, :] @ Vh, -1, -2))

    # dY = -Y dA Y + Y Yᵀ dAᵀ (I - A Y) + (I - Y A) dAᵀ Yᵀ Y  for Y = A⁺
    def push(v: tuple[Tensor], y: Tensor, a: Tensor) -> Tensor:
        da, t = v[0], v[0].mT @ y.mT                              # dAᵀ Yᵀ
        u = y.mT @ v[0].mT                                        # Yᵀ dAᵀ
        return y @ (u - u @ a @ y) - y @ da @ y + t @ y - y @ (a @ (t @ y))

    def pull(d: Tensor, y: Tensor, a: Tensor) -> Tensor:
        t, u = d.mT @ y @ y.mT, y.mT @ (y @ d.mT)                 # Dᵀ Y Yᵀ, Yᵀ Y Dᵀ
        return t - a @ (y @ t) - y.mT @ d @ y.mT + u - u @ y @ a

    return back(custom_rule(pinv, pull=pull, push=push)(a))


def _rtol(a: Tensor, rtol: float | None) -> float:
    return max(a.shape[-2:]) * float(np.finfo(a.numpy().dtype).eps) if rtol is None else rtol


def lstsq(a: Tensor, b: Tensor, rtol: float | None = None) -> Tensor:
    """x of the smallest norm among those with the smallest ‖A x - b‖: x = A⁺ b.   Book: §2.3, (2.16)

    Shapes  a (..., m, n), b (..., m, k) -> (..., n, k), leading axes broadcast;
            b (m,) is one column -> (..., n)
    Differs NumPy returns residuals, rank and singular values as well
    """
    (a, b), back = operands("lstsq", a, b)
    matrix("lstsq", a)
    axis = -1 if b.ndim < 2 else -2
    if b.ndim == 0 or b.shape[axis] != a.shape[-2]:
        raise cr.ShapeError(f"lstsq: a {a.shape} and b {b.shape} need b.shape[{axis}] == a.shape[-2]")
    return back(pinv(a, rtol) @ b)


def low_rank(a: Tensor, m: int) -> Tensor:
    """Σ δᵢ uᵢ vᵢᵀ over i <= m: the matrix of rank m nearest to A in the Frobenius norm.   Book: §2.6, (2.52)

    The squared distance is Σ δᵢ² over i > m, (2.53); m (1 + rows + columns) numbers store what is left.
    Shapes  a (..., rows, columns) -> the same
    Errors  ValueError unless 0 <= m <= min(rows, columns)
    """
    (a,), back = operands("low_rank", a)
    matrix("low_rank", a)
    if not 0 <= m <= min(a.shape[-2:]):
        raise ValueError(f"low_rank: m must lie in 0 ... {min(a.shape[-2:])} for a {a.shape}, got {m}")
    U, s, Vh = svd(a, full_matrices=False)
    return back((U[..., :m] * s[..., None, :m]) @ Vh[..., :m, :])


def matrix_rank(a: Tensor, rtol: float | None = None) -> Tensor:
    """How many singular values are > rtol s₁, the largest; an integer, without a derivative.

    Shapes  a (..., m, n) -> (...); rtol is max(m, n) times the type's epsilon when None
    """
    (x,), _ = operands("matrix_rank", a)
    matrix("matrix_rank", x)
    s = svdvals(cr.stop_gradient(x))
    above = (s > s[..., :1] * _rtol(x, rtol)).astype(cr.int64)
    return cr.sum(above, axis=-1).to(cr.asarray(a).device)


def matrix_norm(a: Tensor, ord: str | float = "fro", keepdims: bool = False) -> Tensor:
    """A norm of each matrix: "fro" √Σ a², "nuc" the sum of singular values, 2 the largest of them.

    1 is the largest column sum of |a|, inf the largest row sum; a negative order takes the smallest.
    Shapes  a (..., m, n) -> (...), or (..., 1, 1)
    """
    (a,), back = operands("matrix_norm", a)
    matrix("matrix_norm", a)
    if ord == "fro":
        return back(cr.norm(a, axis=(-2, -1), keepdims=keepdims))
    if ord == "nuc":
        y = cr.sum(svdvals(a), axis=-1)
    elif ord in (1, 2, np.inf, -1, -2, -np.inf):
        values = svdvals(a) if abs(ord) == 2 else cr.sum(cr.abs(a), axis=-2 if abs(ord) == 1 else -1)
        if not values.shape[-1]:
            raise cr.ShapeError(f"matrix_norm: ord={ord} needs at least one element, got shape {a.shape}")
        y = (cr.max if ord > 0 else cr.min)(values, axis=-1)
    else:
        raise ValueError(f"matrix_norm: ord {ord!r} is unknown; "
                         "needs one of fro, nuc, 1, 2, inf, -1, -2, -inf")
    return back(y[..., None, None] if keepdims else y)


def cond(a: Tensor, p: str | float = 2) -> Tensor:
    """The condition number ‖A‖ ‖A⁻¹‖ in a norm of `matrix_norm`; s₁ / sₖ for p = 2, inf for a singular A.

    Shapes  a (..., n, n) -> (...); (..., m, n) for p = 2
    """
    (a,), back = operands("cond", a)
    matrix("cond", a)
    if p == 2:
        s = svdvals(a)
        return back(s[..., 0] / s[..., -1])
    square("cond", a)
    return back(matrix_norm(a, p) * matrix_norm(inv(a), p))


# Numerator of the diagonal Padé approximation of order 13; the denominator has alternating signs.
PADE = (64764752532480000, 32382376266240000, 7771770303897600, 1187353796428800, 129060195264000,
        10559470521600, 670442572800, 33522128640, 1323241920, 40840800, 960960, 16380, 182, 1)


def expm(a: Tensor) -> Tensor:
    """e^A = Σₖ Aᵏ / k!, by a quotient of polynomials of A / 2ˢ, squared s times.

    N. Higham (2005), "The scaling and squaring method for the matrix exponential revisited".
    Shapes  a (..., n, n) -> (..., n, n)
    Cost    6 + s products and a solve; s from the largest norm of the batch
    """
    (a,), back = operands("expm", a)
    square("expm", a)
    size = float(np.max(np.sum(np.abs(a.numpy()), axis=-2), initial=0))
    if not np.isfinite(size):
        raise ValueError(f"expm: a of shape {a.shape} holds NaN or infinity")
    squarings = max(0, ceil(log2(size / 5.37))) if size else 0      # up to 5.37 order 13 is exact in float64
    x = a * 0.5**squarings
    c, one = [float(v) / PADE[0] for v in PADE], cr.eye(a.shape[-1], dtype=a.dtype)
    x2 = x @ x
    x4 = x2 @ x2
    x6 = x2 @ x4
    odd = x6 @ (c[13] * x6 + c[11] * x4 + c[9] * x2) + c[7] * x6 + c[5] * x4 + c[3] * x2 + c[1] * one
    even = x6 @ (c[12] * x6 + c[10] * x4 + c[8] * x2) + c[6] * x6 + c[4] * x4 + c[2] * x2 + c[0] * one
    odd = x @ odd
    y = solve(even - odd, even + odd)
    for _ in range(squarings):
        y = y @ y
    return back(y)
