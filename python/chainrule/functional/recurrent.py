"""Recurrent nets over whole sequences: RNN, LSTM and GRU, stacked and in both directions.   Book: §7.2, §7.3

Weights are in PyTorch's layout: one tuple (w_ih, w_hh, b_ih, b_hh) for each layer and direction, the gates
one under the other. The products with the inputs of all times are one matmul before the loop over time.
"""
from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

import chainrule as cr

from .. import check
from .._core import Tensor
from .attention import dropout as drop

Weights = tuple[Tensor, Tensor, "Tensor | None", "Tensor | None"]
State = tuple[Tensor, ...]
STATE_FUNCTIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "tanh": lambda z: cr.tanh(z), "relu": lambda z: cr.relu(z), "sigmoid": lambda z: cr.sigmoid(z),
    "identity": lambda z: z}


# ---- one step: (inputs' share, state, W_hh transposed, b_hh) -> state; the first of a state is the output

def rnn_step(z_x: Tensor, state: State, w: Tensor, b: Tensor | None, S: Callable) -> State:
    """h ← S(W_hx x + W_hh h + b).   Book: (7.2)"""
    return (S(_plus(z_x + state[0] @ w, b)),)


def lstm_step(z_x: Tensor, state: State, w: Tensor, b: Tensor | None) -> State:
    """c ← g_f c + g_i c̃,  h ← g_o tanh(c), gates in the order i, f, c̃, o.   Book: (7.16), (7.17)"""
    h, c = state
    m = h.shape[-1]
    z = _plus(z_x + h @ w, b)
    gates = cr.sigmoid(z)                            # of c̃ too, unused: one op over 4 m is less than three
    g_i, g_f, g_o = gates[..., :m], gates[..., m:2 * m], gates[..., 3 * m:]
    c = g_f * c + g_i * cr.tanh(z[..., 2 * m:3 * m])
    return g_o * cr.tanh(c), c


def gru_step(z_x: Tensor, state: State, w: Tensor, b: Tensor | None, reset_first: bool) -> State:
    """h ← (1 - g_z) h̃ + g_z h,  h̃ = tanh(W_x x + g_r (W_h h + b)), order g_r, g_z, h̃.

    Book: (7.18), (7.19)
    """
    h = state[0]
    m = h.shape[-1]
    if reset_first:                                  # the book: W_h (g_r h)
        z = _plus(z_x[..., :2 * m] + h @ w[:, :2 * m], None if b is None else b[:2 * m])
        gates = cr.sigmoid(z)
        z_h = _plus((gates[..., :m] * h) @ w[:, 2 * m:], None if b is None else b[2 * m:])
    else:                                            # PyTorch: g_r (W_h h), one product a step
        z = _plus(h @ w, b)
        gates = cr.sigmoid(z_x[..., :2 * m] + z[..., :2 * m])
        z_h = gates[..., :m] * z[..., 2 * m:]
    h_new = cr.tanh(z_x[..., 2 * m:] + z_h)
    return (h_new + gates[..., m:] * (h - h_new),)


# ---- one layer in one direction

def scan(step: Callable, x: Tensor, state: State, weights: Weights, *, reverse: bool = False,
         mask: Tensor | None = None) -> tuple[Tensor, State]:
    """All steps of one layer and direction: outputs (T, B, m) and the last state.

    Shapes  x (T, B, n), each state (B, m), mask (T, B, 1) True where the sequence has an entry
    """
    w_ih, w_hh, b_ih, b_hh = weights
    inputs = times(_plus(x @ w_ih.T, b_ih))
    here = None if mask is None else times(mask)
    w = w_hh.T
    outputs: list[Any] = [None] * len(inputs)
    for t in reversed(range(len(inputs))) if reverse else range(len(inputs)):
        new = step(inputs[t], state, w, b_hh)
        if here is None:
            state, outputs[t] = new, new[0]
        else:                                        # past the end the state waits and the output is 0
            state = tuple(cr.where(here[t], s, old) for s, old in zip(new, state, strict=True))
            outputs[t] = cr.where(here[t], new[0], 0.0)
    if not outputs:
        return cr.zeros((0, *state[0].shape), dtype=x.dtype, device=x.device), state
    return cr.stack(outputs, axis=0), state


