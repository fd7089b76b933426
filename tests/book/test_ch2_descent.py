"""Gradient descent on linear models, §2.4: paths, stop rule, rates, level sets, deployment."""
import chainrule as cr
import numpy as np
import pytest
from chainrule.models.descent import (
    affine_dynamics,
    elongation,
    level_axes,
    rate_bound,
    square_gradient,
)

rng = np.random.default_rng(24)


def t(x):
    return cr.tensor(np.asarray(x, np.float64))


def problem(n=40, d=3, seed=0):
    r = np.random.default_rng(seed)
    X = np.c_[np.ones(n), r.normal(size=(n, d - 1)) * r.uniform(0.6, 1.5, d - 1)]
    return X, X @ r.normal(size=d) + 0.3 * r.normal(size=n)


def descend(X, y, alpha, start=None, **stop):
    """Algorithm 2.1 on the square loss."""
    start = np.zeros(X.shape[1]) if start is None else start
    stop = cr.optim.Termination(**{"gradient": None, **stop})
    return cr.optim.minimize(lambda theta: cr.losses.mse(t(X) @ theta, t(y)), t(start), "gd", alpha=alpha,
                             stop=stop, keep_path=True)


@pytest.mark.book("2.4-gradient-linear")
def test_the_gradient_of_the_mean_square_loss():
    X, y = problem()
    theta = t(rng.normal(size=3))
    g = square_gradient(t(X), t(y), theta)
    np.testing.assert_allclose(g, 2 / 40 * X.T @ (X @ np.asarray(theta) - y), atol=1e-12)

    def loss(theta):
        return cr.losses.mse(t(X) @ theta, t(y))

    np.testing.assert_allclose(cr.grad(loss)(theta), g, atol=1e-12)
    np.testing.assert_allclose(cr.numeric.gradient(loss, theta), g, atol=1e-7)


@pytest.mark.book("2.4-gradient-descent")
def test_descent_reaches_the_solution_of_the_normal_equations():
    X, y = problem()
    found = descend(X, y, 0.2, step=1e-8)
    np.testing.assert_allclose(found.x, np.linalg.solve(X.T @ X, X.T @ y), atol=1e-6)
    assert found.success and len(found.path) == len(found.values) == found.nit + 1
    model = cr.models.DescentRegression("square", alpha=0.2, standardize=False).fit(X[:, 1:], y)
    np.testing.assert_allclose(np.r_[model.intercept_, model.coef_], found.x, atol=1e-6)
    assert model.converged_ and len(model.history_) == model.n_iter_ + 1
    with pytest.raises(ValueError, match="DescentRegression: the loss overflows after .* alpha is too large"):
        cr.models.DescentRegression(alpha=20.0).fit(X[:, 1:], y)


@pytest.mark.book("2.4-stop-rule")
def test_descent_stops_at_the_first_short_step_and_returns_its_end():
    X, y = problem()
    found = descend(X, y, 0.1, step=1e-4)
    points = np.array([p.numpy() for p in found.path])
    steps = np.linalg.norm(np.diff(points, axis=0), axis=1)
    assert np.all(steps[:-1] >= 1e-4) and steps[-1] < 1e-4
    np.testing.assert_array_equal(found.x, points[-1])
    theta, count = np.zeros(3), 0                                # the same by NumPy
    while True:
        step = -0.1 * 2 / 40 * X.T @ (X @ theta - y)
        theta, count = theta + step, count + 1
        if np.linalg.norm(step) < 1e-4:
            break
    assert found.nit == count
    np.testing.assert_allclose(found.x, theta, atol=1e-12)


def test_the_rule_of_the_step_gives_the_books_numbers_of_iterations():
    """Fig. 2.7 states 3,109 and 1,446; made data with its moments give 3,110 and 1,445."""
    X, y = fig27()
    assert abs(descend(X, y, 0.01, step=1e-5).nit - 3109) <= 5
    assert abs(descend(X, y, 0.0235, step=1e-5).nit - 1446) <= 5


def fig27():
    x = np.random.default_rng(0).normal(size=490)
    x = 5.9294 + 2.4845 * (x - x.mean()) / x.std()
    return np.c_[np.ones(490), x], -30.005 + 8.2686 * x


