"""Least squares with penalties on the weights: ridge, LASSO, elastic net.   Book: §2.5, (2.33)-(2.36)

The square loss is a sum over samples (`loss="sum"`, the book's ridge) or their mean (`loss="mean"`, its other
losses): the weight λ of a sum is n times that of a mean.
"""
from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np

import chainrule as cr

from .. import check, tree
from .._core import Tensor
from .estimator import Estimator, Regressor, _of_sklearn
from .linear import design_matrix, least_squares, linear

LOSSES = ("mean", "sum")


def regularised(loss: Callable[..., Tensor], penalty: Callable[[Any], Tensor]) -> Callable[..., Tensor]:
    """C(θ; D) + R(θ), for any loss C and penalty R of the same tree θ.   Book: §2.5, (2.33)"""
    return lambda theta, *data: loss(theta, *data) + penalty(theta)


def elastic_penalty(lam1: float = 0.0, lam2: float = 0.0) -> Callable[[Any], Tensor]:
    """R(θ) = λ₁ ‖θ‖₁ + λ₂ ‖θ‖², over all tensors of a tree θ.   Book: §2.5, (2.34)"""
    check.not_negative("elastic_penalty", lam1=lam1, lam2=lam2)

    def R(theta: Any) -> Tensor:
        parts = [lam1 * cr.sum(cr.abs(t)) + lam2 * cr.sum(t * t) for t in tree.leaves(theta)]
        return sum(parts[1:], parts[0])

    return R


def ridge(X: Tensor, y: Tensor, lam: Any) -> Tensor:
    """θ = (Xᵀ X + λ I)⁻¹ Xᵀ y, the least ‖y - X θ‖² + λ ‖θ‖².   Book: §2.5, (2.35), (2.36)

    Shapes  X (n, d), y (n,) or (n, K) -> θ (d,) or (d, K);  λ a number, or (d,): one for each coefficient,
            0 for one that is not penalised (footnote 18)
    Errors  ValueError when the matrix is singular, which needs a λ of 0
    Cost    n d² + d³/3 multiply-adds; for n < d and one λ > 0, d n² + n³/3
    """
    n, d = X.shape
    if np.ndim(lam) == 0 and n < d and lam > 0:          # (Xᵀ X + λ I)⁻¹ Xᵀ = Xᵀ (X Xᵀ + λ I)⁻¹
        return X.mT @ cr.linalg.solve(X @ X.mT + lam * _eye(n, X), y)
    if np.ndim(lam) != 0:
        lam = cr.asarray(np.asarray(lam)).astype(X.dtype).to(X.device)
    return cr.linalg.solve(X.mT @ X + lam * _eye(d, X), X.mT @ y)


def ridge_stacked(X: Tensor, y: Tensor, lam: float) -> tuple[Tensor, Tensor]:
    """([X; √λ I], [y; 0]): ridge as ordinary least squares on d more rows.   Book: §2.5

    Differs the pseudo-inverse of the stacked matrix is (Xᵀ X + λ I)⁻¹ [Xᵀ  √λ I]; the text has λ I there
    """
    check.not_negative("ridge_stacked", lam=lam)
    zeros = cr.zeros((X.shape[1], *y.shape[1:]), dtype=y.dtype, device=y.device)
    return cr.concat([X, lam**0.5 * _eye(X.shape[1], X)]), cr.concat([y, zeros])


def soft_threshold(z: Tensor, t: float) -> Tensor:
    """S(z, t) = sign(z) max(|z| - t, 0), the minimiser over θ of (θ - z)² / 2 + t |θ|."""
    return cr.sign(z) * cr.maximum(cr.abs(z) - t, 0.0)


class Penalised(Regressor):
    """Mix into a linear regressor with a penalty: the intercept is left out of it unless asked in."""
    fit_intercept: bool
    penalise_intercept: bool

    def _fit(self: Any, X: Any, y: Any, solution: Callable[[Tensor, Tensor], Tensor],
             more: dict[str, Any] | None = None) -> Any:
        """Learn from θ = solution(X, y), where X has a column of ones if its weight is penalised too.

        more  what else `solution` leaves to be learned
        """
        x = self._samples(X, fitting=True)
        y = self._targets(y, x)
        if self.fit_intercept and self.penalise_intercept:
            theta = solution(design_matrix(x), y)
            b, w = theta[0], theta[1:]
        elif self.fit_intercept:                         # around the means the best b is 0, whatever w is
            at, level = cr.mean(x, axis=0), cr.mean(y, axis=0)
            w = solution(x - at, y - level)
            b = level - at @ w
        else:
            w = solution(x, y)
            b = cr.zeros(w.shape[1:], dtype=x.dtype, device=x.device)
        return self._learn(x, coef_=w.mT if w.ndim == 2 else w, intercept_=b if b.ndim else b.item(),
                           **(more or {}))

    def predict(self: Any, X: Any) -> Any:
        """ŷ of each sample."""
        return self._answer(linear(self._samples(X), self.coef_, self.intercept_), X)


