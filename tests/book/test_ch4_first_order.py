"""Chapter 4, §4.1 to §4.5: descent, stochastic gradients, adaptive steps, line searches."""
import math
import time

import chainrule as cr
import numpy as np
import pytest
from chainrule.optim import line_search as search
from chainrule.optim import schedules
from scipy import optimize, signal

book = pytest.mark.book
optim = cr.optim


def tensor(x):
    return cr.tensor(np.asarray(x, np.float64))


def rosenbrock(theta):
    """(4.9)"""
    return (1 - theta[0]) ** 2 + 100 * (theta[1] - theta[0] * theta[0]) ** 2


def walk(method, steps, start=(0.4, -0.2), f=rosenbrock, **options):
    """θ(0), ..., θ(steps)."""
    stop = optim.Termination(gradient=None, iterations=steps)
    found = optim.minimize(f, tensor(start), method, stop=stop, keep_path=True, **options)
    return np.array([point.numpy() for point in found.path])


GOLDEN = {                               # method, options, {step: θ}: the book's formulas in float64
    "4.3-momentum": ("momentum", dict(alpha=0.01, beta=0.9), {
        1: (0.3436, -0.128), 2: (0.2603341817, -0.0139878080), 10: (-0.0695106666, -0.0827840481),
        100: (0.6435209107, 0.4145251435), 1000: (0.9951380326, 0.9902801906)}),
    "4.5-lookahead-momentum": ("nesterov", dict(alpha=0.01, beta=0.9), {
        1: (0.29284, -0.0632), 2: (0.2166919624, 0.0517230009), 10: (0.1028023627, -0.0308056671),
        100: (0.6646858064, 0.4401704859), 1000: (0.9951911619, 0.9903861492)}),
    "4.3-adagrad": ("adagrad", dict(alpha=0.1), {
        1: (0.3, -0.1), 2: (0.2645245822, -0.0533241381), 10: (0.2217876426, 0.0382976997),
        100: (0.3564303208, 0.1232449343), 1000: (0.7500199397, 0.5612596778)}),
    "4.3-rmsprop": ("rmsprop", dict(alpha=0.001, gamma=0.999), {
        1: (0.3683772236, -0.1683772235), 2: (0.3490462695, -0.1479657631), 10: (0.2805821806, -0.0680103059),
        100: (0.2321691666, 0.0482305359), 1000: (0.4675566850, 0.2152707980)}),
    "4.3-rmsprop-quick": ("rmsprop", dict(alpha=0.001, gamma=0.9), {
        1: (0.3968377223, -0.1968377223), 1000: (0.8044349174, 0.6475000509)}),
    "4.3-adam": ("adam", dict(alpha=0.01), {
        1: (0.39, -0.19), 2: (0.3800280725, -0.1800165352), 10: (0.3038320259, -0.1023174485),
        100: (0.2329528294, 0.0502481232), 1000: (0.7676184528, 0.5880593107)}),
    "4.5-nadam": ("nadam", dict(alpha=0.01), {
        1: (0.3852631579, -0.1852631579), 2: (0.3740344836, -0.1739101915), 10: (0.2993960979, -0.0965268917),
        100: (0.2390185187, 0.0529717898), 1000: (0.7748262259, 0.5992167657)}),
    "4.5-adadelta": ("adadelta", dict(rho=0.95, eps=1e-3), {
        1: (0.3955282186, -0.1955281418), 10: (0.3362706955, -0.1317338826),
        100: (0.2412434705, 0.0528946506)}),
    "4.5-adadelta-frozen": ("adadelta", dict(rho=0.95, eps=1e-8), {
        1: (0.39999996, -0.19999996), 1000: (0.39964758, -0.19964746)}),
    "4.5-adamax": ("adamax", dict(alpha=0.01), {
        1: (0.39, -0.19), 2: (0.3803872144, -0.1802519479), 10: (0.3165908377, -0.1114399994),
        100: (0.2214364906, 0.0470931434), 1000: (0.4534217933, 0.2024864564)}),
}


@book("4.3-momentum", "4.5-lookahead-momentum", "4.3-adagrad", "4.3-rmsprop", "4.3-adam", "4.5-nadam",
      "4.5-adadelta", "4.5-adamax", "4.3-adaptive-form")
