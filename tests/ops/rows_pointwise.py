"""Arithmetic, comparison, truth, choice."""
from functools import partial

import chainrule as cr
import numpy as np

from .checks import integers, normal, spaced, uniform


def apart(*shape):
    """Pairs of values that are nowhere within 0.1 of each other, for ops that compare two inputs."""
    both = spaced(2, *shape)
    return [both[0], both[1]]


# a / b stays half a unit away from whole numbers, where the quotient jumps
DIVISOR = np.array([1.5, -0.7, 2.25, -3.0])
DIVIDEND = DIVISOR * (np.array([3, -2, 0, -5]) + np.array([0.5, 0.3, 0.6, 0.4]))
BITS = [integers(0, 64, 3, 4), integers(0, 64, 3, 4)]
TRUTH = [integers(0, 2, 3, 4).astype(bool), integers(0, 2, 3, 4).astype(bool)]
COLUMN_ROW = [normal(3, 1), normal(1, 4)]
CHOICE = integers(0, 2, 3, 4).astype(bool)

ARITHMETIC = {"add": np.add, "subtract": np.subtract, "multiply": np.multiply, "divide": np.divide}
COMPARISONS = {name: getattr(np, name)
               for name in ("equal", "not_equal", "less", "less_equal", "greater", "greater_equal")}
LOGIC = {name: getattr(np, name) for name in ("logical_and", "logical_or", "logical_xor")}
BITWISE = {name: getattr(np, name) for name in ("bitwise_and", "bitwise_or", "bitwise_xor")}
BINARY = {**ARITHMETIC, "maximum": np.maximum, "minimum": np.minimum, "copysign": np.copysign}
CLIPPED = {"resized": "the bounds have as many rows"}

