"""Recurrent layers.   Book: §7.2, §7.3"""
from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import Any

import chainrule as cr

from .. import check
from .._core import Tensor
from ..functional import recurrent as F
from . import init
from .module import Module


class _Recurrent(Module):
    """Weights of all layers and directions, under PyTorch's names."""
    gates = 1

    def __init__(self, n_in: int, n_hidden: int, layers: int = 1, bias: bool = True,
                 batch_first: bool = False, dropout: float = 0.0,
                 bidirectional: bool = False, *, rng) -> None:
        op = type(self).__name__
        check.positive(op, n_in=n_in, n_hidden=n_hidden, layers=layers)
        check.fraction(op, dropout=dropout)
        self.n_hidden, self.layers = n_hidden, layers
        self.batch_first, self.bidirectional, self.dropout = batch_first, bidirectional, dropout
        self.rng = rng if dropout else None
        self.names: list[tuple[str, ...]] = []
        bound = n_hidden ** -0.5
        rows = self.gates * n_hidden
        for layer in range(layers):
            width = n_in if layer == 0 else n_hidden * (2 if bidirectional else 1)
            for end in ("", "_reverse")[:2 if bidirectional else 1]:
                kinds: dict[str, tuple[int, ...]]
                kinds = {"weight_ih": (rows, width), "weight_hh": (rows, n_hidden)}
                if bias:
                    kinds |= {"bias_ih": (rows,), "bias_hh": (rows,)}
                shapes = {f"{kind}_l{layer}{end}": shape for kind, shape in kinds.items()}
                for name, shape in shapes.items():
                    setattr(self, name, init.uniform(shape, -bound, bound, rng=rng))
                self.names.append(tuple(shapes))

    def weights(self) -> list[Any]:
        """(w_ih, w_hh, b_ih, b_hh) for each layer and direction."""
        found = [tuple(getattr(self, name) for name in names) for names in self.names]
        return [group if len(group) == 4 else (*group, None, None) for group in found]

    def options(self, lengths: Any) -> dict[str, Any]:
        return {"bidirectional": self.bidirectional, "batch_first": self.batch_first, "lengths": lengths,
                "dropout": self.dropout if self.training else 0.0, "rng": self.rng}

    def multiply_adds(self, x: Tensor, y: Any) -> int:
        weights = sum(prod(w.shape) for group in self.weights() for w in group[:2])
        return prod(x.shape[:-1]) * weights


class RNN(_Recurrent):
    """h(t) = S(W_hx x(t) + W_hh h(t-1) + b): outputs h at all times, and the last h.   Book: §7.2, (7.2)

    Shapes  x (T, B, n_in), or (B, T, n_in) if batch_first, or (T, n_in) -> y with n_hidden x directions
            features, h (layers x directions, B, n_hidden); h(0) = 0 if not given
            weight_ih_l0 (n_hidden, n_in), weight_hh_l0 (n_hidden, n_hidden), bias_ih_l0, bias_hh_l0
    Start   all ~ U(-1/√n_hidden, 1/√n_hidden)
    Differs two biases, as in PyTorch, where the book has their sum b_h; the output map W_yh is a Linear after
    """
    def __init__(self, n_in: int, n_hidden: int, layers: int = 1, activation: str = "tanh",
                 bias: bool = True, batch_first: bool = False, dropout: float = 0.0,
                 bidirectional: bool = False, *, rng) -> None:
        check.one_of("RNN", "activation", activation, F.STATE_FUNCTIONS)
        self.activation = activation
        super().__init__(n_in, n_hidden, layers, bias, batch_first, dropout, bidirectional, rng=rng)

    def __call__(self, x: Tensor, h: Tensor | None = None, *, lengths: Sequence[int] | None = None
                 ) -> tuple[Tensor, Tensor]:
        return F.rnn(x, self.weights(), h, activation=self.activation, **self.options(lengths))


class LSTM(_Recurrent):
    """Long short-term memory: c ← g_f c + g_i c̃,  h ← g_o tanh(c).   Book: §7.3, (7.16), (7.17)

    Shapes  x as RNN -> y as RNN, (h, c) each (layers x directions, B, n_hidden)
            weight_ih_l0 (4 n_hidden, n_in), the gates i, f, c̃, o one under the other; others likewise
    Start   all ~ U(-1/√n_hidden, 1/√n_hidden)
    """
    gates = 4

    def __call__(self, x: Tensor, state: tuple[Tensor, Tensor] | None = None, *,
                 lengths: Sequence[int] | None = None) -> tuple[Tensor, tuple[Tensor, ...]]:
        return F.lstm(x, self.weights(), state, **self.options(lengths))


class GRU(_Recurrent):
    """Gated recurrent unit: h ← (1 - g_z) h̃ + g_z h.   Book: §7.3, (7.18), (7.19)

    Shapes  x as RNN -> y and h as RNN
            weight_ih_l0 (3 n_hidden, n_in), the parts g_r, g_z, h̃ one under the other; others likewise
    Start   all ~ U(-1/√n_hidden, 1/√n_hidden)
    Differs g_z = 1 - g_u of the book; reset_first=True gives the book's h̃ = tanh(W_x x + W_h (g_r h) + b),
            the default PyTorch's h̃ = tanh(W_x x + b + g_r (W_h h + b'))
    """
    gates = 3

    def __init__(self, n_in: int, n_hidden: int, layers: int = 1, bias: bool = True,
                 batch_first: bool = False, dropout: float = 0.0,
                 bidirectional: bool = False, reset_first: bool = False, *, rng) -> None:
        self.reset_first = reset_first
        super().__init__(n_in, n_hidden, layers, bias, batch_first, dropout, bidirectional, rng=rng)

    def __call__(self, x: Tensor, h: Tensor | None = None, *, lengths: Sequence[int] | None = None
                 ) -> tuple[Tensor, Tensor]:
        return F.gru(x, self.weights(), h, reset_first=self.reset_first, **self.options(lengths))


def last_output(y: Tensor, lengths: Sequence[int], batch_first: bool = False) -> Tensor:
    """The output at each sequence's last entry, (B, features): many to one.   Book: §7.2

    Shapes  y (T, B, features), or (B, T, features) if batch_first; lengths (B,) from 1 to T
    """
    count = cr.tensor(list(map(int, lengths)), cr.int64, y.device)
    y = y if batch_first else cr.permute_dims(y, (1, 0, 2))
    T = y.shape[1]
    if any(not 1 <= n <= T for n in lengths) or len(lengths) != y.shape[0]:
        raise cr.ShapeError(f"last_output: lengths {list(lengths)} need {y.shape[0]} integers from 1 to {T}")
    return y[cr.arange(y.shape[0], device=y.device), count - 1]
