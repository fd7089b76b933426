"""Special functions written in ops."""
from __future__ import annotations

import chainrule as cr

from .._core import Tensor


def logit(u: Tensor) -> Tensor:
    """Logit(u) = log(u / (1 - u)), the inverse of the sigmoid.   Book: §3.1, (3.2)

    ∓∞ at 0 and 1, NaN beyond them.
    """
    near = cr.abs(u - 0.5) < 0.25                                # the logs of u and 1 - u would cancel there
    middle = 2.0 * cr.atanh(cr.where(near, 2.0 * u - 1.0, 0.0))
    outer = cr.where(near, 0.25, u)
    return cr.where(near, middle, cr.log(outer) - cr.log1p(-outer))


def log_normal_cdf(z: Tensor) -> Tensor:
    """log Φ(z) with all its digits, also where Φ(z) is too small for a float.   Book: §3.1, probit

    Beyond -12: Φ(z) = φ(z) / -z · (1 - 1/z² + 3/z⁴ - 15/z⁶ ...), of which eight terms are exact to rounding.
    """
    root = 0.5 ** 0.5
    low, high = z < -12.0, z > 0.0
    middle = cr.log(0.5 * cr.erfc(-cr.where(low, -1.0, cr.where(high, -1.0, z)) * root))
    upper = cr.log1p(-0.5 * cr.erfc(cr.where(high, z, 1.0) * root))
    far = cr.where(low, z, -12.0)
    q, series = 1.0 / (far * far), cr.ones_like(far)
    for k in range(15, 0, -2):                                   # Horner: 1 - q (1 - 3 q (1 - 5 q (...)))
        series = 1.0 - k * q * series
    tail = -0.5 * far * far - cr.log(-far) - 0.9189385332046727 + cr.log(series)     # log √2π
    return cr.where(low, tail, cr.where(high, upper, middle))
