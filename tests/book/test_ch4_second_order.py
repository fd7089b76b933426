"""Chapter 4: convexity (§4.1), modes of differentiation (§4.4), Newton and quasi-Newton methods (§4.6)."""
import math

import chainrule as cr
import numpy as np
import pytest
from chainrule.optim import convexity, newton, quasi_newton
from chainrule.optim import line_search as search
from scipy import optimize, special

book = pytest.mark.book
optim = cr.optim


def tensor(x):
    return cr.tensor(np.asarray(x, np.float64))


def rosenbrock(x):
    return cr.sum(100.0 * (x[1:] - x[:-1] ** 2) ** 2 + (1.0 - x[:-1]) ** 2)


def peaks(t):
    a, b = t[0], t[1]
    return (3.0 * (1.0 - a) ** 2 * cr.exp(-(a**2) - (b + 1.0) ** 2)
            - 10.0 * (a / 5.0 - a**3 - b**5) * cr.exp(-(a**2) - b**2)
            - cr.exp(-((a + 1.0) ** 2) - b**2) / 3.0)


RNG = np.random.default_rng(5)
POINTS = tensor(RNG.normal(size=(60, 2)) * 1.5)


# ---- §4.1
@book("4.1-critical-points")
@pytest.mark.parametrize("point, kind", [
    ((0.2283, -1.6255), "minimum"), ((-1.3474, 0.2045), "minimum"), ((0.2964, 0.3202), "minimum"),
    ((-0.0093, 1.5814), "maximum"), ((-0.4600, -0.6292), "maximum"), ((1.2857, -0.0048), "maximum"),
    ((0.4163, -0.3941), "saddle"), ((-0.2659, 0.4667), "saddle"), ((1.0983, 0.8545), "saddle")])
def test_critical_points_of_the_peaks_function_are_classified(point, kind):
    theta = tensor(point)
    for _ in range(5):                                           # Newton: to any kind of critical point
        theta = theta + newton.newton_step(cr.hessian(peaks)(theta), cr.grad(peaks)(theta))
    assert np.allclose(theta.numpy(), point, atol=1e-3)
    assert convexity.classify(peaks, theta) == kind


@book("4.1-critical-points")
def test_what_is_flat_is_undecided_and_a_slope_is_refused():
    assert convexity.classify(lambda t: t[0] ** 4 + t[1] ** 2, tensor([0.0, 0.0])) == "undecided"
    with pytest.raises(ValueError, match="classify: theta is no critical point"):
        convexity.classify(peaks, tensor([1.0, 1.0]))


@book("4.1-convex-set")
def test_balls_boxes_half_spaces_and_hulls_are_convex_sets():
    corners = RNG.normal(size=(5, 2))

    def in_hull(p):
        found = optimize.linprog(np.zeros(5), A_eq=np.vstack([corners.T, np.ones(5)]), b_eq=[*p.numpy(), 1])
        return found.status == 0
    sets = {"ball": lambda p: cr.norm(p).item() <= 1.5, "box": lambda p: cr.max(cr.abs(p)).item() <= 1,
            "half-space": lambda p: (p[0] + 2.0 * p[1]).item() <= 0.3}
    for member in sets.values():
        assert convexity.set_is_convex(member, POINTS, rng=cr.Rng(0))
    inside = tensor(np.vstack([corners, [corners.mean(0)]]))
    assert convexity.set_is_convex(in_hull, inside, chords=60, rng=cr.Rng(0))
    assert not convexity.set_is_convex(lambda p: cr.norm(p).item() >= 0.8, POINTS, rng=cr.Rng(0))   # a hole


X, Y = RNG.normal(size=(12, 1)), np.array([1.0, 0, 0, 1, 1, 0, 1, 0, 1, 0, 0, 1])


def logits(t):
    return t[0] + tensor(X[:, 0]) * t[1]


def cross_entropy(t):
    return cr.mean(cr.softplus(logits(t)) - tensor(Y) * logits(t))


def squared(t):
    return cr.mean((tensor(Y) - cr.sigmoid(logits(t))) ** 2)


