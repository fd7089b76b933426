"""Chapter 2, §2.1 and §2.2: moments, standardised features, regression on one feature, two classifiers."""
import os

import chainrule as cr
import numpy as np
import pytest
from chainrule.models import simple
from scipy import stats

book = pytest.mark.book
real = pytest.mark.skipif("CHAINRULE_DATA" not in os.environ, reason="needs the data sets in CHAINRULE_DATA")
RNG = np.random.default_rng(4)


def tensor(x):
    return cr.tensor(np.asarray(x, np.float64))


# ---- §2.1
@book("2.1-sample-moments")
@pytest.mark.parametrize("n, ddof", [(1, 0), (7, 0), (7, 1), (5000, 0), (5000, 1)])
def test_moments_equal_numpys_and_keep_their_digits_far_from_zero(n, ddof):
    X = RNG.normal(size=(n, 3)) * [1, 1e-3, 50]
    x = tensor(X)
    assert np.allclose(cr.mean(x, axis=0), X.mean(0), rtol=1e-10, atol=1e-14)
    assert np.allclose(cr.var(x, axis=0, correction=ddof), X.var(0, ddof=ddof), rtol=1e-10)
    assert np.allclose(cr.std(x, axis=0, correction=ddof), X.std(0, ddof=ddof), rtol=1e-10)
    far = tensor(X[:, 0] + 1e6)
    exact = np.var(far.numpy().astype(np.longdouble), ddof=ddof)
    assert np.isclose(cr.var(far, correction=ddof).item(), float(exact), rtol=1e-10)


@book("2.1-standardize")
def test_standardised_features_use_the_training_set_and_come_back():
    X = RNG.normal(size=(200, 4)) * [1, 10, 1e-3, 0] + [0, 1e6, -3, 7]
    train, test = cr.selection.train_test_split(X, rng=cr.Rng(0))
    scaler = cr.preprocessing.Standardizer().fit(train)
    Z = scaler.transform(train)
    assert np.allclose(Z.mean(0), 0, atol=1e-10) and np.allclose(Z.std(0), [1, 1, 1, 0], atol=1e-10)
    assert not Z[:, 3].any(), "a constant column is 0, not NaN"
    assert np.allclose(scaler.inverse_transform(Z), train, rtol=1e-10)
    expected = (test - train.mean(0))[:, :3] / train.std(0)[:3]
    assert np.allclose(scaler.transform(test)[:, :3], expected, rtol=1e-10)
    assert abs(scaler.transform(test)[:, :3].mean(0)).min() > 1e-4, "not the test set's own moments"


# ---- §2.2
@book("2.2-simple-linear-regression")
def test_the_straight_line_equals_least_squares_in_every_form():
    for n, shift in ((2, 0), (9, 1e4), (400, -3)):
        x, y = RNG.normal(size=n) + shift, RNG.normal(size=n)
        b0, b1 = simple.simple_regression(x, y)
        level, slope = np.linalg.lstsq(np.c_[np.ones(n), x - x.mean()], y)[0]
        assert np.isclose(b1, slope, rtol=1e-8) and np.isclose(b0, level - slope * x.mean(), rtol=1e-8)
        model = cr.models.LinearRegression().fit(x[:, None], y)
        assert np.isclose(b1, model.coef_[0], rtol=1e-8) and np.isclose(b0, model.intercept_, rtol=1e-8)
    with pytest.raises(ValueError, match="all x are equal"):
        simple.simple_regression([2.0, 2.0], [0.0, 1.0])
    with pytest.raises(cr.ShapeError, match=r"x \(3,\) and y \(2,\) need one shape"):
        simple.simple_regression([1.0, 2.0, 3.0], [0.0, 1.0])


@real
@book("2.2-simple-linear-regression")
def test_a_room_more_is_worth_8270_dollars():
    data = cr.data.boston(split=False, dtype=np.float64)
    rm, y = data.x[:, 0], data.y
    b0, b1 = simple.simple_regression(rm, y)
    assert (b0, b1) == pytest.approx((-30.01, 8.27), abs=0.005)
    assert (b0, b1) == pytest.approx((-30.00512, 8.268557), abs=1e-5)
    model = cr.models.LinearRegression().fit(rm[:, None], y)
    assert np.isclose(np.diff(model.predict(np.array([[6.0], [7.0]])))[0], b1)
    assert cr.selection.error(model, rm[:, None], y).mean == pytest.approx(32.62991, abs=1e-5)
    assert model.score(rm[:, None], y) == pytest.approx(0.47147, abs=1e-5)
    band = simple.confidence_band(rm, y, rm)
    assert band.s.item() == pytest.approx(5.72395, abs=1e-5)
    assert np.allclose(band.errors, (2.48859, 0.39631), atol=1e-5)


