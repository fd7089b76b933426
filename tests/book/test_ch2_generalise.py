"""Chapter 2, §2.5: errors on unseen data, bias and variance, ridge, LASSO, elastic net, cross validation."""
import chainrule as cr
import numpy as np
import pytest
from chainrule import generalisation, selection
from chainrule.metrics import zero_one_error
from chainrule.models import regularised as reg

book = pytest.mark.book
models = cr.models
RNG = np.random.default_rng(2)


def tensor(x):
    return cr.tensor(np.asarray(x, np.float64))


def rank_deficient(n=30, p=6):
    X = RNG.normal(size=(n, p))
    X[:, -1] = X[:, 0] - 2 * X[:, 1]
    return X, RNG.normal(size=n)


def curve(x):
    """The true function of the experiments, sin(2πx)."""
    return cr.sin(2 * np.pi * x[:, 0])


def noisy_curve(n, rng):
    X = cr.uniform((n, 1), rng=rng, dtype=cr.float64)
    return X, curve(X) + 0.3 * cr.normal((n,), rng=rng, dtype=cr.float64)


# ---- E_train, E_test, E_unseen
@book("2.5-e-test", "2.5-e-train")
def test_e_test_is_unbiased_its_spread_falls_like_one_over_root_n_and_e_train_is_smaller():
    rng = cr.Rng(1)
    X, y = noisy_curve(15, rng)
    model = models.PolynomialRegression(4).fit(X, y)
    truth = generalisation.unseen_error(model, noisy_curve, 400_000, rng=rng)
    spreads = {}
    for n in (25, 100):
        X_test, y_test = noisy_curve(2000 * n, rng)
        tests = ((y_test - model.predict(X_test)).numpy() ** 2).reshape(2000, n).mean(1)   # 2,000 test sets
        assert abs(tests.mean() - truth.mean) < 3 * np.hypot(tests.std() / 2000**0.5, truth.error)
        spreads[n] = tests.std()
        said = selection.error(model, X_test, y_test).error * 2000**0.5                     # for one test set
        assert abs(said / spreads[n] - 1) < 0.1
    assert abs(spreads[25] / spreads[100] - 2) < 0.2
    assert selection.error(model, X, y).mean < truth.mean
    expected = generalisation.expected_errors(models.PolynomialRegression(3), noisy_curve, 20, repeats=200,
                                              fresh_samples=100, rng=rng)
    assert expected.train.mean < expected.unseen.mean - 3 * expected.unseen.error


@book("2.5-e-unseen-expected")
def test_expected_errors_of_a_fixed_design_are_sigma2_times_1_minus_and_plus_d_over_n():
    n, d, sigma = 24, 5, 0.7
    X = tensor(RNG.normal(size=(n, d - 1)))
    clean = X @ tensor([1.0, -2.0, 0.5, 0.0]) + 3.0

    def draw(count, rng):
        assert count == n
        return X, clean + sigma * cr.normal((n,), rng=rng, dtype=cr.float64)

    found = generalisation.expected_errors(models.LinearRegression(), draw, n, repeats=2000, fresh_samples=n,
                                           rng=cr.Rng(0))
    for estimate, value in zip(found, (1 - d / n, 1 + d / n, 2 * d / n), strict=True):
        assert abs(estimate.mean - sigma**2 * value) < 3.5 * estimate.error
        assert estimate.error < 0.02


@book("2.5-polynomial-model")
def test_the_training_error_falls_with_the_degree_and_nine_powers_interpolate_ten_points():
    rng = cr.Rng(3)
    x = cr.linspace(0.0, 1.0, 10, dtype=cr.float64)[:, None]
    y = curve(x) + 0.3 * cr.normal((10,), rng=rng, dtype=cr.float64)
    errors = []
    for k in range(10):
        model = models.PolynomialRegression(k).fit(x, y)
        errors.append(selection.error(model, x, y).mean)
        expected = np.polynomial.Polynomial.fit(x.numpy()[:, 0], y.numpy(), k).convert().coef
        assert np.allclose(model.powers(), expected, rtol=1e-7, atol=1e-7)
    assert (np.diff(errors) <= 1e-15).all() and errors[-1] < 1e-20 and errors[-2] > 1e-6