CONVEX = {"quadratic": lambda t: t @ t + t[0] * t[1], "cross entropy": cross_entropy,
          "log-sum-exp": cr.logsumexp,
          "huber": lambda t: cr.sum(cr.where(cr.abs(t) < 1.0, 0.5 * t * t, cr.abs(t) - 0.5))}
NOT_CONVEX = {"rosenbrock": rosenbrock, "squared loss of a sigmoid": squared}


@book("4.1-convex-function", "4.1-hessian-convexity")
def test_chords_and_hessians_agree_on_what_is_convex():
    wide = 3.0 * POINTS
    for name, f in CONVEX.items():
        assert convexity.chords_hold(f, wide, chords=300, rng=cr.Rng(1)), name
        assert convexity.hessian_is_semidefinite(f, wide), name
    for name, f in NOT_CONVEX.items():
        assert not convexity.chords_hold(f, wide, chords=2000, rng=cr.Rng(1)), name
        assert not convexity.hessian_is_semidefinite(f, wide), name


@book("4.1-linreg-hessian")
def test_the_hessian_of_least_squares_is_twice_the_gram_matrix():
    M, y = RNG.normal(size=(6, 3)), RNG.normal(size=6)

    def f(t):
        return cr.sum((tensor(y) - tensor(M) @ t) ** 2)
    H = cr.hessian(f)(tensor([0.1, 0.2, 0.3])).numpy()
    assert np.allclose(H, 2 * M.T @ M)
    M[:, 2] = M[:, 0] - M[:, 1]
    assert abs(np.linalg.eigvalsh(cr.hessian(f)(tensor([0.0, 0, 0])).numpy())[0]) < 1e-12


@book("4.1-logistic-hessian", "3.2-logistic-newton")
def test_each_hessian_of_logistic_regression_has_rank_one():
    theta = tensor([0.3, -0.8])
    parts = []
    for x, y in zip(X[:, 0], Y, strict=True):
        def f(t, x=x, y=y):
            return cr.softplus(t[0] + x * t[1]) - y * (t[0] + x * t[1])
        H, s = cr.hessian(f)(theta).numpy(), special.expit(0.3 - 0.8 * x)
        assert np.allclose(H, s * (1 - s) * np.outer([1, x], [1, x]), atol=1e-8)
        assert np.linalg.matrix_rank(H, tol=1e-12) == 1 and np.linalg.eigvalsh(H)[0] > -1e-12
        parts.append(H)
    assert np.allclose(cr.hessian(cross_entropy)(theta).numpy(), np.mean(parts, 0))
    assert np.linalg.eigvalsh(np.mean(parts, 0))[0] > 0
    same = [np.outer([1, 2.0], [1, 2.0])] * 3                    # all x equal: they do not span the plane
    assert abs(np.linalg.eigvalsh(np.mean(same, 0))[0]) < 1e-12
    found = optim.minimize(cross_entropy, tensor([0.0, 0.0]), "newton")
    assert found.success and found.nit <= 10
    other = optim.minimize(cross_entropy, tensor([0.0, 0.0]), "l-bfgs")
    assert np.allclose(found.x.numpy(), other.x.numpy(), atol=1e-5)


@book("4.1-logsumexp")
def test_log_sum_exp_has_softmax_as_gradient_and_a_covariance_as_hessian():
    v = tensor([0.3, -1.0, 2.0])
    s = special.softmax(v.numpy())
    assert cr.logsumexp(v).item() == pytest.approx(special.logsumexp(v.numpy()), abs=1e-12)
    assert np.allclose(cr.grad(cr.logsumexp)(v).numpy(), s)
    H = cr.hessian(cr.logsumexp)(v).numpy()
    assert np.allclose(H, np.diag(s) - np.outer(s, s)) and np.linalg.eigvalsh(H)[0] > -1e-12
    draws = np.eye(3)[cr.categorical(v, shape=(100_000,), rng=cr.Rng(0)).numpy()]
    assert np.abs(np.cov(draws.T, bias=True) - H).max() < 0.01


# ---- §4.4
def example(t):
    """(4.27)"""
    return cr.sin(t[0] * t[1]) + cr.exp(t[1] + t[2]) - 2.0 * t[2]