@pytest.mark.book("2.4-gd-nonquadratic")
def test_absolute_and_huber_losses_reach_their_minimum():
    """Oracles: the linear programme of least absolute deviations; SciPy's minimiser for Huber."""
    from scipy.optimize import linprog, minimize

    X, y = problem(61, 3, seed=4)
    y[:6] += 20                                                   # outliers
    n, d = X.shape
    split = linprog(np.r_[np.zeros(d), np.ones(2 * n)], A_eq=np.c_[X, np.eye(n), -np.eye(n)], b_eq=y,
                    bounds=[(None, None)] * d + [(0, None)] * (2 * n))
    absolute = cr.models.DescentRegression("absolute", max_iter=4000).fit(X[:, 1:], y)
    np.testing.assert_allclose(np.r_[absolute.intercept_, absolute.coef_], split.x[:d], atol=1e-3)

    def huber(theta, delta=0.5):
        e = np.abs(y - X @ theta)
        return np.mean(np.where(e < delta, e * e / 2, delta * e - delta * delta / 2))

    best = minimize(huber, np.zeros(d), method="BFGS", options={"gtol": 1e-9})
    model = cr.models.DescentRegression("huber", delta=0.5).fit(X[:, 1:], y)
    np.testing.assert_allclose(np.r_[model.intercept_, model.coef_], best.x, atol=1e-5)


@pytest.mark.book("2.4-learning-rate-bound")
def test_descent_converges_below_the_bound_and_diverges_above():
    for seed in range(20):
        X, y = problem(seed=seed)
        top = np.linalg.eigvalsh(X.T @ X)[-1]
        bound = rate_bound(t(X))
        assert abs(bound - 40 / top) < 1e-8 * bound
        best = np.linalg.solve(X.T @ X, X.T @ y)
        start = best + np.linalg.eigh(X.T @ X)[1] @ np.ones(3)    # every direction has its part
        below = descend(X, y, 0.99 * bound, start, iterations=600)
        above = descend(X, y, 1.01 * bound, start, iterations=300)
        assert np.linalg.norm(np.asarray(below.x) - best) < 1e-2
        assert np.linalg.norm(np.asarray(above.x) - best) > 100


@pytest.mark.book("2.4-affine-dynamics")
def test_descent_on_a_linear_model_is_an_affine_map():
    X, y = problem()
    eigenvalues = np.linalg.eigvalsh(X.T @ X)
    best = np.linalg.solve(X.T @ X, X.T @ y)
    start = np.array([1.0, -2.0, 3.0])
    bound = rate_bound(t(X))
    for alpha in (0.1, 0.5 * bound, 0.97 * bound, 1.05 * bound):
        A, c = (np.asarray(v) for v in affine_dynamics(t(X), t(y), alpha))
        points = [p.numpy() for p in descend(X, y, alpha, start, iterations=100).path]
        theta = start
        for k in range(len(points)):                             # up to 101, or to a step lost in rounding
            np.testing.assert_allclose(points[k], theta, rtol=1e-10, atol=1e-10)
            np.testing.assert_allclose(theta - best, np.linalg.matrix_power(A, k) @ (start - best),
                                       rtol=1e-8, atol=1e-10)
            theta = A @ theta + c
        np.testing.assert_allclose(np.linalg.solve(np.eye(3) - A, c), best, atol=1e-10)      # the fixed point
        np.testing.assert_allclose(np.sort(np.linalg.eigvalsh(A)), np.sort(1 - 2 * alpha * eigenvalues / 40),
                                   atol=1e-12)
        shrinks = np.abs(np.linalg.eigvalsh(A)).max() < 1
        away = np.linalg.norm(points[-1] - best) / np.linalg.norm(start - best)
        assert shrinks == (alpha < bound) and (away < 1) == shrinks


def level_radii(X, y, c):
    """(shortest, longest) distance of the level set ‖y - X θ‖² = c from its centre, found by searching."""
    from scipy.optimize import brentq, minimize_scalar

    centre = np.linalg.lstsq(X, y, rcond=None)[0]

    def radius(angle):
        u = np.array([np.cos(angle), np.sin(angle)])
        return brentq(lambda r: np.sum((y - X @ (centre + r * u)) ** 2) - c, 0, 1e6, xtol=1e-13, rtol=1e-14)

    angles = np.linspace(0, np.pi, 181)
    sizes = [radius(a) for a in angles]
    found = []
    for sign, at in ((1, np.argmin(sizes)), (-1, np.argmax(sizes))):
        best = minimize_scalar(lambda a, s=sign: s * radius(a), options={"xatol": 1e-10}, method="bounded",
                               bounds=(angles[at] - 0.02, angles[at] + 0.02))
        found.append(abs(best.fun))
    return found


