"""Principal component analysis.   Book: §2.6"""
from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

import chainrule as cr

from .. import check
from .._core import Tensor
from ..linalg.lapack import largest_eigenpairs
from .estimator import Estimator, Transformer

SOLVERS = ("auto", "eigen", "svd")
# Elements at a time, for S and for scores: 48 and 12 MB of float32, the fastest found on Granite Rapids.
FOR_PRODUCTS, FOR_SCORES = 12 << 20, 3 << 20


class PCA(Transformer, Estimator):
    """X̃ = X Ṽ with the first m eigenvectors of the covariance: the directions of the most variance.

    Book: §2.6, (2.44), (2.45)

    n_components m; all min(n, p) when None
    solver       "eigen" of the covariance S, (2.45), fast for n >= p; "svd" of the centred data,
                 (2.48) to (2.51), which keeps the digits of small eigenvalues; "auto" takes "eigen" where
                 n >= p
    Learned      components_ (m, p), Ṽᵀ; explained_variance_ (m,), the λ; explained_variance_ratio_ (m,),
                 λ / Σ λ over all of them; singular_values_ (m,), δ = √(n λ); mean_ (p,), x̄
    Shapes       X (n, p) -> X̃ (n, m)
    Errors       ValueError unless 1 <= m <= min(n, p)
    Differs      the entry of the largest size of each component is positive, so that results repeat;
                 scikit-learn's explained_variance_ divides by n - 1, this one by n, as (2.43) does
    """
    components_: np.ndarray
    explained_variance_: np.ndarray
    explained_variance_ratio_: np.ndarray
    singular_values_: np.ndarray
    mean_: np.ndarray
    n_components_: int
    n_samples_: int

    def __init__(self, n_components: int | None = None, *, solver: str = "auto") -> None:
        self.n_components, self.solver = n_components, solver

    def fit(self, X: Any, y: Any = None) -> PCA:
        """Learn the directions from samples X (n, p); y is not looked at."""
        self._fit(X)
        return self

    def fit_transform(self, X: Any, y: Any = None) -> Any:
        """The scores of the samples that the directions are learned from, (n, m)."""
        return self._answer(self._scores(self._fit(X)), X)

    def transform(self, X: Any) -> Any:
        """The scores X̃ = (X - x̄) Ṽ, (n, m).   Book: §2.6, (2.44)"""
        return self._answer(self._scores(self._samples(X)), X)

    def _fit(self, X: Any) -> Tensor:
        """Learn, and return the samples as a tensor."""
        check.one_of(self._op, "solver", self.solver, SOLVERS)
        x = self._samples(X, fitting=True)
        n, p = x.shape
        m = min(n, p) if self.n_components is None else self.n_components
        check.positive(self._op, n_components=m)
        if m > min(n, p):
            raise ValueError(f"PCA: n_components={m} needs to be at most min(n_samples, n_features), here "
                             f"n_samples={n} and n_features={p}")
        at = cr.mean(x, axis=0)
        route = by_eigen if self.solver == "eigen" or (self.solver == "auto" and n >= p) else by_svd
        values, V, total = route(x, at, m)
        share = values / total if total > 0 else cr.zeros_like(values)
        self._learn(x, components_=signed(V).mT, explained_variance_=values, explained_variance_ratio_=share,
                    singular_values_=cr.sqrt(values * n), mean_=at, n_components_=m, n_samples_=n)
        return x

    def _scores(self, x: Tensor) -> Tensor:
        V = _as(x, self.components_).mT
        return cr.concat([block @ V for block in centred(x, _as(x, self.mean_), FOR_SCORES)])

    def inverse_transform(self, X: Any) -> Any:
        """x̄ + X̃ Ṽᵀ, (n, p): the point of the span of the components with these scores."""
        self._need_fit()
        z = cr.asarray(X)
        if z.ndim != 2 or z.shape[1] != self.n_components_:
            raise cr.ShapeError(f"PCA: inverse_transform needs scores (n, {self.n_components_}), "
                                f"got shape {z.shape}")
        z = z if z.dtype.is_floating else z.astype(cr.float64)
        return self._answer(_as(z, self.mean_) + z @ _as(z, self.components_), X)


def centred(x: Tensor, at: Tensor, elements: int) -> Iterator[Tensor]:
    """X = x - 1 x̄ᵀ by blocks of rows, so that a block is still near when it is used.   Book: §2.6, (2.42)"""
    rows = max(1024, elements // x.shape[1])
    return (x[begin:begin + rows] - at for begin in range(0, x.shape[0], rows))


def by_eigen(x: Tensor, at: Tensor, m: int) -> tuple[Tensor, Tensor, float]:
    """(λ, V, Σ λ) with S vᵢ = λᵢ vᵢ for the m largest.   Book: §2.6, (2.43), (2.45)"""
    S = cr.zeros((x.shape[1],) * 2, dtype=cr.float64, device=x.device)
    for X in centred(x, at, FOR_PRODUCTS):
        S = S + X.mT @ X
    S = S / x.shape[0]
    pairs = largest_eigenpairs(S.astype(x.dtype).to("cpu").numpy(), m)
    values, V = (cr.asarray(a).to(x.device) for a in pairs)
    return cr.maximum(values, 0.0), V, cr.trace(S).item()         # rounding may leave a 0 a little below


def by_svd(x: Tensor, at: Tensor, m: int) -> tuple[Tensor, Tensor, float]:
    """The same from X = U Δ Vᵀ, since S = (1/n) V Δ² Vᵀ.   Book: §2.6, (2.48) to (2.50)"""
    _, s, Vh = cr.linalg.svd(x - at, full_matrices=False)
    values = cr.square(s) / x.shape[0]
    return values[:m], Vh.mT[:, :m], cr.sum(values).item()


def signed(V: Tensor) -> Tensor:
    """Each column with that sign which makes its entry of the largest size positive."""
    largest = cr.argmax(cr.abs(V), axis=0, keepdims=True)
    return V * cr.sign(cr.take_along_axis(V, largest, axis=0))


def _as(x: Tensor, learned: np.ndarray) -> Tensor:
    return cr.asarray(learned).astype(x.dtype).to(x.device)
