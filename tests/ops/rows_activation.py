"""Activation functions, each against the formula of its paper or of the book's section 5.3."""
import chainrule as cr
import numpy as np
from scipy.special import erfc, expit, log_expit

from .checks import normal


def softplus(x):
    return np.logaddexp(0, x)


def elu(x, alpha=1.0):
    return np.where(x > 0, x, alpha * np.expm1(np.minimum(x, 0)))


def selu(x):
    return 1.0507009873554805 * elu(x, 1.6732632423543772)


def gelu(x):
    return x * erfc(-x / np.sqrt(2)) / 2


def gelu_tanh(x):
    return x * (1 + np.tanh(np.sqrt(2 / np.pi) * (x + 0.044715 * x**3))) / 2


def silu(x):
    return x * expit(x)


def mish(x):
    return x * np.tanh(softplus(x))


def leaky(x, slope=0.01):
    return np.where(x < 0, slope * x, x)


FUNCTIONS = {
    "sigmoid": (cr.sigmoid, expit),
    "log_sigmoid": (cr.log_sigmoid, log_expit),
    "softplus": (cr.softplus, softplus),
    "relu": (cr.relu, lambda x: np.maximum(x, 0)),
    "relu_book": (lambda x: cr.relu(x, at_zero=1.0), lambda x: np.maximum(x, 0)),
    "leaky_relu": (cr.leaky_relu, leaky),
    "leaky_relu_steep": (lambda x: cr.leaky_relu(x, 0.3), lambda x: leaky(x, 0.3)),
    "leaky_relu_flat": (lambda x: cr.leaky_relu(x, 0.0), lambda x: np.maximum(x, 0)),
    "elu": (cr.elu, elu),
    "elu_alpha": (lambda x: cr.elu(x, alpha=0.6), lambda x: elu(x, 0.6)),
    "selu": (cr.selu, selu),
    "gelu": (cr.gelu, gelu),
    "gelu_tanh": (lambda x: cr.gelu(x, approximate="tanh"), gelu_tanh),
    "silu": (cr.silu, silu),
    "mish": (cr.mish, mish),
}
# what each tends to at the ends, where its formula may meet ∞ · 0
ENDS = {"sigmoid": (0, 1), "log_sigmoid": (-np.inf, 0), "softplus": (0, np.inf), "elu": (-1, np.inf),
        "elu_alpha": (-0.6, np.inf), "selu": (-1.7580993408473766, np.inf), "leaky_relu": (-np.inf, np.inf),
        "leaky_relu_steep": (-np.inf, np.inf)}



def limits(name):
    return lambda x: np.array([*ENDS.get(name, (0, np.inf)), np.nan])


CASES = {
    **{name: (f, g, [normal(3, 5) * 2]) for name, (f, g) in FUNCTIONS.items()},
    **{f"{name}_scalar": (f, g, [normal()]) for name, (f, g) in FUNCTIONS.items()},
}
CORNERS = {
    **{f"{name}_edge": (f, limits(name), [np.array([-np.inf, np.inf, np.nan])]) for name, (f, _) in FUNCTIONS.items()},
    **{f"{name}_around_zero": (f, g, [np.array([0.0, -0.0, 1e-6, -1e-6])]) for name, (f, g) in FUNCTIONS.items()},
    **{f"{name}_far_below": (f, g, [np.array([-100.0, -1000.0, -1e30])]) for name, (f, g) in FUNCTIONS.items()
       if name != "gelu_tanh"},
    **{f"{name}_far_above": (f, g, [np.array([20.0, 100.0, 1000.0])]) for name, (f, g) in FUNCTIONS.items()},
    **{f"{name}_empty": (f, g, [np.zeros((0, 3))]) for name, (f, g) in FUNCTIONS.items()},
    # -5 and below: relative digits, seen through the logarithm
    **{f"{name}_tail": (lambda x, f=f: cr.log(cr.abs(f(x))), lambda x, g=g: np.log(np.abs(g(x))),
                        [np.array([-5.0, -7.0, -10.0])])
       for name, (f, g) in FUNCTIONS.items() if name in ("sigmoid", "softplus", "gelu", "silu", "mish")},
    "relu_integers": (cr.relu, lambda x: np.maximum(x, 0), [np.array([-3, 0, 2])]),
}

ERRORS = {
    "gelu_approximate": (lambda: cr.gelu(cr.ones(2), "erf"), ValueError,
                         "gelu: approximate must be 'none' or 'tanh', got 'erf'"),
}
