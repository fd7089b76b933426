"""Multinomial logistic regression: as a layer of a net, and as a fit by likelihood.   Book: §3.3"""
from __future__ import annotations

from typing import Any

import numpy as np

import chainrule as cr

from .. import check
from .._core import Tensor
from ..nn import Linear, Module
from .estimator import Classifier, Estimator
from .likelihood import ALL, AdamRecipe, Frame, maximise_likelihood, warn
from .linear import design_matrix, linear
from .logistic import penalties


class SoftmaxRegression(Module):
    """Scores z = W x + b; the classes' probabilities are softmax(z).   Book: §3.3, (3.26), (3.27)

    Shapes  x (..., p) -> z (..., K), for the loss cross_entropy
    Start   W = 0, b = 0: the loss is convex, every start leads to the same minimum
    """
    def __init__(self, p: int, K: int, *, rng=None) -> None:
        self.linear = Linear(p, K, rng=cr.Rng(0) if rng is None else rng)
        self.linear.weight = cr.zeros((K, p))

    def __call__(self, x: Tensor) -> Tensor:
        return self.linear(x)

    def probabilities(self, x: Tensor) -> Tensor:
        """softmax(z), (..., K)."""
        return cr.softmax(self(x), axis=-1)


class SoftmaxLikelihood:
    """C(Θ) = -ℓ(Θ)/n + λ ‖W‖² / 2n with its derivatives, row k of Θ = (b_k, w_k).   Book: §3.3, (3.28)-(3.33)

    θ is Θ row by row, without the row of the reference class, which is 0.

    Shapes  X (n, d) with a first column of ones if there is an intercept, y (n,) in 0 ... K - 1,
            θ (K d,), or ((K - 1) d,) with a reference class; s (p,): the penalty is that of W / s
    """
    def __init__(self, X: Tensor, y: Tensor, K: int, reference: int | None = None, l2: float = 0.0,
                 intercept: bool = True, s: Tensor | None = None) -> None:
        self.X, self.y, self.K, self.l2, self.samples = X, y, K, l2, X.shape[0]
        self.rows = [k for k in range(K) if k != reference]
        self.one_hot = cr.one_hot(y, K).astype(X.dtype)
        self.penalty = cr.tile(penalties(X, l2 / self.samples, intercept, s), (len(self.rows),))
        self.size = self.penalty.size

    def matrix(self, theta: Tensor) -> Tensor:
        """Θ (K, d), with a row of zeros for the reference class."""
        free = theta.reshape((len(self.rows), -1))
        if len(self.rows) == self.K:
            return free
        k = next(k for k in range(self.K) if k not in self.rows)
        return cr.concat([free[:k], cr.zeros_like(free[:1]), free[k:]], axis=0)

    def loss(self, theta: Tensor, rows: slice = ALL) -> Tensor:
        """Mean of -(b_y + w_yᵀ x) + log Σ exp(b_j + w_jᵀ x), with the penalty.   Book: (3.32), (3.33)"""
        z = self.X[rows] @ self.matrix(theta).mT
        return cr.losses.cross_entropy(z, self.y[rows]) + 0.5 * cr.sum(self.penalty * theta * theta)

    def gradient(self, theta: Tensor, rows: slice = ALL) -> Tensor:
        """(P - Y)ᵀ X̃ / n, row by row.   Book: §3.3, after (3.33)"""
        X = self.X[rows]
        gap = cr.softmax(X @ self.matrix(theta).mT) - self.one_hot[rows]
        if len(self.rows) < self.K:
            gap = cr.take(gap, cr.asarray(self.rows).to(X.device), axis=1)
        return (gap.mT @ X).reshape(-1) / X.shape[0] + self.penalty * theta

    def hessian(self, theta: Tensor) -> Tensor:
        """Mean of (Diag(s) - s sᵀ) ⊗ x̃ x̃ᵀ, s = softmax(z).   Book: §3.3, footnote 6"""
        s = cr.softmax(self.X @ self.matrix(theta).mT)
        blocks: dict[tuple[int, int], Tensor] = {}
        for k in self.rows:
            for j in (j for j in self.rows if j <= k):
                weights = s[:, k] * (float(j == k) - s[:, j])
                blocks[j, k] = blocks[k, j] = self.X.mT @ (weights[:, None] * self.X) / self.samples
        H = cr.concat([cr.concat([blocks[j, k] for k in self.rows], axis=1) for j in self.rows], axis=0)
        return H + cr.diag(self.penalty)

    def flat(self) -> Any:
        """11ᵀ/K ⊗ I without a reference class: the same (c, v) on all rows changes no probability."""
        if len(self.rows) < self.K:
            return 0.0
        ones = cr.ones((self.K, self.K), dtype=self.X.dtype, device=self.X.device) / self.K
        return cr.kron(ones, cr.eye(self.X.shape[1], dtype=self.X.dtype, device=self.X.device))

    def reach(self, step: Tensor) -> float:
        """How far a step moves the difference of two scores of some sample."""
        z = self.X @ self.matrix(step).mT
        return cr.max(cr.max(z, axis=1) - cr.min(z, axis=1)).item()

    def bend(self) -> float:
        """A bound of the Hessian's largest eigenvalue: that of Diag(s) - s sᵀ is at most ½."""
        gram = cr.max(cr.linalg.eigvalsh(self.X.mT @ self.X)).item() / self.samples
        return 0.5 * gram + self.l2 / self.samples


