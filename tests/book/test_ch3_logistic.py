"""Chapter 3, §3.1 and §3.2: logistic and probit regression, the neuron, its gradient; the perceptron."""
import math
import time

import chainrule as cr
import numpy as np
import pytest
from chainrule.models import (
    AdamRecipe,
    LinearRegression,
    LogisticRegression,
    MultinomialRegression,
    Perceptron,
    ProbitRegression,
)
from chainrule.models.hyperplane import hyperplane, side, threshold_bias
from chainrule.models.likelihood import ConvergenceWarning
from chainrule.models.linear import design_matrix
from chainrule.models.logistic import BinaryLikelihood, Probit
from scipy import optimize, special, stats

from ..ops.checks import array

book = pytest.mark.book
RNG = np.random.default_rng(3)

# Fig. 3.8: presence of a species against precipitation; no hyperplane separates the classes
PRESENT = np.array([0] * 7 + [1, 0, 0, 1, 1, 1, 0] + [1] * 11 + [0, 1, 1, 1, 0, 1] + [0] * 7)
RAIN = 10 * np.array([1, 1.4, 1.5, 1.7, 2, 2.1, 2.8, 3, 3.2, 3.3, 3.5, 3.8, 4, 4.1, 4.4, 4.7, 4.8, 4.9, 5,
                      5.1, 5.3, 5.4, 5.5, 6, 6.1, 6.1, 6.3, 6.4, 6.8, 6.9, 7, 7.4, 7.9, 8.5, 8.6, 8.7, 8.8,
                      9])
PLAIN, SQUARE, TWICE = RAIN[:, None], np.c_[RAIN, RAIN ** 2], np.c_[RAIN, 2 * RAIN + 1]
FEATURES = RNG.normal(size=(300, 4))
LABELS = (RNG.uniform(size=300) < special.expit(FEATURES @ [1.0, -2.0, 0.5, 0.0] - 0.3)).astype(int)
U = np.r_[np.logspace(-8, -0.4, 60), 1 - np.logspace(-8, -0.4, 60)]


def tensor(x):
    return cr.tensor(np.asarray(x, np.float64))


def design(X):
    return np.c_[np.ones(len(X)), X]


@pytest.fixture(scope="module")
def fitted():
    return LogisticRegression().fit(FEATURES, LABELS)


# ---- §3.1, the response and its link
@book("3.1-bernoulli")
def test_the_bernoulli_law_has_its_log_probability_and_mean():
    law = cr.distributions.Bernoulli(0.3)
    y = np.array([0.0, 1.0, 1.0])
    np.testing.assert_allclose(array(law.log_prob(y)), y * np.log(0.3) + (1 - y) * np.log(0.7), rtol=1e-12)
    draws = array(law.sample(100_000, rng=cr.Rng(1)))
    assert abs(draws.mean() - 0.3) < 4 * math.sqrt(0.21 / 1e5) and set(np.unique(draws)) == {0.0, 1.0}


@book("3.1-logit")
def test_logit_is_scipys_and_increases_with_slope_one_over_u_one_minus_u():
    u = np.sort(U)
    np.testing.assert_allclose(array(cr.logit(tensor(u))), special.logit(u), rtol=1e-12)
    slope = array(cr.grad(lambda t: cr.sum(cr.logit(t)))(tensor(u)))
    np.testing.assert_allclose(slope, 1 / (u * (1 - u)), rtol=1e-10)
    assert cr.numeric.check_gradient(lambda t: cr.sum(cr.logit(t)), tensor(np.linspace(0.1, 0.9, 7)))
    assert (np.diff(array(cr.logit(tensor(np.linspace(0.001, 0.999, 999))))) > 0).all()


