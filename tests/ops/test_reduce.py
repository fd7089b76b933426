"""What rows cannot say of reductions and scans: types, ties, digits of long sums, thread counts, sizes."""
import chainrule as cr
import numpy as np
import pytest

from .checks import array

SUMS = [cr.sum, cr.prod, lambda x: cr.cumsum(x, 0), lambda x: cr.cumprod(x, 0)]


@pytest.mark.parametrize("op", SUMS)
@pytest.mark.parametrize("dtype", ["bool", "uint8", "int32", "int64"])
def test_sums_and_products_of_integers_are_int64(op, dtype):
    assert op(cr.ones(3, dtype=dtype)).dtype == cr.int64


@pytest.mark.parametrize("op", [*SUMS, cr.mean, cr.var, cr.std, cr.max, cr.min, cr.norm, cr.logsumexp])
@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32", "float64"])
def test_floating_types_are_kept(op, dtype):
    assert op(cr.ones((3, 2), dtype=dtype)).dtype == dtype


@pytest.mark.parametrize("op", [cr.max, cr.min])
@pytest.mark.parametrize("dtype", ["bool", "uint8", "int32", "int64"])
def test_extremes_keep_every_type(op, dtype):
    assert op(cr.ones(3, dtype=dtype)).dtype == dtype


@pytest.mark.parametrize("dtype, n", [("float16", 4000), ("bfloat16", 4000), ("float32", 2**25)])
def test_long_sums_keep_counting_beyond_the_digits_of_their_type(dtype, n):
    """One at a time, float32 stops at 2²⁴, float16 at 2¹¹ and bfloat16 at 2⁸."""
    ones = cr.broadcast_to(cr.ones((), dtype=dtype), (n,))
    exact = cr.tensor(float(n)).astype(dtype).item()
    assert cr.sum(ones).item() == exact
    assert cr.mean(ones).item() == 1
    assert cr.sum(cr.broadcast_to(ones[:, None], (n, 3)), axis=0).tolist() == [exact] * 3


def test_a_long_sum_of_float32_is_that_of_float64():
    x = np.random.default_rng(0).random(1_000_003).astype(np.float32)
    want = x.astype(np.float64)
    assert cr.sum(cr.asarray(x)).item() == np.float32(want.sum())
    np.testing.assert_allclose(cr.cumsum(cr.asarray(x), 0), want.cumsum(), rtol=1e-7)
    np.testing.assert_allclose(cr.mean(cr.asarray(x)), want.mean(), rtol=1e-7)


@pytest.mark.parametrize("op", [cr.max, cr.min])
def test_ties_share_the_derivative_equally(op):
    x = cr.tensor(np.array([[2.0, 5, 5, 2], [7, 7, 7, 7]]))
    shares = {cr.max: [[0, 0.5, 0.5, 0], [0.25] * 4], cr.min: [[0.5, 0, 0, 0.5], [0.25] * 4]}[op]
    _, pulled = cr.vjp(lambda x: op(x, axis=1), x, cr.tensor(np.array([1.0, 2.0])))
    np.testing.assert_array_equal(pulled, np.array(shares) * [[1], [2]])
    v = np.random.default_rng(0).normal(size=x.shape)
    _, pushed = cr.jvp(lambda x: op(x, axis=1), x, cr.tensor(v))
    np.testing.assert_allclose(pushed, (np.array(shares) * v).sum(1), rtol=1e-15)


@pytest.mark.parametrize("f", [cr.norm, cr.std, lambda x: cr.norm(x, 3.0), lambda x: cr.norm(x, 1)])
def test_at_its_kink_a_distance_has_derivative_zero(f):
    np.testing.assert_array_equal(cr.grad(f)(cr.zeros(3)), np.zeros(3))


def test_the_derivative_of_logsumexp_is_softmax_even_far_out():
    slope = cr.grad(cr.logsumexp)
    np.testing.assert_array_equal(slope(cr.tensor([1e4, -1e4, 1e4])), [0.5, 0, 0.5])
    np.testing.assert_array_equal(slope(cr.tensor([-np.inf, 0.0])), [0, 1])
    np.testing.assert_array_equal(slope(cr.full(2, -np.inf)), [0, 0])


@pytest.mark.parametrize("product", [cr.prod, lambda x: cr.cumprod(x)[-1]])
def test_products_with_zeros_have_derivatives_of_every_order(product):
    """∂³(x₁ x₂ x₃) / ∂x₁ ∂x₂ ∂x₃ = 1, also where all three are 0."""
    second = cr.grad(lambda x: cr.grad(product)(x)[0])
    third = cr.grad(lambda x: second(x)[1])
    np.testing.assert_array_equal(third(cr.zeros(3)), [0, 0, 1])


LAYOUTS = [(4_000_037,), (2003, 1999), (3, 1_000_003), (1_000_003, 3), (7, 300, 11, 33), (64, 1, 70_001)]


@pytest.mark.parametrize("shape", LAYOUTS, ids=str)
def test_results_are_equal_on_one_and_two_threads(shape):
    x = cr.normal(shape, rng=cr.Rng(seed=1))
    axes = [None, *range(len(shape)), *((0, a) for a in range(2, len(shape)))]
    before, results = cr.num_threads(), []
    try:
        for n in (1, 2):
            cr.set_num_threads(n)
            results.append([array(op(x, axis=a)) for a in axes for op in (cr.sum, cr.max, cr.prod)] +
                           [array(op(x, axis=a)) for a in range(len(shape)) for op in (cr.argmax, cr.cumsum)])
    finally:
        cr.set_num_threads(before)
    for one, two in zip(*results, strict=True):
        np.testing.assert_array_equal(one, two)


@pytest.mark.parametrize("n", [1, 2, 15, 16, 17, 511, 512, 513, 1023, 1024, 1025, 1500, 4097])
@pytest.mark.parametrize("m", [1, 2, 3, 1023, 1025])
def test_runs_and_rows_of_any_length(n, m):
    """About the lengths at which the kernels change their way."""
    x = np.random.default_rng(n * m).normal(size=(m, n))
    for a, t in ((x, cr.asarray(x)), (x.T, cr.asarray(x).T)):
        for axis in (0, 1):
            np.testing.assert_allclose(cr.sum(t, axis=axis), a.sum(axis), rtol=1e-12, atol=1e-12)
            np.testing.assert_array_equal(cr.max(t, axis=axis), a.max(axis))
            np.testing.assert_array_equal(cr.argmin(t, axis=axis), a.argmin(axis))


@pytest.mark.parametrize("n", [1, 20, 600, 1300])
@pytest.mark.parametrize("columns", [1, 5])
def test_a_nan_is_the_extreme_wherever_it_stands(n, columns):
    for at in {0, n // 2, n - 1}:
        x = np.arange(float(n * columns)).reshape(n, columns)
        x[at, -1] = np.nan
        for op in ("max", "min", "argmax", "argmin"):
            for dtype in (np.float32, np.float64):
                t = cr.asarray(x.astype(dtype))
                np.testing.assert_array_equal(getattr(cr, op)(t, axis=0), getattr(np, op)(x, axis=0))
                np.testing.assert_array_equal(getattr(cr, op)(t), getattr(np, op)(x))
