"""Appendices A and B: vectors, derivatives, Taylor polynomials, divergences, normal distributions."""
import math

import chainrule as cr
import numpy as np
import pytest
from chainrule import distributions as d
from chainrule import information as info
from chainrule import numeric
from scipy import integrate, special, stats

book = pytest.mark.book
RNG = np.random.default_rng(7)


def tensor(x):
    return cr.tensor(np.asarray(x, np.float64))


def normal(*shape):
    return tensor(RNG.normal(size=shape))


def close(got, want, tolerance=1e-10):
    got = got.numpy() if isinstance(got, cr.Tensor) else np.asarray(got)
    want = want.numpy() if isinstance(want, cr.Tensor) else np.asarray(want)
    assert got.shape == want.shape, f"shape {got.shape}, wanted {want.shape}"
    np.testing.assert_allclose(got, want, rtol=tolerance, atol=tolerance)


# ---- A.1
@book("A.1-inner-product")
@pytest.mark.parametrize("dtype, tolerance", [("float64", 1e-12), ("float32", 1e-6)])
def test_inner_product_is_numpys_and_its_gradient_the_other_vector(dtype, tolerance):
    u, v = (normal(5).astype(getattr(cr, dtype)) for _ in range(2))
    close(u @ v, np.dot(u.numpy(), v.numpy()), tolerance)
    close(cr.grad(lambda u: u @ v)(u), v)


@book("A.1-l2-norm")
def test_length_and_its_gradient_which_is_0_at_0():
    assert cr.norm(tensor([3.0, 4.0])).item() == 5
    u = normal(4)
    close(cr.grad(cr.norm)(u), u.numpy() / np.linalg.norm(u.numpy()))
    close(cr.grad(cr.norm)(tensor([0.0, 0.0])), [0.0, 0.0])


@book("A.1-cosine")
def test_cosine_lies_between_minus_1_and_1_and_forgets_lengths():
    u, v = normal(6, 1, 4), normal(1, 5, 4)
    cos = cr.losses.cosine_similarity(u, v)                      # all pairs, by broadcasting
    close(cos, np.einsum("ik,jk->ij", u.numpy()[:, 0], v.numpy()[0]) /
          np.linalg.norm(u.numpy()[:, 0], axis=1)[:, None] / np.linalg.norm(v.numpy()[0], axis=1))
    assert np.abs(cos.numpy()).max() <= 1
    close(cr.losses.cosine_similarity(3.0 * u, 0.5 * v), cos)
    e = np.eye(2)
    for a, b, want in ((e[0], 2 * e[0], 1), (e[0], e[1], 0), (e[0], -e[0], -1)):
        close(cr.losses.cosine_similarity(tensor(a), tensor(b)), float(want))


@book("A.1-lp-norm")
def test_lp_norms_are_numpys_and_fall_with_p():
    u = normal(7)
    norms = [cr.norm(u, p).item() for p in (1, 2, 3, math.inf)]
    close(norms, [np.linalg.norm(u.numpy(), p) for p in (1, 2, 3, np.inf)])
    assert norms == sorted(norms, reverse=True)


@book("A.1-distance")
def test_pairwise_distances_are_those_of_brute_force():
    x, y = normal(5, 3), normal(4, 3)
    distances = cr.norm(x[:, None] - y[None], axis=-1)
    close(distances, [[np.linalg.norm(a - b) for b in y.numpy()] for a in x.numpy()])
    own = cr.norm(x[:, None] - x[None], axis=-1).numpy()
    assert (own == own.T).all() and (np.diag(own) == 0).all()


@book("A.1-vector-function")
def test_a_vector_function_is_its_components_stacked():
    u = normal(3)
    parts = [lambda u: u[0] * u[1], lambda u: cr.sin(u[2]), lambda u: cr.sum(u * u)]
    whole = cr.stack([f(u) for f in parts])
    close(whole, [f(u).item() for f in parts])


# ---- A.2
def slope(errors, steps):
    return np.polyfit(np.log(steps), np.log(errors), 1)[0]


