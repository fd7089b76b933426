"""Tensor methods: functions of the library that take the tensor first, printing, and conversions."""
from __future__ import annotations

from typing import Any

import numpy as np

from . import _core
from ._core import Tensor

# Each is the function of that name with the tensor as its first argument.
NAMES = """
    abs all any argmax argmin argsort astype ceil clip contiguous copy cos count_nonzero cumprod cumsum
    diagonal exp expand_dims expm1 flatten flip floor gather index_select isfinite isinf isnan log log1p
    log_softmax logsumexp matmul max maximum mean median min minimum moveaxis nonzero norm pow prod quantile
    reciprocal relu repeat roll round rsqrt sigmoid sign sin softmax sort split sqrt square squeeze std sum
    swapaxes take take_along_axis tanh tile topk trace tril triu trunc unfold unique unstack var
""".split()


def _sizes(sizes: tuple) -> Any:
    """f(2, 3) and f((2, 3)) mean the same."""
    return sizes[0] if len(sizes) == 1 and not isinstance(sizes[0], int) else sizes


def reshape(x: Tensor, *shape: Any) -> Tensor:
    """The elements of x in row-major order in another shape; one size may be -1."""
    return _core.reshape(x, _sizes(shape))


def expand(x: Tensor, *shape: Any) -> Tensor:
    """x repeated along axes of size one, without copies (PyTorch's name of broadcast_to)."""
    return _core.broadcast_to(x, _sizes(shape))


def transpose(x: Tensor, *axes: Any) -> Tensor:
    """All axes in reverse; two axes exchanged, as by `cr.transpose`; or all axes in the given order."""
    if len(axes) == 2:
        return _core.transpose(x, *axes)
    return _core.permute_dims(x, _sizes(axes) if axes else tuple(range(x.ndim))[::-1])


def to(x: Tensor, target: Any) -> Tensor:
    """x on a device ('cpu', 'cuda') or in a type."""
    if isinstance(target, str) and target.split(":")[0] in ("cpu", "cuda"):
        return _core.to_device(x, target)
    return _core.astype(x, target)


def __repr__(x: Tensor) -> str:
    """Like NumPy's, with type, shape and device."""
    if x.device != "cpu":
        values = _core.to_device(_core.stop_gradient(x), "cpu").numpy()
    else:
        values = x.numpy()
    with np.printoptions(threshold=1000):
        body = np.array2string(values, separator=", ", prefix="tensor(")
    recorded = ", recorded" if x.recorded else ""
    return f"tensor({body}, dtype={x.dtype.name}, shape={x.shape}, device={x.device}{recorded})"


def __format__(x: Tensor, spec: str) -> str:
    """A tensor of one element formats like its number."""
    return format(x.item(), spec) if spec and x.size == 1 else format(str(x), spec)


def __deepcopy__(x: Tensor, memo: dict) -> Tensor:
    return _core.copy(_core.stop_gradient(x))


def attach(namespace: dict[str, Any]) -> None:
    """Make the functions methods of Tensor."""
    for name in NAMES:
        if name in namespace:
            setattr(Tensor, name, _method(namespace[name]))
    own: dict[str, Any] = dict(view=reshape, permute=transpose)
    for f in (reshape, expand, transpose, to, __repr__, __format__, __deepcopy__):
        own[f.__name__] = f
    for name, f in own.items():
        setattr(Tensor, name, f)


def _method(f: Any) -> Any:
    # A builtin does not bind to the instance by itself.
    def method(x: Tensor, *args: Any, **kwargs: Any) -> Any:
        return f(x, *args, **kwargs)
    method.__name__, method.__doc__ = f.__name__, f.__doc__
    return method
