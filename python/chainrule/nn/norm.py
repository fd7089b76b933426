"""Normalisation layers: batch, layer, group, instance and root mean square.   Book: §5.6, §6.4, §7.5"""
from __future__ import annotations

from collections.abc import Sequence

import chainrule as cr

from .. import check
from .._core import Tensor
from ..functional.norm import batch_norm, group_norm, instance_norm, layer_norm, rms_norm
from .module import Module


class _BatchNorm(Module):
    """Channels of mean 0 and variance 1 over the batch, then γ, β; stored estimates in eval mode."""
    buffers = ("running_mean", "running_var", "num_batches_tracked")
    ndims: tuple[int, ...] = ()

    def __init__(self, n: int, eps: float = 1e-5, momentum: float | None = 0.1, affine: bool = True,
                 track_running_stats: bool = True) -> None:
        op = type(self).__name__
        check.positive(op, n=n)
        check.not_negative(op, eps=eps)
        if momentum is not None:
            check.fraction(op, momentum=momentum)
        self.n, self.eps, self.momentum = n, eps, momentum
        self.weight = cr.ones((n,)) if affine else None
        self.bias = cr.zeros((n,)) if affine else None
        self.running_mean = cr.zeros((n,)) if track_running_stats else None
        self.running_var = cr.ones((n,)) if track_running_stats else None
        self.num_batches_tracked = cr.zeros((), dtype=cr.int64) if track_running_stats else None

    def __call__(self, x: Tensor) -> Tensor:
        if x.ndim not in self.ndims or x.shape[1] != self.n:
            raise cr.ShapeError(f"{type(self).__name__}: x {tuple(x.shape)} needs {self.ndims[-1]} axes with "
                                f"x.shape[1] == n {self.n}")
        if not self.training and self.running_mean is not None:
            return batch_norm(x, self.weight, self.bias, self.running_mean, self.running_var, eps=self.eps)[0]
        if self.training and x.size == self.n:
            raise cr.ShapeError(f"{type(self).__name__}: x {tuple(x.shape)} needs more than one value a "
                                "channel to train; use .eval() for single samples")
        y, mean, var = batch_norm(x, self.weight, self.bias, eps=self.eps)
        if self.training and self.running_mean is not None:
            self.remember(cr.stop_gradient(mean), cr.stop_gradient(var), x.size // self.n)
        return y

    def remember(self, mean: Tensor, var: Tensor, count: int) -> None:
        """r ← (1 - m) r + m (estimate), of the mean and of the unbiased variance.   Book: §5.6, (4.14)"""
        assert self.running_mean is not None and self.running_var is not None
        assert self.num_batches_tracked is not None
        self.num_batches_tracked[...] = self.num_batches_tracked + 1
        m = 1 / self.num_batches_tracked.item() if self.momentum is None else self.momentum
        self.running_mean[...] = (1 - m) * self.running_mean + m * mean
        self.running_var[...] = (1 - m) * self.running_var + (m * count / (count - 1)) * var


class BatchNorm1d(_BatchNorm):
    """z̃ = γ (z - μ) / √(σ² + ε) + β, with μ and σ² of each feature over the batch.

    Book: §5.6, (5.38)-(5.41)

    Shapes  z (N, n) or (N, n, T) -> same;  γ = weight, β = bias, running_mean, running_var (n,)
    Start   γ = 1, β = 0
    Differs the stored estimate r ← (1 - momentum) r + momentum σ² is of the unbiased variance, where the book
            smooths σ with β = 1 - momentum; momentum=None takes the mean over all batches
    """
    ndims = (2, 3)


class BatchNorm2d(_BatchNorm):
    """Batch norm whose statistics are shared by all pixels of a channel.   Book: §6.4, (6.26)

    Shapes  z (N, n, H, W) -> same;  parameters and buffers as BatchNorm1d
    """
    ndims = (4,)


class BatchNorm3d(_BatchNorm):
    """Batch norm whose statistics are shared by all voxels of a channel.   Book: §6.4, (6.26)

    Shapes  z (N, n, D, H, W) -> same;  parameters and buffers as BatchNorm1d
    """
    ndims = (5,)


class LayerNorm(Module):
    """γ (z - μ) / √(σ² + ε) + β, with μ and σ² over the features of each position alone.   Book: §7.5, (7.31)

    Shapes  z (..., *shape) -> same;  γ = weight, β = bias (*shape); an integer shape p means (p,)
    Start   γ = 1, β = 0
    """
    def __init__(self, shape: int | Sequence[int], eps: float = 1e-5, affine: bool = True,
                 bias: bool = True) -> None:
        self.shape = _shape("LayerNorm", shape)
        check.not_negative("LayerNorm", eps=eps)
        self.eps = eps
        self.weight = cr.ones(self.shape) if affine else None
        self.bias = cr.zeros(self.shape) if affine and bias else None

    def __call__(self, z: Tensor) -> Tensor:
        _ends_in("LayerNorm", z, self.shape)
        return layer_norm(z, self.weight, self.bias, axes=len(self.shape), eps=self.eps)


class RMSNorm(Module):
    """γ z / √(mean(z²) + ε) over the features of each position: layer norm without means.

    Shapes  z (..., *shape) -> same;  γ = weight (*shape); an integer shape p means (p,)
    Start   γ = 1
    """
    def __init__(self, shape: int | Sequence[int], eps: float = 1e-6, affine: bool = True) -> None:
        self.shape = _shape("RMSNorm", shape)
        check.not_negative("RMSNorm", eps=eps)
        self.eps = eps
        self.weight = cr.ones(self.shape) if affine else None

    def __call__(self, z: Tensor) -> Tensor:
        _ends_in("RMSNorm", z, self.shape)
        return rms_norm(z, self.weight, axes=len(self.shape), eps=self.eps)


class GroupNorm(Module):
    """γ (z - μ) / √(σ² + ε) + β, with μ and σ² of n / groups channels of one sample.   Book: §6.4

    Shapes  z (N, n, ...) -> same;  γ = weight, β = bias (n,)
    Start   γ = 1, β = 0
    Differs see functional.group_norm
    """
    def __init__(self, groups: int, n: int, eps: float = 1e-5, affine: bool = True) -> None:
        check.positive("GroupNorm", groups=groups, n=n)
        check.divides("GroupNorm", "groups", groups, "n", n)
        check.not_negative("GroupNorm", eps=eps)
        self.groups, self.n, self.eps = groups, n, eps
        self.weight = cr.ones((n,)) if affine else None
        self.bias = cr.zeros((n,)) if affine else None

    def __call__(self, z: Tensor) -> Tensor:
        if z.ndim < 2 or z.shape[1] != self.n:
            raise cr.ShapeError(f"GroupNorm: z {tuple(z.shape)} needs z.shape[1] == n {self.n}")
        return group_norm(z, self.groups, self.weight, self.bias, eps=self.eps)


class _InstanceNorm(Module):
    """Group norm with one channel a group, without parameters unless affine."""
    axes = 0

    def __init__(self, n: int, eps: float = 1e-5, affine: bool = False) -> None:
        op = type(self).__name__
        check.positive(op, n=n)
        check.not_negative(op, eps=eps)
        self.n, self.eps = n, eps
        self.weight = cr.ones((n,)) if affine else None
        self.bias = cr.zeros((n,)) if affine else None

    def __call__(self, z: Tensor) -> Tensor:
        if z.ndim != self.axes + 2 or z.shape[1] != self.n:
            raise cr.ShapeError(f"{type(self).__name__}: z {tuple(z.shape)} needs {self.axes + 2} axes with "
                                f"z.shape[1] == n {self.n}")
        return instance_norm(z, self.weight, self.bias, eps=self.eps)


class InstanceNorm1d(_InstanceNorm):
    """(z - μ) / √(σ² + ε) of each channel of each sample, z (N, n, T); with affine=True also γ and β."""
    axes = 1


class InstanceNorm2d(_InstanceNorm):
    """(z - μ) / √(σ² + ε) of each channel of each sample, z (N, n, H, W); with affine=True also γ and β."""
    axes = 2


class InstanceNorm3d(_InstanceNorm):
    """(z - μ) / √(σ² + ε) of each channel of each sample, z (N, n, D, H, W); also γ, β if affine."""
    axes = 3


def _shape(op: str, shape: int | Sequence[int]) -> tuple[int, ...]:
    sizes = (shape,) if isinstance(shape, int) else tuple(shape)
    if not sizes:
        raise ValueError(f"{op}: shape {shape!r} needs at least one axis")
    for n in sizes:
        check.positive(op, shape=n)
    return sizes


def _ends_in(op: str, z: Tensor, shape: tuple[int, ...]) -> None:
    if z.ndim < len(shape) or tuple(z.shape[-len(shape):]) != shape:
        raise cr.ShapeError(f"{op}: z {tuple(z.shape)} needs to end in shape {shape}")