@book("A.2-partial-numeric")
def test_forward_differences_err_like_h_and_central_ones_like_h_squared():
    u, steps = tensor([0.7, -0.3]), np.array([1e-1, 1e-2, 1e-3])

    def f(u):
        return cr.exp(u[0]) * cr.sin(u[1])
    exact = cr.grad(f)(u).numpy()
    for method, order in (("forward", 1), ("central", 2)):
        errors = [np.abs(numeric.gradient(f, u, h=h, method=method).numpy() - exact).max() for h in steps]
        assert abs(slope(errors, steps) - order) < 0.1
    close(numeric.gradient(f, u), exact, 1e-8)


@book("A.2-gradient")
@pytest.mark.parametrize("f", [cr.exp, cr.log, cr.sqrt, cr.tanh, cr.sigmoid, cr.softmax, cr.cumprod,
                               cr.logsumexp])
def test_the_gradient_checker_passes_what_is_right(f):
    assert numeric.check_gradient(f, tensor([0.4, 1.7, 0.9])), f


def test_the_gradient_checker_finds_what_is_wrong_and_where():
    def pull(g, y, x):
        return g * cr.cos(x) * tensor([1.0, 1.0, 1.01])
    wrong = cr.custom_rule(cr.sin, pull=pull)
    check = numeric.check_gradient(wrong, tensor([0.3, 0.1, 0.2]))
    assert not check and check.index == (2,) and "FAILS" in str(check)
    with pytest.raises(ValueError, match="check_gradient: the arguments and f\\(x\\) must be finite"):
        numeric.check_gradient(cr.log, tensor([-1.0]))


@book("A.2-matrix-gradient")
def test_the_gradient_in_a_matrix_has_its_shape():
    A, U = normal(3, 4), normal(3, 4)
    close(cr.grad(lambda U: cr.trace(A.T @ U))(U), A)
    close(cr.grad(lambda U: cr.sum(U * U))(U), 2 * U.numpy())


@book("A.2-directional", "4.5-directional-derivative")
def test_directional_derivative_is_jvp_gradient_and_quotient_and_linear():
    u, v, w = normal(3), normal(3), normal(3)

    def f(u):
        return cr.sum(cr.sin(u) * u[0])
    along = numeric.directional_derivative(f, u, v).item()
    assert along == pytest.approx((v @ cr.grad(f)(u)).item(), abs=1e-12)
    assert along == pytest.approx(((f(u + 1e-6 * v) - f(u - 1e-6 * v)) / 2e-6).item(), rel=1e-6)
    sum_of_both = along + 2 * numeric.directional_derivative(f, u, w).item()
    assert numeric.directional_derivative(f, u, v + 2.0 * w).item() == pytest.approx(sum_of_both)


@book("A.2-jacobian")
def test_jacobian_by_columns_is_jacobian_by_rows():
    A, u = normal(4, 3), normal(3)
    close(cr.jacobian(lambda u: A @ u)(u), A)

    def f(u):
        return cr.tanh(A @ u) * u[0]
    J = cr.jacobian(f, mode="forward")(u)
    assert J.shape == (4, 3)
    close(J, cr.jacobian(f, mode="backward")(u))
    for i in range(4):
        close(J[i], cr.grad(lambda u, i=i: f(u)[i])(u))
    close(J, numeric.jacobian(f, u), 1e-8)


@book("A.2-hessian")
def test_hessian_of_a_quadratic_form_is_its_matrix():
    B = RNG.normal(size=(4, 4))
    A, b, u, v = tensor(B + B.T), normal(4), normal(4), normal(4)

    def quadratic(u):
        return u @ (A @ u) / 2 + b @ u
    close(cr.hessian(quadratic)(u), A)

    def f(u):
        return cr.sum(cr.exp(u)) * u[0]
    H = cr.hessian(f)(u)
    close(H, numeric.jacobian(cr.grad(f), u), 1e-7)
    close(cr.hvp(f, u, v), H @ v)
    close(H, cr.jacobian(cr.grad(f))(u))


