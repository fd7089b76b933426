"""Diffusion: noise is added in many small steps, and a net learns to take it away.   Book: §8.2

Source: Ho, Jain, Abbeel (2020), Denoising diffusion probabilistic models.
"""
from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

import chainrule as cr

from .. import check
from .._core import Tensor
from ..nn import MLP, Module, sinusoidal_positions


class Diffusion(Module):
    """x = z_0, z_1, ..., z_T with z_{t+1} = √(1 - β_t) z_t + √β_t ε_t; the net guesses the noise in z_t.

    Book: §8.2, (8.31)-(8.44); a hierarchical VAE whose encoders learn nothing

    `net(z, t)` is any callable, z (N, ...) and t (N,) steps from 1 to T, the noise like z. `betas` are
    β_0 ... β_{T-1}; `variances` the σ_t² of the way back: "beta" for β_{t-1}, "posterior" for that of (8.35).

    Shapes  x (N, ...) at levels of about variance 1
    Differs one net for all steps, with t as an input, where the book has T nets
    """
    def __init__(self, net: Callable[[Tensor, Tensor], Tensor], betas: Sequence[float] | np.ndarray, *,
                 variances: str = "beta") -> None:
        check.one_of("Diffusion", "variances", variances, ("beta", "posterior"))
        beta = np.asarray(betas, np.float64)
        if beta.ndim != 1 or not len(beta) or not ((beta > 0) & (beta < 1)).all():
            raise ValueError("Diffusion: betas need to be a list of numbers between 0 and 1, both excluded")
        self.net, self.steps = net, len(beta)
        self.beta = np.concatenate([[np.nan], beta])               # beta[t] = β_{t-1}: of the step into z_t
        self.gamma = np.concatenate([[1.0], np.cumprod(1 - beta)])
        self.variance = self.beta if variances == "beta" else self.posterior()[2]

    def posterior(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """(a, b, c) at index t = 1 ... T: q(z_{t-1} | z_t, x) = N(a z_t + b x, c I).   Book: (8.35)"""
        beta, before = self.beta, np.roll(self.gamma, 1)
        rest = np.concatenate([[np.nan], 1 - self.gamma[1:]])
        a, b = (1 - before) * np.sqrt(1 - beta) / rest, np.sqrt(before) * beta / rest
        return a, b, beta * (1 - before) / rest

    def noised(self, x: Tensor, t: Tensor, noise: Tensor) -> Tensor:
        """z_t = √γ_t x + √(1 - γ_t) ε.   Book: (8.34), (8.39)"""
        return at(np.sqrt(self.gamma), t, x) * x + at(np.sqrt(1 - self.gamma), t, x) * noise

    def denoised(self, z: Tensor, t: Tensor, noise: Tensor) -> Tensor:
        """x = (z_t - √(1 - γ_t) ε) / √γ_t, the inverse of `noised`.   Book: §8.2"""
        return (z - at(np.sqrt(1 - self.gamma), t, z) * noise) / at(np.sqrt(self.gamma), t, z)

    def loss(self, x: Tensor, *, rng, weighted: bool = False) -> Tensor:
        """Mean of w_t ‖ε - net(z_t, t)‖² over the samples, t and ε drawn for each; w_t = 1 unless `weighted`.

        Book: (8.40), (8.41): w_t = β_{t-1}² / (σ_t² (1 - γ_t) (1 - β_{t-1})) makes it the evidence bound
        """
        t = cr.randint(1, self.steps + 1, (x.shape[0],), rng=rng, device=x.device)
        noise = cr.normal(x.shape, rng=rng, dtype=x.dtype, device=x.device)
        e = noise - self.net(self.noised(x, t, noise), t)
        square = cr.sum(cr.reshape(e * e, (x.shape[0], -1)), axis=-1)
        return cr.mean(at(self.weights(), t, square) * square if weighted else square)

    def weights(self) -> np.ndarray:
        """w_t at index t.   Book: (8.41)"""
        with np.errstate(divide="ignore", invalid="ignore"):       # γ_0 = 1, and σ_1 = 0 of the posterior
            return self.beta**2 / (self.variance * (1 - self.gamma) * (1 - self.beta))

    def sample(self, shape: Sequence[int], *, rng, last_noise: bool = True, keep: bool = False,
               device: str | None = None) -> Any:
        """z_T ~ N(0, I), then z_{t-1} = (z_t - β_{t-1} / √(1 - γ_t) net(z_t, t)) / √(1 - β_{t-1}) + σ_t ε.

        Book: (8.44); last_noise=False leaves the noise of the last step out; with `keep`, all T + 1 levels

        Shapes  -> (N, ...) = shape
        """
        z = cr.normal(tuple(shape), rng=rng, device=device or self.device)
        levels = [z]
        for t in range(self.steps, 0, -1):
            z = self.mean(z, cr.full((z.shape[0],), t, dtype=cr.int64, device=z.device))
            if t > 1 or last_noise:
                z = z + float(np.sqrt(self.variance[t])) * cr.normal(z.shape, rng=rng, device=z.device)
            levels.append(z)
        return levels if keep else z

    def mean(self, z: Tensor, t: Tensor) -> Tensor:
        """μ_θ(z_t): where a step back leads before its noise.   Book: (8.42)"""
        step = at(self.beta / np.sqrt(np.where(self.gamma < 1, 1 - self.gamma, np.nan)), t, z)
        return (z - step * self.net(z, t)) / at(np.sqrt(1 - self.beta), t, z)


def linear_betas(steps: int, first: float = 1e-4, last: float = 0.02) -> np.ndarray:
    """β_0 ... β_{T-1} in equal steps.   Source: Ho, Jain, Abbeel (2020)"""
    check.positive("linear_betas", steps=steps)
    return np.linspace(first, last, steps)


def at(values: np.ndarray, t: Tensor, like: Tensor) -> Tensor:
    """values[t] as a factor of a tensor (N, ...)."""
    column = cr.take(cr.tensor(values).astype(like.dtype).to(like.device), t, axis=0)
    return cr.reshape(column, (-1, *(1,) * (like.ndim - 1)))


class NoiseNet(Module):
    """A dense net for Diffusion of vectors: (z, features of t) -> noise.   Book: §8.2, μ̂_θt

    Shapes  z (N, p), t (N,) from 1 to steps -> (N, p); sines and cosines of t, (7.29), are the features
    """
    buffers = ("times",)

    def __init__(self, p: int, *hidden: int, steps: int, times: int = 32, activation: str = "silu",
                 rng) -> None:
        check.positive("NoiseNet", p=p, steps=steps)
        self.times = sinusoidal_positions(steps, times, base=max(10.0, steps / 3))
        self.net = MLP(p + times, *hidden, p, activation=activation, rng=rng)

    def __call__(self, z: Tensor, t: Tensor) -> Tensor:
        return self.net(cr.concat([z, cr.take(self.times, t - 1, axis=0).astype(z.dtype)], axis=-1))
