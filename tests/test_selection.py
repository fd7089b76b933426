"""Splits, cross validation, search, resampling: their definitions, closed forms, and scikit-learn."""
import chainrule as cr
import numpy as np
import pytest
from chainrule import selection
from chainrule.metrics import square_error, zero_one_error

book = pytest.mark.book
RNG = np.random.default_rng(0)
SCORING = "neg_mean_squared_error"


class Mean:
    """ŷ = shift + the mean of y; counts its trainings."""
    trainings = 0

    def __init__(self, shift=0.0):
        self.shift = shift

    def get_params(self, deep=True):
        return {"shift": self.shift}

    def set_params(self, shift):
        self.shift = shift
        return self

    def fit(self, X, y):
        Mean.trainings += 1
        self.value = self.shift + np.mean(np.asarray(y))
        return self

    def predict(self, X):
        return np.full(len(X), self.value)


# ---- splits
@book("2.1-train-test-split")
def test_a_split_is_disjoint_whole_and_the_same_for_the_same_seed():
    train, test = selection.split_indices(569, 0.2, rng=cr.Rng(4))
    assert (len(train), len(test)) == (456, 113)
    assert np.array_equal(np.sort(np.r_[train, test]), np.arange(569))
    again = selection.split_indices(569, 0.2, rng=cr.Rng(4))
    assert np.array_equal(train, again[0]) and np.array_equal(test, again[1])
    other = selection.split_indices(569, 0.2, rng=cr.Rng(5))
    assert not np.array_equal(np.sort(test), np.sort(other[1]))
    assert [len(part) for part in selection.split_indices(100, 0.29, rng=None)] == [71, 29]


@book("2.1-train-test-split")
@pytest.mark.parametrize("counts, test", [
    ((357, 212), 0.2), ((7, 11, 2), 0.3), ((5, 5, 5, 1), 0.5), ((3,), 0.4)])
def test_a_stratified_split_keeps_each_classs_share_to_within_one(counts, test):
    y = RNG.permutation(np.repeat(np.arange(len(counts)), counts))
    train, held = selection.split_indices(len(y), test, rng=cr.Rng(1), stratify=y)
    assert len(held) == int(test * len(y) + 1e-9)
    assert np.array_equal(np.sort(np.r_[train, held]), np.arange(len(y)))
    share = np.bincount(y[held], minlength=len(counts))
    assert (abs(share - test * np.array(counts)) < 1).all()
    assert not np.array_equal(held, np.sort(held)) or len(held) < 5, "the order is mixed too"


def test_arrays_tensors_lists_and_data_sets_are_cut_alike():
    X, y = RNG.normal(size=(10, 2)), np.arange(10)
    parts = selection.train_test_split(X, cr.tensor(y), list(y), test=0.3, rng=cr.Rng(0))
    for a, b in ((2, 4), (3, 5)):
        assert np.array_equal(np.asarray(parts[a]), np.asarray(parts[b]))
    assert isinstance(parts[2], cr.Tensor) and np.array_equal(parts[1], X[np.asarray(parts[3])])
    data = cr.data.Dataset(X, y, features=("a", "b"))
    train, test = selection.train_test_split(data, test=0.3, rng=cr.Rng(0))
    assert (len(train), len(test)) == (7, 3) and test.features == ("a", "b")
    assert np.array_equal(np.asarray(test.y), np.asarray(parts[3]))


@book("2.5-train-validate-test")
@pytest.mark.parametrize("stratified", [False, True])
def test_80_20_twice_leaves_64_percent_to_train_on(stratified):
    rows = np.arange(1000)
    labels = rows % 5 == 0
    train, validation, test = selection.train_validate_test_split(
        rows, rng=cr.Rng(2), stratify=labels if stratified else None)
    assert (len(train), len(validation), len(test)) == (640, 160, 200)
    assert np.array_equal(np.sort(np.r_[train, validation, test]), rows)
    if stratified:
        assert [int(labels[part].sum()) for part in (train, validation, test)] == [128, 32, 40]


