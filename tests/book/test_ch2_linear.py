"""Linear models and least squares of §2.3, encodings, several classes, against NumPy and scikit-learn."""
import chainrule as cr
import numpy as np
import pytest
from chainrule.models.linear import (
    design_matrix,
    gram_least_squares,
    least_squares,
    normal_equations,
)
from chainrule.models.multiclass import OneVsOne, OneVsRest

rng = np.random.default_rng(23)


def t(x):
    return cr.tensor(np.asarray(x, np.float64))


def problem(n=40, d=4, seed=0):
    r = np.random.default_rng(seed)
    X = r.normal(size=(n, d))
    return X, X @ r.normal(size=d) + 0.3 * r.normal(size=n)


def close(a, b, tolerance=1e-10):
    np.testing.assert_allclose(np.asarray(a), np.asarray(b), rtol=tolerance, atol=tolerance)


# ---- the model
@pytest.mark.book("2.3-linear-model", "2.3-design-matrix")
def test_scalar_vector_and_batch_forms_of_the_model_agree():
    X, y = problem()
    model = cr.models.LinearRegression().fit(X, y)
    theta = np.r_[model.intercept_, model.coef_]
    design = design_matrix(t(X))
    assert design.shape == (40, 5) and np.all(np.asarray(design)[:, 0] == 1)
    close(design[:, 1:], X, 0)
    assert design_matrix(t(X), intercept=False).shape == (40, 4)
    assert design_matrix(t(X[:, 0])).shape == (40, 2)
    batch = np.asarray(design @ t(theta))                                   # X θ
    one_by_one = [model.intercept_ + sum(w * v for w, v in zip(model.coef_, x, strict=True)) for x in X]
    vectors = [float(theta @ np.r_[1, x]) for x in X]                       # θᵀ x̃
    for form in (one_by_one, vectors, model.predict(X), [model.predict(x[None])[0] for x in X]):
        close(form, batch, 1e-12)


@pytest.mark.parametrize("method", ["svd", "normal", "gram"])
def test_regression_agrees_with_scikit_learn(method):
    from sklearn.linear_model import LinearRegression

    X, y = problem(60, 5, seed=3)
    Y = np.c_[y, y**2]
    for intercept in (True, False):
        for target in (y, Y):
            ours = cr.models.LinearRegression(method=method, fit_intercept=intercept).fit(X, target)
            theirs = LinearRegression(fit_intercept=intercept).fit(X, target)
            close(ours.coef_, theirs.coef_)
            close(ours.intercept_, theirs.intercept_)
            assert abs(ours.score(X, target) - theirs.score(X, target)) < 1e-12


def test_a_large_mean_costs_the_intercept_no_digits():
    x = 1e6 + rng.normal(size=200)
    model = cr.models.LinearRegression(method="normal").fit(x[:, None], 3 * (x - 1e6) + 2)
    close(model.coef_, [3.0], 1e-9)


# ---- losses
LOSSES = {
    "square": (cr.losses.mse, lambda e: e**2, lambda e: 2 * e),
    "absolute": (cr.losses.mae, np.abs, np.sign),
    "huber": (cr.losses.huber, lambda e: np.where(np.abs(e) < 1, e * e / 2, np.abs(e) - 0.5),
              lambda e: np.clip(e, -1, 1)),
}


@pytest.mark.book("2.3-loss-average", "2.3-square-loss")
@pytest.mark.parametrize("name", LOSSES)
def test_a_loss_is_the_mean_over_the_samples(name):
    loss, each, slope = LOSSES[name]
    predicted, y = rng.normal(size=30), 2 * rng.normal(size=30)
    per_sample = np.asarray(loss(t(predicted), t(y), reduction="none"))
    close(per_sample, each(predicted - y), 1e-14)
    close(loss(t(predicted), t(y)), per_sample.mean(), 1e-14)
    close(loss(t(predicted), t(y), reduction="sum"), per_sample.sum(), 1e-14)
    close([loss(t(predicted[i:i + 1]), t(y[i:i + 1])).item() for i in range(30)], per_sample, 1e-14)
    gradient = cr.grad(lambda p: loss(p, t(y)))(t(predicted))
    close(gradient, slope(predicted - y) / 30, 1e-14)                       # square: (2/n)(ŷ - y)
    close(gradient, cr.numeric.gradient(lambda p: loss(p, t(y)), t(predicted)), 1e-7)


