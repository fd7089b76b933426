"""Derivatives by differences, checks of derivatives, Taylor polynomials, definiteness.   Book: appendix A

    cr.numeric.check_gradient(f, x)                  is the derivative that chainrule gives the right one?
    P = cr.numeric.taylor(cr.exp, cr.tensor(0.0), 3); P(cr.tensor(0.1))
"""
from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

import chainrule as cr

from ._core import Tensor

Function = Callable[..., Tensor]


# ---- differences

def gradient(f: Function, u: Tensor, *, h: float | None = None, method: str = "central") -> Tensor:
    """(f(u + h eᵢ) - f(u - h eᵢ)) / 2h for each i, for f with one number as its value.

    Book: §A.2, (A.5), (A.6)

    method  "central", with an error of order h², or "forward", (f(u + h eᵢ) - f(u)) / h, of order h
    Start   h = 10⁻⁶ max(1, |uᵢ|)
    Errors  ShapeError unless f gives one number
    Cost    two calls of f an element, or one
    """
    J = jacobian(f, u, h=h, method=method)
    if J.shape != u.shape:
        got = J.shape[:J.ndim - u.ndim]
        raise cr.ShapeError(f"gradient: f must return one number, got shape {got}; use jacobian")
    return J


def jacobian(f: Function, u: Tensor, *, h: float | None = None, method: str = "central") -> Tensor:
    """∂f/∂u by differences, column by column; shape (*f(u).shape, *u.shape).   Book: §A.2, (A.5), (A.9)

    method, h and Cost as for `gradient`
    """
    if method not in ("central", "forward"):
        raise ValueError(f"jacobian: method {method!r} is none of 'central', 'forward'")
    if h is not None and not h > 0:
        raise ValueError(f"jacobian: h must be positive, got {h!r}")
    at = np.asarray(u.numpy(), np.float64)
    flat = at.ravel()

    def value(point: np.ndarray) -> np.ndarray:
        y = f(cr.tensor(point.reshape(at.shape), u.dtype, u.device))
        return np.asarray(y.numpy(), np.float64)

    here = value(flat)
    columns = np.zeros((*here.shape, flat.size))
    for i in range(flat.size):
        step = h if h is not None else 1e-6 * max(1.0, abs(flat[i]))
        ahead, behind = flat.copy(), flat.copy()
        ahead[i] += step
        behind[i] -= step if method == "central" else 0.0
        low = value(behind) if method == "central" else here
        columns[..., i] = (value(ahead) - low) / (ahead[i] - behind[i])   # the step as it was rounded
    return cr.tensor(columns.reshape(*here.shape, *at.shape), u.dtype, u.device)


@dataclass(frozen=True)
class GradientCheck:
    """The largest gap between a derivative and its difference quotient, and where; true if small enough."""
    error: float
    tolerance: float
    argument: int
    index: tuple[int, ...]
    by_rule: float
    by_differences: float

    def __bool__(self) -> bool:
        return self.error <= self.tolerance

    def __str__(self) -> str:
        word = "passes" if self else "FAILS"
        return (f"gradient check {word}: largest error {self.error:.2e} (allowed {self.tolerance:.0e}) in "
                f"argument {self.argument} at {self.index}: {self.by_rule:.9g} by the rule, "
                f"{self.by_differences:.9g} by differences")


def check_gradient(f: Function, *x: Tensor, tolerance: float = 1e-6, h: float | None = None) -> GradientCheck:
    """Compare backward mode with central differences, entry by entry, in float64.   Book: §A.2, (A.5)

    Each entry's error is |rule - difference| / max(1, the largest entry). f may have any shape of value: the
    derivative is that of ⟨f, w⟩ with fixed random weights w.
    Errors  ValueError when an argument or f(x) is not finite
    Example
        >>> bool(cr.numeric.check_gradient(cr.tanh, cr.tensor([0.5, -1.0])))
        True
    """
    wide = [v.astype(cr.float64) for v in x]
    if not wide:
        raise ValueError("check_gradient: needs at least one argument to differentiate in")
    y = f(*wide)
    if not np.isfinite(y.numpy()).all() or not all(np.isfinite(v.numpy()).all() for v in wide):
        raise ValueError("check_gradient: the arguments and f(x) must be finite")
    w = cr.tensor(np.random.default_rng(0).normal(size=y.shape), device=y.device)
    pulled = cr.vjp(f, tuple(wide), w)[1]
    worst = GradientCheck(0.0, tolerance, 0, (), 0.0, 0.0)
    for n, (v, rule) in enumerate(zip(wide, pulled if isinstance(pulled, tuple) else (pulled,), strict=True)):
        def along(u: Tensor, n: int = n) -> Tensor:
            return cr.sum(w * f(*wide[:n], u, *wide[n + 1:]))
        by_rule, by_differences = rule.numpy(), gradient(along, v, h=h).numpy()
        gap = np.abs(by_rule - by_differences) / max(1.0, np.abs(by_differences).max(initial=0.0))
        gap = np.where(np.isnan(gap), np.inf, gap)
        if gap.size and gap.max() >= worst.error:
            at = np.unravel_index(int(gap.argmax()), gap.shape)
            worst = GradientCheck(float(gap.max()), tolerance, n, tuple(int(i) for i in at),
                                  float(by_rule[at]), float(by_differences[at]))
    return worst


