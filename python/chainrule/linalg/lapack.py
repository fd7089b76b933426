"""Factorisations of batches of matrices as NumPy arrays: LAPACK, through NumPy and SciPy.

NumPy has most of them, over batches; SciPy, imported on use, has LU factors and triangular solves.
"""
from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]


def _function(name: str, like: Array) -> Callable:
    try:
        from scipy.linalg import lapack
    except ImportError:
        raise ImportError("chainrule.linalg: SciPy is needed; pip install 'chainrule[linalg]'") from None
    return lapack.get_lapack_funcs((name,), (like,))[0]


@dataclass
class LU:
    """P A = L U with row exchanges P, matrix by matrix; `singular` where U has a 0 on its diagonal."""
    factors: Array                  # (..., n, n), L below the diagonal of U
    pivots: Array                   # (..., n), row i was exchanged with row pivots[i]
    singular: bool

    @staticmethod
    def of(a: Array) -> LU:
        factors, pivots = np.empty(a.shape, a.dtype), np.empty(a.shape[:-1], np.int32)
        singular = False
        if a.size:
            getrf = _function("getrf", a)
            for i in np.ndindex(a.shape[:-2]):
                factors[i], pivots[i], zero = getrf(a[i])
                singular |= zero > 0
        return LU(factors, pivots, singular)

    def solve(self, b: Array, transposed: bool) -> Array:
        """X with A X = B, or Aᵀ X = B."""
        x = np.empty(b.shape, b.dtype)
        if x.size:
            getrs = _function("getrs", b)
            factors = np.broadcast_to(self.factors, (*b.shape[:-2], *self.factors.shape[-2:]))
            pivots = np.broadcast_to(self.pivots, b.shape[:-1])
            for i in np.ndindex(b.shape[:-2]):
                x[i] = getrs(factors[i], pivots[i], b[i], trans=int(transposed))[0]
        return x

    def sign_and_diagonal(self) -> tuple[Array, Array]:
        """det P, and the diagonal of U: their product is det A."""
        exchanges = np.sum(self.pivots != np.arange(self.pivots.shape[-1]), axis=-1)
        return 1 - 2 * (exchanges % 2), np.diagonal(self.factors, axis1=-2, axis2=-1)


def solve_triangular(t: Array, b: Array, lower: bool, transposed: bool) -> Array:
    """X with T X = B, or Tᵀ X = B; ZeroDivisionError for a 0 on the diagonal."""
    x = np.empty(b.shape, b.dtype)
    if x.size:
        trtrs = _function("trtrs", b)
        for i in np.ndindex(b.shape[:-2]):
            x[i], zero = trtrs(t[i], b[i], lower=int(lower), trans=int(transposed))
            if zero:
                raise ZeroDivisionError
    return x


def largest_eigenpairs(a: Array, m: int) -> tuple[Array, Array]:
    """The m largest eigenvalues of a symmetric A, descending, and their vectors as columns.

    Where there is SciPy, few of them cost half of all.
    """
    n = a.shape[0]
    few: Any = None
    if 4 * m <= n:
        with suppress(ImportError):
            import scipy.linalg
            few = scipy.linalg.eigh
    try:
        if few is not None:
            values, V = few(a, subset_by_index=[n - m, n - 1], driver="evr", check_finite=False)
        else:
            values, V = np.linalg.eigh(a)
    except np.linalg.LinAlgError:
        raise ValueError(f"eigh: no convergence for a of shape {a.shape}") from None
    return np.ascontiguousarray(values[::-1][:m]), np.ascontiguousarray(V[:, ::-1][:, :m])
