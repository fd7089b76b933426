"""Softmax, its logarithm, and the cross entropy made of it."""
import chainrule as cr
import numpy as np
from scipy.special import log_softmax, softmax

from .checks import integers, normal


def cross_entropy(z, y, smoothing=0.0, ignored=None):
    """-Σ t log softmax(z), t = (1 - s) e_y + s / K, written out."""
    K = z.shape[-1]
    counted = y != ignored if ignored is not None else np.ones_like(y, bool)
    t = (1 - smoothing) * np.eye(K)[np.where(counted, y, 0)] + smoothing / K
    loss = -np.sum(t * np.where(t == 0, 0, log_softmax(z, axis=-1)), axis=-1)
    return np.where(counted, loss, 0.0)


CASES = {
    "softmax": (cr.softmax, lambda x: softmax(x, axis=-1), [normal(3, 5)]),
    "softmax_vector": (cr.softmax, softmax, [normal(7)]),
    "softmax_one": (cr.softmax, lambda x: softmax(x, axis=-1), [normal(4, 1)]),
    "softmax_wide": (cr.softmax, lambda x: softmax(x, axis=-1), [normal(2, 131)]),
    "softmax_first_axis": (lambda x: cr.softmax(x, axis=0), lambda x: softmax(x, axis=0), [normal(5, 3)]),
    "softmax_columns": (lambda x: cr.softmax(x, axis=0), lambda x: softmax(x, axis=0), [normal(3, 150)]),
    "softmax_middle": (lambda x: cr.softmax(x, axis=1), lambda x: softmax(x, axis=1), [normal(2, 4, 19)]),
    "log_softmax": (cr.log_softmax, lambda x: log_softmax(x, axis=-1), [normal(3, 5)]),
    "log_softmax_one": (cr.log_softmax, lambda x: log_softmax(x, axis=-1), [normal(4, 1)]),
    "log_softmax_middle": (lambda x: cr.log_softmax(x, axis=-2),
                           lambda x: log_softmax(x, axis=-2), [normal(2, 4, 19)]),
    "softmax_cross_entropy": (cr.softmax_cross_entropy, cross_entropy, [normal(6, 5), integers(0, 5, 6)]),
    "softmax_cross_entropy_vector": (cr.softmax_cross_entropy, cross_entropy, [normal(37), integers(0, 37)]),
    "softmax_cross_entropy_pixels": (cr.softmax_cross_entropy, cross_entropy,
                                     [normal(2, 3, 4), integers(0, 4, 2, 3)]),
    "softmax_cross_entropy_smooth": (lambda z, y: cr.softmax_cross_entropy(z, y, label_smoothing=0.2),
                                     lambda z, y: cross_entropy(z, y, 0.2),
                                     [normal(6, 5), integers(0, 5, 6)]),
    "softmax_cross_entropy_ignore": (lambda z, y: cr.softmax_cross_entropy(z, y, 0.1, ignore_index=-100),
                                     lambda z, y: cross_entropy(z, y, 0.1, -100),
                                     [normal(4, 5), np.array([1, -100, 4, -100])]),
}

MASKED = np.array([[0.5, -np.inf, 1.0], [-np.inf] * 3])
HUGE = np.array([[1e4, 1e4, -1e4], [-1e38, 1e38, 0.0]])
CORNERS = {
    "softmax_columns_masked": (lambda x: cr.softmax(x, axis=0), lambda x: np.stack([softmax(x[:, 0]), np.zeros(3)]).T, [MASKED.T]),
    "softmax_huge": (cr.softmax, lambda x: softmax(x, axis=-1), [HUGE]),
    "log_softmax_huge": (cr.log_softmax, lambda x: log_softmax(x, axis=-1), [HUGE]),
    "softmax_masked": (cr.softmax, lambda x: np.stack([softmax(x[0]), np.zeros(3)]), [MASKED]),
    "log_softmax_masked": (cr.log_softmax, lambda x: np.stack([log_softmax(x[0]), x[1]]), [MASKED]),
    "softmax_nan": (cr.softmax, lambda x: np.full_like(x, np.nan),
                    [np.array([[np.nan, 1.0], [-np.inf, np.nan]])]),
    "softmax_no_rows": (cr.softmax, np.copy, [np.zeros((0, 3))]),
    "softmax_no_columns": (cr.softmax, np.copy, [np.zeros((3, 0))]),
    "softmax_nothing_along": (lambda x: cr.softmax(x, axis=0), np.copy, [np.zeros((0, 3))]),
    "softmax_integers": (cr.softmax, lambda x: x / 12, [np.full(4, 3)]),
    "softmax_cross_entropy_huge": (cr.softmax_cross_entropy, cross_entropy, [HUGE[:1], np.array([2])]),
    "softmax_cross_entropy_masked": (cr.softmax_cross_entropy, cross_entropy, [MASKED[:1], np.array([2])]),
    "softmax_cross_entropy_none": (cr.softmax_cross_entropy, cross_entropy,
                                   [np.zeros((0, 3)), np.zeros(0, int)]),
}

Z = cr.zeros((4, 3))
ERRORS = {
    "softmax_scalar": (lambda: cr.softmax(cr.tensor(1.0)), cr.ShapeError,
                       "softmax: x needs at least one axis, got a scalar"),
    "log_softmax_axis": (lambda: cr.log_softmax(Z, axis=2), IndexError, "log_softmax: axis 2 .*"),
    "softmax_cross_entropy_shape": (
        lambda: cr.softmax_cross_entropy(Z, cr.tensor([0, 1])), cr.ShapeError,
        r"softmax_cross_entropy: z \(4, 3\) and y \(2,\) need y.shape == z.shape\[:-1\], one class a row"),
    "softmax_cross_entropy_dtype": (
        lambda: cr.softmax_cross_entropy(Z, cr.zeros(4)), cr.DTypeError,
        "softmax_cross_entropy: y must be an integer tensor of classes, got float32"),
    "softmax_cross_entropy_class": (
        lambda: cr.softmax_cross_entropy(Z, cr.tensor([0, 1, 2, 3])), IndexError,
        "softmax_cross_entropy: y holds class 3, needs 0 <= y < 3"),
    "softmax_cross_entropy_first": (
        lambda: cr.softmax_cross_entropy(cr.ones((300, 3)), 2 + cr.arange(300)), IndexError,
        "softmax_cross_entropy: y holds class 3, needs 0 <= y < 3"),
    "softmax_cross_entropy_negative": (
        lambda: cr.softmax_cross_entropy(Z, cr.tensor([0, 1, 2, -1])), IndexError,
        "softmax_cross_entropy: y holds class -1, needs 0 <= y < 3"),
    "softmax_cross_entropy_smoothing": (
        lambda: cr.softmax_cross_entropy(Z, cr.tensor([0] * 4), 1.5), ValueError,
        r"softmax_cross_entropy: label smoothing must lie in \[0, 1\], got 1.5"),
}
