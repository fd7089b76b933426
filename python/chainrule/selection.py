"""Splits of data, cross validation, search over a model's settings, resampling.   Book: §2.1, §2.2, §2.5

A model is anything with fit(X, y) and predict(X), ours or scikit-learn's. Randomness is always a `cr.Rng`.
"""
from __future__ import annotations

import copy
import itertools
import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np

from . import check
from ._core import Tensor
from .data import dataset
from .metrics import square_error
from .models.estimator import fresh
from .random import Rng, permutation, randint, uniform

Performance = Callable[[Any, Any], np.ndarray]           # (predicted, y) -> P(ŷ, y) of each sample


# ---- Splits
def split_indices(n: int, test: float = 0.2, *, rng: Rng | None, stratify: Any = None
                  ) -> tuple[np.ndarray, np.ndarray]:
    """(train, test) row numbers: floor(test · n) of n rows for testing, at random.   Book: §2.1

    rng      None keeps the order: the last rows are for testing
    stratify labels (n,): each class gives its share of the test rows, to within one row
    """
    check.positive("split_indices", n=n)
    check.fraction("split_indices", test=test)
    order = np.arange(n) if rng is None else np.asarray(permutation(n, rng=rng))
    count = _floor(test * n)
    if stratify is None:
        return order[:n - count], order[n - count:]
    labels, members = _labels("split_indices", stratify, n)
    exact = test * np.bincount(members, minlength=len(labels))
    quota = np.array([_floor(v) for v in exact])
    left = count - quota.sum()                           # rows still due go to the largest remainders
    quota[np.argsort(quota - exact, kind="stable")[:left]] += 1
    chosen = np.zeros(n, bool)
    for label, q in enumerate(quota):
        own = order[members[order] == label]
        chosen[own[len(own) - q:]] = True
    return order[~chosen[order]], order[chosen[order]]


def train_test_split(*arrays: Any, test: float = 0.2, rng: Rng | None, stratify: Any = None) -> Any:
    """Each array's rows as a training and a testing part.   Book: §2.1

    One Dataset gives (train, test); arrays a, b give a_train, a_test, b_train, b_test, cut alike.
    """
    index = split_indices(_length("train_test_split", arrays), test, rng=rng, stratify=stratify)
    return tuple(take(a, i) for a in arrays for i in index)


def train_validate_test_split(*arrays: Any, validate: float = 0.2, test: float = 0.2, rng: Rng | None,
                              stratify: Any = None) -> Any:
    """As train_test_split, in three: `test` of all rows, then `validate` of those that remain.   Book: §2.5

    80-20 twice leaves 64% to train on, 16% to choose settings with and 20% for one final test.
    """
    op = "train_validate_test_split"
    rest, last = split_indices(_length(op, arrays), test, rng=rng, stratify=stratify)
    labels = None if stratify is None else np.asarray(stratify)[rest]
    first, middle = split_indices(len(rest), validate, rng=rng, stratify=labels)
    return tuple(take(a, i) for a in arrays for i in (rest[first], rest[middle], last))


class KFold:
    """K disjoint chunks; each in turn is for validation, the others for training.   Book: §2.5, Fig. 2.11

    Sizes differ by one row at most. `rng` shuffles once: every walk sees the same chunks. `stratified` gives
    every chunk each class's share, to within one row. Taken by scikit-learn as `cv=`.
    """
    def __init__(self, K: int = 5, *, rng: Rng | None = None, stratified: bool = False) -> None:
        check.positive("KFold", K=K)
        if K < 2:
            raise ValueError(f"KFold: K must be at least 2, got {K}")
        self.K, self.rng, self.stratified = K, None if rng is None else rng.split(), stratified

    def split(self, X: Any, y: Any = None, groups: Any = None) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """(train, validation) row numbers, K times.

        Errors  ValueError if there are fewer than K rows
        """
        n = _length("KFold", (X,))
        if n < self.K:
            raise ValueError(f"KFold: K = {self.K} chunks need as many rows, got {n}")
        chunk = self._chunks(n, y)
        return ((np.flatnonzero(chunk != k), np.flatnonzero(chunk == k)) for k in range(self.K))

    def get_n_splits(self, X: Any = None, y: Any = None, groups: Any = None) -> int:
        """K."""
        return self.K

    def _chunks(self, n: int, y: Any) -> np.ndarray:
        """The chunk of each row."""
        order = np.arange(n)
        if self.rng is not None:
            order = np.asarray(permutation(n, rng=copy.deepcopy(self.rng)))
        chunk = np.empty(n, np.int64)
        if self.stratified:
            _, members = _labels("KFold", y, n)
            order = order[np.argsort(members[order], kind="stable")]
            chunk[order] = np.arange(n) % self.K         # each class is dealt out like cards
        else:
            chunk[order] = np.repeat(np.arange(self.K), [len(c) for c in np.array_split(order, self.K)])
        return chunk


