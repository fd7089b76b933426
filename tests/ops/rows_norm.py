"""Normalisations against their formulas in NumPy."""
import chainrule as cr
import numpy as np

from .checks import normal, uniform


def standard(x, axes, eps=1e-5, centred=True):
    u = x - x.mean(axes, keepdims=True) if centred else x
    return u / np.sqrt((u * u).mean(axes, keepdims=True) + eps)


def channel(p, x):
    return p.reshape(1, -1, *(1,) * (x.ndim - 2))


def batch(x, w, b):
    axes = (0, *range(2, x.ndim))
    return [standard(x, axes) * channel(w, x) + channel(b, x), x.mean(axes), x.var(axes)]


def group(x, groups):
    return standard(x.reshape(x.shape[0], groups, -1), 2).reshape(x.shape)


def layer(x, w, b, n=1):
    return standard(x, tuple(range(-n, 0))) * w + b


ALONE = {"resized": "statistics of other rows"}
CASES = {
    "moments": (lambda x: cr.moments(x, (0, 2)), lambda x: [x.mean((0, 2), keepdims=True), x.var((0, 2), keepdims=True)],
                [normal(3, 2, 4)]),
    "layer_norm": (cr.layer_norm, layer, [normal(3, 5), normal(5), normal(5)]),
    "layer_norm_plain": (cr.layer_norm, lambda x: standard(x, -1), [normal(4, 3)]),
    "layer_norm_wide": (cr.layer_norm, layer, [normal(2, 3, 40), normal(40), normal(40)]),
    "layer_norm_axes": (lambda x, w, b: cr.layer_norm(x, w, b, axes=2), lambda x, w, b: layer(x, w, b, 2),
                        [normal(2, 3, 4), normal(3, 4), normal(3, 4)]),
    "layer_norm_scaled": (cr.layer_norm, lambda x, w: standard(x, -1) * w, [normal(3, 5), normal(5)]),
    "rms_norm": (cr.rms_norm, lambda x, w: standard(x, -1, 1e-6, centred=False) * w, [normal(3, 5), normal(5)]),
    "rms_norm_axes": (lambda x: cr.rms_norm(x, axes=2), lambda x: standard(x, (-1, -2), 1e-6, centred=False),
                      [normal(2, 3, 4)]),
    "batch_norm": (cr.batch_norm, batch, [normal(4, 3), normal(3), normal(3)]),
    "batch_norm_many": (cr.batch_norm, batch, [normal(3, 70), normal(70), normal(70)]),
    "batch_norm_pixels": (cr.batch_norm, batch, [normal(2, 3, 4, 5), normal(3), normal(3)]),
    "batch_norm_short": (cr.batch_norm, batch, [normal(3, 2, 3), normal(2), normal(2)]),
    "batch_norm_stored": (lambda x, w, b, m, v: cr.batch_norm(x, w, b, m, v)[0],
                          lambda x, w, b, m, v: (x - channel(m, x)) / np.sqrt(channel(v, x) + 1e-5) * channel(w, x)
                          + channel(b, x),
                          [normal(4, 3, 2), normal(3), normal(3), normal(3), uniform(0.5, 2, 3)]),
    "group_norm": (lambda x, w, b: cr.group_norm(x, 2, w, b),
                   lambda x, w, b: group(x, 2) * channel(w, x) + channel(b, x), [normal(3, 4, 5), normal(4), normal(4)]),
    "group_norm_vectors": (lambda x: cr.group_norm(x, 3), lambda x: group(x, 3), [normal(2, 6)]),
    "instance_norm": (cr.instance_norm, lambda x, w, b: group(x, x.shape[1]) * channel(w, x) + channel(b, x),
                      [normal(2, 3, 6), normal(3), normal(3)]),
}

FAR = np.array([[1e4, 1e4 + 1, 1e4 + 2], [-5e3, -5e3, -5e3]])
CORNERS = {
    "layer_norm_far": (cr.layer_norm, lambda x: standard(x, -1), [FAR]),
    "batch_norm_far": (lambda x: cr.batch_norm(x)[0], lambda x: standard(x, 0), [np.ascontiguousarray(FAR.T)]),
    "layer_norm_no_rows": (cr.layer_norm, np.copy, [np.zeros((0, 3))]),
    "layer_norm_no_columns": (cr.layer_norm, np.copy, [np.zeros((3, 0))]),
    "group_norm_none": (lambda x: cr.group_norm(x, 2), np.copy, [np.zeros((0, 4, 3))]),
    "layer_norm_rows": (cr.layer_norm, lambda x: standard(x, -1), [normal(700, 300)]),
    "batch_norm_rows": (lambda x: cr.batch_norm(x)[0], lambda x: standard(x, (0, 2)), [normal(40, 3, 2000)]),
}

X = cr.zeros((2, 3))
ERRORS = {
    "layer_norm_axes": (lambda: cr.layer_norm(X, axes=3), cr.ShapeError,
                        r"layer_norm: x \(2, 3\) needs at least 3 axes"),
    "layer_norm_weight": (lambda: cr.layer_norm(X, cr.ones(2)), cr.ShapeError,
                          r"layer_norm: weight \(2,\) needs shape \(3,\)"),
    "layer_norm_bias": (lambda: cr.layer_norm(X, cr.ones(3), cr.ones((2, 3))), cr.ShapeError,
                        r"layer_norm: bias \(2, 3\) needs shape \(3,\)"),
    "rms_norm_weight": (lambda: cr.rms_norm(X, cr.ones(())), cr.ShapeError,
                        r"rms_norm: weight \(\) needs shape \(3,\)"),
    "batch_norm_vector": (lambda: cr.batch_norm(cr.ones(3)), cr.ShapeError,
                          r"batch_norm: x \(3,\) needs a batch and a channel axis"),
    "batch_norm_none": (lambda: cr.batch_norm(cr.ones((0, 3))), cr.ShapeError,
                        r"batch_norm: x \(0, 3\) needs at least one value a channel"),
    "batch_norm_weight": (lambda: cr.batch_norm(X, cr.ones(2)), cr.ShapeError,
                          r"batch_norm: weight \(2,\) needs shape \(3,\)"),
    "group_norm_groups": (lambda: cr.group_norm(X, 2), cr.ShapeError,
                          r"group_norm: x \(2, 3\) needs x.shape\[1\] to be a multiple of groups 2"),
    "instance_norm_axes": (lambda: cr.instance_norm(X), cr.ShapeError,
                           r"instance_norm: x \(2, 3\) needs axes after \(N, C\)"),
}
