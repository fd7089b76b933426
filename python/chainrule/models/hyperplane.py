"""Linear classifiers of two classes: on which side of a hyperplane a sample lies.   Book: §3.1, (3.14)"""
from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

import chainrule as cr

from .._core import Tensor

# σ⁻¹ of strictly increasing activations with σ(b + wᵀx) > τ: the side of a hyperplane
INVERSES: dict[str, Callable[[Tensor], Tensor]] = {
    "sigmoid": cr.logit,
    "probit": lambda tau: -cr.erfinv(1.0 - 2.0 * tau) * 2.0 ** 0.5,
    "identity": lambda tau: tau,
    "tanh": cr.atanh,
}


def hyperplane(x: Tensor, w: Any, b: Any) -> Tensor:
    """H(x) = b + wᵀ x.   Book: §3.1, (3.14)

    Shapes  x (..., p), w (p,) -> (...)
    """
    w, b = (cr.asarray(np.asarray(v)).astype(x.dtype).to(x.device) for v in (w, b))
    if x.ndim < 1 or w.shape != x.shape[-1:]:
        raise cr.ShapeError(f"hyperplane: x {x.shape} and w {w.shape} need w.shape == (x.shape[-1],)")
    return x @ w + b


def side(x: Tensor, w: Any, b: Any) -> Tensor:
    """1 where H(x) > 0, else 0: the rule of every linear classifier.   Book: §3.1, (3.14)

    Shapes  x (..., p), w (p,) -> (...) int64
    """
    return (hyperplane(x, w, b) > 0).astype(cr.int64)


def threshold_bias(b: float, tau: float, activation: str = "sigmoid") -> float:
    """b̌ = b - σ⁻¹(τ): σ(b + wᵀx) > τ exactly where b̌ + wᵀx > 0.   Book: §3.1, after (3.14)

    For the sigmoid b̌ = b + log(1/τ - 1); also "probit", "identity", "tanh".
    Errors  ValueError unless τ lies in the range of σ; at its ends b̌ is ±∞: all samples on one side
    """
    cr.check.one_of("threshold_bias", "activation", activation, INVERSES)
    shift = INVERSES[activation](cr.asarray(float(tau), dtype=cr.float64)).item()
    if np.isnan(shift):
        raise ValueError(f"threshold_bias: tau {tau!r} must lie in the range of {activation}")
    return b - shift
