"""Reductions over any axes."""
import chainrule as cr
import numpy as np
from scipy import special

from .checks import integers, normal, spaced, uniform

TIES = np.array([[1.0, 3.0, 3.0, 2.0], [5.0, 5.0, 5.0, -1.0]])
HOLES = np.array([[1.0, np.nan, 3.0], [np.nan, 2.0, np.nan]])


def np_norm(p, axis=None, keepdims=False):
    def norm(x):
        a = np.abs(x)
        if p == 0:
            return np.sum(a != 0, axis=axis, keepdims=keepdims).astype(x.dtype)
        if np.isinf(p):
            return (np.max if p > 0 else np.min)(a, axis=axis, keepdims=keepdims)
        return np.sum(a**p, axis=axis, keepdims=keepdims) ** (1 / p)
    return norm


CASES = {
    "sum": (cr.sum, np.sum, [normal(3, 4)]),
    "sum_axis": (lambda x: cr.sum(x, axis=1), lambda x: np.sum(x, 1), [normal(3, 4, 2)]),
    "sum_axes_kept": (lambda x: cr.sum(x, axis=(0, -1), keepdims=True), lambda x: np.sum(x, (0, -1), keepdims=True),
                      [normal(3, 4, 2)]),
    "sum_no_axis": (lambda x: cr.sum(x, axis=()), lambda x: np.sum(x, ()), [normal(3, 4)]),
    "mean": (cr.mean, np.mean, [normal(3, 4)]),
    "mean_axes": (lambda x: cr.mean(x, axis=(0, 2)), lambda x: np.mean(x, (0, 2)), [normal(3, 4, 2)]),
    "prod": (cr.prod, np.prod, [normal(2, 3)]),
    "prod_axis": (lambda x: cr.prod(x, axis=0), lambda x: np.prod(x, 0), [normal(3, 4)]),
    "prod_axes_kept": (lambda x: cr.prod(x, axis=(2, 0), keepdims=True), lambda x: np.prod(x, (2, 0), keepdims=True),
                       [normal(2, 3, 2)]),
    "prod_with_a_zero": (lambda x: cr.prod(x, axis=1), lambda x: np.prod(x, 1), [np.array([[2.0, 0, 3], [1, 4, 5]])]),
    "prod_with_zeros": (lambda x: cr.prod(x, axis=1), lambda x: np.prod(x, 1), [np.array([[2.0, 0, 0], [0, 0, 0]])]),
    "max": (cr.max, np.max, [spaced(3, 4)]),
    "max_axis": (lambda x: cr.max(x, axis=1), lambda x: np.max(x, 1), [spaced(3, 4, 2)]),
    "max_axes_kept": (lambda x: cr.max(x, axis=(0, 2), keepdims=True), lambda x: np.max(x, (0, 2), keepdims=True),
                      [spaced(3, 4, 2)]),
    "min": (cr.min, np.min, [spaced(3, 4)]),
    "min_axis": (lambda x: cr.min(x, axis=-1), lambda x: np.min(x, -1), [spaced(3, 4, 2)]),
    "var": (cr.var, np.var, [normal(3, 4)]),
    "var_axis": (lambda x: cr.var(x, axis=1, correction=1), lambda x: np.var(x, 1, ddof=1), [normal(3, 4)]),
    "var_axes_kept": (lambda x: cr.var(x, axis=(0, 2), keepdims=True), lambda x: np.var(x, (0, 2), keepdims=True),
                      [normal(3, 4, 2)]),
    "std": (cr.std, np.std, [normal(3, 4)]),
    "std_axis": (lambda x: cr.std(x, axis=1, correction=1), lambda x: np.std(x, 1, ddof=1), [normal(3, 4)]),
    "norm": (cr.norm, np_norm(2), [normal(3, 4)]),
    "norm_axis": (lambda x: cr.norm(x, axis=1, keepdims=True), np_norm(2, 1, True), [normal(3, 4)]),
    "norm_axes": (lambda x: cr.norm(x, axis=(0, 2)), np_norm(2, (0, 2)), [normal(3, 4, 2)]),
    "norm_1": (lambda x: cr.norm(x, 1, axis=0), np_norm(1, 0), [normal(3, 4)]),
    "norm_3": (lambda x: cr.norm(x, 3, axis=1), np_norm(3, 1), [normal(3, 4)]),
    "norm_half": (lambda x: cr.norm(x, 0.5, axis=1), np_norm(0.5, 1), [normal(3, 4)],
                  {"loose": (8, "at 1/2 the derivative divides by roots: third derivatives are large")}),
    "norm_inf": (lambda x: cr.norm(x, np.inf, axis=1), np_norm(np.inf, 1), [spaced(3, 4)]),
    "norm_minus_inf": (lambda x: cr.norm(x, -np.inf, axis=1), np_norm(-np.inf, 1), [spaced(3, 4)]),
    "logsumexp": (cr.logsumexp, special.logsumexp, [normal(3, 4)]),
    "logsumexp_axis": (lambda x: cr.logsumexp(x, axis=1), lambda x: special.logsumexp(x, 1), [normal(3, 4)]),
    "logsumexp_axes_kept": (lambda x: cr.logsumexp(x, axis=(0, 2), keepdims=True),
                            lambda x: special.logsumexp(x, (0, 2), keepdims=True), [normal(3, 4, 2)]),
    "count_nonzero": (lambda x: cr.count_nonzero(x, axis=1), lambda x: np.count_nonzero(x, axis=1),
                      [normal(3, 4) * (normal(3, 4) > 0)]),
    "any": (lambda x: cr.any(x, axis=0), lambda x: np.any(x, 0), [normal(3, 4) > 0.5]),
    "any_all": (cr.any, np.any, [np.zeros((3, 4))]),
    "all": (lambda x: cr.all(x, axis=(0, 1), keepdims=True), lambda x: np.all(x, (0, 1), keepdims=True),
            [normal(3, 4, 2) > -0.5]),
    "argmax": (cr.argmax, np.argmax, [normal(3, 4)]),
    "argmax_axis": (lambda x: cr.argmax(x, axis=1), lambda x: np.argmax(x, 1), [normal(3, 4, 2)]),
    "argmax_last_kept": (lambda x: cr.argmax(x, axis=-1, keepdims=True), lambda x: np.argmax(x, -1, keepdims=True),
                         [normal(3, 40)]),
    "argmin": (lambda x: cr.argmin(x, axis=0), lambda x: np.argmin(x, 0), [normal(3, 4)]),
    "argmin_all": (cr.argmin, np.argmin, [normal(3, 4)]),
}

