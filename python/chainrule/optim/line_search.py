"""How far to go along a direction: exact, backtracking and strong Wolfe searches.   Book: §4.5, (4.43)-(4.50)

A ray is a function α -> (C(θ + α d), its slope dC/dα); a search returns α.
"""
from __future__ import annotations

import math
import sys
from collections.abc import Callable

import chainrule as cr

from .._core import Tensor

Ray = Callable[[float], tuple[float, float]]


class LineSearchError(ArithmeticError):
    """No step length was found that meets the condition."""


def ray(f: Callable[[Tensor], Tensor], theta: Tensor, d: Tensor) -> Ray:
    """α -> (C(θ + α d), dᵀ∇C(θ + α d)), by one forward mode.   Book: §4.5, (4.44)"""
    if d.shape != theta.shape:
        raise cr.ShapeError(f"ray: the direction {d.shape} needs the shape of theta {theta.shape}")

    def along(alpha: float) -> tuple[float, float]:
        value, slope = cr.jvp(f, theta + alpha * d, d)
        return value.item(), slope.item()
    return along


def armijo(value: float, start: float, slope: float, alpha: float, beta: float = 1e-4) -> bool:
    """C(θ + α d) ≤ C(θ) + β α ∇_d C(θ): enough decrease.   Book: §4.5, (4.48)"""
    return value <= start + beta * alpha * slope


def _lower(value: float, start: float, slope: float, alpha: float, beta: float) -> bool:
    """Armijo's condition but for the rounding of the two values, which hides it near a minimum."""
    return armijo(value - 4 * sys.float_info.epsilon * abs(start), start, slope, alpha, beta)


def wolfe(slope_there: float, slope: float, gamma: float = 0.9) -> bool:
    """∇_d C(θ + α d) ≥ γ ∇_d C(θ): no longer steeply downhill.   Book: §4.5, (4.49)"""
    return slope_there >= gamma * slope


def strong_wolfe_holds(value: float, slope_there: float, start: float, slope: float, alpha: float,
                       beta: float = 1e-4, gamma: float = 0.9) -> bool:
    """Armijo, and |∇_d C(θ + α d)| ≤ -γ ∇_d C(θ).   Book: §4.5, (4.48), (4.50)"""
    return armijo(value, start, slope, alpha, beta) and abs(slope_there) <= -gamma * slope


def backtracking(along: Ray, alpha: float = 1.0, *, beta: float = 1e-4, c: float = 2 / 3,
                 at_start: tuple[float, float] | None = None, most: int = 200) -> float:
    """α ← c α until Armijo's condition holds.   Book: §4.5, (4.48)

    Errors  ValueError for a direction that is not downhill; LineSearchError after `most` shrinks
    """
    if not 0 < c < 1 or not 0 <= beta < 1 or not alpha > 0:
        raise ValueError(f"backtracking: needs 0 < c < 1, 0 <= beta < 1, alpha > 0, got {c}, {beta}, {alpha}")
    start, slope = along(0.0) if at_start is None else at_start
    _downhill("backtracking", slope)
    for _ in range(most):
        value, _ = along(alpha)
        if _lower(value, start, slope, alpha, beta):
            return alpha
        alpha *= c
    raise LineSearchError(f"backtracking: no decrease along the direction after {most} shrinks")


def exact(f: Callable[[Tensor], Tensor], theta: Tensor, d: Tensor, *, alpha: float = 0.0,
          tolerance: float = 1e-12, most: int = 100) -> float:
    """The stationary α > 0 of C(θ + α d) next to `alpha`, by safeguarded Newton steps.   Book: §4.5, (4.43)

    The slope and its derivative dᵀ∇²C d come from nested forward modes. A step that leaves the bracket of a
    sign change is replaced by its middle.
    Errors  ValueError for a direction that is not downhill; LineSearchError when the slope never turns
    """
    def slope_of(a: Tensor) -> Tensor:
        return cr.jvp(lambda b: f(theta + b * d), a, cr.ones_like(a))[1]

    def both(a: float) -> tuple[float, float]:
        here, one = (cr.tensor(v, dtype=theta.dtype, device=theta.device) for v in (a, 1.0))
        first, second = cr.jvp(slope_of, here, one)
        return first.item(), second.item()
    slope, curvature = both(0.0)
    _downhill("exact", slope)
    if alpha:
        slope, curvature = both(alpha)
    low, high, scale = 0.0, math.inf, abs(slope)
    for _ in range(most):
        low, high = (alpha, high) if slope < 0 else (low, alpha)
        step = alpha - slope / curvature if curvature > 0 else math.nan
        if not low < step < high:                                # out of the bracket, or no number
            step = (low + high) / 2 if high < math.inf else 2 * low + 1e-3
        if not math.isfinite(step) or step > 1e12:
            raise LineSearchError("exact: the objective falls without end along the direction")
        done = abs(step - alpha) <= 1e-15 * step
        alpha = step
        slope, curvature = both(alpha)
        if abs(slope) <= tolerance * scale or done:
            return alpha
    raise LineSearchError(f"exact: the slope did not vanish in {most} steps")


