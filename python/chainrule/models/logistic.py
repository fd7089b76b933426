"""The probability of one of two classes from features: logistic and probit regression.   Book: §3.1, §3.2"""
from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

import chainrule as cr

from .. import check
from .._core import Tensor
from ..distributions import Normal
from .estimator import Classifier, Estimator
from .hyperplane import hyperplane, side, threshold_bias
from .likelihood import ALL, AdamRecipe, Frame, maximise_likelihood, warn
from .linear import design_matrix


class Logit:
    """φ = σ(z), the sigmoid. For a sample on the side s = ±1, u = s z: P = σ(u).   Book: §3.1, (3.5)"""
    activation = "sigmoid"
    curvature_bound = 0.25

    @staticmethod
    def mean(z: Tensor) -> Tensor:
        return cr.sigmoid(z)

    @staticmethod
    def loss(u: Tensor) -> Tensor:
        """-log σ(u) = softplus(-u)."""
        return cr.softplus(-u)

    @staticmethod
    def slope(u: Tensor) -> Tensor:
        return -cr.sigmoid(-u)

    @staticmethod
    def curvature(u: Tensor) -> Tensor:
        return cr.sigmoid(u) * cr.sigmoid(-u)


class Probit:
    """φ = Φ(z), the normal distribution function; P = Φ(u).   Book: §3.1, after (3.6)"""
    activation = "probit"
    curvature_bound = 1.0

    @staticmethod
    def mean(z: Tensor) -> Tensor:
        return Normal().cdf(z)

    @staticmethod
    def loss(u: Tensor) -> Tensor:
        return -cr.log_normal_cdf(u)

    @staticmethod
    def slope(u: Tensor) -> Tensor:
        """-r, r = φ(u) / Φ(u) with the normal density φ."""
        return -cr.exp(-0.5 * u * u - 0.5 * math.log(2 * math.pi) - cr.log_normal_cdf(u))

    @staticmethod
    def curvature(u: Tensor) -> Tensor:
        r = -Probit.slope(u)
        return r * (u + r)


def penalties(X: Tensor, size: float, intercept: bool, s: Tensor | None) -> Tensor:
    """(d,): 0 for the bias, size / s² for w."""
    weights = cr.full((X.shape[1] - int(intercept),), size, dtype=X.dtype, device=X.device)
    weights = weights if s is None else weights / (s * s)
    return cr.concat([cr.zeros_like(weights[:1]), weights]) if intercept else weights


class BinaryLikelihood:
    """C(θ) = -ℓ(θ)/n + λ ‖w‖² / 2n with its derivatives, θ = (b, w).   Book: §3.1, (3.11); §3.2, (3.17)

    Shapes  X (n, d) with a first column of ones if there is an intercept, y (n,) of 0 and 1, θ (d,);
            s (p,): the penalty is that of w / s
    """
    def __init__(self, X: Tensor, y: Tensor, link: Any = Logit, l2: float = 0.0,
                 intercept: bool = True, s: Tensor | None = None) -> None:
        self.X, self.link, self.l2, self.samples = X, link, l2, X.shape[0]
        self.sign = 2.0 * y.astype(X.dtype) - 1.0
        self.penalty = penalties(X, l2 / self.samples, intercept, s)

    def loss(self, theta: Tensor, rows: slice = ALL) -> Tensor:
        """Mean cross entropy, with the penalty."""
        losses = self.link.loss(self.sign[rows] * (self.X[rows] @ theta))
        return cr.mean(losses) + 0.5 * cr.sum(self.penalty * theta * theta)

    def gradient(self, theta: Tensor, rows: slice = ALL) -> Tensor:
        """X̃ᵀ (ŷ - y) / n for the sigmoid.   Book: §3.2, (3.17)"""
        X, s = self.X[rows], self.sign[rows]
        return (s * self.link.slope(s * (X @ theta))) @ X / X.shape[0] + self.penalty * theta

    def hessian(self, theta: Tensor) -> Tensor:
        """X̃ᵀ Diag(ŷ (1 - ŷ)) X̃ / n for the sigmoid.   Book: §4.1, (4.7)"""
        weights = self.link.curvature(self.sign * (self.X @ theta))
        return self.X.mT @ (weights[:, None] * self.X) / self.samples + cr.diag(self.penalty)

    def flat(self) -> float:
        """No direction is known to be flat beforehand."""
        return 0.0

    def reach(self, step: Tensor) -> float:
        """How far a step moves the score of some sample."""
        return cr.max(cr.abs(self.X @ step)).item()

    def bend(self) -> float:
        """A bound of the Hessian's largest eigenvalue: descent with α = 1 / bend cannot rise."""
        gram = cr.max(cr.linalg.eigvalsh(self.X.mT @ self.X)).item() / self.samples
        return self.link.curvature_bound * gram + self.l2 / self.samples


