"""Matrices as products: Cholesky, QR, eigenvalues and singular values, with their derivatives.

Each rule turns the tangent of A into the basis of the factors, weighs and sorts its entries there, and turns
back; the pull is the same, transposed step by step.
"""
from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

import chainrule as cr

from .. import check
from .._core import Tensor
from ..autodiff import custom_rule
from .arguments import matrix, operands, square, symmetric
from .solve import substitution


class QR(NamedTuple):
    Q: Tensor
    R: Tensor


class Eigh(NamedTuple):
    eigenvalues: Tensor
    eigenvectors: Tensor


class SVD(NamedTuple):
    U: Tensor
    S: Tensor
    Vh: Tensor


def _computed(op: str, f: Callable, a: Tensor) -> tuple[Tensor, ...]:
    try:
        return tuple(cr.asarray(y) for y in f(a.numpy()))
    except np.linalg.LinAlgError:
        raise ValueError(f"{op}: no convergence for a of shape {a.shape}; "
                         "does it hold NaN or infinity?") from None


# ---- Cholesky
def cholesky(a: Tensor, *, upper: bool = False) -> Tensor:
    """L with A = L Lᵀ, lower triangular with a positive diagonal; with `upper` its transpose U, A = Uᵀ U.

    Derivative after I. Murray (2016), "Differentiation of the Cholesky decomposition", arXiv:1602.07527.
    Shapes  a (..., n, n) -> (..., n, n)
    Errors  ValueError unless a is positive definite
    Differs the symmetric part (A + Aᵀ) / 2 is factored, so that a derivative belongs to each element
    """
    (a,), back = operands("cholesky", a)
    square("cholesky", a)
    lower = back(custom_rule(_cholesky, pull=_cholesky_pull, push=_cholesky_push)(symmetric(a)))
    return lower.mT if upper else lower


def _cholesky(a: Tensor) -> Tensor:
    try:
        return cr.asarray(np.linalg.cholesky(a.numpy()))
    except np.linalg.LinAlgError:
        raise ValueError(f"cholesky: a of shape {a.shape} is not positive definite") from None


def _lower_half(x: Tensor) -> Tensor:
    """Φ(X): the lower triangle with half of the diagonal, so that X = Φ(X) + Φ(X)ᵀ for a symmetric X."""
    n = x.shape[-1]
    return cr.tril(x) * (1 - 0.5 * cr.eye(n, dtype=x.dtype))


# dL = L Φ(L⁻¹ dA L⁻ᵀ);  Ā = L⁻ᵀ Φ(Lᵀ L̄) L⁻¹
def _cholesky_push(v: tuple[Tensor], L: Tensor, a: Tensor) -> Tensor:
    inside = substitution(L, substitution(L, v[0], True, False).mT, True, False).mT
    return L @ _lower_half(inside)


def _cholesky_pull(d: Tensor, L: Tensor, a: Tensor) -> Tensor:
    half = substitution(L, _lower_half(L.mT @ d), True, True)
    return substitution(L, half.mT, True, True).mT


# ---- QR
def qr(a: Tensor, mode: str = "reduced") -> QR:
    """Q with orthonormal columns and R upper triangular, A = Q R.

    Derivative after S. Walter and L. Lehmann (2010), "Algorithmic differentiation of linear algebra functions
    with application in optimum experimental design", arXiv:1001.1654.
    Shapes  a (..., m, n), k = min(m, n) -> Q (..., m, k), R (..., k, n);
            mode "complete": (..., m, m), (..., m, n)
    Errors  ValueError when a derivative is asked for and the first k columns of a are dependent, or the mode
            is "complete" and m > n
    """
    (a,), back = operands("qr", a)
    matrix("qr", a)
    check.one_of("qr", "mode", mode, ("reduced", "complete"))
    m, n = a.shape[-2:]
    if mode == "complete" and m > n:
        def qr(a: Tensor) -> tuple[Tensor, ...]:
            return _computed("qr", lambda x: np.linalg.qr(x, mode="complete"), a)
        refused = _refused('qr: the added columns of mode "complete" have no derivative; use mode="reduced"')
        return QR(*map(back, custom_rule(qr, pull=refused, push=refused)(a)))
    Q, R = custom_rule(_qr, pull=_qr_pull, push=_qr_push)(a[..., :m])
    if n > m:                                       # Q is made by the first m columns; the others follow
        R = cr.concat([R, Q.mT @ a[..., m:]], axis=-1)
    return QR(back(Q), back(R))


def _refused(message: str) -> Callable:
    def rule(*_: object) -> None:
        raise ValueError(message)
    return rule


def _qr(a: Tensor) -> tuple[Tensor, ...]:
    return _computed("qr", np.linalg.qr, a)


def _times_inverse(x: Tensor, R: Tensor, transposed: bool) -> Tensor:
    """X R⁻¹, or X R⁻ᵀ."""
    try:
        return substitution(R, x.mT, False, not transposed).mT
    except ValueError:
        raise ValueError("qr: the derivative needs independent columns, "
                         f"R of shape {R.shape} is singular") from None


