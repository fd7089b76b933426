"""Chapter 3, §3.3: several classes by softmax, one-vs-rest and one-vs-one."""
import math

import chainrule as cr
import numpy as np
import pytest
from chainrule.models import (
    AdamRecipe,
    LinearRegression,
    LogisticRegression,
    MultinomialRegression,
    OneVsOne,
    OneVsRest,
    SoftmaxRegression,
)
from chainrule.models.likelihood import ConvergenceWarning
from chainrule.models.logistic import BinaryLikelihood
from chainrule.models.softmax import SoftmaxLikelihood, half_spaces, with_reference
from scipy import special, stats

from ..ops.checks import array

book = pytest.mark.book
RNG = np.random.default_rng(8)
N, P, K = 160, 3, 4
Y = RNG.integers(0, K, N)
X = RNG.normal(size=(N, P)) + 0.6 * RNG.normal(size=(K, P))[Y]         # classes that overlap
DESIGN = np.c_[np.ones(N), X]

# Fig. 3.7: 17 points of four classes
POINTS = np.array([[.4, .85], [.55, .95], [.65, .8], [.9, .87], [.1, .5], [.35, .55], [.5, .5], [.15, .2],
                   [.2, .1], [.85, .3], [.2, .7], [.7, .5], [.3, .3], [.5, .7], [.6, .6], [.55, .65],
                   [.4, .7]])
CLASSES = np.array([1, 2, 2, 2, 1, 0, 0, 1, 0, 0, 1, 2, 1, 3, 3, 3, 3])


def tensor(x):
    return cr.tensor(np.asarray(x, np.float64))


def labels(y):
    return cr.tensor(np.asarray(y, np.int64))


@pytest.fixture(scope="module")
def likelihood():
    return SoftmaxLikelihood(tensor(DESIGN), labels(Y), K)


@pytest.fixture(scope="module")
def fitted():
    return MultinomialRegression().fit(X, Y)


# ---- the laws
@book("3.3-multinomial-dist")
def test_multinomial_counts_have_scipys_law():
    phi = np.array([0.5, 0.2, 0.3])
    law = cr.distributions.Multinomial(4, phi)
    support = np.array([(i, j, 4 - i - j) for i in range(5) for j in range(5 - i)])
    log_p = array(law.log_prob(support))
    np.testing.assert_allclose(log_p, stats.multinomial.logpmf(support, 4, phi), rtol=1e-10)
    assert np.exp(log_p).sum() == pytest.approx(1, abs=1e-12)
    assert array(law.log_prob(np.array([[1, 1, 1], [5, 0, 0], [-1, 2, 3]]))).tolist() == [-math.inf] * 3
    draws = array(law.sample(20_000, rng=cr.Rng(0)))
    assert (draws.sum(1) == 4).all()
    np.testing.assert_allclose(draws.mean(0), 4 * phi, atol=4 * math.sqrt(4 * 0.25 / 20_000))


@book("3.3-one-hot")
def test_one_hot_rows_sum_to_1_and_argmax_undoes_them():
    rows = array(cr.one_hot(labels(Y), K))
    assert rows.shape == (N, K) and (rows.sum(1) == 1).all() and set(np.unique(rows)) == {0, 1}
    assert (rows.argmax(1) == Y).all()


@book("3.3-categorical-law")
def test_one_draw_of_a_multinomial_has_the_probability_at_its_hot_index(fitted):
    phi = fitted.predict_proba(X[:1])[0]
    law = cr.distributions.Multinomial(1, phi)
    np.testing.assert_allclose(array(cr.exp(law.log_prob(np.eye(K)))), phi, rtol=1e-12)
    assert np.prod(phi ** np.eye(K)[2]) == pytest.approx(phi[2])