@book("3.1-sigmoid")
def test_sigmoid_is_scipys_and_does_not_overflow():
    u = np.r_[np.linspace(-40, 40, 401), -1e3, 1e3]
    np.testing.assert_allclose(array(cr.sigmoid(tensor(u))), special.expit(u), rtol=1e-12)
    assert cr.sigmoid(tensor(0.0)).item() == 0.5
    ends = array(cr.sigmoid(tensor([-1e3, 1e3])))
    assert np.isfinite(ends).all() and ends[1] == 1 and 0 <= ends[0] < 1e-300
    slope = array(cr.grad(lambda t: cr.sum(cr.sigmoid(t)))(tensor(u)))
    np.testing.assert_allclose(slope, special.expit(u) * special.expit(-u), rtol=1e-12, atol=2e-16)
    assert cr.numeric.check_gradient(lambda t: cr.sum(cr.sigmoid(t)), tensor(np.linspace(-3, 3, 7)))
    assert (np.diff(array(cr.sigmoid(tensor(np.linspace(-30, 30, 999))))) > 0).all()


@book("3.1-sigmoid-logit-inverse")
def test_sigmoid_and_logit_undo_each_other():
    assert np.abs(array(cr.sigmoid(cr.logit(tensor(U)))) - U).max() < 1e-10
    u = np.linspace(-15, 15, 301)
    assert np.abs(array(cr.logit(cr.sigmoid(tensor(u)))) - u).max() < 1e-9   # 1 - σ(15) has 10 digits
    u = np.linspace(-20, 1, 301)
    assert np.abs(array(cr.logit(cr.sigmoid(tensor(u)))) - u).max() < 1e-10


@book("3.1-odds", "3.1-logistic-model")
def test_the_model_is_the_sigmoid_of_an_affine_score(fitted):
    z = design(FEATURES) @ fitted.theta_
    np.testing.assert_allclose(fitted.probability(FEATURES), special.expit(z), rtol=1e-12)
    np.testing.assert_allclose(fitted.predict_proba(FEATURES), np.c_[special.expit(-z), special.expit(z)],
                               rtol=1e-12)
    assert fitted.parameter_count() == fitted.theta_.size == 4 + 1
    phi = fitted.probability(FEATURES)
    np.testing.assert_allclose(fitted.odds(FEATURES), phi / (1 - phi), rtol=1e-10)
    np.testing.assert_allclose(fitted.log_odds(FEATURES), np.log(fitted.odds(FEATURES)), rtol=1e-10)
    for tau in (0.2, 0.5, 0.9):
        assert (fitted.predict(FEATURES, tau) == (phi > tau)).all()


@book("3.1-predict-proba")
def test_the_logit_of_the_prediction_is_affine_in_each_feature(fitted):
    x = np.tile(FEATURES[:1], (9, 1))
    x[:, 1] = np.linspace(-2, 2, 9)
    phi = fitted.probability(x)
    assert ((phi > 0) & (phi < 1)).all()
    np.testing.assert_allclose(np.diff(special.logit(phi)), fitted.coef_[1] * 0.5, rtol=1e-9)


@book("3.1-odds-ratio")
def test_one_unit_more_of_a_feature_multiplies_the_odds_by_its_ratio(fitted):
    np.testing.assert_allclose(fitted.odds_ratios(), np.exp(fitted.coef_), rtol=1e-15)
    for i in range(4):
        more = FEATURES + np.eye(4)[i]
        ratio = fitted.odds(more) / fitted.odds(FEATURES)
        np.testing.assert_allclose(ratio, fitted.odds_ratios()[i], rtol=1e-10)
        up = fitted.probability(more) > fitted.probability(FEATURES)
        assert (up == (fitted.odds_ratios()[i] > 1)).all()


@book("3.1-probit")
def test_probit_has_scipys_likelihood_gradient_and_maximum():
    y, X = LABELS, design(FEATURES)

    def nll(theta):
        z = X @ theta
        return -np.mean(np.where(y == 1, stats.norm.logcdf(z), stats.norm.logcdf(-z)))

    problem = BinaryLikelihood(tensor(X), tensor(y), Probit)
    for theta in RNG.normal(size=(5, 5)):
        assert problem.loss(tensor(theta)).item() == pytest.approx(nll(theta), rel=1e-10)
        reference = optimize.approx_fprime(theta, nll, 1e-7)
        np.testing.assert_allclose(array(problem.gradient(tensor(theta))), reference, atol=1e-6)
        H = cr.hessian(problem.loss)(tensor(theta))
        np.testing.assert_allclose(array(problem.hessian(tensor(theta))), array(H), rtol=1e-8, atol=1e-10)
    model = ProbitRegression().fit(FEATURES, y)
    best = optimize.minimize(nll, np.zeros(5), method="BFGS", options={"gtol": 1e-9})
    np.testing.assert_allclose(model.theta_, best.x, atol=1e-5)
    logit = LogisticRegression().fit(FEATURES, y)
    assert np.corrcoef(model.probability(FEATURES), logit.probability(FEATURES))[0, 1] > 0.99


