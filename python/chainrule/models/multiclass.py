"""Several classes by classifiers of two: one against the rest, and each pair.   Book: §2.3"""
from __future__ import annotations

from itertools import combinations
from typing import Any

import numpy as np

import chainrule as cr

from .._core import Tensor
from .estimator import Classifier, Estimator, fresh
from .linear import design_matrix, gram_least_squares, linear


class Moments:
    """G_c = Σ x̃ x̃ᵀ and s_c = Σ x̃ over the samples of each class, x̃ = (1, x).

    They are all that least squares on labels ±1 needs: Xᵀ X = Σ G_c and Xᵀ y = Σ ± s_c, for any choice of
    classes. Ten classes of MNIST cost one product of 60,000 x 785, and each of 55 classifiers 785³.
    """
    def __init__(self, x: Tensor, numbers: Tensor, K: int) -> None:
        order = np.argsort(np.asarray(numbers), kind="stable")
        ends = np.cumsum(np.bincount(np.asarray(numbers), minlength=K))[:-1]
        groups = [cr.asarray(rows).to(x.device) for rows in np.split(order, ends)]
        # sums of squares of many samples: in 64 bits, a class at a time
        designs = (design_matrix(cr.take(x, rows, axis=0).astype(cr.float64)) for rows in groups)
        sums = [(X.mT @ X, cr.sum(X, axis=0)) for X in designs]
        self.G, self.s = [G for G, _ in sums], cr.stack([s for _, s in sums], axis=1)        # s (d, K)

    def one_vs_rest(self) -> Tensor:
        """Θ = X⁺ Y, (d, K), with Y = ±1 of shape (n, K): all K least squares by one decomposition."""
        return gram_least_squares(sum(self.G[1:], self.G[0]), 2 * self.s - cr.sum(self.s, axis=1)[:, None])

    def one_vs_one(self, i: int, j: int) -> Tensor:
        """θ of class i (+1) against class j (-1), (d,)."""
        return gram_least_squares(self.G[i] + self.G[j], self.s[:, i] - self.s[:, j])


class OneVsRest(Classifier, Estimator):
    """The class whose own classifier, it against all others, has the largest score f_i(x).   Book: §2.3

    estimator  learns the labels 1 and -1: a classifier with decision_function or predict_proba, or a
               regressor; None: least squares, all classes at once
    Learned    classes_ (K,); coef_ (K, p) and intercept_ (K,) of least squares, else estimators_. Two classes
               have one classifier, of the second against the first
    Differs    least squares goes by Xᵀ X: directions with singular values below 10⁻⁶ s₁ are left out
    """
    classes_: np.ndarray
    coef_: np.ndarray
    intercept_: np.ndarray
    estimators_: list

    def __init__(self, estimator: Any = None) -> None:
        self.estimator = estimator

    def fit(self, X: Any, y: Any) -> OneVsRest:
        """Learn K scores from samples X and their classes y, of any type."""
        x = self._samples(X, fitting=True)
        classes, numbers = self._labels(y, x)
        K = len(classes)
        first = 1 if K == 2 else 0
        if self.estimator is None:
            theta = Moments(x, numbers, K).one_vs_rest()[:, first:]
            return self._learn(x, classes_=classes, coef_=theta[1:].mT, intercept_=theta[0])
        given, member = np.asarray(x), np.asarray(numbers)
        learned = [fresh(self.estimator).fit(given, np.where(member == i, 1, -1)) for i in range(first, K)]
        return self._learn(x, classes_=classes, estimators_=learned)

    def decision_function(self, X: Any) -> Any:
        """Scores (n, K); (n,) for two classes, positive for the second."""
        x = self._samples(X)
        if hasattr(self, "estimators_"):
            f = cr.stack([_score(e, x) for e in self.estimators_], axis=1)
        else:
            f = linear(x, self.coef_, self.intercept_)
        return self._answer(f[:, 0] if len(self.classes_) == 2 else f, X)

    def predict(self, X: Any) -> Any:
        """The class of each sample; equal scores go to the first."""
        return _decided(self, X)


class OneVsOne(Classifier, Estimator):
    """The class with the most votes sign(f_ij(x)) of the K (K - 1)/2 classifiers of pairs.   Book: §2.3

    estimator  as that of OneVsRest, learning 1 for class i and -1 for class j; None: least squares
    Learned    classes_ (K,), pairs_ (K(K-1)/2, 2); coef_ (K(K-1)/2, p) and intercept_, or estimators_
    Differs    f_ji = -f_ij is not learned again; equal votes go to the first class
    """
    classes_: np.ndarray
    pairs_: np.ndarray
    coef_: np.ndarray
    intercept_: np.ndarray
    estimators_: list

    def __init__(self, estimator: Any = None) -> None:
        self.estimator = estimator

    def fit(self, X: Any, y: Any) -> OneVsOne:
        """Learn the classifiers of pairs from samples X and their classes y, of any type."""
        x = self._samples(X, fitting=True)
        classes, numbers = self._labels(y, x)
        pairs = list(combinations(range(len(classes)), 2))
        if self.estimator is None:
            moments = Moments(x, numbers, len(classes))
            theta = cr.stack([moments.one_vs_one(i, j) for i, j in pairs], axis=0)
            return self._learn(x, classes_=classes, pairs_=np.array(pairs), coef_=theta[:, 1:],
                               intercept_=theta[:, 0])
        learned, given, member = [], np.asarray(x), np.asarray(numbers)
        for i, j in pairs:
            rows = np.flatnonzero((member == i) | (member == j))
            learned.append(fresh(self.estimator).fit(given[rows], np.where(member[rows] == i, 1, -1)))
        return self._learn(x, classes_=classes, pairs_=np.array(pairs), estimators_=learned)

    def pair_scores(self, X: Any) -> Any:
        """f_ij of each pair i < j in the order of pairs_, (n, K(K-1)/2): positive for class i."""
        x = self._samples(X)
        if hasattr(self, "estimators_"):
            return self._answer(cr.stack([_score(e, x) for e in self.estimators_], axis=1), X)
        return self._answer(linear(x, self.coef_, self.intercept_), X)

    def decision_function(self, X: Any) -> Any:
        """Votes Σ_j sign(f_ij(x)), (n, K), which sum to 0; for two classes f_21, (n,)."""
        f = cr.asarray(self.pair_scores(X))
        if len(self.classes_) == 2:
            return self._answer(-f[:, 0], X)
        votes = np.zeros((len(self.pairs_), len(self.classes_)))
        rows = np.arange(len(self.pairs_))
        votes[rows, self.pairs_[:, 0]], votes[rows, self.pairs_[:, 1]] = 1, -1
        return self._answer(cr.sign(f) @ cr.asarray(votes).astype(f.dtype).to(f.device), X)

    def predict(self, X: Any) -> Any:
        """The class of each sample."""
        return _decided(self, X)


def _decided(self: Any, X: Any) -> Any:
    f = np.asarray(self.decision_function(X))
    return self._answer(self.classes_[f.argmax(1) if f.ndim == 2 else (f > 0).astype(np.int64)], X)


def _score(estimator: Any, x: Tensor) -> Tensor:
    """How far an estimator of the labels 1 and -1 is for 1; one of scikit-learn knows arrays alone."""
    given = np.asarray(x)
    if hasattr(estimator, "decision_function"):
        f = estimator.decision_function(given)
    elif hasattr(estimator, "predict_proba"):
        f = estimator.predict_proba(given)[:, 1] - 0.5
    else:
        f = estimator.predict(given)
    return cr.asarray(np.asarray(f)).astype(x.dtype).to(x.device)
