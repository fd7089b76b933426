"""Recurrent nets over whole sequences: RNN, LSTM and GRU, stacked and in both directions.   Book: §7.2, §7.3

Weights are in PyTorch's layout: one tuple (w_ih, w_hh, b_ih, b_hh) for each layer and direction, the gates
one under the other. The loop over time and its steps are csrc/ops/recurrent.cpp.
"""
from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

import chainrule as cr

from .. import _core, check
from .._core import Tensor
from .attention import dropout as drop

Weights = tuple[Tensor, Tensor, "Tensor | None", "Tensor | None"]
State = tuple[Tensor, ...]
STATE_FUNCTIONS = ("tanh", "relu", "sigmoid", "identity")


# ---- one layer in one direction

def scan(cell: str, x: Tensor, state: State, weights: Weights, *, reverse: bool = False,
         mask: Tensor | None = None) -> tuple[Tensor, State]:
    """All steps of one layer and direction: outputs (T, B, m) and the last state.

    Shapes  x (T, B, n), each state (B, m), mask (T, B) True where the sequence has an entry
    """
    w_ih, w_hh, b_ih, b_hh = weights
    T = x.shape[0]
    h, c = state[0], state[1] if len(state) == 2 else None
    tape = _core._recurrent(cell, x, h, c, w_ih, w_hh, b_ih, b_hh, mask, reverse)      # h(0) ... h(T), c(T)
    y = tape[:T] if reverse else tape[1:T + 1]
    if mask is not None:                             # past the end the state waits and the output is 0
        y = cr.where(mask[..., None], y, 0.0)
    last = tape[0 if reverse else T]
    return y, (last,) if c is None else (last, tape[T + 1])


# ---- stacks

def rnn(x: Tensor, weights: Sequence[Weights], h: Tensor | None = None, *, activation: str = "tanh",
        **options: Any) -> tuple[Tensor, Tensor]:
    """h(t) = S(W_hh h(t-1) + W_hx x(t) + b), stacked: outputs and last states.

    Book: §7.2, (7.2), (7.14), (7.15)

    Shapes  x (T, B, n), h (layers directions, B, m) -> y (T, B, directions m), h; see `stacked`
    """
    check.one_of("rnn", "activation", activation, STATE_FUNCTIONS)
    y, state = stacked("rnn", f"rnn_{activation}", x, weights, None if h is None else (h,), states=1,
                       **options)
    return y, state[0]


def lstm(x: Tensor, weights: Sequence[Weights], state: State | None = None, **options: Any
         ) -> tuple[Tensor, State]:
    """Long short-term memory, stacked: outputs and last states (h, c).   Book: §7.3, (7.16), (7.17)

    Shapes  x (T, B, n), h and c (layers directions, B, m) -> y (T, B, directions m), (h, c); see `stacked`
    """
    return stacked("lstm", "lstm", x, weights, state, states=2, **options)


def gru(x: Tensor, weights: Sequence[Weights], h: Tensor | None = None, *, reset_first: bool = False,
        **options: Any) -> tuple[Tensor, Tensor]:
    """Gated recurrent unit, stacked: outputs and last states.   Book: §7.3, (7.18), (7.19)

    Shapes  x (T, B, n), h (layers directions, B, m) -> y (T, B, directions m), h; see `stacked`
    Differs the gate g_z keeps the old state: 1 - g_u of the book; reset_first=True resets before the matrix,
            as the book does, else after it, as PyTorch does
    """
    y, state = stacked("gru", "gru_reset_first" if reset_first else "gru", x, weights,
                       None if h is None else (h,), states=1, **options)
    return y, state[0]


def stacked(op: str, cell: str, x: Tensor, weights: Sequence[Weights], state: State | None, *,
            states: int, bidirectional: bool = False, batch_first: bool = False, lengths: Any = None,
            dropout: float = 0.0, rng=None) -> tuple[Tensor, State]:
    """Layers above one another, each reading the outputs of both directions below.   Book: (7.14), (7.15)

    Shapes  x (T, B, n), or (B, T, n) if batch_first, or (T, n) for one sequence; y likewise
    Units   lengths (B,) are numbers of entries; past them y is 0, and last states are those at the end
    """
    if x.ndim not in (2, 3) or x.shape[-1] != weights[0][0].shape[1]:
        raise cr.ShapeError(f"{op}: x {tuple(x.shape)} needs to be (T, B, n_in) or (T, n_in) with "
                            f"n_in {weights[0][0].shape[1]}")
    single = x.ndim == 2
    if single:
        x = x[:, None]
        state = None if state is None else tuple(s[:, None] for s in state)
    elif batch_first:
        x = cr.permute_dims(x, (1, 0, 2))
    T, B = x.shape[:2]
    directions = 2 if bidirectional else 1
    full = (len(weights), B, weights[0][1].shape[1])
    if state is None:
        zero = cr.zeros(full[1:], dtype=x.dtype, device=x.device)
        starts = [(zero,) * states] * len(weights)
    else:
        if any(tuple(s.shape) != full for s in state):
            raise cr.ShapeError(f"{op}: the state {[tuple(s.shape) for s in state]} needs {states} of shape "
                                f"{full}, (layers x directions, batch, hidden)")
        starts = [tuple(s[i] for s in state) for i in range(len(weights))]
    mask = None if lengths is None else _mask(op, lengths, T, B, x.device)
    ends: list[State] = []
    for i in range(0, len(weights), directions):
        if i and dropout:
            x = drop(x, dropout, rng)
        runs = [scan(cell, x, starts[i + d], weights[i + d], reverse=d == 1, mask=mask)
                for d in range(directions)]
        x = runs[0][0] if directions == 1 else cr.concat([y for y, _ in runs], axis=-1)
        ends += [end for _, end in runs]
    last = tuple(cr.stack(list(parts), axis=0) for parts in zip(*ends, strict=True))
    if single:
        return x[:, 0], tuple(s[:, 0] for s in last)
    return cr.permute_dims(x, (1, 0, 2)) if batch_first else x, last


def _mask(op: str, lengths: Any, T: int, B: int, device: str) -> Tensor:
    """(T, B), True for entries before each sequence's end."""
    count = np.asarray(lengths)
    if count.shape != (B,) or count.dtype.kind not in "iu" or (count < 0).any() or (count > T).any():
        raise cr.ShapeError(f"{op}: lengths {count.tolist()} need {B} integers from 0 to T {T}")
    return cr.tensor(np.arange(T)[:, None] < count).to(device)