AT = tensor([math.pi / 6, 2.0, 5.0])


@book("4.4-numeric-diff")
def test_the_error_of_differences_is_a_v():
    exact, errors = cr.grad(example)(AT)[1].item(), {}
    for method in ("forward", "central"):
        for h in (1e-3, 1e-6, 1e-8, 1e-12, 1e-14):
            got = cr.numeric.gradient(example, AT, h=h, method=method)[1].item()
            errors[method, h] = abs(got - exact)
    assert errors["forward", 1e-3] == pytest.approx(5.5e-1, rel=0.02)
    assert errors["forward", 1e-6] == pytest.approx(5.5e-4, rel=0.05)
    assert errors["central", 1e-3] == pytest.approx(1.8e-4, rel=0.05)
    forward = [errors["forward", h] for h in (1e-3, 1e-6, 1e-8, 1e-12)]
    assert forward[0] > forward[1] > forward[2] < forward[3]
    assert errors["forward", 1e-14] > 1 and errors["central", 1e-6] < errors["forward", 1e-6]


@book("4.4-api", "4.4-jvp", "4.4-vjp", "4.4-forward-mode", "4.4-backward-mode")
def test_both_modes_agree_with_each_other_and_with_differences():
    W = tensor(RNG.normal(size=(4, 3)))

    def g(t):
        return cr.tanh(W @ t) * cr.exp(t[0])
    t, v, u = tensor(RNG.normal(size=3)), tensor(RNG.normal(size=3)), tensor(RNG.normal(size=4))
    J = cr.jacobian(g)(t)
    assert np.allclose(cr.jvp(g, t, v)[1].numpy(), (J @ v).numpy(), atol=1e-10)
    assert np.allclose(cr.vjp(g, t, u)[1].numpy(), (J.T @ u).numpy(), atol=1e-10)
    assert (u @ cr.jvp(g, t, v)[1]).item() == pytest.approx((cr.vjp(g, t, u)[1] @ v).item(), rel=1e-12)
    h = 1e-6
    quotient = (g(t + h * v) - g(t - h * v)) / (2 * h)
    assert np.allclose(cr.jvp(g, t, v)[1].numpy(), quotient.numpy(), atol=1e-6)
    for j in range(3):
        assert np.allclose(cr.jvp(g, t, tensor(np.eye(3)[j]))[1].numpy(), J.numpy()[:, j], atol=1e-10)
    for i in range(4):
        assert np.allclose(cr.grad(lambda t, i=i: g(t)[i])(t).numpy(), J.numpy()[i], atol=1e-10)
    twice = cr.grad(lambda t: t[0] * t[0] + t[0])(tensor([3.0]))             # a node used three times
    assert twice.item() == 7


@book("4.4-graph")
def test_the_graph_of_the_example_is_evaluated_level_by_level():
    """a6 adds three terms by two additions: its levels are 3 and 4, or 2 and 3; the others are the book's."""
    steps = cr.explain(lambda a, b, c: -2.0 * c + cr.sin(a * b) + cr.exp(b + c), *AT, show=False).steps
    levels = {level: sorted(s.op for s in steps if s.level == level) for level in range(5)}
    assert levels[1] == ["add", "multiply", "multiply"] and levels[2][-1] == "sin" and "exp" in levels[2]
    assert len([s for s in steps if s.op != "input"]) == 7 and steps[-1].op == "add"


@book("4.4-hessian-hvp")
def test_hessian_vector_products_need_no_hessian():
    x, v = tensor([0.4, -0.2]), tensor([0.7, -1.1])
    H = cr.hessian(rosenbrock)(x).numpy()
    assert np.allclose(H, optimize.rosen_hess(x.numpy())) and np.allclose(H, H.T)
    assert np.allclose(cr.hvp(rosenbrock, x, v).numpy(), H @ v.numpy(), atol=1e-8)


# ---- §4.6
def cubic(t):
    return (t - 3.0) ** 2 * (t + 3.0)