@pytest.mark.parametrize("name", GOLDEN)
def test_paths_on_rosenbrocks_function(name):
    method, options, points = GOLDEN[name]
    path = walk(method, max(points), **options)
    assert np.allclose(path[list(points)], list(points.values()), rtol=0, atol=6e-9)   # 8 or 10 digits


# ---- §4.1
@book("4.1-problem", "4.1-descent-direction")
def test_gradient_descent_is_one_driver_with_a_step_of_minus_alpha_gradient():
    path, theta = walk("gd", 20, alpha=1e-3), tensor([0.4, -0.2])
    for point in path[1:]:
        theta = theta - 1e-3 * cr.grad(rosenbrock)(theta)
        assert np.allclose(point, theta.numpy(), rtol=0, atol=1e-12)
    own = optim.minimize(lambda x: float(optimize.rosen(x.numpy())), [0.4, -0.2], "bfgs",
                         gradient=lambda x: optimize.rosen_der(x.numpy()))
    assert own.success and np.allclose(own.x.numpy(), 1, atol=1e-6)


@book("4.1-problem", "4.1-descent-direction")
@pytest.mark.parametrize("method", ["adam", "bfgs", "l-bfgs", "newton-cg"])
def test_every_kind_of_method_takes_models_as_well_as_vectors(method):
    rng = cr.Rng(0)
    x = cr.normal((30, 2), rng=rng, dtype=cr.float64)
    y = x @ tensor([1.0, -2.0]) + 0.5
    start = {"w": cr.zeros(2, dtype=cr.float64), "b": [cr.zeros((), dtype=cr.float64)]}

    def loss(p):
        return cr.mean((x @ p["w"] + p["b"][0] - y) ** 2)
    options = {"alpha": 0.1} if method == "adam" else {}
    stop = optim.Termination(gradient=1e-7, iterations=3000)
    found = optim.minimize(loss, start, method, stop=stop, **options)
    assert np.allclose(found.x["w"].numpy(), [1, -2], atol=1e-5)
    assert found.x["b"][0].item() == pytest.approx(0.5, abs=1e-5)
    assert start["w"].numpy().tolist() == [0, 0], "the start was changed"


@book("4.1-maximise")
def test_a_maximum_is_a_minimum_of_the_negative():
    def g(x):
        return -((x[0] - 2.0) ** 2) + 3.0
    found = optim.minimize(lambda x: -g(x), tensor([0.0]))
    assert found.x.numpy() == pytest.approx([2]) and -found.fun == pytest.approx(3)


def halving(iterations=100, **rules):
    """C = θ², α = ¼: θ(t) = 2⁻ᵗ, C(t) = 4⁻ᵗ."""
    stop = optim.Termination(**{"gradient": None, "iterations": iterations, **rules})
    return optim.minimize(lambda x: x[0] * x[0], tensor([1.0]), "gd", alpha=0.25, stop=stop)


@book("4.1-termination")
def test_each_rule_stops_where_it_should():
    assert halving(improvement=1e-3).nit == 6                    # 4⁻⁵ - 4⁻⁶ = 7.3e-4, 4⁻⁴ - 4⁻⁵ = 2.9e-3
    assert halving(gradient=1e-3).nit == 11                      # 2 · 2⁻¹¹
    assert halving(step=1e-3).nit == 10                          # 2⁻¹⁰
    assert halving(relative=0.8).nit == 1                        # it is ¾ at every step
    fixed = halving(iterations=7)
    assert fixed.nit == 7 and not fixed.success and fixed.x.numpy() == pytest.approx([2.0**-7])
    start = time.monotonic()
    assert not halving(iterations=10**9, seconds=0.05).success and time.monotonic() - start < 5


# ---- §4.2
@book("4.2-rosenbrock")
def test_rosenbrock_and_its_derivatives():
    for point, value, gradient in (((0.2, -0.2), 6.4, (17.6, -48)), ((0.4, -0.2), 13.32, (56.4, -72)),
                                   ((0.8, 0), 41, (204.4, -128))):
        x = tensor(point)
        assert rosenbrock(x).item() == pytest.approx(value, abs=1e-10)
        assert cr.grad(rosenbrock)(x).numpy() == pytest.approx(gradient, abs=1e-10)
        a, b = point
        H = [[2 - 400 * (b - 3 * a * a), -400 * a], [-400 * a, 200]]
        assert np.allclose(cr.hessian(rosenbrock)(x).numpy(), H, atol=1e-10)


