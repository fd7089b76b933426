"""Distributions: log densities, draws, entropies and divergences.   Book: §3.1, §3.3, appendix B"""
from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

import chainrule as cr

from ._core import Tensor

LOG_2PI = math.log(2 * math.pi)


class Normal:
    """N(μ, σ²) of one variable, elementwise: density e^(-(x - μ)² / 2σ²) / (σ √2π).   Book: §B.2

    Shapes  mean and std broadcast; x broadcasts against them
    Errors  ValueError unless std > 0
    Differs the book's second argument is the variance σ²; here it is the standard deviation σ
    """
    def __init__(self, mean: Any = 0.0, std: Any = 1.0) -> None:
        self.mean, self.std = _tensor(mean), _tensor(std)
        if not (cr.stop_gradient(self.std).numpy() > 0).all():
            raise ValueError("Normal: std must be positive")

    def log_prob(self, x: Any) -> Tensor:
        """log of the density."""
        z = (_tensor(x) - self.mean) / self.std
        return -0.5 * (z * z) - cr.log(self.std) - 0.5 * LOG_2PI

    def prob(self, x: Any) -> Tensor:
        """The density."""
        return cr.exp(self.log_prob(x))

    def cdf(self, x: Any) -> Tensor:
        """Φ((x - μ) / σ) = erfc(-(x - μ) / (σ √2)) / 2."""
        return 0.5 * cr.erfc((self.mean - _tensor(x)) / self.std * math.sqrt(0.5))

    def log_cdf(self, x: Any) -> Tensor:
        """log Φ((x - μ) / σ), with all its digits far below the mean."""
        return cr.log_normal_cdf((_tensor(x) - self.mean) / self.std)

    def sample(self, shape: Any = (), *, rng: cr.Rng) -> Tensor:
        """Draws (*shape, *broadcast of mean and std), differentiable in mean and std."""
        full = np.broadcast_shapes(self.mean.shape, self.std.shape)
        z = cr.normal((*_shape(shape), *full), rng=rng, dtype=self.mean.dtype, device=self.mean.device)
        return self.mean + self.std * z

    def entropy(self) -> Tensor:
        """½ log(2πe σ²), nats."""
        return cr.log(self.std) + 0.5 * (1 + LOG_2PI)


class Laplace:
    """Two exponentials back to back, elementwise: density e^(-|x - μ| / b) / 2b, variance 2b².   Book: §2.3

    Shapes  mean and scale broadcast; x broadcasts against them
    Errors  ValueError unless scale > 0
    Differs the book's footnote has another normaliser; this density integrates to 1
    """
    def __init__(self, mean: Any = 0.0, scale: Any = 1.0) -> None:
        self.mean, self.scale = _tensor(mean), _tensor(scale)
        if not (cr.stop_gradient(self.scale).numpy() > 0).all():
            raise ValueError("Laplace: scale must be positive")

    def log_prob(self, x: Any) -> Tensor:
        """log of the density."""
        return -cr.abs(_tensor(x) - self.mean) / self.scale - cr.log(2.0 * self.scale)

    def prob(self, x: Any) -> Tensor:
        """The density."""
        return cr.exp(self.log_prob(x))

    def cdf(self, x: Any) -> Tensor:
        """e^z / 2 for z = (x - μ) / b below 0, 1 - e^-z / 2 above."""
        z = (_tensor(x) - self.mean) / self.scale
        half = 0.5 * cr.exp(-cr.abs(z))
        return cr.where(z < 0, half, 1.0 - half)

    def sample(self, shape: Any = (), *, rng: cr.Rng) -> Tensor:
        """Draws (*shape, *broadcast of mean and scale), differentiable in mean and scale."""
        full = (*_shape(shape), *np.broadcast_shapes(self.mean.shape, self.scale.shape))
        u, v = (cr.uniform(full, rng=rng, dtype=self.mean.dtype, device=self.mean.device) for _ in range(2))
        return self.mean + self.scale * (cr.log1p(-u) - cr.log1p(-v))      # of two exponentials

    def entropy(self) -> Tensor:
        """1 + log 2b, nats."""
        return 1.0 + cr.log(2.0 * self.scale)


