"""Corruptions x -> x̌ that a denoising autoencoder learns to undo.   Book: §3.5

Source: Vincent, Larochelle, Lajoie, Bengio, Manzagol (2010), Stacked denoising autoencoders.
"""
from __future__ import annotations

import math

import chainrule as cr

from .. import check
from .._core import Tensor
from .module import Module


def gaussian(x: Tensor, std: float, *, rng) -> Tensor:
    """x + std ε with ε ~ N(0, 1) for each entry.   Book: §3.5"""
    check.not_negative("gaussian", std=std)
    return x + std * cr.normal(x.shape, rng=rng, dtype=x.dtype, device=x.device)


def masking(x: Tensor, fraction: float, *, rng) -> Tensor:
    """A fraction of the entries of each sample, chosen at random, becomes 0.   Book: §3.5

    Shapes  x (N, ...); round(fraction · p) of the p entries of each row are hit
    """
    return cr.where(_hit("masking", x, fraction, rng), cr.zeros_like(x), x)


def salt_and_pepper(x: Tensor, fraction: float, *, rng, low: float | None = None,
                    high: float | None = None) -> Tensor:
    """A fraction of the entries of each sample becomes `low` or `high`, each equally likely.   Book: §3.5

    Shapes  as masking; low and high by default the least and greatest entry of the sample
    """
    hit = _hit("salt_and_pepper", x, fraction, rng)
    if not x.size:
        return x
    axes = tuple(range(1, x.ndim))
    dark = cr.min(x, axis=axes, keepdims=True) if low is None else cr.full_like(x, low)
    bright = cr.max(x, axis=axes, keepdims=True) if high is None else cr.full_like(x, high)
    pepper = cr.uniform(x.shape, rng=rng, device=x.device) < 0.5
    return cr.where(hit, cr.where(pepper, dark, bright), x)


class GaussianNoise(Module):
    """Training: x + std ε, ε ~ N(0, 1).  Eval: x.   Book: §3.5"""

    def __init__(self, std: float, *, rng) -> None:
        check.not_negative("GaussianNoise", std=std)
        self.std, self.rng = std, rng

    def __call__(self, x: Tensor) -> Tensor:
        return gaussian(x, self.std, rng=self.rng) if self.training else x


class Masking(Module):
    """Training: a fraction of the entries of each sample is 0.  Eval: x.   Book: §3.5

    Differs Dropout draws each entry for itself and scales the others; here exactly the fraction is hit
    """
    def __init__(self, fraction: float, *, rng) -> None:
        check.fraction("Masking", fraction=fraction)
        self.fraction, self.rng = fraction, rng

    def __call__(self, x: Tensor) -> Tensor:
        return masking(x, self.fraction, rng=self.rng) if self.training else x


class SaltAndPepper(Module):
    """Training: a fraction of the entries of each sample is `low` or `high`.  Eval: x.   Book: §3.5"""

    def __init__(self, fraction: float, *, rng, low: float | None = None, high: float | None = None) -> None:
        check.fraction("SaltAndPepper", fraction=fraction)
        self.fraction, self.low, self.high, self.rng = fraction, low, high, rng

    def __call__(self, x: Tensor) -> Tensor:
        if not self.training:
            return x
        return salt_and_pepper(x, self.fraction, rng=self.rng, low=self.low, high=self.high)


def _hit(op: str, x: Tensor, fraction: float, rng) -> Tensor:
    """A mask of x's shape, True at round(fraction p) places of each row, all choices equally likely."""
    check.fraction(op, fraction=fraction)
    if x.ndim < 2:
        raise cr.ShapeError(f"{op}: x {tuple(x.shape)} needs one row a sample, at least 2 axes")
    p = math.prod(x.shape[1:])
    count = round(fraction * p)
    if not x.size or count == 0:
        return cr.zeros(x.shape, dtype=cr.bool, device=x.device)
    keys = cr.uniform((x.shape[0], p), rng=rng, dtype=cr.float64, device=x.device)
    return (keys <= cr.sort(keys, axis=-1)[:, count - 1:count]).reshape(x.shape)