# ---- likelihood
@book("3.1-likelihood", "3.1-log-likelihood")
def test_the_likelihood_is_the_product_of_probabilities_and_exp_of_minus_n_times_the_loss():
    model = LogisticRegression().fit(SQUARE, PRESENT)
    phi = model.probability(SQUARE)
    L = np.prod(np.where(PRESENT == 1, phi, 1 - phi))
    assert model.likelihood(SQUARE, PRESENT) == pytest.approx(L, rel=1e-10)
    assert model.log_likelihood(SQUARE, PRESENT) == pytest.approx(math.log(L), rel=1e-10)
    C = cr.losses.binary_cross_entropy(tensor(phi), tensor(PRESENT)).item()
    assert model.log_likelihood(SQUARE, PRESENT) == pytest.approx(-38 * C, rel=1e-10)
    with pytest.raises(ValueError, match="LogisticRegression: y .* needs one of the classes"):
        model.log_likelihood(SQUARE, PRESENT + 1)


@book("3.1-log-likelihood", "3.1-mle")
@pytest.mark.parametrize("X, theta, most", [
    (PLAIN, (-0.15870162, 0.00312470), -26.316167658),
    (SQUARE, (-19.44771803, 0.86341482, -0.00838293), -11.225110871)])
def test_the_largest_likelihood_of_fig_3_8(X, theta, most):
    zero = BinaryLikelihood(design_matrix(tensor(X)), tensor(PRESENT))
    at_zero = -38 * zero.loss(cr.zeros((X.shape[1] + 1,), dtype=cr.float64)).item()
    assert at_zero == pytest.approx(-38 * math.log(2), rel=1e-12)
    model = LogisticRegression().fit(X, PRESENT)
    np.testing.assert_allclose(model.theta_, theta, rtol=2e-6)         # as many digits as the reference has
    assert model.log_likelihood(X, PRESENT) == pytest.approx(most, abs=1e-8)
    assert model.n_iter_ <= 10


@book("3.1-mle", "3.2-gd-training")
def test_descent_newton_and_quasi_newton_reach_the_same_estimate():
    fits = {method: LogisticRegression(method=method).fit(FEATURES, LABELS)
            for method in ("newton", "gd", "l-bfgs")}
    for fit in fits.values():
        np.testing.assert_allclose(fit.theta_, fits["newton"].theta_, atol=1e-6)
    assert (np.diff(fits["gd"].loss_path_[:60]) < 0).all()             # every step goes down
    assert fits["newton"].n_iter_ <= 8 < fits["l-bfgs"].n_iter_ < fits["gd"].n_iter_


@pytest.mark.parametrize("C", [0.05, 1.0, 20.0])
def test_penalised_coefficients_are_scikit_learns(C):
    theirs = pytest.importorskip("sklearn.linear_model").LogisticRegression(
        C=C, solver="newton-cholesky", tol=1e-12, max_iter=1000).fit(FEATURES, LABELS)
    for method in ("newton", "l-bfgs"):
        ours = LogisticRegression(l2=1 / C, method=method).fit(FEATURES, LABELS)
        np.testing.assert_allclose(ours.coef_, theirs.coef_[0], atol=1e-6)
        assert ours.intercept_ == pytest.approx(theirs.intercept_[0], abs=1e-6)


@book("3.1-std-errors")
@pytest.mark.parametrize("X, errors", [(PLAIN, (0.80229, 0.0144455)),
                                       (SQUARE, (7.639498, 0.324443, 0.00317172))])
