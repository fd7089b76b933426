"""Conjugate gradients for quadratic forms.   Book: §4.5, (4.46), (4.47)"""
from __future__ import annotations

from collections.abc import Callable
from typing import Any

import chainrule as cr

from .._core import Tensor


def conjugate_gradient(A: Tensor | Callable[[Tensor], Tensor], b: Tensor, start: Tensor | None = None, *,
                       tolerance: float = 1e-10, most: int | None = None,
                       visit: Callable[[Tensor, Tensor], Any] | None = None) -> Tensor:
    """The minimiser of ½ θᵀA θ - bᵀθ, which solves A θ = b, in at most d steps but for rounding.   Book: §4.5

    A is positive definite, a matrix or a function v -> A v. Stops when ‖A θ - b‖ <= tolerance ‖b‖, or where A
    turns out not to be positive definite along the direction (then θ is the best point so far).
    visit(θ, d) sees each point and the direction it was reached by.
    Differs the first direction -∇C is not printed in the book
    """
    product = A if callable(A) and not isinstance(A, Tensor) else (lambda v: A @ v)
    theta = cr.zeros_like(b) if start is None else start
    g = product(theta) - b                                       # ∇C, (4.47)
    d, limit = -g, tolerance * cr.norm(b).item()
    for _ in range(2 * b.size + 10 if most is None else most):
        if cr.norm(g).item() <= limit:
            break
        Ad = product(d)
        curvature = (d @ Ad).item()
        if not curvature > 0:
            break
        theta = theta + (-(d @ g).item() / curvature) * d
        g = product(theta) - b
        if visit is not None:
            visit(theta, d)
        d = -g + ((g @ Ad).item() / curvature) * d
    return theta
