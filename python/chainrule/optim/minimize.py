"""minimize(f, x0): the minimum of a function of a vector, a tree or a model.   Book: Algorithm 4.1"""
from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import chainrule as cr

from .. import check
from .._core import Tensor
from . import line_search as search
from .adam import Adam
from .adam_family import Adamax, LpAdam, Nadam
from .adaptive import Adadelta, Adagrad, RMSprop
from .base import Optimizer
from .descent import SGD
from .line_search import LineSearchError
from .newton import descent_step, newton_cg_step
from .objective import Objective
from .quasi_newton import BFGS, LBFGS
from .trust_region import trust_region_step

FIRST_ORDER: dict[str, type[Optimizer]] = {
    "gd": SGD, "momentum": SGD, "nesterov": SGD, "adagrad": Adagrad, "rmsprop": RMSprop, "adadelta": Adadelta,
    "adam": Adam, "nadam": Nadam, "adamax": Adamax, "lp-adam": LpAdam}
SEARCHED = ("steepest", "cg", "bfgs", "l-bfgs", "newton", "newton-cg")
TRUST = "trust-region"


@dataclass
class Minimum:
    """What a minimisation found, under SciPy's names; `path` holds the points as vectors when asked for."""
    x: Any
    fun: float
    jac: Tensor
    nit: int
    nfev: int
    njev: int
    nhev: int
    success: bool
    message: str
    path: list[Tensor] = field(default_factory=list)
    values: list[float] = field(default_factory=list)

    def __repr__(self) -> str:
        word = "found" if self.success else "not found"
        return (f"Minimum({word}: {self.message}; fun={self.fun:.10g}, nit={self.nit}, nfev={self.nfev}, "
                f"njev={self.njev}, nhev={self.nhev}, x={self.x!r})")


@dataclass(frozen=True)
class Termination:
    """When to stop; None switches a rule off.   Book: §4.1, after Algorithm 4.1

    gradient        ‖∇C‖_∞ < gradient
    improvement     |C(t) - C(t+1)| < improvement
    relative        |C(t) - C(t+1)| / |C(t)| < relative
    step            ‖θ(t+1) - θ(t)‖ < step
    iterations      so many steps at most
    seconds         so much time at most
    """
    gradient: float | None = 1e-8
    improvement: float | None = None
    relative: float | None = None
    step: float | None = None
    iterations: int = 10_000
    seconds: float | None = None

    def reason(self, before: float, value: float, step: float, gradient: float) -> str:
        """Why to stop, or nothing."""
        change = abs(before - value)
        rules = ((self.gradient, gradient, "the gradient is below {}"),
                 (self.improvement, change, "the improvement is below {}"),
                 (self.relative, change / (abs(before) or 1.0), "the relative improvement is below {}"),
                 (self.step, step, "the step is below {}"))
        met = (text.format(limit) for limit, size, text in rules if limit is not None and size < limit)
        return next(met, "")


def minimize(f: Callable[..., Tensor], x0: Any, method: str = "bfgs", *, args: tuple = (),
             gradient: Callable | None = None, hessian: Callable | None = None,
             line_search: str = "strong_wolfe", alpha: Any = None, memory: int = 10,
             stop: Termination | None = None, callback: Callable[[Tensor, float], Any] | None = None,
             keep_path: bool = False,
             **options: Any) -> Minimum:
    """Minimise f(x, *args) from x0 by steps θ ← θ + θ_s until a rule of `stop` is met.   Book: Algorithm 4.1

    method       with a rate alpha: gd momentum nesterov adagrad rmsprop adadelta adam nadam adamax lp-adam,
                 whose other settings are `options` (beta, gamma, rho, p, eps ...); with a line search:
                 steepest, cg, bfgs, l-bfgs, newton, newton-cg; trust-region, which takes Newton's steps
                 within a radius and needs no line search
    x0           a vector, or any tree of tensors, a model too; the result's x has its structure
    gradient     x -> ∇f and hessian x -> ∇²f; ours by default
    line_search  "strong_wolfe", "backtracking" or "exact"
    callback     f(θ, value) after each step; returns True to stop
    Errors       ValueError for an unknown method, or when f(x0) or its gradient is not finite
    Differs      maximise f by minimising -f
    """
    check.one_of("minimize", "method", method, (*FIRST_ORDER, *SEARCHED, TRUST))
    check.one_of("minimize", "line_search", line_search, ("strong_wolfe", "backtracking", "exact"))
    objective, stop = Objective(f, x0, gradient, hessian, args), stop or Termination()
    run = _Run(objective, stop, callback, keep_path)
    if method in FIRST_ORDER:
        _with_rate(run, method, alpha, options)
    elif options:
        raise ValueError(f"minimize: method {method!r} has no option {next(iter(options))!r}")
    elif method == TRUST:
        _trusted(run)
    elif method in ("newton", "newton-cg"):
        _newton(run, method, line_search)
    else:
        _searched(run, method, line_search, memory)
    return run.minimum()