@book("4.6-quadratic-model-1d")
def test_the_quadratic_model_touches_the_function_and_is_exact_for_quadratics():
    Q = cr.numeric.quadratic_model(cubic, tensor(1.5))
    assert Q(tensor(1.5)).item() == pytest.approx(cubic(tensor(1.5)).item())
    P = cr.numeric.quadratic_model(lambda t: 3.0 * t * t - t, tensor(0.2))
    assert P(tensor(5.0)).item() == pytest.approx(70)


@book("4.6-newton-1d")
def test_newton_takes_one_step_for_a_quadratic_and_guards_a_flat_one():
    path = newton.newton_1d(lambda t: 2.0 * t * t - 4.0 * t, 17.0)
    assert path[1] == pytest.approx(1)
    with pytest.raises(ZeroDivisionError, match="newton_1d: the second derivative is 0"):
        newton.newton_1d(lambda t: 3.0 * t, 1.0)


@book("4.6-secant")
def test_secant_iterates_on_the_cubic():
    def slope(x):
        return 3 * (x - 3) * (x + 1)
    path = newton.secant_1d(slope, 1.5, 1.6)
    golden = (4.909090909, 2.407258065, 2.787147487, 3.039496116, 2.997803075, 2.999978508, 3.000000011811)
    assert np.allclose(path[2:9], golden, rtol=0, atol=1e-9)
    assert len(path) > len(newton.newton_1d(cubic, 1.5))
    assert newton.secant_1d(lambda x: 2 * x - 6, 0.0, 1.0)[2] == pytest.approx(3)
    with pytest.raises(ValueError, match="secant_1d: the two starts must differ"):
        newton.secant_1d(slope, 1.0, 1.0)


@book("4.6-newton")
@pytest.mark.parametrize("start, values", [((0.2, -0.2), (0.6142, 30.64, 1.545e-3, 2.387e-4, 5.5e-14)),
                                           ((0.4, -0.2), (0.3502, 11.62, 6.0e-5, 3.7e-7, 6e-20))])
def test_pure_newton_steps_on_rosenbrock(start, values):
    theta = tensor(start)
    for i, value in enumerate(values):
        theta = theta + newton.newton_step(cr.hessian(rosenbrock)(theta), cr.grad(rosenbrock)(theta))
        if i == 0:
            first = {0.2: (0.216327, 0.046531), 0.4: (0.408219, 0.166575)}[start[0]]
            assert np.allclose(theta.numpy(), first, atol=1e-6)
        assert rosenbrock(theta).item() == pytest.approx(value, rel=0.02, abs=2e-14)
    A = tensor([[3.0, 1.0], [1.0, 2.0]])
    one = optim.minimize(lambda t: t @ (A @ t) / 2.0 - t[0], tensor([5.0, -7.0]), "newton")
    assert one.nit == 1 and np.allclose(one.x.numpy(), np.linalg.solve(A.numpy(), [1, 0]))


@book("4.6-newton-cg")
def test_newton_cg_finds_what_newton_finds():
    both = [optim.minimize(cross_entropy, tensor([0.0, 0.0]), m).x.numpy() for m in ("newton", "newton-cg")]
    assert np.allclose(*both, atol=1e-7)


@book("4.6-quasi-newton", "4.6-bfgs", "4.6-curvature-condition", "4.6-secant-equation")
def test_bfgs_keeps_the_secant_equation_symmetry_and_definiteness():
    theta = tensor([-1.2, 1.0])
    B, g = tensor(np.eye(2)), cr.grad(rosenbrock)(theta)
    for _ in range(60):
        if cr.norm(g).item() < 1e-9:
            break
        d = -(B @ g)
        along = search.ray(rosenbrock, theta, d)
        start = along(0.0)
        alpha = search.strong_wolfe(along, 1.0, at_start=start)
        new = theta + alpha * d
        g_new = cr.grad(rosenbrock)(new)
        theta_s, g_s = new - theta, g_new - g
        bound = (1 - 0.9) * alpha * (g @ (B @ g)).item()
        assert (g_s @ theta_s).item() >= bound * (1 - 1e-9) > 0              # (4.65)
        B = quasi_newton.bfgs_update(B, theta_s, g_s)
        scale = cr.norm(theta_s).item()
        assert np.allclose((B @ g_s).numpy(), theta_s.numpy(), rtol=0, atol=1e-9 * max(scale, 1e-3))
        assert np.allclose(B.numpy(), B.numpy().T) and np.linalg.eigvalsh(B.numpy())[0] > 0
        theta, g = new, g_new
    assert rosenbrock(theta).item() < 1e-12