class Ridge(Penalised, Estimator):
    """ŷ = b + wᵀ x with the least Σ (y - ŷ)² + λ ‖w‖².   Book: §2.5, (2.35)

    lam                 λ >= 0; 0 is least squares of the smallest norm
    penalise_intercept  add λ b² too, as (2.35) has it; without, see footnote 18
    Learned coef_ (p,) or (K, p), intercept_
    """
    multi_output = True
    coef_: np.ndarray
    intercept_: Any

    def __init__(self, lam: float = 1.0, *, fit_intercept: bool = True,
                 penalise_intercept: bool = False) -> None:
        self.lam, self.fit_intercept, self.penalise_intercept = lam, fit_intercept, penalise_intercept

    def fit(self, X: Any, y: Any) -> Ridge:
        """Learn b and w from samples X and targets y."""
        check.not_negative(self._op, lam=self.lam)
        return self._fit(X, y, lambda X, y: ridge(X, y, self.lam) if self.lam else least_squares(X, y))


class ElasticNet(Penalised, Estimator):
    """ŷ = b + wᵀ x with the least C + λ₁ ‖w‖₁ + λ₂ ‖w‖², C the mean of (y - ŷ)².   Book: §2.5, (2.34)

    By descent along one coordinate after another; exact once the signs of w have settled.
    loss        "mean", or "sum" for C = Σ (y - ŷ)²: then λ₁ = 0 is Ridge(λ₂)
    tol         largest violation of the optimality conditions, relative to the gradient at w = 0
    Learned coef_ (p,), intercept_, n_iter_ sweeps over the coordinates
    Differs scikit-learn's alpha and l1_ratio are λ₁ = 2 alpha l1_ratio, λ₂ = alpha (1 - l1_ratio)
    """
    coef_: np.ndarray
    intercept_: float
    n_iter_: int

    def __init__(self, lam1: float = 0.1, lam2: float = 0.1, *, loss: str = "mean",
                 fit_intercept: bool = True, penalise_intercept: bool = False, tol: float = 1e-9,
                 max_iter: int = 10_000) -> None:
        self.lam1, self.lam2, self.loss, self.fit_intercept = lam1, lam2, loss, fit_intercept
        self.penalise_intercept, self.tol, self.max_iter = penalise_intercept, tol, max_iter

    def fit(self, X: Any, y: Any) -> ElasticNet:
        """Learn b and w from samples X and targets y; warns when max_iter sweeps did not do."""
        return _fit_elastic(self, X, y, self.lam1, self.lam2)


class Lasso(Penalised, Estimator):
    """ŷ = b + wᵀ x with the least C + λ ‖w‖₁, C the mean of (y - ŷ)²: some weights are 0.   Book: §2.5

    loss    "mean", or "sum" for C = Σ (y - ŷ)²; the other arguments as ElasticNet
    Learned coef_ (p,), intercept_, n_iter_
    Differs scikit-learn's alpha is λ / 2: it halves the square loss
    """
    coef_: np.ndarray
    intercept_: float
    n_iter_: int

    def __init__(self, lam: float = 0.1, *, loss: str = "mean", fit_intercept: bool = True,
                 penalise_intercept: bool = False, tol: float = 1e-9, max_iter: int = 10_000) -> None:
        self.lam, self.loss, self.fit_intercept = lam, loss, fit_intercept
        self.penalise_intercept, self.tol, self.max_iter = penalise_intercept, tol, max_iter

    def fit(self, X: Any, y: Any) -> Lasso:
        """Learn b and w from samples X and targets y; warns when max_iter sweeps did not do."""
        return _fit_elastic(self, X, y, self.lam, 0.0)


def _fit_elastic(self: Any, X: Any, y: Any, lam1: float, lam2: float) -> Any:
    check.one_of(self._op, "loss", self.loss, LOSSES)
    check.not_negative(self._op, lam1=lam1, lam2=lam2, tol=self.tol)
    check.positive(self._op, max_iter=self.max_iter)
    more: dict[str, Any] = {}

    def solution(X: Tensor, y: Tensor) -> Tensor:
        X64, y64 = X.to("cpu").astype(cr.float64), y.to("cpu").astype(cr.float64)
        scale = 1 / X.shape[0] if self.loss == "mean" else 1.0
        G, c = (scale * (X64.mT @ X64)).numpy(), (scale * (X64.mT @ y64)).numpy()
        theta, more["n_iter_"], left = coordinate_descent(G, c, lam1, lam2, self.tol, self.max_iter)
        if left > self.tol:
            kind = _of_sklearn("ConvergenceWarning", UserWarning)
            warnings.warn(f"{self._op}: after {more['n_iter_']} sweeps the optimality conditions are off by "
                          f"{left:.1e}, tol is {self.tol:g}; raise max_iter", kind, stacklevel=5)
        return cr.asarray(theta).astype(X.dtype).to(X.device)

    return self._fit(X, y, solution, more)