# ---- Errors
class Estimate(NamedTuple):
    """A mean and its standard error."""
    mean: float
    error: float

    @classmethod
    def of(cls, values: Any) -> Estimate:
        """Of independent draws; one draw has the error NaN."""
        values = np.asarray(values, np.float64).ravel()
        if not values.size:
            raise ValueError("Estimate: there are no values to average")
        spread = values.std(ddof=1) if values.size > 1 else math.nan
        return cls(float(values.mean()), float(spread / math.sqrt(values.size)))


def error(model: Any, X: Any, y: Any, performance: Performance = square_error) -> Estimate:
    """Mean performance of a trained model: E_train, or on unseen data E_test.   Book: §2.5, (2.25), (2.26)

    On unseen samples it is unbiased for E_unseen, its standard error falls like 1/√n.
    """
    return Estimate.of(performance(model.predict(X), y))


class CrossValidation(NamedTuple):
    """E_cv, the mean over the chunks (2.38), its standard error, and the error of each chunk."""
    mean: float
    error: float
    chunks: np.ndarray


def cross_validate(model: Any, X: Any, y: Any, folds: Any = 5, performance: Performance = square_error
                   ) -> CrossValidation:
    """K-fold cross validation of a model's settings.   Book: §2.5, (2.38)

    folds  K, or anything with split(X, y) -> (train, validation) row numbers
    The model is left alone: a fresh one with its settings is trained for each chunk.
    """
    folds = folds if hasattr(folds, "split") else KFold(folds)
    chunks = []
    for train, validation in folds.split(X, y):
        fitted = fresh(model).fit(take(X, train), take(y, train))
        chunks.append(error(fitted, take(X, validation), take(y, validation), performance).mean)
    return CrossValidation(*Estimate.of(chunks), np.array(chunks))


# ---- Search
class Search(NamedTuple):
    """The chosen settings, their error, the trained model, and the error of every setting tried."""
    settings: dict[str, Any]
    error: float
    model: Any
    table: list[tuple[dict[str, Any], float]]


def search(model: Any, settings: Iterable[dict[str, Any]], X: Any, y: Any, *, validation: Any = None,
           folds: Any = 5, performance: Performance = square_error) -> Search:
    """λ* = argmin of the validation error, the model trained anew for each λ.   Book: §2.5, (2.37)

    settings    from `grid` or `random_settings`; the first of equals wins
    validation  (X, y) held out; without it, E_cv over `folds`, and the chosen model is trained on all of X, y
    Errors      ValueError if there are no settings, or every error is NaN
    Differs     the book writes argmax; the error is to be small
    """
    table, models = [], []
    for setting in settings:
        candidate = fresh(model)
        candidate.set_params(**setting)
        if validation is None:
            value = cross_validate(candidate, X, y, folds, performance).mean
        else:
            held_X, held_y = validation
            value = error(candidate.fit(X, y), held_X, held_y, performance).mean
        table.append((setting, value))
        models.append(candidate)
    if not table:
        raise ValueError("search: settings are empty, needs at least one")
    values = np.array([value for _, value in table])
    if np.isnan(values).all():
        raise ValueError("search: the error of every setting is NaN")
    best = int(np.nanargmin(values))
    chosen = models[best].fit(X, y) if validation is None else models[best]
    return Search(table[best][0], table[best][1], chosen, table)