class MultivariateNormal:
    """N(μ, Σ) of m variables, by the Cholesky factor Σ = L Lᵀ.   Book: §B.2, (B.8)

    Shapes  mean (m,), covariance (m, m), x (..., m)
    Errors  ShapeError unless these fit; ValueError unless Σ is symmetric and positive definite
    """
    def __init__(self, mean: Any, covariance: Any) -> None:
        self.mean, self.covariance = _tensor(mean), _tensor(covariance)
        m = self.mean.shape[0] if self.mean.ndim == 1 else -1
        if self.covariance.shape != (m, m):
            raise cr.ShapeError(f"MultivariateNormal: mean {self.mean.shape} needs to be (m,) and covariance "
                                f"{self.covariance.shape} (m, m)")
        values = cr.stop_gradient(self.covariance).numpy()
        if not np.allclose(values, values.T, rtol=1e-6, atol=1e-12 * np.abs(values).max(initial=0.0)):
            raise ValueError("MultivariateNormal: covariance must be symmetric")
        self.factor = cr.linalg.cholesky(self.covariance)        # L

    def log_prob(self, x: Any) -> Tensor:
        """-½ ‖L⁻¹ (x - μ)‖² - (m/2) log 2π - Σ log Lᵢᵢ.   Book: (B.8)"""
        x = _tensor(x)
        m = self.mean.shape[0]
        if x.ndim < 1 or x.shape[-1] != m:
            raise cr.ShapeError(f"MultivariateNormal: x {x.shape} needs x.shape[-1] == {m}")
        z = cr.linalg.solve_triangular(self.factor, (x - self.mean).reshape((-1, m)).T)
        square = cr.sum(z * z, axis=0).reshape(tuple(x.shape[:-1]))
        return -0.5 * square - 0.5 * m * LOG_2PI - self._log_root()

    def prob(self, x: Any) -> Tensor:
        """The density."""
        return cr.exp(self.log_prob(x))

    def sample(self, shape: Any = (), *, rng: cr.Rng) -> Tensor:
        """x = μ + L z, z standard normal: (*shape, m), differentiable in μ and Σ."""
        full = (*_shape(shape), self.mean.shape[0])
        z = cr.normal(full, rng=rng, dtype=self.mean.dtype, device=self.mean.device)
        return self.mean + z @ self.factor.T

    def entropy(self) -> Tensor:
        """(m/2) (1 + log 2π) + ½ log det Σ, nats."""
        return 0.5 * self.mean.shape[0] * (1 + LOG_2PI) + self._log_root()

    def log_det(self) -> Tensor:
        """log det Σ."""
        return 2.0 * self._log_root()

    def _log_root(self) -> Tensor:
        return cr.sum(cr.log(cr.diagonal(self.factor)))


@dataclass
class Bernoulli:
    """P(1) = φ, P(0) = 1 - φ, elementwise.   Book: §3.1, (3.1)"""
    phi: Any

    def __post_init__(self) -> None:
        self.phi = _tensor(self.phi)
        values = cr.stop_gradient(self.phi).numpy()
        if not ((values >= 0) & (values <= 1)).all():
            raise ValueError("Bernoulli: phi must lie in [0, 1]")

    def log_prob(self, y: Any) -> Tensor:
        """y log φ + (1 - y) log(1 - φ) for y in {0, 1}."""
        y = _tensor(y)
        if not np.isin(y.numpy(), (0, 1)).all():
            raise ValueError("Bernoulli: y must be 0 or 1")
        return cr.log(cr.where(y == 1, self.phi, 1.0 - self.phi))

    def sample(self, shape: Any = (), *, rng: cr.Rng) -> Tensor:
        """Draws of 0.0 and 1.0, (*shape, *phi.shape)."""
        return cr.bernoulli(self.phi, (*_shape(shape), *self.phi.shape), rng=rng)