class MultinomialRegression(Classifier, Estimator):
    """ŷ = softmax(b + W x) with the largest likelihood.   Book: §3.3, (3.21)-(3.27)

    reference_class  None: all K rows are free, K (p + 1) parameters, as in machine learning; of all W and b
                     with one likelihood those whose rows sum to 0. A class: its b and w are 0,
                     (K - 1)(p + 1) parameters, as in statistics, and unique
    method           "newton", "l-bfgs", "gd", or an AdamRecipe; it, max_iter, tolerance and alpha as in
                     LogisticRegression
    l2               λ of the penalty λ ‖W‖² / 2 beside -ℓ; 1 / C of scikit-learn
    Learned          coef_ (K, p), intercept_ (K,), classes_ (K,), n_iter_, loss_path_
    Cost             "newton": K² n p² / 2 + (K p)³ / 3 multiply-adds a step
    Differs          the book says that a convex loss has a minimum; it has none if X separates some classes
    """
    classes_: np.ndarray
    coef_: np.ndarray
    intercept_: np.ndarray
    parameter_count_: int

    def __init__(self, *, reference_class: Any = None, method: str | AdamRecipe = "newton", l2: float = 0.0,
                 fit_intercept: bool = True, alpha: float | None = None, max_iter: int | None = None,
                 tolerance: float = 1e-8) -> None:
        self.reference_class, self.method, self.l2 = reference_class, method, l2
        self.fit_intercept, self.alpha = fit_intercept, alpha
        self.max_iter, self.tolerance = max_iter, tolerance

    # ---- learning
    def fit(self, X: Any, y: Any) -> MultinomialRegression:
        """Learn b and W from samples X and their classes y, of any type."""
        check.not_negative(self._op, l2=self.l2)
        x = self._samples(X, fitting=True)
        classes, numbers = self._labels(y, x)
        reference = self._reference(classes)
        x = x if isinstance(self.method, AdamRecipe) else x.astype(cr.float64)
        frame = Frame(self._op, x, self.fit_intercept, plain=self.method not in ("newton", "l-bfgs"))
        design = design_matrix(frame.z, self.fit_intercept)
        problem = SoftmaxLikelihood(design, numbers, len(classes), reference, self.l2, self.fit_intercept,
                                    frame.s)
        if self.method == "newton" and problem.size > 4000:
            raise ValueError(f"{self._op}: method 'newton' would need {problem.size}² second derivatives; "
                             "use 'l-bfgs' or an AdamRecipe")
        start = cr.zeros((problem.size,), dtype=x.dtype, device=x.device)
        fit = maximise_likelihood(self._op, problem, start, self.method, self.alpha, self.max_iter,
                                  self.tolerance)
        if fit.warning:
            warn(self._op, fit.warning)
        theta, k = frame.parameters(problem.matrix(fit.theta)), int(self.fit_intercept)
        b = theta[:, 0] if k else cr.zeros((len(classes),), dtype=x.dtype, device=x.device)
        return self._learn(x, classes_=classes, coef_=theta[:, k:], intercept_=b, n_iter_=fit.steps,
                           loss_path_=np.array(fit.values), parameter_count_=problem.size)

    def _reference(self, classes: np.ndarray) -> int | None:
        if self.reference_class is None:
            return None
        place = np.flatnonzero(classes == self.reference_class)
        if place.size != 1:
            raise ValueError(f"{self._op}: reference_class {self.reference_class!r} is not one of the "
                             f"classes {classes.tolist()}")
        return int(place[0])

    # ---- answers
    def scores(self, X: Any) -> Any:
        """z = b + W x, (n, K).   Book: (3.26)"""
        return self._answer(linear(self._samples(X), self.coef_, self.intercept_), X)

    def decision_function(self, X: Any) -> Any:
        """The scores (n, K); of two classes z_2 - z_1, (n,)."""
        z = self.scores(X)
        return z[:, 1] - z[:, 0] if len(self.classes_) == 2 else z

    def predict_proba(self, X: Any) -> Any:
        """ŷ = softmax(z), (n, K).   Book: (3.24), (3.27)"""
        return self._answer(cr.softmax(linear(self._samples(X), self.coef_, self.intercept_)), X)

    def predict(self, X: Any) -> Any:
        """argmax_k ŷ_k, the MAP decision; of equals the first.   Book: §3.3, (3.34)"""
        best = np.asarray(self.scores(X)).argmax(axis=1)
        return self._answer(self.classes_[best], X)

    def log_likelihood(self, X: Any, y: Any) -> float:
        """ℓ = Σ b_y + w_yᵀ x - log Σ_j exp(b_j + w_jᵀ x), without penalty.   Book: §3.3, (3.28)"""
        z, y = cr.asarray(self.scores(X)), np.asarray(y)
        if y.shape != z.shape[:1] or not np.isin(y, self.classes_).all():
            raise ValueError(f"{self._op}: y {y.shape} needs one of the classes {self.classes_.tolist()} for "
                             f"each of {z.shape[0]} samples")
        numbers = cr.asarray(np.searchsorted(self.classes_, y)).to(z.device)
        return -cr.losses.cross_entropy(z, numbers, reduction="sum").item()

    def parameter_count(self) -> int:
        """K (p + 1); (K - 1)(p + 1) with a reference class.   Book: §3.3, (3.24)"""
        self._need_fit()
        return self.parameter_count_

    def half_spaces(self, k: int) -> tuple[np.ndarray, np.ndarray]:
        """(A, c): class number k wins where A x + c >= 0, K - 1 half-spaces, a convex polytope.   Book: §3.3

        Row j is H_kj(x) = (b_k - b_j) + (w_k - w_j)ᵀ x for one other class j.
        Shapes  A (K - 1, p), c (K - 1,)
        Differs the book says an intersection of hyperplanes
        """
        self._need_fit()
        if not 0 <= k < len(self.classes_):
            raise IndexError(f"{self._op}: class number {k} needs 0 <= k < {len(self.classes_)}")
        return half_spaces(self.coef_, self.intercept_, k)


def half_spaces(W: np.ndarray, b: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
    """(w_k - w_j, b_k - b_j) of all j ≠ k.   Book: §3.3, after (3.34)"""
    return np.delete(W[k] - W, k, axis=0), np.delete(b[k] - b, k)


def with_reference(W: Any, b: Any, k: int = -1) -> tuple[Any, Any]:
    """(W - w_k, b - b_k): the same probabilities, row k zero, by default the last.   Book: §3.3, (3.21)"""
    return W - W[k], b - b[k]