@book("A.2-definiteness")
def test_definiteness_of_known_matrices():
    x = RNG.normal(size=(2, 4))
    cases = {"positive definite": np.eye(3), "negative definite": -np.eye(3),
             "positive semidefinite": x.T @ x, "negative semidefinite": -x.T @ x,
             "indefinite": np.diag([1.0, -1.0]), "zero": np.zeros((2, 2))}
    for want, A in cases.items():
        assert numeric.definiteness(A) == want
    with pytest.raises(ValueError, match="must be a square matrix"):
        numeric.definiteness(np.zeros((2, 3)))
    with pytest.raises(ValueError, match="must be symmetric"):
        numeric.definiteness([[1.0, 2.0], [0.0, 1.0]])


# ---- A.3
@book("A.3-chain-scalar", "A.3-chain-vector")
def test_the_jacobian_of_a_composition_is_the_product():
    W, u = normal(4, 3), normal(3)

    def h(u):
        return cr.tanh(W @ u)

    def g(z):
        return cr.stack([cr.sum(z * z), z[0] * z[1]])
    J_h, J_g = cr.jacobian(h)(u), cr.jacobian(g)(h(u))
    J = cr.jacobian(lambda u: g(h(u)))(u)
    assert (J_g.shape, J_h.shape) == ((2, 4), (4, 3))
    close(J, J_g @ J_h)
    close(J.T, J_h.T @ J_g.T)

    def first(z):
        return g(z)[0]
    close(cr.grad(lambda u: first(h(u)))(u), J_h.T @ cr.grad(first)(h(u)))


@book("A.3-affine-weight-gradient")
def test_the_gradient_in_a_weight_matrix_is_an_outer_product():
    W, b, u = normal(4, 3), normal(4), normal(3)

    def y(W, b, u):
        return cr.sum(cr.sin(W @ u + b))
    dz = np.cos((W @ u + b).numpy())
    dW, db, du = cr.grad(y, argnums=(0, 1, 2))(W, b, u)
    close(dW, np.outer(dz, u.numpy()))
    close(db, dz)
    close(du, W.numpy().T @ dz)
    assert np.linalg.matrix_rank(dW.numpy()) == 1
    assert numeric.check_gradient(y, W, b, u, tolerance=1e-7)
    U = normal(5, 3)                                             # a batch, a sample a row
    dZ = np.cos((U @ W.T + b).numpy())
    dW = cr.grad(lambda W: cr.sum(cr.sin(U @ W.T + b)))(W)
    close(dW, dZ.T @ U.numpy())
    close(dW, np.sum([cr.grad(lambda W, u=u: y(W, b, u))(W).numpy() for u in U], axis=0))


@book("A.3-composition-jacobian", "A.3-jvp", "A.3-vjp")
@pytest.mark.parametrize("L", range(1, 7))
def test_a_chain_of_layers_multiplies_their_jacobians(L):
    sizes = RNG.integers(2, 5, size=L + 1)
    weights = [normal(m, n) for n, m in zip(sizes, sizes[1:], strict=False)]
    layers = [(lambda z, W=W: cr.tanh(W @ z)) for W in weights]

    def chain(u):
        for layer in layers:
            u = layer(u)
        return u
    u, product = normal(sizes[0]), np.eye(sizes[0])
    g = u
    for layer in layers:
        product = cr.jacobian(layer)(g).numpy() @ product
        g = layer(g)
    close(cr.jacobian(chain)(u), product, 1e-9)
    numbers = numeric.jacobian(chain, u).numpy()
    for j, e in enumerate(np.eye(sizes[0])):
        close(cr.jvp(chain, u, tensor(e))[1], numbers[:, j], 1e-7)
    for i, e in enumerate(np.eye(sizes[-1])):
        close(cr.vjp(chain, u, tensor(e))[1], numbers[i], 1e-7)
    v, w = normal(sizes[0]), normal(sizes[-1])
    left, right = w @ cr.jvp(chain, u, v)[1], cr.vjp(chain, u, w)[1] @ v
    assert left.item() == pytest.approx(right.item(), rel=1e-10, abs=1e-12)


