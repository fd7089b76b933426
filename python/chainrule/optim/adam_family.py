"""Relatives of ADAM: Nadam, ADAM in the L_p norm, and its limit Adamax.   Book: §4.5"""
from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import chainrule as cr

from .. import check
from .._core import Tensor
from .base import Optimizer, Rate, assign


class _Moments(Optimizer):
    """v ← β v + (1 - β) g, and a second measure of g that the subclass keeps."""

    def __init__(self, parameters: Any, alpha: Rate, beta: float, gamma: float, eps: float) -> None:
        op = type(self).__name__
        for name, value in (("beta", beta), ("gamma", gamma)):
            if not 0 <= value < 1:
                raise ValueError(f"{op}: {name} must lie in [0, 1), got {value!r}")
        check.not_negative(op, eps=eps)
        super().__init__(parameters, alpha)
        self.beta, self.gamma, self.eps = beta, gamma, eps

    def direction(self, name: str, g: Tensor) -> Tensor:
        """v̂ / (size of the gradient + ε), with the state moved on."""
        raise NotImplementedError

    def momentum(self, name: str, g: Tensor) -> Tensor:
        v = self.state["v"][name]
        v[...] = self.beta * v + (1 - self.beta) * g             # (4.16)
        return v

    def apply(self, parameters: Mapping[str, Tensor], grads: Mapping[str, Tensor], alpha: float) -> None:
        for name, p in parameters.items():
            assign(p, p - alpha * self.direction(name, grads[name]))


class Nadam(_Moments):
    """ADAM with v̂ = β v / (1 - βᵗ⁺²) + (1 - β) g / (1 - βᵗ⁺¹): it looks ahead.   Book: §4.5

    Start   v = s = 0
    Differs PyTorch's NAdam changes β with t; here β stays, as in the book
    """
    slots = ("v", "s")

    def __init__(self, parameters: Any, alpha: Rate = 1e-3, beta: float = 0.9, gamma: float = 0.999,
                 eps: float = 1e-8) -> None:
        super().__init__(parameters, alpha, beta, gamma, eps)

    def direction(self, name: str, g: Tensor) -> Tensor:
        t, beta, v, s = self.step, self.beta, self.momentum(name, g), self.state["s"][name]
        s[...] = self.gamma * s + (1 - self.gamma) * (g * g)
        v_hat = beta / (1 - beta ** (t + 2)) * v + (1 - beta) / (1 - beta ** (t + 1)) * g
        return v_hat / (cr.sqrt(s / (1 - self.gamma ** (t + 1))) + self.eps)


class LpAdam(_Moments):
    """s ← γᵖ s + (1 - γᵖ) |g|ᵖ,  θ ← θ - α v̂ / (ŝ^(1/p) + ε); p = 2 is ADAM with γ².

    Book: §4.5, (4.39), (4.40)

    Start   v = s = 0
    Differs |g|ᵖ leaves the range of float for large p: use Adamax, the limit
    """
    slots = ("v", "s")

    def __init__(self, parameters: Any, alpha: Rate = 1e-3, beta: float = 0.9, gamma: float = 0.999,
                 p: float = 2.0, eps: float = 1e-8) -> None:
        if not 0 < p < float("inf"):
            raise ValueError(f"LpAdam: p must be positive and finite, got {p!r}; the limit is Adamax")
        super().__init__(parameters, alpha, beta, gamma, eps)
        self.p = p

    def direction(self, name: str, g: Tensor) -> Tensor:
        t, decay, v, s = self.step, self.gamma ** self.p, self.momentum(name, g), self.state["s"][name]
        s[...] = decay * s + (1 - decay) * cr.abs(g) ** self.p
        size = (s / (1 - decay ** (t + 1))) ** (1 / self.p)
        return v / (1 - self.beta ** (t + 1)) / (size + self.eps)


class Adamax(_Moments):
    """r ← max(γ r, |g|),  θ ← θ - α v̂ / (r + ε): ADAM in the limit p → ∞.   Book: §4.5, (4.41), (4.42)

    Start   v = r = 0
    """
    slots = ("v", "r")

    def __init__(self, parameters: Any, alpha: Rate = 2e-3, beta: float = 0.9, gamma: float = 0.999,
                 eps: float = 1e-8) -> None:
        super().__init__(parameters, alpha, beta, gamma, eps)

    def direction(self, name: str, g: Tensor) -> Tensor:
        v, r = self.momentum(name, g), self.state["r"][name]
        r[...] = cr.maximum(self.gamma * r, cr.abs(g))
        return v / (1 - self.beta ** (self.step + 1)) / (r + self.eps)
