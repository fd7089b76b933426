"""Rounding, exponentials, logarithms, roots, angles, hyperbolic functions."""
import chainrule as cr
import numpy as np

from .checks import normal, uniform

# name: (NumPy's function, where it is smooth)
FUNCTIONS = {
    "exp": (np.exp, normal(3, 4)),
    "expm1": (np.expm1, normal(3, 4)),
    "log": (np.log, uniform(0.2, 4, 3, 4)),
    "log1p": (np.log1p, uniform(-0.8, 4, 3, 4)),
    "log2": (np.log2, uniform(0.2, 4, 3, 4)),
    "log10": (np.log10, uniform(0.2, 4, 3, 4)),
    "sqrt": (np.sqrt, uniform(0.2, 4, 3, 4)),
    "rsqrt": (lambda x: 1 / np.sqrt(x), uniform(0.2, 4, 3, 4)),
    "sin": (np.sin, normal(3, 4) * 3),
    "cos": (np.cos, normal(3, 4) * 3),
    "tan": (np.tan, uniform(-1.2, 1.2, 3, 4)),
    "sinh": (np.sinh, normal(3, 4)),
    "cosh": (np.cosh, normal(3, 4)),
    "tanh": (np.tanh, normal(3, 4)),
}
INVERSE = {
    "sin": (np.arcsin, uniform(-0.9, 0.9, 3, 4)),
    "cos": (np.arccos, uniform(-0.9, 0.9, 3, 4)),
    "tan": (np.arctan, normal(3, 4)),
    "sinh": (np.arcsinh, normal(3, 4)),
    "cosh": (np.arccosh, uniform(1.2, 4, 3, 4)),
    "tanh": (np.arctanh, uniform(-0.9, 0.9, 3, 4)),
}
for _name, _row in INVERSE.items():
    FUNCTIONS["a" + _name] = FUNCTIONS["arc" + _name] = _row
ROUNDING = {"floor": np.floor, "ceil": np.ceil, "round": np.round, "trunc": np.trunc}
PAIRS = {"logaddexp": np.logaddexp, "hypot": np.hypot, "atan2": np.arctan2, "arctan2": np.arctan2}

CASES = {
    **{name: (getattr(cr, name), f, [x]) for name, (f, x) in FUNCTIONS.items()},
    **{f"{name}_scalar": (getattr(cr, name), f, [x[0, 0]]) for name, (f, x) in FUNCTIONS.items()},
    **{name: (getattr(cr, name), f, [np.trunc(normal(3, 4) * 3) + uniform(0.1, 0.4, 3, 4)])
       for name, f in ROUNDING.items()},
    **{name: (getattr(cr, name), f, [normal(3, 4), normal(3, 4)]) for name, f in PAIRS.items()},
    **{f"{name}_broadcast": (getattr(cr, name), f, [normal(3, 1), normal(1, 4)]) for name, f in PAIRS.items()},
    "logaddexp_tied": (cr.logaddexp, np.logaddexp, [np.array([1.0, -2.0]), np.array([1.0, -2.0])]),
    "hypot_number": (lambda x: cr.hypot(x, 3), lambda x: np.hypot(x, 3), [normal(5)]),
}

THROUGH_ZERO = {"expm1", "log1p", "sqrt", "sin", "tan", "sinh", "tanh", "asin", "atan", "asinh", "atanh", *ROUNDING}
EVERY = {**{name: f for name, (f, _) in FUNCTIONS.items()}, **ROUNDING}
ODD = np.array([0.0, -0.0, 1.0, -1.0, 0.5, -2.5, np.inf, -np.inf, np.nan])
HALVES = np.array([-3.5, -2.5, -1.5, -0.5, 0.5, 1.5, 2.5, 0.49999997, 8388607.5, 2.0**52 + 1, -1e30])
TINY = np.array([1e-12, -1e-12, 3e-39])                # the last is subnormal in float32
LARGE = np.array([88.0, -87.0, 30.0, 104.0, -104.0])
TURNS = np.array([3.0, 100.0, -1000.0, 11999.0, 12001.0, 1e5, 3e7, 6.2831855])


def then(f, g):
    return lambda x: g(f(x))


CORNERS = {
    **{f"{name}_odd": (getattr(cr, name), f, [ODD]) for name, f in EVERY.items()},
    **{f"{name}_sign_of_zero": (then(getattr(cr, name), lambda y: cr.copysign(1.0, y)),
                                then(f, lambda y: np.copysign(1.0, y)), [np.array([0.0, -0.0])])
       for name, f in EVERY.items() if name in THROUGH_ZERO},
    **{f"{name}_tiny": (getattr(cr, name), f, [TINY]) for name, f in EVERY.items()
       if name in THROUGH_ZERO - {"sqrt", *ROUNDING}},
    **{f"{name}_empty": (getattr(cr, name), f, [np.zeros((0, 3))]) for name, f in EVERY.items()},
    **{f"{name}_halves": (getattr(cr, name), f, [HALVES]) for name, f in ROUNDING.items()},
    **{f"{name}_integers": (getattr(cr, name), f, [np.array([-(2**62) - 1, -3, 0, 7])]) for name, f in ROUNDING.items()},
    **{f"{name}_truth": (getattr(cr, name), np.copy, [np.array([True, False])]) for name in ROUNDING},
    **{f"{name}_large": (then(getattr(cr, name), cr.log), then(f, np.log), [LARGE[:3]])
       for name, f in {"exp": np.exp, "expm1": np.expm1, "cosh": np.cosh}.items()},
    "tanh_large": (cr.tanh, np.tanh, [LARGE]),
    "asinh_large": (cr.asinh, np.arcsinh, [np.array([1e30, -1e30, 1e3])]),
    "acosh_large": (cr.acosh, np.arccosh, [np.array([1e30, 1e3, 1.0])]),
    **{f"{name}_turns": (getattr(cr, name), getattr(np, name), [TURNS]) for name in ("sin", "cos", "tan")},
    "log_range": (cr.log, np.log, [np.array([1e-30, 1e30, 1.0, 0.99, 1.01])]),
    "log2_powers": (cr.log2, np.log2, [2.0 ** np.arange(-20, 20)]),
    "log10_powers": (cr.log10, np.log10, [10.0 ** np.arange(10)]),
    **{f"{name}_odd": (getattr(cr, name), f, [ODD[:, None], ODD]) for name, f in PAIRS.items()},
    **{f"{name}_empty": (getattr(cr, name), f, [np.zeros((0, 3)), np.zeros(3)]) for name, f in PAIRS.items()},
    **{f"{name}_mixed": (getattr(cr, name), f, [np.array([1, 2, 3]), np.array([[0.5], [2.0]])])
       for name, f in PAIRS.items()},
    "logaddexp_large": (cr.logaddexp, np.logaddexp, [np.array([1e4, -1e4, 1e4]), np.array([1e4, -1e4, -1e4])]),
    "hypot_large": (lambda x: cr.hypot(x, x) / 1e30, lambda x: np.hypot(x, x) / 1e30, [np.array([1e30, 1e-30])]),
}

ERRORS = {
    "hypot_shape": (lambda: cr.hypot(cr.ones(2), cr.ones(3)), cr.ShapeError, r"hypot: shapes \(2,\) and \(3,\) .*"),
    "atan2_text": (lambda: cr.atan2("a", 1.0), TypeError, "needs a tensor, a number or a NumPy array, got str"),
    "exp_none": (lambda: cr.exp(None), TypeError, "needs a tensor, a number or a NumPy array, got NoneType"),
}
