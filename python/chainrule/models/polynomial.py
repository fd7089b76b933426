"""Polynomial regression.   Book: §2.2, (2.4); §2.5, (2.29)"""
from __future__ import annotations

import math
from typing import Any

import numpy as np

import chainrule as cr

from .. import check
from .._core import Tensor
from .estimator import Estimator, Regressor
from .linear import design_matrix, least_squares


class PolynomialRegression(Regressor, Estimator):
    """ŷ = β₀ + β₁ x + ... + βₖ xᵏ with the least ‖y - ŷ‖².   Book: §2.5, (2.29)

    Products too for several features. Powers are of the features moved and scaled to [-1, 1], and the fit is
    by a singular value decomposition: the same model with more digits. degree 0 is the mean.
    Learned theta_ (m,) weights of 1 and of the scaled features' products; centre_, half_ (p,) their scale
    """
    theta_: np.ndarray
    centre_: np.ndarray
    half_: np.ndarray

    def __init__(self, degree: int = 2) -> None:
        self.degree = degree

    def fit(self, X: Any, y: Any) -> PolynomialRegression:
        """Learn from samples X (n, p) and targets y (n,)."""
        if self.degree != 0:
            check.positive(self._op, degree=self.degree)
        x = self._samples(X, fitting=True)
        y = self._targets(y, x)
        low, high = cr.min(x, axis=0), cr.max(x, axis=0)
        half = cr.where(high > low, (high - low) / 2.0, cr.ones_like(low))
        centre = (low + high) / 2.0
        theta = least_squares(self._design((x - centre) / half), y)
        return self._learn(x, theta_=theta, centre_=centre, half_=half)

    def predict(self, X: Any) -> Any:
        """ŷ of each sample, (n,)."""
        x = self._samples(X)
        theta, centre, half = (cr.asarray(v).to(x.device).astype(x.dtype)
                               for v in (self.theta_, self.centre_, self.half_))
        return self._answer(self._design((x - centre) / half) @ theta, X)

    def powers(self) -> np.ndarray:
        """β₀ ... βₖ of the powers of x itself, for one feature.

        Errors  ValueError for more features
        """
        self._need_fit()
        if self.n_features_in_ != 1:
            raise ValueError(f"{self._op}: powers are those of one feature, got {self.n_features_in_}")
        c, h = float(self.centre_[0]), float(self.half_[0])
        beta = np.zeros(len(self.theta_))
        for k, t in enumerate(self.theta_.astype(np.float64)):
            for i in range(k + 1):                       # t ((x - c) / h)ᵏ by the binomial theorem
                beta[i] += t * math.comb(k, i) * (-c) ** (k - i) / h**k
        return beta

    def _design(self, z: Tensor) -> Tensor:
        if self.degree == 0:
            return cr.ones((z.shape[0], 1), dtype=z.dtype, device=z.device)
        return design_matrix(cr.preprocessing.PolynomialFeatures(self.degree).fit_transform(z))
