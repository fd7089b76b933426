"""Activation functions: values from the book, PyTorch's values and slopes."""
import chainrule as cr
import numpy as np
import pytest
from chainrule.nn import activation

from .oracle import assert_close, torch

VALUES = {                               # the book's §5.3 and its formulas: {u: value}
    "step": {-2: -1, -1: -1, 0: 1, 1: 1},
    "sigmoid": {0: 0.5, 1: 0.7310586, -2: 0.1192029, 1000: 1, -1000: 0},
    "tanh": {1: 0.7615942, 1000: 1},
    "relu": {-1: 0, 2: 2},
    "leaky_relu": {-2: -0.02, 3: 3},
    "arctan": {1: 0.7853982},
    "softsign": {1: 0.5, -2: -0.6666667},
    "softplus": {0: 0.6931472, 1000: 1000, -1000: 0},
    "elu": {-1: -0.6321206, 2: 2, 1000: 1000},
    "selu": {-1: -1.1113307, 1: 1.0507010},
    "silu": {1: 0.7310586, -1: -0.2689414},
}
THEIRS = ("relu6", "gelu", "mish", "hardtanh", "hardswish", "hardsigmoid", "logsigmoid", "elu", "selu",
          "silu", "softplus", "softsign", "leaky_relu", "sigmoid", "tanh", "relu")


@pytest.mark.parametrize("name", VALUES)
def test_values_are_the_books(name):
    f = activation.activation_function("test", name)
    u = cr.tensor(list(map(float, VALUES[name])), dtype=cr.float64)
    assert_close(f(u), list(VALUES[name].values()), 1e-6, 1e-7)


@pytest.mark.parametrize("name", THEIRS)
def test_values_and_slopes_are_pytorchs_away_from_kinks(name):
    t = torch()
    u = np.random.default_rng(0).normal(size=200) * 4
    theirs = t.tensor(u, requires_grad=True)
    y = getattr(t.nn.functional, name)(theirs)
    y.sum().backward()
    f = activation.activation_function("test", name)
    ours, slope = cr.vjp(f, cr.tensor(u), cr.ones((200,), dtype=cr.float64))
    assert_close(ours, y.detach(), 1e-12, 1e-13)
    assert_close(slope, theirs.grad, 1e-7, 1e-12)     # PyTorch's 1/6 is a float32


def test_slopes_at_zero_are_the_books():
    """σ'(0) = 1 for ReLU and leaky ReLU, (5.17)."""
    for name, slope in [("relu", 1), ("leaky_relu", 1), ("step", 0)]:
        f = activation.activation_function("test", name)
        assert cr.grad(lambda u, f=f: cr.sum(f(u)))(cr.zeros((1,))).item() == slope


def test_every_activation_layer_is_its_function():
    u = cr.tensor(np.linspace(-3, 3, 13))
    layers = {"ReLU": "relu", "Sigmoid": "sigmoid", "Tanh": "tanh", "Softplus": "softplus", "ELU": "elu",
              "SELU": "selu", "SiLU": "silu", "GELU": "gelu", "Mish": "mish", "Softsign": "softsign",
              "Hardtanh": "hardtanh", "Hardswish": "hardswish", "ReLU6": "relu6", "LeakyReLU": "leaky_relu",
              "Step": "step", "Identity": "identity"}
    for layer, name in layers.items():
        assert np.array_equal(getattr(cr.nn, layer)()(u), getattr(activation, name)(u))
    z = cr.tensor(np.random.default_rng(0).normal(size=(3, 4)))
    assert_close(cr.sum(cr.nn.Softmax()(z), axis=-1), np.ones(3), 1e-12)
    assert_close(cr.exp(cr.nn.LogSoftmax(axis=0)(z)), cr.nn.Softmax(axis=0)(z), 1e-12)
    assert_close(cr.nn.Softmax()(cr.tensor([1.0, 2.0, 3.0])), [0.0900306, 0.2447285, 0.6652410], 1e-6)


def test_prelu_trains_its_slope():
    layer = cr.nn.PReLU(3)
    u = cr.tensor([[-1.0, -2.0, 3.0], [-4.0, 5.0, -6.0]])
    assert_close(layer(u), [[-0.25, -0.5, 3], [-1, 5, -1.5]])
    grads = cr.grad(lambda m: cr.sum(m(u)))(layer)
    assert grads["weight"].tolist() == [-5, -2, -6]                      # Σ min(0, u)
    assert cr.nn.PReLU()(u).shape == (2, 3)
