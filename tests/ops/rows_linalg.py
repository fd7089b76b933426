"""Linear algebra; NumPy and SciPy are the oracles."""
from functools import partial

import chainrule as cr
import numpy as np
import scipy.linalg

from .checks import normal

la, npla = cr.linalg, np.linalg


def swap(x):
    return np.swapaxes(x, -1, -2)


def well(*shape):
    """Matrices far from singular."""
    return normal(*shape) + 3 * np.eye(*shape[-2:])


def half(x):
    return (x + swap(x)) / 2


def distinct(n, *lead):
    """Nearly symmetric matrices whose eigenvalues are far apart."""
    x = normal(*lead, n, n) / 4
    return x + np.diag(np.arange(n) * 2.0 - n)


def definite(n, *lead):
    return normal(*lead, n, n) / 4 + np.diag(np.arange(n) + 2.0)


def of_half(f):
    """The oracle on the symmetric part."""
    return lambda a: f(half(a))


def upper_solve(a, b):
    return scipy.linalg.solve_triangular(a, b)


def lower_solve(a, b):
    return scipy.linalg.solve_triangular(a, b, lower=True)


def np_low_rank(a, m):
    U, s, Vh = npla.svd(a, full_matrices=False)
    return U[..., :m] * s[..., None, :m] @ Vh[..., :m, :]


def each_matrix(f):
    """A function of matrices over leading axes."""
    def g(*xs):
        if xs[0].ndim == 2:
            return f(*xs)
        return np.stack([g(*parts) for parts in zip(*xs, strict=True)])
    return g


SINGULAR = {"repeated": "equal rows make a singular",
            "resized": "a stays square only with all its rows"}
SQUARE = {"resized": "a stays square only with all its rows"}
EQUAL = {"repeated": "equal rows make singular values equal"}
UNITS = {"units": (16, "errors of the input's size times a condition number of a few")}

