"""A function of a tree of tensors as a function of one vector, with its derivatives.   Book: §4.1"""
from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

import chainrule as cr

from .. import tree
from .._core import Tensor


class Objective:
    """C(θ), ∇C(θ), ∇²C(θ) and ∇²C(θ) v for θ the leaves of a tree, one after another.   Book: §4.1, (4.1)

    A gradient or Hessian of one's own replaces ours: a function of the same tree, for a θ that is one vector.
    """
    def __init__(self, f: Callable[..., Tensor], start: Any, gradient: Callable | None = None,
                 hessian: Callable | None = None, args: tuple = ()) -> None:
        if not isinstance(start, Tensor) and not tree.leaves(start):
            start = cr.tensor(np.asarray(start, np.float64))
        if isinstance(start, Tensor) and not start.dtype.is_floating:
            start = start.astype(cr.float64)
        self.f, self.args, self.start = f, args, start
        self.gradient_given, self.hessian_given = gradient, hessian
        self.leaves, self._rebuild = tree.flatten(start)
        if not self.leaves:
            raise ValueError("minimize: x0 holds no floating tensor to change")
        self.shapes = [x.shape for x in self.leaves]
        self.sizes = [x.size for x in self.leaves]
        self.values = self.gradients = self.hessians = 0         # calls so far

    @property
    def theta(self) -> Tensor:
        """The start as one vector."""
        return cr.copy(cr.concat([x.reshape((-1,)) for x in self.leaves]))

    def tree(self, theta: Tensor) -> Any:
        """A vector in the structure of the start."""
        if len(self.shapes) == 1:
            return self._rebuild([theta.reshape(self.shapes[0])])
        parts, at = [], 0
        for shape, size in zip(self.shapes, self.sizes, strict=True):
            parts.append(theta[at:at + size].reshape(shape))
            at += size
        return self._rebuild(parts)

    def __call__(self, theta: Tensor) -> Tensor:
        self.values += 1
        return self.f(self.tree(theta), *self.args)

    def value_and_gradient(self, theta: Tensor) -> tuple[float, Tensor]:
        """(C(θ), ∇C(θ)); a value that is not finite counts as +∞."""
        if self.gradient_given is None:
            self.gradients += 1
            value, g = cr.value_and_grad(self)(theta)
        else:
            value, g = self(theta), self.gradient(theta)
        number = float(value.item() if isinstance(value, Tensor) else value)
        return (number if math.isfinite(number) else math.inf), g

    def gradient(self, theta: Tensor) -> Tensor:
        self.gradients += 1
        if self.gradient_given is None:
            return cr.grad(self)(theta)
        g = self.gradient_given(self.tree(theta), *self.args)
        g = g if isinstance(g, Tensor) else cr.tensor(np.asarray(g, np.float64))
        if g.size != theta.size:
            raise cr.ShapeError(f"minimize: the gradient {g.shape} needs {theta.size} elements, as x0 has")
        return g.reshape(theta.shape)

    def hessian(self, theta: Tensor) -> Tensor:
        self.hessians += 1
        if self.hessian_given is None:
            return cr.hessian(lambda t: self.f(self.tree(t), *self.args))(theta)
        H = self.hessian_given(self.tree(theta), *self.args)
        return H if isinstance(H, Tensor) else cr.tensor(np.asarray(H, np.float64))

    def hessian_times(self, theta: Tensor, v: Tensor) -> Tensor:
        """∇²C(θ) v without the Hessian."""
        self.hessians += 1
        if self.hessian_given is not None:
            return self.hessian_given(self.tree(theta), *self.args) @ v
        return cr.hvp(lambda t: self.f(self.tree(t), *self.args), theta, v)
