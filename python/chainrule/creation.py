"""Tensors from Python data, NumPy arrays and other libraries, and from nothing."""
from __future__ import annotations

import math
from typing import Any

import numpy as np

from . import _core
from ._core import Tensor

__all__ = ["tensor", "asarray", "from_dlpack", "ones", "arange", "linspace", "zeros_like", "ones_like",
           "full_like", "empty_like", "result_type"]


def _finished(x: Tensor, dtype: Any, device: str | None) -> Tensor:
    x = x if dtype is None else _core.astype(x, dtype)
    return x if device is None else _core.to_device(x, device)


def tensor(data: Any, dtype: Any = None, device: str | None = None) -> Tensor:
    """A new tensor with the values of a number, nested lists, a NumPy array or a tensor.

    Python floats become float32, ints int64, bools bool; NumPy arrays keep their type.
    """
    if isinstance(data, Tensor):
        return _finished(_core.copy(data), dtype, device)
    if isinstance(data, (np.ndarray, np.generic)):
        return _finished(_core.copy(_core.from_array(data)), dtype, device)
    if isinstance(data, (list, tuple)) and any(isinstance(v, Tensor) for v in data):
        parts = [v if isinstance(v, Tensor) else tensor(v) for v in data]
        return _finished(_core.stack(parts, 0), dtype, device)
    try:
        array = np.array(data)
    except ValueError:
        raise _core.ShapeError("tensor: nested lists must have equal lengths at each level") from None
    if array.dtype == np.float64 or array.size == 0:
        # Parsed as float64; narrowed only now, so that a dtype given by the caller gets all digits.
        return _finished(_core.from_array(array), dtype or _core.float32, device)
    if array.dtype.kind not in "biuf":
        raise _core.DTypeError(f"tensor: data must be numbers, got {array.dtype.name} from "
                               f"{type(data).__name__}")
    return _finished(_core.from_array(array), dtype, device)


def asarray(x: Any, dtype: Any = None, device: str | None = None) -> Tensor:
    """x as a tensor; a NumPy array keeps its bytes, which both then share.

    Errors  DTypeError for NumPy types without a tensor type
    """
    if isinstance(x, Tensor):
        return _finished(x, dtype, device)
    if isinstance(x, (np.ndarray, np.generic)):
        return _finished(_core.from_array(x), dtype, device)
    if hasattr(x, "__dlpack__"):
        return _finished(from_dlpack(x), dtype, device)
    return tensor(x, dtype, device)


def from_dlpack(x: Any) -> Tensor:
    """A tensor on the bytes of another library's array (DLPack)."""
    if not hasattr(x, "__dlpack__"):
        raise TypeError(f"from_dlpack: {type(x).__name__} has no __dlpack__")
    return _core._from_dlpack(x.__dlpack__())


def ones(shape: Any, dtype: Any = _core.float32, device: str = "cpu") -> Tensor:
    """A tensor of ones."""
    return _core.full(shape, 1, dtype, device)


def arange(start: float, stop: float | None = None, step: float = 1, dtype: Any = None,
           device: str = "cpu") -> Tensor:
    """start, start + step, ... below stop; int64 when all three are integers, else float32."""
    start, stop = (0, start) if stop is None else (start, stop)
    if step == 0:
        raise ValueError("arange: step must not be 0")
    n = max(0, math.ceil((stop - start) / step))
    if dtype is None:
        whole = all(isinstance(v, (int, np.integer)) for v in (start, stop, step))
        dtype = _core.int64 if whole else _core.float32
    return _core._arange(start, step, n, dtype, device)


def linspace(start: float, stop: float, num: int, dtype: Any = _core.float32, device: str = "cpu",
             endpoint: bool = True) -> Tensor:
    """num equally spaced numbers from start to stop, both included unless `endpoint` is false."""
    if num < 0:
        raise ValueError(f"linspace: num must not be negative, got {num}")
    return asarray(np.linspace(start, stop, num, endpoint=endpoint), dtype, device)


def zeros_like(x: Tensor, dtype: Any = None) -> Tensor:
    """Zeros in the shape of x."""
    return _core.zeros(x.shape, dtype or x.dtype, x.device)


def ones_like(x: Tensor, dtype: Any = None) -> Tensor:
    """Ones in the shape of x."""
    return _core.full(x.shape, 1, dtype or x.dtype, x.device)


def full_like(x: Tensor, fill_value: float, dtype: Any = None) -> Tensor:
    """One value in the shape of x."""
    return _core.full(x.shape, fill_value, dtype or x.dtype, x.device)


def empty_like(x: Tensor, dtype: Any = None) -> Tensor:
    """A tensor in the shape of x whose elements are whatever the memory held."""
    return _core.empty(x.shape, dtype or x.dtype, x.device)


def result_type(a: Any, b: Any) -> Any:
    """The type of a + b.

    Python numbers count by kind only (NumPy 2). Integers take the type of a float they meet.
    Differs NumPy turns int32 + float32 into float64; here it stays float32, the default type
    """
    return _core._result_type(a, b)
