"""Convolution and pooling beyond single rows: large problems, sizes, the identities of the book, threads."""
import os
import subprocess
import sys

import chainrule as cr
import numpy as np
import pytest
from scipy import signal

from .ops.rows_conv import np_conv, np_transpose

PICTURE, KERNEL = np.arange(1.0, 43).reshape(6, 7), np.arange(1.0, 10).reshape(3, 3)


def draw(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape)


def single(x, w, **options):
    """One picture and one kernel, without axes of channels."""
    return np.asarray(cr.conv(cr.tensor(x)[None], cr.tensor(w)[None, None], **options))[0]


# each is laid out in several blocks, or its sums are cut into several parts
LARGE = {
    "many channels": ((5, 40, 33, 31), (36, 40, 3, 3), {"padding": 1}),
    "few channels": ((9, 3, 65, 70), (5, 3, 7, 5), {"padding": (3, 2), "stride": 2}),
    "depthwise": ((3, 17, 61, 64), (34, 1, 3, 3), {"padding": 1, "groups": 17}),
    "groups": ((4, 48, 29, 30), (60, 24, 3, 3), {"groups": 2, "dilation": (2, 1)}),
    "pointwise": ((6, 130, 19, 23), (70, 130, 1, 1), {}),
    "long": ((2, 6, 20_011), (7, 6, 9), {"stride": 3, "padding": [(5, 2)]}),
    "many images": ((62, 22, 6, 5), (26, 11, 5, 5), {"padding": 2, "groups": 2}),
    "many images, strides": ((63, 9, 7, 9), (20, 9, 5, 4), {"padding": 2, "stride": (2, 1)}),
    "many volumes": ((61, 5, 3, 4, 5), (7, 5, 3, 3, 3), {"padding": 1}),
    "volume": ((2, 20, 13, 17, 19), (18, 20, 2, 3, 3), {"padding": 1, "stride": (1, 2, 1)}),
}


@pytest.mark.parametrize("name", LARGE)
def test_a_large_convolution_and_its_derivatives_are_sums_over_taps(name):
    """Linear in x and in w: ⟨d, w ⋆ v⟩ = ⟨∂x, v⟩ and ⟨d, u ⋆ x⟩ = ⟨∂w, u⟩, channel by channel."""
    x_shape, w_shape, options = LARGE[name]
    x, w = draw(*x_shape), draw(*w_shape, seed=1)
    z = cr.conv(x, w, **options)
    want = np_conv(x, w, **options)
    assert_near(z, want)
    d = draw(*want.shape, seed=2)
    _, (dx, dw) = cr.vjp(lambda x, w: cr.conv(x, w, **options), (cr.tensor(x), cr.tensor(w)), cr.tensor(d))
    v, u = draw(*x_shape, seed=3), draw(*w_shape, seed=4)
    assert np.sum(np.asarray(dx) * v) == pytest.approx(np.sum(d * np_conv(v, w, **options)), rel=1e-9)
    by_channel = np.sum(d * np_conv(x, u, **options), axis=(0, *range(2, d.ndim)))
    assert_near(np.sum(np.asarray(dw) * u, axis=tuple(range(1, u.ndim))), by_channel)


def assert_near(got, want, tolerance=1e-11):
    np.testing.assert_allclose(np.asarray(got), want, rtol=tolerance, atol=tolerance * np.abs(want).max())


@pytest.mark.parametrize("name", LARGE)
def test_float32_loses_only_its_last_bits(name):
    x_shape, w_shape, options = LARGE[name]
    x, w = (cr.tensor(a).astype(cr.float32) for a in (draw(*x_shape), draw(*w_shape, seed=1)))
    wide = [a.astype(cr.float64) for a in (x, w)]

    def work(x, w):
        return cr.conv(x, w, **options)
    d = cr.tensor(draw(*work(x, w).shape, seed=2)).astype(cr.float32)
    for got, want in zip([work(x, w), *cr.vjp(work, (x, w), d)[1]],
                         [work(*wide), *cr.vjp(work, tuple(wide), d.astype(cr.float64))[1]], strict=True):
        assert got.dtype == cr.float32
        assert_near(got, np.asarray(want), 4e-6)


