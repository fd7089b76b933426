"""Convolution and its transpose: against a sum over taps, and against SciPy and NumPy where these have the op."""
from itertools import product
from math import prod

import chainrule as cr
import numpy as np
from scipy import signal

from .checks import normal


def _axes(value, n):
    return (value,) * n if isinstance(value, int) else tuple(value)


def _pairs(padding, n):
    return [(p, p) if isinstance(p, int) else tuple(p) for p in _axes(padding, n)]


def _taps(w, space, stride, dilation, out):
    """Each tap of the kernel with the places in padded x that it meets."""
    for k in product(*map(range, w.shape[2:])):
        yield k, tuple(slice(d * i, d * i + s * (n - 1) + 1, s) if n else slice(0, 0)
                       for i, s, d, n in zip(k, stride, dilation, out, strict=True))


def np_conv(x, w, bias=None, stride=1, padding=0, dilation=1, groups=1):
    n = w.ndim - 2
    stride, dilation, pairs = _axes(stride, n), _axes(dilation, n), _pairs(padding, n)
    batch, x = x.shape[:-n - 1], x.reshape(prod(x.shape[:-n - 1]), *x.shape[-n - 1:])
    x = np.pad(x, [(0, 0), (0, 0), *pairs])
    out = [(m - d * (k - 1) - 1) // s + 1
           for m, k, s, d in zip(x.shape[2:], w.shape[2:], stride, dilation, strict=True)]
    z = np.zeros((len(x), w.shape[0], *out))
    for part in range(groups):
        o = slice(part * w.shape[0] // groups, (part + 1) * w.shape[0] // groups)
        c = slice(part * w.shape[1], (part + 1) * w.shape[1])
        for k, places in _taps(w, out, stride, dilation, out):
            z[:, o] += np.einsum("nc...,oc->no...", x[(slice(None), c, *places)], w[(o, slice(None), *k)])
    if bias is not None:
        z += bias.reshape(-1, *(1,) * n)
    return z.reshape(*batch, *z.shape[1:])


def np_transpose(x, w, bias=None, stride=1, padding=0, output_padding=0, dilation=1, groups=1):
    n = w.ndim - 2
    stride, dilation, pairs = _axes(stride, n), _axes(dilation, n), _pairs(padding, n)
    batch, x = x.shape[:-n - 1], x.reshape(prod(x.shape[:-n - 1]), *x.shape[-n - 1:])
    whole = [s * (m - 1) + d * (k - 1) + 1 + e for m, k, s, d, e in
             zip(x.shape[2:], w.shape[2:], stride, dilation, _axes(output_padding, n), strict=True)]
    z = np.zeros((len(x), w.shape[1] * groups, *whole))
    for part in range(groups):
        c = slice(part * w.shape[0] // groups, (part + 1) * w.shape[0] // groups)
        o = slice(part * w.shape[1], (part + 1) * w.shape[1])
        for k, places in _taps(w, whole, stride, dilation, x.shape[2:]):
            z[(slice(None), o, *places)] += np.einsum("nc...,co->no...", x[:, c], w[(c, slice(None), *k)])
    z = z[(..., *(slice(b, m - a) for (b, a), m in zip(pairs, whole, strict=True)))]
    if bias is not None:
        z = z + bias.reshape(-1, *(1,) * n)
    return z.reshape(*batch, *z.shape[1:])


SUMS = {"units": (16, "of float32 sums, rounded once; inputs are rounded first")}

TURNED = {"resized": "the sizes of f and g go together"}


def row(op, oracle, x, w, bias=False, **options):
    """A row whose inputs are drawn: x, w and, when asked for, a bias with the number of the result's channels."""
    inputs = [normal(*x), normal(*w)]
    if bias:
        channels = w[0] if oracle is np_conv else w[1] * options.get("groups", 1)
        inputs.append(normal(channels))

    def call(x, w, b=None):
        return op(x, w, bias=b, **options)
    return call, lambda *given: oracle(*given, **options), inputs, {"resized": "the sizes of x and w go together"}


def conv(x, w, **options):
    return row(cr.conv, np_conv, x, w, **options)


def transpose(x, w, **options):
    return row(cr.conv_transpose, np_transpose, x, w, **options)


CASES = {
    "conv_scipy_2d": (lambda x, w: cr.conv(x[None], w[None, None])[0], lambda x, w: signal.correlate(x, w, "valid"),
                      [normal(7, 6), normal(3, 2)], {"resized": "windows need room"}),
    "conv_scipy_3d": (lambda x, w: cr.conv(x[None], w[None, None], padding=(1, 0, 1))[0],
                      lambda x, w: signal.correlate(np.pad(x, [(1, 1), (0, 0), (1, 1)]), w, "valid"),
                      [normal(4, 5, 3), normal(3, 2, 3)], {"resized": "windows need room"}),
    "conv_numpy_1d": (lambda x, w: cr.conv(x[None], w[None, None])[0], lambda x, w: np.correlate(x, w, "valid"),
                      [normal(9), normal(4)], {"resized": "windows need room"}),
    "conv_1d": conv((2, 3, 9), (4, 3, 3)),
    "conv_1d_all": conv((2, 4, 12), (6, 2, 3), bias=True, stride=2, padding=[(2, 1)], dilation=2, groups=2),
    "conv_1d_unbatched": conv((3, 9), (2, 3, 4), bias=True),
    "conv_2d": conv((2, 3, 7, 6), (4, 3, 3, 2)),
    "conv_2d_bias": conv((2, 3, 5, 6), (4, 3, 2, 3), bias=True, padding=1),
    "conv_2d_two_batch_axes": conv((2, 2, 3, 5, 4), (2, 3, 2, 2)),
    "conv_2d_per_side": conv((2, 2, 5, 4), (3, 2, 3, 3), padding=[(0, 2), (3, 1)]),
    "conv_2d_stride": conv((2, 2, 8, 9), (3, 2, 3, 2), stride=(2, 3), padding=(1, 0)),
    "conv_2d_stride_over_window": conv((1, 2, 9, 10), (2, 2, 2, 2), stride=(4, 3)),
    "conv_2d_dilation": conv((2, 2, 8, 9), (3, 2, 3, 2), dilation=(2, 4), padding=(2, 1)),
    "conv_2d_dilation_and_stride": conv((1, 2, 11, 10), (2, 2, 3, 3), dilation=(3, 2), stride=(2, 3), padding=2),
    "conv_2d_groups": conv((2, 6, 5, 5), (4, 3, 3, 3), groups=2, bias=True),
    "conv_2d_depthwise": conv((2, 5, 6, 7), (5, 1, 3, 3), groups=5, padding=1),
    "conv_2d_depthwise_doubled": conv((2, 3, 6, 7), (6, 1, 3, 3), groups=3, stride=2),
    "conv_2d_pointwise": conv((2, 5, 4, 3), (3, 5, 1, 1)),
    "conv_2d_pointwise_stride": conv((2, 5, 5, 6), (3, 5, 1, 1), stride=2),
    "conv_2d_whole": conv((2, 3, 4, 5), (4, 3, 4, 5)),
    "conv_2d_one": conv((1, 1, 1, 1), (1, 1, 1, 1)),
    "conv_2d_prime": conv((3, 5, 17, 13), (7, 5, 5, 3), bias=True, padding=(2, 1)),
    "conv_2d_many": conv((2, 16, 12, 11), (18, 16, 3, 3), padding=1),
    "conv_2d_many_stride": conv((2, 6, 17, 19), (15, 6, 5, 3), stride=(2, 3), padding=(2, 0), dilation=(1, 3)),
    "conv_2d_many_groups": conv((2, 12, 11, 10), (20, 3, 3, 3), groups=4, padding=1, bias=True),
    "conv_2d_wide": conv((1, 2, 3, 150), (2, 2, 2, 7), padding=(0, 3)),
    "conv_3d": conv((2, 2, 4, 5, 3), (3, 2, 2, 3, 2), bias=True),
    "conv_3d_all": conv((1, 4, 5, 6, 7), (4, 2, 2, 3, 2), stride=(2, 1, 2), padding=[(1, 0), 1, (0, 2)],
                        dilation=(1, 2, 3), groups=2),
    "conv_3d_many": conv((2, 4, 7, 6, 5), (9, 4, 3, 2, 3), padding=1),
    "conv_transpose_1d": transpose((2, 3, 5), (3, 4, 3)),
    "conv_transpose_1d_all": transpose((2, 4, 6), (4, 3, 4), bias=True, stride=3, padding=[(2, 1)], output_padding=2,
                                       dilation=2, groups=2),
    "conv_transpose_2d": transpose((2, 3, 4, 5), (3, 2, 3, 2), bias=True),
    "conv_transpose_2d_unbatched": transpose((3, 4, 5), (3, 2, 3, 2)),
    "conv_transpose_2d_stride": transpose((2, 3, 4, 5), (3, 2, 3, 4), stride=(2, 3), padding=(1, 2), output_padding=(1, 0)),
    "conv_transpose_2d_stride_over_window": transpose((1, 2, 3, 4), (2, 3, 2, 1), stride=(4, 3), bias=True, output_padding=2),
    "conv_transpose_2d_many": transpose((2, 16, 9, 8), (16, 15, 3, 3), padding=1),
    "conv_transpose_2d_many_stride": transpose((2, 10, 9, 8), (10, 4, 5, 4), stride=(2, 3), padding=(2, 1), groups=2, bias=True,
                                               dilation=(3, 1)),
    "conv_transpose_3d": transpose((1, 2, 3, 2, 4), (2, 3, 2, 3, 2), stride=(1, 2, 3), padding=(0, 1, 0), bias=True),
    "convolve_1d": (cr.convolve, signal.convolve, [normal(6), normal(3)], TURNED),
    "convolve_2d": (cr.convolve, signal.convolve, [normal(6, 7), normal(3, 4)], TURNED),
    "convolve_3d": (cr.convolve, signal.convolve, [normal(4, 3, 5), normal(2, 3, 1)], TURNED),
    "convolve_larger": (cr.convolve, signal.convolve, [normal(2), normal(5)], TURNED),
    "convolve_valid": (lambda f, g: cr.convolve(f, g, "valid"), lambda f, g: signal.convolve(f, g, "valid"),
                       [normal(6, 7), normal(3, 4)], TURNED),
    "convolve_same": (lambda f, g: cr.convolve(f, g, "same"), lambda f, g: signal.convolve(f, g, "same"),
                      [normal(6, 7), normal(3, 4)], TURNED),
}
for name, case in CASES.items():
    if "many" in name or "prime" in name:
        case[3].update(SUMS)

CORNERS = {
    "conv_no_images": conv((0, 3, 5, 5), (4, 3, 3, 3), bias=True)[:3],
    "conv_no_input_channels": conv((2, 0, 5, 5), (4, 0, 3, 3), bias=True)[:3],
    "conv_no_output_channels": conv((2, 3, 5, 5), (0, 3, 3, 3))[:3],
    "conv_only_padding": conv((2, 3, 0, 4), (2, 3, 1, 2), padding=1)[:3],
    "conv_huge_stride": conv((1, 1, 4), (1, 1, 2), stride=2**60 - 1)[:3],
    "conv_far_apart": conv((4, 3, 60), (5, 3, 3), dilation=10**6, padding=10**6)[:3],
    "conv_transpose_no_images": transpose((0, 3, 5), (3, 2, 3))[:3],
    "conv_transpose_no_input_channels": transpose((2, 0, 5), (0, 2, 3), bias=True)[:3],
    "conv_transpose_one": transpose((1, 1, 1), (1, 1, 1))[:3],
}


def zeros(*shapes):
    return [cr.zeros(s) for s in shapes]


def refused(op, shapes, kind, text, **options):
    return lambda: op(*zeros(*shapes), **options), kind, text


IMAGE, KERNEL = (2, 4, 6, 7), (6, 4, 3, 3)
ERRORS = {
    "conv_channels": refused(cr.conv, [(2, 3, 5, 5), (4, 2, 3, 3)], cr.ShapeError,
                             r"conv: x \(2, 3, 5, 5\) has 3 channels, w \(4, 2, 3, 3\) needs 2"),
    "conv_channels_groups": refused(cr.conv, [IMAGE, KERNEL], cr.ShapeError,
                                    r"conv: x \(2, 4, 6, 7\) has 4 channels, w \(6, 4, 3, 3\) needs 8", groups=2),
    "conv_groups": refused(cr.conv, [IMAGE, (6, 1, 3, 3)], cr.ShapeError,
                           r"conv: w \(6, 1, 3, 3\) has 6 output channels, needs a multiple of groups 4", groups=4),
    "conv_groups_zero": refused(cr.conv, [IMAGE, KERNEL], ValueError, "conv: groups must be at least 1, got 0", groups=0),
    "conv_kernel_axes": refused(cr.conv, [IMAGE, (4, 3)], cr.ShapeError,
                                r"conv: w \(4, 3\) needs two axes of channels and one, two or three of space"),
    "conv_image_axes": refused(cr.conv, [(6, 7), KERNEL], cr.ShapeError,
                               r"conv: x \(6, 7\) needs an axis of channels and 2 of space for w \(6, 4, 3, 3\)"),
    "conv_window": refused(cr.conv, [IMAGE, (6, 4, 3, 9)], cr.ShapeError,
                           r"conv: a window of 9 does not fit axis -1 of x \(2, 4, 6, 7\) with padding 0 and 0"),
    "conv_window_dilated": refused(cr.conv, [IMAGE, KERNEL], cr.ShapeError,
                                   r"conv: a window of 9 does not fit axis -2 of x \(2, 4, 6, 7\) with padding 1 and 0",
                                   dilation=(4, 1), padding=[(1, 0), 0]),
    "conv_window_vast": refused(cr.conv, [IMAGE, KERNEL], cr.ShapeError,
                                r"conv: a window of 2305843009213693951 .*", dilation=2**60 - 1, padding=2**59),
    "conv_window_empty": refused(cr.conv, [IMAGE, (6, 4, 0, 3)], cr.ShapeError,
                                 r"conv: w \(6, 4, 0, 3\) has a window without elements"),
    "conv_stride": refused(cr.conv, [IMAGE, KERNEL], ValueError,
                           r"conv: stride and dilation must be at least 1 and less than 2\*\*60, "
                           r"got \(0, 0\) and \(1, 1\)", stride=0),
    "conv_stride_axes": refused(cr.conv, [IMAGE, KERNEL], ValueError,
                                r"conv: stride \(1, 2, 3\) needs 2 entries, one a spatial axis", stride=(1, 2, 3)),
    "conv_padding": refused(cr.conv, [IMAGE, KERNEL], ValueError,
                            r"conv: padding must be at least 0 and less than 2\*\*60, got \(1, 0\) and \(1, -1\)", padding=[1, (0, -1)]),
    "conv_padding_triple": refused(cr.conv, [IMAGE, KERNEL], ValueError,
                                   r"conv: padding needs an int or a pair \(before, after\) for each axis, got \(1, 2, 3\)",
                                   padding=[1, (1, 2, 3)]),
    "conv_bias": refused(cr.conv, [IMAGE, KERNEL], cr.ShapeError,
                         r"conv: bias \(4,\) needs shape \(6,\), one for each channel", bias=np.zeros(4)),
    "conv_integers": (lambda: cr.conv(cr.zeros(IMAGE, dtype=cr.int64), cr.zeros(KERNEL)), cr.DTypeError,
                      "conv: needs floating tensors, got x int64 and w float32"),
    "convolve_axes": refused(cr.convolve, [(4, 3), (2,)], cr.ShapeError,
                             r"convolve: f \(4, 3\) and g \(2,\) need the same number of axes, one to three, "
                             "and g an element"),
    "convolve_mode": (lambda: cr.convolve(cr.zeros(4), cr.zeros(2), "half"), ValueError,
                      "convolve: mode 'half' is unknown; needs one of full, valid, same"),
    "convolve_valid": (lambda: cr.convolve(cr.zeros(2), cr.zeros(4), "valid"), cr.ShapeError,
                       r"conv: a window of 4 does not fit axis -1 of x \(1, 2\) with padding 0 and 0"),
    "conv_transpose_channels": refused(cr.conv_transpose, [IMAGE, KERNEL], cr.ShapeError,
                                       r"conv_transpose: x \(2, 4, 6, 7\) has 4 channels, w \(6, 4, 3, 3\) needs 6"),
    "conv_transpose_groups": refused(cr.conv_transpose, [IMAGE, (4, 2, 3, 3)], cr.ShapeError,
                                     r"conv_transpose: x \(2, 4, 6, 7\) has 4 channels, needs a multiple of groups 3", groups=3),
    "conv_transpose_extra": refused(cr.conv_transpose, [IMAGE, (4, 2, 3, 3)], ValueError,
                                    r"conv_transpose: output_padding \(2, 2\) must be at least 0 and less than stride \(2, 2\) or "
                                    r"dilation \(1, 1\)", output_padding=2, stride=2),
    "conv_transpose_size": refused(cr.conv_transpose, [(1, 4, 1, 1), (4, 2, 3, 3)], cr.ShapeError,
                                   r"conv_transpose: axis -2 of x \(1, 4, 1, 1\) with padding 2 and 2 gives a size of -1, "
                                   "needs at least 1", padding=2),
}