@book("4.2-lr-schedules")
def test_schedules_have_closed_forms_and_a_plateau_rule():
    assert [schedules.Exponential(0.5, 0.99)(t) for t in range(3)] == pytest.approx([0.5, 0.495, 0.49005])
    assert schedules.Constant(0.3)(7) == 0.3
    plateau = schedules.ReduceOnPlateau(1.0, q=0.1, patience=2)
    rates = []
    for value in (5.0, 4.0, 4.0, 4.0, 4.0, 3.0):
        plateau.see(value)
        rates.append(plateau(0))
    assert rates[:3] == [1.0, 1.0, 1.0] and rates[-1] == pytest.approx(0.1)
    decayed = walk("gd", 1, alpha=schedules.Exponential(0.005, 0.99))
    assert decayed[1] == pytest.approx(np.array([0.4, -0.2]) - 0.005 * np.array([56.4, -72]))


A, U = np.array([1.0, 2, 3, 2, 4]), np.array([[1.0, 1], [2, 0], [3, 1], [2, 3], [1, 2]])


def part(theta, i):
    """C_i of (4.12)."""
    return A[i] * (theta[0] - U[i, 0]) ** 2 + (theta[1] - U[i, 1]) ** 2


def whole(theta):
    return sum(part(theta, i) for i in range(5)) / 5.0


@book("4.2-toy-finite-sum", "4.1-finite-sum")
def test_the_minimum_of_the_finite_sum_has_a_closed_form():
    found = optim.minimize(whole, tensor([6.0, 6.0]))
    assert found.x.numpy() == pytest.approx([(A * U[:, 0]).sum() / A.sum(), U[:, 1].mean()], abs=1e-7)
    x = tensor([0.3, 0.7])
    parts = [cr.grad(lambda t, i=i: part(t, i))(x).numpy() for i in range(5)]
    assert np.allclose(cr.grad(whole)(x).numpy(), np.mean(parts, 0), atol=1e-10)
    hessians = [cr.hessian(lambda t, i=i: part(t, i))(x).numpy() for i in range(5)]
    assert np.allclose(cr.hessian(whole)(x).numpy(), np.mean(hessians, 0), atol=1e-10)


@book("4.2-sgd")
def test_stochastic_gradient_descent_comes_near_the_minimum():
    theta, rng = {"theta": tensor([6.0, 6.0])}, cr.Rng(3)
    sgd = optim.SGD(theta, alpha=0.01)
    picks, late = cr.randint(5, shape=(1000,), rng=rng).numpy(), []
    for i in picks:
        sgd.update(cr.grad(lambda t, i=i: part(t["theta"], i))(theta))
        late.append(theta["theta"].numpy().copy())
    assert np.linalg.norm(np.mean(late[500:], 0) - [11 / 6, 1.4]) < 0.2
    assert (cr.randint(5, shape=(1000,), rng=cr.Rng(3)).numpy() == picks).all()


@book("4.2-minibatch", "4.2-epoch", "4.2-minibatch-with-replacement")
def test_an_epoch_of_mini_batches_uses_each_sample_once():
    data = cr.data.Dataset(np.arange(23, dtype=np.float32)[:, None], np.arange(23))
    for epoch in range(3):
        batches = [y.numpy() for _, y in data.batches(5, rng=cr.Rng(epoch))]
        assert len(batches) == math.ceil(23 / 5) and [len(b) for b in batches] == [5, 5, 5, 5, 3]
        assert sorted(np.concatenate(batches)) == list(range(23))
    even = cr.data.Dataset(np.zeros((20, 1), np.float32), np.arange(20))
    first = [np.mean(next(iter(even.batches(5, rng=cr.Rng(seed))))[1].numpy()) for seed in range(400)]
    assert abs(np.mean(first) - 9.5) < 4 * np.std(first) / 20                # unbiased over shuffles
    drawn = cr.randint(23, shape=(1000, 5), rng=cr.Rng(0)).numpy()           # with replacement
    assert any(len(set(row)) < 5 for row in drawn.tolist()) and drawn.min() == 0 and drawn.max() == 22


@book("4.2-tiny-two-layer")
def test_the_two_parameter_net_has_the_right_gradient():
    def f(w):
        x = tensor([-3.0, -1.0, 2.0])
        return cr.sigmoid(w[1] * cr.sigmoid(w[0] * x))
    assert cr.numeric.check_gradient(f, tensor([0.7, -1.3]))


