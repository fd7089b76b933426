"""Affine maps, and the nets made of them.   Book: §5.1"""
from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

import chainrule as cr

from .. import check
from .._core import Tensor
from . import init
from .activation import activation_function
from .module import Module


class Linear(Module):
    """Affine (fully connected, dense) layer z = x Wᵀ + b, one sample a row.   Book: §5.1, (5.2)

    Shapes  x (..., n_in) -> z (..., n_out);  W (n_out, n_in);  b (n_out,)
    Start   W ~ N(0, 2 / n_in) (He, §5.5);  b = 0
    Errors  ShapeError unless x.shape[-1] == n_in
    Differs the book writes samples as columns; rows here, so results are its transposes
    """
    def __init__(self, n_in: int, n_out: int, bias: bool = True, *, rng) -> None:
        check.positive("Linear", n_in=n_in, n_out=n_out)
        self.weight = init.he_normal((n_out, n_in), rng=rng)
        self.bias = cr.zeros((n_out,)) if bias else None

    def __call__(self, x: Tensor) -> Tensor:
        n_in = self.weight.shape[1]
        if x.ndim == 0 or x.shape[-1] != n_in:
            raise cr.ShapeError(f"Linear: x {tuple(x.shape)} needs x.shape[-1] == n_in {n_in}")
        return cr.linear(x, self.weight, self.bias)

    def multiply_adds(self, x: Tensor, y: Tensor) -> int:
        return y.size * self.weight.shape[1]

    def __repr__(self) -> str:
        n_out, n_in = self.weight.shape
        return f"Linear({n_in}, {n_out}{'' if self.bias is not None else ', bias=False'})"


class MLP(Module):
    """Feedforward net: a ← S(W a + b) for each layer, without S after the last.   Book: §5.1, (5.1), (5.4)

    Shapes  x (..., N_0) -> z (..., N_L) for sizes N_0, N_1, ..., N_L
    Start   as Linear
    """
    def __init__(self, *sizes: int, rng, activation: str | Callable[[Tensor], Tensor] = "relu") -> None:
        if len(sizes) < 2:
            raise ValueError(f"MLP: sizes {sizes} needs at least two, the input's and the output's")
        self.activation = activation_function("MLP", activation)
        self.layers = [Linear(n_in, n_out, rng=rng) for n_in, n_out in pairwise(sizes)]

    def __call__(self, x: Tensor) -> Tensor:
        for layer in self.layers[:-1]:
            x = self.activation(layer(x))
        return self.layers[-1](x)

    def features(self, x: Tensor) -> list[Tensor]:
        """The derived features a_1, ..., a_(L-1) and the result z_L.   Book: §5.1"""
        values = [x]
        for layer in self.layers[:-1]:
            values.append(self.activation(layer(values[-1])))
        return [*values[1:], self.layers[-1](values[-1])]


class Flatten(Module):
    """Axes after the first become one, in row-major order.   Book: §6.4

    Shapes  x (N, ...) -> (N, product of the rest); `start` moves the first axis that is merged
    """
    def __init__(self, start: int = 1) -> None:
        check.not_negative("Flatten", start=start)
        self.start = start

    def __call__(self, x: Tensor) -> Tensor:
        if x.ndim < self.start:
            raise cr.ShapeError(f"Flatten: x {tuple(x.shape)} needs at least {self.start} axes")
        width = 1
        for n in x.shape[self.start:]:
            width *= n
        return x.reshape((*x.shape[:self.start], width))
