"""Covariances and correlations of the columns of a table, one sample a row.   Book: §2.6"""
from __future__ import annotations

import chainrule as cr

from .._core import Tensor
from .views import pad, triu


def covariance(x: Tensor) -> Tensor:
    """S = (1/n) XᵀX with X = x - 1 x̄ᵀ: how the features vary together.   Book: §2.6, (2.42), (2.43)

    Shapes  x (..., n, p) -> (..., p, p), symmetric to the last bit; NaN for no samples
    Cost    half of the product XᵀX, n p² / 2 multiply-adds, and a copy of x
    Differs NumPy's `cov` has a feature a row and divides by n - 1 unless bias=True
    """
    x = _table("covariance", x)
    return gram(x - cr.mean(x, axis=-2, keepdims=True)) / x.shape[-2]


def correlation(x: Tensor) -> Tensor:
    """R_ij = S_ij / (s_i s_j), the covariance of standardised features.   Book: §2.6

    Shapes  x (..., n, p) -> (..., p, p); NaN in the rows and columns of constant features
    """
    x = _table("correlation", x)
    centred = x - cr.mean(x, axis=-2, keepdims=True)
    return gram(centred / cr.norm(centred, axis=-2, keepdims=True))


def _table(op: str, x: Tensor) -> Tensor:
    x = cr.asarray(x)
    if not x.dtype.is_floating:
        raise cr.DTypeError(f"{op}: needs a floating tensor, got {x.dtype.name}; use .astype(cr.float32)")
    if x.ndim < 2:
        raise cr.ShapeError(f"{op}: needs samples as rows (..., n, p), got shape {x.shape}")
    return x


# From 64 columns on, blocks of columns by those from their own on; the rest is the mirror image.
SMALL, BLOCKS = 64, 4


def gram(x: Tensor) -> Tensor:
    """XᵀX, symmetric to the last bit, for half of the multiply-adds of the product."""
    p = x.shape[-1]
    if p <= SMALL:
        return _mirrored(cr.matmul(x.mT, x))
    edges = [p * i // BLOCKS for i in range(BLOCKS + 1)]
    rows = []
    for begin, end in zip(edges, edges[1:], strict=False):
        part = cr.matmul(x[..., begin:end].mT, x[..., begin:])
        rows.append(pad(part, [(0, 0)] * (x.ndim - 1) + [(begin, 0)]))
    return _mirrored(cr.concat(rows, axis=-2))


def _mirrored(a: Tensor) -> Tensor:
    """The upper triangle of A, and its mirror image below."""
    return triu(a) + triu(a, 1).mT