# ---- §4.3
@book("4.3-exp-smoothing", "4.3-bias-correction")
def test_exponential_smoothing_is_a_filter_and_its_start_can_be_corrected():
    u, beta = np.random.default_rng(0).normal(size=50), 0.9
    smooth = cr.linear_scan(tensor(np.full(50, beta)), (1 - beta) * tensor(u), 0).numpy()
    assert np.allclose(smooth, signal.lfilter([1 - beta], [1, -beta], u), atol=1e-12)
    closed = [(1 - beta) * sum(beta ** (t - k) * u[k] for k in range(t + 1)) for t in range(50)]
    assert np.allclose(smooth, closed, atol=1e-12)
    flat = cr.linear_scan(tensor(np.full(5, beta)), tensor(np.full(5, 1 - beta)), 0).numpy()
    assert np.allclose(flat, [0.1, 0.19, 0.271, 0.3439, 0.40951], atol=1e-12)
    assert np.allclose(flat / (1 - beta ** np.arange(1, 6)), 1, atol=1e-12)


@book("4.3-momentum-alt", "4.3-momentum")
def test_both_forms_of_momentum_walk_one_path():
    tree = {"theta": tensor([0.4, -0.2])}
    other = optim.SGD(tree, alpha=0.01 * (1 - 0.9), momentum=0.9)            # v ← β v + g
    path = walk("momentum", 50, alpha=0.01, beta=0.9)
    for point in path[1:]:
        other.update(cr.grad(lambda t: rosenbrock(t["theta"]))(tree))
        assert np.allclose(tree["theta"].numpy(), point, rtol=0, atol=1e-12)
    assert np.allclose(walk("momentum", 5, alpha=1e-3, beta=0.0), walk("gd", 5, alpha=1e-3))


@book("4.5-nesterov")
def test_nesterovs_look_ahead_point_follows_the_look_ahead_recursion():
    """(4.33), (4.34) written out; φ = θ - α β v is what our `nesterov` walks."""
    theta, v, alpha, beta, golden = tensor([0.4, -0.2]), cr.zeros(2, dtype=cr.float64), 0.01, 0.9, {
        1: (0.3436, -0.128), 2: (0.2768062960, -0.0334089469), 10: (0.1040834928, -0.0053153485),
        100: (0.6622070785, 0.4368803960)}
    ours = walk("nesterov", 100, alpha=alpha, beta=beta)
    for t in range(1, 101):
        v = beta * v + (1 - beta) * cr.grad(rosenbrock)(theta - alpha * beta * v)
        theta = theta - alpha * v
        if t in golden:
            assert theta.numpy() == pytest.approx(golden[t], abs=2e-9)
        assert np.allclose(ours[t], (theta - alpha * beta * v).numpy(), rtol=0, atol=1e-12)


@book("4.3-coordinate-rates")
def test_a_rate_for_each_coordinate_is_a_scaled_gradient():
    rates, tree = tensor([1e-3, 1e-4]), {"theta": tensor([0.4, -0.2])}
    g = cr.grad(lambda t: rosenbrock(t["theta"]))(tree)
    optim.SGD(tree, alpha=1.0).update({"theta": rates * g["theta"]})
    assert tree["theta"].numpy() == pytest.approx([0.4 - 1e-3 * 56.4, -0.2 + 1e-4 * 72])


TORCH = {
    "adagrad": (lambda p: optim.Adagrad(p, 0.1), lambda t, p: t.Adagrad(p, 0.1, eps=1e-8)),
    "rmsprop": (lambda p: optim.RMSprop(p, 0.01, 0.9), lambda t, p: t.RMSprop(p, 0.01, alpha=0.9)),
    "adamax": (lambda p: optim.Adamax(p, 0.01), lambda t, p: t.Adamax(p, 0.01)),
    "adadelta": (lambda p: optim.Adadelta(p, 1.0, 0.9, eps=1e-6, inside=True),
                 lambda t, p: t.Adadelta(p, 1.0, rho=0.9, eps=1e-6)),
}


