"""New features from given ones.   Book: §2.2, §3.4"""
from __future__ import annotations

import math
from itertools import combinations, combinations_with_replacement
from typing import Any

import numpy as np

import chainrule as cr

from . import check
from ._core import Tensor
from .models.estimator import Estimator, Transformer

MOST_FEATURES = 10_000_000               # more would fill the memory before the first sample is seen


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
