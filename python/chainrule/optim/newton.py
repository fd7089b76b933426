"""Newton's method, in one variable and in many, and the secant method.   Book: §4.6, (4.51)-(4.57)"""
from __future__ import annotations

import math
from collections.abc import Callable

import chainrule as cr

from .._core import Tensor
from .conjugate import conjugate_gradient
from .objective import Objective


def newton_1d(f: Callable[[Tensor], Tensor], theta: float, *, tolerance: float = 1e-12, most: int = 100,
              slope: Callable[[float], tuple[float, float]] | None = None) -> list[float]:
    """θ ← θ - C'(θ) / C''(θ): the iterates, to any stationary point.   Book: §4.6, (4.51)

    slope(θ) = (C', C'') replaces the derivatives of f.
    Errors  ZeroDivisionError where C'' = 0
    """
    def both(x: float) -> tuple[float, float]:
        one = cr.tensor(1.0, dtype=cr.float64)
        first, second = cr.jvp(lambda u: cr.jvp(f, u, one)[1], cr.tensor(x, dtype=cr.float64), one)
        return first.item(), second.item()
    path, derivatives = [float(theta)], slope or both
    for _ in range(most):
        first, second = derivatives(path[-1])
        if first == 0:
            break
        if abs(second) < 1e-300:
            raise ZeroDivisionError(f"newton_1d: the second derivative is 0 at {path[-1]:g}")
        path.append(path[-1] - first / second)
        if not math.isfinite(path[-1]):
            raise ArithmeticError(f"newton_1d: diverged after {len(path) - 1} steps")
        if abs(path[-1] - path[-2]) <= tolerance * max(1.0, abs(path[-1])):
            break
    return path


def secant_1d(slope: Callable[[float], float], first: float, second: float, *, tolerance: float = 1e-12,
              most: int = 100) -> list[float]:
    """Newton's method with C'' from the last two slopes: the iterates.   Book: §4.6, (4.53)

    Errors  ValueError unless the two starts differ
    """
    if first == second:
        raise ValueError(f"secant_1d: the two starts must differ, got {first} twice")
    path, before, there = [float(first), float(second)], slope(first), slope(second)
    for _ in range(most):
        if there == 0 or there == before:
            break
        path.append(path[-1] - (path[-1] - path[-2]) / (there - before) * there)
        if abs(path[-1] - path[-2]) <= tolerance * max(1.0, abs(path[-1])):
            break
        before, there = there, slope(path[-1])
    return path


def newton_step(H: Tensor, g: Tensor) -> Tensor:
    """The solution of H θ_s = -g.   Book: §4.6, (4.56)

    Errors  ValueError for a singular H
    """
    return cr.linalg.solve(H, -g)


def descent_step(H: Tensor, g: Tensor) -> Tensor:
    """-Σ vᵢ (vᵢᵀ g) / max(|λᵢ|, δ) over the eigenvectors of H.   Dauphin et al. (2014), saddle-free Newton

    Newton's step where H is positive definite, and downhill where it is not.
    """
    values, vectors = cr.linalg.eigh((H + H.T) / 2.0)
    size = cr.abs(values)
    size = cr.maximum(size, 1e-10 * cr.max(size).item() + 1e-300)
    return -(vectors @ ((vectors.T @ g) / size))


def newton_cg_step(objective: Objective, theta: Tensor, g: Tensor) -> Tensor:
    """H θ_s = -g by a few conjugate gradient steps on Hessian-vector products.   Book: §4.6, after (4.56)

    The accuracy asked, min(½, √‖g‖) ‖g‖, grows as the gradient falls (Nocedal and Wright, §7.1). Where H
    bends down at once, the step is -g.
    """
    size = cr.norm(g).item()
    step = conjugate_gradient(lambda v: objective.hessian_times(theta, v), -g,
                              tolerance=min(0.5, math.sqrt(size)))
    return step if cr.norm(step).item() > 0 else -g
