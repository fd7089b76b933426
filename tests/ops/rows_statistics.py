"""Covariance and correlation of columns; NumPy is the oracle."""
import chainrule as cr
import numpy as np

from .checks import normal


def np_covariance(x):
    centred = x - x.mean(-2, keepdims=True)
    return np.swapaxes(centred, -1, -2) @ centred / x.shape[-2]


def np_correlation(x):
    S = np_covariance(x)
    s = np.sqrt(np.diagonal(S, axis1=-2, axis2=-1))
    return S / s[..., :, None] / s[..., None, :]


LOST = {"repeated": "equal samples have no variance", "resized": "equal samples have no variance"}

CASES = {
    "covariance": (cr.covariance, np_covariance, [normal(7, 3)]),
    "covariance_batch": (cr.covariance, np_covariance, [normal(2, 5, 3)]),
    "correlation": (cr.correlation, np_correlation, [normal(7, 3)], LOST),
    "correlation_batch": (cr.correlation, np_correlation, [normal(2, 5, 3)], LOST),
}
CORNERS = {
    "covariance_numpy": (cr.covariance, lambda x: np.cov(x.T, bias=True), [normal(40, 5) + 3]),
    "covariance_blocks": (cr.covariance, lambda x: np.cov(x.T, bias=True), [normal(40, 131)]),
    "covariance_blocks_batch": (cr.covariance, np_covariance, [normal(2, 9, 70)]),
    "covariance_one_sample": (cr.covariance, np_covariance, [normal(1, 3)]),
    "covariance_no_features": (cr.covariance, np_covariance, [normal(4, 0)]),
    "correlation_numpy": (cr.correlation, lambda x: np.corrcoef(x.T), [normal(40, 5) + 3]),
    "correlation_constant": (cr.correlation, lambda x: np.corrcoef(x.T),
                             [np.stack([np.arange(4.0), np.ones(4)], 1)]),
}
ERRORS = {
    "covariance": (lambda: cr.covariance(cr.zeros(3)), cr.ShapeError,
                   r"covariance: needs samples as rows \(..., n, p\), got shape \(3,\)"),
    "correlation_type": (lambda: cr.correlation(cr.tensor([[1, 2]])), cr.DTypeError,
                         r"correlation: needs a floating tensor, got int64; use .astype\(cr.float32\)"),
}
