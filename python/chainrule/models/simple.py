"""Regression with error bars: the straight line in closed form, bands around the mean.   Book: §2.2"""
from __future__ import annotations

import math
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np

import chainrule as cr

from .. import check
from .._core import Tensor
from .linear import design_matrix, least_squares


def simple_regression(x: Any, y: Any) -> tuple[float, float]:
    """(β₀, β₁) of ŷ = β₀ + β₁ x: β₁ = S_xy / S_xx, β₀ = ȳ - β₁ x̄.   Book: §2.2, (2.3)

    Shapes  x (n,), y (n,)
    Errors  ValueError when all x are equal
    """
    x, y = _float64(x), _float64(y)
    if x.ndim != 1 or x.shape != y.shape or x.size == 0:
        raise cr.ShapeError(f"simple_regression: x {x.shape} and y {y.shape} need one shape (n,), n >= 1")
    dx, dy = x - cr.mean(x), y - cr.mean(y)
    S_xx = cr.sum(dx * dx).item()
    if not S_xx > 0:
        raise ValueError("simple_regression: all x are equal; a slope needs two values")
    slope = cr.sum(dx * dy).item() / S_xx
    return cr.mean(y).item() - slope * cr.mean(x).item(), slope


class Band(NamedTuple):
    """Mean response with its confidence band, and what it was made from."""
    fit: Tensor                          # ŷ(x), (m,) or (m, K)
    low: Tensor
    high: Tensor
    theta: Tensor                        # (d,) or (d, K), the intercept first
    errors: Tensor                       # standard errors of θ
    s: Tensor                            # estimated deviation of the noise, root of RSS / (n - d), () or (K,)


def confidence_band(X: Any, y: Any, at: Any, *, level: float = 0.95) -> Band:
    """ŷ(x) ± t s √(x̃ᵀ (Xᵀ X)⁻¹ x̃), t of n - d degrees of freedom.   Book: §2.2, Fig. 2.3

    If the model is right and its noise normal, the band covers the mean of y at one x with chance `level`.
    Shapes  X (n, p) or (n,) without the column of ones, at (m, p) or (m,), y (n,) or (n, K) for K answers;
            d = 1 + p
    Errors  ValueError unless n > d and the columns are independent
    """
    check.fraction("confidence_band", level=level)
    D, y, at = design_matrix(_float64(X)), _float64(y), design_matrix(_float64(at))
    n, d = D.shape
    if n <= d or y.ndim not in (1, 2) or y.shape[0] != n or at.shape[1] != d:
        raise cr.ShapeError(f"confidence_band: X has {n} rows and {d - 1} columns, y has shape {y.shape}, at "
                            f"{at.shape[1] - 1} columns; needs as many, and more than {d} rows")
    if cr.linalg.matrix_rank(D).item() < d:
        raise ValueError("confidence_band: the columns of X and of ones depend on each other")
    theta, R = least_squares(D, y), cr.linalg.qr(D).R
    residuals = y - D @ theta
    s = cr.sqrt(cr.sum(residuals * residuals, axis=0) / float(n - d))
    # (Xᵀ X)⁻¹ = R⁻¹ R⁻ᵀ, so x̃ᵀ (Xᵀ X)⁻¹ x̃ = ‖R⁻ᵀ x̃‖², and for the variances of θ x̃ is a unit vector
    spread = cr.norm(cr.linalg.solve_triangular(R.mT, at.mT), axis=0)
    of_theta = cr.norm(cr.linalg.solve_triangular(R, cr.eye(d, dtype=cr.float64), upper=True), axis=1)
    if y.ndim == 2:
        spread, of_theta = spread[:, None], of_theta[:, None]
    fit, width = at @ theta, student_quantile((1 + level) / 2, n - d) * s * spread
    return Band(fit, fit - width, fit + width, theta, s * of_theta, s)


def student_cdf(t: float, nu: int) -> float:
    """P(T <= t) of Student's distribution with nu degrees of freedom, a whole number.

    Source: Abramowitz, Stegun (1964), 26.7.3, 26.7.4: a finite sum in the angle atan(t / √nu)
    """
    check.positive("student_cdf", nu=nu)
    angle = math.atan2(t, math.sqrt(nu))
    cos2 = math.cos(angle) ** 2
    first, start = (1.0, 1) if nu % 2 == 0 else (math.cos(angle), 2)
    k = np.arange(start, nu - 2, 2)                      # terms c, c·(k/(k+1))·cos², ...
    terms = first * np.cumprod(np.r_[1.0, k / (k + 1) * cos2])
    series = math.sin(angle) * float(terms.sum())
    if nu % 2:
        series = 2 / math.pi * (angle + (series if nu > 1 else 0.0))
    return 0.5 * (1 + series)


@lru_cache(maxsize=256)
def student_quantile(p: float, nu: int) -> float:
    """t with P(T <= t) = p, by bisection to the last digits.

    Errors  ValueError unless 0 < p < 1
    """
    if not 0 < p < 1:
        raise ValueError(f"student_quantile: p must lie in (0, 1), got {p!r}")
    if p < 0.5:
        return -student_quantile(1 - p, nu)
    low, high = 0.0, 1.0
    while student_cdf(high, nu) < p:
        low, high = high, 2 * high
    while high - low > 4e-16 * high:
        middle = (low + high) / 2
        if middle in (low, high):
            break
        low, high = (middle, high) if student_cdf(middle, nu) < p else (low, middle)
    return high if p > 0.5 else 0.0


def _float64(x: Any) -> Tensor:
    return x.astype(cr.float64) if isinstance(x, Tensor) else cr.tensor(np.asarray(x, np.float64))