@pytest.mark.book("2.3-square-loss")
def test_the_square_loss_is_the_squared_norm_by_n():
    predicted, y = rng.normal(size=17), rng.normal(size=17)
    close(cr.losses.mse(t(predicted), t(y)), np.linalg.norm(y - predicted) ** 2 / 17, 1e-14)


@pytest.mark.book("2.3-absolute-loss")
def test_the_best_constant_of_the_absolute_loss_is_the_median():
    y = rng.normal(size=31) ** 3
    constant = cr.models.DescentRegression("absolute", fit_intercept=False).fit(np.ones((31, 1)), y)
    assert abs(constant.coef_[0] - np.median(y)) < 1e-6
    assert abs(constant.coef_[0] - y.mean()) > 0.1
    close(cr.grad(lambda p: cr.losses.mae(p, t([0.0]), reduction="sum"))(t([0.0])), [0.0], 0)


@pytest.mark.book("2.3-huber-loss")
def test_the_huber_loss_joins_square_and_absolute():
    def huber(e, delta):
        return cr.losses.huber(t(e), t(np.zeros_like(e)), delta=delta, reduction="none")

    e = np.array([0, 0.5, 1, 2, -3.0])
    close(huber(e, 1.0), [0, 0.125, 0.5, 1.5, 2.5], 1e-15)
    for delta in (0.3, 1.0, 2.5):
        at = np.array([-delta, delta])
        below, above = at * (1 - 1e-9), at * (1 + 1e-9)
        close(huber(below, delta), huber(above, delta), 1e-7)
        slope = cr.grad(lambda e, d=delta: cr.sum(cr.losses.huber(e, cr.zeros(2, dtype=cr.float64), delta=d,
                                                                  reduction="none")))
        close(slope(t(below)), slope(t(above)), 1e-7)
    close(huber(e, 1e6), e * e / 2, 1e-14)
    close(np.asarray(huber(e, 1e-9)) / 1e-9, np.abs(e), 1e-8)


# ---- least squares
@pytest.mark.book("2.3-gradient-square")
def test_the_gradient_of_the_squared_norm():
    X, y = problem()
    theta = rng.normal(size=4)
    formula = -2 * X.T @ y + 2 * X.T @ X @ theta                             # (2.14)

    def square(theta):
        e = t(y) - t(X) @ theta
        return e @ e

    close(cr.grad(square)(t(theta)), formula, 1e-12)
    close(cr.numeric.gradient(square, t(theta)), formula, 1e-6)


@pytest.mark.book("2.3-normal-equations")
def test_the_normal_equations_give_least_squares():
    X, y = problem(50, 6, seed=1)
    theta = np.asarray(normal_equations(t(X), t(y)))
    close(theta, np.linalg.lstsq(X, y, rcond=None)[0], 1e-10)
    assert np.abs(X.T @ (y - X @ theta)).max() < 1e-10
    with pytest.raises(ValueError, match="normal_equations: Xᵀ X is singular for X .50, 7"):
        normal_equations(t(np.c_[X, X[:, 0]]), t(y))


def penrose(a, p):
    close(a @ p @ a, a, 1e-9)
    close(p @ a @ p, p, 1e-9)
    close((a @ p).T, a @ p, 1e-9)
    close((p @ a).T, p @ a, 1e-9)


@pytest.mark.book("2.3-pseudo-inverse")
def test_the_pseudo_inverse_of_full_column_rank():
    X, _ = problem(30, 5, seed=2)
    p = np.asarray(cr.linalg.pinv(t(X)))
    penrose(X, p)
    close(p @ X, np.eye(5), 1e-12)
    close(p, np.linalg.inv(X.T @ X) @ X.T, 1e-12)                            # (2.16)


@pytest.mark.book("2.3-pinv-svd")
@pytest.mark.parametrize("kind", ["full", "deficient", "wide", "zero"])
def test_the_pseudo_inverse_of_any_rank(kind):
    A = {"full": rng.normal(size=(7, 4)), "deficient": rng.normal(size=(8, 2)) @ rng.normal(size=(2, 5)),
         "wide": rng.normal(size=(3, 6)), "zero": np.zeros((4, 3))}[kind]
    p = np.asarray(cr.linalg.pinv(t(A)))
    close(p, np.linalg.pinv(A), 1e-10)
    penrose(A, p)
    U, s, Vh = (np.asarray(x) for x in cr.linalg.svd(t(A), full_matrices=False))
    inverse = np.where(s > 1e-10, 1 / np.where(s > 1e-10, s, 1), 0)
    close(p, Vh.T @ np.diag(inverse) @ U.T, 1e-10)                           # (2.17)
    cut = np.asarray(cr.linalg.pinv(t(A), rtol=0.9))
    close(cut, np.linalg.pinv(A, rcond=0.9), 1e-10)


