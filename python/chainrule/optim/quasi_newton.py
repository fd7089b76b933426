"""The inverse Hessian from changes of the gradient: BFGS, L-BFGS.   Book: §4.6, (4.58)-(4.69)

θ_s is the last step, g_s the change of the gradient over it; both keep the secant equation B g_s = θ_s.
"""
from __future__ import annotations

from collections import deque

import chainrule as cr

from .._core import Tensor


def curvature_holds(theta_s: Tensor, g_s: Tensor) -> bool:
    """g_sᵀ θ_s > 0, or no positive definite B meets the secant equation.   Book: (4.64)"""
    return (g_s @ theta_s).item() > 1e-10 * cr.norm(g_s).item() * cr.norm(theta_s).item()


def bfgs_update(B: Tensor, theta_s: Tensor, g_s: Tensor) -> Tensor:
    """Vᵀ B V + ρ θ_s θ_sᵀ with ρ = 1 / g_sᵀθ_s, V = I - ρ g_s θ_sᵀ, by rank-one sums.   Book: (4.66), (4.67)

    Cost  4 d² multiply-adds
    """
    rho, Bg = 1 / (g_s @ theta_s).item(), B @ g_s
    cross = cr.outer(Bg, theta_s)
    scale = rho * (1 + rho * (g_s @ Bg).item())
    return B - rho * (cross + cross.T) + scale * cr.outer(theta_s, theta_s)


class BFGS:
    """The direction -B g; B starts as the identity.   Book: §4.6, Algorithm 4.3"""

    def __init__(self, d: int, dtype: cr.DType, device: str = "cpu") -> None:
        self.B = cr.eye(d, dtype=dtype, device=device)
        self.skipped = 0

    def direction(self, g: Tensor) -> Tensor:
        return -(self.B @ g)

    def update(self, theta_s: Tensor, g_s: Tensor) -> None:
        if curvature_holds(theta_s, g_s):
            self.B = bfgs_update(self.B, theta_s, g_s)
        else:
            self.skipped += 1


class LBFGS:
    """The direction -B g from the last m pairs (θ_s, g_s), by the two-loop recursion; memory 2 m d.

    Book: §4.6, (4.69); Nocedal and Wright (2006), Algorithm 7.4

    Differs (4.69) is printed with one θ_s index and one V too many
    """
    def __init__(self, m: int = 10) -> None:
        if m < 1:
            raise ValueError(f"LBFGS: m must be at least 1, got {m}")
        self.pairs: deque[tuple[Tensor, Tensor, float]] = deque(maxlen=m)
        self.skipped = 0

    def direction(self, g: Tensor) -> Tensor:
        q, parts = g, []
        for theta_s, g_s, rho in reversed(self.pairs):           # newest to oldest
            a = rho * (theta_s @ q).item()
            q = q - a * g_s
            parts.append(a)
        if self.pairs:
            theta_s, g_s, rho = self.pairs[-1]
            q = q * (1 / (rho * (g_s @ g_s).item()))             # B_init = (g_sᵀθ_s / g_sᵀg_s) I
        for (theta_s, g_s, rho), a in zip(self.pairs, reversed(parts), strict=True):
            q = q + (a - rho * (g_s @ q).item()) * theta_s
        return -q

    def update(self, theta_s: Tensor, g_s: Tensor) -> None:
        if curvature_holds(theta_s, g_s):
            self.pairs.append((theta_s, g_s, 1 / (g_s @ theta_s).item()))
        else:
            self.skipped += 1