# ---- A.4
@book("A.4-taylor-1d", "A.4-linear-approx", "A.4-quadratic-approx")
@pytest.mark.parametrize("k", range(5))
@pytest.mark.parametrize("f", [cr.exp, lambda u: cr.sin(u + 0.5), lambda u: cr.log(1.0 + u)],
                         ids=["exp", "sin", "log"])
def test_the_error_of_a_taylor_polynomial_has_order_k_plus_1(f, k):
    v, steps = tensor(0.2), np.array([0.1, 0.05, 0.025])
    P = numeric.taylor(f, v, k)
    errors = [abs((P(v + h) - f(v + h)).item()) for h in steps]
    assert abs(slope(errors, steps) - (k + 1)) < 0.1


@book("A.4-taylor-1d")
def test_polynomials_are_their_own_taylor_polynomials():
    def f(u):
        return 2.0 - u + 3.0 * u * u * u
    close(numeric.taylor(f, tensor(0.3), 3)(tensor(1.7)), f(tensor(1.7)))


@book("A.4-multi-index")
@pytest.mark.parametrize("n, k", [(1, 4), (2, 3), (3, 4)])
def test_multi_indices_are_counted_by_a_binomial(n, k):
    found = list(numeric.multi_indices(n, k))
    assert len(found) == len(set(found)) == math.comb(n + k, k)
    assert all(len(a) == n and min(a) >= 0 and sum(a) <= k for a in found)


@book("A.4-multi-index")
def test_partial_derivatives_of_a_monomial():
    u = tensor([1.5, -0.5])

    def f(u):
        return numeric.monomial(u, (3, 2))
    assert f(u).item() == pytest.approx(1.5**3 * 0.25)
    assert numeric.partial(f, (2, 1))(u).item() == pytest.approx(6 * 1.5 * 2 * -0.5)
    assert numeric.partial(f, (3, 2))(u).item() == pytest.approx(numeric.multi_factorial((3, 2)))
    assert numeric.partial(f, (4, 0))(u).item() == 0


@book("A.4-taylor-nd")
def test_the_taylor_polynomial_of_several_variables_is_the_sum_over_multi_indices():
    v, u = tensor([0.2, -0.1, 0.3]), tensor([0.5, 0.4, -0.2])

    def f(u):
        return cr.exp(u[0]) * cr.sin(u[1] + u[2])
    terms = [numeric.partial(f, a)(v) * numeric.monomial(u - v, a) / numeric.multi_factorial(a)
             for a in numeric.multi_indices(3, 3)]
    total = math.fsum(t.item() for t in terms)
    assert numeric.taylor(f, v, 3)(u).item() == pytest.approx(total, rel=1e-12)

    def cubic(u):
        return u[0] * u[1] * u[2] + u[0] * u[0] - 2.0
    close(numeric.taylor(cubic, v, 3)(u), cubic(u))
    steps, w = np.array([0.2, 0.1, 0.05]), tensor([1.0, -0.5, 0.7])
    P = numeric.taylor(f, v, 2)
    errors = [abs((P(v + h * w) - f(v + h * w)).item()) for h in steps]
    assert abs(slope(errors, steps) - 3) < 0.15


@book("A.4-linear-approx", "A.4-quadratic-approx", "A.4-vector-linearisation", "A.4-gradient-linearisation")
def test_linear_and_quadratic_models_are_exact_where_they_should_be():
    B = RNG.normal(size=(3, 3))
    A, b, u0, u = tensor(B @ B.T + np.eye(3)), normal(3), normal(3), normal(3)

    def quadratic(u):
        return u @ (A @ u) / 2 + b @ u

    def affine(u):
        return A @ u + b
    close(numeric.quadratic_model(quadratic, u0)(u), quadratic(u))
    close(numeric.linear_model(affine, u0)(u), affine(u))
    close(numeric.linear_model(cr.grad(quadratic), u0)(u), cr.grad(quadratic)(u))

    def f(u):
        return cr.sum(cr.exp(u)) * u[1]
    g, H = cr.grad(f)(u0), cr.hessian(f)(u0)
    s = u - u0
    close(numeric.linear_model(f, u0)(u), f(u0) + s @ g)
    close(numeric.quadratic_model(f, u0)(u), f(u0) + s @ g + s @ (H @ s) / 2)
    newton = u0 - tensor(np.linalg.solve(H.numpy(), g.numpy()))
    close(cr.grad(numeric.quadratic_model(f, u0))(newton), np.zeros(3), 1e-8)
    steps, w = np.array([1e-2, 5e-3, 2.5e-3]), normal(3)
    for F in (lambda u: cr.tanh(A @ u), cr.grad(f)):
        model = numeric.linear_model(F, u0)
        errors = [np.abs((model(u0 + h * w) - F(u0 + h * w)).numpy()).max() for h in steps]
        assert abs(slope(errors, steps) - 2) < 0.1


