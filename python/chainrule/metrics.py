"""Measures of a classifier or a regression, computed with NumPy: the prediction first, then the truth.

Book: §2.2

Arguments are tensors, arrays or lists; results are floats and NumPy arrays. A ratio 0/0 is 0.
"""
from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from . import check

AVERAGES = ("none", "macro", "micro", "weighted", "binary")


def accuracy(predicted: Any, y: Any, batch_size: int = 512) -> float:
    """Share of correct answers.   Book: §2.2, (2.6)

    Shapes  predicted (...) classes or (..., K) scores (the largest wins), y (...)
    Differs predicted may be a model: then y is a data set with .batches(size=), asked in eval mode
    """
    if callable(predicted):
        return _model_accuracy(predicted, y, batch_size)
    predicted, y = _classes(predicted, y, "accuracy")
    return float(np.mean(predicted == y)) if y.size else float("nan")


def top_k_accuracy(scores: Any, y: Any, k: int = 5) -> float:
    """Share of samples whose class is among the k largest scores; ties count against.   Book: §6.4

    Shapes  scores (..., K), y (...)
    """
    check.positive("top_k_accuracy", k=k)
    scores, y = np.asarray(scores), np.asarray(y)
    if scores.ndim == 0 or scores.shape[:-1] != y.shape:
        raise ValueError(f"top_k_accuracy: scores {scores.shape} and y {y.shape} need "
                         "y.shape == scores.shape[:-1]")
    own = np.take_along_axis(scores, y[..., None], -1)
    rank = np.sum(scores > own, -1) + np.sum(scores == own, -1)          # 1 for the one largest score
    return float(np.mean(rank <= k)) if y.size else float("nan")


def confusion_matrix(predicted: Any, y: Any, classes: int | None = None) -> np.ndarray:
    """Counts: entry (i, j) of samples of class i that were called j.   Book: §2.2, Table 2.1

    Shapes  predicted (n,) or (n, K) scores, y (n,) -> (classes, classes)
    """
    predicted, y = _classes(predicted, y, "confusion_matrix")
    largest = int(max(predicted.max(initial=-1), y.max(initial=-1)))
    classes = largest + 1 if classes is None else classes
    if min(predicted.min(initial=0), y.min(initial=0)) < 0 or largest >= classes:
        raise ValueError(f"confusion_matrix: classes need to be 0 to {classes - 1}, got up to {largest}")
    pairs = classes * y.astype(np.int64).ravel() + predicted.astype(np.int64).ravel()
    return np.bincount(pairs, minlength=classes * classes).reshape(classes, classes)


def mean_iou(predicted: Any, y: Any, classes: int | None = None) -> float:
    """Mean over the classes of TP / (TP + FP + FN), intersection over union: how well masks agree.

    Book: §6.6
    Shapes  predicted, y one shape, class numbers; classes that neither has do not count
    """
    M = confusion_matrix(np.asarray(predicted).ravel(), np.asarray(y).ravel(), classes)
    shared, either = np.diag(M), M.sum(0) + M.sum(1) - np.diag(M)
    there = either > 0
    return float(np.mean(shared[there] / either[there])) if there.any() else float("nan")


def precision(predicted: Any, y: Any, average: str = "macro") -> Any:
    """TP / (TP + FP): which share of those called so are so.   Book: §2.2; `average` as f_score"""
    return _averaged("precision", predicted, y, average, lambda tp, fp, fn: _ratio(tp, tp + fp))


def recall(predicted: Any, y: Any, average: str = "macro") -> Any:
    """TP / (TP + FN), the sensitivity: which share of those that are so are called so.   Book: §2.2"""
    return _averaged("recall", predicted, y, average, lambda tp, fp, fn: _ratio(tp, tp + fn))