@book("2.2-confidence-band")
def test_the_band_equals_the_textbook_formula_of_the_straight_line():
    """ŷ ± t s √(1/n + (x - x̄)² / S_xx)."""
    x, at = RNG.normal(size=25), np.linspace(-3, 3, 7)
    y = 1 + 2 * x + RNG.normal(size=25)
    b1 = np.cov(x, y, bias=True)[0, 1] / x.var()
    b0 = y.mean() - b1 * x.mean()
    s = np.sqrt(np.sum((y - b0 - b1 * x) ** 2) / 23)
    for level in (0.95, 0.5):
        width = stats.t.ppf((1 + level) / 2, 23) * s * np.sqrt(1 / 25 + (at - x.mean()) ** 2 / (25 * x.var()))
        band = simple.confidence_band(x, y, at, level=level)
        assert np.allclose(band.low, b0 + b1 * at - width, rtol=1e-8)
        assert np.allclose(band.high, b0 + b1 * at + width, rtol=1e-8)
    several = simple.confidence_band(np.c_[x, x**2], y, np.c_[at, at**2])
    D, A = np.c_[np.ones(25), x, x**2], np.c_[np.ones(7), at, at**2]
    inverse, e = np.linalg.inv(D.T @ D), y - D @ np.linalg.pinv(D) @ y
    s = np.sqrt(e @ e / 22)
    width = stats.t.ppf(0.975, 22) * s * np.sqrt(np.sum(A @ inverse * A, 1))
    assert np.allclose(several.high - several.fit, width, rtol=1e-8)
    assert np.allclose(several.errors, s * np.sqrt(np.diag(inverse)), rtol=1e-8)


@book("2.2-confidence-band")
def test_the_band_covers_the_true_mean_95_times_in_100():
    x, truth = cr.linspace(0.0, 1.0, 12, dtype=cr.float64), 1 + 2 * 0.8
    runs = 1.0 + 2.0 * x[:, None] + cr.normal((12, 5000), rng=cr.Rng(0), dtype=cr.float64)
    band = simple.confidence_band(x, runs, [0.8])
    covered = (band.low.numpy() <= truth) & (truth <= band.high.numpy())
    assert covered.shape == (1, 5000) and abs(covered.mean() - 0.95) < 0.015
    alone = simple.confidence_band(x, runs[:, 7], [0.8])
    assert np.allclose([alone.low, alone.high], [band.low[:, 7], band.high[:, 7]], rtol=1e-12)
    assert np.allclose(alone.errors, band.errors[:, 7]) and np.isclose(alone.s.item(), band.s[7].item())


@pytest.mark.parametrize("nu", [1, 2, 3, 4, 9, 488, 10_001])
def test_students_distribution_equals_scipys(nu):
    for t in (-3.0, -0.5, 0.0, 0.1, 2.0, 40.0):
        assert abs(simple.student_cdf(t, nu) - stats.t.cdf(t, nu)) < 1e-13
    for p in (0.01, 0.5, 0.9, 0.975, 0.9999):
        assert simple.student_quantile(p, nu) == pytest.approx(stats.t.ppf(p, nu), rel=1e-10, abs=1e-12)
    with pytest.raises(ValueError, match=r"p must lie in \(0, 1\)"):
        simple.student_quantile(1.0, nu)


def test_a_band_names_what_is_wrong_with_its_data():
    with pytest.raises(cr.ShapeError, match="needs as many, and more than 2 rows"):
        simple.confidence_band([0.0, 1.0], [0.0, 1.0], [0.5])
    with pytest.raises(cr.ShapeError, match="at 2 columns"):
        simple.confidence_band([0.0, 1.0, 2.0], [0.0, 1.0, 0.0], [[0.5, 1.0]])
    with pytest.raises(ValueError, match="depend on each other"):
        simple.confidence_band([1.0, 1.0, 1.0], [0.0, 1.0, 0.0], [0.5])