class _Run:
    """The state of a minimisation, and its bookkeeping."""

    def __init__(self, objective: Objective, stop: Termination, callback: Callable | None,
                 keep: bool) -> None:
        self.objective, self.stop, self.callback, self.keep = objective, stop, callback, keep
        self.now, self.began = time.monotonic, time.monotonic()
        self.theta = objective.theta
        self.value, self.g = objective.value_and_gradient(self.theta)
        if not math.isfinite(self.value) or not math.isfinite(_largest(self.g)):
            raise ValueError("minimize: f(x0) and its gradient must be finite")
        self.steps, self.message, self.success = 0, "", False
        self.path, self.values = [self.theta] if keep else [], [self.value]
        if stop.gradient is not None and _largest(self.g) < stop.gradient:
            self.finish(f"the gradient is below {stop.gradient}", True)

    @property
    def running(self) -> bool:
        if not self.message and self.steps >= self.stop.iterations:
            self.finish(f"{self.steps} iterations are done", False)
        if not self.message and self.stop.seconds is not None and self.now() - self.began > self.stop.seconds:
            self.finish(f"{self.stop.seconds} s have passed", False)
        return not self.message

    @property
    def flat(self) -> bool:
        """The gradient is small, if not as small as asked."""
        return self.stop.gradient is not None and _largest(self.g) < math.sqrt(self.stop.gradient)

    def finish(self, message: str, success: bool) -> None:
        self.message, self.success = message, success

    def move(self, theta: Tensor, value: float, g: Tensor) -> None:
        """Accept a step, and see whether it was the last."""
        step, before = theta - self.theta, self.value
        self.theta, self.value, self.g = theta, value, g
        self.steps += 1
        self.values.append(value)
        if self.keep:
            self.path.append(theta)
        if not math.isfinite(value) or not math.isfinite(_largest(g)):
            return self.finish("the objective or its gradient is no longer finite", False)
        if not cr.norm(step).item() > 0:
            self.finish("no lower point within rounding", self.flat)
        elif reason := self.stop.reason(before, value, cr.norm(step).item(), _largest(g)):
            self.finish(reason, True)
        elif self.callback is not None and self.callback(theta, value):
            self.finish("the callback said so", True)

    def minimum(self) -> Minimum:
        o = self.objective
        return Minimum(o.tree(self.theta), self.value, self.g, self.steps, o.values, o.gradients, o.hessians,
                       self.success, self.message, self.path, self.values)


def _with_rate(run: _Run, method: str, alpha: Any, options: dict[str, Any]) -> None:
    """One of the optimisers of networks, on a single vector."""
    if method in ("momentum", "nesterov"):
        beta = options.pop("beta", 0.9)
        options |= {"momentum": beta, **({"nesterov": True} if method == "nesterov" else {"dampening": beta})}
        if method == "nesterov" and alpha is not None:           # (4.37) steps by α (1 - β) of PyTorch's
            rate = alpha
            alpha = (lambda t: rate(t) * (1 - beta)) if callable(rate) else rate * (1 - beta)
    theta = {"theta": cr.copy(run.theta)}
    try:
        optimizer = FIRST_ORDER[method](theta, **({} if alpha is None else {"alpha": alpha}), **options)
    except TypeError:
        raise ValueError(f"minimize: method {method!r} has no option among {', '.join(options)}") from None
    while run.running:
        optimizer.update({"theta": run.g})
        run.move(cr.copy(theta["theta"]), *run.objective.value_and_gradient(theta["theta"]))