def f_score(predicted: Any, y: Any, beta: float = 1.0, average: str = "macro") -> Any:
    """(1 + β²) P R / (β² P + R) of precision P and recall R.   Book: §2.2, (2.7)

    average  "none": an array over the classes; "macro": its mean; "weighted": its mean by class sizes;
             "micro": from counts added up over the classes; "binary": of class 1
    """
    check.not_negative("f_score", beta=beta)
    b2 = beta * beta
    return _averaged("f_score", predicted, y, average,
                     lambda tp, fp, fn: _ratio((1 + b2) * tp, (1 + b2) * tp + b2 * fn + fp))


class Rates(NamedTuple):
    """Shares of a confusion matrix; a share of nothing, 0/0, is 0."""
    specificity: float                   # TN / (TN + FP)
    sensitivity: float                   # TP / (TP + FN), the recall
    npv: float                           # TN / (TN + FN), negative predictive value
    ppv: float                           # TP / (TP + FP), the precision
    false_positive: float                # FP / (TN + FP) = 1 - specificity


def rates(predicted: Any, y: Any) -> Rates:
    """Specificity, sensitivity, predictive values and the false positive rate of 0/1 decisions.   Book: §2.2

    Shapes  predicted (n,), y (n,) of 0 and 1
    Differs the book's table has the first two in the right margin, not at the bottom as its text says
    """
    M = confusion_matrix(predicted, y, classes=2)
    (tn, fp), (fn, tp) = M.tolist()
    values = _ratio(np.array([tn, tp, tn, tp, fp]), np.array([tn + fp, tp + fn, tn + fn, tp + fp, tn + fp]))
    return Rates(*values.tolist())


def decide(scores: Any, tau: float = 0.5) -> np.ndarray:
    """1 where the score is above tau, else 0; a score equal to tau gives 0.   Book: §2.2, (2.5)

    Differs (2.5) names its left side ŷ, the score; the decision is meant
    """
    return (np.asarray(scores) > tau).astype(np.int64)


def best_threshold(scores: Any, y: Any, score: Callable[[Any, Any], float] | None = None
                   ) -> tuple[float, float]:
    """(tau, score) of the decision rule with the largest score(decisions, y), by default F1.   Book: §2.2

    Every rule that `scores` can tell apart is tried: below all of them, at each; the least of equals wins.
    """
    scores = np.asarray(scores, np.float64).ravel()
    if scores.size == 0 or not np.isfinite(scores).all():
        raise ValueError("best_threshold: scores need to be finite, and at least one")
    if score is None:
        def score(predicted, y):
            return f_score(predicted, y, average="binary")
    thresholds = np.r_[np.nextafter(scores.min(), -np.inf), np.unique(scores)]
    values = [score(decide(scores, tau), y) for tau in thresholds]
    best = int(np.argmax(values))
    return float(thresholds[best]), float(values[best])