CASES = {
    **{name: (getattr(cr, name), f, [normal(3, 4), normal(3, 4)]) for name, f in ARITHMETIC.items()},
    **{f"{name}_broadcast": (getattr(cr, name), f, COLUMN_ROW) for name, f in ARITHMETIC.items()},
    **{f"{name}_scalar": (getattr(cr, name), f, [normal(), normal(5)]) for name, f in ARITHMETIC.items()},
    "add_number": (lambda x: 2 + x + 0.5, lambda x: x + 2.5, [normal(7)]),
    "divide_number": (lambda x: (2 / x) / 3, lambda x: 2 / x / 3, [normal(7)]),
    "floor_divide": (cr.floor_divide, np.floor_divide, [DIVIDEND, DIVISOR]),
    "remainder": (cr.remainder, np.remainder, [DIVIDEND, DIVISOR],
                  {"units": (64, "the quotient multiplies the rounding of b")}),
    "remainder_broadcast": (cr.remainder, np.remainder, [uniform(0.6, 1.4, 3, 1), np.array([[0.5, -2.0]])]),
    "pow": (cr.pow, np.power, [uniform(0.3, 3, 3, 4), normal(3, 4)]),
    "power": (cr.power, np.power, [uniform(0.3, 3, 3, 1), normal(1, 4)]),
    "power_number": (lambda x: x ** 3, lambda x: x**3, [normal(3, 4)]),
    "power_fraction": (lambda x: x ** -1.7, lambda x: x**-1.7, [uniform(0.3, 3, 5)]),
    "power_square": (lambda x: x ** 2, np.square, [normal(5)]),
    "power_half": (lambda x: x ** 0.5, np.sqrt, [uniform(0.3, 3, 5)]),
    "power_minus_one": (lambda x: x ** -1, np.reciprocal, [normal(5)]),
    "power_one": (lambda x: x ** 1, np.copy, [normal(5)]),
    "power_zero": (lambda x: x ** 0, np.ones_like, [normal(5)]),
    "power_of_number": (lambda x: 2.5 ** x, lambda x: 2.5**x, [normal(3, 4)]),
    "square": (cr.square, np.square, [normal(3, 4)]),
    "reciprocal": (cr.reciprocal, np.reciprocal, [normal(3, 4)]),
    "negative": (cr.negative, np.negative, [normal(3, 4)]),
    "abs": (cr.abs, np.abs, [normal(3, 4)]),
    "sign": (cr.sign, np.sign, [normal(3, 4)]),
    "copysign": (cr.copysign, np.copysign, [normal(3, 4), normal(3, 4)]),
    **{name: (getattr(cr, name), f, apart(3, 4)) for name, f in COMPARISONS.items()},
    **{f"{name}_tied": (getattr(cr, name), f, [integers(0, 3, 3, 1), integers(0, 3, 1, 4)])
       for name, f in COMPARISONS.items()},
    **{name: (getattr(cr, name), f, TRUTH) for name, f in LOGIC.items()},
    "logical_not": (cr.logical_not, np.logical_not, [integers(0, 2, 3, 4).astype(bool)]),
    "logical_and_numbers": (cr.logical_and, np.logical_and, [integers(-1, 2, 3, 1), integers(-1, 2, 4)]),
    **{name: (getattr(cr, name), f, BITS) for name, f in BITWISE.items()},
    **{f"{name}_truth": (getattr(cr, name), f, TRUTH) for name, f in BITWISE.items()},
    "bitwise_invert": (cr.bitwise_invert, np.bitwise_invert, [integers(-9, 9, 3, 4)]),
    "bitwise_invert_truth": (cr.bitwise_invert, np.bitwise_invert, [TRUTH[0]]),
    "isnan": (cr.isnan, np.isnan, [normal(3, 4)]),
    "isinf": (cr.isinf, np.isinf, [normal(3, 4)]),
    "isfinite": (cr.isfinite, np.isfinite, [normal(3, 4)]),
    "where": (cr.where, np.where, [CHOICE, normal(3, 4), normal(3, 4)]),
    "where_broadcast": (cr.where, np.where, [CHOICE[:, :1], normal(1, 4), normal(3, 1)]),
    "where_numbers": (lambda c, x: cr.where(c, x, 0.0), lambda c, x: np.where(c, x, 0.0), [CHOICE, normal(3, 4)]),
    "where_number_first": (lambda c, x: cr.where(c, 1.5, x), lambda c, x: np.where(c, 1.5, x),
                           [CHOICE, normal(3, 4)]),
    "maximum": (cr.maximum, np.maximum, apart(3, 4)),
    "minimum": (cr.minimum, np.minimum, apart(3, 4)),
    "maximum_broadcast": (cr.maximum, np.maximum, [spaced(3, 1), spaced(1, 4) + 0.03]),
    "clip": (lambda x: cr.clip(x, -0.37, 0.31), lambda x: np.clip(x, -0.37, 0.31), [spaced(3, 4)]),
    "clip_below": (lambda x: cr.clip(x, min=-0.37), lambda x: np.clip(x, -0.37, None), [spaced(3, 4)]),
    "clip_above": (lambda x: cr.clip(x, max=0.31), lambda x: np.clip(x, None, 0.31), [spaced(3, 4)]),
    "clip_nowhere": (lambda x: cr.clip(x), np.copy, [spaced(3, 4)]),
    "clip_tensors": (cr.clip, np.clip, [spaced(5, 4), spaced(1, 4) - 0.15, spaced(5, 1) + 0.15]),
    "clip_crossed": (cr.clip, np.clip, [spaced(4), np.full(4, 0.3), np.full(4, -0.3)]),
    "clip_tensor_below": (lambda x, low: cr.clip(x, low), lambda x, low: np.clip(x, low, None),
                          [spaced(3, 4), spaced(4) + 0.03]),
    "clip_tensor_above": (lambda x, high: cr.clip(x, None, high), lambda x, high: np.clip(x, None, high),
                          [spaced(3, 4), spaced(4) + 0.03]),
}

# each of these meets each
ODD = np.array([0.0, -0.0, 1.0, -1.0, 2.5, -2.5, np.inf, -np.inf, np.nan])
ALL_ODD = [ODD[:, None], ODD]
FAR = [np.array([1e12, -1e12, 1e12, 3e-12, 1e-12, -0.0]), np.array([1e11, 2.5, 1e12, 1e-12, -3e12, 1e12])]
WHOLE = np.array([-(2**63), -(2**31), -7, -2, -1, 0, 1, 3, 2**31 - 1, 2**63 - 1])
NONZERO = np.array([-(2**63), -7, -2, -1, 1, 3, 2**63 - 1])
BYTES = np.array([0, 1, 3, 127, 200, 255], np.uint8)
MIXED = [np.array([1, -2, 3], np.int32), np.array([[0.5], [2.0]])]