@dataclass
class Multinomial:
    """Counts of N independent draws of K classes: P(u) = N! / Π uₖ! · Π φₖ^uₖ.   Book: §3.3

    N = 1 is the categorical distribution of a one-hot vector.
    Shapes  phi (K,), u (..., K)
    Errors  ValueError unless phi sums to 1; P(u) = 0 unless the counts sum to N
    """
    trials: int
    phi: Any

    def __post_init__(self) -> None:
        from .information import _distribution
        self.phi = _distribution("Multinomial", "phi", _tensor(self.phi))
        if self.phi.ndim != 1:
            raise cr.ShapeError(f"Multinomial: phi {self.phi.shape} needs shape (K,)")
        if self.trials < 0:
            raise ValueError(f"Multinomial: trials must not be negative, got {self.trials}")

    def log_prob(self, u: Any) -> Tensor:
        """log N! - Σ log uₖ! + Σ uₖ log φₖ, -∞ off the support."""
        counts = np.asarray(u.numpy() if isinstance(u, Tensor) else u)
        if counts.ndim < 1 or counts.shape[-1] != self.phi.shape[0]:
            raise cr.ShapeError(f"Multinomial: u {counts.shape} needs u.shape[-1] == {self.phi.shape[0]}")
        possible = (counts >= 0).all(-1) & (counts.sum(-1) == self.trials)
        kind, device = self.phi.dtype, self.phi.device
        safe = cr.tensor(np.where(possible[..., None], counts, 0), kind, device)
        ways = math.lgamma(self.trials + 1) - cr.sum(cr.lgamma(safe + 1.0), axis=-1)
        chosen = cr.where(safe > 0.0, safe * cr.log(self.phi), 0.0)
        return cr.where(cr.tensor(possible, device=device), ways + cr.sum(chosen, axis=-1), -float("inf"))

    def sample(self, shape: Any = (), *, rng: cr.Rng) -> Tensor:
        """Counts (*shape, K), int64."""
        K = self.phi.shape[0]
        draws = cr.categorical(cr.log(self.phi), shape=(*_shape(shape), self.trials), rng=rng)
        return cr.sum((draws[..., None] == cr.arange(K, device=draws.device)).astype(cr.int64), axis=-2)


# ---- divergences of normals

def kl_normal(p: MultivariateNormal, q: MultivariateNormal) -> Tensor:
    """½ [(μ₁-μ₂)ᵀ Σ₂⁻¹ (μ₁-μ₂) - m + tr(Σ₂⁻¹ Σ₁) + log(det Σ₂ / det Σ₁)].   Book: §B.2, (B.9)

    Units  nats
    Errors ShapeError unless p and q have as many variables
    """
    m = p.mean.shape[0]
    if q.mean.shape[0] != m:
        raise cr.ShapeError(f"kl_normal: p has {m} variables, q {q.mean.shape[0]}")
    gap = cr.linalg.solve_triangular(q.factor, (p.mean - q.mean)[:, None])
    ratio = cr.linalg.solve_triangular(q.factor, p.factor)       # L₂⁻¹ L₁; its norm² is the trace
    return 0.5 * (cr.sum(gap * gap) - m + cr.sum(ratio * ratio) + q.log_det() - p.log_det())


def kl_normal_isotropic(p: MultivariateNormal, mean: Any, variance: float) -> Tensor:
    """‖μ₁-μ₂‖² / 2s - m/2 + tr(Σ₁) / 2s + (m log s - log det Σ₁) / 2, against N(μ₂, s I).

    Book: §B.2, (B.10)
    """
    if not variance > 0:
        raise ValueError(f"kl_normal_isotropic: variance must be positive, got {variance!r}")
    m, gap = p.mean.shape[0], p.mean - _tensor(mean)
    trace = cr.sum(cr.diagonal(p.covariance))
    return (cr.sum(gap * gap) + trace) / (2 * variance) - m / 2 + (m * math.log(variance) - p.log_det()) / 2.0


def kl_normal_standard(mean: Any, std: Any) -> Tensor:
    """½ Σ (μ² + σ² - 1 - log σ²): N(μ, diag σ²) against N(0, I), over the last axis.   Book: §B.2, (B.11)

    Shapes  mean, std (..., m) -> (...)
    Units   nats
    """
    mean, std = _tensor(mean), _tensor(std)
    return 0.5 * cr.sum(mean * mean + std * std - 1.0 - 2.0 * cr.log(std), axis=-1)


def _tensor(x: Any) -> Tensor:
    if isinstance(x, Tensor):
        return x if x.dtype.is_floating else x.astype(cr.float32)
    return cr.tensor(np.asarray(x, np.float64))


def _shape(shape: Any) -> tuple[int, ...]:
    return (int(shape),) if isinstance(shape, (int, np.integer)) else tuple(shape)