CASES = {
    "solve": (la.solve, npla.solve, [well(3, 3), normal(3, 2)], SINGULAR),
    "solve_vector": (la.solve, npla.solve, [well(3, 3), normal(3)], SINGULAR),
    "solve_batch": (la.solve, npla.solve, [well(2, 3, 3), normal(2, 3, 2)]),
    "solve_broadcast": (la.solve, npla.solve, [well(2, 1, 3, 3), normal(4, 3, 2)]),
    "solve_one_matrix": (la.solve, npla.solve, [well(3, 3), normal(4, 2, 3, 2)], SINGULAR),
    "solve_one_right_side": (la.solve, npla.solve, [well(2, 3, 3), normal(3, 2)]),
    "solve_vector_batch": (la.solve, lambda a, b: npla.solve(a, b[:, None])[..., 0],
                           [well(2, 3, 3), normal(3)]),
    "inv": (la.inv, npla.inv, [well(3, 3)], SINGULAR),
    "inv_batch": (la.inv, npla.inv, [well(2, 3, 3)]),
    "det": (la.det, npla.det, [normal(3, 3)], {**SINGULAR, **UNITS}),
    "det_batch": (la.det, npla.det, [well(2, 3, 3)], UNITS),
    "slogdet": (la.slogdet, npla.slogdet, [well(3, 3)], {**SINGULAR, **UNITS}),
    "slogdet_batch": (la.slogdet, npla.slogdet, [-well(2, 3, 3)], UNITS),
    "solve_triangular": (la.solve_triangular, lower_solve, [well(3, 3), normal(3, 2)], SQUARE),
    "solve_triangular_upper": (lambda a, b: la.solve_triangular(a, b, upper=True), upper_solve,
                               [well(3, 3), normal(3, 2)], SQUARE),
    "solve_triangular_vector": (la.solve_triangular, lower_solve, [well(3, 3), normal(3)], SQUARE),
    "solve_triangular_batch": (la.solve_triangular, each_matrix(lower_solve),
                               [well(2, 3, 3), normal(2, 3, 2)]),
    "solve_triangular_one": (la.solve_triangular, lambda a, b: np.stack([lower_solve(a, x) for x in b]),
                             [well(3, 3), normal(2, 3, 2)], SQUARE),
    "cholesky": (la.cholesky, of_half(npla.cholesky), [definite(3)], SINGULAR),
    "cholesky_upper": (lambda a: la.cholesky(a, upper=True), of_half(lambda a: swap(npla.cholesky(a))),
                       [definite(3)], SINGULAR),
    "cholesky_batch": (la.cholesky, of_half(npla.cholesky), [definite(3, 2)]),
    "qr": (la.qr, npla.qr, [well(3, 3)], {**SINGULAR, **UNITS}),
    "qr_tall": (la.qr, npla.qr, [normal(5, 3)], {**SINGULAR, **UNITS}),
    "qr_wide": (la.qr, npla.qr, [normal(2, 4)], {**SINGULAR, **UNITS}),
    "qr_batch": (la.qr, npla.qr, [normal(2, 4, 3)], UNITS),
    "qr_complete": (lambda a: la.qr(a, mode="complete"), lambda a: npla.qr(a, "complete"), [normal(2, 3)],
                    {**SINGULAR, **UNITS}),
    "eigh": (la.eigh, of_half(npla.eigh), [distinct(3)], {**SQUARE, **UNITS}),
    "eigh_batch": (la.eigh, of_half(npla.eigh), [distinct(4, 2)], UNITS),
    "eigh_values": (lambda a: la.eigh(a)[0], of_half(npla.eigvalsh), [distinct(3)], {**SQUARE, **UNITS}),
    "eigh_vectors": (lambda a: la.eigh(a)[1], of_half(lambda a: npla.eigh(a)[1]),
                     [distinct(3)], {**SQUARE, **UNITS}),
    "eigvalsh": (la.eigvalsh, of_half(npla.eigvalsh), [distinct(3)], {**SQUARE, **UNITS}),
    "eigvalsh_batch": (la.eigvalsh, of_half(npla.eigvalsh), [distinct(3, 2)], UNITS),
    "svd": (la.svd, npla.svd, [distinct(3)], {**SINGULAR, **UNITS}),
    "svd_tall": (lambda a: la.svd(a, full_matrices=False), lambda a: npla.svd(a, full_matrices=False),
                 [normal(5, 3)],
                 {**SINGULAR, **UNITS}),
    "svd_wide": (lambda a: la.svd(a, full_matrices=False), lambda a: npla.svd(a, full_matrices=False),
                 [normal(2, 4)],
                 {**SINGULAR, **UNITS}),
    "svd_batch": (lambda a: la.svd(a, full_matrices=False), lambda a: npla.svd(a, full_matrices=False),
                  [normal(2, 4, 3)], UNITS),
    "svd_values": (lambda a: la.svd(a, full_matrices=False)[1], lambda a: npla.svd(a, compute_uv=False),
                   [normal(3, 2)], {**SINGULAR, **UNITS}),
    "svdvals": (la.svdvals, npla.svdvals, [normal(4, 3)], {**EQUAL, **UNITS}),
    "svdvals_batch": (la.svdvals, npla.svdvals, [normal(2, 3, 4)], UNITS),
    "pinv": (la.pinv, npla.pinv, [normal(4, 3)], {**SINGULAR, **UNITS}),
    "pinv_wide": (la.pinv, npla.pinv, [normal(2, 4)], {**SINGULAR, **UNITS}),
    "pinv_batch": (la.pinv, npla.pinv, [normal(2, 3, 2)], UNITS),
    "lstsq": (la.lstsq, lambda a, b: npla.lstsq(a, b)[0],
              [normal(5, 3), normal(5, 2)], {**SINGULAR, **UNITS}),
    "lstsq_vector": (la.lstsq, lambda a, b: npla.lstsq(a, b)[0],
                     [normal(5, 3), normal(5)], {**SINGULAR, **UNITS}),
    "lstsq_wide": (la.lstsq, lambda a, b: npla.lstsq(a, b)[0],
                   [normal(2, 4), normal(2, 1)], {**SINGULAR, **UNITS}),
    "matrix_norm": (la.matrix_norm, npla.norm, [normal(3, 4)]),
    "matrix_norm_batch": (lambda a: la.matrix_norm(a, keepdims=True),
                          lambda a: npla.matrix_norm(a, keepdims=True), [normal(2, 3, 4)]),
    **{f"matrix_norm_{name}": (partial(la.matrix_norm, ord=ord), partial(npla.norm, ord=ord), [normal(3, 4)],
                               {**SINGULAR, **UNITS})
       for name, ord in {"nuc": "nuc", "one": 1, "two": 2, "rows": np.inf, "least": -2, "columns": -1,
                         "least_row": -np.inf}.items()},
    "cond": (la.cond, npla.cond, [well(3, 3)], {**SINGULAR, **UNITS}),
    "cond_one": (lambda a: la.cond(a, 1), lambda a: npla.cond(a, 1), [well(3, 3)], {**SINGULAR, **UNITS}),
    "cond_batch": (la.cond, npla.cond, [well(2, 4, 3)], UNITS),
    "expm": (la.expm, scipy.linalg.expm, [normal(3, 3)], SQUARE),
    "expm_batch": (la.expm, scipy.linalg.expm, [normal(2, 3, 3)]),
    "matrix_power_negative": (lambda a: cr.matrix_power(a, -2), lambda a: npla.matrix_power(a, -2),
                              [well(3, 3)], SINGULAR),
}

