"""Convolution of signals, as in mathematics: the kernel is turned.   Book: §6.2"""
from __future__ import annotations

import chainrule as cr

from .. import check
from .._core import Tensor


def convolve(f: Tensor, g: Tensor, mode: str = "full") -> Tensor:
    """(f ⋆ g)(u) = Σ_v f(u - v) g(v) over one, two or three axes.   Book: §6.2, (6.1), (6.4), (6.6)

    Shapes  f (*m), g (*k) -> "full" (*m + k - 1), "valid" (*m - k + 1), "same" (*m), the middle of "full"
    Errors  ShapeError when the numbers of axes differ, or, in mode "valid", when g is larger than f
    Differs conv is for layers: channels and a batch, and the kernel is not turned
    """
    check.one_of("convolve", "mode", mode, ("full", "valid", "same"))
    f, g = cr.asarray(f), cr.asarray(g)
    if f.ndim != g.ndim or not 1 <= f.ndim <= 3 or g.size == 0:
        raise cr.ShapeError(f"convolve: f {f.shape} and g {g.shape} need the same number of axes, one to "
                            "three, and g an element")
    padding = [(0, 0) if mode == "valid" else (k - 1, k - 1) if mode == "full" else (k // 2, (k - 1) // 2)
               for k in g.shape]
    return cr.conv(f[None], cr.flip(g)[None, None], padding=padding)[0]
