"""What optimisers share: named parameters, their state, the learning rate and the step count.

Book: chapter 4
"""
from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import chainrule as cr

from .. import _core, check
from .._core import Tensor
from ..nn.module import fits, named_tensors

Rate = float | Callable[[int], float]
Decay = float | Callable[[str], float]


class Optimizer:
    """θ ← θ + (a step made of g = ∇C(θ)), in place, for every tensor of a model or a tree.

    A subclass names the arrays it keeps for each parameter in `slots` and writes `apply`; see SGD.
    alpha is a number or a function of the step number t = 0, 1, ... (see schedules).
    """
    slots: tuple[str, ...] = ()

    def __init__(self, parameters: Any, alpha: Rate) -> None:
        op = type(self).__name__
        self.parameters = named_tensors(parameters)
        if not self.parameters:
            raise ValueError(f"{op}: nothing to train: no floating tensor that is not frozen")
        if not callable(alpha) and not alpha >= 0:
            raise ValueError(f"{op}: alpha must be >= 0 or a schedule, got {alpha!r}")
        self.alpha = alpha
        self.factors: dict[str, float] = {}      # of the rate, by parameter; 1 where there is none
        self.step = 0
        self.state = {slot: {name: _zeros(p) for name, p in self.parameters.items()} for slot in self.slots}

    def update(self, grads: Any) -> None:
        """One step: grads as a transform gives them. Parameters that have none (frozen since) stay."""
        op, named = type(self).__name__, grads if _flat(grads) else named_tensors(grads)
        for name, g in named.items():
            if name not in self.parameters:
                raise ValueError(f"{op}: gradient {name!r} has no parameter of that name")
            if g.shape != self.parameters[name].shape:
                raise cr.ShapeError(f"{op}: gradient {name} {tuple(g.shape)} needs its parameter's shape "
                                    f"{tuple(self.parameters[name].shape)}")
        alpha = self.rate()
        for factor, names in self.by_factor(named).items():
            self.apply({name: self.parameters[name] for name in names}, {name: named[name] for name in names},
                       alpha * factor)
        self._count()
        cr.cuda.each_replay(self._count)

    def _count(self) -> None:
        self.step += 1

    def rate(self) -> float:
        """The learning rate of the coming step."""
        return float(self.alpha(self.step) if callable(self.alpha) else self.alpha)

    def scale(self, pattern: str, factor: float) -> None:
        """Let the parameters whose name, or a module above, fits the pattern learn at the rate α · factor.

        Example
            >>> model = cr.nn.Sequential(trunk=cr.nn.Linear(3, 2, rng=cr.Rng(0)),
            ...                          head=cr.nn.Linear(2, 2, rng=cr.Rng(1)))
            >>> adam = cr.optim.Adam(model, alpha=1e-2)
            >>> adam.scale("trunk", 0.1)
        """
        check.not_negative("scale", factor=factor)
        hit = [name for name in self.parameters if fits(name, pattern)]
        if not hit:
            raise ValueError(f"scale: no parameter matches {pattern!r}; there are "
                             + ", ".join(list(self.parameters)[:6]))
        self.factors |= dict.fromkeys(hit, float(factor))

    def by_factor(self, names: Any) -> dict[float, list[str]]:
        """{factor of the rate: names of the parameters that have it}."""
        groups: dict[float, list[str]] = {}
        for name in names:
            groups.setdefault(self.factors.get(name, 1.0), []).append(name)
        return groups

    def apply(self, parameters: Mapping[str, Tensor], grads: Mapping[str, Tensor], alpha: float) -> None:
        """Change the parameters in place; `self.step` is the number of steps before this one."""
        raise NotImplementedError(f"{type(self).__name__}: needs an apply")

    def of(self, slot: str, names: Any) -> list[Tensor]:
        """The state arrays of some parameters."""
        return [self.state[slot][name] for name in names]

    def state_dict(self) -> dict[str, Any]:
        """{"step": number, "slot.parameter": tensor}, and "alpha.x" of a schedule that has a state."""
        state: dict[str, Any] = {"step": self.step}
        for slot, arrays in self.state.items():
            state |= {f"{slot}.{name}": array for name, array in arrays.items()}
        if hasattr(self.alpha, "state_dict"):
            state |= {f"alpha.{name}": value for name, value in self.alpha.state_dict().items()}
        return state

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Copy a state in; names and shapes are checked before the first number is written."""
        op, own = type(self).__name__, self.state_dict()
        if set(own) != set(state):
            raise ValueError(f"{op}: the state lacks {sorted(set(own) - set(state))}, "
                             f"unexpected {sorted(set(state) - set(own))}")
        for name, array in own.items():
            if isinstance(array, Tensor) and tuple(state[name].shape) != tuple(array.shape):
                raise cr.ShapeError(f"{op}: state {name} is {tuple(state[name].shape)}, "
                                    f"the parameter needs {tuple(array.shape)}")
        self.step = int(state["step"])
        for name, array in own.items():
            if isinstance(array, Tensor):
                array[...] = cr.tensor(state[name]).astype(array.dtype).to(array.device)
        if hasattr(self.alpha, "load_state_dict"):
            self.alpha.load_state_dict({name[6:]: state[name] for name in own if name.startswith("alpha.")})


def by_decay(decay: Decay, names: Any) -> dict[float, list[str]]:
    """{weight decay: names of the parameters that have it}, for a number or a function of the name."""
    if not callable(decay):
        return {float(decay): list(names)}
    groups: dict[float, list[str]] = {}
    for name in names:
        groups.setdefault(float(decay(name)), []).append(name)
    return groups


def fused(name: str, params: list[Tensor], plain: Callable[..., None]) -> Callable[..., None]:
    """The core's one pass over memory, if it has one and the states are of the parameters' type."""
    whole = all(p.dtype in (cr.float32, cr.float64) for p in params)
    return getattr(_core, name, plain) if whole else plain


def assign(p: Tensor, value: Tensor) -> None:
    """p ← value, rounded to p's dtype: states of half precision parameters are kept in float32."""
    p[...] = value if value.dtype == p.dtype else value.astype(p.dtype)


def _zeros(p: Tensor) -> Tensor:
    dtype = p.dtype if p.dtype in (cr.float32, cr.float64) else cr.float32
    return cr.zeros(p.shape, dtype=dtype, device=p.device)


def _flat(grads: Any) -> bool:
    return isinstance(grads, Mapping) and all(isinstance(g, Tensor) for g in grads.values())
