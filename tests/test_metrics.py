"""Measures: the book's counts, hand cases, and scikit-learn."""
import chainrule as cr
import numpy as np
import pytest

metrics = cr.metrics
RNG = np.random.default_rng(0)


def cases(tp, fp, fn, tn):
    """Predictions and truth with these counts."""
    predicted = np.repeat([1, 1, 0, 0], [tp, fp, fn, tn])
    return predicted, np.repeat([1, 0, 1, 0], [tp, fp, fn, tn])


@pytest.mark.book("2.2-wdbc-metrics", "2.2-precision-recall-f1", "2.2-accuracy")
@pytest.mark.parametrize("counts, numbers", [
    ((16, 7, 24, 66), (0.7257, 0.6957, 0.4, 0.5079)), ((36, 8, 4, 65), (0.8938, 0.8182, 0.9, 0.8571))])
def test_the_breast_cancer_counts_give_the_books_numbers(counts, numbers):
    """§2.2: accuracy, precision, recall and F1 of the printed classifiers."""
    predicted, y = cases(*counts)
    ours = (metrics.accuracy(predicted, y), metrics.precision(predicted, y, "binary"),
            metrics.recall(predicted, y, "binary"), metrics.f_score(predicted, y, average="binary"))
    assert np.allclose(ours, numbers, atol=1e-4)
    tp, fp, fn, tn = counts
    assert metrics.confusion_matrix(predicted, y).tolist() == [[tn, fp], [fn, tp]]


@pytest.mark.book("2.2-degenerate-classifier")
def test_always_saying_no_is_accurate_and_useless():
    predicted, y = cases(0, 0, 5, 95)
    assert metrics.accuracy(predicted, y) == 0.95
    assert metrics.recall(predicted, y, "binary") == metrics.f_score(predicted, y, average="binary") == 0


@pytest.mark.parametrize("average", ["none", "macro", "micro", "weighted"])
def test_precision_recall_and_f_equal_scikit_learns(average):
    theirs = pytest.importorskip("sklearn.metrics")
    y, predicted = RNG.integers(0, 5, 200), RNG.integers(0, 5, 200)
    option = {"average": None if average == "none" else average, "zero_division": 0}
    assert np.allclose(metrics.precision(predicted, y, average),
                       theirs.precision_score(y, predicted, **option))
    assert np.allclose(metrics.recall(predicted, y, average), theirs.recall_score(y, predicted, **option))
    for beta in (0.5, 1, 2):
        assert np.allclose(metrics.f_score(predicted, y, beta, average),
                           theirs.fbeta_score(y, predicted, beta=beta, **option))
    assert np.array_equal(metrics.confusion_matrix(predicted, y), theirs.confusion_matrix(y, predicted))


def test_a_class_that_nobody_has_does_not_change_the_macro_mean():
    theirs = pytest.importorskip("sklearn.metrics")
    y, predicted = np.array([0, 0, 3, 3]), np.array([0, 3, 3, 1])
    assert np.isclose(metrics.precision(predicted, y), theirs.precision_score(y, predicted, average="macro",
                                                                              zero_division=0))


@pytest.mark.book("2.2-roc-curve", "2.2-auc")
@pytest.mark.parametrize("ties", [False, True])
def test_the_roc_curve_and_its_area_equal_scikit_learns_and_the_rank_formula(ties):
    theirs = pytest.importorskip("sklearn.metrics")
    scores, y = RNG.normal(size=300), RNG.integers(0, 2, 300)
    if ties:
        scores = scores.round(0)
    fpr, tpr, thresholds = metrics.roc_curve(scores, y)
    fpr_t, tpr_t, thresholds_t = theirs.roc_curve(y, scores, drop_intermediate=False)
    assert np.allclose(fpr, fpr_t) and np.allclose(tpr, tpr_t)
    assert np.allclose(thresholds[1:], thresholds_t[1:])
    area = metrics.auc(cr.tensor(scores), cr.tensor(y))
    assert np.isclose(area, theirs.roc_auc_score(y, scores), atol=1e-12)
    ones, zeros = scores[y == 1][:, None], scores[y == 0][None, :]
    assert np.isclose(area, ((ones > zeros) + 0.5 * (ones == zeros)).mean(), atol=1e-12)


