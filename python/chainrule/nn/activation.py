"""Activation functions as layers, and by name.   Book: §5.3, Fig. 5.6"""
from __future__ import annotations

from collections.abc import Callable
from typing import Any

import chainrule as cr

from .. import check
from .._core import Tensor
from .module import Module

NAMES = ("identity", "relu", "leaky_relu", "sigmoid", "tanh", "softplus", "softsign", "elu", "selu", "silu",
         "gelu", "mish", "hardtanh", "hardsigmoid", "hardswish", "relu6", "logsigmoid", "arctan", "step")


def activation_function(op: str, activation: str | Callable[[Any], Any]) -> Callable[[Any], Any]:
    """The function for a name, or the callable itself."""
    if callable(activation):
        return activation
    check.one_of(op, "activation", activation, NAMES)
    return globals()[activation]


def identity(u: Tensor) -> Tensor:
    """u"""
    return u


def relu(u: Tensor) -> Tensor:
    """max(0, u), derivative 1 at 0.   Book: (5.17)"""
    return cr.relu(u, at_zero=1.0)


def leaky_relu(u: Tensor, slope: float = 0.01) -> Tensor:
    """max(0, u) + slope min(0, u).   Book: §5.3"""
    return cr.leaky_relu(u, slope)


def sigmoid(u: Tensor) -> Tensor:
    """1 / (1 + exp(-u)).   Book: (3.4)"""
    return cr.sigmoid(u)


def tanh(u: Tensor) -> Tensor:
    """(exp(u) - exp(-u)) / (exp(u) + exp(-u)).   Book: §5.3"""
    return cr.tanh(u)


def softplus(u: Tensor) -> Tensor:
    """log(1 + exp(u)).   Book: §5.3"""
    return cr.softplus(u)


def softsign(u: Tensor) -> Tensor:
    """u / (1 + |u|).   Book: §5.3"""
    return u / (1 + cr.abs(u))


def elu(u: Tensor, alpha: float = 1.0) -> Tensor:
    """u if u > 0, else alpha (exp(u) - 1).   Book: §5.3"""
    return cr.elu(u, alpha)


def selu(u: Tensor) -> Tensor:
    """1.0507 elu(u, 1.6733): keeps mean 0 and variance 1 through layers with Var W = 1 / fan_in.

    Book: §5.3
    """
    return cr.selu(u)


def silu(u: Tensor) -> Tensor:
    """u sigmoid(u), also called swish.   Book: §5.3"""
    return cr.silu(u)


def gelu(u: Tensor, approximate: str = "none") -> Tensor:
    """u Φ(u) with the normal distribution function Φ; "tanh" takes its approximation by tanh."""
    return cr.gelu(u, approximate)


def mish(u: Tensor) -> Tensor:
    """u tanh(softplus(u))."""
    return cr.mish(u)


def hardtanh(u: Tensor) -> Tensor:
    """u, at least -1 and at most 1."""
    return cr.clip(u, -1.0, 1.0)


def hardsigmoid(u: Tensor) -> Tensor:
    """u / 6 + 1/2, at least 0 and at most 1."""
    return cr.clip(u / 6 + 0.5, 0.0, 1.0)


def hardswish(u: Tensor) -> Tensor:
    """u hardsigmoid(u)."""
    return u * hardsigmoid(u)


def relu6(u: Tensor) -> Tensor:
    """u, at least 0 and at most 6."""
    return cr.clip(u, 0.0, 6.0)


def logsigmoid(u: Tensor) -> Tensor:
    """log(sigmoid(u)) = -softplus(-u)."""
    return cr.log_sigmoid(u)


def arctan(u: Tensor) -> Tensor:
    """The angle whose tangent is u.   Book: §5.3"""
    return cr.atan(u)


def step(u: Tensor) -> Tensor:
    """-1 if u < 0, else 1; derivative 0.   Book: (5.16)"""
    return cr.where(u < 0, -cr.ones_like(u), cr.ones_like(u))


class Identity(Module):
    """x -> x: a place to put a layer later."""

    def __call__(self, x: Tensor) -> Tensor:
        return x


class ReLU(Module):
    """max(0, u), derivative 1 at 0.   Book: (5.17)"""

    def __call__(self, u: Tensor) -> Tensor:
        return relu(u)