def _searched(run: _Run, method: str, line_search: str, memory: int) -> None:
    """Steepest descent, conjugate gradients, BFGS and L-BFGS.   Book: §4.5; §4.6, Algorithm 4.3"""
    d = run.theta.size
    bfgs = BFGS(d, run.theta.dtype, run.theta.device) if method == "bfgs" else None
    model = LBFGS(memory) if method == "l-bfgs" else bfgs
    direction, last = -run.g, None
    while run.running:
        slope = (direction @ run.g).item()
        if not slope < 0:                                        # rounding: begin anew
            direction, slope = -run.g, -(run.g @ run.g).item()
        found = _step(run, direction, slope, _guess(run, method, slope, last), line_search,
                      gamma=0.4 if method == "cg" else 0.9)
        if found is None:
            return
        theta, value, g = found
        theta_s, g_s, g_old = theta - run.theta, g - run.g, run.g
        last = (run.value, slope, cr.norm(theta_s).item() / cr.norm(direction).item())
        run.move(theta, value, g)
        if model is not None:
            model.update(theta_s, g_s)
            direction = model.direction(g)
        elif method == "cg":                                     # Polak and Ribière, never below 0
            beta = max(0.0, ((g @ g_s) / (g_old @ g_old)).item())
            direction = -g + beta * direction
        else:
            direction = -g


def _guess(run: _Run, method: str, slope: float, last: tuple[float, float, float] | None) -> float:
    """The step to try first; `last` is the value, slope and step before.   Nocedal and Wright (2006), §3.5"""
    if last is None:
        return min(1.0, 1 / cr.norm(run.g).item())
    value, slope_before, alpha = last
    if method == "l-bfgs":
        return 1.0
    if method == "bfgs":                                         # the last decrease is expected again
        guess = 2.02 * (run.value - value) / slope
        return min(1.0, guess) if guess > 0 else 1.0
    return alpha * min(slope_before / slope, 10.0)               # the last first-order change is


def _newton(run: _Run, method: str, line_search: str) -> None:
    """Newton's step, made downhill, halved until Armijo's condition holds.   Book: §4.6, (4.56)"""
    while run.running:
        g = run.g
        if method == "newton":
            direction = descent_step(run.objective.hessian(run.theta), g)
        else:
            direction = newton_cg_step(run.objective, run.theta, g)
        slope = (direction @ g).item()
        if not slope < 0:
            direction, slope = -g, -(g @ g).item()
        kind = "backtracking" if line_search == "strong_wolfe" else line_search
        found = _step(run, direction, slope, 1.0, kind)
        if found is None:
            return
        run.move(*found)


def _trusted(run: _Run) -> None:
    """Newton's step within a radius, which follows how well the model foretold the last decrease.

    Source: Nocedal and Wright (2006), Algorithm 4.1
    """
    radius, H = 1.0, None
    while run.running:
        H = run.objective.hessian(run.theta) if H is None else H
        s = trust_region_step(H, run.g, radius)
        foretold, length = -(run.g @ s + 0.5 * (s @ (H @ s))).item(), cr.norm(s).item()
        if not foretold > 0:
            return run.finish("no lower point within rounding", run.flat)
        theta = run.theta + s
        value, g = run.objective.value_and_gradient(theta)
        kept = (run.value - value) / foretold
        if not kept > 0.25:
            radius /= 4
        elif kept > 0.75 and length > 0.99 * radius:
            radius = min(2 * radius, 1e3)
        if kept > 0.15:
            run.move(theta, value, g)
            H = None
        elif not radius > 1e-15 * (1 + cr.norm(run.theta).item()):
            return run.finish("no lower point within rounding", run.flat)


def _step(run: _Run, d: Tensor, slope: float, guess: float, kind: str, gamma: float = 0.9
          ) -> tuple[Tensor, float, Tensor] | None:
    """The point a line search finds, with value and gradient; None, and the run finished, without one."""
    seen: dict[float, tuple[Tensor, float, Tensor]] = {}

    def along(alpha: float) -> tuple[float, float]:
        theta = run.theta + alpha * d
        seen[alpha] = (theta, *run.objective.value_and_gradient(theta))
        there = (d @ seen[alpha][2]).item()
        return seen[alpha][1], there if math.isfinite(there) else math.inf
    here = (run.value, slope)
    try:
        if kind == "exact":
            alpha = search.exact(run.objective, run.theta, d)
            along(alpha)
        elif kind == "backtracking":
            alpha = search.backtracking(along, guess, c=0.5, at_start=here)
        else:
            alpha = search.strong_wolfe(along, guess, gamma=gamma, at_start=here)
    except LineSearchError as error:
        run.finish("no lower point within rounding" if run.flat else str(error), run.flat)
        return None
    return seen[alpha]


def _largest(g: Tensor) -> float:
    return cr.max(cr.abs(g)).item() if g.size else 0.0