def test_a_large_transposed_convolution_is_a_sum_over_taps():
    x, w, b = draw(3, 33, 20, 21), draw(33, 15, 5, 4, seed=1), draw(30, seed=2)
    x = np.concatenate([x, x[:, :33]], axis=1)
    w = np.concatenate([w, w[::-1]])
    options = {"stride": (2, 3), "padding": (1, 2), "output_padding": (1, 0), "groups": 2}
    assert_near(cr.conv_transpose(x, w, bias=b, **options), np_transpose(x, w, b, **options))


WORK = """
import hashlib
import chainrule as cr
rng = cr.Rng(seed=0)
results = []
for x, w, options in [((9, 40, 33, 31), (36, 40, 3, 3), dict(padding=1)),
                      ((9, 3, 65, 70), (5, 3, 7, 5), dict(stride=2)),
                      ((3, 17, 61, 64), (34, 1, 3, 3), dict(groups=17)),
                      ((9, 17, 61, 64), (17, 1, 3, 3), dict(groups=17, padding=1)),
                      ((2, 300, 7, 7), (160, 300, 1, 1), {}),
                      ((6, 200, 14, 14), (300, 200, 1, 1), {}),
                      ((5, 1, 28, 28), (32, 1, 5, 5), {}), ((4, 3, 57, 57), (64, 3, 3, 3), dict(padding=1)),
                      ((3, 40, 29, 29), (64, 40, 3, 3), dict(stride=2)),
                      ((3, 70, 29, 29), (2, 70, 3, 3), {})]:
    x, w = cr.normal(x, rng=rng), cr.normal(w, rng=rng)
    work = lambda x, w: cr.conv(x, w, **options)
    y = work(x, w)
    results += [y, *cr.vjp(work, (x, w), cr.sin(y))[1]]
def pools(x):
    return cr.max_pool(x, 3, 2, 1) + cr.avg_pool(x, 3, 2, 1) + cr.interpolate(x, (33, 35), mode="linear")
results += [pools(x := cr.normal((5, 6, 65, 70), rng=rng)), cr.grad(lambda x: cr.sum(pools(x) ** 2))(x)]
print(hashlib.sha256(b"".join(r.numpy().tobytes() for r in results)).hexdigest())
"""


@pytest.mark.book("6.2-conv-parallel")
def test_results_do_not_depend_on_the_number_of_threads(python):
    assert len({python(WORK, CHAINRULE_NUM_THREADS=str(n)) for n in (1, 2, 3, 7)}) == 1


