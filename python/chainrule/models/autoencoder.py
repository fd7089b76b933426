"""Autoencoders: nets that give back their input through a narrow code.   Book: §3.5"""
from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import Any

import chainrule as cr

from .. import check
from .._core import Tensor
from ..nn import Identity, Linear, Module
from ..nn.activation import activation_function
from .pca import PCA

Activation = str | Callable[[Tensor], Tensor]


class Layers(Module):
    """u -> S(b + W u) layer by layer, each with its own elementwise S.   Book: (3.37), (3.39)"""

    def __init__(self, sizes: tuple[int, ...], activations: tuple[Activation, ...], bias: bool, *,
                 rng) -> None:
        self.layers = [Linear(n_in, n_out, bias, rng=rng) for n_in, n_out in pairwise(sizes)]
        self.activations = tuple(activation_function("Autoencoder", S) for S in activations)

    def __call__(self, u: Tensor) -> Tensor:
        for S, layer in zip(self.activations, self.layers, strict=True):
            u = S(layer(u))
        return u


class Autoencoder(Module):
    """x̂ = f²(f¹(x)): an encoder f¹ to a code of m numbers, a decoder f² back.   Book: §3.5, (3.37)-(3.41)

    Autoencoder(784, 30) has the code as its one hidden layer; Autoencoder(784, 50, 10) has the layers 784,
    50, 10, 50, 784. `code` and `output` are the activations of those two layers, `hidden` that of the others;
    all "identity" is PCA (3.41). A code of m ≥ p numbers is allowed.

    `noise`, a layer such as nn.Masking, corrupts the input during training only: a denoising autoencoder,
    if its loss compares with the clean x.

    Shapes  x (..., p) -> x̂ (..., p), code (..., m)
    Start   as Linear
    Example
        >>> net = cr.models.Autoencoder(784, 30, rng=cr.Rng(0))
        >>> net.parameter_count()
        47854
    """
    def __init__(self, *sizes: int, rng, hidden: Activation = "tanh", code: Activation = "tanh",
                 output: Activation = "sigmoid", bias: bool = True, noise: Any = None) -> None:
        if len(sizes) < 2:
            raise ValueError(f"Autoencoder: sizes {sizes} needs at least two, the input's and the code's")
        check.positive("Autoencoder", **{f"sizes[{i}]": n for i, n in enumerate(sizes)})
        between = (hidden,) * (len(sizes) - 2)
        self.encoder: Any = Layers(sizes, (*between, code), bias, rng=rng)
        self.decoder: Any = Layers(sizes[::-1], (*between, output), bias, rng=rng)
        self.noise = Identity() if noise is None else noise

    @classmethod
    def of(cls, encoder: Callable, decoder: Callable, noise: Any = None) -> Autoencoder:
        """From any two modules, such as convolutional ones."""
        made = cls.__new__(cls)
        made.encoder, made.decoder, made.noise = encoder, decoder, Identity() if noise is None else noise
        return made

    @classmethod
    def pca(cls, x: Tensor, m: int) -> Autoencoder:
        """The best linear autoencoder, without training: W¹ = Vᵀ, W² = V of the first m principal components.

        The mean is in the biases: code Vᵀ(x - x̄), reconstruction x̄ + V code.   Book: (3.44)-(3.46)

        Errors  those of PCA: ValueError unless 1 <= m <= min(n, p) and x is finite
        """
        learned = PCA(m).fit(x)
        V, mean = (cr.asarray(a).astype(x.dtype).to(x.device) for a in (learned.components_.T, learned.mean_))
        made = cls(x.shape[1], m, rng=cr.Rng(0), code="identity", output="identity")
        made.encoder.layers[0].weight, made.encoder.layers[0].bias = V.T.copy(), -(mean @ V)
        made.decoder.layers[0].weight, made.decoder.layers[0].bias = V.copy(), mean.copy()
        return made

    def __call__(self, x: Tensor) -> Tensor:
        return self.reconstruct(self.noise(x))

    def encode(self, x: Tensor) -> Tensor:
        """The code x̃ = f¹(x), (..., m)."""
        return self.encoder(x)

    def decode(self, code: Tensor) -> Tensor:
        """f²(code), (..., p)."""
        return self.decoder(code)

    def reconstruct(self, x: Tensor) -> Tensor:
        """x̂ = f²(f¹(x)), never with noise."""
        return self.decode(self.encode(x))

    def interpolate(self, x: Tensor, y: Tensor, weight: Any) -> Tensor:
        """f²(λ f¹(x) + (1 - λ) f¹(y)): the way from y to x through the codes.   Book: §3.5

        Shapes  x, y (..., p); λ a number, or (L,) for the (L, ..., p) along the way
        """
        return self.decode(interpolate(self.encode(x), self.encode(y), weight))


def interpolate(x: Tensor, y: Tensor, weight: Any) -> Tensor:
    """λ x + (1 - λ) y: naive, entry by entry.   Book: §3.5

    Shapes  x, y of one shape; λ a number, or (L,) for all L on the way
    Errors  ValueError unless 0 <= λ <= 1
    """
    if x.shape != y.shape:
        raise cr.ShapeError(f"interpolate: x {tuple(x.shape)} and y {tuple(y.shape)} need the same shape")
    weight = cr.asarray(weight, dtype=x.dtype).to(x.device)      # 0.3 in x's digits
    if weight.ndim > 1 or not cr.all((weight >= 0) & (weight <= 1)).item():
        raise ValueError("interpolate: weight must be a number in [0, 1] or one axis of them")
    if weight.ndim == 1:
        weight = weight.reshape((weight.shape[0], *(1,) * x.ndim))
    return weight * x + (1 - weight) * y
