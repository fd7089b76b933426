"""Linear models by gradient descent: the gradient, its dynamics, the largest rate, robust losses.

Book: §2.4
"""
from __future__ import annotations

from typing import Any

import numpy as np

import chainrule as cr

from .. import check
from .._core import Tensor
from .estimator import Estimator, Regressor
from .linear import design_matrix, linear

LOSSES = ("square", "absolute", "huber")


def square_gradient(X: Tensor, y: Tensor, theta: Tensor) -> Tensor:
    """∇C = (2/n) Xᵀ (X θ - y) for C = (1/n) ‖y - X θ‖².   Book: §2.4, (2.21)

    Shapes  X (n, d), y (n,), θ (d,) -> (d,)
    """
    return (2 / X.shape[0]) * (X.mT @ (X @ theta - y))


def rate_bound(X: Tensor) -> float:
    """n / λ_max(Xᵀ X): gradient descent on the square loss converges for every rate α below it.

    Book: §2.4, (2.23)

    Shapes  X (n, d), with its column of ones where the model has an intercept
    Differs from every start when Xᵀ X is regular; else the part of the start in its null space stays
    """
    top = cr.linalg.svdvals(X)[0].item() ** 2
    return X.shape[0] / top if top else float("inf")


def affine_dynamics(X: Tensor, y: Tensor, alpha: float) -> tuple[Tensor, Tensor]:
    """(A, c) with θ(t+1) = A θ(t) + c: A = I - (2α/n) Xᵀ X, c = (2α/n) Xᵀ y.   Book: §2.4, (2.23)

    Each eigenvalue of A is 1 - 2 α λ / n of one of Xᵀ X, so that θ(t) - θ* = Aᵗ (θ(0) - θ*).
    Shapes  X (n, d), y (n,) -> A (d, d), c (d,)
    """
    scale = 2 * alpha / X.shape[0]
    return cr.eye(X.shape[1], dtype=X.dtype, device=X.device) - scale * (X.mT @ X), scale * (X.mT @ y)


def level_axes(X: Tensor, y: Tensor, level: float) -> Tensor:
    """Semi-axes √((c - C_min) / λᵢ) of the ellipsoid ‖y - X θ‖² = c, the longest first.   Book: §2.4

    Shapes  X (n, d) of full column rank, y (n,) -> (d,)
    Errors  ValueError when no θ has so small a loss
    Differs the book's k = C - yᵀ y lacks the second term of C_min = yᵀ y - yᵀ X (Xᵀ X)⁻¹ Xᵀ y
    """
    rest = y - X @ cr.linalg.lstsq(X, y)
    least = (rest @ rest).item()
    if level < least:
        raise ValueError(f"level_axes: level {level:g} is below the least loss {least:g}")
    return cr.sqrt((level - least) / cr.linalg.eigvalsh(X.mT @ X))


def elongation(X: Tensor) -> float:
    """R = √(λ_min / λ_max) of Xᵀ X: the shortest by the longest axis of the level sets, 1 for spheres.

    Book: §2.4
    """
    s = cr.linalg.svdvals(X)
    return (s[-1] / s[0]).item() if X.shape[0] >= X.shape[1] else 0.0


class DescentRegression(Regressor, Estimator):
    """ŷ = b + wᵀ x by gradient descent on a loss of e = ŷ - y.   Book: §2.4, Algorithm 2.1, (2.20)

    loss         "square" e² (2.12); "absolute" |e| (2.18), by subgradients; "huber" (2.19) with its delta
    alpha        rate, or a function of the step; None: the largest safe one, for "absolute" a rate that falls
                 by a factor of 10¹⁰ over max_iter steps
    epsilon      stop when ‖θ(t) - θ(t+1)‖ < epsilon, (2.22)
    standardize  descend on z = (x - x̄)/s and map the weights back: far fewer steps; needs the intercept
    Learned      coef_ (p,), intercept_, n_iter_, history_ (n_iter_ + 1,) the losses, converged_
    Start        b = 0, w = 0; with "absolute" and "huber" b is the median of y
    Errors       ValueError when the loss overflows: alpha is too large
    """
    coef_: np.ndarray
    intercept_: float

    def __init__(self, loss: str = "square", *, delta: float = 1.0, alpha: Any = None, epsilon: float = 1e-8,
                 max_iter: int = 2000, fit_intercept: bool = True, standardize: bool = True) -> None:
        self.loss, self.delta, self.alpha, self.epsilon = loss, delta, alpha, epsilon
        self.max_iter, self.fit_intercept, self.standardize = max_iter, fit_intercept, standardize

    def fit(self, X: Any, y: Any) -> DescentRegression:
        """Learn b and w from samples X and targets y."""
        check.one_of(self._op, "loss", self.loss, LOSSES)
        check.positive(self._op, max_iter=self.max_iter)
        check.not_negative(self._op, epsilon=self.epsilon, delta=self.delta)
        if self.alpha is not None and not callable(self.alpha):
            check.not_negative(self._op, alpha=self.alpha)
        x = self._samples(X, fitting=True)
        y = self._targets(y, x)
        centred = self.standardize and self.fit_intercept
        scaler = cr.preprocessing.Standardizer().fit(x) if centred else None
        design = design_matrix(scaler.transform(x) if scaler else x, self.fit_intercept)
        alpha = self._rate(design, y) if self.alpha is None else self.alpha
        stop = cr.optim.Termination(gradient=None, step=self.epsilon, iterations=self.max_iter)
        found = cr.optim.minimize(lambda theta: self._loss(design @ theta, y), self._start(design, y), "gd",
                                  alpha=alpha, stop=stop)
        if not np.isfinite(found.fun):
            raise ValueError(f"{self._op}: the loss overflows after {found.nit} steps; alpha is too large")
        theta = found.x.numpy().astype(np.float64)
        b, w = (theta[0], theta[1:]) if self.fit_intercept else (0.0, theta)
        if scaler:
            w, b = scaler.raw_weights(w, b)
        return self._learn(x, coef_=w, intercept_=float(b), n_iter_=max(found.nit, 1),
                           history_=np.array(found.values), converged_=found.success)

    def predict(self, X: Any) -> Any:
        """ŷ, (n,)."""
        return self._answer(linear(self._samples(X), self.coef_, self.intercept_), X)

    def _loss(self, predicted: Tensor, y: Tensor) -> Tensor:
        if self.loss == "square":
            return cr.losses.mse(predicted, y)
        if self.loss == "absolute":
            return cr.losses.mae(predicted, y)
        return cr.losses.huber(predicted, y, delta=self.delta)

    def _start(self, design: Tensor, y: Tensor) -> Tensor:
        theta = np.zeros(design.shape[1])
        if self.loss != "square" and self.fit_intercept:
            theta[0] = np.median(y.to("cpu").numpy())
        return cr.tensor(theta, dtype=design.dtype).to(design.device)

    def _rate(self, design: Tensor, y: Tensor) -> Any:
        """Below 2 / (largest curvature), which is 2 λ/n for the square loss and at most λ/n for Huber's."""
        bound = rate_bound(design)
        if self.loss == "square":
            return bound / 2
        if self.loss == "huber":
            return bound
        e = self._start(design, y)
        size = cr.losses.mae(design @ e, y).item() or 1.0
        return lambda t: size * 1e-10 ** (t / self.max_iter)