# ---- softmax and the two parameterisations
@book("3.3-softmax")
def test_softmax_is_scipys_with_its_jacobian():
    z = RNG.normal(size=(5, K)) * 5
    s = array(cr.softmax(tensor(z)))
    np.testing.assert_allclose(s, special.softmax(z, axis=1), rtol=1e-12)
    np.testing.assert_allclose(s.sum(1), 1, rtol=1e-14)
    np.testing.assert_allclose(array(cr.softmax(tensor([1, 2, 3]))), [0.09003057, 0.24472847, 0.66524096],
                               atol=5e-9)
    assert array(cr.softmax(tensor([1e4, 0.0, -1e4]))).tolist() == [1, 0, 0]
    J = array(cr.jacobian(cr.softmax)(tensor(z[0])))
    np.testing.assert_allclose(J, np.diag(s[0]) - np.outer(s[0], s[0]), atol=1e-14)
    assert cr.numeric.check_gradient(lambda t: cr.sum(cr.softmax(t) * tensor(z[1])), tensor(z[0]))
    pair = array(cr.softmax(tensor(z[:, :2])))
    np.testing.assert_allclose(pair[:, 0], special.expit(z[:, 0] - z[:, 1]), rtol=1e-12)


@book("3.3-softmax-regression")
def test_scores_are_affine_and_probabilities_their_softmax(fitted):
    W, b = RNG.normal(size=(K, P)), RNG.normal(size=K)
    layer = SoftmaxRegression(P, K)
    layer.linear.weight, layer.linear.bias = tensor(W), tensor(b)
    np.testing.assert_allclose(array(layer(tensor(X))), X @ W.T + b, rtol=1e-12, atol=1e-14)
    np.testing.assert_allclose(array(layer.probabilities(tensor(X))), special.softmax(X @ W.T + b, axis=1),
                               rtol=1e-12)
    z = X @ fitted.coef_.T + fitted.intercept_
    np.testing.assert_allclose(fitted.scores(X), z, rtol=1e-12, atol=1e-14)
    np.testing.assert_allclose(fitted.predict_proba(X), special.softmax(z, axis=1), rtol=1e-12)


@book("3.3-softmax-regression", "3.3-map")
def test_two_classes_are_logistic_regression():
    y = (Y > 1).astype(int)
    two = MultinomialRegression(reference_class=0).fit(X, y)
    one = LogisticRegression().fit(X, y)
    np.testing.assert_allclose(two.coef_[1], one.coef_, atol=1e-9)
    assert two.intercept_[1] == pytest.approx(one.intercept_, abs=1e-9) and two.coef_[0].tolist() == [0] * P
    np.testing.assert_allclose(two.predict_proba(X), one.predict_proba(X), atol=1e-9)
    assert (two.predict(X) == one.predict(X, tau=0.5)).all()
    assert (two.predict(X) == np.argmax(two.predict_proba(X), 1)).all()


@book("3.3-map")
def test_the_largest_probability_wins_and_of_equals_the_first(fitted):
    assert (fitted.predict(X) == fitted.predict_proba(X).argmax(1)).all()
    even = MultinomialRegression().fit(X, Y)
    even.coef_, even.intercept_ = np.zeros((K, P)), np.array([0.0, 1, 1, 0])
    assert even.predict(X[:3]).tolist() == [1, 1, 1]


@book("3.3-stat-param")
def test_with_a_reference_class_the_parameters_are_unique(fitted):
    model = MultinomialRegression(reference_class=3).fit(X, Y)
    assert model.parameter_count() == (K - 1) * (P + 1) and model.coef_[3].tolist() == [0] * P
    assert model.intercept_[3] == 0
    grown = np.exp(X @ model.coef_[:3].T + model.intercept_[:3])
    phi = np.c_[grown, np.ones(N)] / (1 + grown.sum(1, keepdims=True))  # (3.22)-(3.24)
    np.testing.assert_allclose(model.predict_proba(X), phi, rtol=1e-12)
    np.testing.assert_allclose(phi.sum(1), 1, rtol=1e-12)
    problem = SoftmaxLikelihood(tensor(DESIGN), labels(Y), K, reference=3)
    theta = np.c_[model.intercept_, model.coef_][:3].ravel()
    H = array(problem.hessian(tensor(theta)))
    assert H.shape == (12, 12) and np.linalg.eigvalsh(H).min() > 1e-3
    np.testing.assert_allclose(array(problem.gradient(tensor(theta))), 0, atol=1e-9)
    np.testing.assert_allclose(model.predict_proba(X), fitted.predict_proba(X), atol=1e-9)