# ---- B.1
P, Q = (0.5, 0.5), (0.9, 0.1)


def random_pairs(n=10_000, K=4):
    p, q = RNG.dirichlet(np.ones(K), size=(2, n))
    return tensor(p), tensor(q)


@book("B.1-kl-discrete")
def test_kl_divergence():
    assert info.kl_divergence(P, Q).item() == pytest.approx(0.5108256, abs=5e-8)
    assert info.kl_divergence(Q, P).item() == pytest.approx(0.3680642, abs=5e-8)
    p, q = random_pairs()
    close(info.kl_divergence(p, q), special.rel_entr(p.numpy(), q.numpy()).sum(-1), 1e-12)
    assert (info.kl_divergence(p, q).numpy() > 0).all()
    close(info.kl_divergence(p, p), np.zeros(p.shape[0]))
    assert info.kl_divergence((0.5, 0.5), (1.0, 0.0)).item() == math.inf
    assert info.kl_divergence((1.0, 0.0), (0.5, 0.5)).item() == pytest.approx(math.log(2))


@book("B.1-cross-entropy")
def test_cross_entropy():
    assert info.cross_entropy(P, Q).item() == pytest.approx(1.2039728, abs=5e-8)
    assert info.cross_entropy(Q, P).item() == pytest.approx(0.6931472, abs=5e-8)
    p, q = random_pairs()
    assert (info.cross_entropy(p, q).numpy() >= info.entropy(p).numpy()).all()
    assert info.cross_entropy((0.0, 1.0, 0.0), (0.2, 0.7, 0.1)).item() == pytest.approx(-math.log(0.7))


@book("B.1-entropy")
def test_entropy():
    assert info.entropy(P).item() == pytest.approx(0.6931472, abs=5e-8)
    assert info.entropy(Q).item() == pytest.approx(0.3250830, abs=5e-8)
    assert info.entropy((0.0, 1.0, 0.0)).item() == 0
    assert info.entropy(np.full(7, 1 / 7)).item() == pytest.approx(math.log(7))
    p, _ = random_pairs()
    assert info.entropy(p).numpy().max() < math.log(4)
    close(info.cross_entropy(p, p), info.entropy(p), 1e-12)


@book("B.1-decomposition")
def test_kl_is_cross_entropy_less_entropy():
    p, q = random_pairs()
    close(info.kl_divergence(p, q), info.cross_entropy(p, q) - info.entropy(p), 1e-12)


@book("B.1-binary-forms", "3.1-ce-information")
def test_binary_forms_are_those_of_two_points_and_the_loss():
    p, q = tensor([0.0, 0.2, 0.5, 1.0]), tensor([0.3, 0.9, 0.5, 0.6])
    close(info.binary_entropy(p), stats.bernoulli.entropy(p.numpy()), 1e-12)
    both = [info.cross_entropy((a, 1 - a), (b, 1 - b)).item() for a, b in zip(p.numpy(), q.numpy(),
                                                                              strict=True)]
    close(info.binary_cross_entropy(p, q), both, 1e-12)
    logits = cr.log(q / (1.0 - q))
    loss = cr.losses.binary_cross_entropy_with_logits(logits, p, reduction="none")
    close(info.binary_cross_entropy(p, q), loss, 1e-12)
    grid = tensor(np.linspace(0, 1, 101))
    H = info.binary_entropy(grid).numpy()
    close(H, H[::-1], 1e-12)
    assert H.argmax() == 50 and H[50] == pytest.approx(math.log(2))