# C = dA R⁻¹, M = Qᵀ C:  dR = Ψ(M) R, dQ = C - Q Ψ(M) with Ψ(M) = triu(M) + strictly_lower(M)ᵀ, since Qᵀ dQ is
# antisymmetric and dR R⁻¹ upper triangular.  The transpose of Ψ is W ↦ triu(W) + strictly_upper(W)ᵀ.
def _qr_push(v: tuple[Tensor], y: tuple[Tensor, Tensor], a: Tensor) -> tuple[Tensor, Tensor]:
    Q, R = y
    c = _times_inverse(v[0], R, False)
    m = Q.mT @ c
    inside = cr.triu(m) + cr.tril(m, -1).mT
    return c - Q @ inside, inside @ R


def _qr_pull(d: tuple[Tensor, Tensor], y: tuple[Tensor, Tensor], a: Tensor) -> Tensor:
    (dq, dr), (Q, R) = d, y
    w = dr @ R.mT - Q.mT @ dq
    return _times_inverse(dq + Q @ (cr.triu(w) + cr.triu(w, 1).mT), R, True)


# ---- eigenvalues of symmetric matrices
def eigh(a: Tensor) -> Eigh:
    """λ, ascending, and orthonormal V with A = V Diag(λ) Vᵀ for a symmetric A.   Book: §2.6

    Derivative after Giles (2008), section 3.1.
    Shapes  a (..., n, n) -> λ (..., n), V (..., n, n), an eigenvector a column
    Errors  ValueError when a derivative of V is asked for where an eigenvalue is repeated: V is not unique
            there. `eigvalsh` has a derivative there
    Differs the symmetric part (A + Aᵀ) / 2 is factored, so that a derivative belongs to each element
    """
    (a,), back = operands("eigh", a)
    square("eigh", a)
    return Eigh(*map(back, _eigh(symmetric(a))))


def eigvalsh(a: Tensor) -> Tensor:
    """The eigenvalues of a symmetric A, ascending.

    Where one is repeated, the derivative is that of LAPACK's choice of eigenvectors, one of many.
    Shapes  a (..., n, n) -> (..., n)
    """
    (a,), back = operands("eigvalsh", a)
    square("eigvalsh", a)

    def eigvalsh(a: Tensor) -> Tensor:
        return _computed("eigvalsh", lambda x: (np.linalg.eigvalsh(x),), a)[0]

    def pull(d: Tensor, _: Tensor, a: Tensor) -> Tensor:
        V = _eigh(a)[1]
        return (V * d[..., None, :]) @ V.mT

    def push(v: tuple[Tensor], _: Tensor, a: Tensor) -> Tensor:
        V = _eigh(a)[1]
        return cr.sum(V * (v[0] @ V), axis=-2)

    return back(custom_rule(eigvalsh, pull=pull, push=push)(symmetric(a)))


def _eigh(a: Tensor) -> tuple[Tensor, Tensor]:
    def eigh(a: Tensor) -> tuple[Tensor, ...]:
        return _computed("eigh", np.linalg.eigh, a)

    return custom_rule(eigh, pull=_eigh_pull, push=_eigh_push)(a)


# P = Vᵀ dA V:  dλ = diag(P), dV = V (F ∘ P) with Fᵢⱼ = 1 / (λⱼ - λᵢ)
def _eigh_push(v: tuple[Tensor], y: tuple[Tensor, Tensor], a: Tensor) -> tuple[Tensor, Tensor]:
    w, V = y
    p = V.mT @ v[0] @ V
    return cr.diagonal(p), V @ (_inverse_gaps("eigh: eigenvectors", "eigvalsh", w) * p)


def _eigh_pull(d: tuple[Tensor, Tensor], y: tuple[Tensor, Tensor], a: Tensor) -> Tensor:
    (dw, dV), (w, V) = d, y
    n = w.shape[-1]
    inside = cr.embed_diagonal(dw, n, n)
    if _matters(dV):
        inside = inside + _inverse_gaps("eigh: eigenvectors", "eigvalsh", w) * (V.mT @ dV)
    return V @ inside @ V.mT


def _matters(d: Tensor) -> bool:
    """Whether an adjoint is anything but a plain 0, as that of a result nobody used."""
    return d.recorded or bool(np.any(d.numpy()))


def _inverse_gaps(what: str, instead: str, w: Tensor) -> Tensor:
    """Fᵢⱼ = 1 / (λⱼ - λᵢ), 0 on the diagonal."""
    values = w.numpy()
    size = np.max(np.abs(values), axis=-1, keepdims=True, initial=0)
    n = w.shape[-1]
    near = np.abs(np.diff(values, axis=-1)) <= n * np.finfo(values.dtype).eps * size
    if np.any(near):
        raise ValueError(f"{what} of a repeated value have no derivative; use {instead}")
    one = cr.eye(n, dtype=w.dtype)
    return (1 - one) / (w[..., None, :] - w[..., :, None] + one)


