"""The largest likelihood: Newton's method, descent, quasi-Newton steps, ADAM on mini-batches.

Book: §3.1, (3.10); §3.3, (3.28)
"""
from __future__ import annotations

import math
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

import chainrule as cr

from .. import check
from .._core import Tensor
from .estimator import _of_sklearn as of_sklearn

METHODS = {"newton": 100, "l-bfgs": 1000, "gd": 10_000}          # and how many steps each takes at most
ALL = slice(None)


class Likelihood(Protocol):
    """The mean of -log P over samples with its derivatives, as functions of a flat θ.

    reach(step) is the largest change of a score; bend() bounds the Hessian; flat() is a curvature to add in
    directions that change nothing, so that Newton's step has no part in them.
    """
    samples: int

    def loss(self, theta: Tensor, rows: slice = ALL) -> Tensor: ...
    def gradient(self, theta: Tensor, rows: slice = ALL) -> Tensor: ...
    def hessian(self, theta: Tensor) -> Tensor: ...
    def flat(self) -> Any: ...
    def reach(self, step: Tensor) -> float: ...
    def bend(self) -> float: ...


@dataclass
class Fit:
    """What was found, after how many steps, the Hessian there ("newton", full rank), what to warn of."""
    theta: Tensor
    steps: int
    hessian: Tensor | None = None
    values: tuple[float, ...] = ()
    warning: str = ""


class Frame:
    """z = (x - m) / s, features around 0 and of size 1, in which second-order steps keep their digits.

    A θ learned on z is `back @ θ` on x. `plain` leaves x as it is, for descent as the book has it.
    Shapes  x (n, p); back (d, d), d = p + 1 with an intercept; without one m = 0
    """
    def __init__(self, op: str, x: Tensor, intercept: bool, plain: bool) -> None:
        self.z, self.s, self.back = x, cr.ones(x.shape[1:], dtype=x.dtype, device=x.device), None
        if plain:
            return
        m = cr.mean(x, axis=0) if intercept else cr.zeros_like(self.s)
        largest, s = cr.max(cr.abs(x), axis=0), cr.max(cr.abs(x - m), axis=0)
        if not cr.all(cr.isfinite(s)).item():
            raise ValueError(f"{op}: X holds too large numbers; scale it")
        level = s <= 1e-14 * largest                             # a constant column is 0, not rounding's dust
        self.s = cr.where(level, 1.0, s)
        self.z = cr.where(level, 0.0, x - m) / self.s
        self.back = cr.diag(1.0 / self.s)
        if intercept:
            one = cr.ones((1,), dtype=x.dtype, device=x.device)
            top = cr.concat([one, -m / self.s])[None]
            self.back = cr.concat([top, cr.concat([cr.zeros_like(self.s)[:, None], self.back], axis=1)])

    def parameters(self, theta: Tensor) -> Tensor:
        """Rows of (b, w) learned on z as rows for x, (..., d)."""
        return theta if self.back is None else theta @ self.back.mT

    def spread(self, covariance: Tensor) -> Tensor:
        """The covariance (d, d) of (b, w) learned on z as that for x."""
        return covariance if self.back is None else self.back @ covariance @ self.back.mT


@dataclass(frozen=True)
class AdamRecipe:
    """ADAM with α = 0.02 on mini-batches of 2,000 for 200 epochs, from θ ~ N(0, start²).

    Book: §3.3, footnote 8

    The batches come in the order of the samples, as in the book's runs. each_epoch(epoch, θ) is called after
    epochs 1, 2, ...; θ keeps the type of X, so that float32 samples are trained in float32.
    """
    alpha: float = 0.02
    batch_size: int = 2000
    epochs: int = 200
    start: float = 1.0
    seed: int = 0
    each_epoch: Callable[[int, Tensor], Any] | None = None

    def run(self, problem: Likelihood, size: int, like: Tensor) -> Fit:
        """Train θ of `size` numbers, of like's type and device."""
        check.positive("AdamRecipe", batch_size=self.batch_size, epochs=self.epochs)
        check.not_negative("AdamRecipe", alpha=self.alpha, start=self.start)
        theta = self.start * cr.normal((size,), rng=cr.Rng(self.seed), dtype=like.dtype).to(like.device)
        adam, steps = cr.optim.Adam({"theta": theta}, self.alpha), 0
        for epoch in range(1, self.epochs + 1):
            for first in range(0, problem.samples, self.batch_size):
                adam.update({"theta": problem.gradient(theta, slice(first, first + self.batch_size))})
                steps += 1
            if self.each_epoch is not None:
                self.each_epoch(epoch, theta)
        return Fit(theta, steps)


