"""Expectations with logarithms: entropy, cross entropy and divergences, in nats.   Book: appendix B

Distributions on K points are tensors (..., K) whose last axis sums to 1; 0 log 0 = 0.
"""
from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

import chainrule as cr

from ._core import Tensor

Log = Callable[[Tensor], Tensor]


def entropy(p: Any) -> Tensor:
    """H(p) = -Σ p log p.   Book: §B.1, (B.3)

    Units  nats
    Shapes p (..., K) -> (...)
    Errors ValueError unless p is a distribution along its last axis
    """
    p = _distribution("entropy", "p", p)
    return -cr.sum(_times_log(p, p), axis=-1)


def cross_entropy(p: Any, q: Any) -> Tensor:
    """H(p, q) = -Σ p log q, infinite where q = 0 < p.   Book: §B.1, (B.2)

    Units  nats
    Shapes p, q (..., K) -> (...)
    """
    p, q = _pair("cross_entropy", p, q)
    return -cr.sum(_times_log(p, q), axis=-1)


def kl_divergence(p: Any, q: Any) -> Tensor:
    """D_KL(p ‖ q) = Σ p log(p / q) = H(p, q) - H(p), infinite where q = 0 < p.   Book: §B.1, (B.1)

    Units  nats
    Shapes p, q (..., K) -> (...)
    """
    p, q = _pair("kl_divergence", p, q)
    return cr.sum(_times_log(p, p) - _times_log(p, q), axis=-1)


def js_divergence(p: Any, q: Any) -> Tensor:
    """JSD(p ‖ q) = (D_KL(p ‖ m) + D_KL(q ‖ m)) / 2 with m = (p + q) / 2, at most log 2.   Book: §B.1, (B.7)

    Units  nats
    Shapes p, q (..., K) -> (...)
    """
    p, q = _pair("js_divergence", p, q)
    m = (p + q) / 2.0
    return (kl_divergence(p, m) + kl_divergence(q, m)) / 2.0


def js_distance(p: Any, q: Any) -> Tensor:
    """√JSD(p ‖ q), a metric.   Book: §B.1, (B.7)"""
    return cr.sqrt(cr.maximum(js_divergence(p, q), 0.0))       # rounding may leave -1e-17 for equal p and q


def binary_entropy(p: Any) -> Tensor:
    """H(p) = -(p log p + (1 - p) log(1 - p)), of a coin.   Book: §B.1, (B.4)"""
    return entropy(_coin("binary_entropy", "p", p))


def binary_cross_entropy(p: Any, q: Any) -> Tensor:
    """H(p, q) = -(p log q + (1 - p) log(1 - q)) for two coins.   Book: §B.1, (B.5)"""
    return cross_entropy(_coin("binary_cross_entropy", "p", p), _coin("binary_cross_entropy", "q", q))


def kl_by_quadrature(log_p: Log, log_q: Log, low: float, high: float, n: int = 4001) -> Tensor:
    """∫ p log(p / q) over [low, high] by Simpson's rule, for densities of one variable.   Book: §B.1, (B.6)

    Infinite when q vanishes where p does not.
    Errors  ValueError unless n is odd, at least 3, and low < high
    """
    if n < 3 or n % 2 == 0 or not low < high:
        raise ValueError(f"kl_by_quadrature: needs low < high and an odd n >= 3, got {low}, {high}, {n}")
    x = cr.linspace(low, high, n, dtype=cr.float64)
    weights = np.full(n, 2.0)
    weights[1::2] = 4.0
    weights[[0, -1]] = 1.0
    lp, lq = log_p(x), log_q(x)
    inside = lp > -float("inf")                                  # terms with p = 0 are 0
    gap = cr.where(inside, lp, 0.0) - cr.where(inside, lq, 0.0)
    integrand = cr.where(inside, cr.exp(lp) * gap, 0.0)
    return cr.sum(cr.tensor(weights) * integrand) * ((high - low) / (n - 1) / 3)


def kl_by_sampling(log_p: Log, log_q: Log, draws: Tensor) -> tuple[Tensor, Tensor]:
    """(mean, standard error) of log p(x) - log q(x) over draws x from p.   Book: §B.1, (B.6)

    Shapes  draws (n, ...) -> (), ()
    """
    gap = log_p(draws) - log_q(draws)
    if gap.ndim != 1 or gap.shape[0] < 2:
        raise cr.ShapeError(f"kl_by_sampling: draws gave log densities {gap.shape}, need (n,) with n >= 2")
    return cr.mean(gap), cr.std(gap, correction=1) / float(np.sqrt(gap.shape[0]))


def _times_log(p: Tensor, q: Tensor) -> Tensor:
    """p log q, 0 where p = 0, without a NaN in the derivative there."""
    some = p > 0.0
    return cr.where(some, p * cr.log(cr.where(some, q, 1.0)), 0.0)


def _distribution(op: str, name: str, p: Any) -> Tensor:
    p = p if isinstance(p, Tensor) else cr.tensor(np.asarray(p, np.float64))
    if p.ndim < 1 or p.shape[-1] == 0:
        raise cr.ShapeError(f"{op}: {name} needs a last axis of probabilities, got shape {p.shape}")
    values = cr.stop_gradient(p).astype(cr.float64).numpy()
    slack = 1e-6 if p.dtype in (cr.float32, cr.float64) else 1e-2
    if not (values >= 0).all() or not np.allclose(values.sum(-1), 1, rtol=0, atol=slack * p.shape[-1]):
        raise ValueError(f"{op}: {name} must be probabilities that sum to 1 along the last axis")
    return p


def _pair(op: str, p: Any, q: Any) -> tuple[Tensor, Tensor]:
    p, q = _distribution(op, "p", p), _distribution(op, "q", q)
    if p.shape[-1] != q.shape[-1]:
        raise cr.ShapeError(f"{op}: p {p.shape} and q {q.shape} need the same number of points")
    return p, q


def _coin(op: str, name: str, p: Any) -> Tensor:
    p = p if isinstance(p, Tensor) else cr.tensor(np.asarray(p, np.float64))
    values = cr.stop_gradient(p).numpy()
    if not ((values >= 0) & (values <= 1)).all():
        raise ValueError(f"{op}: {name} must lie in [0, 1]")
    return cr.stack([p, 1.0 - p], axis=-1)
