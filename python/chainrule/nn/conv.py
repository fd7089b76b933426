"""Convolution layers over one, two or three spatial axes, and their transposes.   Book: §6.2, §6.3"""
from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import Any

import chainrule as cr

from .. import check
from .._core import Tensor
from . import init
from .module import Module

Sizes = int | Sequence[int]


class _Conv(Module):
    """z = w ⋆ x + b: the window product of cross correlation (the kernel is not turned)."""
    axes = 0

    def __init__(self, c_in: int, c_out: int, size: Sizes, stride: Sizes = 1, padding: Sizes | str = 0,
                 dilation: Sizes = 1, groups: int = 1, bias: bool = True, *, rng) -> None:
        op = type(self).__name__
        check.positive(op, c_in=c_in, c_out=c_out, groups=groups)
        check.divides(op, "groups", groups, "c_in", c_in)
        check.divides(op, "groups", groups, "c_out", c_out)
        self.size = check.axes_tuple(op, "size", size, self.axes, 1)
        self.stride = check.axes_tuple(op, "stride", stride, self.axes, 1)
        self.dilation = check.axes_tuple(op, "dilation", dilation, self.axes, 1)
        self.groups = groups
        if isinstance(padding, str):
            check.one_of(op, "padding", padding, ("same", "valid"))
            if padding == "same" and max(self.stride) > 1:
                raise ValueError(f"{op}: padding 'same' needs stride 1, got {stride!r}")
        else:
            padding = check.axes_tuple(op, "padding", padding, self.axes, 0)
        self.padding = padding
        self.weight = init.he_normal((c_out, c_in // groups, *self.size), rng=rng)
        self.bias = cr.zeros((c_out,)) if bias else None

    def __call__(self, x: Tensor) -> Tensor:
        c_in = self.weight.shape[1] * self.groups
        if x.ndim <= self.axes or x.shape[-self.axes - 1] != c_in:
            raise cr.ShapeError(f"{type(self).__name__}: x {tuple(x.shape)} needs "
                                f"x.shape[{-self.axes - 1}] == c_in {c_in}")
        return cr.conv(x, self.weight, stride=self.stride, padding=self.zeros(), dilation=self.dilation,
                       groups=self.groups, bias=self.bias)

    def zeros(self) -> Sequence[int] | Sequence[tuple[int, int]]:
        """How many around x. "same" needs d (k - 1) an axis, half before; the odd one after."""
        if not isinstance(self.padding, str):
            return self.padding
        total = [d * (k - 1) if self.padding == "same" else 0
                 for d, k in zip(self.dilation, self.size, strict=True)]
        return [(n // 2, n - n // 2) for n in total]

    def multiply_adds(self, x: Tensor, y: Tensor) -> int:
        return y.size * prod(self.weight.shape[1:])

    def __repr__(self) -> str:
        return _describe(self, self.weight.shape[1] * self.groups, self.weight.shape[0])


class Conv1d(_Conv):
    """Convolution over time: z[j, t] = Σᵢ Σₖ w[j, i, k] x[i, s t + d k] + b[j].   Book: §6.2, (6.1), (6.14)

    Shapes  x (..., c_in, T) -> z (..., c_out, 1 + ⌊(T + 2 padding - d (size - 1) - 1) / s⌋);
            w (c_out, c_in / groups, size);  b (c_out,)
    Start   w ~ N(0, 2 / fan_in), fan_in = c_in size / groups (He, §5.5);  b = 0
    Errors  ShapeError unless x.shape[-2] == c_in
    Differs padding counts one side (the book's p is the total); "same" keeps T, the odd zero after
    """
    axes = 1


class Conv2d(_Conv):
    """Convolution over images: z[j, h, v] = Σᵢ Σₖₗ w[j, i, k, l] x[i, s h + d k, s v + d l] + b[j].

    Book: §6.3, (6.14), over channels (6.20), (6.21), sizes (6.17)

    Shapes  x (..., c_in, H, W) -> z (..., c_out, H', W'), each 1 + ⌊(H + 2 padding - d (size - 1) - 1) / s⌋;
            w (c_out, c_in / groups, *size);  b (c_out,)
    Start   w ~ N(0, 2 / fan_in), fan_in = c_in prod(size) / groups (He, §5.5);  b = 0
    Errors  ShapeError unless x.shape[-3] == c_in
    Differs padding counts one side (the book's p is the total); "same" keeps H and W, the odd zero after
    """
    axes = 2


class Conv3d(_Conv):
    """Convolution over volumes or clips, as Conv2d with three spatial axes.   Book: §6.2, (6.8)

    Shapes  x (..., c_in, D, H, W) -> z (..., c_out, D', H', W');  w (c_out, c_in / groups, *size);  b (c_out)
    Start   w ~ N(0, 2 / fan_in), fan_in = c_in prod(size) / groups (He, §5.5);  b = 0
    Errors  ShapeError unless x.shape[-4] == c_in
    """
    axes = 3


class _ConvTranspose(Module):
    """z = wᵀ ⋆ x + b: the adjoint of the convolution with the same w, stride, padding and dilation."""
    axes = 0

    def __init__(self, c_in: int, c_out: int, size: Sizes, stride: Sizes = 1, padding: Sizes = 0,
                 output_padding: Sizes = 0, groups: int = 1, bias: bool = True, dilation: Sizes = 1,
                 *, rng) -> None:
        op = type(self).__name__
        check.positive(op, c_in=c_in, c_out=c_out, groups=groups)
        check.divides(op, "groups", groups, "c_in", c_in)
        check.divides(op, "groups", groups, "c_out", c_out)
        self.size = check.axes_tuple(op, "size", size, self.axes, 1)
        self.stride = check.axes_tuple(op, "stride", stride, self.axes, 1)
        self.padding = check.axes_tuple(op, "padding", padding, self.axes, 0)
        self.output_padding = check.axes_tuple(op, "output_padding", output_padding, self.axes, 0)
        self.dilation = check.axes_tuple(op, "dilation", dilation, self.axes, 1)
        for extra, s, d in zip(self.output_padding, self.stride, self.dilation, strict=True):
            if extra >= max(s, d):
                raise ValueError(f"{op}: output_padding {output_padding!r} needs to be less than "
                                 f"stride {stride!r} or dilation {dilation!r}")
        self.groups = groups
        # an output pixel meets one kernel tap in every `stride`, so fewer terms than c_in * prod(size)
        fan_in = max(1, c_in // groups * prod(self.size) // prod(self.stride))
        self.weight = init.he_normal((c_in, c_out // groups, *self.size), rng=rng, fan_in=fan_in)
        self.bias = cr.zeros((c_out,)) if bias else None

    def __call__(self, x: Tensor) -> Tensor:
        c_in = self.weight.shape[0]
        if x.ndim <= self.axes or x.shape[-self.axes - 1] != c_in:
            raise cr.ShapeError(f"{type(self).__name__}: x {tuple(x.shape)} needs "
                                f"x.shape[{-self.axes - 1}] == c_in {c_in}")
        return cr.conv_transpose(x, self.weight, stride=self.stride, padding=self.padding,
                                 output_padding=self.output_padding, dilation=self.dilation,
                                 groups=self.groups, bias=self.bias)

    def multiply_adds(self, x: Tensor, y: Tensor) -> int:
        return x.size * prod(self.weight.shape[1:])

    def __repr__(self) -> str:
        return _describe(self, self.weight.shape[0], self.weight.shape[1] * self.groups)


class ConvTranspose1d(_ConvTranspose):
    """Adjoint of Conv1d: spreads each entry of x over a window of the output.   Book: §6.4, deconvolution

    Shapes  x (..., c_in, T) -> z (..., c_out, s (T - 1) - 2 padding + d (size - 1) + output_padding + 1);
            w (c_in, c_out / groups, size);  b (c_out,)
    Start   w ~ N(0, 2 / fan_in), fan_in = c_in size / (groups stride) (He, §5.5);  b = 0
    Errors  ShapeError unless x.shape[-2] == c_in
    """
    axes = 1


class ConvTranspose2d(_ConvTranspose):
    """Adjoint of Conv2d, as ConvTranspose1d with two spatial axes.   Book: §6.4, deconvolution

    Shapes  x (..., c_in, H, W) -> z (..., c_out, H', W');  w (c_in, c_out / groups, *size);  b (c_out,)
    Start   w ~ N(0, 2 / fan_in), fan_in = c_in prod(size) / (groups prod(stride)) (He, §5.5);  b = 0
    Errors  ShapeError unless x.shape[-3] == c_in
    """
    axes = 2


class ConvTranspose3d(_ConvTranspose):
    """Adjoint of Conv3d, as ConvTranspose1d with three spatial axes.   Book: §6.4, deconvolution

    Shapes  x (..., c_in, D, H, W) -> z (..., c_out, D', H', W');  w (c_in, c_out / groups, *size);  b (c_out)
    Start   w ~ N(0, 2 / fan_in), fan_in = c_in prod(size) / (groups prod(stride)) (He, §5.5);  b = 0
    Errors  ShapeError unless x.shape[-4] == c_in
    """
    axes = 3


def _describe(layer: Any, c_in: int, c_out: int) -> str:
    """Conv2d(3, 16, size=(3, 3), padding=(1, 1)): what differs from the defaults."""
    usual = {"stride": 1, "padding": 0, "output_padding": 0, "dilation": 1}
    parts = [f"{name}={getattr(layer, name)!r}" for name, value in usual.items()
             if getattr(layer, name, value) not in (value, (value,) * layer.axes)]
    parts += [f"groups={layer.groups}"] * (layer.groups != 1) + ["bias=False"] * (layer.bias is None)
    return f"{type(layer).__name__}({', '.join([str(c_in), str(c_out), f'size={layer.size}', *parts])})"
