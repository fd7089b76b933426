"""Features as numbers of a good scale: standardised, encoded categories, powers and products.

Book: §2.1, §2.3, §3.4

The parts are estimators: `fit` learns from the training set alone, `transform` applies that to any samples.
"""
from __future__ import annotations

import math
from itertools import combinations, combinations_with_replacement
from typing import Any

import numpy as np

import chainrule as cr

from . import check
from ._core import Tensor
from .models.estimator import Estimator, Transformer, array

MOST_FEATURES = 10_000_000               # more would fill the memory before the first sample is seen


class Standardizer(Transformer, Estimator):
    """z = (x - x̄) / s of each feature, by the training set's mean and deviation.   Book: §2.1, (2.1), (2.2)

    Learned mean_ (p,), scale_ (p,), deviations over n; 1 for a feature that is constant
    Shapes  X (n, p) -> (n, p)
    Differs a constant feature, where s = 0, becomes 0
    """
    mean_: np.ndarray
    scale_: np.ndarray

    def fit(self, X: Any, y: Any = None) -> Standardizer:
        """Learn means and deviations; y is not looked at."""
        x = self._samples(X, fitting=True).astype(cr.float64)
        low, constant = cr.min(x, axis=0), cr.min(x, axis=0) == cr.max(x, axis=0)
        return self._learn(x, mean_=cr.where(constant, low, cr.mean(x, axis=0)),
                           scale_=cr.where(constant, 1.0, cr.std(x, axis=0)))

    def transform(self, X: Any) -> Any:
        """z of each sample."""
        x, mean, scale = self._parts(X)
        return self._answer(((x.astype(cr.float64) - mean) / scale).astype(x.dtype), X)

    def inverse_transform(self, Z: Any) -> Any:
        """x = x̄ + s z."""
        z, mean, scale = self._parts(Z)
        return self._answer((z.astype(cr.float64) * scale + mean).astype(z.dtype), Z)

    def raw_weights(self, coef: Any, intercept: Any) -> tuple[np.ndarray, Any]:
        """(wᵢ / sᵢ, b - Σ wᵢ x̄ᵢ / sᵢ): the linear model on z as one on x.   Book: §2.4

        Shapes  coef (p,) or (K, p), intercept a number or (K,)
        """
        self._need_fit()
        w = np.asarray(coef)
        if w.shape[-1:] != self.mean_.shape:
            raise cr.ShapeError(f"raw_weights: coef {w.shape} needs {len(self.mean_)} "
                                "weights in its last axis")
        w = w / self.scale_
        return w, np.asarray(intercept) - w @ self.mean_

    def _parts(self, X: Any) -> tuple[Tensor, Tensor, Tensor]:
        x = self._samples(X)
        return x, cr.asarray(self.mean_).to(x.device), cr.asarray(self.scale_).to(x.device)


def monomial_count(p: int, degree: int, *, exactly: bool = False) -> int:
    """(p+r)! / (p! r!): monomials of p variables with degree 0 to r, the 1 among them.   Book: §3.4

    This is the number of parameters d of a logistic model on all monomials; `exactly` counts those of degree
    r alone, (r+p-1)! / ((p-1)! r!).
    Differs exact for any size; the book calls 42,084,793,751 "over 40 trillion", it is 42 billion
    """
    check.positive("monomial_count", p=p)
    check.not_negative("monomial_count", degree=degree)
    return math.comb(degree + p - 1, degree) if exactly else math.comb(p + degree, degree)


def monomials(x: Tensor, degree: int, *, interaction_only: bool = False) -> Tensor:
    """Products x₁^k₁ ··· x_p^k_p with 1 <= k₁ + ... + k_p <= degree, by degree.   Book: §2.2, (2.4); §3.4

    Order   x₁, ..., x_p, x₁², x₁x₂, ..., x_p², x₁³, ...: as scikit-learn's; powers gives the k
    Shapes  x (..., p) -> (..., monomial_count(p, degree) - 1)
    """
    if x.ndim < 1:
        raise cr.ShapeError("monomials: x needs an axis of features, got a scalar")
    chosen = factors(x.shape[-1], degree, interaction_only)
    place = {choice: i for i, choice in enumerate(chosen[1])}
    parts = [x]
    for choices in chosen[2:]:                                   # x₁x₂x₃ = (x₁x₂) x₃
        if not choices:
            break
        shorter, last = [place[c[:-1]] for c in choices], [c[-1] for c in choices]
        parts.append(cr.take(parts[-1], _index(shorter, x), axis=-1) * cr.take(x, _index(last, x), axis=-1))
        place = {choice: i for i, choice in enumerate(choices)}
    return cr.concat(parts, axis=-1)


def factors(p: int, degree: int, interaction_only: bool = False) -> list[list[tuple[int, ...]]]:
    """The monomials of degree 0, 1, ... as the variables they multiply: x₁²x₃ is (0, 0, 2)."""
    check.positive("monomials", p=p, degree=degree)
    if monomial_count(p, degree) > MOST_FEATURES:
        raise ValueError(f"monomials: {p} features and degree {degree} make {monomial_count(p, degree):,}; "
                         f"needs at most {MOST_FEATURES:,}")
    choose = combinations if interaction_only else combinations_with_replacement
    return [list(choose(range(p), k)) for k in range(degree + 1)]