@book("B.1-kl-continuous")
def test_kl_of_densities_by_quadrature_and_by_sampling():
    p, q = d.Normal(0.3, 0.8), d.Normal(-0.5, 1.3)
    exact = math.log(1.3 / 0.8) + (0.8**2 + 0.8**2) / (2 * 1.3**2) - 0.5
    by_sum = info.kl_by_quadrature(p.log_prob, q.log_prob, -12.0, 12.0)
    assert by_sum.item() == pytest.approx(exact, abs=1e-6)
    draws = p.sample(200_000, rng=cr.Rng(1))
    mean, error = info.kl_by_sampling(p.log_prob, q.log_prob, draws)
    assert abs(mean.item() - exact) < 3 * error.item() < 0.02

    def half(x):                                                 # the uniform density on [0, 1]
        return cr.where((x >= 0.0) & (x <= 1.0), 0.0 * x, -math.inf)
    assert info.kl_by_quadrature(p.log_prob, half, -12.0, 12.0).item() == math.inf
    assert math.isfinite(info.kl_by_quadrature(half, p.log_prob, -12.0, 12.0).item())


@book("B.1-jsd", "B.1-js-distance")
def test_jensen_shannon():
    assert info.js_divergence(P, Q).item() == pytest.approx(0.1017492, abs=5e-8)
    assert info.js_distance(P, Q).item() == pytest.approx(0.3189815, abs=5e-8)
    p, q = random_pairs()
    jsd = info.js_divergence(p, q).numpy()
    close(jsd, info.js_divergence(q, p))
    assert (jsd > 0).all() and (jsd < math.log(2)).all()
    assert info.js_divergence((1.0, 0.0), (0.0, 1.0)).item() == pytest.approx(math.log(2))
    assert info.js_divergence(P, P).item() == 0
    r, _ = random_pairs()
    root = [info.js_distance(a, b).numpy() for a, b in ((p, q), (p, r), (r, q))]
    assert (root[0] <= root[1] + root[2] + 1e-12).all()
    whole = [info.js_divergence(a, b).item() for a, b in (((1., 0.), (0., 1.)), ((1., 0.), P), (P, (0., 1.)))]
    assert whole[0] > whole[1] + whole[2]                        # without the root it is no metric


def test_what_is_no_distribution_is_refused():
    for call in (lambda: info.entropy([0.5, 0.6]), lambda: info.kl_divergence([0.5, 0.5], [1.5, -0.5]),
                 lambda: info.kl_divergence([0.5, 0.5], [0.2, 0.3, 0.5]), lambda: info.entropy(0.5),
                 lambda: info.binary_entropy(1.2), lambda: info.entropy([np.nan, 1.0])):
        with pytest.raises(ValueError, match="^[a-z_]+: .+"):
            call()


# ---- B.2
MU1, S1 = [1.0, 2.0], [[2.0, 0.5], [0.5, 1.0]]
MU2, S2 = [0.0, 1.0], [[1.0, 0.3], [0.3, 2.0]]


@book("B.2-normal-pdf")
def test_normal_density():
    assert d.Normal().prob(0.0).item() == pytest.approx(0.3989423, abs=5e-8)
    x = np.linspace(-4, 4, 41)
    close(d.Normal(0.5, 1.5).log_prob(x), stats.norm.logpdf(x, 0.5, 1.5), 1e-12)
    close(d.Normal(0.5, 1.5).cdf(x), stats.norm.cdf(x, 0.5, 1.5), 1e-12)
    p = d.Normal(0.5, 1.5)
    moments = [integrate.quad(lambda t, k=k: t**k * p.prob(t).item(), -14, 15)[0] for k in range(3)]
    close(moments, [1.0, 0.5, 0.5**2 + 1.5**2], 1e-8)
    with pytest.raises(ValueError, match="std must be positive"):
        d.Normal(0.0, -1.0)


