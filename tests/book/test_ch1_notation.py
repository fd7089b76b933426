"""Sections 1.3 and 1.6: a neuron and its layer; the operations on vectors and matrices that the book uses."""
import chainrule as cr
import numpy as np
import pytest

book = pytest.mark.book
RNG = np.random.default_rng(16)
TYPES = pytest.mark.parametrize("dtype, tolerance", [("float32", 1e-6), ("float64", 1e-12)])


def close(got, want, tolerance):
    got = got.numpy() if isinstance(got, cr.Tensor) else np.asarray(got)
    want = np.asarray(want)
    assert got.shape == want.shape
    size = max(1, np.abs(want).max(initial=0))
    np.testing.assert_allclose(got, want, rtol=tolerance, atol=tolerance * size)


# ---- 1.3
@book("1.3-artificial-neuron")
@pytest.mark.parametrize("p, N", [(1, 1), (4, 3), (17, 9)])
@pytest.mark.parametrize("activation, sigma", [
    ("sigmoid", lambda z: 1 / (1 + np.exp(-z))), ("tanh", np.tanh)])
def test_a_layer_is_the_stack_of_its_neurons(p, N, activation, sigma):
    layer, act = cr.nn.Linear(p, N, rng=cr.Rng(3)), getattr(cr, activation)
    layer.bias = cr.normal((N,), rng=cr.Rng(4))
    x = cr.normal((p,), rng=cr.Rng(5))
    whole = act(layer(x))                                         # a = S(W x + b)
    assert whole.shape == (N,)
    neurons = [act(b + w @ x) for w, b in zip(layer.weight, layer.bias, strict=True)]    # a = σ(b + wᵀ x)
    close(whole, cr.stack(neurons).numpy(), 1e-7)
    close(whole, sigma(layer.weight.numpy() @ x.numpy() + layer.bias.numpy()), 1e-6)


# ---- 1.6
@book("1.6-matvec")
@TYPES
@pytest.mark.parametrize("m, n", [
    (3, 5), (1, 7), (7, 1), (1, 1), (13, 11), (131, 257), (0, 4), (4, 0), (0, 0)])
def test_matrix_times_vector_is_the_explicit_loop(m, n, dtype, tolerance):
    A, u = RNG.normal(size=(m, n)).astype(dtype), RNG.normal(size=n).astype(dtype)
    loop = [sum(float(A[i, j]) * float(u[j]) for j in range(n)) for i in range(m)]
    v = cr.tensor(A) @ cr.tensor(u)
    assert v.dtype.name == dtype
    close(v, np.array(loop, np.float64).reshape(m), tolerance)
    close(v, A @ u, tolerance)


@book("1.6-vecmat")
@TYPES
@pytest.mark.parametrize("m, n", [(3, 5), (1, 7), (7, 1), (13, 11), (0, 4), (4, 0)])
def test_row_vector_times_matrix_is_the_transposed_product(m, n, dtype, tolerance):
    w, A = cr.tensor(RNG.normal(size=(1, m)).astype(dtype)), cr.tensor(RNG.normal(size=(m, n)).astype(dtype))
    x = w @ A
    assert x.shape == (1, n)                                      # as long as A has columns
    close(x, (A.mT @ w.mT).mT.numpy(), tolerance)
    close(x, w.numpy() @ A.numpy(), tolerance)
    close(w[0] @ A, x[0].numpy(), tolerance)


@book("1.6-special-vectors")
@pytest.mark.parametrize("n", range(1, 17))
def test_the_identity_is_the_sum_of_outer_products_of_unit_vectors(n):
    unit = cr.one_hot(cr.arange(n), n).astype(cr.float64)         # e₁ ... eₙ
    I = sum((cr.outer(e, e) for e in unit), cr.zeros((n, n), dtype=cr.float64))   # noqa: E741
    np.testing.assert_array_equal(I.numpy(), cr.eye(n, dtype=cr.float64).numpy())
    np.testing.assert_array_equal(I.numpy(), np.eye(n))
    np.testing.assert_array_equal(sum(unit).numpy(), cr.ones(n).numpy())
    np.testing.assert_array_equal(cr.zeros(n).numpy(), np.zeros(n))


@book("1.6-special-vectors")
def test_the_outer_product_is_a_column_times_a_row():
    u, v = (cr.normal((k,), rng=cr.Rng(k), dtype=cr.float64) for k in (4, 6))
    np.testing.assert_array_equal(cr.outer(u, v).numpy(), (u[:, None] @ v[None, :]).numpy())
    np.testing.assert_array_equal(cr.outer(u, v).numpy(), np.outer(u.numpy(), v.numpy()))


@book("1.6-norm")
@TYPES
def test_the_norm_is_the_root_of_the_inner_product(dtype, tolerance):
    assert cr.norm(cr.tensor([3.0, 4.0])).item() == 5
    for n in (0, 1, 3, 100):
        u = cr.tensor(RNG.normal(size=n).astype(dtype))
        close(cr.norm(u), np.linalg.norm(u.numpy()), tolerance)
        close(cr.square(cr.norm(u)), (u @ u).numpy(), 4 * tolerance)   # two roundings more
        close(cr.norm(u), np.sqrt((u @ u).numpy()), tolerance)


@book("1.6-norm")
@pytest.mark.parametrize("dtype, size", [("float32", 1e20), ("float32", 1e-25), ("float32", 1e-42),
                                         ("float64", 1e200), ("float64", 1e-200)])
def test_squares_beyond_the_type_do_not_spoil_the_norm(dtype, size):
    u = np.array([[3.0, 4.0], [0.0, 0.0]]) * size
    u = cr.tensor(u.astype(dtype))
    want = np.linalg.norm(u.numpy().astype(np.longdouble), axis=1)
    np.testing.assert_allclose(cr.norm(u, axis=1).numpy(), want, rtol=1e-6 if size > 1e-30 else 1e-3)
    np.testing.assert_allclose(cr.norm(u, 3, axis=1).numpy()[0] / size, 91 ** (1 / 3), rtol=1e-3)
    gradient = cr.grad(lambda u: cr.sum(cr.norm(u, axis=1)))(u).numpy()
    np.testing.assert_allclose(gradient, [[0.6, 0.8], [0.0, 0.0]], rtol=1e-3)
    assert cr.norm(cr.tensor([np.inf, 1.0])).item() == np.inf


@book("1.6-moments")
@TYPES
@pytest.mark.parametrize("shape", [(50, 4), (1, 3), (7, 1), (1001, 5)])
def test_mean_variance_and_covariance_divide_by_n(shape, dtype, tolerance):
    x = (RNG.normal(size=shape) * 2 + 5).astype(dtype)
    t, wide = cr.tensor(x), x.astype(np.float64)
    tolerance = max(tolerance, 1e-6 if dtype == "float32" else 0)
    close(cr.mean(t, axis=0), wide.mean(0), tolerance)
    close(cr.var(t, axis=0), wide.var(0), tolerance)
    close(cr.std(t, axis=0), wide.std(0), tolerance)
    close(cr.covariance(t), np.cov(wide.T, bias=True).reshape(shape[1], shape[1]), tolerance)
    close(cr.mean(t), wide.mean(), tolerance)
    close(cr.var(t), wide.var(), tolerance)
