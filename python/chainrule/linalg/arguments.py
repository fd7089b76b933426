"""Checks that all functions of linear algebra share."""
from __future__ import annotations

from functools import reduce
from typing import Any

import chainrule as cr

from .._core import Tensor

NARROW = (cr.float16, cr.bfloat16)


def operands(op: str, *given: Any) -> tuple[list[Tensor], Any]:
    """The operands in the type that LAPACK computes in, and the type of the result."""
    xs = [cr.asarray(x) for x in given]
    for x in xs:
        if not x.dtype.is_floating:
            raise cr.DTypeError(f"{op}: needs floating tensors, got {x.dtype.name}; use .astype(cr.float32)")
        if x.device != "cpu":
            raise cr.DeviceError(f"{op}: no kernel for {x.device}; move the tensor with .to('cpu')")
    dtype = reduce(lambda t, x: cr.result_type(cr.empty(0, t), x), xs[1:], xs[0].dtype)
    return [x.astype(cr.float32 if dtype in NARROW else dtype) for x in xs], dtype


def narrowed(x: Tensor, dtype: Any) -> Tensor:
    """float16 and bfloat16 were computed in float32."""
    return x.astype(dtype)


def matrix(op: str, a: Tensor) -> None:
    if a.ndim < 2:
        raise cr.ShapeError(f"{op}: needs matrices in the last two axes, got shape {a.shape}")


def square(op: str, a: Tensor) -> None:
    if a.ndim < 2 or a.shape[-1] != a.shape[-2]:
        raise cr.ShapeError(f"{op}: needs square matrices, got shape {a.shape}")


def symmetric(a: Tensor) -> Tensor:
    """The symmetric part of A."""
    return (a + a.mT) * 0.5
