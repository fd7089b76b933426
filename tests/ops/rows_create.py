"""Creation, conversion and copies."""
import chainrule as cr
import numpy as np

from .checks import normal

CASES = {
    "astype": (lambda x: cr.astype(x, x.dtype), np.array, [normal(3, 4)]),
    "copy": (cr.copy, np.array, [normal(3, 4)]),
    "contiguous": (lambda x: cr._core.contiguous(x), np.array, [normal(3, 4)]),
    "stop_gradient": (cr.stop_gradient, np.array, [normal(3, 4)], {"values": "a constant by definition"}),
    "to_device": (lambda x: x.to("cpu").to(x.device), np.array, [normal(2, 3)]),
}

CORNERS = {
    "zeros": (lambda: cr.zeros((2, 3)), lambda: np.zeros((2, 3)), []),
    "zeros_empty": (lambda: cr.zeros((2, 0), dtype=cr.int64), lambda: np.zeros((2, 0), int), []),
    "ones": (lambda: cr.ones(3), lambda: np.ones(3), []),
    "full": (lambda: cr.full((2, 2), 7.5), lambda: np.full((2, 2), 7.5), []),
    "full_int": (lambda: cr.full((), 2**62 + 1), lambda: np.array(2**62 + 1), []),
    "arange": (lambda: cr.arange(5), lambda: np.arange(5), []),
    "arange_down": (lambda: cr.arange(1.0, -1.0, -0.25), lambda: np.arange(1.0, -1.0, -0.25), []),
    "linspace": (lambda: cr.linspace(0, 1, 5), lambda: np.linspace(0, 1, 5), []),
    "eye": (lambda: cr.eye(3, 4), lambda: np.eye(3, 4), []),
    "zeros_like": (cr.zeros_like, np.zeros_like, [normal(2, 3)]),
    "ones_like": (cr.ones_like, np.ones_like, [normal(2, 3)]),
    "full_like": (lambda x: cr.full_like(x, 3), lambda x: np.full_like(x, 3), [normal(2, 3)]),
}
