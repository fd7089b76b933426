"""What rows cannot say of elementwise ops: slopes in float32, at kinks and at the ends; types."""
import chainrule as cr
import numpy as np
import pytest

from . import rows_activation, rows_elementary, rows_special
from .checks import array, assert_close

ACTIVATIONS = {name: f for name, (f, _) in rows_activation.FUNCTIONS.items()}
FLOATING = sorted({*rows_elementary.FUNCTIONS, *rows_special.CASES} & set(dir(cr)) | {"sigmoid", "softplus"})
GRID = np.linspace(-9, 9, 1501) + 1e-4                   # no kink, longer than a buffer, with a tail


def slope(f, x, d=None):
    _, pulled = cr.vjp(f, x, cr.ones_like(x) if d is None else d)
    return pulled


@pytest.mark.parametrize("dtype", ["float32", "float16", "bfloat16"])
@pytest.mark.parametrize("name", ACTIVATIONS)
def test_slopes_in_narrow_types_are_those_of_float64(name, dtype):
    x = cr.tensor(GRID).astype(dtype)
    got = slope(ACTIVATIONS[name], x)
    assert got.dtype == dtype
    tolerance = {"float32": 2e-6, "float16": 4e-3, "bfloat16": 3e-2}[dtype]
    assert_close(got, slope(ACTIVATIONS[name], x.astype(cr.float64)), tolerance)


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_slope_kernels_take_adjoints_of_any_layout(name):
    x = cr.tensor(np.reshape(GRID[:1500], (30, 50)), dtype=cr.float32)
    d = cr.tensor(np.random.default_rng(0).normal(size=(50, 30)), dtype=cr.float32)
    want = array(d).T * array(slope(ACTIVATIONS[name], x))
    assert_close(slope(ACTIVATIONS[name], x, d.T), want, 1e-6)
    assert_close(slope(ACTIVATIONS[name], x.T, d), want.T, 1e-6)
    assert_close(slope(ACTIVATIONS[name], x, cr.broadcast_to(d[0, 0], (30, 50))),
                 array(d)[0, 0] * array(slope(ACTIVATIONS[name], x)), 1e-6)


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_slopes_are_finite_at_the_ends(name):
    ends = np.array([-np.inf, -1e30, -1e3, 1e3, 1e30, np.inf])
    for dtype in (cr.float32, cr.float64):
        s = array(slope(ACTIVATIONS[name], cr.tensor(ends, dtype=dtype)))
        assert np.all(np.isfinite(s)) and np.all(np.abs(s) < 2), s


def test_relu_has_the_slope_at_zero_that_was_asked_for():
    """1{u >= 0} in the book's (5.17); other libraries take 0."""
    zero = cr.zeros(1)
    assert slope(cr.relu, zero).item() == 0
    assert slope(lambda x: cr.relu(x, at_zero=1.0), zero).item() == 1
    assert slope(lambda x: cr.relu(x, at_zero=0.5), zero).item() == 0.5
    assert slope(cr.leaky_relu, zero).item() == 1


def test_relu_passes_no_infinite_adjoint_where_it_is_off():
    d = cr.tensor([np.inf, np.nan, np.inf, np.inf])
    assert slope(cr.relu, cr.tensor([-1.0, -1.0, 1.0, 0.0]), d).tolist() == [0, 0, np.inf, 0]


def test_clip_has_slope_one_from_bound_to_bound():
    x = cr.tensor([-1.5, -1.0, 0.0, 1.0, 1.5])
    assert slope(lambda x: cr.clip(x, -1, 1), x).tolist() == [0, 1, 1, 1, 0]
    assert slope(lambda x: cr.clip(x, -1), x).tolist() == [0, 1, 1, 1, 1]
    assert slope(lambda x: cr.clip(x, max=1), x).tolist() == [1, 1, 1, 1, 0]


def test_ties_share_the_derivative():
    a = cr.tensor([1.0, 2.0])
    for f in (cr.maximum, cr.minimum):
        _, (da, db) = cr.vjp(f, (a, a), cr.ones(2))
        assert da.tolist() == db.tolist() == [0.5, 0.5]
    for end in (np.inf, -np.inf):
        _, (da, db) = cr.vjp(cr.logaddexp, (cr.tensor([end]), cr.tensor([end])), cr.ones(1))
        assert da.item() == db.item() == 0.5


def test_slopes_at_the_edge_of_a_domain_are_what_the_docstring_says():
    zero = cr.zeros(1)
    assert slope(cr.sqrt, zero).item() == np.inf
    assert np.isnan(slope(cr.sqrt, zero, zero).item())
    assert slope(cr.abs, zero).item() == 0
    _, (da, db) = cr.vjp(cr.hypot, (zero, zero), cr.ones(1))
    assert da.item() == db.item() == 0
    _, (da, db) = cr.vjp(cr.pow, (zero, cr.tensor([2.0])), cr.ones(1))
    assert da.item() == db.item() == 0
    assert slope(lambda x: x ** 0, zero).item() == 0
    assert slope(cr.asinh, cr.tensor([1e30])).item() == pytest.approx(1e-30)


def test_third_derivatives_of_gamma_functions_are_polygammas():
    def derivative(f):
        return cr.grad(lambda x: cr.sum(f(x)))
    x = cr.tensor([0.7, 2.5])
    assert_close(derivative(derivative(derivative(cr.lgamma)))(x), cr.polygamma(2, x), 1e-6)


@pytest.mark.parametrize("name", FLOATING)
def test_integers_and_numbers_become_float32(name):
    f = getattr(cr, name)
    f = (lambda x: cr.polygamma(1, x)) if name == "polygamma" else f
    for x in (cr.tensor([1, 1]), cr.tensor([1, 1], dtype=cr.uint8), cr.tensor([True, True]), 1, 1.0, True):
        y = f(x)
        assert y.dtype == cr.float32
        assert_close(y, f(cr.ones(tuple(y.shape))), 0)


@pytest.mark.parametrize("name", [*rows_elementary.PAIRS, "divide", "copysign"])
def test_pairs_of_integers_become_float32(name):
    y = getattr(cr, name)(cr.tensor([3, 4]), cr.tensor([1, 2], dtype=cr.int32))
    assert y.dtype == cr.float32


def test_powers_of_a_number_keep_the_type():
    for dtype in (cr.int32, cr.int64, cr.uint8):
        assert (cr.tensor([3], dtype=dtype) ** 2).dtype == dtype
    assert (cr.tensor([3]) ** 0.5).dtype == cr.float32
    assert (cr.tensor([3.0], dtype=cr.float16) ** 2.5).dtype == cr.float16
    assert (cr.tensor([True]) ** 2).tolist() == [1]