def test_standard_errors_are_those_of_the_observed_information(X, errors):
    model = LogisticRegression().fit(X, PRESENT)
    np.testing.assert_allclose(model.standard_errors_, errors, rtol=1e-5)
    phi = model.probability(X)
    covariance = np.linalg.inv(design(X).T @ ((phi * (1 - phi))[:, None] * design(X)))
    np.testing.assert_allclose(model.covariance_, covariance, rtol=1e-6)
    z = design(X) @ model.theta_
    reach = 1.959964 * np.sqrt(np.einsum("ni,ij,nj->n", design(X), covariance, design(X)))
    low, high = model.confidence_band(X)
    np.testing.assert_allclose(low, special.expit(z - reach), rtol=1e-6)
    np.testing.assert_allclose(high, special.expit(z + reach), rtol=1e-6)
    assert (low > 0).all() and (low < phi).all() and (phi < high).all() and (high < 1).all()


def test_the_table_of_coefficients_has_walds_z_and_p_values():
    model = LogisticRegression().fit(SQUARE, PRESENT)
    rows = model.coefficients(["rain", "rain²"])
    assert [row.name for row in rows] == ["intercept", "rain", "rain²"]
    for row, estimate, error in zip(rows, model.theta_, model.standard_errors_, strict=True):
        assert row.z == pytest.approx(estimate / error)
        assert row.p_value == pytest.approx(2 * stats.norm.sf(abs(estimate / error)), rel=1e-10)


# ---- losses
@book("3.1-bce")
def test_binary_cross_entropy_of_probabilities_and_of_logits_agree():
    z, y = np.linspace(-20, 20, 81), (np.arange(81) % 2).astype(float)
    a = special.expit(z)
    expected = -(y * np.log(a) + (1 - y) * np.log1p(-a))
    by_logit = cr.losses.binary_cross_entropy_with_logits(tensor(z), tensor(y), reduction="none")
    by_probability = cr.losses.binary_cross_entropy(tensor(a), tensor(y), reduction="none")
    np.testing.assert_allclose(array(by_logit), np.logaddexp(0, z) - y * z, rtol=1e-10, atol=1e-15)
    inner = np.abs(z) < 10                                             # beyond, 1 - a has too few digits
    np.testing.assert_allclose(array(by_probability)[inner], array(by_logit)[inner], rtol=1e-10)
    np.testing.assert_allclose(array(by_probability), expected, rtol=1e-10, atol=1e-16)
    far = cr.losses.binary_cross_entropy_with_logits(tensor([1e4, -1e4, 1e4, -1e4]), tensor([1, 0, 0, 1.0]),
                                                     reduction="none")
    assert array(far).tolist() == [0, 0, 1e4, 1e4]
    total = cr.grad(lambda t: cr.losses.binary_cross_entropy_with_logits(t, tensor(y), reduction="sum"))
    g = total(tensor(z))
    np.testing.assert_allclose(array(g), a - y, atol=1e-14)


@book("3.1-bce-loss")
def test_the_loss_is_the_mean_of_the_cross_entropies(fitted):
    from sklearn.metrics import log_loss
    phi = fitted.probability(FEATURES)
    ours = cr.losses.binary_cross_entropy(tensor(phi), tensor(LABELS)).item()
    assert ours == pytest.approx(log_loss(LABELS, phi), rel=1e-10)
    assert fitted.loss_path_[-1] == pytest.approx(ours, rel=1e-10)


@book("3.1-squared-loss")
def test_squared_loss_through_the_sigmoid_has_the_right_gradient():
    X, y = tensor(design(FEATURES[:20])), tensor(LABELS[:20])
    theta = tensor(RNG.normal(size=5))

    def C(t):
        return cr.losses.mse(cr.sigmoid(X @ t), y)

    phi = special.expit(array(X @ theta))
    assert C(theta).item() == pytest.approx(np.mean((LABELS[:20] - phi) ** 2), rel=1e-12)
    assert cr.numeric.check_gradient(C, theta)


