"""Covariances and correlations of the columns of a table, one sample a row.   Book: §2.6"""
from __future__ import annotations

import chainrule as cr

from .._core import Tensor


def covariance(x: Tensor) -> Tensor:
    """S = (1/n) XᵀX with X = x - 1 x̄ᵀ: how the features vary together.   Book: §2.6, (2.42), (2.43)

    Shapes  x (..., n, p) -> (..., p, p); NaN for no samples
    Cost    half of the product XᵀX, n p² / 2 multiply-adds on the CPU, and a copy of x
    Differs NumPy's `cov` has a feature a row and divides by n - 1 unless bias=True
    """
    x = _table("covariance", x)
    centred = x - cr.mean(x, axis=-2, keepdims=True)
    return centred.mT @ centred / x.shape[-2]


def correlation(x: Tensor) -> Tensor:
    """R_ij = S_ij / (s_i s_j), the covariance of standardised features.   Book: §2.6

    Shapes  x (..., n, p) -> (..., p, p); NaN in the rows and columns of constant features
    """
    x = _table("correlation", x)
    centred = x - cr.mean(x, axis=-2, keepdims=True)
    unit = centred / cr.norm(centred, axis=-2, keepdims=True)
    return unit.mT @ unit


def _table(op: str, x: Tensor) -> Tensor:
    x = cr.asarray(x)
    if not x.dtype.is_floating:
        raise cr.DTypeError(f"{op}: needs a floating tensor, got {x.dtype.name}; use .astype(cr.float32)")
    if x.ndim < 2:
        raise cr.ShapeError(f"{op}: needs samples as rows (..., n, p), got shape {x.shape}")
    return x
