"""Rosenblatt's perceptron.   Book: chapter 3, notes; (5.16)"""
from __future__ import annotations

from typing import Any

import numpy as np

import chainrule as cr

from .. import check
from .estimator import Classifier, Estimator
from .hyperplane import hyperplane, side
from .likelihood import warn
from .linear import design_matrix


class Perceptron(Classifier, Estimator):
    """1{b + wᵀx > 0}, learned from mistakes: w += (y - Ŷ) x, b += y - Ŷ.   Book: chapter 3, notes

    Samples are visited in their order, again and again until one round makes no mistake. If a hyperplane
    separates the classes there are at most (R/γ)² mistakes, R the largest ‖(1, x)‖, γ the margin of the best
    unit (b, w). If none does, it stops after max_iter rounds with a warning.

    Learned  coef_ (p,), intercept_, classes_, mistakes_, n_iter_ the rounds, converged_
    """
    classes_: np.ndarray
    coef_: np.ndarray
    intercept_: float

    def __init__(self, *, max_iter: int = 1000) -> None:
        self.max_iter = max_iter

    def fit(self, X: Any, y: Any) -> Perceptron:
        """Learn b and w from samples X and labels y of two classes, of which the later in order is 1."""
        check.positive(self._op, max_iter=self.max_iter)
        x = self._samples(X, fitting=True)
        classes, labels = self._labels(y, x)
        if len(classes) > 2:
            raise ValueError(f"{self._op}: Only binary classification is supported; y holds {len(classes)} "
                             "classes; use OneVsRest(Perceptron())")
        design, theta = design_matrix(x.astype(cr.float64)), cr.zeros((x.shape[1] + 1,), dtype=cr.float64)
        theta, mistakes, rounds, wrong = theta.to(x.device), 0, 0, True
        while wrong and rounds < self.max_iter:
            at, wrong, rounds = 0, False, rounds + 1
            while (found := self._mistake(design, theta, labels, at)) is not None:
                gap = 2 * labels[found].item() - 1               # y - Ŷ of a mistake is ±1
                theta = theta + gap * design[found]
                mistakes, at, wrong = mistakes + 1, found + 1, True
        if wrong:
            warn(self._op, f"still makes mistakes after {rounds} rounds: X may not separate the classes; "
                           "raise max_iter")
        return self._learn(x, classes_=classes, coef_=theta[1:], intercept_=theta[0].item(),
                           mistakes_=mistakes, n_iter_=rounds, converged_=not wrong)

    @staticmethod
    def _mistake(design: cr.Tensor, theta: cr.Tensor, labels: cr.Tensor, first: int) -> int | None:
        """The first sample from `first` on that the rule gets wrong."""
        if first >= design.shape[0]:
            return None
        wrong = ((design[first:] @ theta > 0).astype(cr.int64) != labels[first:]).astype(cr.int64)
        place = int(cr.argmax(wrong).item())
        return first + place if wrong[place].item() else None

    def decision_function(self, X: Any) -> Any:
        """b + wᵀ x, (n,)."""
        return self._answer(hyperplane(self._samples(X), self.coef_, self.intercept_), X)

    def predict(self, X: Any) -> Any:
        """classes_[1] where b + wᵀx > 0, else classes_[0].   Book: (5.16)"""
        right = side(self._samples(X), self.coef_, self.intercept_)
        return self._answer(self.classes_[right.to("cpu").numpy()], X)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_class = False
        return tags
