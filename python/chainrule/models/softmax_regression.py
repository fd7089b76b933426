"""Multinomial logistic regression.   Book: §3.3"""
from __future__ import annotations

import chainrule as cr

from .._core import Tensor
from ..nn import Linear, Module


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