@book("4.3-adagrad", "4.3-rmsprop", "4.5-adamax", "4.5-adadelta")
@pytest.mark.parametrize("name", TORCH)
def test_steps_are_pytorchs(name):
    torch = pytest.importorskip("torch")
    start = np.random.default_rng(1).normal(size=6)
    ours, theirs = {"x": tensor(start)}, torch.tensor(start, requires_grad=True)
    mine, their = TORCH[name][0](ours), TORCH[name][1](torch.optim, [theirs])
    for _ in range(100):
        mine.update(cr.grad(lambda t: cr.sum(cr.sin(t["x"]) + t["x"] ** 4 / 4.0))(ours))
        their.zero_grad()
        (theirs.sin() + theirs**4 / 4).sum().backward()
        their.step()
    assert np.allclose(ours["x"].numpy(), theirs.detach().numpy(), rtol=0, atol=1e-6)


@book("4.3-rmsprop")
def test_rmsprops_first_step_is_long_and_its_recursion_a_sum():
    first = walk("rmsprop", 1, alpha=0.001, gamma=0.999)[1] - [0.4, -0.2]
    assert np.abs(first) == pytest.approx(0.001 / math.sqrt(1 - 0.999), rel=1e-6)
    gs = np.random.default_rng(0).normal(size=(20, 3))
    rms = optim.RMSprop({"x": cr.zeros(3, dtype=cr.float64)}, 0.1, 0.95)
    for g in gs:
        rms.update({"x": tensor(g)})
    s = sum(0.05 * 0.95 ** (19 - t) * gs[t] ** 2 for t in range(20))          # (4.23)
    assert rms.state["s"]["x"].numpy() == pytest.approx(s)


@book("4.3-adagrad")
def test_adagrads_effective_rate_never_grows():
    ada, before = optim.Adagrad({"x": cr.zeros(3, dtype=cr.float64)}, 0.1), np.zeros(3)
    for g in np.random.default_rng(0).normal(size=(20, 3)):
        ada.update({"x": tensor(g)})
        s = ada.state["s"]["x"].numpy().copy()
        assert (s >= before).all()
        before = s


@book("4.5-lp-adam")
def test_lp_adam_with_p_2_is_adam_with_gamma_squared():
    assert np.allclose(walk("lp-adam", 200, alpha=0.01, gamma=0.99, p=2.0),
                       walk("adam", 200, alpha=0.01, gamma=0.99**2), rtol=0, atol=1e-12)
    lp = optim.LpAdam({"x": tensor([1.0])}, 0.1, gamma=0.9, p=3.0)
    lp.update({"x": tensor([2.0])})
    assert lp.state["s"]["x"].item() / (1 - 0.9**3) == pytest.approx(8)
    with pytest.raises(ValueError, match="LpAdam: p must be positive and finite"):
        optim.LpAdam({"x": tensor([1.0])}, p=math.inf)


# ---- §4.5
POINT = tensor([0.8, 0.0])


@book("4.5-line-search")
def test_exact_line_search_stops_where_the_slope_vanishes():
    d = -cr.grad(rosenbrock)(POINT)
    alpha = search.exact(rosenbrock, POINT, d)
    assert alpha == pytest.approx(0.0016483282, abs=1e-8)
    assert abs(search.ray(rosenbrock, POINT, d)(alpha)[1]) < 1e-7 * 58163
    assert rosenbrock(POINT + alpha * d).item() == pytest.approx(0.2894774808, abs=1e-8)


@book("4.5-exact-ls-gd")
@pytest.mark.parametrize("f", [rosenbrock, lambda t: t @ (tensor([[3.0, 1.0], [1.0, 2.0]]) @ t) + t[0]])
def test_steps_of_exact_descent_are_orthogonal_to_each_other(f):
    path = walk("steepest", 20, f=f, line_search="exact")
    steps = np.diff(path, axis=0)
    steps = steps[np.linalg.norm(steps, axis=1) > 1e-9]
    cosines = [a @ b / np.linalg.norm(a) / np.linalg.norm(b) for a, b in zip(steps, steps[1:], strict=False)]
    assert np.abs(cosines).max() < 1e-6