CORNERS = {
    **{f"{name}_odd": (getattr(cr, name), f, ALL_ODD) for name, f in {**BINARY, **COMPARISONS, **LOGIC}.items()},
    **{f"{name}_far_{i}": (getattr(cr, name), f, [FAR[0][i], FAR[1][i]])
       for name, f in {**BINARY, **COMPARISONS, "remainder": np.remainder, "floor_divide": np.floor_divide}.items()
       for i in range(6)},
    **{f"{name}_integers": (getattr(cr, name), f, [WHOLE[:, None], WHOLE])
       for name, f in {**BINARY, **COMPARISONS, **BITWISE, **LOGIC}.items() if name not in ("divide", "copysign")},
    **{f"{name}_bytes": (getattr(cr, name), f, [BYTES[:, None], BYTES])
       for name, f in {**BINARY, **COMPARISONS, **BITWISE}.items() if name not in ("divide", "copysign")},
    **{f"{name}_mixed": (getattr(cr, name), f, MIXED) for name, f in {**BINARY, **COMPARISONS}.items()},
    **{f"{name}_empty": (getattr(cr, name), f, [np.zeros((0, 3)), np.zeros((1, 3))]) for name, f in BINARY.items()},
    "add_truth": (cr.add, np.add, TRUTH),
    "multiply_truth": (cr.multiply, np.multiply, TRUTH),
    "add_truth_number": (lambda x: x + 2, lambda x: x + 2, [TRUTH[0]]),
    "maximum_truth": (cr.maximum, np.maximum, TRUTH),
    "abs_odd": (lambda x: 1 / cr.abs(x), lambda x: 1 / np.abs(x), [ODD]),             # shows the sign of 0
    "abs_integers": (cr.abs, np.abs, [WHOLE]),
    "abs_bytes": (cr.abs, np.abs, [BYTES]),
    "abs_truth": (cr.abs, np.abs, [TRUTH[0]]),
    "sign_odd": (cr.sign, np.sign, [ODD]),
    "sign_integers": (cr.sign, np.sign, [WHOLE]),
    "negative_odd": (lambda x: 1 / -x, lambda x: 1 / -x, [ODD]),
    "negative_integers": (cr.negative, np.negative, [WHOLE]),
    "negative_bytes": (cr.negative, np.negative, [BYTES]),
    "square_odd": (cr.square, np.square, [ODD]),
    "square_integers": (cr.square, np.square, [WHOLE]),
    "reciprocal_odd": (cr.reciprocal, np.reciprocal, [ODD]),
    "copysign_zero": (lambda x: cr.copysign(1.0, x), lambda x: np.copysign(1.0, x), [ODD]),
    "floor_divide_odd": (cr.floor_divide, np.floor_divide, ALL_ODD),
    "floor_divide_nearly_whole": (cr.floor_divide, np.floor_divide, [np.array([1.0, -1.0, 0.6]), np.array([0.1, 0.1, -0.2])],
                                  {"low": "0.1 and 0.2 are other numbers there"}),
    "floor_divide_integers": (cr.floor_divide, np.floor_divide, [WHOLE[:, None], NONZERO]),
    "floor_divide_bytes": (cr.floor_divide, np.floor_divide, [BYTES[:, None], BYTES[1:]]),
    "remainder_odd": (cr.remainder, np.remainder, ALL_ODD),
    "remainder_integers": (cr.remainder, np.remainder, [WHOLE[:, None], NONZERO]),
    "remainder_bytes": (cr.remainder, np.remainder, [BYTES[:, None], BYTES[1:]]),
    "power_odd": (cr.pow, np.power, ALL_ODD),
    "power_integers": (cr.pow, np.power, [WHOLE[:, None], np.array([0, 1, 2, 3, 62, 63])]),
    "power_integers_square": (lambda x: x ** 2, np.square, [WHOLE]),
    "power_integers_fraction": (lambda x: x ** 1.0, lambda x: x.astype(np.float32), [WHOLE]),
    "logical_not_odd": (cr.logical_not, np.logical_not, [ODD]),
    "logical_not_integers": (cr.logical_not, np.logical_not, [WHOLE]),
    "logical_or_mixed": (cr.logical_or, np.logical_or, [ODD, TRUTH[0].reshape(-1)[:9]]),
    **{f"{name}_{kind}": (getattr(cr, name), getattr(np, name), [x]) for name in ("isnan", "isinf", "isfinite")
       for kind, x in (("odd", ODD), ("integers", WHOLE), ("truth", TRUTH[0]), ("empty", np.zeros((0, 2))),
                       ("scalar", np.array(np.nan)))},
    "where_integers": (cr.where, np.where, [CHOICE, BITS[0], BITS[1]]),
    "where_truth": (cr.where, np.where, [CHOICE, *TRUTH]),
    "where_mixed": (cr.where, np.where, [CHOICE[0, :3], *MIXED]),
    "where_odd": (cr.where, np.where, [np.resize([True, False], 9), ODD, ODD[::-1]]),
    "where_empty": (cr.where, np.where, [np.zeros((0, 3), bool), np.zeros(3), np.zeros(())]),
    "clip_odd": (lambda x: cr.clip(x, -1, 2.5), lambda x: np.clip(x, -1, 2.5), [ODD]),
    "clip_odd_tensors": (cr.clip, np.clip, [ODD[:, None, None], ODD[:, None], ODD]),
    "clip_integers": (lambda x: cr.clip(x, -5, 5), lambda x: np.clip(x, -5, 5), [WHOLE]),
    "clip_integers_fraction": (lambda x: cr.clip(x, 0.5, None), lambda x: np.clip(x, 0.5, None), [np.arange(3)]),
    "clip_truth": (lambda x: cr.clip(x, False, True), np.copy, [TRUTH[0]]),
    "clip_empty": (lambda x: cr.clip(x, 0, 1), np.copy, [np.zeros((0, 2))]),
}