CORNERS = {
    "sum_scalar": (cr.sum, np.sum, [normal()]),
    "sum_empty": (lambda x: cr.sum(x, axis=0), lambda x: np.sum(x, 0), [normal(0, 3)]),
    "sum_empty_all": (cr.sum, np.sum, [normal(0, 3)]),
    "sum_booleans": (cr.sum, np.sum, [normal(3, 4) > 0]),
    "sum_bytes": (cr.sum, lambda x: np.sum(x, dtype=np.int64), [integers(0, 256, 300).astype(np.uint8)]),
    "sum_integers": (lambda x: cr.sum(x, axis=0), lambda x: np.sum(x, 0), [integers(-9, 9, 50, 3)]),
    "sum_infinities": (lambda x: cr.sum(x, axis=1), lambda x: np.sum(x, 1),
                       [np.array([[np.inf, 1.0], [np.inf, -np.inf], [-np.inf, 2.0]])]),
    "mean_empty": (cr.mean, np.mean, [normal(0)]),
    "mean_integers": (cr.mean, lambda x: np.mean(x).astype(np.float32), [np.array([1, 2, 4, 6])]),
    "prod_empty": (lambda x: cr.prod(x, axis=1), lambda x: np.prod(x, 1), [normal(3, 0)]),
    "prod_integers": (lambda x: cr.prod(x, axis=1), lambda x: np.prod(x, 1), [integers(-5, 5, 3, 4)]),
    "prod_out_and_back": (cr.prod, np.prod, [np.array([1e30, 1e30, 1e-30, 1e-30, 2.0])]),
    "max_ties": (lambda x: cr.max(x, axis=1), lambda x: np.max(x, 1), [TIES]),
    "max_nan": (lambda x: cr.max(x, axis=1), lambda x: np.max(x, 1), [HOLES]),
    "min_nan": (lambda x: cr.min(x, axis=0), lambda x: np.min(x, 0), [HOLES]),
    "max_infinities": (lambda x: cr.max(x, axis=1), lambda x: np.max(x, 1), [np.full((2, 3), -np.inf)]),
    "max_integers": (lambda x: cr.max(x, axis=0), lambda x: np.max(x, 0), [integers(-99, 99, 20, 3)]),
    "min_smallest_integer": (cr.min, np.min, [np.array([0, -2**63, 5])]),
    "max_booleans": (lambda x: cr.max(x, axis=1), lambda x: np.max(x, 1), [np.array([[False, True], [False, False]])]),
    "max_of_no_rows": (lambda x: cr.max(x, axis=1), lambda x: np.max(x, 1), [normal(0, 3)]),
    "min_scalar": (cr.min, np.min, [normal()]),
    "var_one": (lambda x: cr.var(x, correction=1), lambda x: np.var(x, ddof=1), [normal(1)]),
    "var_empty": (cr.var, np.var, [normal(0)]),
    "var_far_from_zero": (cr.var, np.var, [1024 + np.arange(8) / 8]),
    "std_equal": (lambda x: cr.std(x, axis=1), lambda x: np.std(x, 1), [np.ones((2, 3))]),
    "norm_0": (lambda x: cr.norm(x, 0, axis=1), np_norm(0, 1), [np.array([[0.0, 1.0, -2.0], [0.0, 0.0, 0.0]])]),
    "norm_zero": (lambda x: cr.norm(x, axis=1), np_norm(2, 1), [np.zeros((2, 3))]),
    "norm_empty": (lambda x: cr.norm(x, axis=1), np_norm(2, 1), [normal(3, 0)]),
    "logsumexp_huge": (lambda x: cr.logsumexp(x, axis=1), lambda x: special.logsumexp(x, 1),
                       [np.array([[1e4, 1e4], [-1e4, -1e4], [-np.inf, -np.inf], [np.inf, 0.0], [-np.inf, 1.0]])]),
    "logsumexp_empty": (lambda x: cr.logsumexp(x, axis=1), lambda x: np.full(3, -np.inf), [normal(3, 0)]),
    "logsumexp_scalar": (cr.logsumexp, special.logsumexp, [normal()]),
    "count_nonzero_all": (cr.count_nonzero, np.count_nonzero, [integers(0, 3, 4, 5)]),
    "count_nonzero_nan": (cr.count_nonzero, np.count_nonzero, [HOLES]),
    "count_nonzero_empty": (cr.count_nonzero, np.count_nonzero, [normal(0, 2)]),
    "any_empty": (lambda x: cr.any(x, axis=0), lambda x: np.any(x, 0), [normal(0, 2)]),
    "any_nan": (cr.any, np.any, [np.array([0.0, np.nan])]),
    "all_empty": (lambda x: cr.all(x, axis=0), lambda x: np.all(x, 0), [normal(0, 2)]),
    "all_integers": (lambda x: cr.all(x, axis=1), lambda x: np.all(x, 1), [np.array([[1, 0], [2, 3]])]),
    "argmax_ties": (lambda x: cr.argmax(x, axis=1), lambda x: np.argmax(x, 1), [TIES]),
    "argmax_ties_down": (lambda x: cr.argmax(x, axis=0), lambda x: np.argmax(x, 0), [TIES.T]),
    "argmax_nan": (lambda x: cr.argmax(x, axis=1), lambda x: np.argmax(x, 1), [HOLES]),
    "argmin_nan": (lambda x: cr.argmin(x, axis=0), lambda x: np.argmin(x, 0), [HOLES]),
    "argmax_infinities": (lambda x: cr.argmax(x, axis=1), lambda x: np.argmax(x, 1), [np.full((2, 3), -np.inf)]),
    "argmax_booleans": (cr.argmax, np.argmax, [np.array([False, True, True])]),
    "argmin_integers": (lambda x: cr.argmin(x, axis=1), lambda x: np.argmin(x, 1), [integers(-9, 9, 4, 30)]),
    "argmax_all_kept": (lambda x: cr.argmax(x, keepdims=True), lambda x: np.argmax(x, keepdims=True), [normal(3, 4)]),
    "argmax_of_no_rows": (lambda x: cr.argmax(x, axis=1), lambda x: np.argmax(x, 1), [normal(0, 3)]),
    "argmax_scalar": (cr.argmax, np.argmax, [normal()]),
    "max_uneven": (lambda x: cr.max(x, axis=0), lambda x: np.max(x, 0), [uniform(-1, 1, 131, 257)]),
    "sum_uneven": (lambda x: cr.sum(x, axis=0), lambda x: np.sum(x, 0), [normal(131, 257)]),
    "sum_many_axes": (lambda x: cr.sum(x, axis=(0, 2, 4)), lambda x: np.sum(x, (0, 2, 4)), [normal(3, 2, 5, 3, 7)]),
    "sum_kept_between": (lambda x: cr.sum(x, axis=(1, 3)), lambda x: np.sum(x, (1, 3)), [normal(3, 17, 5, 19)]),
}

A = cr.zeros((2, 0))
ERRORS = {
    "sum": (lambda: cr.sum(A, axis=2), IndexError, r"sum: axis 2 is out of range for 2 axes"),
    "sum_twice": (lambda: cr.sum(A, axis=(0, -2)), ValueError, r"sum: axis 0 is given twice"),
    "max": (lambda: cr.max(A, axis=1), cr.ShapeError, r"max: x \(2, 0\) has no element along axis \(1,\)"),
    "min": (lambda: cr.min(A), cr.ShapeError, r"min: x \(2, 0\) has no element along axis \(0, 1\)"),
    "argmax": (lambda: cr.argmax(A, axis=1), cr.ShapeError, r"argmax: x \(2, 0\) has no element along axis 1"),
    "argmin": (lambda: cr.argmin(A), cr.ShapeError, r"argmin: x \(2, 0\) has no element along axis 0"),
    "norm": (lambda: cr.norm(A, float("nan")), ValueError, r"norm: ord must be a number, got nan"),
    "mean_text": (lambda: cr.mean("text"), TypeError, r"needs a tensor, a number or a NumPy array, got str"),
}