@book("2.5-bias-variance")
def test_bias_variance_and_noise_add_up_and_move_against_each_other():
    points, inputs = (cr.linspace(0.0, 1.0, n, dtype=cr.float64)[:, None] for n in (200, 20))
    parts = []
    for k in (1, 3, 9):
        found = generalisation.bias_variance(models.PolynomialRegression(k), curve, points,
                                             lambda rng: inputs, 0.3, repeats=1000, rng=cr.Rng(k))
        assert abs(found.total - found.direct.mean) < 3 * found.direct.error
        assert found.noise == pytest.approx(0.09)
        parts.append(found)
    assert parts[0].bias2 > 0.15 > 0.02 > parts[1].bias2 > parts[2].bias2 - 1e-4
    assert parts[0].variance < parts[1].variance < parts[2].variance


@book("2.5-bias-variance")
def test_bias_and_variance_of_the_straight_line_are_those_of_the_closed_form():
    """f̂(x*) = x̃*ᵀ X⁺ y: its mean is x̃*ᵀ X⁺ f, its variance σ² ‖X⁺ᵀ x̃*‖²."""
    x, at = np.linspace(0, 1, 15), np.linspace(0, 1, 40)
    P = np.linalg.pinv(np.c_[np.ones(15), x])
    S = np.c_[np.ones(40), at] @ P
    bias2 = np.mean((S @ np.sin(2 * np.pi * x) - np.sin(2 * np.pi * at)) ** 2)
    variance = 0.25 * np.mean(np.sum(S**2, 1))
    found = generalisation.bias_variance(models.LinearRegression(), curve, tensor(at[:, None]),
                                         lambda rng: tensor(x[:, None]), 0.5, repeats=3000, rng=cr.Rng(0))
    assert abs(found.bias2 / bias2 - 1) < 0.03 and abs(found.variance / variance - 1) < 0.06


def test_simulations_name_what_they_need():
    with pytest.raises(ValueError, match="repeats must be at least 2"):
        generalisation.bias_variance(None, curve, tensor([[0.0]]), None, 0.1, repeats=1, rng=cr.Rng(0))
    with pytest.raises(ValueError, match="sigma must be a finite number >= 0"):
        generalisation.bias_variance(None, curve, tensor([[0.0]]), None, -1.0, repeats=2, rng=cr.Rng(0))
    with pytest.raises(ValueError, match="expected_errors: n must be a positive integer"):
        generalisation.expected_errors(None, noisy_curve, 0, repeats=1, fresh_samples=1, rng=cr.Rng(0))


# ---- penalties
@book("2.5-regularised-objective")
@pytest.mark.parametrize("loss", [cr.losses.mse, cr.losses.huber])
def test_any_loss_and_any_penalty_combine_and_gradients_add(loss):
    X, y = tensor(RNG.normal(size=(20, 3))), tensor(RNG.normal(size=20))
    theta = {"w": tensor([0.5, -1.0, 2.0]), "b": tensor([[0.3]])}

    def C(theta, X, y):
        return loss(X @ theta["w"] + theta["b"][0, 0], y)

    for R in (reg.elastic_penalty(0.3, 0.7), lambda t: cr.sum(cr.exp(t["w"]))):
        objective = reg.regularised(C, R)
        assert np.isclose(objective(theta, X, y).item(), C(theta, X, y).item() + R(theta).item())
        both, one, other = cr.grad(objective)(theta, X, y), cr.grad(C)(theta, X, y), cr.grad(R)(theta)
        for name in both:
            part = other.get(name)
            assert np.allclose(both[name], one[name] if part is None else one[name] + part, rtol=1e-12)
    w = theta["w"].numpy()
    assert np.allclose(cr.grad(reg.elastic_penalty(0.3, 0.7))(theta)["w"], 0.3 * np.sign(w) + 1.4 * w)


@book("2.5-ridge")
def test_ridge_equals_its_closed_form_its_svd_and_gradient_descent():
    X, y, lam = RNG.normal(size=(40, 5)), RNG.normal(size=40), 3.0
    theta = reg.ridge(tensor(X), tensor(y), lam).numpy()
    assert np.allclose(theta, np.linalg.inv(X.T @ X + lam * np.eye(5)) @ X.T @ y, rtol=1e-10)
    U, delta, Vt = np.linalg.svd(X, full_matrices=False)
    assert np.allclose(theta, Vt.T @ (delta / (delta**2 + lam) * (U.T @ y)))
    square = reg.regularised(lambda t: cr.sum((tensor(y) - tensor(X) @ t) ** 2), reg.elastic_penalty(0, lam))
    t, slope = cr.zeros((5,), dtype=cr.float64), cr.grad(square)
    for _ in range(300):
        t = t - 0.5 / (delta[0] ** 2 + lam) * slope(t)
    assert np.allclose(t, theta, atol=1e-10)
    norms = [np.linalg.norm(reg.ridge(tensor(X), tensor(y), lam)) for lam in np.logspace(-3, 4, 30)]
    assert (np.diff(norms) < 0).all()