# ---- data and decisions
@book("3.1-wbc-dataset")
def test_the_breast_cancer_data_has_569_tumours_of_which_212_are_malignant():
    data = cr.data.breast_cancer(split=False)
    assert data.x.shape == (569, 30) and np.bincount(array(data.y)).tolist() == [357, 212]
    assert data.classes == ("benign", "malignant")
    assert {"area_mean", "texture_mean", "smoothness_worst"} <= set(data.features)
    train, test = data[:456], data[456:]
    assert (len(train), len(test)) == (456, 113)


@book("3.1-threshold", "3.1-hyperplane-rule")
def test_a_score_at_the_threshold_gives_0_in_every_linear_classifier():
    assert cr.metrics.decide([0.3, 0.5, 0.7], 0.5).tolist() == [0, 0, 1]
    assert cr.metrics.decide([0.5, 0.51]).tolist() == [0, 1]           # 0.5 by default
    x, w, b = tensor([[1.0, 2.0], [2.0, 0.0], [0.0, 0.0]]), [1.0, -1.0], 1.0
    assert array(hyperplane(x, w, b)).tolist() == [0.0, 3.0, 1.0]
    assert array(side(x, w, b)).tolist() == [0, 1, 1]
    for model in (LogisticRegression(), ProbitRegression(), Perceptron()):
        model.fit([[0.0], [1.0]], [0, 1]) if model.__class__ is Perceptron else model.fit(PLAIN, PRESENT)
        model.coef_, model.intercept_ = np.array([1.0]), -2.0
        assert model.predict([[1.9], [2.0], [2.1]]).tolist() == [0, 0, 1]
    with pytest.raises(cr.ShapeError, match="hyperplane: x .* and w"):
        side(x, [1.0], 0.0)


@book("3.1-linear-classifier")
@pytest.mark.parametrize("tau", [0.1, 0.3, 0.5, 0.8])
def test_a_threshold_on_an_increasing_activation_is_a_hyperplane(tau):
    x, w, b = RNG.normal(size=(10_000, 3)), np.array([0.7, -1.1, 0.4]), 0.2
    activations = {"sigmoid": special.expit, "probit": stats.norm.cdf, "identity": np.array, "tanh": np.tanh}
    for name, activation in activations.items():
        shifted = threshold_bias(b, tau, name)
        assert (array(side(tensor(x), w, shifted)) == (activation(x @ w + b) > tau)).all()
    assert threshold_bias(b, tau) == pytest.approx(b + math.log(1 / tau - 1), rel=1e-12)
    assert threshold_bias(b, tau, "probit") == pytest.approx(b - stats.norm.ppf(tau), rel=1e-12)
    model = LogisticRegression().fit(FEATURES, LABELS)
    shifted, normal = model.hyperplane(tau)
    many = RNG.normal(size=(10_000, 4))
    assert (model.predict(many, tau) == (many @ normal + shifted > 0)).all()
    assert (model.predict(many, tau) == (model.probability(many) > tau)).all()
    with pytest.raises(ValueError, match="threshold_bias: tau 1.5 must lie in the range of sigmoid"):
        threshold_bias(0.0, 1.5)
    assert model.predict(many, 0.0).all() and not model.predict(many, 1.0).any()


# ---- §3.2, the neuron and its gradient
@book("3.2-neuron", "3.2-identity-activation")
def test_a_linear_layer_of_one_unit_with_an_activation_is_the_model(fitted):
    affine = cr.nn.Linear(4, 1, rng=cr.Rng(0))
    affine.weight, affine.bias = tensor(fitted.coef_[None]), tensor([fitted.intercept_])
    neuron = cr.nn.Sequential(affine, cr.nn.Sigmoid())
    a = array(neuron(tensor(FEATURES)))
    assert a.shape == (300, 1)
    np.testing.assert_allclose(a[:, 0], fitted.probability(FEATURES), rtol=1e-12)

    line = LinearRegression().fit(FEATURES, LABELS)
    affine.weight, affine.bias = tensor(line.coef_[None]), tensor([line.intercept_])
    neuron = cr.nn.Sequential(affine, cr.nn.Identity())
    np.testing.assert_allclose(array(neuron(tensor(FEATURES)))[:, 0], line.predict(FEATURES), rtol=1e-10)
    z = tensor(RNG.normal(size=5))
    assert (array(cr.nn.Identity()(z)) == array(z)).all()
    assert (array(cr.grad(lambda t: cr.sum(cr.nn.Identity()(t)))(z)) == 1).all()