@pytest.mark.book("2.4-elongation")
def test_axes_measured_on_a_level_curve_are_those_of_the_formula():
    X = rng.normal(size=(50, 2)) @ np.array([[2.0, 0.3], [0.0, 0.5]]) + [1.0, 2.0]
    y = X @ [1.0, -2.0] + 0.4 * rng.normal(size=50)
    least = np.linalg.lstsq(X, y, rcond=None)[1][0]
    level = least + 7.0
    short, long = level_radii(X, y, level)
    axes = np.asarray(level_axes(t(X), t(y), level))
    np.testing.assert_allclose(axes, [long, short], rtol=1e-6)
    eigenvalues = np.linalg.eigvalsh(X.T @ X)
    np.testing.assert_allclose(axes, np.sqrt(7 / eigenvalues), rtol=1e-9)
    assert abs(elongation(t(X)) - short / long) < 1e-6
    assert abs(elongation(t(X)) - np.sqrt(eigenvalues[0] / eigenvalues[1])) < 1e-12
    with pytest.raises(ValueError, match="level_axes: level .* is below the least loss"):
        level_axes(t(X), t(y), least - 0.1)


@pytest.mark.book("2.4-standardised-gram")
def test_the_gram_matrix_of_two_standardised_features_knows_their_correlation_alone():
    for seed in range(5):
        r = np.random.default_rng(seed)
        X = r.normal(size=(60, 2)) @ r.normal(size=(2, 2)) * [3, 0.1] + [5, -2]
        Z = cr.preprocessing.Standardizer().fit_transform(t(X))
        rho = np.corrcoef(X.T)[0, 1]
        assert -1 <= rho <= 1
        np.testing.assert_allclose(Z.mT @ Z, 60 * np.array([[1, rho], [rho, 1]]), atol=1e-10)
        np.testing.assert_allclose(cr.linalg.eigvalsh(Z.mT @ Z), [60 * (1 - abs(rho)), 60 * (1 + abs(rho))],
                                   atol=1e-10)
        assert abs(elongation(Z) - np.sqrt((1 - abs(rho)) / (1 + abs(rho)))) < 1e-10


@pytest.mark.book("2.4-standardised-gram")
def test_rooms_and_status_of_boston_become_rounder_by_standardising():
    try:
        table = cr.data.boston(split=False, dtype=np.float64)
    except FileNotFoundError as error:
        pytest.skip(str(error))
    X = t(np.asarray(table.x))
    Z = cr.preprocessing.Standardizer().fit_transform(X)
    assert X.shape == (490, 2)
    assert abs((Z.mT @ Z).numpy()[0, 1] / 490 - -0.61037) < 1e-5
    assert abs(elongation(X) - 0.20260) < 1e-5 and abs(elongation(Z) - 0.49189) < 1e-5


@pytest.mark.book("2.4-deploy-transform")
def test_a_saved_standardiser_and_model_predict_from_raw_values(tmp_path):
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    X = rng.normal(size=(50, 3)) * [1, 100, 0.01] + [5, -300, 0.2]
    y = X @ [2.0, 0.03, -40.0] + 7 + 0.1 * rng.normal(size=50)
    train, new = slice(0, 40), slice(40, 50)
    pipeline = cr.models.Pipeline([cr.preprocessing.Standardizer(), cr.models.LinearRegression()])
    pipeline.fit(X[train], y[train])
    cr.models.save(tmp_path / "deployed.safetensors", pipeline)
    again = cr.models.load(tmp_path / "deployed.safetensors")
    np.testing.assert_array_equal(again.predict(X[new]), pipeline.predict(X[new]))
    theirs = make_pipeline(StandardScaler(), cr.models.LinearRegression()).fit(X[train], y[train])
    np.testing.assert_allclose(again.predict(X[new]), theirs.predict(X[new]), rtol=1e-12)
    standardizer, model = again.steps_
    w, b = standardizer.raw_weights(model.coef_, model.intercept_)
    np.testing.assert_allclose(w, model.coef_ / X[train].std(0), rtol=1e-12)
    np.testing.assert_allclose(X[new] @ w + b, again.predict(X[new]), rtol=1e-10)
    raw = cr.models.LinearRegression().fit(X[train], y[train])
    np.testing.assert_allclose(np.r_[w, b], np.r_[raw.coef_, raw.intercept_], rtol=1e-8)