@book("2.5-ridge")
def test_an_unpenalised_intercept_is_a_zero_on_the_diagonal_and_equals_scikit_learns():
    linear = pytest.importorskip("sklearn.linear_model")
    X, Y = RNG.normal(size=(40, 4)) + 3, RNG.normal(size=(40, 2)) - 5
    for lam in (1e-3, 1.0, 200.0):
        ours, theirs = models.Ridge(lam).fit(X, Y[:, 0]), linear.Ridge(lam).fit(X, Y[:, 0])
        assert np.allclose(ours.coef_, theirs.coef_, atol=1e-6)
        assert np.isclose(ours.intercept_, theirs.intercept_)
        D = models.linear.design_matrix(tensor(X))
        theta = reg.ridge(D, tensor(Y[:, 0]), lam * np.array([0, 1, 1, 1, 1.0]))
        assert np.allclose(theta, np.r_[ours.intercept_, ours.coef_], rtol=1e-8)
        both = models.Ridge(lam, penalise_intercept=True).fit(X, Y[:, 0])
        assert np.allclose(np.r_[both.intercept_, both.coef_], reg.ridge(D, tensor(Y[:, 0]), lam), rtol=1e-10)
        several = models.Ridge(lam).fit(X, Y)
        assert several.coef_.shape == (2, 4) and np.allclose(several.coef_[0], ours.coef_)
        assert np.allclose(several.predict(X), linear.Ridge(lam).fit(X, Y).predict(X), atol=1e-8)


@book("2.5-ridge-stacked", "2.5-ridge")
@pytest.mark.parametrize("n, d", [(40, 5), (5, 12)])
def test_ridge_is_least_squares_on_stacked_rows(n, d):
    X, y, lam = RNG.normal(size=(n, d)), RNG.normal(size=n), 0.8
    stacked, longer = reg.ridge_stacked(tensor(X), tensor(y), lam)
    theta = reg.ridge(tensor(X), tensor(y), lam)
    assert stacked.shape == (n + d, d) and longer.shape == (n + d,)
    assert np.allclose(np.linalg.lstsq(stacked, longer)[0], theta, atol=1e-10)
    A = np.linalg.inv(X.T @ X + lam * np.eye(d))
    assert np.allclose(cr.linalg.pinv(stacked), A @ np.c_[X.T, lam**0.5 * np.eye(d)], atol=1e-10)
    assert not np.allclose(cr.linalg.pinv(stacked), A @ np.c_[X.T, lam * np.eye(d)], atol=1e-3)


@book("2.5-ridge-limits")
def test_ridge_of_a_rank_deficient_matrix_tends_to_the_smallest_solution_and_to_zero():
    X, y = rank_deficient()
    assert np.linalg.matrix_rank(X.T @ X) == 5
    assert np.linalg.matrix_rank(X.T @ X + 1e-3 * np.eye(6)) == 6
    smallest = np.linalg.pinv(X) @ y
    distance = [np.linalg.norm(reg.ridge(tensor(X), tensor(y), lam) - smallest) for lam in (1e-2, 1e-5, 1e-8)]
    assert distance[0] > 50 * distance[1] and distance[2] < 1e-5
    assert np.allclose(models.Ridge(0.0, fit_intercept=False).fit(X, y).coef_, smallest, atol=1e-10)
    assert np.linalg.norm(reg.ridge(tensor(X), tensor(y), 1e9)) < 1e-6
    wide = RNG.normal(size=(4, 9))
    assert np.allclose(reg.ridge(tensor(wide), tensor(y[:4]), 1e-8), np.linalg.pinv(wide) @ y[:4], atol=1e-6)


def violation(model, X, y, lam1, lam2, scale):
    """The worst optimality condition of (2.34), with g the gradient of C + λ₂ ‖θ‖²."""
    theta = model.coef_
    g = 2 * scale * X.T @ (X @ theta + model.intercept_ - y) + 2 * lam2 * theta
    return np.where(theta == 0, np.maximum(abs(g) - lam1, 0), abs(g + lam1 * np.sign(theta))).max()