@pytest.mark.book("2.3-min-norm")
def test_of_all_least_squares_solutions_the_shortest_is_given():
    X = rng.normal(size=(20, 3)) @ rng.normal(size=(3, 5))
    y = rng.normal(size=20)
    null = np.linalg.svd(X)[2][3:]
    for theta in (least_squares(t(X), t(y)), gram_least_squares(t(X.T @ X), t(X.T @ y))):
        theta = np.asarray(theta)
        rest = np.linalg.norm(y - X @ theta)
        for v in (null[0], null[1], null[0] - 2 * null[1]):
            other = theta + 0.7 * v
            assert abs(np.linalg.norm(y - X @ other) - rest) < 1e-10
            assert np.linalg.norm(other) > np.linalg.norm(theta) + 0.01


def test_least_squares_from_the_gram_matrix_leaves_unused_columns_at_zero():
    X = rng.normal(size=(30, 6))
    X[:, [1, 4]] = 0
    X[:, 5] = X[:, 0]
    Y = rng.normal(size=(30, 2))
    close(gram_least_squares(t(X.T @ X), t(X.T @ Y)), np.linalg.pinv(X) @ Y, 1e-12)
    close(gram_least_squares(t(np.zeros((3, 3))), t(np.zeros(3))), np.zeros(3), 0)


# ---- categories
@pytest.mark.book("2.3-encode-binary-ordinal")
def test_categories_become_numbers_of_the_users_spacing():
    encoder = cr.preprocessing.OrdinalEncoder([["red", "blue"]]).fit([["blue"], ["red"]])
    close(encoder.transform([["red"], ["blue"], ["red"]]), [[0], [1], [0]], 0)
    size = np.array(["low", "high", "medium", "low", "high", "medium"])[:, None]
    y = np.array([0.0, 5.0, 1.0, 0.2, 4.8, 1.4])
    order, predictions = [["low", "medium", "high"]], []
    for values in (None, [[0, 1, 4]]):
        encoder = cr.preprocessing.OrdinalEncoder(order, values).fit(size)
        z = encoder.transform(size)
        close(z[:3, 0], [0, 2, 1] if values is None else [0, 4, 1], 0)
        assert np.all(encoder.inverse_transform(z) == size)
        predictions.append(cr.models.LinearRegression().fit(z, y).predict(z))
    assert np.abs(predictions[0] - predictions[1]).max() > 0.3
    with pytest.raises(ValueError, match="X has the category 'huge' in column 0; known are 'low'"):
        encoder.transform([["huge"]])
    with pytest.raises(ValueError, match=r"values has lists of \[2\] numbers, needs \[3\], one a level"):
        cr.preprocessing.OrdinalEncoder(order, [[0, 1]]).fit(size)


@pytest.mark.book("2.3-one-hot")
def test_one_hot_codes_are_rows_of_the_identity():
    from sklearn.preprocessing import OneHotEncoder

    Z = np.array([["b", "x"], ["a", "y"], ["c", "x"], ["a", "z"]])
    encoder = cr.preprocessing.OneHotEncoder().fit(Z)
    codes = encoder.transform(Z)
    close(codes, OneHotEncoder(sparse_output=False).fit_transform(Z), 0)
    close(codes[:, :3].sum(1), 1, 0)
    close(codes[:, :3], np.eye(3)[[1, 0, 2, 0]], 0)
    assert np.all(codes[:, :3].argmax(1) == [1, 0, 2, 0])
    assert np.all(encoder.inverse_transform(codes) == Z)
    close(cr.one_hot(cr.tensor([1, 0, 2, 0]), 3), codes[:, :3], 0)
    dropped = cr.preprocessing.OneHotEncoder(drop="first").fit(Z)
    assert np.all(dropped.inverse_transform(dropped.transform(Z)) == Z)