class _BinaryRegression(Classifier, Estimator):
    """What logistic and probit regression share; each names its `link`."""
    link: Any
    classes_: np.ndarray
    coef_: np.ndarray
    intercept_: float
    covariance_: np.ndarray | None

    def __init__(self, *, method: str | AdamRecipe = "newton", l2: float = 0.0, fit_intercept: bool = True,
                 alpha: float | None = None, max_iter: int | None = None, tolerance: float = 1e-8) -> None:
        self.method, self.l2, self.fit_intercept = method, l2, fit_intercept
        self.alpha, self.max_iter, self.tolerance = alpha, max_iter, tolerance

    # ---- learning
    def fit(self, X: Any, y: Any) -> Any:
        """Learn b and w from samples X and labels y of two classes, of which the later in order is 1."""
        check.not_negative(self._op, l2=self.l2)
        x = self._samples(X, fitting=True)
        classes, labels = self._two_classes(y, x)
        x = x if isinstance(self.method, AdamRecipe) else x.astype(cr.float64)
        frame = Frame(self._op, x, self.fit_intercept, plain=self.method not in ("newton", "l-bfgs"))
        problem = BinaryLikelihood(design_matrix(frame.z, self.fit_intercept), labels, self.link, self.l2,
                                   self.fit_intercept, frame.s)
        start = cr.zeros((problem.X.shape[1],), dtype=x.dtype, device=x.device)
        fit = maximise_likelihood(self._op, problem, start, self.method, self.alpha, self.max_iter,
                                  self.tolerance)
        if fit.warning:
            warn(self._op, fit.warning)
        theta, k, H = frame.parameters(fit.theta), int(self.fit_intercept), fit.hessian
        spread = None if H is None else frame.spread(cr.linalg.inv(H) / problem.samples)
        return self._learn(x, classes_=classes, coef_=theta[k:], intercept_=theta[0].item() if k else 0.0,
                           n_iter_=fit.steps, loss_path_=np.array(fit.values), covariance_=spread)

    def _two_classes(self, y: Any, x: Tensor) -> tuple[np.ndarray, Tensor]:
        classes, labels = self._labels(y, x)
        if len(classes) > 2:
            raise ValueError(f"{self._op}: Only binary classification is supported; y holds {len(classes)} "
                             "classes; use MultinomialRegression")
        return classes, labels

    @property
    def theta_(self) -> np.ndarray:
        """(b, w), the bias first; w alone without an intercept."""
        self._need_fit()
        return np.r_[self.intercept_, self.coef_] if self.fit_intercept else self.coef_

    def parameter_count(self) -> int:
        """d = p + 1.   Book: §3.1, after (3.3)"""
        return self.theta_.size

    # ---- answers
    def decision_function(self, X: Any) -> Any:
        """z = b + wᵀ x, (n,)."""
        return self._answer(self._score(X), X)

    def probability(self, X: Any) -> Any:
        """ŷ = φ(x), the probability of classes_[1], (n,).   Book: §3.1, (3.3), (3.5), (3.13)"""
        return self._answer(self.link.mean(self._score(X)), X)

    def predict_proba(self, X: Any) -> Any:
        """(1 - ŷ, ŷ), (n, 2), each with all its digits."""
        z = self._score(X)
        return self._answer(cr.stack([self.link.mean(-z), self.link.mean(z)], axis=-1), X)

    def predict(self, X: Any, tau: float = 0.5) -> Any:
        """classes_[1] where ŷ > τ, else classes_[0].   Book: §2.2, (2.5); §3.1, (3.14)"""
        b, w = self.hyperplane(tau)
        x = self._samples(X)
        return self._answer(self.classes_[side(x, w, b).to("cpu").numpy()], X)

    def hyperplane(self, tau: float = 0.5) -> tuple[float, np.ndarray]:
        """(b̌, w̌) with ŷ > τ exactly where b̌ + w̌ᵀ x > 0.   Book: §3.1, after (3.14)"""
        self._need_fit()
        return threshold_bias(self.intercept_, tau, self.link.activation), self.coef_

    def log_likelihood(self, X: Any, y: Any) -> float:
        """ℓ = Σ y log φ + (1 - y) log(1 - φ), without penalty.   Book: §3.1, (3.9)"""
        z, y = self._score(X), np.asarray(y)
        if y.shape != z.shape or not np.isin(y, self.classes_).all():
            raise ValueError(f"{self._op}: y {y.shape} needs one of the classes {self.classes_} for each of "
                             f"{z.shape[0]} samples")
        sign = cr.asarray(np.where(y == self.classes_[1], 1.0, -1.0)).astype(z.dtype).to(z.device)
        return -cr.sum(self.link.loss(sign * z)).item()

    def likelihood(self, X: Any, y: Any) -> float:
        """L = Π φ^y (1 - φ)^(1 - y); underflows to 0 for many samples.   Book: §3.1, (3.7), (3.8)"""
        return math.exp(self.log_likelihood(X, y))

    # ---- inference
    @property
    def standard_errors_(self) -> np.ndarray:
        """√ of the diagonal of the inverse observed information, of (b, w).   Book: Fig. 3.1 (a)"""
        return np.sqrt(np.diag(self._covariance()))

    def confidence_band(self, X: Any, level: float = 0.95) -> tuple[Any, Any]:
        """φ of x̃ᵀθ ∓ q √(x̃ᵀ I⁻¹ x̃), q the normal quantile, 1.96 for 95 %: two (n,).   Book: Fig. 3.1 (a)

        I is the observed information. Wald's band, for each x on its own.
        """
        if not 0 < level < 1:
            raise ValueError(f"{self._op}: level must lie in (0, 1), got {level!r}")
        x = self._samples(X).astype(cr.float64)
        design = design_matrix(x, self.fit_intercept)
        spread = cr.sqrt(cr.sum((design @ cr.asarray(self._covariance()).to(x.device)) * design, axis=-1))
        reach = 2.0 ** 0.5 * cr.erfinv(cr.asarray(level, dtype=cr.float64)).item() * spread
        z = hyperplane(x, self.coef_, self.intercept_)
        return tuple(self._answer(self.link.mean(z + d), X) for d in (-reach, reach))    # type: ignore

    def coefficients(self, names: Any = None) -> list[Coefficient]:
        """Estimate, standard error, z and p-value of b and each w."""
        names = [f"x{i + 1}" for i in range(len(self.coef_))] if names is None else list(names)
        if len(names) != len(self.coef_):
            raise ValueError(f"{self._op}: {len(names)} names for {len(self.coef_)} features")
        names = ["intercept", *names] if self.fit_intercept else names
        z = self.theta_ / self.standard_errors_
        p = cr.erfc(cr.asarray(np.abs(z) * 0.5 ** 0.5)).numpy()
        return [Coefficient(*row) for row in zip(names, self.theta_.tolist(), self.standard_errors_.tolist(),
                                                 z.tolist(), p.tolist(), strict=True)]

    def _covariance(self) -> np.ndarray:
        self._need_fit()
        if self.covariance_ is None:
            raise ValueError(f"{self._op}: no standard errors: they need method 'newton', samples that do "
                             "not separate the classes, and columns that do not depend on each other")
        return self.covariance_

    def _score(self, X: Any) -> Tensor:
        return hyperplane(self._samples(X), self.coef_, self.intercept_)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_class = False
        return tags