def maximise_likelihood(op: str, problem: Likelihood, start: Tensor, method: str | AdamRecipe,
                        alpha: float | None, max_iter: int | None, tolerance: float) -> Fit:
    """θ with the least mean of -log P; a warning in one line when there is none or it was not reached.

    Errors  ValueError for an unknown method, or when θ overflows
    """
    if isinstance(method, AdamRecipe):
        fit = method.run(problem, start.size, start)
    else:
        check.one_of(op, "method", method, METHODS)
        fit = _found(op, problem, start, method, alpha, max_iter, tolerance)
    if not cr.all(cr.isfinite(fit.theta)).item():
        raise ValueError(f"{op}: the parameters overflow; alpha is too large, or X holds too large numbers")
    return fit


def _found(op: str, problem: Likelihood, start: Tensor, method: str, alpha: float | None,
           max_iter: int | None, tolerance: float) -> Fit:
    check.not_negative(op, tolerance=tolerance)
    most = METHODS[method] if max_iter is None else max_iter
    check.positive(op, max_iter=most)
    if method == "newton":
        return _newton(problem, start, most, tolerance)
    rate = 1 / problem.bend() if method == "gd" and alpha is None else alpha
    options: dict[str, Any] = {"alpha": rate} if method == "gd" else {}
    found = cr.optim.minimize(
        problem.loss, start, method, gradient=problem.gradient,
        stop=cr.optim.Termination(gradient=tolerance, iterations=most), **options)
    warning = "" if found.success else (
        f"method {method!r} stopped early: {found.message}; the largest slope is "
        f"{cr.max(cr.abs(found.jac)).item():.2g}, wanted {tolerance:g}; standardise X, raise max_iter, "
        "or try 'newton'")
    return Fit(found.x, found.nit, values=tuple(found.values), warning=warning)


def _newton(problem: Likelihood, theta: Tensor, most: int, tolerance: float) -> Fit:
    """θ ← θ - (∇²C)⁻¹ ∇C, halved until C falls.   Book: §3.2; §4.6, (4.55)

    For a GLM this is IRLS, iteratively reweighted least squares. It stops when ½ gᵀ H⁻¹ g, the fall of C that
    is left, is below tolerance². Without a maximum every step still moves some scores by about 1.
    """
    value, steps, values, independent = problem.loss(theta).item(), 0, [], True
    for steps in range(1, most + 1):
        values.append(value)
        g, H = problem.gradient(theta), problem.hessian(theta) + problem.flat()
        step, full_rank = newton_direction(H, g)
        independent = independent and (full_rank or steps > 1)   # weights are equal at the start
        left = -0.5 * (step @ g).item()
        theta, value = _downhill(problem, theta, value, step, left)
        if not left > tolerance ** 2 or value < 1e-9:            # no sample is in doubt any more
            break
    warning = ""
    if not independent:
        warning = ("the columns of X depend on each other (or n is too small), so the coefficients are not "
                   "unique; the smallest were taken, without standard errors; drop columns or give l2 > 0")
    elif problem.reach(step) > 0.1 or not full_rank:
        warning = ("X separates the classes, so the likelihood has no maximum and the coefficients grow "
                   f"without end; stopped after {steps} steps; give l2 > 0")
    elif left > tolerance ** 2 and value >= 1e-9:
        warning = f"method 'newton' stopped after {most} steps, {left:.2g} of the loss left; raise max_iter"
    return Fit(theta, steps, None if warning else problem.hessian(theta), (*values, value), warning)


def newton_direction(H: Tensor, g: Tensor) -> tuple[Tensor, bool]:
    """(-H⁺ g, whether H has full rank), for H positive semidefinite; scaled to a unit diagonal before."""
    scale = cr.sqrt(cr.diagonal(H))
    scale = cr.where(scale > 0, scale, 1.0)
    H = H / scale / scale[:, None]
    try:
        L = cr.linalg.cholesky(H)
        if cr.min(cr.diagonal(L)).item() ** 2 > 1e-13 * H.shape[0]:
            half = cr.linalg.solve_triangular(L, g / scale)
            return -cr.linalg.solve_triangular(L.mT, half, upper=True) / scale, True
    except ValueError:
        pass
    values, vectors = cr.linalg.eigh(H)
    keep = values > 1e-12 * cr.max(values).item()
    inverse = cr.where(keep, 1.0 / cr.where(keep, values, 1.0), 0.0)
    return -(vectors @ (inverse * (vectors.mT @ (g / scale)))) / scale, False


def _downhill(problem: Likelihood, theta: Tensor, value: float, step: Tensor, left: float
              ) -> tuple[Tensor, float]:
    """θ + the step, or half of it, a quarter ... until C falls (or stays, within rounding)."""
    slack = 1e-14 * max(1.0, abs(value))
    for _ in range(40):
        there = theta + step
        found = problem.loss(there).item()
        if math.isfinite(found) and found <= value + slack:
            return there, found
        step = 0.5 * step
    return theta, value


class ConvergenceWarning(UserWarning):
    """A fit without an answer, or one that was stopped before it had one."""


def warn(op: str, message: str) -> None:
    """A ConvergenceWarning, also of scikit-learn's type where that is loaded."""
    warnings.warn(f"{op}: {message}", of_sklearn("ConvergenceWarning", ConvergenceWarning), stacklevel=3)
