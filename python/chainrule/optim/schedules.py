"""Learning rates α(t) as functions of the step number t = 0, 1, ...: pass one as `alpha=`.   Book: §4.2

t counts optimiser steps; for epochs multiply by the number of batches. All but ReduceOnPlateau have no state.
"""
from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass, field
from math import cos, inf, isnan, pi
from typing import Any

from .. import check


@dataclass(frozen=True)
class Constant:
    """α(t) = α."""
    alpha: float

    def __call__(self, t: int) -> float:
        return self.alpha


@dataclass(frozen=True)
class Step:
    """α(t) = α q^⌊t / every⌋: a drop after every so many steps."""
    alpha: float
    every: int
    q: float = 0.1

    def __post_init__(self) -> None:
        check.positive("Step", every=self.every)

    def __call__(self, t: int) -> float:
        return self.alpha * self.q ** (t // self.every)


@dataclass(frozen=True)
class MultiStep:
    """α(t) = α q^(number of milestones ≤ t)."""
    alpha: float
    milestones: tuple[int, ...]
    q: float = 0.1

    def __post_init__(self) -> None:
        if list(self.milestones) != sorted(self.milestones):
            raise ValueError(f"MultiStep: milestones {self.milestones} need to grow")

    def __call__(self, t: int) -> float:
        return self.alpha * self.q ** bisect_right(self.milestones, t)


@dataclass(frozen=True)
class Exponential:
    """α(t) = α qᵗ.   Book: §4.2, Fig. 4.2"""
    alpha: float
    q: float = 0.99

    def __call__(self, t: int) -> float:
        return self.alpha * self.q ** t


@dataclass(frozen=True)
class Polynomial:
    """α(t) = floor + (α - floor) (1 - t / steps)^power, and floor afterwards; power 1 is a straight line."""
    alpha: float
    steps: int
    power: float = 1.0
    floor: float = 0.0

    def __post_init__(self) -> None:
        check.positive("Polynomial", steps=self.steps)

    def __call__(self, t: int) -> float:
        return self.floor + (self.alpha - self.floor) * (1 - min(t, self.steps) / self.steps) ** self.power


@dataclass(frozen=True)
class Cosine:
    """α(t) = floor + (α - floor) (1 + cos(π t / steps)) / 2, and floor afterwards.

    With restarts it starts again after `steps`, each round `stretch` times as long as the one before.
    """
    alpha: float
    steps: int
    floor: float = 0.0
    restarts: bool = False
    stretch: int = 1

    def __post_init__(self) -> None:
        check.positive("Cosine", steps=self.steps, stretch=self.stretch)

    def __call__(self, t: int) -> float:
        steps = self.steps
        if not self.restarts:
            t = min(t, steps)
        elif self.stretch == 1:
            t %= steps
        else:
            while t >= steps:
                t, steps = t - steps, steps * self.stretch
        return self.floor + (self.alpha - self.floor) * (1 + cos(pi * t / steps)) / 2


@dataclass(frozen=True)
class Warmup:
    """α(t) = (t + 1) / steps of the schedule's first rate, then the schedule, counted from there."""
    schedule: Any
    steps: int

    def __post_init__(self) -> None:
        check.positive("Warmup", steps=self.steps)

    def __call__(self, t: int) -> float:
        schedule = self.schedule if callable(self.schedule) else Constant(self.schedule)
        return schedule(0) * (t + 1) / self.steps if t < self.steps else schedule(t - self.steps)


@dataclass(frozen=True)
class OneCycle:
    """Up from α / start to α in the part `up` of the steps, then down to α / (start end); half cosines."""
    alpha: float
    steps: int
    up: float = 0.3
    start: float = 25.0
    end: float = 1e4

    def __post_init__(self) -> None:
        check.positive("OneCycle", steps=self.steps)
        check.fraction("OneCycle", up=self.up)

    def __call__(self, t: int) -> float:
        top, last = self.up * self.steps - 1, self.steps - 1
        low, t = self.alpha / self.start, min(t, last)
        if t <= top:
            return _half_cosine(low, self.alpha, t / top if top > 0 else 1.0)
        return _half_cosine(self.alpha, low / self.end, (t - top) / (last - top))


@dataclass
class ReduceOnPlateau:
    """α, times q whenever `see` was told no better value for more than `patience` times.   Book: §4.2

    "Better" is below (mode "min") or above (mode "max") the best by the part `threshold`; after a reduction,
    `cooldown` values are not counted. Its state is saved with the optimiser.
    """
    alpha: float
    q: float = 0.1
    patience: int = 10
    threshold: float = 1e-4
    cooldown: int = 0
    floor: float = 0.0
    mode: str = "min"
    best: float = field(init=False)
    bad: int = field(default=0, init=False)
    rest: int = field(default=0, init=False)

    def __post_init__(self) -> None:
        check.one_of("ReduceOnPlateau", "mode", self.mode, ("min", "max"))
        check.fraction("ReduceOnPlateau", q=self.q)
        check.not_negative("ReduceOnPlateau", patience=self.patience, cooldown=self.cooldown)
        self.best = inf if self.mode == "min" else -inf

    def see(self, value: float) -> None:
        """Tell it the measure, such as the loss on held out data after an epoch."""
        value = float(value)
        if self.mode == "min":
            better = value < self.best * (1 - self.threshold) if self.best < inf else not isnan(value)
        else:
            better = value > self.best * (1 + self.threshold) if self.best > -inf else not isnan(value)
        self.bad = 0 if better else self.bad + 1
        self.best = value if better else self.best
        if self.rest:
            self.rest, self.bad = self.rest - 1, 0
        if self.bad > self.patience:
            self.alpha = max(self.alpha * self.q, self.floor)
            self.bad, self.rest = 0, self.cooldown

    def __call__(self, t: int) -> float:
        return self.alpha

    def state_dict(self) -> dict[str, float]:
        return {"alpha": self.alpha, "best": self.best, "bad": self.bad, "rest": self.rest}

    def load_state_dict(self, state: dict[str, float]) -> None:
        self.alpha, self.best = float(state["alpha"]), float(state["best"])
        self.bad, self.rest = int(state["bad"]), int(state["rest"])


def _half_cosine(start: float, end: float, part: float) -> float:
    return end + (start - end) * (1 + cos(pi * part)) / 2
