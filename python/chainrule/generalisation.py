"""Errors on unseen data when the law of the data is known: estimates by simulation.   Book: §2.5

A law is a function draw(n, rng) -> (X, y) of n fresh samples; a model has fit, predict and get_params.
"""
from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

import chainrule as cr

from . import check
from .metrics import square_error
from .models.estimator import fresh
from .random import Rng
from .selection import Estimate, Performance, error

Law = Callable[[int, Rng], tuple[Any, Any]]


def unseen_error(model: Any, draw: Law, n: int = 10_000, *, rng: Rng, performance: Performance = square_error
                 ) -> Estimate:
    """E_unseen of one trained model: mean performance on n fresh samples.   Book: §2.5, (2.24)"""
    check.positive("unseen_error", n=n)
    return error(model, *draw(n, rng), performance)


class ExpectedErrors(NamedTuple):
    """Means over training sets, with standard errors."""
    train: Estimate                      # Ẽ_train (2.28)
    unseen: Estimate                     # Ẽ_unseen (2.27)
    gap: Estimate                        # Δ̃ = Ẽ_unseen - Ẽ_train


def expected_errors(model: Any, draw: Law, n: int, *, repeats: int, fresh_samples: int, rng: Rng,
                    performance: Performance = square_error) -> ExpectedErrors:
    """Errors of a model's settings, averaged over training sets of n samples.   Book: §2.5, (2.27), (2.28)

    For each of `repeats` training sets a fresh model is trained and asked about `fresh_samples` others.
    """
    check.positive("expected_errors", n=n, repeats=repeats, fresh_samples=fresh_samples)
    train, unseen = np.empty(repeats), np.empty(repeats)
    for r in range(repeats):
        X, y = draw(n, rng)
        fitted = fresh(model).fit(X, y)
        train[r] = error(fitted, X, y, performance).mean
        unseen[r] = unseen_error(fitted, draw, fresh_samples, rng=rng, performance=performance).mean
    return ExpectedErrors(*map(Estimate.of, (train, unseen, unseen - train)))


class BiasVariance(NamedTuple):
    """The parts of the expected squared error, at each x* and on average."""
    bias2: float                         # mean over x* of (E f̂(x*) - f(x*))²
    variance: float                      # mean over x* of Var f̂(x*)
    noise: float                         # σ²
    direct: Estimate                     # Ẽ_unseen straight from (f̂(x*) - y*)²
    mean: np.ndarray                     # E f̂(x*), one number a point
    deviation: np.ndarray                # root of Var f̂(x*)

    @property
    def total(self) -> float:
        """bias² + variance + noise."""
        return self.bias2 + self.variance + self.noise


def bias_variance(model: Any, f: Callable[[Any], Any], points: Any, sample: Callable[[Rng], Any],
                  sigma: float, *, repeats: int, rng: Rng) -> BiasVariance:
    """Ẽ_unseen = E[bias²(x*) + variance(x*)] + σ² for y = f(x) + σ ε.   Book: §2.5, (2.30)-(2.32)

    f       the true function, of a tensor X (n, p), giving (n,)
    points  x* (m, p), over which the parts are averaged
    sample  rng -> X (n, p), the inputs of one training set
    Differs (2.32) takes expectation and variance over x* too, then the terms do not add up; the parts here
            are those of each x*, averaged afterwards
    """
    check.positive("bias_variance", repeats=repeats)
    check.not_negative("bias_variance", sigma=sigma)
    if repeats < 2:
        raise ValueError(f"bias_variance: repeats must be at least 2 for a variance, got {repeats}")
    truth = np.asarray(f(points), np.float64)
    predicted, direct = np.empty((repeats, len(truth))), np.empty(repeats)
    for r in range(repeats):
        X = sample(rng)
        clean = f(X)
        y = clean + sigma * cr.normal(clean.shape, rng=rng, dtype=clean.dtype)
        predicted[r] = np.asarray(fresh(model).fit(X, y).predict(points))
        unseen = truth + sigma * np.asarray(cr.normal(truth.shape, rng=rng, dtype=cr.float64))
        direct[r] = square_error(predicted[r], unseen).mean()
    mean, variance = predicted.mean(0), predicted.var(0, ddof=1)
    bias2 = (mean - truth) ** 2 - variance / repeats     # the mean over repeats has a variance of its own
    return BiasVariance(float(bias2.mean()), float(variance.mean()), sigma**2, Estimate.of(direct), mean,
                        np.sqrt(variance))