class PolynomialFeatures(Transformer, Estimator):
    """x -> all monomials of its features up to a degree.   Book: §2.2, (2.4); §3.4

    interaction_only  no powers: each feature at most once in a product
    include_bias      a first feature of ones
    Learned powers_ (features out, features in): the exponents k; n_output_features_
    Shapes  X (n, p) -> (n, monomial_count(p, degree) - 1), and one more with include_bias
    Differs include_bias is False here: our linear models add their own intercept
    """
    powers_: np.ndarray
    n_output_features_: int

    def __init__(self, degree: int = 2, *, interaction_only: bool = False,
                 include_bias: bool = False) -> None:
        self.degree, self.interaction_only, self.include_bias = degree, interaction_only, include_bias

    def fit(self, X: Any, y: Any = None) -> PolynomialFeatures:
        """Learn the number of features."""
        x = self._samples(X, fitting=True)
        by_degree = factors(x.shape[1], self.degree, self.interaction_only)
        chosen = [c for choices in by_degree[0 if self.include_bias else 1:] for c in choices]
        powers = np.array([np.bincount(np.array(c, int), minlength=x.shape[1]) for c in chosen])
        return self._learn(x, powers_=powers, n_output_features_=len(chosen))

    def transform(self, X: Any) -> Any:
        """The monomials of each sample."""
        x = self._samples(X)
        features = monomials(x, self.degree, interaction_only=self.interaction_only)
        if self.include_bias:
            features = cr.concat([cr.ones((x.shape[0], 1), dtype=x.dtype, device=x.device), features], axis=1)
        return self._answer(features, X)

    def get_feature_names_out(self, input_features: Any = None) -> np.ndarray:
        """"x0", "x1", "x0^2", "x0 x1", ..., with the names of the given features if there are any."""
        self._need_fit()
        given = input_features
        names = [f"x{i}" for i in range(self.n_features_in_)] if given is None else list(given)
        if len(names) != self.n_features_in_:
            raise ValueError(f"PolynomialFeatures: input_features has {len(names)} names, needs "
                             f"{self.n_features_in_}")

        def name(powers: np.ndarray) -> str:
            parts = [names[i] + (f"^{k}" if k > 1 else "") for i, k in enumerate(powers) if k]
            return " ".join(parts) or "1"
        return np.array([name(powers) for powers in self.powers_], dtype=object)


def _index(places: list[int], x: Tensor) -> Tensor:
    return cr.asarray(np.array(places, np.int64)).to(x.device)