def grid(**axes: Iterable[Any]) -> list[dict[str, Any]]:
    """Every combination of the values.   Book: §2.5

    Example
        >>> cr.selection.grid(degree=[1, 2], lam=[0.1])
        [{'degree': 1, 'lam': 0.1}, {'degree': 2, 'lam': 0.1}]
    """
    return [dict(zip(axes, values, strict=True)) for values in itertools.product(*axes.values())]


def random_settings(count: int, *, rng: Rng, **draws: Any) -> list[dict[str, Any]]:
    """`count` random combinations; each of `draws` is a list to choose from or a function of the stream.

    Source: Bergstra, Bengio (2012), Random search for hyper-parameter optimization
    """
    check.positive("random_settings", count=count)

    def one(source: Any) -> Any:
        return source(rng) if callable(source) else source[int(randint(0, len(source), (), rng=rng).item())]

    return [{name: one(source) for name, source in draws.items()} for _ in range(count)]


def log_uniform(low: float, high: float) -> Callable[[Rng], float]:
    """A draw for random_settings whose logarithm is uniform: for scales such as λ.

    Errors  ValueError unless 0 < low < high
    """
    if not 0 < low < high < math.inf:
        raise ValueError(f"log_uniform: needs 0 < low < high, got {low} and {high}")
    return lambda rng: low * (high / low) ** uniform((), rng=rng).item()


# ---- Resampling
def oversample(y: Any, *, rng: Rng) -> np.ndarray:
    """Row numbers in which every class is as frequent as the largest: rows of the others recur.   Book: §2.2

    For the training set only: a recurring row in both parts would be seen before it is tested.
    """
    labels, members = _labels("oversample", y, None)
    own = [np.flatnonzero(members == label) for label in range(len(labels))]
    most = max((len(rows) for rows in own), default=0)
    more = [np.asarray(randint(0, len(rows), (most - len(rows),), rng=rng)) for rows in own]
    parts = [np.r_[rows, rows[again]] for rows, again in zip(own, more, strict=True)]
    return _mixed(parts, rng)


def undersample(y: Any, *, rng: Rng) -> np.ndarray:
    """Row numbers in which every class is as rare as the smallest, each row once at most.   Book: §2.2

    For the training set only.
    """
    labels, members = _labels("undersample", y, None)
    own = [np.flatnonzero(members == label) for label in range(len(labels))]
    least = min((len(rows) for rows in own), default=0)
    parts = [rows[np.asarray(permutation(len(rows), rng=rng))[:least]] for rows in own]
    return _mixed(parts, rng)


# ---- Rows
def take(a: Any, index: np.ndarray) -> Any:
    """Rows of a tensor, array, list, or Dataset."""
    if isinstance(a, Tensor):
        return dataset.rows(a, index)
    if hasattr(a, "iloc"):
        return a.iloc[index]
    return a[index] if isinstance(a, dataset.Dataset) else np.asarray(a)[index]


def _mixed(parts: list[np.ndarray], rng: Rng) -> np.ndarray:
    index = np.concatenate([np.empty(0, np.int64), *parts])
    return index[np.asarray(permutation(len(index), rng=rng))] if len(index) else index


def _floor(x: float) -> int:
    return math.floor(x + 1e-9)                          # 0.29 · 100 is a little less than 29


def _length(op: str, arrays: Sequence[Any]) -> int:
    """The common number of rows."""
    if not arrays:
        raise ValueError(f"{op}: needs at least one array")
    lengths = [len(a) for a in arrays]
    if len(set(lengths)) > 1:
        raise ValueError(f"{op}: arrays have {', '.join(map(str, lengths))} rows; needs as many in each")
    return lengths[0]


def _labels(op: str, y: Any, n: int | None) -> tuple[np.ndarray, np.ndarray]:
    """The classes, and the number of the class of each row."""
    y = np.asarray(y)
    if y.ndim != 1 or (n is not None and len(y) != n):
        raise ValueError(f"{op}: labels {y.shape} need one a row" + ("" if n is None else f", {n} of them"))
    return np.unique(y, return_inverse=True)