@pytest.mark.parametrize("call, message", [
    (lambda: selection.split_indices(0, rng=None), "n must be a positive integer, got 0"),
    (lambda: selection.split_indices(5, 1.5, rng=None), r"test must lie in \[0, 1\], got 1.5"),
    (lambda: selection.split_indices(5, rng=None, stratify=[0, 1]), r"labels \(2,\) need one a row, 5 "),
    (lambda: selection.train_test_split([1, 2], [1], rng=None), "arrays have 2, 1 rows"),
    (lambda: selection.train_test_split(rng=None), "needs at least one array"),
    (lambda: selection.KFold(1), "K must be at least 2, got 1"),
    (lambda: selection.KFold(4).split([1, 2, 3]), "K = 4 chunks need as many rows, got 3"),
    (lambda: selection.search(Mean(), [], [1, 2], [1, 2]), "settings are empty"),
    (lambda: selection.search(Mean(), [{"shift": np.nan}], [1, 2], [1, 2], folds=2), "every setting is NaN"),
    (lambda: selection.log_uniform(0, 1), "needs 0 < low < high"),
    (lambda: selection.random_settings(0, rng=cr.Rng(0)), "count must be a positive integer"),
])
def test_what_cannot_be_done_is_named(call, message):
    with pytest.raises(ValueError, match=message):
        call()


# ---- folds
@book("2.5-kfold")
@pytest.mark.parametrize("n, K, rng, stratified", [
    (10, 5, None, False), (103, 10, cr.Rng(1), False), (23, 23, None, False), (101, 4, cr.Rng(0), True)])
def test_every_row_is_in_one_validation_chunk(n, K, rng, stratified):
    y = RNG.integers(0, 3, n)
    folds = selection.KFold(K, rng=rng, stratified=stratified)
    chunks = list(folds.split(y, y))
    assert len(chunks) == K == folds.get_n_splits()
    assert np.array_equal(np.sort(np.concatenate([v for _, v in chunks])), np.arange(n))
    assert all(np.array_equal(np.sort(np.r_[t, v]), np.arange(n)) for t, v in chunks)
    assert np.ptp([len(v) for _, v in chunks]) <= 1
    if stratified:
        counts = np.array([np.bincount(y[v], minlength=3) for _, v in chunks])
        assert (np.ptp(counts, axis=0) <= 1).all()
    again = list(folds.split(y, y))
    assert all(np.array_equal(a[1], b[1]) for a, b in zip(chunks, again, strict=True))


@book("2.5-kfold")
def test_ten_folds_train_on_nine_tenths_and_leaving_one_out_equals_the_closed_form():
    X, y = RNG.normal(size=(40, 3)), RNG.normal(size=40)
    assert {(len(t), len(v)) for t, v in selection.KFold(10).split(X)} == {(36, 4)}
    D = np.c_[np.ones(40), X]
    H = D @ np.linalg.pinv(D)
    closed = np.mean(((y - H @ y) / (1 - np.diag(H))) ** 2)
    found = selection.cross_validate(cr.models.LinearRegression(), X, y, folds=40)
    assert abs(found.mean - closed) < 1e-9 and found.chunks.shape == (40,)


@book("2.5-kfold")
def test_cross_validation_equals_scikit_learns_on_the_same_chunks():
    theirs = pytest.importorskip("sklearn.model_selection")
    linear = pytest.importorskip("sklearn.linear_model")
    X, y = RNG.normal(size=(50, 4)), RNG.normal(size=50)
    folds = selection.KFold(5, rng=cr.Rng(7))
    scores = theirs.cross_val_score(linear.LinearRegression(), X, y, cv=folds, scoring=SCORING)
    ours = selection.cross_validate(cr.models.LinearRegression(), cr.tensor(X), cr.tensor(y), folds)
    assert np.allclose(ours.chunks, -scores, rtol=1e-10) and np.isclose(ours.mean, -scores.mean())
    assert np.isclose(ours.error, scores.std(ddof=1) / np.sqrt(5))


# ---- errors
@book("2.5-e-train", "2.5-e-test")
def test_errors_are_means_of_the_performance_function_with_their_standard_error():
    X, y = RNG.normal(size=(30, 2)), RNG.normal(size=30)
    model = cr.models.LinearRegression().fit(X[:20], y[:20])
    E_train = selection.error(model, X[:20], y[:20])
    assert np.isclose(E_train.mean, np.mean((y[:20] - model.predict(X[:20])) ** 2))
    each = (y[20:] - model.predict(X[20:])) ** 2
    E_test = selection.error(model, X[20:], y[20:])
    assert np.allclose(E_test, (each.mean(), each.std(ddof=1) / np.sqrt(10)))
    guess = Mean().fit(X, np.ones(30))
    wrong = selection.error(guess, X, np.r_[np.ones(24), np.zeros(6)], zero_one_error)
    assert wrong.mean == pytest.approx(0.2)