class LeakyReLU(Module):
    """max(0, u) + slope min(0, u).   Book: §5.3"""

    def __init__(self, slope: float = 0.01) -> None:
        self.slope = slope

    def __call__(self, u: Tensor) -> Tensor:
        return leaky_relu(u, self.slope)


class PReLU(Module):
    """Leaky ReLU with trained slopes: one, or one for each of `n` channels on axis 1.   Book: §5.3

    Start   slope = 0.25
    """
    def __init__(self, n: int = 1, start: float = 0.25) -> None:
        check.positive("PReLU", n=n)
        self.weight = cr.full((n,), float(start))

    def __call__(self, u: Tensor) -> Tensor:
        slope = self.weight
        if slope.size > 1:
            if u.ndim < 2 or u.shape[1] != slope.size:
                raise cr.ShapeError(f"PReLU: u {tuple(u.shape)} needs u.shape[1] == n {slope.size}")
            slope = slope.reshape((slope.size, *(1,) * (u.ndim - 2)))
        return cr.where(u < 0, slope * u, u)


class Sigmoid(Module):
    """1 / (1 + exp(-u)).   Book: (3.4)"""

    def __call__(self, u: Tensor) -> Tensor:
        return cr.sigmoid(u)


class Tanh(Module):
    """(exp(u) - exp(-u)) / (exp(u) + exp(-u)).   Book: §5.3"""

    def __call__(self, u: Tensor) -> Tensor:
        return cr.tanh(u)


class Softplus(Module):
    """log(1 + exp(u)).   Book: §5.3"""

    def __call__(self, u: Tensor) -> Tensor:
        return cr.softplus(u)


class Softsign(Module):
    """u / (1 + |u|).   Book: §5.3"""

    def __call__(self, u: Tensor) -> Tensor:
        return softsign(u)


class ELU(Module):
    """u if u > 0, else alpha (exp(u) - 1).   Book: §5.3"""

    def __init__(self, alpha: float = 1.0) -> None:
        self.alpha = alpha

    def __call__(self, u: Tensor) -> Tensor:
        return elu(u, self.alpha)


class SELU(Module):
    """1.0507 elu(u, 1.6733).   Book: §5.3"""

    def __call__(self, u: Tensor) -> Tensor:
        return selu(u)


class SiLU(Module):
    """u sigmoid(u), also called swish.   Book: §5.3"""

    def __call__(self, u: Tensor) -> Tensor:
        return silu(u)


class GELU(Module):
    """u Φ(u) with the normal distribution function Φ; "tanh" takes its approximation by tanh."""

    def __init__(self, approximate: str = "none") -> None:
        self.approximate = approximate

    def __call__(self, u: Tensor) -> Tensor:
        return gelu(u, self.approximate)


class Mish(Module):
    """u tanh(softplus(u))."""

    def __call__(self, u: Tensor) -> Tensor:
        return mish(u)


class Hardtanh(Module):
    """u, at least -1 and at most 1."""

    def __call__(self, u: Tensor) -> Tensor:
        return hardtanh(u)


class Hardswish(Module):
    """u hardsigmoid(u)."""

    def __call__(self, u: Tensor) -> Tensor:
        return hardswish(u)


class ReLU6(Module):
    """u, at least 0 and at most 6."""

    def __call__(self, u: Tensor) -> Tensor:
        return relu6(u)


class Step(Module):
    """-1 if u < 0, else 1; derivative 0.   Book: (5.16)"""

    def __call__(self, u: Tensor) -> Tensor:
        return step(u)


class Softmax(Module):
    """exp(z) / Σ exp(z) along an axis.   Book: (3.25), (5.18)"""

    def __init__(self, axis: int = -1) -> None:
        self.axis = axis

    def __call__(self, z: Tensor) -> Tensor:
        return cr.softmax(z, axis=self.axis)


class LogSoftmax(Module):
    """z - log Σ exp(z) along an axis.   Book: (3.25)"""

    def __init__(self, axis: int = -1) -> None:
        self.axis = axis

    def __call__(self, z: Tensor) -> Tensor:
        return cr.log_softmax(z, axis=self.axis)