RANK_ONE = np.outer([1.0, 2.0, 3.0], [1.0, -1.0])
CORNERS = {
    "inv_empty": (la.inv, npla.inv, [np.zeros((0, 0))]),
    "solve_empty": (la.solve, npla.solve, [np.zeros((0, 0)), np.zeros((0, 2))]),
    "solve_no_columns": (la.solve, npla.solve, [np.eye(3), np.zeros((3, 0))]),
    "det_empty": (la.det, npla.det, [np.zeros((0, 0))]),
    "det_zero": (la.det, npla.det, [np.array([[1.0, 2.0], [2.0, 4.0]])]),
    "slogdet_zero": (la.slogdet, npla.slogdet, [np.array([[0.0, 1.0], [0.0, 2.0]])]),
    "slogdet_long": (la.slogdet, npla.slogdet, [np.eye(400) * 1e-3]),
    "solve_rows_exchanged": (la.solve, npla.solve, [np.array([[0.0, 1.0], [2.0, 3.0]]), np.eye(2)]),
    "cholesky_empty": (la.cholesky, npla.cholesky, [np.zeros((0, 0))]),
    "cholesky_no_batch": (la.cholesky, npla.cholesky, [np.zeros((0, 2, 2))]),
    "qr_complete_tall": (lambda a: la.qr(a, "complete"), lambda a: npla.qr(a, "complete"), [normal(4, 2)]),
    "eigh_identity": (la.eigh, npla.eigh, [np.eye(3)]),
    "eigvalsh_empty": (la.eigvalsh, npla.eigvalsh, [np.zeros((0, 0))]),
    "svd_full": (la.svd, npla.svd, [normal(2, 4)]),
    "svdvals_no_columns": (la.svdvals, npla.svdvals, [np.zeros((3, 0))]),
    "pinv_rank_one": (la.pinv, npla.pinv, [RANK_ONE]),
    "pinv_zero": (la.pinv, npla.pinv, [np.zeros((2, 3))]),
    "pinv_cut_off": (lambda a: la.pinv(a, rtol=0.5), lambda a: npla.pinv(a, 0.5),
                     [np.diag([3.0, 2.0, 1.0])]),
    "pinv_empty": (la.pinv, npla.pinv, [np.zeros((3, 0))]),
    "lstsq_rank_one": (la.lstsq, lambda a, b: npla.lstsq(a, b)[0], [RANK_ONE, normal(3)]),
    "matrix_rank": (la.matrix_rank, npla.matrix_rank, [RANK_ONE]),
    "matrix_rank_batch": (la.matrix_rank, npla.matrix_rank, [np.stack([np.eye(3), np.zeros((3, 3))])]),
    "matrix_rank_cut_off": (lambda a: la.matrix_rank(a, rtol=0.5), lambda a: npla.matrix_rank(a, rtol=0.5),
                            [np.diag([3.0, 2.0, 1.0])]),
    "matrix_rank_empty": (la.matrix_rank, npla.matrix_rank, [np.zeros((2, 0))]),
    "cond_singular": (la.cond, npla.cond, [np.diag([1.0, 0.0])]),
    "expm_zero": (la.expm, scipy.linalg.expm, [np.zeros((2, 2))]),
    "expm_large": (la.expm, scipy.linalg.expm,
                   [np.array([[0.0, 30.0], [-30.0, 0.0]])], {"loose": (32, "three squarings")}),
    "expm_empty": (la.expm, scipy.linalg.expm, [np.zeros((0, 0))]),
}
# after the others, whose numbers they leave as they are
CASES |= {
    "low_rank": (partial(la.low_rank, m=2), partial(np_low_rank, m=2), [normal(4, 3)], {**SINGULAR, **UNITS}),
    "low_rank_wide": (partial(la.low_rank, m=1), partial(np_low_rank, m=1), [normal(2, 2, 4)],
                      {**EQUAL, **UNITS}),
}
CORNERS |= {
    "low_rank_none": (partial(la.low_rank, m=0), np.zeros_like, [normal(3, 2)]),
    "low_rank_all": (partial(la.low_rank, m=2), lambda a: a, [normal(3, 2)]),
}


def slope(f, a):
    return lambda: cr.grad(lambda a: cr.sum(f(a)))(a)