def times(x: Tensor) -> list[Tensor]:
    """x[0], x[1], ..., by halves: so the pull of T slices costs T log T, not T²."""
    if x.shape[0] <= 1:
        return [x[0]] if x.shape[0] else []
    half = x.shape[0] // 2
    return times(x[:half]) + times(x[half:])


# ---- stacks

def rnn(x: Tensor, weights: Sequence[Weights], h: Tensor | None = None, *, activation: str = "tanh",
        **options: Any) -> tuple[Tensor, Tensor]:
    """h(t) = S(W_hh h(t-1) + W_hx x(t) + b), stacked: outputs and last states.

    Book: §7.2, (7.2), (7.14), (7.15)

    Shapes  x (T, B, n), h (layers directions, B, m) -> y (T, B, directions m), h; see `stacked`
    """
    check.one_of("rnn", "activation", activation, STATE_FUNCTIONS)
    S = STATE_FUNCTIONS[activation]
    y, state = stacked("rnn", lambda z, s, w, b: rnn_step(z, s, w, b, S), x, weights,
                       None if h is None else (h,), states=1, **options)
    return y, state[0]


def lstm(x: Tensor, weights: Sequence[Weights], state: State | None = None, **options: Any
         ) -> tuple[Tensor, State]:
    """Long short-term memory, stacked: outputs and last states (h, c).   Book: §7.3, (7.16), (7.17)

    Shapes  x (T, B, n), h and c (layers directions, B, m) -> y (T, B, directions m), (h, c); see `stacked`
    """
    return stacked("lstm", lstm_step, x, weights, state, states=2, **options)


def gru(x: Tensor, weights: Sequence[Weights], h: Tensor | None = None, *, reset_first: bool = False,
        **options: Any) -> tuple[Tensor, Tensor]:
    """Gated recurrent unit, stacked: outputs and last states.   Book: §7.3, (7.18), (7.19)

    Shapes  x (T, B, n), h (layers directions, B, m) -> y (T, B, directions m), h; see `stacked`
    Differs the gate g_z keeps the old state: 1 - g_u of the book; reset_first=True resets before the matrix,
            as the book does, else after it, as PyTorch does
    """
    y, state = stacked("gru", lambda z, s, w, b: gru_step(z, s, w, b, reset_first), x, weights,
                       None if h is None else (h,), states=1, **options)
    return y, state[0]


def stacked(op: str, step: Callable, x: Tensor, weights: Sequence[Weights], state: State | None, *,
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
        runs = [scan(step, x, starts[i + d], weights[i + d], reverse=d == 1, mask=mask)
                for d in range(directions)]
        x = runs[0][0] if directions == 1 else cr.concat([y for y, _ in runs], axis=-1)
        ends += [end for _, end in runs]
    last = tuple(cr.stack(list(parts), axis=0) for parts in zip(*ends, strict=True))
    if single:
        return x[:, 0], tuple(s[:, 0] for s in last)
    return cr.permute_dims(x, (1, 0, 2)) if batch_first else x, last


def _mask(op: str, lengths: Any, T: int, B: int, device: str) -> Tensor:
    """(T, B, 1), True for entries before each sequence's end."""
    count = np.asarray(lengths)
    if count.shape != (B,) or count.dtype.kind not in "iu" or (count < 0).any() or (count > T).any():
        raise cr.ShapeError(f"{op}: lengths {count.tolist()} need {B} integers from 0 to T {T}")
    return cr.tensor(np.arange(T)[:, None, None] < count[None, :, None]).to(device)


def _plus(z: Tensor, b: Tensor | None) -> Tensor:
    return z if b is None else z + b
