"""Running sums, products and linear recurrences."""
import chainrule as cr
import numpy as np

from .checks import integers, normal


def np_scan(a, b, axis=-1):
    a, b = np.broadcast_arrays(a, b)
    a, b = np.moveaxis(a, axis, 0), np.moveaxis(b, axis, 0)
    y, state = np.empty_like(b), np.zeros(b.shape[1:])
    for k in range(len(b)):
        state = y[k] = a[k] * state + b[k]
    return np.moveaxis(y, 0, axis)


CASES = {
    "cumsum": (lambda x: cr.cumsum(x, axis=1), lambda x: np.cumsum(x, 1), [normal(3, 4)]),
    "cumsum_all": (cr.cumsum, np.cumsum, [normal(3, 4)]),
    "cumsum_first": (lambda x: cr.cumsum(x, axis=0), lambda x: np.cumsum(x, 0), [normal(5, 2, 3)]),
    "cumprod": (lambda x: cr.cumprod(x, axis=1), lambda x: np.cumprod(x, 1), [normal(3, 4)]),
    "cumprod_all": (cr.cumprod, np.cumprod, [normal(2, 3)]),
    "cumprod_middle": (lambda x: cr.cumprod(x, axis=-2), lambda x: np.cumprod(x, -2), [normal(2, 4, 3)]),
    "cumprod_with_zeros": (lambda x: cr.cumprod(x, axis=1), lambda x: np.cumprod(x, 1),
                           [np.array([[2.0, 0.0, 3.0, 4.0], [0.0, 1.5, 0.0, 2.0], [1.0, 2.0, 3.0, 0.0]])]),
    "linear_scan": (cr.linear_scan, np_scan, [normal(3, 5), normal(3, 5)]),
    "linear_scan_first": (lambda a, b: cr.linear_scan(a, b, axis=0), lambda a, b: np_scan(a, b, 0),
                          [normal(4, 2, 3), normal(4, 2, 3)]),
    "linear_scan_broadcast": (cr.linear_scan, np_scan, [normal(5), normal(3, 5)]),
}

CORNERS = {
    "cumsum_empty": (lambda x: cr.cumsum(x, axis=1), lambda x: np.cumsum(x, 1), [normal(3, 0)]),
    "cumsum_integers": (lambda x: cr.cumsum(x, axis=0), lambda x: np.cumsum(x, 0), [integers(-9, 9, 6, 2)]),
    "cumsum_booleans": (cr.cumsum, np.cumsum, [np.array([True, False, True, True])]),
    "cumsum_scalar": (cr.cumsum, np.cumsum, [normal()]),
    "cumsum_wide": (lambda x: cr.cumsum(x, axis=0), lambda x: np.cumsum(x, 0), [normal(7, 600)]),
    "cumprod_empty": (lambda x: cr.cumprod(x, axis=0), lambda x: np.cumprod(x, 0), [normal(0, 3)]),
    "cumprod_integers": (cr.cumprod, np.cumprod, [integers(-5, 5, 5)]),
    "linear_scan_empty": (cr.linear_scan, np_scan, [normal(3, 0), normal(3, 0)]),
}

ERRORS = {
    "cumsum": (lambda: cr.cumsum(cr.zeros(3), axis=1), IndexError, r"cumsum: axis 1 is out of range for 1 axes"),
    "cumprod": (lambda: cr.cumprod(cr.zeros(3), axis=-2), IndexError, r"cumprod: axis -2 is out of range for 1 axes"),
    "linear_scan": (lambda: cr.linear_scan(cr.zeros((2, 3)), cr.zeros((2, 4))), cr.ShapeError,
                    r"linear_scan: shapes \(2, 3\) and \(2, 4\) do not broadcast: .*"),
    "linear_scan_scalar": (lambda: cr.linear_scan(1.0, 2.0), IndexError,
                           r"linear_scan: axis -1 is out of range for 0 axes"),
}