AWKWARD = """
import itertools
import sys
import chainrule as cr
import numpy as np

if cr.instruction_set() != sys.argv[1]:
    print("absent")
    sys.exit()
rng = np.random.default_rng(0)

def sums(x, w, d, stride, padding, dilation, groups):
    # z, dx and dw, a tap at a time
    (N, C, *_), (O, K, *size) = x.shape, w.shape
    wide = np.pad(x, [(0, 0), (0, 0), *((p, p) for p in padding)])
    out = [(n - f * (k - 1) - 1) // s + 1 for n, k, s, f in zip(wide.shape[2:], size, stride, dilation)]
    z, dx, dw = np.zeros((N, O, *out)), np.zeros(wide.shape), np.zeros(w.shape)
    u = d.reshape(N, groups, O // groups, *out)
    for tap in itertools.product(*map(range, size)):
        steps = zip(tap, dilation, out, stride)
        at = (slice(None), slice(None), *(slice(i * f, i * f + (n - 1) * s + 1, s) for i, f, n, s in steps))
        here = (slice(None), slice(None), *tap)
        seen, k = wide[at].reshape(N, groups, K, *out), w[here].reshape(groups, O // groups, K)
        z += np.einsum("ngkhw,gok->ngohw", seen, k, optimize=True).reshape(z.shape)
        dx[at] += np.einsum("ngohw,gok->ngkhw", u, k, optimize=True).reshape(N, C, *out)
        dw[here] = np.einsum("ngohw,ngkhw->gok", u, seen, optimize=True).reshape(O, K)
    inside = (slice(None), slice(None), *(slice(p, p + n) for p, n in zip(padding, x.shape[2:])))
    return z, dx[inside], dw

for case, dtype in itertools.product(sys.argv[2].split(","), [cr.float32, cr.float64, cr.bfloat16]):
    x_shape, w_shape, *how, groups = [tuple(map(int, s.split("x"))) for s in case.split()]
    x, w = (cr.tensor(rng.normal(size=s)).astype(dtype) for s in (x_shape, w_shape))
    work = lambda x, w: cr.conv(x, w, stride=how[0], padding=how[1], dilation=how[2], groups=groups[0])
    z = work(x, w)
    d = cr.tensor(rng.normal(size=z.shape)).astype(dtype)
    got = [z, *cr.vjp(work, (x, w), d)[1]]
    wide = [np.asarray(v.astype(cr.float64)) for v in (x, w, d)]
    eps = {cr.float32: 1e-6, cr.float64: 2e-15, cr.bfloat16: 2.0**-8}[dtype]
    for name, g, want, most in zip(["z", "dx", "dw"], got, sums(*wide, *how, groups[0]),
                                   sums(*map(abs, wide), *how, groups[0])):
        g = np.asarray(g.astype(cr.float64))
        assert g.shape == want.shape and np.all(abs(g - want) <= eps * most), (case, dtype, name)
"""
# x, w, stride, padding, dilation, groups: each takes more products than the plain loop is given
AWKWARD_SHAPES = [
    # depthwise: narrow, a vector wide, wider; one row; padding beyond x; a few channels out or in
    "9x131x7x7 131x1x3x3 1x1 1x1 1x1 131", "5x3x29x31 3x1x3x3 1x1 1x1 1x1 3",
    "3x7x40x33 7x1x5x5 2x2 2x2 1x1 7", "2x5x37x41 10x1x3x4 2x3 0x2 1x1 5",
    "2x4x53x24 4x1x7x7 1x1 3x3 1x1 4", "2x3x41x43 3x1x3x3 1x1 4x6 2x3 3",
    "4x6x1x311 6x1x1x31 1x1 0x15 1x1 6", "61x4x3x3 4x1x3x3 1x1 5x5 1x1 4",
    "7x6x16x8 3x2x3x3 1x1 1x1 1x1 3", "40x5x9x1 5x1x4x1 1x1 2x0 1x1 5",
    "3x2x90x90 2x1x2x2 3x3 0x0 1x1 2", "2x4x23x500 4x1x3x3 1x1 1x1 1x1 4",
    # planes where they lie, in strips and bands, doubled channels, the last ones shorter than a vector
    "3x7x31x32 7x1x3x3 1x1 1x1 1x1 7", "3x5x33x95 5x1x3x3 1x1 1x1 1x1 5", "2x3x261x17 6x1x3x3 1x1 1x1 1x1 3",
    "19x450x1x1 450x1x3x3 1x1 1x1 1x1 450", "70x50x2x3 100x1x3x3 1x1 1x1 1x1 50",
    "1x2x1x5001 2x1x3x3 1x1 1x1 1x1 2",
    # one channel out of many, and many out of one: chains of sums are cut
    "2x71x19x23 1x71x3x3 1x1 1x1 1x1 1", "3x1x28x28 33x1x5x5 1x1 0x0 1x1 1",
    "2x1x9x700 3x1x1x601 1x1 0x0 1x1 1",
    # tiles: primes, strides, one element, several images in one, rows copied for each tap
    "3x3x31x37 64x3x3x3 1x1 1x1 1x1 1", "2x3x45x47 17x3x7x7 2x2 3x3 1x1 1",
    "5x37x7x7 29x37x1x1 1x1 0x0 1x1 1", "3x64x14x14 40x64x1x1 1x1 0x0 1x1 1",
    "3x128x14x14 96x64x1x1 1x1 0x0 1x1 2", "3x19x15x13 47x19x3x3 2x2 1x1 1x1 1",
    "2x31x17x16 16x31x5x5 1x1 2x2 1x1 1", "3x26x11x12 34x13x3x3 1x1 2x2 2x2 2",
    "2x24x9x50 16x24x1x9 1x1 0x4 1x1 1", "2x20x8x8 20x20x3x3 1x1 9x9 1x1 1",
    "2x17x30x30 33x17x1x1 2x2 0x0 1x1 1", "1x300x5x3 64x300x3x3 1x1 1x1 1x1 1",
    "0x4x9x9 4x1x3x3 1x1 1x1 1x1 4", "0x4x9x9 8x4x3x3 1x1 1x1 1x1 1"]