def directional_derivative(f: Function, u: Tensor, v: Tensor) -> Tensor:
    """∇ᵥ f(u) = vᵀ ∇f(u): the rate of change along v, of any length, by forward mode.   Book: §A.2, (A.8)"""
    return cr.jvp(f, u, v)[1]


# ---- Taylor

def derivatives_along(f: Function, u: Tensor, v: Tensor, k: int) -> list[Tensor]:
    """φ(0), φ'(0), ..., φ⁽ᵏ⁾(0) of φ(t) = f(u + t v), by k nested forward modes."""
    if k < 0:
        raise ValueError(f"derivatives_along: k must not be negative, got {k}")

    def derivative(i: int) -> Function:
        return f if i == 0 else lambda w: cr.jvp(derivative(i - 1), w, v)[1]
    return [derivative(i)(u) for i in range(k + 1)]


def taylor(f: Function, v: Tensor, k: int) -> Function:
    """P_k(u) = Σ_{i≤k} φ⁽ⁱ⁾(0) / i! with φ(t) = f(v + t (u - v)): the Taylor polynomial of degree k around v.

    Book: §A.4, (A.19), (A.20)

    For one variable φ⁽ⁱ⁾(0) = (u - v)ⁱ f⁽ⁱ⁾(v); for several it is the sum over multi-indices of (A.20).
    Cost  2ᵏ calls of f for each point
    """
    def polynomial(u: Tensor) -> Tensor:
        terms = derivatives_along(f, v, u - v, k)
        total = terms[0]
        for i, term in enumerate(terms[1:], start=1):
            total = total + term / float(math.factorial(i))
        return total
    return polynomial


def linear_model(f: Function, v: Tensor) -> Function:
    """P_1(u) = f(v) + J_f(v) (u - v), for f of any shape.   Book: §A.4, (A.21), (A.23), (A.24)"""
    return taylor(f, v, 1)


def quadratic_model(f: Function, v: Tensor) -> Function:
    """P_2(u) = f(v) + (u - v)ᵀ ∇f(v) + ½ (u - v)ᵀ ∇²f(v) (u - v).   Book: §A.4, (A.22)"""
    return taylor(f, v, 2)


def multi_indices(n: int, k: int) -> Iterator[tuple[int, ...]]:
    """All α of n entries with |α| = α₁ + ... + αₙ <= k, by |α|.   Book: §A.4"""
    for total in range(k + 1):
        for bars in itertools.combinations(range(total + n - 1), n - 1):
            edges = (-1, *bars, total + n - 1)
            yield tuple(b - a - 1 for a, b in itertools.pairwise(edges))


def multi_factorial(alpha: tuple[int, ...]) -> int:
    """α! = α₁! ... αₙ!.   Book: §A.4"""
    return math.prod(map(math.factorial, alpha))


def monomial(u: Tensor, alpha: tuple[int, ...]) -> Tensor:
    """u^α = u₁^α₁ ... uₙ^αₙ, for u (..., n).   Book: §A.4"""
    if u.shape[-1] != len(alpha):
        raise cr.ShapeError(f"monomial: u {u.shape} needs u.shape[-1] == {len(alpha)}, the exponents")
    total = cr.ones_like(u[..., 0])
    for i, exponent in enumerate(alpha):
        for _ in range(exponent):
            total = total * u[..., i]
    return total


def partial(f: Function, alpha: tuple[int, ...]) -> Function:
    """D^α f = ∂^|α| f / ∂u₁^α₁ ... ∂uₙ^αₙ of a function of a vector, by nested forward modes.   Book: §A.4"""
    def derivative(u: Tensor) -> Tensor:
        if u.shape != (len(alpha),):
            raise cr.ShapeError(f"partial: u {u.shape} needs shape ({len(alpha)},), one variable an exponent")
        g = f
        for i, times in enumerate(alpha):
            e = cr.tensor(np.eye(len(alpha))[i], u.dtype, u.device)
            for _ in range(times):
                g = _along(g, e)
        return g(u)
    return derivative


def _along(g: Function, e: Tensor) -> Function:
    return lambda u: cr.jvp(g, u, e)[1]


# ---- matrices

def definiteness(A: Any, tolerance: float = 1e-10) -> str:
    """"positive definite", "positive semidefinite", the same negative, "zero" or "indefinite".

    Book: §A.2, (A.12)

    By the eigenvalues of the symmetric A; those below tolerance times the largest modulus count as 0.
    Errors  ShapeError unless A is square, ValueError unless it is symmetric and finite
    """
    matrix = np.asarray(A.numpy() if isinstance(A, Tensor) else A, np.float64)
    if matrix.ndim != 2 or matrix.shape[0] != matrix.shape[1]:
        raise cr.ShapeError(f"definiteness: A {matrix.shape} must be a square matrix")
    size = np.abs(matrix).max(initial=0.0)
    if not np.isfinite(size) or np.abs(matrix - matrix.T).max(initial=0.0) > 1e-8 * size:
        raise ValueError("definiteness: A must be symmetric and finite")
    values = np.linalg.eigvalsh(matrix)
    zero = tolerance * np.abs(values).max(initial=0.0)
    up, down, flat = (values > zero).any(), (values < -zero).any(), (np.abs(values) <= zero).any()
    if up and down:
        return "indefinite"
    if not up and not down:
        return "zero"
    return ("positive" if up else "negative") + (" semidefinite" if flat else " definite")