@book("2.5-elastic-net")
@pytest.mark.parametrize("loss", ["mean", "sum"])
@pytest.mark.parametrize("kind", ["plain", "deficient", "wide", "one common factor", "nearly equal columns"])
def test_the_elastic_net_meets_its_optimality_conditions(kind, loss):
    X, y = RNG.normal(size=(30, 6)), RNG.normal(size=30)
    if kind == "deficient":
        X, y = rank_deficient()
    elif kind == "wide":
        X, y = RNG.normal(size=(15, 40)), RNG.normal(size=15)
    elif kind == "one common factor":
        X = RNG.normal(size=(40, 60)) + 10 * RNG.normal(size=(40, 1))
        y = X[:, 0] + RNG.normal(size=40)
    elif kind == "nearly equal columns":
        X[:, 1] = X[:, 0] + 1e-4 * X[:, 1]
    scale = 1 / len(y) if loss == "mean" else 1.0
    for lam1, lam2 in ((0.1, 0.1), (0.3, 0.0), (0.02, 0.5), (0.0, 0.2)):
        lam1, lam2 = lam1 * scale * len(y), lam2 * scale * len(y)
        model = models.ElasticNet(lam1, lam2, loss=loss).fit(X, y)
        assert violation(model, X, y, lam1, lam2, scale) < 1e-6 and model.n_iter_ < 200
        assert abs(np.mean(y - model.predict(X))) < 1e-10, "the intercept is not penalised"


@book("2.5-elastic-net")
def test_the_elastic_net_reduces_to_least_squares_ridge_lasso_and_zero():
    linear = pytest.importorskip("sklearn.linear_model")
    X, y = RNG.normal(size=(50, 5)) + 1, RNG.normal(size=50)
    X[:, 2] += X[:, 0]

    def net(*args, **more):
        return models.ElasticNet(*args, **more).fit(X, y).coef_

    assert np.allclose(net(0.0, 0.0), models.LinearRegression().fit(X, y).coef_, atol=1e-8)
    assert np.allclose(net(0.0, 4.0, loss="sum"), models.Ridge(4.0).fit(X, y).coef_, atol=1e-8)
    assert np.allclose(net(0.0, 4.0 / 50), models.Ridge(4.0).fit(X, y).coef_, atol=1e-8)
    assert np.allclose(net(0.2, 0.0), models.Lasso(0.2).fit(X, y).coef_, atol=1e-10)
    assert not net(1e6, 0.0).any() and abs(net(0.0, 1e9)).max() < 1e-6
    alpha, ratio = 0.3, 0.4
    theirs = linear.ElasticNet(alpha=alpha, l1_ratio=ratio, tol=1e-12, max_iter=100_000).fit(X, y)
    assert np.allclose(net(2 * alpha * ratio, alpha * (1 - ratio)), theirs.coef_, atol=1e-6)
    penalised = models.ElasticNet(0.1, 0.2, penalise_intercept=True).fit(X, y)
    D = np.c_[np.ones(50), X]
    inside = models.ElasticNet(0.1, 0.2, fit_intercept=False).fit(D, y)
    assert np.allclose(np.r_[penalised.intercept_, penalised.coef_], inside.coef_, atol=1e-8)


@book("2.5-lasso")
def test_the_lasso_of_orthonormal_columns_is_soft_thresholded_least_squares():
    Q = np.linalg.qr(RNG.normal(size=(40, 6)))[0]
    y = Q @ [3.0, -2.0, 0.3, 0.0, 1.0, -0.1] + 0.1 * RNG.normal(size=40)
    for lam in (0.1, 0.7, 2.5):
        theta = models.Lasso(lam, loss="sum", fit_intercept=False).fit(Q, y).coef_
        expected = np.sign(Q.T @ y) * np.maximum(abs(Q.T @ y) - lam / 2, 0)
        assert np.allclose(theta, expected, atol=1e-9) and np.array_equal(theta == 0, expected == 0)
        assert np.allclose(reg.soft_threshold(tensor(Q.T @ y), lam / 2), expected)