@book("4.6-bfgs")
def test_bfgs_finds_the_inverse_hessian_of_a_quadratic_in_d_steps():
    M = RNG.normal(size=(4, 4))
    A, b = tensor(M @ M.T + np.eye(4)), tensor(RNG.normal(size=4))

    def f(t):
        return t @ (A @ t) / 2.0 - b @ t
    theta, B = cr.zeros(4, dtype=cr.float64), tensor(np.eye(4))
    for _ in range(4):
        g = cr.grad(f)(theta)
        d = -(B @ g)
        new = theta + (-(d @ g) / (d @ (A @ d))) * d
        B = quasi_newton.bfgs_update(B, new - theta, cr.grad(f)(new) - g)
        theta = new
    assert np.allclose(B.numpy(), np.linalg.inv(A.numpy()), atol=1e-8)
    assert np.allclose(theta.numpy(), np.linalg.solve(A.numpy(), b.numpy()), atol=1e-8)


def pairs(d, t):
    """Steps and gradient changes of a random quadratic, for which the curvature is positive."""
    M = RNG.normal(size=(d, d))
    A = M @ M.T + np.eye(d)
    steps = RNG.normal(size=(t, d))
    return [(tensor(s), tensor(A @ s)) for s in steps]


@book("4.6-bfgs-unrolled")
def test_the_unrolled_form_of_bfgs_is_the_recursion():
    history, d = pairs(5, 4), 5
    B = tensor(np.eye(d))
    for s, g in history:
        B = quasi_newton.bfgs_update(B, s, g)
    rho = [1 / (g @ s).item() for s, g in history]
    V = [np.eye(d) - r * np.outer(g.numpy(), s.numpy()) for r, (s, g) in zip(rho, history, strict=True)]
    after = np.eye(d)                                            # V_{k+1} ... V_{t-1}
    total = np.zeros((d, d))
    for r, (s, _), v in reversed(list(zip(rho, history, V, strict=True))):
        total += r * after.T @ np.outer(s.numpy(), s.numpy()) @ after
        after = v @ after
    assert np.allclose(B.numpy(), after.T @ after + total, rtol=0, atol=1e-10)


@book("4.6-lbfgs")
def test_the_two_loop_recursion_is_the_explicit_matrix():
    history, g0 = pairs(6, 3), tensor(RNG.normal(size=6))
    model = quasi_newton.LBFGS(m=3)
    for s, g in [*pairs(6, 2), *history]:                        # the first two are forgotten
        model.update(s, g)
    assert len(model.pairs) == 3
    s, g = history[-1]
    B = tensor((g @ s).item() / (g @ g).item() * np.eye(6))
    for s, g in history:
        B = quasi_newton.bfgs_update(B, s, g)
    assert np.allclose(model.direction(g0).numpy(), -(B @ g0).numpy(), atol=1e-10)
    with pytest.raises(ValueError, match="LBFGS: m must be at least 1"):
        quasi_newton.LBFGS(0)


@book("4.6-lbfgs", "4.6-bfgs")
@pytest.mark.parametrize("start", [(0.2, -0.2), (0.4, -0.2), (-1.2, 1.0), (-1.2, 1.0) * 5, (0.4, -0.2) * 5])
@pytest.mark.parametrize("method, scipys", [("bfgs", "BFGS"), ("l-bfgs", "L-BFGS-B"), ("cg", "CG")])
def test_no_more_evaluations_than_scipy_on_rosenbrock(method, scipys, start):
    options = {"gtol": 1e-6, "maxiter": 5000} | ({"ftol": 0} if method == "l-bfgs" else {})
    theirs = optimize.minimize(optimize.rosen, start, method=scipys, jac=optimize.rosen_der, options=options)
    stop = optim.Termination(gradient=1e-6)
    ours = optim.minimize(rosenbrock, tensor(start), method, stop=stop, memory=10)
    assert ours.success and cr.max(cr.abs(ours.jac)).item() < 1e-6
    assert ours.fun == pytest.approx(theirs.fun, abs=1e-9) or ours.fun < theirs.fun
    assert ours.nfev <= 1.1 * theirs.nfev + 1, f"{ours.nfev} against {theirs.nfev}"