class Categories:
    """Mix into an Estimator whose features are categories: texts or numbers, a column each.

    levels  the categories of each column in order, [["low", "high"], ["blue", "red"]]; sorted ones when None
    """
    levels_: list[np.ndarray]

    def _column_levels(self: Any, X: Any) -> tuple[np.ndarray, list[np.ndarray]]:
        """(X as an array, the levels of each column)."""
        x = self._table(X, fitting=True)
        if self.levels is None:
            return x, [self._unique(column)[0] for column in x.T]
        if not isinstance(self.levels, (list, tuple)):
            raise ValueError(f"{self._op}: levels needs a list of lists, got {self.levels!r}")
        levels = [np.asarray(part) for part in self.levels]
        if len(levels) != x.shape[1]:
            raise ValueError(f"{self._op}: levels has {len(levels)} lists, needs {x.shape[1]}, "
                             "one a column of X")
        for part in levels:
            if part.ndim != 1 or len(np.unique(part)) != len(part):
                raise ValueError(f"{self._op}: levels {part.tolist()} need to be different, in one list")
        return x, levels

    def _table(self: Any, X: Any, *, fitting: bool = False) -> np.ndarray:
        if not fitting:
            self._need_fit()
        x = array(self._op, "X", X)
        self._shape(x.shape, fitting)
        if x.dtype.kind == "f" and not np.isfinite(x).all():
            row = int(np.argmin(np.isfinite(x).all(1)))
            raise ValueError(f"{self._op}: X holds NaN or inf, first in row {row}; needs categories")
        return x

    def _unique(self: Any, column: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        try:
            return np.unique(column, return_inverse=True)
        except TypeError:
            raise TypeError(f"{self._op}: X mixes kinds of categories in one column; an argument must be "
                            "either strings or real numbers") from None

    def _numbers(self: Any, x: np.ndarray, levels: list[np.ndarray],
                 unknown: int | None = None) -> np.ndarray:
        """The place of each entry among its column's levels, or `unknown` if that is given, (n, columns)."""
        places = np.empty(x.shape, np.int64)
        for j, known in enumerate(levels):
            place = {level: i for i, level in enumerate(known.tolist())}
            there, inverse = self._unique(x[:, j])
            new = [level for level in there.tolist() if level not in place]
            if new and unknown is None:
                raise ValueError(f"{self._op}: X has the category {new[0]!r} in column {j}; known are "
                                 f"{', '.join(map(repr, known.tolist()[:10]))}")
            numbers = np.array([place.get(level, unknown) for level in there.tolist()], np.int64)
            places[:, j] = numbers[inverse.reshape(-1)]
        return places

    def __sklearn_tags__(self) -> Any:
        """Categories in, and numbers of one type out."""
        tags = super().__sklearn_tags__()                        # type: ignore[misc]
        tags.input_tags.categorical = tags.input_tags.string = True
        tags.transformer_tags.preserves_dtype = []
        return tags


class OrdinalEncoder(Categories, Transformer, Estimator):
    """Each category as a number: red, blue as 0, 1; low, medium, high as 0, 1, 2 or any other spacing.

    Book: §2.3

    levels  the categories of each column in order; sorted ones when None
    values  the number of each level, [[0, 1, 4], [0, 1]]; 0, 1, 2 ... when None
    Shapes  X (n, k) texts or numbers -> (n, k)
    Errors  ValueError for a category that `fit` did not see
    """
    values_: list[np.ndarray]

    def __init__(self, levels: Any = None, values: Any = None) -> None:
        self.levels, self.values = levels, values

    def fit(self, X: Any, y: Any = None) -> OrdinalEncoder:
        """Learn the levels; y is not looked at."""
        x, levels = self._column_levels(X)
        given = [range(len(part)) for part in levels] if self.values is None else self.values
        values = [np.asarray(part, np.float64) for part in given]
        if [len(v) for v in values] != [len(part) for part in levels]:
            raise ValueError(f"{self._op}: values has lists of {[len(v) for v in values]} numbers, needs "
                             f"{[len(part) for part in levels]}, one a level")
        self._numbers(x, levels)
        return self._learn(x, levels_=levels, values_=values)

    def transform(self, X: Any) -> Any:
        """The number of each category, float64."""
        places = self._numbers(self._table(X), self.levels_)
        return self._answer(np.stack([v[places[:, j]] for j, v in enumerate(self.values_)], 1), X)

    def inverse_transform(self, Z: Any) -> np.ndarray:
        """The category whose number is nearest."""
        z = np.asarray(self._samples(Z))
        nearest = [np.abs(z[:, j, None] - v).argmin(1) for j, v in enumerate(self.values_)]
        return np.stack([part[i] for part, i in zip(self.levels_, nearest, strict=True)], 1)


class OneHotEncoder(Categories, Transformer, Estimator):
    """A category of L levels as L numbers, z̃ = (1{z = 1}, ..., 1{z = L}) = e_z.   Book: §2.3

    levels  the categories of each column in order; sorted ones when None
    drop    "first": L - 1 numbers, the first level is the reference: beside an intercept all L depend on it
    unknown "zero": a category that `fit` did not see is all zeros; an error otherwise
    Shapes  X (n, k) texts or numbers -> (n, Σ L), or (n, Σ (L - 1))
    Errors  ValueError for a category that `fit` did not see
    """
    def __init__(self, levels: Any = None, drop: str | None = None, unknown: str = "raise") -> None:
        self.levels, self.drop, self.unknown = levels, drop, unknown

    def fit(self, X: Any, y: Any = None) -> OneHotEncoder:
        """Learn the levels; y is not looked at."""
        check.one_of(self._op, "drop", self.drop, (None, "first"))
        check.one_of(self._op, "unknown", self.unknown, ("raise", "zero"))
        if self.drop and self.unknown == "zero":
            raise ValueError("OneHotEncoder: unknown 'zero' would be the level that drop 'first' drops")
        x, levels = self._column_levels(X)
        self._numbers(x, levels, self._stray())
        return self._learn(x, levels_=levels)

    def _stray(self) -> int | None:
        """The place of an unknown category: before the first."""
        return -1 if self.unknown == "zero" else None

    def transform(self, X: Any) -> Any:
        """Zeros, and a one for the category of each column, float64."""
        x = self._table(X)
        places = self._numbers(x, self.levels_, self._stray()) + 1
        first = 1 if self.drop is None else 2
        parts = [cr.one_hot(cr.asarray(places[:, j]), len(part) + 1).astype(cr.float64)[:, first:]
                 for j, part in enumerate(self.levels_)]
        codes = cr.concat(parts, axis=1)
        return self._answer(codes.to(X.device) if isinstance(X, Tensor) else codes, X)

    def inverse_transform(self, Z: Any) -> np.ndarray:
        """The category of the largest number in each group; the dropped level where all are below 1/2."""
        self._need_fit()
        z, columns, at = np.asarray(Z), [], 0
        width = sum(len(part) - (self.drop is not None) for part in self.levels_)
        if z.ndim != 2 or z.shape[1] != width:
            raise cr.ShapeError(f"{self._op}: Z {z.shape} needs {width} columns")
        for part in self.levels_:
            if self.drop is None:
                group, at = z[:, at:at + len(part)], at + len(part)
            else:
                group, at = z[:, at:at + len(part) - 1], at + len(part) - 1
                group = np.concatenate([np.full((len(z), 1), 0.5), group], 1)
            columns.append(part[group.argmax(1)])
        return np.stack(columns, 1)