def strong_wolfe(along: Ray, alpha: float = 1.0, *, beta: float = 1e-4, gamma: float = 0.9,
                 at_start: tuple[float, float] | None = None, most: int = 40) -> float:
    """A step that meets the strong Wolfe conditions: bracket, then zoom in by cubic interpolation.

    Book: §4.5, (4.48), (4.50); Nocedal and Wright, Numerical Optimization (2006), Algorithms 3.5 and 3.6

    Errors  ValueError for a direction that is not downhill; LineSearchError when none was found
    """
    if not 0 < beta < gamma < 1:
        raise ValueError(f"strong_wolfe: needs 0 < beta < gamma < 1, got {beta} and {gamma}")
    start, slope = along(0.0) if at_start is None else at_start
    _downhill("strong_wolfe", slope)
    low, there = (0.0, start, slope), (0.0, start, slope)
    for i in range(most):
        value, slope_there = along(alpha)
        before, there = there, (alpha, value, slope_there)
        if not _lower(value, start, slope, alpha, beta) or (i and value >= before[1]):
            return _zoom(along, before, there, start, slope, beta, gamma, most)
        if abs(slope_there) <= -gamma * slope:
            return alpha
        if slope_there >= 0:
            return _zoom(along, there, before, start, slope, beta, gamma, most)
        low = there
        further = _cubic(before, there)
        alpha = min(max(further, 1.1 * alpha), 10 * alpha) if further > alpha else 4 * alpha
    raise LineSearchError(f"strong_wolfe: still downhill at a step of {low[0]:g}")


Point = tuple[float, float, float]                               # α, value, slope


def _zoom(along: Ray, low: Point, high: Point, start: float, slope: float, beta: float, gamma: float,
          most: int) -> float:
    """A step between two that bracket one; `low` has the lowest value so far that meets Armijo."""
    for _ in range(most):
        alpha, width = _cubic(low, high), high[0] - low[0]
        part = (alpha - low[0]) / width if math.isfinite(alpha) else 0.5
        alpha = low[0] + width * min(max(part, 0.05), 0.95)      # not too near to either end
        if alpha in (low[0], high[0]):
            break
        value, slope_there = along(alpha)
        if not _lower(value, start, slope, alpha, beta) or value >= low[1]:
            high = (alpha, value, slope_there)
            continue
        if abs(slope_there) <= -gamma * slope:
            return alpha
        if slope_there * width >= 0:
            high = low
        low = (alpha, value, slope_there)
    if low[0] > 0 and low[1] < start:                            # rounding hides the rest: lower is good
        return low[0]
    raise LineSearchError("strong_wolfe: no step meets the conditions: a wrong gradient, or rounding")


def _cubic(a: Point, b: Point) -> float:
    """The minimiser of the cubic with these values and slopes; NaN when there is none."""
    (x, f, s), (y, g, t) = a, b
    if not all(map(math.isfinite, (f, s, g, t))) or x == y:
        return math.nan
    d1 = s + t - 3 * (f - g) / (x - y)
    square = d1 * d1 - s * t
    if square < 0:
        return math.nan
    d2 = math.copysign(math.sqrt(square), y - x)
    bottom = t - s + 2 * d2
    return y - (y - x) * (t + d2 - d1) / bottom if bottom else math.nan


def _downhill(op: str, slope: float) -> None:
    if not slope < 0:
        raise ValueError(f"{op}: the direction must be downhill, got slope {slope:g}")
