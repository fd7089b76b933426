"""Is a function convex, and what kind of point is this?   Book: §4.1, (4.3)"""
from __future__ import annotations

from collections.abc import Callable

import numpy as np

import chainrule as cr

from .. import numeric
from .._core import Tensor

Function = Callable[[Tensor], Tensor]


def chords_hold(f: Function, points: Tensor, *, chords: int = 1000, rng: cr.Rng, slack: float = 1e-9) -> bool:
    """C(λθ + (1-λ)φ) <= λC(θ) + (1-λ)C(φ) on random chords between the given points.   Book: (4.3)

    False is a proof that f is not convex there; True is only evidence.
    Shapes  points (n, d): θ, φ are drawn from them
    """
    if points.ndim != 2 or points.shape[0] < 2:
        raise cr.ShapeError(f"chords_hold: points {points.shape} needs to be (n, d) with n >= 2")
    pairs = cr.randint(points.shape[0], shape=(chords, 2), rng=rng).numpy()
    weights = cr.uniform((chords,), rng=rng, dtype=cr.float64).numpy()
    for (i, j), weight in zip(pairs, weights, strict=True):
        a, b = points[int(i)], points[int(j)]
        below = f(weight * a + (1 - weight) * b).item()
        above = weight * f(a).item() + (1 - weight) * f(b).item()
        if below > above + slack * max(1.0, abs(above)):
            return False
    return True


def hessian_is_semidefinite(f: Function, points: Tensor, tolerance: float = 1e-9) -> bool:
    """∇²C is positive semidefinite at each of the points (n, d).   Book: §4.1

    Differs a positive definite Hessian makes f strictly convex; the book's converse is false (θ⁴ at 0)
    """
    H = cr.hessian(f)
    values = [np.linalg.eigvalsh(H(p).numpy()) for p in points]
    return all(v.min() >= -tolerance * max(1.0, np.abs(v).max()) for v in values)


def classify(f: Function, theta: Tensor, *, gradient: float = 1e-5) -> str:
    """"minimum", "maximum", "saddle", or "undecided" for a singular Hessian.   Book: §4.1

    Errors  ValueError unless ‖∇C(θ)‖ <= gradient: then it is no critical point
    """
    size = cr.norm(cr.grad(f)(theta)).item()
    if not size <= gradient:
        raise ValueError(f"classify: theta is no critical point, its gradient has length {size:.2e}")
    kinds = {"positive definite": "minimum", "negative definite": "maximum", "indefinite": "saddle"}
    return kinds.get(numeric.definiteness(cr.hessian(f)(theta)), "undecided")


def set_is_convex(member: Callable[[Tensor], bool], points: Tensor, *, chords: int = 1000,
                  rng: cr.Rng) -> bool:
    """λθ + (1-λ)φ stays in the set for random θ, φ among the `points` (n, d) inside it.   Book: §4.1"""
    inside = [p for p in points if member(p)]
    if len(inside) < 2:
        raise ValueError("set_is_convex: fewer than two of the points lie in the set")
    pairs = cr.randint(len(inside), shape=(chords, 2), rng=rng).numpy()
    weights = cr.uniform((chords,), rng=rng, dtype=cr.float64).numpy()
    return all(member(float(w) * inside[i] + (1 - float(w)) * inside[j])
               for (i, j), w in zip(pairs, weights, strict=True))