@book("3.3-ml-param")
def test_free_rows_may_all_be_shifted_alike(fitted, likelihood):
    assert fitted.parameter_count() == K * (P + 1)
    v, c = RNG.normal(size=P), 1.7
    shifted = special.softmax(X @ (fitted.coef_ + v).T + fitted.intercept_ + c, axis=1)
    np.testing.assert_allclose(shifted, fitted.predict_proba(X), rtol=1e-12)
    theta = tensor(np.c_[fitted.intercept_, fitted.coef_].ravel())
    values = np.linalg.eigvalsh(array(likelihood.hessian(theta)))
    assert (np.abs(values) < 1e-12).sum() == P + 1
    W, b = with_reference(fitted.coef_, fitted.intercept_)
    assert W[-1].tolist() == [0] * P and b[-1] == 0
    statistical = MultinomialRegression(reference_class=3).fit(X, Y)
    np.testing.assert_allclose(W, statistical.coef_, atol=1e-8)
    np.testing.assert_allclose(special.softmax(X @ W.T + b, axis=1), fitted.predict_proba(X), rtol=1e-10)


# ---- likelihood and losses
@book("3.3-log-likelihood")
def test_three_forms_of_the_log_likelihood_agree(fitted):
    z = X @ fitted.coef_.T + fitted.intercept_
    phi = fitted.predict_proba(X)
    product = np.log(np.prod(phi ** np.eye(K)[Y], axis=1)).sum()
    chosen = np.log(phi[np.arange(N), Y]).sum()
    ours = fitted.log_likelihood(X, Y)
    assert ours == pytest.approx(product, rel=1e-10) and ours == pytest.approx(chosen, rel=1e-10)
    assert ours == pytest.approx((z[np.arange(N), Y] - special.logsumexp(z, axis=1)).sum(), rel=1e-10)
    assert ours == pytest.approx(-N * fitted.loss_path_[-1], rel=1e-10)


@book("3.3-cce")
def test_class_numbers_and_one_hot_rows_have_the_same_cross_entropy():
    a = RNG.dirichlet(np.ones(K), size=N)
    want = -np.log(a[np.arange(N), Y])
    for y in (labels(Y), cr.one_hot(labels(Y), K).astype(cr.float64)):
        each = cr.losses.categorical_cross_entropy(tensor(a), y, eps=0.0, reduction="none")
        np.testing.assert_allclose(array(each), want, rtol=1e-12)
        mean = cr.losses.categorical_cross_entropy(tensor(a), y)
        assert mean.item() == pytest.approx(want.mean(), rel=1e-8)
        z = cr.losses.cross_entropy(tensor(np.log(a)), y)
        assert z.item() == pytest.approx(want.mean(), rel=1e-12)


@book("3.3-bce-as-cce")
def test_binary_cross_entropy_is_the_categorical_one_of_two():
    a = RNG.uniform(0.01, 0.99, size=40)
    for y in (0, 1):
        binary = cr.losses.binary_cross_entropy(tensor(a), tensor(np.full(40, y)), reduction="none")
        index = 2 - y - 1                                              # the book counts classes from 1
        pair = cr.losses.categorical_cross_entropy(tensor(np.c_[a, 1 - a]), labels(np.full(40, index)),
                                                   eps=0.0, reduction="none")
        np.testing.assert_allclose(array(binary), array(pair), rtol=1e-12)


@book("3.3-ce-eps")
def test_a_small_number_makes_the_loss_of_an_impossible_class_finite():
    impossible = tensor([[0.0, 1.0]])
    cce = cr.losses.categorical_cross_entropy
    assert cce(impossible, labels([0])).item() == pytest.approx(-math.log(1e-12))
    assert cce(impossible, labels([0]), eps=1e-7).item() == pytest.approx(-math.log(1e-7))
    assert cce(impossible, tensor([[1.0, 0.0]]), eps=1e-7).item() == pytest.approx(-math.log(1e-7))
    a = tensor(RNG.dirichlet(np.ones(K), size=N))
    assert abs(cce(a, labels(Y)).item() - cce(a, labels(Y), eps=0.0).item()) < 1e-6
    with pytest.raises(ValueError, match="categorical_cross_entropy: eps must be a finite number >= 0"):
        cce(a, labels(Y), eps=-1.0)