@pytest.mark.book("2.2-auc")
def test_the_area_of_perfect_reversed_and_constant_scores():
    y = [0, 0, 1, 1]
    assert metrics.auc([1, 2, 3, 4], y) == 1
    assert metrics.auc([4, 3, 2, 1], y) == 0
    assert metrics.auc([7, 7, 7, 7], y) == 0.5
    with pytest.raises(ValueError, match="roc_curve: .* needs? one length, and y both 0 and 1"):
        metrics.auc([1, 2], [1, 1])


@pytest.mark.book("2.2-roc-curve")
@pytest.mark.parametrize("ties", [False, True])
def test_the_roc_curve_is_what_counting_at_every_threshold_gives(ties):
    scores, y = RNG.normal(size=80), RNG.integers(0, 2, 80)
    scores = scores.round(0) if ties else scores
    fpr, tpr, thresholds = metrics.roc_curve(scores, y)
    for a, b, tau in zip(fpr, tpr, thresholds, strict=True):
        called = scores >= tau
        assert a == (called & (y == 0)).sum() / (y == 0).sum()
        assert b == (called & (y == 1)).sum() / (y == 1).sum()
    assert (fpr[0], tpr[0], fpr[-1], tpr[-1]) == (0, 0, 1, 1)
    assert (np.diff(fpr) >= 0).all() and (np.diff(tpr) >= 0).all() and len(fpr) == 1 + len(np.unique(scores))
    again = metrics.roc_curve(np.exp(2 * scores) - 5, y)                # any increasing map of the scores
    assert np.array_equal(again[0], fpr) and np.array_equal(again[1], tpr)


@pytest.mark.book("2.2-confusion-matrix", "2.2-accuracy")
@pytest.mark.parametrize("K", [2, 4])
def test_the_confusion_matrix_counts_reality_by_decision(K):
    y, predicted = RNG.integers(0, K, 113), RNG.integers(0, K, 113)
    counts = np.zeros((K, K), int)
    for i, j in zip(y, predicted, strict=True):
        counts[i, j] += 1
    M = metrics.confusion_matrix(predicted, y)
    assert np.array_equal(M, counts) and M.sum() == 113
    assert metrics.accuracy(predicted, y) == np.trace(M) / M.sum()
    assert metrics.confusion_matrix([1, 0, 1, 1], [1, 0, 0, 1]).tolist() == [[1, 1], [0, 2]]


@pytest.mark.book("2.2-rates")
def test_the_rates_are_their_shares_and_a_share_of_nothing_is_0():
    tp, fp, fn, tn = 16, 7, 24, 66
    ours = metrics.rates(*cases(tp, fp, fn, tn))
    shares = (tn / (tn + fp), tp / (tp + fn), tn / (tn + fn), tp / (tp + fp), fp / (tn + fp))
    assert ours == pytest.approx(shares)
    assert ours.false_positive == pytest.approx(1 - ours.specificity)
    assert metrics.rates([0, 0], [0, 0]) == (1, 0, 1, 0, 0) and metrics.rates([], []) == (0,) * 5
    with pytest.raises(ValueError, match="classes need to be 0 to 1"):
        metrics.rates([0, 2], [0, 1])


@pytest.mark.book("2.2-threshold-classifier")
def test_a_score_equal_to_the_threshold_is_called_0():
    assert metrics.decide([0.2, 0.5, np.nextafter(0.5, 1), 0.9]).tolist() == [0, 0, 1, 1]
    assert metrics.decide(cr.tensor([1e-30, 0.3, 1.0]), tau=0).tolist() == [1, 1, 1]
    assert metrics.decide([0.3, 0.7], tau=0.7).tolist() == [0, 0]


@pytest.mark.book("2.2-precision-recall-f1")
def test_f1_is_a_harmonic_mean_and_the_sweep_finds_its_largest():
    theirs = pytest.importorskip("sklearn.metrics")
    for _ in range(20):
        y, scores = RNG.integers(0, 2, 60), RNG.normal(size=60).round(1)
        predicted = metrics.decide(scores, 0)
        P, R = metrics.precision(predicted, y, "binary"), metrics.recall(predicted, y, "binary")
        f1 = metrics.f_score(predicted, y, average="binary")
        (_, fp), (fn, tp) = metrics.confusion_matrix(predicted, y, 2).tolist()
        assert f1 == pytest.approx(2 * P * R / (P + R)) == pytest.approx(2 * tp / (2 * tp + fp + fn))
        assert f1 <= (P + R) / 2 + 1e-15 and f1 == metrics.f_score(predicted, y, 1, "binary")
        tau, best = metrics.best_threshold(scores, y)
        P, R, _ = theirs.precision_recall_curve(y, scores)
        assert best == pytest.approx((2 * P * R / np.maximum(P + R, 1e-300)).max())
        assert best == pytest.approx(theirs.f1_score(y, scores > tau))
    tau, best = metrics.best_threshold(scores, y, metrics.accuracy)
    assert best == max(metrics.accuracy(metrics.decide(scores, t), y) for t in np.linspace(-4, 4, 801))
    with pytest.raises(ValueError, match="best_threshold: scores need to be finite"):
        metrics.best_threshold([0.1, np.nan], [0, 1])