@book("4.5-quadratic-form", "4.5-conjugate-gradient")
def test_conjugate_gradients_solve_in_d_steps_along_conjugate_directions():
    rng = np.random.default_rng(4)
    X, y = rng.normal(size=(30, 8)), rng.normal(size=30)
    A, b, seen = tensor(X.T @ X), tensor(X.T @ y), []
    theta = optim.conjugate_gradient(A, b, visit=lambda t, d: seen.append((t, d)))
    assert np.allclose(theta.numpy(), np.linalg.solve(A.numpy(), b.numpy()), atol=1e-8)
    assert len(seen) <= 9 and cr.norm(A @ seen[7][0] - b).item() < 1e-8 * cr.norm(b).item()
    for (_, d), (_, e) in zip(seen, seen[1:], strict=False):
        assert abs((d @ (A @ e)).item()) < 1e-8 * cr.norm(d).item() * cr.norm(A @ e).item()
    free = optim.conjugate_gradient(lambda v: A @ v, b)
    assert np.allclose(free.numpy(), theta.numpy(), atol=1e-12)
    C = cr.grad(lambda t: 0.5 * (t @ (A @ t)) - b @ t)
    assert np.allclose(C(theta).numpy(), 0, atol=1e-7)
    clustered, few = tensor(np.diag([1.0, 1, 1, 5, 5, 9, 9, 9])), []
    optim.conjugate_gradient(clustered, b, visit=lambda t, d: few.append(t))
    assert len(few) <= 3                                         # as many steps as different eigenvalues


@book("4.5-backtracking", "4.5-armijo")
@pytest.mark.parametrize("start, beta, shrinks, alpha, value", [
    (1.0, 1e-4, 12, 0.0077073466, 17.99941), (1.0, 0.5, 17, 0.0010149592, 5.05860),
    (0.01, 0.5, 5, 0.0013168724, 1.50205)])
def test_backtracking_shrinks_as_often_as_the_book_says(start, beta, shrinks, alpha, value):
    d, tried = -cr.grad(rosenbrock)(POINT), []
    along = search.ray(rosenbrock, POINT, d)

    def counted(a):
        tried.append(a)
        return along(a)
    got = search.backtracking(counted, start, beta=beta, at_start=along(0.0))
    assert len(tried) - 1 == shrinks and got == pytest.approx(alpha, abs=1e-10)
    assert along(got)[0] == pytest.approx(value, abs=1e-5)
    assert search.armijo(along(got)[0], *along(0.0), got, beta)


@book("4.5-armijo")
def test_beta_1_is_never_met_by_a_strictly_convex_function():
    along = search.ray(lambda t: t @ t, tensor([1.0, 2.0]), tensor([-1.0, -1.0]))
    value, slope = along(0.0)
    assert not any(search.armijo(along(a)[0], value, slope, a, beta=1.0) for a in np.geomspace(1e-6, 10, 50))


@book("4.5-wolfe2", "4.5-strong-wolfe")
def test_a_strong_wolfe_step_meets_both_conditions_as_scipys_does():
    rng = np.random.default_rng(0)
    for _ in range(25):
        x = rng.normal(size=2)
        d = -optimize.rosen_der(x) * rng.uniform(0.1, 1)
        along = search.ray(rosenbrock, tensor(x), tensor(d))
        value, slope = along(0.0)
        alpha = search.strong_wolfe(along, 1.0)
        there, slope_there = along(alpha)
        assert search.strong_wolfe_holds(there, slope_there, value, slope, alpha)
        assert search.wolfe(slope_there, slope)
    exact = search.exact(rosenbrock, tensor(x), tensor(d))
    assert search.wolfe(along(exact)[1], slope)
    scipys = optimize.line_search(optimize.rosen, optimize.rosen_der, x, d)[0]
    if scipys is not None:
        assert search.strong_wolfe_holds(*along(scipys), value, slope, scipys)


def test_wrong_arguments_are_refused_in_one_line():
    along = search.ray(rosenbrock, POINT, cr.grad(rosenbrock)(POINT))        # uphill
    for call in (lambda: search.backtracking(along), lambda: search.strong_wolfe(along),
                 lambda: search.exact(rosenbrock, POINT, cr.grad(rosenbrock)(POINT)),
                 lambda: optim.minimize(rosenbrock, POINT, "magic"),
                 lambda: optim.minimize(rosenbrock, tensor([np.nan, 1.0])),
                 lambda: optim.minimize(lambda x: cr.log(x[0]), tensor([-1.0])),
                 lambda: optim.minimize(rosenbrock, POINT, "bfgs", beta=0.5),
                 lambda: optim.minimize(rosenbrock, POINT, "adam", rho=0.5),
                 lambda: optim.minimize(rosenbrock, POINT, line_search="guess")):
        with pytest.raises(ValueError, match="^[a-z_]+: [^\n]+$"):
            call()
    free_fall = optim.minimize(lambda x: x[0], tensor([0.0]), "bfgs")
    assert not free_fall.success