@book("3.3-fused-ce")
def test_cross_entropy_of_scores_is_that_of_their_softmax_and_stays_finite():
    z = RNG.normal(size=(N, K)) * 4
    plain = cr.losses.categorical_cross_entropy(cr.softmax(tensor(z)), labels(Y), eps=0.0, reduction="none")
    fused = cr.losses.cross_entropy(tensor(z), labels(Y), reduction="none")
    np.testing.assert_allclose(array(fused), array(plain), rtol=1e-10)
    np.testing.assert_allclose(array(fused), special.logsumexp(z, axis=1) - z[np.arange(N), Y], rtol=1e-10)
    far = cr.losses.cross_entropy(tensor([[1e4, -1e4], [1e4, -1e4]]), labels([0, 1]), reduction="none")
    assert array(far).tolist() == [0, 2e4]


# ---- derivatives
@book("3.3-gradient")
def test_the_gradient_is_residual_times_sample(likelihood):
    theta = RNG.normal(size=K * (P + 1))
    Theta = theta.reshape(K, P + 1)
    residual = special.softmax(DESIGN @ Theta.T, axis=1) - np.eye(K)[Y]
    closed = residual.T @ DESIGN / N
    ours = array(likelihood.gradient(tensor(theta)))
    np.testing.assert_allclose(ours, closed.ravel(), atol=1e-13)       # flat: the matrix row by row
    np.testing.assert_allclose(ours, array(cr.grad(likelihood.loss)(tensor(theta))), atol=1e-12)
    np.testing.assert_allclose(ours, array(cr.numeric.gradient(likelihood.loss, tensor(theta))), atol=1e-8)

    def loss(b, W):
        return cr.losses.cross_entropy(tensor(X) @ W.mT + b, labels(Y))
    db, dW = cr.grad(loss, argnums=(0, 1))(tensor(Theta[:, 0]), tensor(Theta[:, 1:]))
    np.testing.assert_allclose(array(db), residual.mean(0), atol=1e-13)
    np.testing.assert_allclose(array(dW), residual.T @ X / N, atol=1e-13)


@book("3.3-hessian")
@pytest.mark.parametrize("reference", [None, 1])
def test_the_hessian_is_a_sum_of_kronecker_products(reference):
    problem = SoftmaxLikelihood(tensor(DESIGN), labels(Y), K, reference)
    theta = RNG.normal(size=problem.size)
    s = special.softmax(DESIGN @ array(problem.matrix(tensor(theta))).T, axis=1)
    free = [k for k in range(K) if k != reference]
    want = sum(np.kron((np.diag(p) - np.outer(p, p))[np.ix_(free, free)], np.outer(x, x))
               for p, x in zip(s, DESIGN, strict=True)) / N
    H = array(problem.hessian(tensor(theta)))
    np.testing.assert_allclose(H, want, atol=1e-13)
    np.testing.assert_allclose(H, array(cr.hessian(problem.loss)(tensor(theta))), atol=1e-8)
    assert np.linalg.eigvalsh(H).min() > -1e-10


@book("3.3-hessian")
def test_newton_descent_and_quasi_newton_agree_with_scikit_learn_when_regularised():
    fits = {m: MultinomialRegression(method=m, l2=2.0).fit(X, Y) for m in ("newton", "l-bfgs", "gd")}
    for fit in fits.values():
        np.testing.assert_allclose(fit.coef_, fits["newton"].coef_, atol=1e-6)
    theirs = pytest.importorskip("sklearn.linear_model").LogisticRegression(
        C=0.5, solver="newton-cg", tol=1e-12, max_iter=10_000).fit(X, Y)
    np.testing.assert_allclose(fits["newton"].coef_, theirs.coef_, atol=1e-6)
    np.testing.assert_allclose(fits["newton"].intercept_, theirs.intercept_, atol=1e-6)


