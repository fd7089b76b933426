"""What factorisations promise, where they have no derivative, and what happens without SciPy."""
import subprocess
import sys

import chainrule as cr
import numpy as np
import pytest

la = cr.linalg
rng = np.random.default_rng(7)


def t(*shape):
    return cr.tensor(rng.normal(size=shape))


def close(a, b, tolerance=1e-12):
    np.testing.assert_allclose(np.asarray(a), np.asarray(b), rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("shape", [(1, 1), (5, 5), (7, 3), (3, 7), (2, 4, 4), (3, 2, 5, 4)])
def test_the_factors_multiply_to_the_matrix_and_are_orthonormal(shape):
    a = t(*shape)
    Q, R = la.qr(a)
    U, s, Vh = la.svd(a, full_matrices=False)
    for product, basis in ((Q @ R, Q), (U * s[..., None, :] @ Vh, U), (U * s[..., None, :] @ Vh, Vh.mT)):
        close(product, a)
        close(basis.mT @ basis, np.broadcast_to(np.eye(s.shape[-1]), (*shape[:-2], s.shape[-1], s.shape[-1])))
    assert np.all(np.diff(s) <= 0) and np.all(np.asarray(s) >= 0)
    gram = a.mT @ a + cr.eye(shape[-1], dtype=cr.float64)
    L = la.cholesky(gram)
    close(L @ L.mT, gram)
    w, V = la.eigh(gram)
    close(V * w[..., None, :] @ V.mT, gram)


@pytest.mark.book("2.6-sym-eigen")
@pytest.mark.cpu("takes long on the emulator")
def test_eigenvectors_of_a_large_symmetric_matrix():
    s = t(784, 784)
    s = s + s.mT
    w, V = la.eigh(s)
    size = np.linalg.norm(np.asarray(s))
    assert np.linalg.norm(np.asarray(s @ V - V * w)) < 1e-9 * size
    close(V.mT @ V, np.eye(784), 1e-11)
    close(w, np.linalg.eigvalsh(np.asarray(s)), 1e-9)


def test_functions_of_all_eigenvalues_have_their_derivative_where_values_repeat():
    """Σ λ² = ‖A‖² and Σ s = tr A for positive A hold at the identity too, where vectors are not unique."""
    one = cr.eye(3, dtype=cr.float64)
    close(cr.grad(lambda a: cr.sum(la.eigvalsh(a) ** 2))(one), 2 * np.eye(3))
    close(cr.grad(lambda a: cr.sum(la.svdvals(a)))(one), np.eye(3))
    close(cr.grad(lambda a: cr.sum(la.eigh(a)[0] ** 2))(one), 2 * np.eye(3))
    with pytest.raises(ValueError, match="eigh: eigenvectors of a repeated value have no derivative"):
        cr.jvp(la.eigh, one, one)
    with pytest.raises(ValueError, match="eigh: eigenvectors of a repeated value have no derivative"):
        cr.hvp(lambda a: cr.sum(la.eigvalsh(a) ** 2), one, one)


def test_third_derivatives_of_the_log_determinant():
    """d³ log det (A + ε B) / dε³ = 2 tr((A⁻¹ B)³)"""
    a, b = t(4, 4) + 5 * cr.eye(4, dtype=cr.float64), t(4, 4)

    def along(e):
        return la.slogdet(a + e * b).logabsdet

    third = cr.grad(cr.grad(cr.grad(along)))(cr.tensor(np.array(0.0)))
    m = np.linalg.solve(np.asarray(a), np.asarray(b))
    close(third, 2 * np.trace(m @ m @ m))


def test_one_matrix_serves_a_batch_of_right_sides():
    a, b = t(4, 4), t(3, 2, 4, 5)
    close(a @ la.solve(a, b), b, 1e-11)
    close(a @ la.solve(a, b[..., :0]), b[..., :0])


def test_results_have_names():
    assert la.svd(t(2, 2)).S.shape == (2,)
    assert la.eigh(t(2, 2)).eigenvectors.shape == (2, 2)
    assert la.qr(t(2, 3)).R.shape == (2, 3)
    assert la.slogdet(t(2, 2)).sign.shape == ()


def test_float32_stays_float32():
    a = t(3, 3).astype(cr.float32)
    for f in (la.inv, la.det, la.slogdet, la.qr, la.eigh, la.svd, la.pinv, la.expm, la.matrix_norm, la.cond):
        assert {y.dtype for y in cr.tree.leaves(f(a))} == {cr.float32}, f.__name__


def test_without_scipy_the_message_says_what_to_install():
    program = ("import sys; sys.modules['scipy'] = sys.modules['scipy.linalg'] = None\n"
               "import chainrule as cr\n"
               "print(cr.linalg.eigvalsh(cr.eye(2)).tolist())\n"
               "cr.linalg.inv(cr.eye(2))")
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert run.stdout == "[1.0, 1.0]\n"
    assert run.stderr.endswith("chainrule.linalg: SciPy is needed; pip install 'chainrule[linalg]'\n")
