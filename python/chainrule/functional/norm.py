"""Normalisations: subtract a mean, divide by a standard deviation, then scale and shift.   Book: §5.6, §7.5

They differ only in the axes that share a mean: batch norm the samples and pixels of a channel, layer norm the
features of a position, group and instance norm some channels of one sample.
"""
from __future__ import annotations

from math import prod

import chainrule as cr

from .. import _core, check
from .._core import Tensor


def moments(x: Tensor, axes: tuple[int, ...]) -> tuple[Tensor, Tensor]:
    """Mean and biased variance μ = mean(x), σ² = mean((x - μ)²), axes kept with size one.   Book: (5.38)"""
    mean = cr.mean(x, axis=axes, keepdims=True)
    centred = x - mean
    return mean, cr.mean(centred * centred, axis=axes, keepdims=True)


def layer_norm(x: Tensor, weight: Tensor | None = None, bias: Tensor | None = None, *, axes: int = 1,
               eps: float = 1e-5) -> Tensor:
    """γ (x - μ) / √(σ² + ε) + β, with mean and biased variance over the last `axes` axes.

    Book: §7.5, (7.31)

    Shapes  x (..., *shape) -> same;  weight γ and bias β (*shape)
    """
    check.positive("layer_norm", axes=axes)
    return _core._normalize_rows(x, weight, bias, axes, eps, True)


def rms_norm(x: Tensor, weight: Tensor | None = None, *, axes: int = 1, eps: float = 1e-6) -> Tensor:
    """γ x / √(mean(x²) + ε) over the last `axes` axes: layer norm without the mean.

    Shapes  x (..., *shape) -> same;  weight γ (*shape)
    """
    check.positive("rms_norm", axes=axes)
    return _core._normalize_rows(x, weight, None, axes, eps, False)


def batch_norm(x: Tensor, weight: Tensor | None = None, bias: Tensor | None = None,
               mean: Tensor | None = None, var: Tensor | None = None, *, eps: float = 1e-5
               ) -> tuple[Tensor, Tensor, Tensor]:
    """(γ (x - μ) / √(σ² + ε) + β, μ, σ²): of the batch, or with given μ and σ².   Book: §5.6, (5.38)-(5.41)

    Shapes  x (N, C, ...) -> same;  all others (C,): samples and pixels of a channel share them
    """
    if mean is None or var is None:
        return _core._normalize_channels(x, weight, bias, eps)
    if x.ndim < 2:
        raise cr.ShapeError(f"batch_norm: x {tuple(x.shape)} needs a batch and a channel axis")
    channel = (1, x.shape[1], *(1,) * (x.ndim - 2))
    scale = 1 / cr.sqrt(var + eps)
    if weight is not None:
        scale = scale * weight
    y = (x - mean.reshape(channel)) * scale.reshape(channel)
    return y if bias is None else y + bias.reshape(channel), mean, var


def group_norm(x: Tensor, groups: int, weight: Tensor | None = None, bias: Tensor | None = None, *,
               eps: float = 1e-5) -> Tensor:
    """γ (x - μ) / √(σ² + ε) + β, with μ and σ² of a sample's C / groups neighbouring channels.   Book: §6.4

    Shapes  x (N, C, ...) -> same;  weight γ and bias β (C,)
    Differs the book shares μ, σ², γ and β of a group over the batch; here, as published, samples stay apart
    """
    check.positive("group_norm", groups=groups)
    if x.ndim < 2 or x.shape[1] % groups:
        raise cr.ShapeError(f"group_norm: x {tuple(x.shape)} needs x.shape[1] to be a multiple of "
                            f"groups {groups}")
    n, c = x.shape[:2]
    grouped = x.reshape((n, groups, (c // groups) * prod(x.shape[2:])))
    y = _core._normalize_rows(grouped, None, None, 1, eps, True).reshape(tuple(x.shape))
    channel = (c, *(1,) * (x.ndim - 2))
    return _affine(y, None if weight is None else weight.reshape(channel),
                   None if bias is None else bias.reshape(channel))


def instance_norm(x: Tensor, weight: Tensor | None = None, bias: Tensor | None = None, *,
                  eps: float = 1e-5) -> Tensor:
    """γ (x - μ) / √(σ² + ε) + β, each channel of each sample by itself: group norm with C groups.

    Shapes  x (N, C, ...) -> same;  weight γ and bias β (C,)
    """
    if x.ndim < 3:
        raise cr.ShapeError(f"instance_norm: x {tuple(x.shape)} needs axes after (N, C)")
    return group_norm(x, x.shape[1], weight, bias, eps=eps)


def _affine(x: Tensor, weight: Tensor | None, bias: Tensor | None) -> Tensor:
    if weight is not None:
        x = x * weight
    return x if bias is None else x + bias