@book("3.3-bias-absorb")
def test_a_constant_feature_takes_the_place_of_the_bias(fitted):
    W, b = tensor(fitted.coef_), tensor(fitted.intercept_)
    absorbed = cr.concat([b[:, None], W], axis=1)
    np.testing.assert_allclose(array(tensor(DESIGN) @ absorbed.mT), fitted.scores(X), atol=1e-12)
    without = MultinomialRegression(fit_intercept=False).fit(DESIGN, Y)
    np.testing.assert_allclose(without.predict_proba(DESIGN), fitted.predict_proba(X), atol=1e-8)

    def loss(parts):
        return cr.losses.cross_entropy(tensor(X) @ parts["W"].mT + parts["b"], labels(Y))
    apart = cr.grad(loss)({"W": W + 0.1, "b": b - 0.2})
    shifted = cr.concat([(b - 0.2)[:, None], W + 0.1], axis=1)
    one = cr.grad(lambda Theta: cr.losses.cross_entropy(tensor(DESIGN) @ Theta.mT, labels(Y)))(shifted)
    np.testing.assert_allclose(array(one)[:, 0], array(apart["b"]), atol=1e-12)
    np.testing.assert_allclose(array(one)[:, 1:], array(apart["W"]), atol=1e-12)

    still = {"W": W.copy(), "b": b.copy()}                              # only W is made smaller
    adam = cr.optim.AdamW(still, alpha=0.1, weight_decay=lambda name: 0.5 if name == "W" else 0.0)
    adam.update({"W": cr.zeros_like(W), "b": cr.zeros_like(b)})
    np.testing.assert_allclose(array(still["W"]), 0.95 * fitted.coef_, rtol=1e-12)
    assert (array(still["b"]) == fitted.intercept_).all()


# ---- decisions
@book("3.3-polytope")
def test_each_class_wins_in_an_intersection_of_half_spaces():
    with pytest.warns(ConvergenceWarning, match="X separates the classes"):
        model = MultinomialRegression().fit(POINTS, CLASSES)
    many = RNG.uniform(size=(100_000, 2))
    won = model.predict(many)
    for k in range(K):
        A, c = model.half_spaces(k)
        assert A.shape == (3, 2) and c.shape == (3,)
        assert ((many @ A.T + c >= 0).all(1) == (won == k)).all()
        mine = many[won == k]
        middle = (mine[RNG.integers(0, len(mine), 5000)] + mine[RNG.integers(0, len(mine), 5000)]) / 2
        assert (model.predict(middle) == k).all()
    W, b = RNG.normal(size=(K, P)), RNG.normal(size=K)
    A, c = half_spaces(W, b, 1)
    np.testing.assert_allclose(A[0], W[1] - W[0])
    np.testing.assert_allclose(c[2], b[1] - b[3])
    with pytest.raises(IndexError, match="class number 4 needs 0 <= k < 4"):
        model.half_spaces(4)


@book("3.3-ovr-ovo")
@pytest.mark.parametrize("binary", [LogisticRegression(l2=1.0), LinearRegression()],
                         ids=["logistic", "linear"])
def test_any_binary_model_serves_one_vs_rest_and_one_vs_one(binary):
    def f(i, other):
        rows = (Y == i) | other
        if isinstance(binary, LinearRegression):
            model = LinearRegression().fit(X[rows], np.where(Y[rows] == i, 1, -1))
            return model.predict(X)
        model = LogisticRegression(l2=1.0).fit(X[rows], Y[rows] == i)
        return model.probability(X) - 0.5
    rest = OneVsRest(binary).fit(X, Y)
    assert len(rest.estimators_) == K
    scores = np.stack([f(i, Y != i) for i in range(K)], axis=1)
    assert (rest.predict(X) == scores.argmax(1)).all()
    one = OneVsOne(binary).fit(X, Y)
    assert len(one.estimators_) == K * (K - 1) // 2
    votes = np.zeros((N, K))
    for i in range(K):
        for j in range(i + 1, K):
            vote = np.sign(f(i, Y == j))
            votes[:, i] += vote
            votes[:, j] -= vote
    np.testing.assert_allclose(one.decision_function(X), votes)
    assert (one.predict(X) == votes.argmax(1)).all()                   # of equal votes the first


@book("3.3-confusion")
def test_the_confusion_matrix_has_the_classes_in_rows_and_decisions_in_columns(fitted):
    M = cr.metrics.confusion_matrix(fitted.predict(X), Y, classes=K)
    assert M.shape == (K, K) and M.sum() == N
    assert M.sum(1).tolist() == np.bincount(Y).tolist()                # a row holds the samples of a class
    assert np.trace(M) / N == pytest.approx(fitted.score(X, Y))