@pytest.mark.book("2.3-feature-count", "2.3-dummy-drop")
def test_all_dummies_beside_an_intercept_depend_on_each_other():
    """L levels: with an intercept all L dummies give rank d - 1; one dropped, or no intercept, full rank."""
    n, L = 40, 4
    numeric, level = rng.normal(size=(n, 3)), rng.integers(L, size=(n, 1))
    y = numeric @ [1.0, 2.0, -1.0] + np.array([0.0, 3.0, -2.0, 5.0])[level[:, 0]] + 0.1 * rng.normal(size=n)
    full, short = (cr.preprocessing.OneHotEncoder(drop=drop).fit_transform(level) for drop in (None, "first"))
    designs = [design_matrix(t(np.c_[numeric, full])), design_matrix(t(np.c_[numeric, short])),
               design_matrix(t(np.c_[numeric, full]), intercept=False)]
    assert [X.shape for X in designs] == [(n, 1 + 3 + L), (n, 1 + 3 + L - 1), (n, 3 + L)]
    assert [int(cr.linalg.matrix_rank(X)) for X in designs] == [3 + L, 3 + L, 3 + L]
    fits = [np.asarray(X @ least_squares(X, t(y))) for X in designs]
    close(fits[1], fits[0], 1e-10)
    close(fits[2], fits[0], 1e-10)


# ---- several classes
@pytest.mark.book("2.3-one-vs-rest")
def test_one_pseudo_inverse_serves_all_classes():
    X, label = rng.normal(size=(90, 3)), np.arange(90) % 3
    X += 2 * np.eye(3)[label]
    model = OneVsRest().fit(X, label)
    design = np.c_[np.ones(90), X]
    Y = np.where(label[:, None] == np.arange(3), 1.0, -1.0)
    Theta = np.linalg.pinv(design) @ Y
    close(np.c_[model.intercept_, model.coef_], Theta.T, 1e-10)
    for i in range(3):                                                      # K separate fits
        close(np.r_[model.intercept_[i], model.coef_[i]], np.linalg.lstsq(design, Y[:, i], rcond=None)[0])
    assert np.all(model.predict(X) == (design @ Theta).argmax(1))
    close(OneVsRest(cr.models.LinearRegression()).fit(X, label).decision_function(X), design @ Theta)


@pytest.mark.book("2.3-one-vs-one")
def test_pairs_vote_and_each_vote_has_its_counterpart():
    X, label = rng.normal(size=(120, 2)), np.array(["ash", "elm", "oak"])[np.arange(120) % 3]
    # in a row, so that the one in the middle against the rest fails
    X = 0.4 * X + 3 * np.array([[0, 0], [1, 0], [2, 0]])[np.arange(120) % 3]
    model = OneVsOne().fit(X, label)
    assert len(model.pairs_) == 3
    assert len(OneVsOne().fit(rng.normal(size=(100, 2)), np.arange(100) % 10).pairs_) == 45
    f, design = model.pair_scores(X), np.c_[np.ones(120), X]
    for column, (i, j) in enumerate(model.pairs_):
        rows = np.isin(label, model.classes_[[i, j]])
        for sign, (a, b) in ((1, (i, j)), (-1, (j, i))):                    # f_ji = -f_ij
            y = np.where(label[rows] == model.classes_[a], 1.0, -1.0)
            close(design @ np.linalg.lstsq(design[rows], y, rcond=None)[0], sign * f[:, column], 1e-9)
            assert model.classes_[b] in label[rows]
    votes = model.decision_function(X)
    close(votes.sum(1), 0, 0)
    assert model.score(X, label) > 0.98 > OneVsRest().fit(X, label).score(X, label)
    from sklearn.multiclass import OneVsOneClassifier
    from sklearn.svm import LinearSVC
    theirs = OneVsOneClassifier(LinearSVC(random_state=0)).fit(X, label)
    ours = OneVsOne(LinearSVC(random_state=0)).fit(X, label)
    assert np.mean(ours.predict(X) == theirs.predict(X)) > 0.99


def test_equal_votes_go_to_the_first_class():
    model = OneVsOne().fit(np.eye(3)[np.arange(9) % 3], np.arange(9) % 3)
    model.coef_ = np.zeros((3, 3))
    for scores in ([1, -1, 1], [0, 0, 0]):                                  # 0 beats 1 beats 2 beats 0; none
        model.intercept_ = np.array(scores)
        assert not model.decision_function(np.ones((1, 3))).any()
        assert model.predict(np.ones((1, 3)))[0] == 0