def roc_curve(scores: Any, y: Any) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(false positive rates, true positive rates, thresholds) from (0, 0) to (1, 1).   Book: §2.2, Fig. 2.4

    Shapes  scores (n,), y (n,) of 0 and 1; equal scores are one step, so the curve may be slanted there
    """
    scores, y = np.asarray(scores, np.float64).ravel(), np.asarray(y).ravel()
    if scores.shape != y.shape or not np.isin(y, (0, 1)).all() or np.unique(y).size < 2:
        raise ValueError(f"roc_curve: scores {scores.shape} and y {y.shape} need one length, "
                         "and y both 0 and 1 and nothing else")
    if np.isnan(scores).any():
        raise ValueError("roc_curve: scores hold NaN")
    order = np.argsort(-scores, kind="stable")
    scores, y = scores[order], y[order].astype(np.int64)
    last = np.r_[np.flatnonzero(scores[1:] != scores[:-1]), scores.size - 1]      # last of each run of ties
    tp = np.cumsum(y)[last]
    fp = last + 1 - tp
    return np.r_[0, fp / fp[-1]], np.r_[0, tp / tp[-1]], np.r_[np.inf, scores[last]]


def auc(scores: Any, y: Any) -> float:
    """Area under the ROC curve: the chance that a 1 scores above a 0, ties counting half.   Book: §2.2"""
    fpr, tpr, _ = roc_curve(scores, y)
    return float(np.sum(np.diff(fpr) * (tpr[1:] + tpr[:-1]) / 2))


def square_error(predicted: Any, y: Any) -> np.ndarray:
    """P(ŷ, y) = (ŷ - y)² of each sample; the mean is the mean squared error.   Book: §2.5"""
    predicted, y = np.asarray(predicted, np.float64), np.asarray(y, np.float64)
    if predicted.shape != y.shape:
        raise ValueError(f"square_error: predicted {predicted.shape} and y {y.shape} need one shape")
    return (predicted - y) ** 2


def zero_one_error(predicted: Any, y: Any) -> np.ndarray:
    """P(ŷ, y) = 1 if ŷ != y, else 0, of each sample; the mean is one minus the accuracy.   Book: §2.5

    Shapes  predicted (...) classes or (..., K) scores, y (...)
    """
    predicted, y = _classes(predicted, y, "zero_one_error")
    return (predicted != y).astype(np.float64)


def r2(predicted: Any, y: Any) -> float:
    """1 - Σ (y - ŷ)² / Σ (y - ȳ)²: the share of variance explained.   Book: §2.3"""
    predicted, y = np.asarray(predicted, np.float64), np.asarray(y, np.float64)
    if predicted.shape != y.shape or y.size < 2:
        raise ValueError(f"r2: predicted {predicted.shape} and y {y.shape} need one shape, two samples")
    rest, total = np.sum((y - predicted) ** 2), np.sum((y - y.mean()) ** 2)
    if total == 0:
        return 1.0 if rest == 0 else 0.0
    return float(1 - rest / total)


def _averaged(op: str, predicted: Any, y: Any, average: str, score: Any) -> Any:
    """The score of (TP, FP, FN), for each class or averaged."""
    check.one_of(op, "average", average, AVERAGES)
    M = confusion_matrix(predicted, y)
    tp = np.diag(M).astype(np.float64)
    fp, fn = M.sum(0) - tp, M.sum(1) - tp
    if average == "micro":
        return float(score(tp.sum(), fp.sum(), fn.sum()))
    each = score(tp, fp, fn)
    if average == "binary":
        if len(M) > 2:
            raise ValueError(f"{op}: average 'binary' needs classes 0 and 1, got {len(M)} classes")
        return float(each[1]) if len(M) == 2 else 0.0
    if average == "none":
        return each
    present = (tp + fp + fn) > 0                     # a number below the largest class that nobody uses
    weight = (tp + fn) if average == "weighted" else present.astype(np.float64)
    return float(_ratio(np.sum(weight * each), weight.sum()))


def _ratio(a: Any, b: Any) -> Any:
    return np.divide(a, b, out=np.zeros_like(np.asarray(a, np.float64)), where=np.asarray(b) != 0)


def _classes(predicted: Any, y: Any, op: str) -> tuple[np.ndarray, np.ndarray]:
    predicted, y = np.asarray(predicted), np.asarray(y)
    if predicted.ndim == y.ndim + 1:
        predicted = predicted.argmax(-1)
    if predicted.shape != y.shape:
        raise ValueError(f"{op}: predicted {predicted.shape} and y {y.shape} need one class, or one row of "
                         "scores, a sample")
    return predicted, y


def _model_accuracy(model: Any, data: Any, batch_size: int) -> float:
    training = model.training
    model.eval()
    try:
        right = count = 0
        for x, y in data.batches(size=batch_size):
            predicted, y = _classes(model(x), y, "accuracy")
            right, count = right + int(np.sum(predicted == y)), count + y.size
    finally:
        model.train(training)
    return right / count if count else float("nan")