@dataclass(frozen=True)
class Coefficient:
    """One line of a fit's table: Wald's z = estimate / standard error, and P(|Z| > |z|)."""
    name: str
    estimate: float
    standard_error: float
    z: float
    p_value: float


class LogisticRegression(_BinaryRegression):
    """ŷ = σ(b + wᵀ x) with the largest likelihood: log-odds that are affine in x.   Book: §3.1, (3.3)-(3.10)

    method   "newton" (IRLS), "l-bfgs", "gd" (gradient descent), or an AdamRecipe
    l2       λ of the penalty λ ‖w‖² / 2 beside -ℓ(θ); 1 / C of scikit-learn. With λ = 0 classes that X
             separates have no maximum: a warning says so
    alpha    the rate of "gd"; 1 / (bound of the Hessian) when None
    max_iter so many steps at most; 100, 1,000, 10,000 of newton, l-bfgs, gd when None
    tolerance  stop when every slope of the mean loss ("newton": the root of the fall left) is below it
    Learned  coef_ (p,), intercept_, classes_, n_iter_; loss_path_ the mean loss before each step and at the
             end; covariance_ (d, d) of (b, w), "newton" only (with l2, of the penalised Hessian)
    Differs  the book says that a convex loss has a minimum; it has none if X separates the classes
    """
    link = Logit

    def log_odds(self, X: Any) -> Any:
        """log(φ / (1 - φ)) = b + wᵀ x, (n,).   Book: §3.1, (3.2), (3.3)"""
        return self.decision_function(X)

    def odds(self, X: Any) -> Any:
        """φ / (1 - φ) = e^(b + wᵀ x), (n,).   Book: §3.1, before (3.2)"""
        return self._answer(cr.exp(self._score(X)), X)

    def odds_ratios(self) -> np.ndarray:
        """e^w: one unit more of a feature multiplies the odds by it, (p,).   Book: §3.1, after (3.13)

        Differs the book's sentence has the two levels the wrong way round
        """
        self._need_fit()
        return np.exp(self.coef_)


class ProbitRegression(_BinaryRegression):
    """ŷ = Φ(b + wᵀ x): normal in place of logistic noise in the latent response.   Book: §3.1, after (3.6)

    Arguments and what is learned as LogisticRegression.
    """
    link = Probit