@book("B.2-mvn-pdf", "B.2-mvn-logpdf")
def test_multivariate_normal_density():
    p = d.MultivariateNormal(MU1, S1)
    assert p.log_prob([0.5, 0.5]).item() == pytest.approx(-3.2605421, abs=1e-7)
    assert d.MultivariateNormal([0.0], [[1.0]]).log_prob([0.0]).item() == pytest.approx(-0.9189385, abs=1e-7)
    x = RNG.normal(size=(3, 5, 2))
    close(p.prob(x), stats.multivariate_normal.pdf(x, MU1, S1), 1e-10)
    close(p.log_prob(x), cr.log(p.prob(x)), 1e-10)
    diagonal = d.MultivariateNormal(MU1, np.diag([2.0, 3.0]))
    close(diagonal.log_prob(x), cr.sum(d.Normal(MU1, np.sqrt([2.0, 3.0])).log_prob(x), axis=-1), 1e-12)
    wide = d.MultivariateNormal(np.zeros(1000), 4 * np.eye(1000)).log_prob(np.ones(1000)).item()
    assert wide == pytest.approx(-125 - 500 * math.log(2 * math.pi) - 1000 * math.log(2))
    with pytest.raises(ValueError, match="positive definite"):
        d.MultivariateNormal(MU1, [[1.0, 2.0], [2.0, 1.0]])
    with pytest.raises(ValueError, match="symmetric"):
        d.MultivariateNormal(MU1, [[1.0, 0.2], [0.0, 1.0]])


@book("B.2-mvn-sample")
def test_draws_have_the_moments_they_should():
    x = d.MultivariateNormal(MU1, S1).sample(100_000, rng=cr.Rng(2)).numpy()
    assert np.abs((x.mean(0) - MU1) / np.sqrt(np.diag(S1) / len(x))).max() < 3
    products = (x - MU1)[:, :, None] * (x - MU1)[:, None]
    assert np.abs((products.mean(0) - S1) / (products.std(0) / np.sqrt(len(x)))).max() < 3


@book("B.2-kl-mvn")
def test_kl_of_normals():
    p, q = d.MultivariateNormal(MU1, S1), d.MultivariateNormal(MU2, S2)
    assert d.kl_normal(p, q).item() == pytest.approx(0.9023825, abs=1e-6)
    assert d.kl_normal(q, p).item() == pytest.approx(0.8705420, abs=1e-6)
    assert d.kl_normal(p, p).item() == pytest.approx(0, abs=1e-14)
    mean, error = info.kl_by_sampling(p.log_prob, q.log_prob, p.sample(200_000, rng=cr.Rng(3)))
    assert abs(mean.item() - 0.9023825) < 3 * error.item() < 0.02
    A, b = np.array([[2.0, 1.0], [0.5, -1.0]]), np.array([3.0, -2.0])

    def moved(mu, S):
        return d.MultivariateNormal(A @ mu + b, A @ np.array(S) @ A.T)
    close(d.kl_normal(moved(MU1, S1), moved(MU2, S2)), d.kl_normal(p, q), 1e-10)


@book("B.2-kl-mvn-isotropic", "B.2-kl-mvn-standard")
def test_kl_to_isotropic_and_standard_normals():
    p = d.MultivariateNormal(MU1, S1)
    assert d.kl_normal_isotropic(p, MU2, 1.5).item() == pytest.approx(0.7923239, abs=1e-7)
    close(d.kl_normal_isotropic(p, MU2, 1.5), d.kl_normal(p, d.MultivariateNormal(MU2, 1.5 * np.eye(2))))
    standard = d.kl_normal_isotropic(p, [0.0, 0.0], 1.0)
    assert standard.item() == pytest.approx(2.7201921, abs=1e-7)
    mean, std = normal(3), cr.exp(normal(3))
    full = d.MultivariateNormal(mean, cr.tensor(np.diag(std.numpy() ** 2)))
    close(d.kl_normal_standard(mean, std), d.kl_normal_isotropic(full, np.zeros(3), 1.0))
    slopes = cr.grad(lambda m, s2: d.kl_normal_standard(m, cr.sqrt(s2)), argnums=(0, 1))(mean, std * std)
    close(slopes[0], mean)
    close(slopes[1], (1 - 1 / std.numpy() ** 2) / 2)
