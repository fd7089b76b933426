"""Linear models and least squares: closed forms.   Book: §2.3"""
from __future__ import annotations

from typing import Any

import numpy as np

import chainrule as cr

from .. import check
from .._core import Tensor
from .estimator import Estimator, Regressor

METHODS = ("svd", "normal", "gram")


def design_matrix(X: Tensor, intercept: bool = True) -> Tensor:
    """[1 | X]: a column of ones before the features, so that ŷ = X θ with θ = (b, w).   Book: §2.3, (2.10)

    Shapes  X (n, p) or (n,) -> (n, 1 + p); without intercept (n, p)
    """
    if X.ndim not in (1, 2):
        raise cr.ShapeError(f"design_matrix: X needs shape (n, p) or (n,), got {X.shape}")
    X = X[:, None] if X.ndim == 1 else X
    ones = cr.ones((X.shape[0], 1), dtype=X.dtype, device=X.device)
    return cr.concat([ones, X], axis=1) if intercept else X


def normal_equations(X: Tensor, y: Tensor) -> Tensor:
    """θ with Xᵀ X θ = Xᵀ y, by Cholesky factors of the Gram matrix.   Book: §2.3, (2.15)

    Shapes  X (n, d), y (n,) or (n, K) -> θ (d,) or (d, K)
    Errors  ValueError when Xᵀ X is singular: columns depend on each other, or n < d
    Cost    n d² + d³/3 multiply-adds; squares the condition number, so half of the digits may be lost
    """
    gram = X.mT @ X
    try:
        L = cr.linalg.cholesky(gram)
        left = (cr.diagonal(L) ** 2 / cr.diagonal(gram)).numpy()   # of each column, beside those before it
        singular = bool(np.any(left <= len(left) * np.finfo(left.dtype).eps))
    except ValueError:
        singular = True
    if singular:
        raise ValueError(f"normal_equations: Xᵀ X is singular for X {X.shape}: columns depend on each other; "
                         "use least_squares")
    half = cr.linalg.solve_triangular(L, X.mT @ y)
    return cr.linalg.solve_triangular(L.mT, half, upper=True)


def least_squares(X: Tensor, y: Tensor, rtol: float | None = None) -> Tensor:
    """θ = X⁺ y: of all minimisers of ‖y - X θ‖² that of the smallest norm, any rank.

    Book: §2.3, (2.16), (2.17)

    Shapes  X (n, d), y (n,) or (n, K) -> θ (d,) or (d, K); singular values up to rtol s₁ count as 0
    """
    return cr.linalg.lstsq(X, y, rtol)


def gram_least_squares(gram: Tensor, Xty: Tensor, rtol: float | None = None) -> Tensor:
    """θ = (Xᵀ X)⁺ Xᵀ y from the two products alone, by eigenvalues: X⁺ y of any rank.   Book: §2.3, (2.17)

    Shapes  gram (d, d), Xty (d,) or (d, K) -> θ; eigenvalues up to rtol λ₁ count as 0, d eps when None, so
            that singular values of X below about 10⁻⁶ s₁ are lost
    Cost    some 9 d³ multiply-adds, whatever the number of samples
    """
    if not np.isfinite(np.asarray(gram)).all():
        raise ValueError("gram_least_squares: Xᵀ X is not finite; scale the features down")
    used = np.flatnonzero(np.diagonal(np.asarray(gram)))           # a column of zeros has θ = 0
    if used.size < gram.shape[0]:
        rows = cr.asarray(used).to(gram.device)
        zeros = cr.zeros(Xty.shape, dtype=Xty.dtype, device=Xty.device)
        inner = gram_least_squares(gram[rows][:, rows], Xty[rows], rtol) if used.size else zeros[:0]
        return cr.index_add(zeros, 0, rows, inner)
    values, V = cr.linalg.eigh(gram)
    rtol = gram.shape[0] * float(np.finfo(values.numpy().dtype).eps) if rtol is None else rtol
    kept = values > rtol * values[-1]
    inverse = cr.where(kept, 1 / cr.where(kept, values, 1.0), 0.0)
    parts = V.mT @ Xty
    return V @ (inverse * parts if Xty.ndim == 1 else inverse[:, None] * parts)


class LinearRegression(Regressor, Estimator):
    """ŷ = b + wᵀ x with the least ‖y - ŷ‖².   Book: §2.3, (2.8), (2.13)

    method  "svd" by the pseudo-inverse, which takes any rank; "normal" by the normal equations, faster where
            n is much larger than p; "gram" by eigenvalues of Xᵀ X, as fast and for any rank
    rtol    singular values up to rtol s₁ ("svd"), or eigenvalues of Xᵀ X up to rtol λ₁ ("gram"), count as 0;
            the larger size times the type's epsilon when None
    Learned coef_ (p,) or (K, p), intercept_ a number or (K,)
    Shapes  X (n, p), y (n,) or (n, K)
    """
    multi_output = True
    coef_: np.ndarray
    intercept_: Any

    def __init__(self, *, method: str = "svd", fit_intercept: bool = True, rtol: float | None = None) -> None:
        self.method, self.fit_intercept, self.rtol = method, fit_intercept, rtol

    def fit(self, X: Any, y: Any) -> LinearRegression:
        """Learn b and w from samples X and targets y."""
        check.one_of(self._op, "method", self.method, METHODS)
        if self.rtol is not None:
            check.not_negative(self._op, rtol=self.rtol)
        x = self._samples(X, fitting=True)
        y = self._targets(y, x)
        # around the means b drops out and w stays the same; the intercept then costs no digits
        at, level = (cr.mean(x, axis=0), cr.mean(y, axis=0)) if self.fit_intercept else (0.0, 0.0)
        x, y = x - at, y - level
        if self.method == "svd":
            w = least_squares(x, y, self.rtol)
        elif self.method == "gram":
            w = gram_least_squares(x.mT @ x, x.mT @ y, self.rtol)
        else:
            w = normal_equations(x, y)
        b = level - at @ w if self.fit_intercept else cr.zeros(w.shape[1:], dtype=x.dtype, device=x.device)
        return self._learn(x, coef_=w.mT if w.ndim == 2 else w,
                           intercept_=b if b.ndim else b.item())

    def predict(self, X: Any) -> Any:
        """ŷ, (n,) or (n, K)."""
        return self._answer(linear(self._samples(X), self.coef_, self.intercept_), X)


def linear(x: Tensor, coef: Any, intercept: Any) -> Tensor:
    """ŷ = b + w x of each sample, for learned w (p,) or (K, p) and b.   Book: §2.3, (2.9)"""
    w, b = (cr.asarray(np.asarray(v)).astype(x.dtype).to(x.device) for v in (coef, intercept))
    return x @ w.mT + b if w.ndim == 2 else x @ w + b