@pytest.mark.book("2.5-performance-functions")
def test_the_performance_functions_average_to_the_squared_error_and_one_minus_the_accuracy():
    theirs = pytest.importorskip("sklearn.metrics")
    y, predicted = RNG.normal(size=50), RNG.normal(size=50)
    each = metrics.square_error(predicted, cr.tensor(y))
    assert each.shape == (50,) and np.isclose(each.mean(), theirs.mean_squared_error(y, predicted))
    y, predicted = RNG.integers(0, 3, 50), RNG.integers(0, 3, 50)
    each = metrics.zero_one_error(predicted, y)
    assert set(each) == {0, 1} and np.isclose(each.mean(), 1 - metrics.accuracy(predicted, y))
    with pytest.raises(ValueError, match="square_error: predicted .* need one shape"):
        metrics.square_error([1.0, 2.0], [[1.0], [2.0]])


def test_top_k_accuracy_equals_scikit_learns_and_top_1_the_accuracy():
    theirs = pytest.importorskip("sklearn.metrics")
    scores, y = RNG.normal(size=(100, 6)), RNG.integers(0, 6, 100)
    for k in range(1, 6):
        assert np.isclose(metrics.top_k_accuracy(cr.tensor(scores), cr.tensor(y), k),
                          theirs.top_k_accuracy_score(y, scores, k=k))
    assert metrics.top_k_accuracy(scores, y, 1) == metrics.accuracy(scores, y)
    assert metrics.top_k_accuracy(np.zeros((4, 3)), [0, 1, 2, 0], 1) == 0        # a net that says nothing


def test_r2_equals_scikit_learns():
    theirs = pytest.importorskip("sklearn.metrics")
    y = RNG.normal(size=50)
    predicted = y + 0.3 * RNG.normal(size=50)
    assert np.isclose(metrics.r2(predicted, y), theirs.r2_score(y, predicted))
    assert metrics.r2(y, y) == 1 and np.isclose(metrics.r2(np.full(50, y.mean()), y), 0)


def test_the_accuracy_of_a_model_asks_it_in_eval_mode_and_puts_the_mode_back():
    class Data:
        def batches(self, size):
            for i in range(0, 10, size):
                x = np.arange(i, min(i + size, 10))
                yield cr.tensor(x.astype(np.float32)[:, None]), cr.tensor(x % 2)

    class Model(cr.nn.Module):
        def __call__(self, x):
            assert not self.training
            odd = cr.asarray(np.asarray(x) % 2)
            return cr.concat([1 - odd, odd], axis=1)

    model = Model()
    assert cr.accuracy(model, Data()) == 1.0 and model.training


def test_wrong_shapes_are_named():
    with pytest.raises(ValueError, match=r"accuracy: predicted \(3,\) and y \(2,\) need one class"):
        metrics.accuracy([1, 2, 3], [1, 2])
    with pytest.raises(ValueError, match="f_score: average 'mean' is unknown; needs one of none, macro"):
        metrics.f_score([1], [1], average="mean")
    with pytest.raises(ValueError, match="confusion_matrix: classes need to be 0 to 1, got up to 3"):
        metrics.confusion_matrix([3], [0], classes=2)


def test_mean_iou_is_the_mean_overlap_of_the_classes_that_are_there():
    y = np.array([[0, 0, 1], [2, 2, 1]])
    assert cr.metrics.mean_iou(y, y) == 1
    predicted = np.array([[0, 1, 1], [2, 0, 1]])
    assert abs(cr.metrics.mean_iou(predicted, y) - (1 / 3 + 2 / 3 + 1 / 2) / 3) < 1e-15
    assert abs(cr.metrics.mean_iou(predicted, y, classes=5) - 0.5) < 1e-15
    assert np.isnan(cr.metrics.mean_iou(np.zeros(0, int), np.zeros(0, int)))
