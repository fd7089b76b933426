"""Where weights start: each function draws a tensor of a shape from `rng`.   Book: §5.5

A weight (out, in, *kernel) has fan_in = in * prod(kernel) and fan_out = out * prod(kernel). The scaled draws
keep the size of activations (fan_in), or of activations and adjoints (both), the same over the layers.
"""
from __future__ import annotations

from collections.abc import Sequence
from math import prod, sqrt

import numpy as np

import chainrule as cr

from .. import check
from .._core import Tensor

Shape = Sequence[int]


def constant(shape: Shape, value: float = 0.0) -> Tensor:
    """Every entry is `value`."""
    return cr.full(tuple(shape), float(value))


def uniform(shape: Shape, low: float = 0.0, high: float = 1.0, *, rng) -> Tensor:
    """U(low, high)."""
    if isinstance(rng, Outline):
        return cr.broadcast_to(cr.zeros(()), tuple(shape))
    return cr.uniform(tuple(shape), low, high, rng=rng)


class Outline:
    """In place of a Rng: a model of shapes alone, whose drawn weights take no memory until they are loaded.

    Example
        >>> model = cr.models.vgg19(rng=cr.nn.init.Outline())
        >>> model.parameter_count()
        143667240
    """

    def __repr__(self) -> str:
        return "Outline()"


def normal(shape: Shape, mean: float = 0.0, std: float = 1.0, *, rng) -> Tensor:
    """N(mean, std²)."""
    check.not_negative("normal", std=std)
    if isinstance(rng, Outline):
        return cr.broadcast_to(cr.zeros(()), tuple(shape))
    return cr.normal(tuple(shape), mean, std, rng=rng)


def truncated_normal(shape: Shape, mean: float = 0.0, std: float = 1.0, bound: float = 2.0, *, rng) -> Tensor:
    """N(mean, std²) given that it lies within `bound` standard deviations: others are drawn again."""
    if not bound > 0:
        raise ValueError(f"truncated_normal: bound must be positive, got {bound!r}")
    z = cr.normal(tuple(shape), rng=rng)
    while z.size and bool(cr.any(cr.abs(z) > bound).item()):
        z = cr.where(cr.abs(z) > bound, cr.normal(tuple(shape), rng=rng), z)
    return mean + std * z


def xavier_normal(shape: Shape, *, rng, fan_in: int | None = None) -> Tensor:
    """N(0, 1 / fan_in), for tanh.   Book: §5.5

    Differs frameworks give this name to what is glorot_normal here
    """
    return normal(shape, 0.0, sqrt(1 / _fan_in("xavier_normal", shape, fan_in)), rng=rng)


def xavier_uniform(shape: Shape, *, rng, fan_in: int | None = None) -> Tensor:
    """U(-a, a) with a = √(3 / fan_in): the variance of xavier_normal.   Book: §5.5"""
    return _symmetric(shape, sqrt(3 / _fan_in("xavier_uniform", shape, fan_in)), rng)


def glorot_normal(shape: Shape, *, rng, gain: float = 1.0) -> Tensor:
    """N(0, 2 gain² / (fan_in + fan_out)).   Book: §5.5"""
    return normal(shape, 0.0, gain * sqrt(2 / sum(fans("glorot_normal", shape))), rng=rng)


def glorot_uniform(shape: Shape, *, rng, gain: float = 1.0) -> Tensor:
    """U(-a, a) with a = gain √(6 / (fan_in + fan_out)): the variance of glorot_normal.   Book: §5.5"""
    return _symmetric(shape, gain * sqrt(6 / sum(fans("glorot_uniform", shape))), rng)


def he_normal(shape: Shape, *, rng, fan_in: int | None = None) -> Tensor:
    """N(0, 2 / fan_in), for ReLU.   Book: §5.5"""
    return normal(shape, 0.0, sqrt(2 / _fan_in("he_normal", shape, fan_in)), rng=rng)


def he_uniform(shape: Shape, *, rng, fan_in: int | None = None) -> Tensor:
    """U(-a, a) with a = √(6 / fan_in): the variance of he_normal.   Book: §5.5"""
    return _symmetric(shape, sqrt(6 / _fan_in("he_uniform", shape, fan_in)), rng)


kaiming_normal, kaiming_uniform = he_normal, he_uniform


def orthogonal(shape: Shape, gain: float = 1.0, *, rng) -> Tensor:
    """gain Q with orthonormal rows or columns, whichever are fewer; axes after the first count as columns.

    Q comes from the QR factors of a normal matrix, signs such that R has a positive diagonal: then every
    orthogonal matrix is equally likely.
    """
    rows, columns = shape[0], prod(shape[1:])
    tall = np.asarray(cr.normal((max(rows, columns), min(rows, columns)), rng=rng, dtype=cr.float64))
    q, r = np.linalg.qr(tall)
    q = q * np.where(np.diag(r) < 0, -1.0, 1.0)
    q = q if rows >= columns else q.T
    return cr.tensor(np.ascontiguousarray((gain * q).reshape(tuple(shape)), np.float32))


def fans(op: str, shape: Shape) -> tuple[int, int]:
    """(fan_in, fan_out) of a weight (out, in, *kernel)."""
    if len(shape) < 2:
        raise cr.ShapeError(f"{op}: shape {tuple(shape)} needs at least two axes, (out, in, *kernel)")
    kernel = prod(shape[2:])
    return max(shape[1] * kernel, 1), max(shape[0] * kernel, 1)


def _fan_in(op: str, shape: Shape, given: int | None) -> int:
    return given if given is not None else fans(op, shape)[0]


def _symmetric(shape: Shape, bound: float, rng) -> Tensor:
    return uniform(shape, -bound, bound, rng=rng)