@pytest.mark.parametrize("level", ["v2", "v3", "v4"])
def test_awkward_convolutions_are_sums_over_taps_in_every_instruction_set(level):
    command = [sys.executable, "-c", AWKWARD, f"x86-64-{level}", ",".join(AWKWARD_SHAPES)]
    run = subprocess.run(command, env={**os.environ, "CHAINRULE_ISA": level}, capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
    if run.stdout == "absent\n":
        pytest.skip(f"this machine has no x86-64-{level}")


def test_what_is_infinite_reaches_only_the_sums_that_see_it():
    """Rows are read in whole vectors: what lies beyond their ends takes no part, not even times zero."""
    x = np.zeros((2, 3, 30, 30), np.float32)
    x[:, :, 0, 0] = x[:, :, 29, 29] = np.inf
    x, d, w = map(cr.tensor, (x, np.ones((2, 3, 28, 28), np.float32), np.ones((3, 1, 3, 3), np.float32)))
    z = cr.conv(x, w, groups=3).numpy()
    assert np.isinf(z[:, :, [0, 27], [0, 27]]).all() and np.isfinite(z).sum() == z.size - 12
    _, dw = cr.vjp(lambda w: cr.conv(x, w, groups=3), w, d)
    seen = np.zeros((3, 1, 3, 3), bool)
    seen[:, :, 0, 0] = seen[:, :, 2, 2] = True
    np.testing.assert_array_equal(dw.numpy(), np.where(seen, np.inf, 0))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_what_is_infinite_in_one_plane_stays_out_of_the_next_and_of_taps_that_miss_it(dtype):
    x = np.zeros((2, 3, 30, 70), dtype)
    x[:, 1, 29, [30, 69]] = np.inf
    x, w = cr.tensor(x), cr.tensor(np.ones((3, 1, 3, 3), dtype))
    d = cr.tensor(np.ones(x.shape, dtype))
    z, (_, dw) = cr.vjp(lambda x, w: cr.conv(x, w, padding=1, groups=3), (x, w), d)
    seen = np.zeros(x.shape, bool)
    seen[:, 1, 28:, [29, 30, 31, 68, 69]] = True
    np.testing.assert_array_equal(z.numpy(), np.where(seen, np.inf, 0))
    np.testing.assert_array_equal(dw.numpy()[[0, 2]], 0)
    np.testing.assert_array_equal(dw.numpy()[1, 0], [[0, 0, 0], [np.inf] * 3, [np.inf] * 3])
    d = np.zeros(x.shape, dtype)
    d[:, 1, 10, 0] = d[:, 1, 10, 31] = np.inf
    x = cr.tensor(np.ones(x.shape, dtype))
    z, (dx, dw) = cr.vjp(lambda x, w: cr.conv(x, w, padding=1, groups=3), (x, w), cr.tensor(d))
    assert np.isinf(dx.numpy()).sum() == 2 * (6 + 9) and np.isnan(dx.numpy()).sum() == 0
    assert not np.isnan(dw.numpy()[1, 0, :, 1:]).any()


# ---- sizes
@pytest.mark.book("6.3-output-size")
def test_output_sizes_follow_the_formula():
    """M_out = 1 + ⌊(M - d (K - 1) - 1 + p) / s⌋ with p the total padding, (6.17); else it is refused."""
    rng = np.random.default_rng(0)
    refused = 0
    for _ in range(600):
        size, k, s, d = rng.integers(1, 20), rng.integers(1, 6), rng.integers(1, 5), rng.integers(1, 4)
        before, after = rng.integers(0, 4, size=2)
        x, w = cr.zeros((1, 1, int(size))), cr.zeros((1, 1, int(k)))
        options = {"stride": int(s), "dilation": int(d), "padding": [(int(before), int(after))]}
        room = size - d * (k - 1) - 1 + before + after
        if room >= 0:
            assert cr.conv(x, w, **options).shape == (1, 1, 1 + room // s)
        else:
            refused += 1
            with pytest.raises(cr.ShapeError, match="does not fit"):
                cr.conv(x, w, **options)
    assert refused > 20


@pytest.mark.book("6.3-output-size-examples")
@pytest.mark.parametrize("size, k, total, stride, dilation, out", [
    (6, 3, 0, 1, 1, 4), (7, 3, 0, 1, 1, 5), (6, 3, 2, 1, 1, 6), (7, 3, 2, 1, 1, 7),
    (224, 3, 0, 1, 1, 222), (10, 3, 0, 5, 1, 2), (10, 3, 0, 4, 1, 2), (224, 3, 2, 1, 1, 224),
    (224, 2, 0, 2, 1, 112), (7, 3, 0, 1, 2, 3),
    (224, 7, 6, 2, 1, 112), (227, 11, 0, 4, 1, 55), (28, 5, 4, 1, 1, 28), (32, 5, 0, 1, 1, 28)])
def test_output_sizes_of_the_book(size, k, total, stride, dilation, out):
    z = cr.conv(cr.zeros((1, 1, size)), cr.zeros((1, 1, k)), stride, total // 2, dilation)
    assert z.shape == (1, 1, out)


# ---- convolution with a turned kernel
@pytest.mark.book("6.2-conv2d-valid")
def test_valid_convolution_of_the_book():
    z = np.asarray(cr.convolve(PICTURE, KERNEL, "valid"))
    assert z[0].tolist() == [273, 318, 363, 408, 453] and z[-1].tolist() == [1218, 1263, 1308, 1353, 1398]
    np.testing.assert_array_equal(z, np.asarray(cr.convolve(PICTURE, KERNEL))[2:-2, 2:-2])


@pytest.mark.book("6.2-conv1d-full")
@pytest.mark.book("6.2-poly-mult")
def test_full_convolution_multiplies_polynomials():
    f, g = np.array([1.0, 2, 3]), np.array([1.0, 0, -1, 2, 3, -2])
    assert cr.convolve(f, g).tolist() == [1, 2, 2, 0, 4, 10, 5, -6]
    f, g = draw(3), draw(6, seed=1)
    assert_near(cr.convolve(f, g), np.convolve(f, g), 1e-12)
    assert_near(cr.convolve(f, g), np.polymul(f[::-1], g[::-1])[::-1], 1e-12)


@pytest.mark.book("6.2-conv-commutative")
@pytest.mark.book("6.2-convnd-full")
@pytest.mark.parametrize("shapes", [((5,), (3,)), ((6, 7), (3, 3)), ((4, 3, 5), (2, 4, 3))])
def test_full_convolution_commutes(shapes):
    f, g = draw(*shapes[0]), draw(*shapes[1], seed=1)
    assert cr.convolve(f, g).shape == tuple(m + k - 1 for m, k in zip(*shapes, strict=True))
    assert_near(cr.convolve(f, g), signal.convolve(f, g), 1e-12)
    assert_near(cr.convolve(f, g), np.asarray(cr.convolve(g, f)), 1e-12)


@pytest.mark.book("6.2-conv3d-volume")
def test_volumes_are_convolved():
    f, g = draw(5, 6, 7), draw(2, 3, 4, seed=1)
    assert_near(cr.convolve(f, g, "valid"), signal.convolve(f, g, "valid"), 1e-12)


@pytest.mark.book("6.2-valid-not-commutative")
def test_valid_convolution_does_not_commute():
    with pytest.raises(cr.ShapeError, match="does not fit"):
        cr.convolve(KERNEL, PICTURE, "valid")


@pytest.mark.book("6.2-impulse-decomposition")
def test_an_impulse_leaves_a_signal_as_it_is():
    x = draw(6, 7)
    np.testing.assert_array_equal(np.asarray(cr.convolve(x, np.ones((1, 1)))), x)


# ---- the convolutional layer
@pytest.mark.book("6.3-conv-layer")
def test_a_layer_correlates_and_adds_its_bias():
    z = single(PICTURE, KERNEL)
    assert z[0].tolist() == [537, 582, 627, 672, 717] and z[-1].tolist() == [1482, 1527, 1572, 1617, 1662]
    with_bias = cr.conv(PICTURE[None], KERNEL[None, None], bias=np.array([0.5]))
    assert_near(with_bias[0], signal.correlate2d(PICTURE, KERNEL, "valid") + 0.5, 0)


@pytest.mark.book("6.3-fig6.6")
def test_padding_by_one_on_each_side_keeps_the_size():
    z = single(PICTURE, KERNEL, padding=1)
    assert z.shape == PICTURE.shape
    assert z[0].tolist() == [162, 250, 289, 328, 367, 406, 262]
    assert z[-1].tolist() == [550, 739, 760, 781, 802, 823, 478]


@pytest.mark.book("6.3-flip-equivalence")
def test_correlation_is_convolution_with_the_turned_kernel():
    x, w = draw(9, 8), draw(3, 4, seed=1)
    assert_near(single(x, w), signal.convolve2d(x, w[::-1, ::-1], "valid"), 1e-12)
    assert_near(single(x, w[::-1, ::-1].copy()), signal.convolve2d(x, w, "valid"), 1e-12)


@pytest.mark.book("6.3-stride")
def test_a_stride_takes_every_second_and_third_window():
    x, w = draw(2, 3, 13, 14), draw(4, 3, 3, 2, seed=1)
    every = np.asarray(cr.conv(x, w, padding=1))
    assert_near(cr.conv(x, w, padding=1, stride=(2, 3)), every[..., ::2, ::3])


@pytest.mark.book("6.3-dilation")
def test_dilation_is_a_kernel_with_zeros_between():
    x, w = draw(2, 3, 13, 14), draw(4, 3, 3, 3, seed=1)
    spread = np.zeros((4, 3, 5, 7))
    spread[..., ::2, ::3] = w
    assert_near(cr.conv(x, w, dilation=(2, 3)), np.asarray(cr.conv(x, spread)))


@pytest.mark.book("6.3-in-channels")
@pytest.mark.book("6.3-out-channels")
def test_channels_are_summed_for_each_kernel():
    """z_(j) = Σ_i W_(j),(i) ⋆ x_(i) + b_(j), (6.21)"""
    x, w, b = draw(3, 8, 9), draw(2, 3, 3, 3, seed=1), draw(2, seed=2)
    want = [sum(signal.correlate2d(x[i], w[j, i], "valid") for i in range(3)) + b[j] for j in range(2)]
    assert_near(cr.conv(x, w, bias=b), np.array(want))


@pytest.mark.book("6.1-translation-equivariance")
def test_a_shifted_picture_gives_a_shifted_result():
    x, w = draw(1, 20, 21), draw(2, 1, 3, 3, seed=1)
    z, shifted = (np.asarray(cr.conv(v, w)) for v in (x, np.roll(x, (2, 3), (1, 2))))
    np.testing.assert_array_equal(shifted[:, 2:, 3:], z[:, :-2, :-3])


@pytest.mark.book("6.1-locality")
@pytest.mark.parametrize("k", [3, 5, 7])
def test_a_pixel_depends_on_its_window_only(k):
    x, w = cr.tensor(draw(1, 15, 15)), cr.tensor(np.abs(draw(1, 1, k, k)) + 0.1)
    support = np.asarray(cr.grad(lambda x: cr.conv(x, w)[0, 4, 3])(x))[0] != 0
    want = np.zeros((15, 15), bool)
    want[4:4 + k, 3:3 + k] = True
    np.testing.assert_array_equal(support, want)


@pytest.mark.book("6.3-conv-backward")
def test_the_derivatives_are_convolutions_themselves():
    """∂W = x ⋆ δ, ∂b = Σ δ, ∂x = δ and W in full convolution."""
    x, w, d = draw(9, 8), draw(3, 4, seed=1), draw(7, 5, seed=2)
    given = tuple(map(cr.tensor, (x, w, np.zeros(1))))
    _, pulled = cr.vjp(lambda x, w, b: cr.conv(x[None], w[None, None], bias=b), given, cr.tensor(d)[None])
    wanted = [signal.convolve2d(d, w, "full"), signal.correlate2d(x, d, "valid"), [d.sum()]]
    for got, want in zip(pulled, wanted, strict=True):
        assert_near(got, np.asarray(want), 1e-12)


@pytest.mark.book("6.4-conv1x1")
def test_a_kernel_of_one_pixel_is_a_linear_map_of_channels():
    x, w, b = draw(2, 5, 4, 3), draw(6, 5, seed=1), draw(6, seed=2)
    want = np.einsum("nchw,oc->nohw", x, w) + b[:, None, None]
    assert_near(cr.conv(x, w[:, :, None, None], bias=b), want)


# ---- pooling
POOLED = np.array([[1.0, 3, 2, 1], [4, 6, 5, 0], [7, 2, 9, 8], [1, 0, 3, 4]])


@pytest.mark.parametrize("width", [2, 3, 7, 8, 9, 16, 18, 23])
def test_windows_of_two_by_two_take_what_the_general_kernel_takes(width):
    """float64 has no kernel of its own for them: ties, NaN and infinities fall to the same places."""
    numbers = np.random.default_rng(width)
    x = numbers.integers(-2, 3, size=(3, 2, 6, width)).astype(np.float64)
    x[numbers.random(x.shape) < 0.05] = np.nan
    x[numbers.random(x.shape) < 0.05] = np.inf
    wide = cr.max_pool(cr.asarray(x), 2, return_indices=True)
    narrow = cr.max_pool(cr.asarray(x.astype(np.float32)), 2, return_indices=True)
    for u, v in zip(narrow, wide, strict=True):
        np.testing.assert_array_equal(np.asarray(u), np.asarray(v))


@pytest.mark.book("6.4-maxpool")
@pytest.mark.book("6.4-avgpool")
def test_two_by_two_pooling_of_sixteen_numbers():
    values, index = cr.max_pool(POOLED, (2, 2), return_indices=True)
    assert values.tolist() == [[6, 5], [7, 9]] and index.tolist() == [[5, 6], [8, 10]]
    assert cr.avg_pool(POOLED, (2, 2)).tolist() == [[3.5, 2.0], [2.5, 6.0]]


def test_the_derivative_of_a_maximum_goes_to_the_first_of_equal_elements():
    x = cr.tensor([[2.0, 5, 5, 5], [5, 1, 0, 5]])
    taken = cr.grad(lambda x: cr.sum(cr.max_pool(x, (2, 2))))(x)
    assert taken.tolist() == [[0, 1, 1, 0], [0, 0, 0, 0]]


def test_unpooling_keeps_the_maxima_at_their_places():
    for stride in (2, 1):                                      # windows apart, and overlapping
        x = draw(2, 3, 8, 6)
        values, index = cr.max_pool(x, 2, stride=stride, return_indices=True)
        back = np.asarray(cr.max_unpool(values, index, (8, 6)))
        taken = np.zeros((6, 48), bool)
        np.put_along_axis(taken, np.asarray(index).reshape(6, -1), True, 1)
        np.testing.assert_array_equal(back, np.where(taken.reshape(x.shape), x, 0))


def test_global_pooling_is_the_mean_over_space():
    x = draw(3, 4, 67, 71)
    assert_near(cr.adaptive_avg_pool(x, 1)[..., 0, 0], x.mean((2, 3)), 1e-13)
    assert_near(cr.adaptive_max_pool(x, 1)[..., 0, 0], x.max((2, 3)), 1e-13)


def test_interpolation_keeps_a_plane():
    """Linear interpolation with aligned corners reproduces a linear function."""
    h, w = np.meshgrid(np.linspace(0, 1, 5), np.linspace(0, 1, 4), indexing="ij")
    H, W = np.meshgrid(np.linspace(0, 1, 12), np.linspace(0, 1, 9), indexing="ij")
    plane = cr.interpolate(3 * h - 2 * w, (12, 9), mode="bilinear", align_corners=True)
    assert_near(plane, 3 * H - 2 * W, 1e-12)