@book("3.3-adam-recipe")
def test_the_books_recipe_is_adam_in_the_order_of_the_samples():
    recipe = AdamRecipe()
    assert (recipe.alpha, recipe.batch_size, recipe.epochs) == (0.02, 2000, 200)
    losses, problem = [], SoftmaxLikelihood(tensor(DESIGN), labels(Y), K)
    short = AdamRecipe(batch_size=50, epochs=40,
                       each_epoch=lambda _, theta: losses.append(problem.loss(theta).item()))
    model = MultinomialRegression(method=short).fit(X, Y)
    assert model.n_iter_ == 40 * 4 and losses[-1] < losses[9] < losses[4] < losses[0]
    theta = array(cr.normal((problem.size,), rng=cr.Rng(0), dtype=cr.float64))
    v, s = np.zeros_like(theta), np.zeros_like(theta)                  # ADAM by hand, Algorithm 4.2
    for t in range(160):
        rows = slice(t % 4 * 50, t % 4 * 50 + 50)
        residual = special.softmax(DESIGN[rows] @ theta.reshape(K, -1).T, axis=1) - np.eye(K)[Y[rows]]
        g = (residual.T @ DESIGN[rows] / len(residual)).ravel()
        v, s = 0.9 * v + 0.1 * g, 0.999 * s + 0.001 * g * g
        theta = theta - 0.02 * (v / (1 - 0.9 ** (t + 1))) / (np.sqrt(s / (1 - 0.999 ** (t + 1))) + 1e-8)
    np.testing.assert_allclose(np.c_[model.intercept_, model.coef_].ravel(), theta, rtol=1e-8)


@book("3.3-adam-recipe")
def test_the_recipe_falls_on_mnist_as_in_the_logged_run():
    try:
        train, _ = cr.data.mnist()
    except FileNotFoundError as missing:
        pytest.skip(str(missing))
    x = train.x.reshape((60_000, 784))
    problem, losses = SoftmaxLikelihood(cr.concat([cr.ones((60_000, 1)), x], axis=1), train.y, 10), []
    recipe = AdamRecipe(epochs=10, each_epoch=lambda _, theta: losses.append(problem.loss(theta).item()))
    MultinomialRegression(method=recipe).fit(x, train.y)
    assert (np.diff(losses) < 0).all()
    assert losses[0] == pytest.approx(1.7239, abs=0.15)                # another random start than the log's
    assert losses[9] == pytest.approx(0.4180, abs=0.03)


# ---- where there is no answer
def test_fig_3_7_has_no_maximum_and_the_loss_that_is_approached():
    for method, steps in (("newton", 100), ("l-bfgs", 1000)):
        model = MultinomialRegression(method=method, max_iter=steps)
        if method == "newton":
            with pytest.warns(ConvergenceWarning, match="MultinomialRegression: X separates the classes"):
                model.fit(POINTS, CLASSES)
        else:
            model.fit(POINTS, CLASSES)
        assert -model.log_likelihood(POINTS, CLASSES) == pytest.approx(5.725774, abs=1e-3)
        assert model.score(POINTS, CLASSES) == 15 / 17


@pytest.mark.parametrize("options, text", [
    ({"reference_class": 9}, "MultinomialRegression: reference_class 9 is not one of the classes"),
    ({"method": "magic"}, "MultinomialRegression: method 'magic' is unknown"),
    ({"method": AdamRecipe(batch_size=0)}, "AdamRecipe: batch_size must be a positive integer")])
def test_bad_settings_are_one_line(options, text):
    with pytest.raises(ValueError, match=text):
        MultinomialRegression(**options).fit(X, Y)


def test_newton_refuses_a_hessian_that_is_too_large():
    with pytest.raises(ValueError, match="would need 7850² second derivatives"):
        MultinomialRegression().fit(np.zeros((20, 784)), np.arange(20) % 10)


def test_both_likelihoods_agree_for_two_classes():
    y = (Y > 1).astype(int)
    two = SoftmaxLikelihood(tensor(DESIGN), labels(y), 2, reference=0, l2=0.3)
    one = BinaryLikelihood(tensor(DESIGN), labels(y), l2=0.3)
    theta = tensor(RNG.normal(size=P + 1))
    assert two.loss(theta).item() == pytest.approx(one.loss(theta).item(), rel=1e-12)
    np.testing.assert_allclose(array(two.hessian(theta)), array(one.hessian(theta)), atol=1e-13)
