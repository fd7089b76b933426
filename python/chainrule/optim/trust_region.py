"""A step within a radius where the quadratic model is trusted.   Source: Nocedal and Wright (2006), ch. 4"""
from __future__ import annotations

import math

import chainrule as cr

from .._core import Tensor


def trust_region_step(H: Tensor, g: Tensor, radius: float, *, tolerance: float = 0.1) -> Tensor:
    """The s with ‖s‖ ≤ radius that minimises g·s + s·Hs / 2, H symmetric, definite or not.

    With H = V Λ Vᵀ it is s = -V (Λ + λ)⁻¹ Vᵀ g for the least λ ≥ 0 that makes Λ + λ ≥ 0 and ‖s‖ ≤ radius.
    Source: Moré and Sorensen (1983), Computing a trust region step; as there, a length within 10 % of the
    radius will do, since the radius is a rough guess itself
    Cost    one eigendecomposition, d³
    """
    if not radius > 0:
        raise ValueError(f"trust_region_step: radius must be positive, got {radius}")
    values, V = cr.linalg.eigh(H)
    c = V.T @ g
    least, size = values[0].item(), cr.norm(g).item()
    low = max(0.0, -least)

    def at(shift: float) -> Tensor:
        bottom = values + shift
        return cr.where(bottom > 0, -c / cr.where(bottom > 0, bottom, 1.0), 0.0)
    s = at(low)
    short = cr.norm(s).item() <= radius
    flat = cr.where(values + low > 0, 0.0, c)                    # what of g lies where H + low is 0
    if short and not cr.norm(flat).item() > 1e-14 * size:
        if least < 0:                                            # nothing pulls but the lowest curvature
            rest = math.sqrt(max(0.0, radius**2 - cr.sum(s * s).item()))
            return V @ s + rest * V[:, 0]
        return V @ s
    high = low + size / radius
    shift = high if short else low
    for _ in range(60):
        s = at(shift)
        length = cr.norm(s).item()
        if abs(length - radius) <= tolerance * radius or high - low <= 1e-15 * high:
            break
        low, high = (shift, high) if length > radius else (low, shift)
        slope = cr.sum(cr.where(values + shift > 0, s * s / (values + shift), 0.0)).item()
        shift += length**2 / slope * (length - radius) / radius if slope > 0 else math.inf
        if not low < shift < high:
            shift = (low + high) / 2
    return V @ s
