"""Checks that all functions of linear algebra share."""
from __future__ import annotations

from collections.abc import Callable
from functools import reduce
from typing import Any

import chainrule as cr

from .._core import Tensor

NARROW = (cr.float16, cr.bfloat16)


def operands(op: str, *given: Any) -> tuple[list[Tensor], Callable[[Tensor], Tensor]]:
    """The operands as LAPACK takes them, on the CPU in 32 or 64 bits, and the way back for a result."""
    xs = [cr.asarray(x) for x in given]
    for x in xs:
        if not x.dtype.is_floating:
            raise cr.DTypeError(f"{op}: needs floating tensors, got {x.dtype.name}; use .astype(cr.float32)")
        if x.device != xs[0].device:
            raise cr.DeviceError(f"{op}: a is on {xs[0].device} and b on {x.device}; move one with .to(...)")
    device = xs[0].device
    dtype = reduce(lambda t, x: cr.result_type(cr.empty(0, t), x), xs[1:], xs[0].dtype)
    computed = cr.float32 if dtype in NARROW else dtype
    return [x.to("cpu").astype(computed) for x in xs], lambda y: y.astype(dtype).to(device)


def matrix(op: str, a: Tensor) -> None:
    if a.ndim < 2:
        raise cr.ShapeError(f"{op}: needs matrices in the last two axes, got shape {a.shape}")


def square(op: str, a: Tensor) -> None:
    if a.ndim < 2 or a.shape[-1] != a.shape[-2]:
        raise cr.ShapeError(f"{op}: needs square matrices, got shape {a.shape}")


def symmetric(a: Tensor) -> Tensor:
    """The symmetric part of A."""
    return (a + a.mT) * 0.5