# ---- search
@book("2.5-grid-search")
def test_the_search_picks_the_least_of_a_known_table_and_never_sees_the_test_set():
    """Validation errors are (shift - 3)² exactly; the test set is asked once, by hand, afterwards."""
    asked = []

    def performance(predicted, y):
        asked.append(np.asarray(y)[0])
        return square_error(predicted, y)

    X, zeros, threes, test = np.zeros((6, 1)), np.zeros(6), np.full(6, 3.0), np.full(6, 2.5)
    Mean.trainings = 0
    settings = selection.grid(shift=[0.0, 1.0, 2.0, 3.0, 4.0])
    found = selection.search(Mean(), settings, X, zeros, validation=(X, threes), performance=performance)
    assert found.table == [({"shift": s}, (s - 3) ** 2) for s in range(5)]
    assert found.settings == {"shift": 3.0} and found.error == 0 and Mean.trainings == 5
    assert asked == [3.0] * 5
    assert selection.error(found.model, X, test, performance).mean == 0.25
    assert asked.count(2.5) == 1


@book("2.5-grid-search")
def test_a_grid_search_over_folds_equals_scikit_learns():
    theirs = pytest.importorskip("sklearn.model_selection")
    from sklearn.linear_model import Ridge

    X = RNG.normal(size=(40, 6))
    y = X @ RNG.normal(size=6) + 2 * RNG.normal(size=40)
    folds, alphas = selection.KFold(5, rng=cr.Rng(0)), [0.1, 1.0, 10.0, 100.0]
    other = theirs.GridSearchCV(Ridge(), {"alpha": alphas}, cv=folds, scoring=SCORING).fit(X, y)
    ours = selection.search(Ridge(), selection.grid(alpha=alphas), X, y, folds=folds)
    assert ours.settings == other.best_params_ and np.isclose(ours.error, -other.best_score_)
    assert np.allclose([e for _, e in ours.table], -other.cv_results_["mean_test_score"])
    assert np.allclose(ours.model.coef_, other.best_estimator_.coef_), "trained again on all rows"


def test_random_settings_are_drawn_from_lists_and_laws():
    draws = {"lam": selection.log_uniform(1e-4, 1e2), "degree": [1, 2, 3]}
    settings = selection.random_settings(400, rng=cr.Rng(0), **draws)
    lam = np.log10([s["lam"] for s in settings])
    assert lam.min() >= -4 and lam.max() <= 2
    assert abs(lam.mean() + 1) < 0.3 and abs(lam.std() - 6 / 12**0.5) < 0.2        # uniform on [-4, 2]
    assert (np.bincount([s["degree"] for s in settings])[1:] > 100).all()
    assert settings == selection.random_settings(400, rng=cr.Rng(0), **draws)


def test_a_model_that_is_searched_is_left_alone():
    model = Mean(shift=5.0)
    selection.search(model, selection.grid(shift=[1.0, 2.0]), np.zeros((4, 1)), np.ones(4), folds=2)
    selection.cross_validate(model, np.zeros((4, 1)), np.ones(4), folds=2)
    assert vars(model) == {"shift": 5.0}


# ---- resampling
@book("2.2-resampling")
def test_resampling_balances_the_classes_of_the_training_set():
    y = RNG.permutation(np.repeat([0, 1, 2], [70, 25, 5]))
    train, test = selection.split_indices(100, 0.2, rng=cr.Rng(3), stratify=y)
    over = selection.oversample(y[train], rng=cr.Rng(0))
    assert np.bincount(y[train][over]).tolist() == [56, 56, 56]
    assert set(over) == set(range(80)), "no row is lost"
    under = selection.undersample(y[train], rng=cr.Rng(0))
    assert np.bincount(y[train][under]).tolist() == [4, 4, 4]
    assert len(set(under)) == len(under), "no row recurs"
    assert not set(train[over]) & set(test) and not set(train[under]) & set(test)
    assert len(selection.oversample([], rng=cr.Rng(0))) == len(selection.undersample([], rng=cr.Rng(0))) == 0
