"""Step sizes for each coordinate from past gradients: Adagrad, RMSprop, Adadelta.   Book: §4.3, §4.5"""
from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import chainrule as cr

from .. import check
from .._core import Tensor
from .base import Optimizer, Rate, assign


class Adagrad(Optimizer):
    """s ← s + g²,  θ ← θ - α g / (√s + ε): a rate that only falls.   Book: §4.3, (4.21), (4.22)

    Start   s = 0
    """
    slots = ("s",)

    def __init__(self, parameters: Any, alpha: Rate = 1e-2, eps: float = 1e-8) -> None:
        check.not_negative("Adagrad", eps=eps)
        super().__init__(parameters, alpha)
        self.eps = eps

    def apply(self, parameters: Mapping[str, Tensor], grads: Mapping[str, Tensor], alpha: float) -> None:
        for name, p in parameters.items():
            g, s = grads[name], self.state["s"][name]
            s[...] = s + g * g                                   # (4.22)
            assign(p, p - alpha * g / (cr.sqrt(s) + self.eps))   # (4.21)


class RMSprop(Optimizer):
    """s ← γ s + (1 - γ) g²,  θ ← θ - α g / (√s + ε): Adagrad that forgets.   Book: §4.3, (4.22), (4.23)

    Start   s = 0, without bias correction: the first step has length α / √(1 - γ)
    """
    slots = ("s",)

    def __init__(self, parameters: Any, alpha: Rate = 1e-3, gamma: float = 0.999, eps: float = 1e-8) -> None:
        check.fraction("RMSprop", gamma=gamma)
        check.not_negative("RMSprop", eps=eps)
        super().__init__(parameters, alpha)
        self.gamma, self.eps = gamma, eps

    def apply(self, parameters: Mapping[str, Tensor], grads: Mapping[str, Tensor], alpha: float) -> None:
        for name, p in parameters.items():
            g, s = grads[name], self.state["s"][name]
            s[...] = self.gamma * s + (1 - self.gamma) * (g * g)
            assign(p, p - alpha * g / (cr.sqrt(s) + self.eps))


class Adadelta(Optimizer):
    """θ ← θ - α u with u = (√Δ + ε) / (√s + ε) g, where Δ and s are smoothed u² and g².   Book: §4.5, (4.38)

    Start   Δ = s = 0
    Differs ε stands outside the roots, as printed: at 10⁻⁸ the method hardly moves from Δ = 0. `inside`
            puts it under them, √(Δ + ε), as Zeiler (2012) and PyTorch do. alpha = 1 is the book's
    """
    slots = ("delta", "s")

    def __init__(self, parameters: Any, alpha: Rate = 1.0, rho: float = 0.95, gamma: float | None = None,
                 eps: float = 1e-3, inside: bool = False) -> None:
        gamma = rho if gamma is None else gamma
        check.fraction("Adadelta", rho=rho, gamma=gamma)
        check.not_negative("Adadelta", eps=eps)
        super().__init__(parameters, alpha)
        self.rho, self.gamma, self.eps, self.inside = rho, gamma, eps, inside

    def root(self, x: Tensor) -> Tensor:
        return cr.sqrt(x + self.eps) if self.inside else cr.sqrt(x) + self.eps

    def apply(self, parameters: Mapping[str, Tensor], grads: Mapping[str, Tensor], alpha: float) -> None:
        for name, p in parameters.items():
            g, s, delta = grads[name], self.state["s"][name], self.state["delta"][name]
            s[...] = self.gamma * s + (1 - self.gamma) * (g * g)
            u = self.root(delta) / self.root(s) * g
            delta[...] = self.rho * delta + (1 - self.rho) * (u * u)
            assign(p, p - alpha * u)