# ---- singular values
def svd(a: Tensor, full_matrices: bool = True) -> SVD:
    """Orthonormal U and V and singular values s, descending, with A = U Diag(s) Vᵀ.   Book: §2.6, (2.48)

    Derivative after J. Townsend (2016), "Differentiating the singular value decomposition".
    Shapes  a (..., m, n), k = min(m, n) -> U (..., m, m), s (..., k), Vᵀ (..., n, n);
            without full_matrices U (..., m, k), Vᵀ (..., k, n)
    Errors  ValueError when a derivative is asked for where there is none: of the columns that full_matrices
            adds; where a singular value is repeated, or is 0 and m != n. `svdvals` has a derivative there
    """
    (a,), back = operands("svd", a)
    matrix("svd", a)
    if full_matrices and a.shape[-1] != a.shape[-2]:
        def svd(a: Tensor) -> tuple[Tensor, ...]:
            return _computed("svd", np.linalg.svd, a)
        refused = _refused("svd: the columns that full_matrices adds have no derivative; "
                           "use full_matrices=False")
        return SVD(*map(back, custom_rule(svd, pull=refused, push=refused)(a)))
    return SVD(*map(back, _svd(a)))


def svdvals(a: Tensor) -> Tensor:
    """The singular values of A, descending.

    Where one is repeated or 0, the derivative is that of LAPACK's choice of singular vectors, one of many.
    Shapes  a (..., m, n) -> (..., min(m, n))
    """
    (a,), back = operands("svdvals", a)
    matrix("svdvals", a)

    def svdvals(a: Tensor) -> Tensor:
        return _computed("svdvals", lambda x: (np.linalg.svd(x, compute_uv=False),), a)[0]

    def pull(d: Tensor, _: Tensor, a: Tensor) -> Tensor:
        U, _, Vh = _svd(a)
        return (U * d[..., None, :]) @ Vh

    def push(v: tuple[Tensor], _: Tensor, a: Tensor) -> Tensor:
        U, _, Vh = _svd(a)
        return cr.sum(U * (v[0] @ Vh.mT), axis=-2)

    return back(custom_rule(svdvals, pull=pull, push=push)(a))


def _svd(a: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    def svd(a: Tensor) -> tuple[Tensor, ...]:
        return _computed("svd", lambda x: np.linalg.svd(x, full_matrices=False), a)

    return custom_rule(svd, pull=_svd_pull, push=_svd_push)(a)


def _spread(s: Tensor, shape: tuple) -> Tensor:
    """Fᵢⱼ = 1 / (sⱼ² - sᵢ²), 0 on the diagonal."""
    m, n = shape[-2:]
    if m != n and np.any(s.numpy() <= max(m, n) * np.finfo(s.numpy().dtype).eps * s.numpy()[..., :1]):
        raise ValueError("svd: singular vectors of the value 0 have no derivative; use svdvals")
    one = cr.eye(s.shape[-1], dtype=s.dtype)
    return _inverse_gaps("svd: singular vectors", "svdvals", s) / (s[..., None, :] + s[..., :, None] + one)


# P = Uᵀ dA V:  ds = diag(P), dU = U (F ∘ (P S + S Pᵀ)) + (I - U Uᵀ) dA V S⁻¹,
#               dV = V (F ∘ (S P + Pᵀ S)) + (I - V Vᵀ) dAᵀ U S⁻¹
def _svd_push(v: tuple[Tensor], y: tuple[Tensor, Tensor, Tensor], a: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    U, s, Vh = y
    V, across, down = Vh.mT, s[..., None, :], s[..., :, None]          # X S = X * across, S X = down * X
    left, right = v[0] @ V, v[0].mT @ U                               # dA V, dAᵀ U
    p, F = U.mT @ left, _spread(s, a.shape)
    dU, dV = U @ (F * (p * across + down * p.mT)), V @ (F * (down * p + p.mT * across))
    if a.shape[-2] > s.shape[-1]:
        dU = dU + (left - U @ p) / across
    if a.shape[-1] > s.shape[-1]:
        dV = dV + (right - V @ p.mT) / across
    return dU, cr.diagonal(p), dV.mT


def _svd_pull(d: tuple[Tensor, Tensor, Tensor], y: tuple[Tensor, Tensor, Tensor], a: Tensor) -> Tensor:
    (dU, ds, dVh), (U, s, Vh) = d, y
    k, dV, V, across, down = s.shape[-1], dVh.mT, Vh.mT, s[..., None, :], s[..., :, None]
    inside = cr.embed_diagonal(ds, k, k)
    if not (_matters(dU) or _matters(dV)):
        return U @ inside @ Vh
    F = _spread(s, a.shape)
    of_u, of_v = U.mT @ dU, V.mT @ dV
    g, h = F * of_u, F * of_v
    da = U @ (inside + (g + g.mT) * across + down * (h + h.mT)) @ Vh
    if a.shape[-2] > k:
        da = da + (dU - U @ of_u) / across @ Vh
    if a.shape[-1] > k:
        da = da + U @ ((dV - V @ of_v) / across).mT
    return da