@book("2.2-polynomial-features")
def test_a_parabola_is_a_linear_model_of_two_features():
    x = RNG.normal(size=60)
    y = 1 - x + 0.5 * x**2 + RNG.normal(size=60)
    features = cr.preprocessing.PolynomialFeatures(2).fit_transform(x[:, None])
    assert np.allclose(features, np.c_[x, x**2], rtol=1e-15)
    model = cr.models.LinearRegression().fit(features, y)
    by_hand = cr.models.LinearRegression().fit(np.c_[x, x**2], y)
    assert np.allclose(model.coef_, by_hand.coef_, atol=1e-10)
    beta = cr.models.PolynomialRegression(2).fit(x[:, None], y).powers()
    assert np.allclose(beta, [model.intercept_, *model.coef_], atol=1e-10)
    assert np.allclose(beta, np.polyfit(x, y, 2)[::-1], atol=1e-10)
    Z = RNG.normal(size=(60, 2))
    product = cr.preprocessing.PolynomialFeatures(2, interaction_only=True).fit_transform(Z)
    assert np.allclose(product[:, -1], Z[:, 0] * Z[:, 1]) and product.shape == (60, 3)


@book("2.2-polynomial-features")
def test_a_polynomial_of_several_features_predicts_as_numpys_least_squares():
    X, y = RNG.normal(size=(40, 2)) * [1, 100], RNG.normal(size=40)
    D = np.c_[np.ones(40), X, X[:, 0] ** 2, X[:, 0] * X[:, 1], X[:, 1] ** 2]
    model = cr.models.PolynomialRegression(2).fit(X, y)
    assert np.allclose(model.predict(X), D @ np.linalg.pinv(D) @ y, atol=1e-9)
    assert np.allclose(cr.models.PolynomialRegression(0).fit(X, y).predict(X), y.mean())
    with pytest.raises(ValueError, match="powers are those of one feature, got 2"):
        model.powers()
    with pytest.raises(ValueError, match="degree must be a positive integer, got 1.5"):
        cr.models.PolynomialRegression(1.5).fit(X, y)


@book("2.2-logistic-p1-p30")
def test_two_logistic_models_tell_tumours_apart_over_many_splits():
    pytest.importorskip("sklearn")
    metrics, data = cr.metrics, cr.data.breast_cancer(split=False, dtype=np.float64)
    found = {1: [], 30: []}
    for seed in range(25):
        train, test = cr.selection.train_test_split(data, rng=cr.Rng(seed))
        assert (len(train), len(test)) == (456, 113)
        for p, columns, l2 in ((1, slice(24, 25), 0.0), (30, slice(0, 30), 1.0)):
            model = cr.models.Pipeline([cr.preprocessing.Standardizer(), cr.models.LogisticRegression(l2=l2)])
            model.fit(train.x[:, columns], train.y)
            assert model.steps_[-1].parameter_count() == p + 1
            scores = model.predict_proba(test.x[:, columns])[:, 1]
            decided = metrics.decide(scores)
            assert np.array_equal(decided, model.predict(test.x[:, columns]))
            found[p].append((metrics.accuracy(decided, test.y), metrics.auc(scores, test.y),
                             metrics.f_score(decided, test.y, average="binary")))
    one, all_of_them = (np.array(found[p]) for p in (1, 30))
    assert np.allclose(one.mean(0), (0.705, 0.743, 0.52), atol=0.03)
    low, high = np.percentile(one, (5, 95), axis=0)
    assert (low < (0.73, 0.70, 0.508)).all() and (high > (0.73, 0.70, 0.508)).all(), "the book's one split"
    assert all_of_them[:, 0].min() > 0.94 and abs(all_of_them[:, 0].mean() - 0.975) < 0.01
    assert abs(all_of_them[:, 1].mean() - 0.994) < 0.005 and all_of_them[:, 1].min() >= 0.92
    raw = data.x[:, 24].numpy()
    assert metrics.auc(raw, data.y) == pytest.approx(0.754056, abs=1e-6)


@real
@book("2.2-fig2.3b-lstat-medv")
def test_lower_status_needs_a_parabola():
    data = cr.data.boston(split=False, dtype=np.float64)
    lstat, y = data.x[:, 1], data.y
    line, curve = (cr.models.PolynomialRegression(k).fit(lstat[:, None], y) for k in (1, 2))
    assert np.allclose(line.powers(), (32.54041, -0.843738), atol=1e-3)
    assert np.allclose(curve.powers(), (39.42057, -1.954889, 0.0344560), atol=1e-3)
    assert np.allclose([m.score(lstat[:, None], y) for m in (line, curve)], (0.57735, 0.65736), atol=1e-5)
    x, residuals = lstat.numpy(), (y - line.predict(lstat[:, None])).numpy()
    bend = x**2 - np.polyval(np.polyfit(x, x**2, 1), x)                  # what of x² a line cannot do
    r, p = stats.pearsonr(bend, residuals)
    assert r > 0.3 and p < 1e-10
