"""Pooling and interpolation: against loops over windows, and against PyTorch where its corner cases are the definition."""
from itertools import product

import chainrule as cr
import numpy as np
import pytest

from .checks import normal, spaced


def _axes(value, n):
    return (value,) * n if isinstance(value, int) else tuple(value)


def _spans(n, size, stride, before, after, dilation, ceil_mode):
    """The unclipped window of each output: its first position, and one past its last."""
    reach = dilation * (size - 1) + 1
    room = n + before + after - reach
    out = (-(-room // stride) if ceil_mode else room // stride) + 1
    if ceil_mode and (out - 1) * stride >= n + before:
        out -= 1
    return [(i * stride - before, i * stride - before + reach) for i in range(out)]


def _windows(x, size, stride=None, padding=0, dilation=1, ceil_mode=False):
    """For each axis a list of windows: the positions inside x, and how many count with padding."""
    k = len(size)
    stride = size if stride is None else _axes(stride, k)
    pairs = [(p, p) if isinstance(p, int) else p for p in _axes(padding, k)]
    axes = []
    for n, m, s, (before, after), d in zip(x.shape[-k:], size, stride, pairs, _axes(dilation, k), strict=True):
        spans = _spans(n, m, s, before, after, d, ceil_mode)
        axes.append([([p for p in range(a, b, d) if 0 <= p < n], min(b, n + after) - a) for a, b in spans])
    return axes


def _adaptive(x, size):
    k = len(size)
    return [[(list(range(i * n // m, -(-(i + 1) * n // m))), 1) for i in range(m)]
            for n, m in zip(x.shape[-k:], size, strict=True)]


def _pool(x, axes, f):
    """f(window of x (..., *its sizes), its positions, its padded size) for each window."""
    shape = x.shape[:x.ndim - len(axes)] + tuple(map(len, axes))
    y = np.zeros(shape)
    for at in product(*map(range, map(len, axes))):
        inside = [axes[i][j][0] for i, j in enumerate(at)]
        window = x[(..., *np.ix_(*inside))].reshape(*x.shape[:x.ndim - len(axes)], -1)
        y[(..., *at)] = f(window, inside, np.prod([axes[i][j][1] for i, j in enumerate(at)]))
    return y


def np_max(x, axes):
    return _pool(x, axes, lambda window, *_: window.max(-1))


def np_argmax(x, axes):
    """Row-major positions in space; the first of equal ones, or the first NaN."""
    space = x.shape[x.ndim - len(axes):]

    def first(window, inside, _):
        places = np.array([np.ravel_multi_index(p, space) for p in product(*inside)])
        return places[np.argmax(window, -1)]
    return _pool(x, axes, first).astype(np.int64)


def max_row(shape, size, **options):
    def op(x):
        return cr.max_pool(x, size, **options)
    return op, lambda x: np_max(x, _windows(x, size, **options)), [spaced(*shape)]


def avg_row(shape, size, count_include_pad=True, **options):
    def op(x):
        return cr.avg_pool(x, size, count_include_pad=count_include_pad, **options)

    def oracle(x):
        return _pool(x, _windows(x, size, **options),
                     lambda window, inside, whole: window.sum(-1) / (whole if count_include_pad else window.shape[-1]))
    return op, oracle, [normal(*shape)]


def indexed_row(shape, size, **options):
    def op(x):
        return cr.max_pool(x, size, return_indices=True, **options)

    def oracle(x):
        axes = _windows(x, size, **options)
        return np_max(x, axes), np_argmax(x, axes)
    return op, oracle, [spaced(*shape)], TIES


def np_unpool(x, index, size):
    rows = x.reshape(-1, np.prod(x.shape[-len(size):], dtype=int)), index.reshape(-1, np.prod(x.shape[-len(size):], dtype=int))
    y = np.zeros((len(rows[0]), np.prod(size)))
    for to, values, places in zip(y, *rows, strict=True):
        for p in set(places.tolist()):
            to[p] = values[places == p].mean()
    return y.reshape(*x.shape[:-len(size)], *size)


def np_interpolate(x, sizes, linear=False, align_corners=False, scale=None):
    """One axis after another, by the formula of each mode."""
    k = len(sizes)
    for i, m in enumerate(sizes):
        axis, n = i - k, x.shape[i - k]
        ratio = n / m if scale is None else 1 / scale[i]
        if not linear:
            x = np.take(x, [min(int(j * n // m if scale is None else np.floor(j * ratio)), n - 1) for j in range(m)], axis)
            continue
        at = np.arange(m) * ((n - 1) / max(m - 1, 1)) if align_corners else (np.arange(m) + 0.5) * ratio - 0.5
        at = np.clip(at, 0, n - 1)
        low = np.minimum(at.astype(int), n - 1)
        part = (at - low).reshape(-1, *(1,) * (k - 1 - i))
        x = np.take(x, low, axis) * (1 - part) + np.take(x, np.minimum(low + 1, n - 1), axis) * part
    return x


def resized(shape, sizes, mode="nearest", **options):
    def op(x):
        return cr.interpolate(x, size=sizes, mode=mode, **options)
    return op, lambda x: np_interpolate(x, sizes, mode != "nearest", **options), [normal(*shape)]


def scaled(shape, scale, sizes, mode="nearest", **options):
    def op(x):
        return cr.interpolate(x, scale=scale, mode=mode, **options)
    return op, lambda x: np_interpolate(x, sizes, mode != "nearest", scale=scale, **options), [normal(*shape)]


def by_torch(name, *args, **options):
    """PyTorch's function of that name as the oracle."""
    def oracle(x):
        torch = pytest.importorskip("torch")
        y = getattr(torch.nn.functional, name)(torch.tensor(np.ascontiguousarray(x)), *args, **options)
        return [t.numpy() for t in y] if isinstance(y, tuple) else y.numpy()
    return oracle


TIES = {"low": "narrow types make ties, where positions differ"}
LINE = {"resized": "the only axis is one of space", "repeated": "every window would be a tie"}

CASES = {
    "max_pool_1d": max_row((2, 3, 9), (2,)),
    "max_pool_line": (*max_row((9,), (3,), stride=1), LINE),
    "max_pool_2d": max_row((2, 3, 7, 6), (2, 2)),
    "max_pool_2d_all": max_row((2, 2, 9, 8), (3, 2), stride=(2, 1), padding=(1, 1), dilation=(2, 3)),
    "max_pool_2d_per_side": max_row((2, 2, 6, 5), (3, 3), stride=2, padding=[(1, 0), (0, 1)]),
    "max_pool_2d_ceil": max_row((2, 3, 8, 7), (3, 3), stride=2, ceil_mode=True),
    "max_pool_2d_ceil_padded": max_row((1, 2, 7, 8), (2, 3), stride=(3, 2), padding=1, ceil_mode=True),
    "max_pool_2d_gaps": max_row((2, 2, 9, 11), (2, 2), stride=(4, 5)),
    "max_pool_2d_whole": max_row((2, 3, 4, 5), (4, 5)),
    "max_pool_3d": max_row((2, 2, 4, 5, 6), (2, 3, 2), stride=(2, 1, 2), padding=(0, 1, 1)),
    "max_pool_index": indexed_row((2, 2, 7, 6), (3, 2), stride=2, padding=1),
    "max_pool_index_3d": indexed_row((1, 2, 4, 5, 4), (2, 2, 3), dilation=(1, 2, 1)),
    "max_pool_torch": (lambda x: cr.max_pool(x, 3, 2, 1, 2, True), by_torch("max_pool2d", 3, 2, 1, 2, True), [spaced(2, 3, 10, 11)]),
    "max_pool_torch_index": (lambda x: cr.max_pool(x, 2, 3, 1, ceil_mode=True, return_indices=True),
                             by_torch("max_pool2d_with_indices", 2, 3, 1, 1, True), [spaced(2, 2, 8, 7)], TIES),
    "avg_pool_1d": avg_row((2, 3, 9), (3,), stride=2),
    "avg_pool_line": (*avg_row((40,), (20,), stride=3), LINE),
    "avg_pool_2d": avg_row((2, 3, 6, 6), (2, 2)),
    "avg_pool_2d_padded": avg_row((2, 3, 7, 6), (3, 2), stride=2, padding=1),
    "avg_pool_2d_inside": avg_row((2, 3, 7, 6), (3, 2), stride=2, padding=1, count_include_pad=False),
    "avg_pool_2d_ceil": avg_row((2, 2, 8, 7), (3, 3), stride=2, padding=1, ceil_mode=True),
    "avg_pool_2d_ceil_inside": avg_row((2, 2, 8, 7), (3, 3), stride=2, padding=1, ceil_mode=True, count_include_pad=False),
    "avg_pool_3d": avg_row((2, 2, 4, 5, 6), (2, 3, 2), stride=(2, 1, 3), padding=(1, 0, 1)),
    "avg_pool_torch": (lambda x: cr.avg_pool(x, 3, 2, 1, True), by_torch("avg_pool2d", 3, 2, 1, True), [normal(2, 3, 8, 9)]),
    "avg_pool_torch_inside": (lambda x: cr.avg_pool(x, (4, 3), (3, 2), (2, 1), True, False),
                              by_torch("avg_pool2d", (4, 3), (3, 2), (2, 1), True, False), [normal(2, 3, 8, 9)]),
    "adaptive_max_pool": (lambda x: cr.adaptive_max_pool(x, (2, 3)), lambda x: np_max(x, _adaptive(x, (2, 3))), [spaced(2, 2, 7, 7)]),
    "adaptive_max_pool_up": (lambda x: cr.adaptive_max_pool(x, (5,)), lambda x: np_max(x, _adaptive(x, (5,))), [spaced(2, 3, 3)]),
    "adaptive_max_pool_torch": (lambda x: cr.adaptive_max_pool(x, 3, return_indices=True),
                                by_torch("adaptive_max_pool3d_with_indices", 3), [spaced(2, 2, 4, 5, 7)], TIES),
    "adaptive_avg_pool": (lambda x: cr.adaptive_avg_pool(x, (2, 3)),
                          lambda x: _pool(x, _adaptive(x, (2, 3)), lambda window, *_: window.mean(-1)), [normal(2, 2, 7, 7)]),
    "adaptive_avg_pool_global": (lambda x: cr.adaptive_avg_pool(x, 1), lambda x: x.mean((-1, -2), keepdims=True), [normal(2, 3, 5, 20)]),
    "adaptive_avg_pool_up": (lambda x: cr.adaptive_avg_pool(x, (5,)),
                             lambda x: _pool(x, _adaptive(x, (5,)), lambda window, *_: window.mean(-1)), [normal(2, 3, 3)]),
    "adaptive_avg_pool_torch": (lambda x: cr.adaptive_avg_pool(x, (3, 2, 5)), by_torch("adaptive_avg_pool3d", (3, 2, 5)),
                                [normal(2, 2, 4, 5, 7)]),
    "max_unpool": (lambda x, i: cr.max_unpool(x, i, (5, 4)), lambda x, i: np_unpool(x, i, (5, 4)),
                   [normal(2, 2, 2, 2), np.array([[[[0, 3], [9, 19]], [[5, 6], [17, 2]]]] * 2)]),
    "max_unpool_shared": (lambda x, i: cr.max_unpool(x, i, (6,)), lambda x, i: np_unpool(x, i, (6,)),
                          [normal(2, 4), np.array([[0, 2, 2, 5], [1, 1, 1, 4]])]),
    "interpolate": resized((2, 2, 4, 5), (7, 3)),
    "interpolate_line": (*resized((6,), (9,)), LINE),
    "interpolate_scale": scaled((2, 2, 3, 4), (2.0, 1.5), (6, 6)),
    "interpolate_scale_down": scaled((2, 2, 9, 8), (0.4, 0.5), (3, 4)),
    "interpolate_linear_1d": resized((2, 2, 5), (8,), "linear"),
    "interpolate_linear_2d": resized((2, 2, 4, 5), (7, 3), "bilinear"),
    "interpolate_linear_3d": resized((1, 2, 3, 2, 4), (4, 5, 3), "trilinear"),
    "interpolate_linear_scale": scaled((2, 2, 4, 5), (1.7, 0.6), (6, 3), "bilinear"),
    "interpolate_corners": resized((2, 2, 4, 5), (7, 3), "bilinear", align_corners=True),
    "interpolate_corners_one": resized((2, 2, 4, 1), (1, 3), "bilinear", align_corners=True),
    "interpolate_torch": (lambda x: cr.interpolate(x, scale=2, mode="bilinear"), by_torch("interpolate", None, 2, "bilinear"),
                          [normal(2, 3, 4, 5)]),
    "interpolate_torch_down": (lambda x: cr.interpolate(x, (3, 4), mode="bilinear"), by_torch("interpolate", (3, 4), None, "bilinear"),
                               [normal(2, 3, 9, 7)]),
    "interpolate_torch_corners": (lambda x: cr.interpolate(x, (9, 4), mode="bilinear", align_corners=True),
                                  by_torch("interpolate", (9, 4), None, "bilinear", True), [normal(2, 3, 4, 7)]),
    "interpolate_torch_nearest": (lambda x: cr.interpolate(x, (9, 4)), by_torch("interpolate", (9, 4)), [normal(2, 3, 4, 7)]),
}

TIED = np.array([[[3.0, 3, 1], [3, 2, 1]]])
CORNERS = {
    "max_pool_tie": (lambda x: cr.max_pool(x, (2, 2), 1, return_indices=True), lambda x: (np.array([[[3.0, 3]]]), np.array([[[0, 1]]])), [TIED]),
    "max_pool_nan": (lambda x: cr.max_pool(x, (2, 2), 1, return_indices=True),
                     lambda x: (np_max(x, _windows(x, (2, 2), 1)), np_argmax(x, _windows(x, (2, 2), 1))),
                     [np.array([[1.0, np.nan, 3], [np.nan, 5, 6], [7, 8, 9]])]),
    "max_pool_low": (lambda x: cr.max_pool(x, (2,), padding=1), lambda x: np_max(x, _windows(x, (2,), padding=1)), [np.array([-np.inf, -np.inf, -5])]),
    "max_pool_integers": (lambda x: cr.max_pool(x, (2,)), lambda x: x.reshape(-1, 2).max(1), [np.array([-9, -3, 2**62, 4])]),
    "max_pool_empty": (lambda x: cr.max_pool(x, 2), lambda x: np.zeros((0, 3, 2, 1)), [np.zeros((0, 3, 4, 3))]),
    "avg_pool_empty": (lambda x: cr.avg_pool(x, 2), lambda x: np.zeros((2, 0, 2, 1)), [np.zeros((2, 0, 4, 3))]),
    "avg_pool_integers": (lambda x: cr.avg_pool(x, (2,)), lambda x: x.reshape(-1, 2).mean(1).astype(np.float32), [np.array([1, 2, 3, 5])]),
    "max_unpool_empty": (lambda x, i: cr.max_unpool(x, i, (3,)), lambda x, i: np.zeros((2, 3)), [np.zeros((2, 0)), np.zeros((2, 0), int)]),
    "interpolate_empty": (lambda x: cr.interpolate(x, (3, 2)), lambda x: np.zeros((0, 1, 3, 2)), [np.zeros((0, 1, 4, 3))]),
}


def refused(op, shape, kind, text, *args, **options):
    return lambda: op(cr.zeros(shape), *args, **options), kind, text


IMAGE = (2, 3, 6, 5)
ERRORS = {
    "max_pool_window": refused(cr.max_pool, IMAGE, cr.ShapeError,
                               r"max_pool: a window of 7 with dilation 1 does not fit axis -2 of x \(2, 3, 6, 5\) with padding 0 and 0", (7, 2)),
    "max_pool_padding": refused(cr.max_pool, IMAGE, ValueError,
                                r"max_pool: padding 2 and 2 needs to be 0 ... half of size \(3, 3\)", 3, padding=2),
    "max_pool_stride": refused(cr.max_pool, IMAGE, ValueError,
                               r"max_pool: stride and dilation must be at least 1, got \(0, 0\) and \(1, 1\)", 3, stride=0),
    "max_pool_stride_axes": refused(cr.max_pool, IMAGE, ValueError,
                                    r"max_pool: stride \(1, 1, 1\) needs 2 entries, one a spatial axis", 3, stride=(1, 1, 1)),
    "max_pool_size": refused(cr.max_pool, IMAGE, ValueError, r"max_pool: size must be at least 1, got \(0, 2\)", (0, 2)),
    "max_pool_sizes": refused(cr.max_pool, IMAGE, ValueError,
                              r"max_pool: size \(2, 2, 2, 2\) needs one, two or three entries", (2, 2, 2, 2)),
    "max_pool_axes": refused(cr.max_pool, (4,), cr.ShapeError, r"max_pool: x \(4,\) needs 2 axes of space for size \(2, 2\)", (2, 2)),
    "max_pool_padding_only": refused(cr.max_pool, (1, 1, 1), cr.ShapeError,
                                     r"max_pool: window 0 of axis -1 of x \(1, 1, 1\) holds padding only", (2,), padding=1, dilation=2),
    "max_pool_bool": (lambda: cr.max_pool(cr.zeros(IMAGE, dtype=cr.bool), 2), cr.DTypeError, "max_pool: needs numbers, got bool"),
    "avg_pool_window": refused(cr.avg_pool, IMAGE, cr.ShapeError,
                               r"avg_pool: a window of 9 with dilation 1 does not fit axis -1 of x \(2, 3, 6, 5\) with padding 0 and 0", (2, 9)),
    "adaptive_avg_pool_empty": refused(cr.adaptive_avg_pool, (2, 3, 0), cr.ShapeError,
                                       r"adaptive_avg_pool: axis -1 of x \(2, 3, 0\) is empty", (2,)),
    "adaptive_max_pool_size": refused(cr.adaptive_max_pool, IMAGE, ValueError,
                                      r"adaptive_max_pool: size must be at least 1, got \(0, 0\)", 0),
    "max_unpool_shapes": (lambda: cr.max_unpool(cr.zeros((2, 3)), cr.zeros((2, 2), dtype=cr.int64), (4,)), cr.ShapeError,
                          r"max_unpool: x \(2, 3\) and index \(2, 2\) need one shape"),
    "max_unpool_index": (lambda: cr.max_unpool(cr.zeros((1, 2)), cr.tensor([[0, 4]]), (4,)), IndexError, r".*index 4 is out of range for size 4"),
    "interpolate_mode": refused(cr.interpolate, IMAGE, ValueError,
                                r"interpolate: mode must be 'nearest' or 'linear' \('bilinear', 'trilinear'\), got 'cubic'", 4, mode="cubic"),
    "interpolate_neither": refused(cr.interpolate, IMAGE, ValueError, "interpolate: needs either size or scale"),
    "interpolate_corners_nearest": refused(cr.interpolate, IMAGE, ValueError,
                                           "interpolate: align_corners has a meaning for mode 'linear' only", 4, align_corners=True),
    "interpolate_scale_negative": refused(cr.interpolate, IMAGE, ValueError, "interpolate: scale must be positive, got -1", scale=-1),
    "interpolate_nothing": refused(cr.interpolate, IMAGE, cr.ShapeError,
                                   r"interpolate: axis -1 of x \(2, 3, 6, 5\) gives a size of 0, needs at least 1", scale=0.1),
}
