"""ADAM, and its form with decoupled weight decay.   Book: §4.3, (4.25), Algorithm 4.2; §5.7"""
from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import chainrule as cr

from .. import check
from .._core import Tensor
from .base import Decay, Optimizer, Rate, assign, by_decay, fused


def adam_update(params: Sequence[Tensor], grads: Sequence[Tensor], v: Sequence[Tensor], s: Sequence[Tensor],
                alpha: float, beta: float, gamma: float, eps: float, weight_decay: float, decoupled: bool,
                step: int) -> None:
    """Step number `step` = 1, 2, ... for each parameter, in place.   Book: Algorithm 4.2"""
    for p, g, v_p, s_p in zip(params, grads, v, s, strict=True):
        theta = p
        if weight_decay and decoupled:
            theta = (1 - alpha * weight_decay) * p
        elif weight_decay:
            g = g + weight_decay * p
        v_p[...] = beta * v_p + (1 - beta) * g
        s_p[...] = gamma * s_p + (1 - gamma) * (g * g)
        v_hat = v_p / (1 - beta ** step)
        s_hat = s_p / (1 - gamma ** step)
        assign(p, theta - alpha * v_hat / (cr.sqrt(s_hat) + eps))


class Adam(Optimizer):
    """v ← β v + (1-β) g,  s ← γ s + (1-γ) g²,  θ ← θ - α v̂ / (√ŝ + ε).   Book: §4.3, (4.25), Algorithm 4.2

    v̂ = v / (1 - βᵗ⁺¹), ŝ = s / (1 - γᵗ⁺¹) undo the start at 0.

    Start   v = s = 0
    Differs weight_decay λ adds λ θ to g: a number, or a function of the parameter's name; see AdamW
    """
    slots = ("v", "s")
    decoupled = False

    def __init__(self, parameters: Any, alpha: Rate = 1e-3, beta: float = 0.9, gamma: float = 0.999,
                 eps: float = 1e-8, weight_decay: Decay = 0.0) -> None:
        op = type(self).__name__
        for name, value in (("beta", beta), ("gamma", gamma)):
            if not 0 <= value < 1:
                raise ValueError(f"{op}: {name} must lie in [0, 1), got {value!r}")
        check.not_negative(op, eps=eps)
        if not callable(weight_decay):
            check.not_negative(op, weight_decay=weight_decay)
        super().__init__(parameters, alpha)
        self.beta, self.gamma, self.eps, self.weight_decay = beta, gamma, eps, weight_decay

    def apply(self, parameters: Mapping[str, Tensor], grads: Mapping[str, Tensor], alpha: float) -> None:
        for decay, names in by_decay(self.weight_decay, parameters).items():
            theta = [parameters[name] for name in names]
            step = fused("adam_update", theta, adam_update)
            step(theta, [grads[name] for name in names], self.of("v", names), self.of("s", names),
                 alpha, self.beta, self.gamma, self.eps, decay, self.decoupled, self.step + 1)


class AdamW(Adam):
    """Adam, and each step shrinks θ ← (1 - α λ) θ beside the gradient's part.   Book: §5.7, (5.53)

    Differs weight_decay λ is a number, or a function of the parameter's name such as
            lambda name: 0.01 if name.endswith("weight") else 0.0
    """
    decoupled = True

    def __init__(self, parameters: Any, alpha: Rate = 1e-3, beta: float = 0.9, gamma: float = 0.999,
                 eps: float = 1e-8, weight_decay: Decay = 0.01) -> None:
        super().__init__(parameters, alpha, beta, gamma, eps, weight_decay)