@pytest.mark.book("2.3-multiclass-confusion")
@pytest.mark.parametrize("name, accuracy", [("one against the rest", 0.8603), ("pairs", 0.9297)])
def test_the_printed_tables_have_true_digits_in_their_columns(name, accuracy):
    from chainrule.book import ch2_linear
    from sklearn import metrics

    printed = ch2_linear.printed(name)
    assert printed.sum(0).tolist() == [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009]
    decided, true = (np.repeat(index.ravel(), printed.ravel()) for index in np.indices((10, 10)))
    M = cr.metrics.confusion_matrix(decided, true)
    assert np.all(M == printed.T) and M.sum() == 10_000                     # ours: a row is a true digit
    assert abs(np.trace(M) / M.sum() - accuracy) < 1e-12 and cr.accuracy(decided, true) == accuracy
    close(cr.metrics.precision(decided, true, "none"),
          metrics.precision_score(true, decided, average=None), 1e-14)
    recall = cr.metrics.recall(decided, true, "none")
    close(recall, metrics.recall_score(true, decided, average=None), 1e-14)
    lowest, value = (5, 0.7388) if name != "pairs" else (8, 0.8624)
    assert recall.argmin() == lowest and abs(recall.min() - value) < 1e-4 and recall.argmax() == 1


@pytest.mark.book("2.3-mnist-ovr-ovo")
def test_pairs_tell_digits_at_least_as_well_as_one_against_the_rest():
    """Without MNIST the same code runs on made digits."""
    made = cr.data.made_digits(2000, rng=cr.Rng(0), size=14)
    x, y = np.asarray(made.x).reshape(2000, -1), np.asarray(made.y)
    train, test = slice(0, 1600), slice(1600, 2000)
    scores = [model().fit(x[train], y[train]).score(x[test], y[test]) for model in (OneVsRest, OneVsOne)]
    assert scores[1] >= scores[0] > 0.7


def test_laplace_agrees_with_scipy():
    from scipy.stats import laplace

    u = np.linspace(-8, 8, 41)
    ours, theirs = cr.distributions.Laplace(0.5, 1.5), laplace(0.5, 1.5)
    close(ours.log_prob(u), theirs.logpdf(u), 1e-12)
    close(ours.prob(u), theirs.pdf(u), 1e-12)
    close(ours.cdf(u), theirs.cdf(u), 1e-12)
    close(ours.entropy(), theirs.entropy(), 1e-12)
    draws = ours.sample(20_000, rng=cr.Rng(0)).numpy()
    from scipy.stats import kstest
    assert kstest(draws, theirs.cdf).pvalue > 0.01
    with pytest.raises(ValueError, match="Laplace: scale must be positive"):
        cr.distributions.Laplace(0.0, 0.0)


ROWS, CLASSES = np.ones((6, 2)) * np.arange(6)[:, None], np.arange(6) % 3
m, p = cr.models, cr.preprocessing
BAD = {
    "LinearRegression: method 'x' is unknown": (m.LinearRegression(method="x"), ROWS, CLASSES),
    "LinearRegression: rtol must be a finite": (m.LinearRegression(rtol=-1), ROWS, CLASSES),
    "LinearRegression: X needs rows of one length": (m.LinearRegression(), [[1, 2], [3]], [1, 2]),
    "gram_least_squares: Xᵀ X is not finite": (OneVsOne(), 1e200 * ROWS, CLASSES),
    "OneVsRest: y holds 1 class": (OneVsRest(), ROWS, np.zeros(6)),
    "OneVsRest: Unknown label type: continuous": (OneVsRest(), ROWS, ROWS[:, 0] / 2),
    "fresh: 3 is no estimator": (OneVsRest(3), ROWS, CLASSES),
    "Pipeline: steps needs to be a list": (m.Pipeline([]), ROWS, CLASSES),
    "OneHotEncoder: drop 'last' is unknown": (p.OneHotEncoder(drop="last"), ROWS, CLASSES),
    "OneHotEncoder: levels needs a list": (p.OneHotEncoder(5), ROWS, CLASSES),
    "DescentRegression: alpha must be a finite": (m.DescentRegression(alpha=-1), ROWS, CLASSES),
    "DescentRegression: loss 'l3' is unknown": (m.DescentRegression("l3"), ROWS, CLASSES),
    "huber: delta must be positive": (m.DescentRegression("huber", delta=0), ROWS, CLASSES),
}


@pytest.mark.parametrize("message", BAD)
@pytest.mark.filterwarnings("ignore:overflow")
def test_bad_settings_are_named_in_one_line(message):
    estimator, X, y = BAD[message]
    with pytest.raises((ValueError, TypeError)) as error:
        estimator.fit(X, y)
    assert str(error.value).startswith(message) and "\n" not in str(error.value)
