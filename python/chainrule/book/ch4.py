"""Chapter 4: optimisation algorithms."""
from __future__ import annotations

import numpy as np

import chainrule as cr

from .draw import contours, panels
from .registry import book
from .result import Result, near


def rosenbrock(theta):
    """R(θ) = (1 - θ₁)² + 100 (θ₂ - θ₁²)².   Book: (4.9)"""
    return (1 - theta[0]) ** 2 + 100 * (theta[1] - theta[0] ** 2) ** 2


@book("4.2-rosenbrock")
def rosenbrock_values() -> Result:
    """The Rosenbrock function, its gradient and its Hessian at three points.   Book: (4.9)"""
    rows = []
    for point, value, gradient in [((0.2, -0.2), 6.4, (17.6, -48.0)), ((0.4, -0.2), 13.32, (56.4, -72.0)),
                                   ((0.8, 0.0), 41.0, (204.4, -128.0))]:
        theta = cr.tensor(np.array(point))
        got, slope = cr.value_and_grad(rosenbrock)(theta)
        rows += [near(f"R{point}", value, got.item(), 1e-10), near(f"∇R{point}", gradient, slope, 1e-10)]
    figure, axis = panels()
    contours(axis, lambda x, y: (1 - x) ** 2 + 100 * (y - x * x) ** 2, (-1.5, 1.5), (-0.5, 1.5), log=True)
    axis.plot(1, 1, "*", markersize=9)
    axis.set(xlabel="θ₁", ylabel="θ₂", title="R, level curves; ★ its minimum")
    return Result(rows, {"The Rosenbrock function": figure})
