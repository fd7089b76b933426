"""Gradient descent with momentum, Nesterov's look ahead and weight decay.   Book: §2.4, §4.3, §4.5, §5.7"""
from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from .. import check
from .._core import Tensor
from .base import Decay, Optimizer, Rate, assign, by_decay, fused


def sgd_update(params: Sequence[Tensor], grads: Sequence[Tensor], velocity: Sequence[Tensor], alpha: float,
               momentum: float, dampening: float, weight_decay: float, nesterov: bool) -> None:
    """One step for each parameter, in place; `velocity` is empty without momentum."""
    for i, (p, g) in enumerate(zip(params, grads, strict=True)):
        if weight_decay:
            g = g + weight_decay * p                             # gradient of (λ/2) ‖θ‖², (5.53)
        if momentum:
            v = velocity[i]
            v[...] = momentum * v + (1 - dampening) * g          # (4.16)
            g = g + momentum * v if nesterov else v              # (4.37), or (4.17)
        assign(p, p - alpha * g)


class SGD(Optimizer):
    """v ← β v + (1 - d) g,  θ ← θ - α v, with momentum β, dampening d.

    Book: §4.2, §4.3, (4.10), (4.16), (4.17)

    Start   v = 0
    Differs the book's momentum is dampening=β; PyTorch's first step leaves the dampening out. nesterov steps
            by α (g + β v), the book's (4.37) with α / (1 - β) for α. weight_decay λ adds λ θ to g, (5.53):
            a number, or a function of the parameter's name
    """
    def __init__(self, parameters: Any, alpha: Rate = 1e-2, momentum: float = 0.0, dampening: float = 0.0,
                 weight_decay: Decay = 0.0, nesterov: bool = False) -> None:
        check.fraction("SGD", momentum=momentum, dampening=dampening)
        if nesterov and (not momentum or dampening):
            raise ValueError(f"SGD: nesterov needs momentum > 0 and dampening 0, got {momentum}, {dampening}")
        if not callable(weight_decay):
            check.not_negative("SGD", weight_decay=weight_decay)
        self.slots = ("v",) if momentum else ()
        super().__init__(parameters, alpha)
        self.momentum, self.dampening = momentum, dampening
        self.weight_decay, self.nesterov = weight_decay, nesterov

    def apply(self, parameters: Mapping[str, Tensor], grads: Mapping[str, Tensor], alpha: float) -> None:
        for decay, names in by_decay(self.weight_decay, parameters).items():
            theta = [parameters[name] for name in names]
            step = fused("sgd_update", theta, sgd_update)
            step(theta, [grads[name] for name in names], self.of("v", names) if self.momentum else [],
                 alpha, self.momentum, self.dampening, decay, self.nesterov)