@pytest.mark.parametrize("starts", [
    ((0.2, -0.2), (-1.2, 1.0), (-2.0, 2.0), (1.7, -1.0)),
    ((-1.2, 1.0) * 5, (0.4, -0.2) * 5, tuple(np.linspace(-1, 1, 10)))])
def test_a_trust_region_needs_no_more_evaluations_than_scipys(starts):
    runs = [optim.minimize(rosenbrock, tensor(start), "trust-region") for start in starts]
    assert all(run.success and cr.max(cr.abs(run.jac)).item() < 1e-8 for run in runs)
    for method in ("trust-exact", "trust-ncg", "trust-krylov"):
        theirs = [optimize.minimize(optimize.rosen, start, method=method, jac=optimize.rosen_der,
                                    hess=optimize.rosen_hess, options={"gtol": 1e-8}) for start in starts]
        # from (-1.2, 1, ...) ours and trust-exact end in the local minimum, 3.99, others in the global one
        assert all(run.fun == pytest.approx(their.fun, abs=1e-9) or abs(run.fun - 3.98658) < 1e-5
                   for run, their in zip(runs, theirs, strict=True))
        assert sum(run.nfev for run in runs) <= 1.1 * sum(their.nfev for their in theirs)


def test_a_trust_region_step_is_the_best_within_the_radius():
    for seed in range(20):
        rng = np.random.default_rng(seed)
        A, g = rng.normal(size=(4, 4)), rng.normal(size=4)
        H = A + A.T + (4 * np.eye(4) if seed % 2 else 0)
        s = optim.trust_region.trust_region_step(tensor(H), tensor(g), 0.7, tolerance=1e-8).numpy()
        assert np.linalg.norm(s) <= 0.7 * (1 + 1e-7)
        tries = rng.normal(size=(2000, 4))
        tries *= 0.7 * rng.uniform(size=(2000, 1)) ** 0.25 / np.linalg.norm(tries, axis=1, keepdims=True)
        best = (tries @ g + 0.5 * (tries * (tries @ H)).sum(1)).min()
        assert s @ g + 0.5 * s @ H @ s <= best + 1e-12
        # the conditions of Moré and Sorensen: (H + λ) s = -g with H + λ ≥ 0 and λ (0.7 - ‖s‖) = 0
        shift = -(s @ (H @ s + g)) / (s @ s)
        assert np.allclose(H @ s + shift * s, -g, atol=1e-6)
        assert shift > -1e-8 and np.linalg.eigvalsh(H)[0] + shift > -1e-6
        assert abs(shift * (0.7 - np.linalg.norm(s))) < 1e-5


def test_a_trust_region_step_leaves_a_saddle_along_its_lowest_curvature():
    H, g = tensor(np.diag([1.0, -2.0])), tensor([0.0, 0.0])
    s = optim.trust_region.trust_region_step(H, g, 0.5).numpy()
    assert np.allclose(np.abs(s), [0, 0.5])
    with pytest.raises(ValueError, match="trust_region_step: radius must be positive, got 0"):
        optim.trust_region.trust_region_step(H, g, 0)


@book("4.6-lbfgs")
def test_lbfgs_fits_logistic_regression_as_scipy_does():
    found = optim.minimize(cross_entropy, tensor([0.0, 0.0]), "l-bfgs")

    def numpys(t):
        z = t[0] + X[:, 0] * t[1]
        return np.mean(np.logaddexp(0, z) - Y * z)
    assert np.allclose(found.x.numpy(), optimize.minimize(numpys, [0, 0], tol=1e-10).x, atol=1e-5)
    assert optim.minimize(rosenbrock, tensor([-1.2, 1.0]), "l-bfgs").fun < 1e-10