@book("3.2-logistic-gradient", "3.2-mean-gradient")
def test_the_gradient_is_the_mean_of_residual_times_sample():
    X, y, n = design(FEATURES), LABELS, 300
    problem = BinaryLikelihood(tensor(X), tensor(y))
    theta = RNG.normal(size=5)
    each = (special.expit(X @ theta) - y)[:, None] * X                 # (3.17), a row a sample
    ours = array(problem.gradient(tensor(theta)))
    np.testing.assert_allclose(ours, each.mean(0), rtol=1e-10, atol=1e-14)
    parts = [array(problem.gradient(tensor(theta), slice(i, i + 1))) for i in range(n)]
    np.testing.assert_allclose(parts, each, atol=1e-12)
    np.testing.assert_allclose(ours, np.mean(parts, 0), atol=1e-12)
    np.testing.assert_allclose(ours, array(cr.grad(problem.loss)(tensor(theta))), atol=1e-12)
    numeric = array(cr.numeric.gradient(problem.loss, tensor(theta)))
    np.testing.assert_allclose(ours, numeric, atol=1e-8)
    H = array(cr.hessian(problem.loss)(tensor(theta)))
    np.testing.assert_allclose(array(problem.hessian(tensor(theta))), H, atol=1e-10)


@book("3.2-f1")
def test_f1_of_either_class_is_that_of_the_counts():
    y, predicted = np.array([1] * 6 + [0] * 10), np.array([1, 1, 1, 1, 0, 0] + [1] + [0] * 9)
    P, R = 4 / 5, 4 / 6                                                # 4 true, 1 false positive, 2 missed
    assert cr.metrics.f_score(predicted, y, average="binary") == pytest.approx(2 * P * R / (P + R))
    P, R = 9 / 11, 9 / 10
    both = cr.metrics.f_score(predicted, y, average="none")
    assert both[0] == pytest.approx(2 * P * R / (P + R))               # class 0 as the positive one


# ---- where there is no answer
@pytest.mark.parametrize("model", [LogisticRegression, ProbitRegression])
@pytest.mark.parametrize("y", [RAIN > 42, (RAIN > 61) | (np.arange(38) == 24)],
                         ids=["complete", "on a point"])
def test_separated_classes_are_told_at_once_and_still_decided(model, y):
    began = time.monotonic()
    with pytest.warns(ConvergenceWarning, match="X separates the classes, so the likelihood has no maximum"):
        fit = model().fit(PLAIN, y)
    assert time.monotonic() - began < 2 and np.isfinite(fit.theta_).all()
    assert fit.score(PLAIN, y) >= 37 / 38
    with pytest.raises(ValueError, match=f"{model.__name__}: no standard errors"):
        _ = fit.standard_errors_
    assert np.isfinite(model(l2=1.0).fit(PLAIN, y).standard_errors_).all()


def test_columns_that_depend_on_each_other_are_told_and_predict_all_the_same():
    with pytest.warns(ConvergenceWarning, match="the columns of X depend on each other"):
        twice = LogisticRegression().fit(TWICE, PRESENT)
    once = LogisticRegression().fit(PLAIN, PRESENT)
    np.testing.assert_allclose(twice.probability(TWICE), once.probability(PLAIN), atol=1e-9)
    with pytest.raises(ValueError, match="no standard errors"):
        twice.confidence_band(TWICE)