def coordinate_descent(G: np.ndarray, c: np.ndarray, lam1: float, lam2: float, tol: float, max_iter: int
                       ) -> tuple[np.ndarray, int, float]:
    """(θ, sweeps, violation) of the least θᵀ G θ - 2 cᵀ θ + λ₁ ‖θ‖₁ + λ₂ ‖θ‖².

    Each coordinate goes to its own minimum, S(c_j - Σ_{k≠j} G_jk θ_k, λ₁/2) / (G_jj + λ₂); those that
    stay 0 are passed over. Every fourth sweep all that are not 0 go on together, see `settled`.
    Source: Friedman, Hastie, Tibshirani (2010), Regularization paths for generalized linear models
    Shapes  G (d, d) symmetric, c (d,), arrays: a step is a few scalars, less work than a tensor's op
    """
    theta, slope = np.zeros(len(c)), np.diag(G) + lam2
    unit = max(2 * np.abs(c).max(initial=0), np.finfo(float).tiny)
    left, sweeps = _violation(theta, G, c, lam1, lam2) / unit, 0
    while left > tol and sweeps < max_iter:
        rest = c - G @ theta
        moving = (slope > 0) & ((theta != 0) | (np.abs(rest) > lam1 / 2))     # a column of zeros never moves
        for j in np.flatnonzero(moving):
            z = rest[j] + G[j, j] * theta[j]
            new = np.sign(z) * max(abs(z) - lam1 / 2, 0.0) / slope[j]
            rest -= G[j] * (new - theta[j])
            theta[j] = new
        sweeps += 1
        if sweeps % 4 == 0:
            theta = settled(theta, G, c, lam1, lam2)
        left = _violation(theta, G, c, lam1, lam2) / unit
    return theta, sweeps, left


def settled(theta: np.ndarray, G: np.ndarray, c: np.ndarray, lam1: float, lam2: float) -> np.ndarray:
    """θ moved to the least value that its signs allow, where these are right: a linear system.

    Where one would change, the walk ends and it becomes 0; the others go on, 20 times at most.
    Source: Lee, Battle, Raina, Ng (2007), Efficient sparse coding algorithms (feature-sign search)
    """
    start = theta
    for _ in range(20):
        on = np.flatnonzero(theta)
        goal = np.zeros_like(theta)
        goal[on] = _solved(G[np.ix_(on, on)] + lam2 * np.eye(len(on)), c[on] - lam1 / 2 * np.sign(theta[on]))
        flips = on[goal[on] * theta[on] <= 0] if lam1 else on[:0]
        if not len(flips):
            theta = goal
            break
        part = theta[flips] / (theta[flips] - goal[flips])
        theta = theta + part.min() * (goal - theta)
        theta[flips[part.argmin()]] = 0.0
    values = [t @ G @ t - 2 * c @ t + lam1 * np.abs(t).sum() + lam2 * t @ t for t in (start, theta)]
    # a system that lost its digits is not believed; what rounding adds to equal values is
    return theta if values[1] <= values[0] + 1e-14 * abs(values[0]) else start


def _solved(A: np.ndarray, b: np.ndarray) -> np.ndarray:
    if not len(b):
        return b
    system = cr.asarray(A), cr.asarray(b)
    try:
        return cr.linalg.solve(*system).numpy()
    except ValueError:                                       # columns that depend on each other, and no λ₂
        return cr.linalg.lstsq(*system).numpy()


def _violation(theta: np.ndarray, G: np.ndarray, c: np.ndarray, lam1: float, lam2: float) -> float:
    """Largest distance of g = 2 (G θ - c + λ₂ θ) from -λ₁ sign(θ), or from [-λ₁, λ₁] where θ = 0."""
    g = 2 * (G @ theta - c + lam2 * theta)
    off = np.where(theta == 0, np.maximum(np.abs(g) - lam1, 0), np.abs(g + lam1 * np.sign(theta)))
    return float(off.max(initial=0))


def _eye(d: int, like: Tensor) -> Tensor:
    return cr.eye(d, dtype=like.dtype, device=like.device)