I, B = cr.tensor([1, 2]), cr.tensor([True, False])
ERRORS = {
    **{f"{name}_shape": (partial(getattr(cr, name), cr.zeros((2, 3)), cr.zeros((2, 4))), cr.ShapeError,
                         rf"{name}: shapes \(2, 3\) and \(2, 4\) .*")
       for name in ("add", "multiply", "divide", "remainder", "power", "less", "maximum", "logical_and")},
    **{f"{name}_truth": (partial(getattr(cr, name), B, B), cr.DTypeError,
                         f"{name}: needs numbers, got bool; use .astype.*")
       for name in ("subtract", "floor_divide", "remainder", "power")},
    **{f"{name}_truth": (partial(getattr(cr, name), B), cr.DTypeError, f"{name}: needs numbers, got bool; .*")
       for name in ("negative", "sign", "square")},
    "floor_divide_zero": (lambda: I // 0, ValueError, "floor_divide: division of an integer by zero"),
    "remainder_zero": (lambda: I % 0, ValueError, "remainder: division of an integer by zero"),
    "power_negative": (lambda: I ** -1, ValueError, "power: integers to a negative power; use a floating type"),
    "bitwise_and_float": (lambda: cr.bitwise_and(1.0, I), cr.DTypeError,
                          "bitwise_and: needs integers or booleans, got float32"),
    "bitwise_invert_float": (lambda: cr.bitwise_invert(cr.ones(2)), cr.DTypeError,
                             "bitwise_invert: needs integers or booleans, got float32"),
    "where_condition": (lambda: cr.where(I, 1.0, 2.0), cr.DTypeError, "where: condition must be bool, got int64"),
    "where_shape": (lambda: cr.where(B, cr.ones(3), 0.0), cr.ShapeError, "where: shapes .*"),
    "clip_shape": (lambda: cr.clip(cr.ones(3), cr.ones(2)), cr.ShapeError, r"clip: shapes \(3,\) and \(2,\) .*"),
    "add_text": (lambda: cr.add(I, "1"), TypeError, "needs a tensor, a number or a NumPy array, got str"),
    "add_too_large": (lambda: cr.astype(I, cr.int32) + 2**40, ValueError, "add: number 1099511627776 does not fit int32; .*"),
}