def test_features_far_from_zero_and_of_any_size_keep_their_digits():
    best = LogisticRegression().fit(FEATURES, LABELS)
    factor = np.array([1e-100, 1.0, 1e100, 1e3])
    for l2 in (0.0, 0.7):
        plain = LogisticRegression(l2=l2).fit(FEATURES, LABELS)
        far = LogisticRegression(l2=l2).fit(FEATURES + 1e7, LABELS)
        np.testing.assert_allclose(far.coef_, plain.coef_, rtol=1e-6)
        np.testing.assert_allclose(far.standard_errors_[1:], plain.standard_errors_[1:], rtol=1e-6)
        many = MultinomialRegression(l2=2 * l2, reference_class=None).fit(FEATURES + 1e7, LABELS)
        np.testing.assert_allclose(many.coef_[1] - many.coef_[0], plain.coef_, rtol=1e-6)
    scaled = LogisticRegression().fit(FEATURES * factor, LABELS)
    np.testing.assert_allclose(scaled.coef_ * factor, best.coef_, rtol=1e-9)
    with pytest.warns(ConvergenceWarning, match="the columns of X depend on each other"):
        level = LogisticRegression().fit(np.c_[FEATURES, np.full(300, 0.1)], LABELS)
    np.testing.assert_allclose(level.theta_, np.r_[best.theta_, 0], rtol=1e-9, atol=1e-15)


def test_what_overflows_is_one_line():
    for options in ({"method": "gd", "alpha": 1e300}, {"method": AdamRecipe(alpha=1e308)}):
        with pytest.raises(ValueError, match="LogisticRegression: the parameters overflow"):
            LogisticRegression(**options).fit(FEATURES * 1e100, LABELS)
    with pytest.raises(ValueError, match="LogisticRegression: X holds too large numbers"):
        LogisticRegression().fit(np.abs(FEATURES) * 4e307, LABELS)


def test_descent_that_is_cut_short_says_so():
    with pytest.warns(ConvergenceWarning, match="method 'gd' stopped early"):
        LogisticRegression(method="gd", max_iter=5).fit(PLAIN, PRESENT)


@pytest.mark.parametrize("options, X, y, text", [
    ({"method": "magic"}, PLAIN, PRESENT, "LogisticRegression: method 'magic' is unknown"),
    ({"l2": -1.0}, PLAIN, PRESENT, "LogisticRegression: l2 must be a finite number >= 0"),
    ({"max_iter": 0}, PLAIN, PRESENT, "LogisticRegression: max_iter must be a positive integer"),
    ({}, PLAIN * np.nan, PRESENT, "LogisticRegression: X holds NaN or inf"),
    ({}, PLAIN, PRESENT[:5], "LogisticRegression: X has 38 samples and y 5"),
    ({}, PLAIN, np.arange(38) % 3, "Only binary classification is supported"),
    ({}, PLAIN, PRESENT * 0, "LogisticRegression: y holds 1 class")])
def test_bad_input_is_one_line(options, X, y, text):
    with pytest.raises(ValueError, match=text) as error:
        LogisticRegression(**options).fit(X, y)
    assert "\n" not in str(error.value)


# ---- the perceptron
@book("3.n-perceptron")
def test_the_perceptron_makes_no_more_mistakes_than_its_bound_allows():
    w, b = np.array([0.6, -0.8]), 0.1
    X = RNG.uniform(-1, 1, size=(400, 2))
    X = X[np.abs(X @ w + b) > 0.1]
    y = (X @ w + b > 0).astype(int)
    model = Perceptron().fit(X, y)
    assert model.converged_ and model.score(X, y) == 1
    s, Z = 2 * y - 1, design(X)
    unit = np.r_[b, w] / np.linalg.norm(np.r_[b, w])
    bound = (np.linalg.norm(Z, axis=1).max() / (s * (Z @ unit)).min()) ** 2
    assert 0 < model.mistakes_ <= bound
    theta = np.zeros(3)                                                # Rosenblatt's rule, a sample at a time
    for _ in range(model.n_iter_):
        for x, label in zip(Z, y, strict=True):
            theta += (label - (theta @ x > 0)) * x
    np.testing.assert_allclose(np.r_[model.intercept_, model.coef_], theta, atol=1e-12)


@book("3.n-perceptron")
def test_the_perceptron_never_settles_on_xor():
    X, y = [[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]], [0, 1, 1, 0]
    with pytest.warns(ConvergenceWarning, match="Perceptron: still makes mistakes after 50 rounds"):
        model = Perceptron(max_iter=50).fit(X, y)
    assert not model.converged_ and model.mistakes_ >= 50