@book("2.5-lasso")
def test_the_lasso_finds_a_sparse_truth_and_gives_zeros_from_the_largest_gradient_on():
    X = RNG.normal(size=(100, 20))
    truth = np.zeros(20)
    truth[[2, 7, 11]] = (3, -2, 1.5)
    y = X @ truth + 0.3 * RNG.normal(size=100)
    found = models.Lasso(0.4).fit(X, y)
    assert np.flatnonzero(found.coef_).tolist() == [2, 7, 11] and found.n_iter_ < 50
    limit = 2 / 100 * abs((X - X.mean(0)).T @ (y - y.mean())).max()
    assert not models.Lasso(limit * (1 + 1e-9)).fit(X, y).coef_.any()
    assert np.count_nonzero(models.Lasso(limit * 0.99).fit(X, y).coef_) == 1


def test_a_penalised_model_names_a_wrong_weight_and_warns_when_it_is_not_done():
    X, y = rank_deficient()
    for make, word in ((models.Ridge(-1.0), "Ridge: lam"), (models.Lasso(np.nan), "Lasso: lam1"),
                       (models.ElasticNet(0.1, np.inf), "ElasticNet: lam2"),
                       (models.Lasso(loss="max"), "Lasso: loss 'max' is unknown"),
                       (models.Lasso(max_iter=0), "Lasso: max_iter")):
        with pytest.raises(ValueError, match=word):
            make.fit(X, y)
        assert not hasattr(make, "coef_")
    with pytest.raises(ValueError, match="elastic_penalty: lam2"):
        reg.elastic_penalty(0.0, -1.0)
    X[:, 1] = X[:, 0] + 1e-3 * X[:, 1]
    with pytest.warns(UserWarning, match="Lasso: after 1 sweeps the optimality conditions are off"):
        models.Lasso(1e-3, tol=0.0, max_iter=1).fit(X, y)


def test_penalised_models_work_in_scikit_learns_pipeline_and_grid_search():
    theirs = pytest.importorskip("sklearn.model_selection")
    from sklearn.pipeline import make_pipeline

    X = RNG.normal(size=(60, 8)) * np.logspace(-2, 2, 8)
    y = X[:, 3] - 0.01 * X[:, 7] + 0.2 * RNG.normal(size=60)
    folds = selection.KFold(5, rng=cr.Rng(0))
    pipeline = make_pipeline(cr.preprocessing.Standardizer(), models.ElasticNet())
    grid = {"elasticnet__lam1": [0.01, 0.1, 1.0], "elasticnet__lam2": [0.0, 0.1]}
    other = theirs.GridSearchCV(pipeline, grid, cv=folds, scoring="neg_mean_squared_error").fit(X, y)
    ours = selection.search(pipeline, selection.grid(**grid), X, y, folds=folds)
    assert ours.settings == other.best_params_ and np.isclose(ours.error, -other.best_score_)


# ---- choosing
@book("2.5-grid-search")
def test_two_regularisation_weights_are_chosen_by_validation_and_tested_once():
    rng = cr.Rng(5)
    X = cr.normal((120, 15), rng=rng, dtype=cr.float64)
    y = X[:, 0] - 2.0 * X[:, 1] + cr.normal((120,), rng=rng, dtype=cr.float64)
    X, X_val, X_test, y, y_val, y_test = selection.train_validate_test_split(X, y, rng=rng)
    lams = selection.grid(lam1=[0.0, 0.03, 0.1, 0.3, 3.0], lam2=[0.0, 0.1, 10.0])
    found = selection.search(models.ElasticNet(), lams, X, y, validation=(X_val, y_val))
    residuals = [models.ElasticNet(**lam).fit(X, y).predict(X_val) - y_val for lam in lams]
    by_hand = [np.mean(e.numpy() ** 2) for e in residuals]
    assert np.allclose([e for _, e in found.table], by_hand)
    assert found.settings == lams[int(np.argmin(by_hand))]
    E_test = selection.error(found.model, X_test, y_test)
    worst = selection.error(models.ElasticNet(3.0, 10.0).fit(X, y), X_test, y_test)
    assert E_test.mean < 0.5 * worst.mean


def test_errors_of_classes_are_cross_validated_by_the_zero_one_loss():
    from sklearn.linear_model import LogisticRegression

    X = RNG.normal(size=(80, 2))
    y = (X[:, 0] + 0.3 * RNG.normal(size=80) > 0).astype(int)
    folds = selection.KFold(5, rng=cr.Rng(0), stratified=True)
    found = selection.cross_validate(LogisticRegression(), X, y, folds, zero_one_error)
    assert 0 < found.mean < 0.25 and len(found.chunks) == 5