WIDE, ONE = cr.ones((2, 3)), cr.eye(3)
ERRORS = {
    "low_rank": (lambda: la.low_rank(cr.zeros((3, 2)), 3), ValueError,
                 r"low_rank: m must lie in 0 ... 2 for a \(3, 2\), got 3"),
    "solve_square": (lambda: la.solve(WIDE, ONE), cr.ShapeError,
                     r"solve: needs square matrices, got shape \(2, 3\)"),
    "solve_rows": (lambda: la.solve(ONE, WIDE), cr.ShapeError,
                   r"solve: a \(3, 3\) and b \(2, 3\) need b\.shape\[-2\] == a\.shape\[-1\]"),
    "solve_vector": (lambda: la.solve(ONE, cr.ones(2)), cr.ShapeError,
                     r"solve: a \(3, 3\) and b \(2,\) need b\.shape\[-1\] == a\.shape\[-1\]"),
    "solve_batches": (lambda: la.solve(cr.ones((2, 3, 3)) + ONE, cr.ones((4, 3, 1))), cr.ShapeError,
                      r"solve: leading axes of a \(2, 3, 3\) and b \(4, 3, 1\) do not broadcast"),
    "solve_singular": (lambda: la.solve(cr.ones((2, 2)), cr.ones(2)), ValueError,
                       r"solve: a of shape \(2, 2\) is singular"),
    "inv_singular": (lambda: la.inv(cr.zeros((2, 2))), ValueError, r"inv: a of shape \(2, 2\) is singular"),
    "inv_int": (lambda: la.inv(cr.tensor([[1, 2], [3, 4]])), cr.DTypeError,
                r"inv: needs floating tensors, got int64; use \.astype\(cr\.float32\)"),
    "solve_triangular_singular": (lambda: la.solve_triangular(cr.zeros((2, 2)), cr.ones(2)), ValueError,
                                  r"solve_triangular: a of shape \(2, 2\) is singular: .* 0 on its diagonal"),
    "det_gradient_singular": (lambda: cr.grad(la.det)(cr.ones((2, 2))), ValueError,
                              r"det: .* needs an invertible a, got a singular one of shape \(2, 2\)"),
    "slogdet_gradient_singular": (lambda: cr.grad(lambda a: la.slogdet(a)[1])(cr.ones((2, 2))), ValueError,
                                  "slogdet: the derivative needs an invertible a.*"),
    "cholesky_indefinite": (lambda: la.cholesky(-ONE), ValueError,
                            r"cholesky: a of shape \(3, 3\) is not positive definite"),
    "qr_mode": (lambda: la.qr(WIDE, mode="r"), ValueError,
                "qr: mode 'r' is unknown; needs one of reduced, complete"),
    "qr_vector": (lambda: la.qr(cr.ones(3)), cr.ShapeError,
                  r"qr: needs matrices in the last two axes, got shape \(3,\)"),
    "qr_gradient_complete": (slope(lambda a: la.qr(a, "complete")[0], cr.ones((3, 2))), ValueError,
                             'qr: the added columns of mode "complete" have .*; use mode="reduced"'),
    "qr_gradient_dependent": (slope(lambda a: la.qr(a)[1], cr.zeros((3, 2))), ValueError,
                              r"qr: .* needs independent columns, R of shape \(2, 2\) is singular"),
    "eigh_gradient_repeated": (slope(lambda a: la.eigh(a)[1], ONE), ValueError,
                               "eigh: eigenvectors of a repeated value have no derivative; use eigvalsh"),
    "eigh_nan": (lambda: la.eigh(ONE * float("nan")), ValueError,
                 r"eigh: no convergence for a of shape \(3, 3\); does it hold NaN or infinity\?"),
    "svd_gradient_repeated": (slope(lambda a: la.svd(a)[0], ONE), ValueError,
                              "svd: singular vectors of a repeated value have no derivative; use svdvals"),
    "svd_gradient_zero": (slope(lambda a: la.svd(a, full_matrices=False)[0], cr.eye(3, 2) @ cr.ones((2, 2))),
                          ValueError, "svd: singular vectors of the value 0 have no derivative; use svdvals"),
    "svd_gradient_full": (slope(lambda a: la.svd(a)[0], WIDE), ValueError,
                          "svd: the columns that full_matrices adds have .*; use full_matrices=False"),
    "lstsq_rows": (lambda: la.lstsq(WIDE, ONE), cr.ShapeError,
                   r"lstsq: a \(2, 3\) and b \(3, 3\) need b\.shape\[-2\] == a\.shape\[-2\]"),
    "matrix_norm_unknown": (lambda: la.matrix_norm(ONE, 3), ValueError,
                            "matrix_norm: ord 3 is unknown; needs one of fro, nuc, .*"),
    "matrix_norm_empty": (lambda: la.matrix_norm(cr.ones((0, 3)), 2), cr.ShapeError,
                          r"matrix_norm: ord=2 needs at least one element, got shape \(0, 3\)"),
    "expm_nan": (lambda: la.expm(ONE * float("nan")), ValueError,
                 r"expm: a of shape \(3, 3\) holds NaN or infinity"),
}
