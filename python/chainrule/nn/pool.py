"""Pooling layers: a window becomes its maximum or its mean, channel by channel.   Book: §6.4"""
from __future__ import annotations

from collections.abc import Sequence

import chainrule as cr

from .. import check
from .._core import Tensor
from .module import Module

Sizes = int | Sequence[int]


class _MaxPool(Module):
    """The largest entry of each window."""
    axes = 0

    def __init__(self, size: Sizes, stride: Sizes | None = None, padding: Sizes = 0, dilation: Sizes = 1,
                 ceil_mode: bool = False) -> None:
        op = type(self).__name__
        self.size = check.axes_tuple(op, "size", size, self.axes, 1)
        self.stride = check.axes_tuple(op, "stride", size if stride is None else stride, self.axes, 1)
        self.padding = check.axes_tuple(op, "padding", padding, self.axes, 0)
        self.dilation = check.axes_tuple(op, "dilation", dilation, self.axes, 1)
        self.ceil_mode = ceil_mode
        _half_at_most(op, self.padding, self.size)

    def __call__(self, x: Tensor) -> Tensor:
        _require_space(self, x)
        return cr.max_pool(x, self.size, stride=self.stride, padding=self.padding, dilation=self.dilation,
                           ceil_mode=self.ceil_mode)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.size}, stride={self.stride})"


class _AvgPool(Module):
    """The mean of each window."""
    axes = 0

    def __init__(self, size: Sizes, stride: Sizes | None = None, padding: Sizes = 0, ceil_mode: bool = False,
                 count_include_pad: bool = True) -> None:
        op = type(self).__name__
        self.size = check.axes_tuple(op, "size", size, self.axes, 1)
        self.stride = check.axes_tuple(op, "stride", size if stride is None else stride, self.axes, 1)
        self.padding = check.axes_tuple(op, "padding", padding, self.axes, 0)
        self.ceil_mode = ceil_mode
        self.count_include_pad = count_include_pad
        _half_at_most(op, self.padding, self.size)

    def __call__(self, x: Tensor) -> Tensor:
        _require_space(self, x)
        return cr.avg_pool(x, self.size, stride=self.stride, padding=self.padding, ceil_mode=self.ceil_mode,
                           count_include_pad=self.count_include_pad)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.size}, stride={self.stride})"


class _Adaptive(Module):
    """Windows chosen such that the output has the given size."""
    axes = 0
    maximum = False

    def __init__(self, size: Sizes) -> None:
        self.size = check.axes_tuple(type(self).__name__, "size", size, self.axes, 1)

    def __call__(self, x: Tensor) -> Tensor:
        _require_space(self, x)
        pool = cr.adaptive_max_pool if self.maximum else cr.adaptive_avg_pool
        return pool(x, self.size)


def _require_space(layer: _MaxPool | _AvgPool | _Adaptive, x: Tensor) -> None:
    if x.ndim <= layer.axes:
        raise cr.ShapeError(f"{type(layer).__name__}: x {tuple(x.shape)} needs a channel axis and "
                            f"{layer.axes} spatial axes")


def _half_at_most(op: str, padding: tuple[int, ...], size: tuple[int, ...]) -> None:
    """A window never lies in the padding alone."""
    if any(2 * p > k for p, k in zip(padding, size, strict=True)):
        raise ValueError(f"{op}: padding {padding} needs to be at most half of size {size}")


class MaxPool1d(_MaxPool):
    """max over windows of x (..., C, T), C kept; padding acts as -∞; stride = size if not given.

    Book: §6.4
    """
    axes = 1


class MaxPool2d(_MaxPool):
    """max over windows of x (..., C, H, W), C kept; padding acts as -∞; stride = size if not given.

    Book: §6.4; output sizes as (6.17) with K = size
    """
    axes = 2


class MaxPool3d(_MaxPool):
    """max over windows of x (..., C, D, H, W), C kept; padding acts as -∞; stride = size if not given.

    Book: §6.4
    """
    axes = 3


class AvgPool1d(_AvgPool):
    """mean over windows of x (..., C, T); padded zeros count unless count_include_pad=False.   Book: §6.4"""
    axes = 1


class AvgPool2d(_AvgPool):
    """mean over windows of x (..., C, H, W); padded zeros count unless count_include_pad=False.

    Book: §6.4
    """
    axes = 2


class AvgPool3d(_AvgPool):
    """mean over windows of x (..., C, D, H, W); padded zeros count unless count_include_pad=False.

    Book: §6.4
    """
    axes = 3


class AdaptiveAvgPool1d(_Adaptive):
    """x (..., C, T) -> (..., C, size): window i is the mean of [⌊i T / size⌋, ⌈(i + 1) T / size⌉)."""
    axes = 1


class AdaptiveAvgPool2d(_Adaptive):
    """x (..., C, H, W) -> (..., C, *size): means over windows as in 1d; size 1 is the global mean."""
    axes = 2


class AdaptiveAvgPool3d(_Adaptive):
    """x (..., C, D, H, W) -> (..., C, *size): means over windows as AdaptiveAvgPool1d."""
    axes = 3


class AdaptiveMaxPool1d(_Adaptive):
    """x (..., C, T) -> (..., C, size): window i is the maximum of [⌊i T / size⌋, ⌈(i + 1) T / size⌉)."""
    axes, maximum = 1, True


class AdaptiveMaxPool2d(_Adaptive):
    """x (..., C, H, W) -> (..., C, *size): maxima over windows as AdaptiveMaxPool1d."""
    axes, maximum = 2, True


class AdaptiveMaxPool3d(_Adaptive):
    """x (..., C, D, H, W) -> (..., C, *size): maxima over windows as AdaptiveMaxPool1d."""
    axes, maximum = 3, True
