"""Linear algebra on batches of matrices; the factorisations are LAPACK's, their derivatives are written here.

Names as in the array API, with both modes of differentiation, to any order. LAPACK runs on the CPU:
operands from another device are copied there, and results back.
"""
# ruff: noqa: F401
from .._core import diagonal, matmul, norm
from ..functional import matrix_power, matrix_transpose, outer, tensordot, trace, vecdot
from .factor import cholesky, eigh, eigvalsh, qr, svd, svdvals
from .least import cond, expm, low_rank, lstsq, matrix_norm, matrix_rank, pinv
from .solve import det, inv, slogdet, solve, solve_triangular
