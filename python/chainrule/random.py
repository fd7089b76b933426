"""Random numbers as a function of (seed, stream, position): Philox 4x32-10, csrc/core/rng.h.

Source: Salmon, Moraes, Dror, Shaw (2011), Parallel random numbers: as easy as 1, 2, 3.

Nothing is global: the stream is an argument, and the same stream gives the same numbers on every device.
"""
from __future__ import annotations

import math
from typing import Any

import numpy as np

from . import _core, cuda
from ._core import Tensor

__all__ = ["Rng", "uniform", "normal", "bernoulli", "randint", "categorical", "permutation"]


class Rng:
    """A stream of random numbers that moves on with each draw.

    `split()` gives streams that have nothing in common with this one or with each other.
    Example
        >>> rng = cr.Rng(seed=0)
        >>> cr.normal((2, 3), rng=rng).shape
        (2, 3)
    """

    def __init__(self, seed: int = 0):
        if not isinstance(seed, (int, np.integer)) or isinstance(seed, bool) or not 0 <= seed < 2**64:
            raise ValueError(f"Rng: seed must be an integer in 0 ... 2**64-1, got {seed!r}")
        self._seed, self._stream, self._position = int(seed), 0, 0

    def state(self) -> dict[str, int]:
        """What `restore` needs to go on from here."""
        return {"seed": self._seed, "stream": self._stream, "position": self._position}

    def restore(self, state: dict[str, int]) -> None:
        """Go on from a `state()` taken before."""
        try:
            new = [int(state[k]) for k in ("seed", "stream", "position")]
        except (KeyError, TypeError, ValueError):
            raise ValueError("Rng.restore: needs the integers seed, stream, position, "
                             f"got {state!r}") from None
        if not all(0 <= v < 2**64 for v in new):
            raise ValueError(f"Rng.restore: needs integers in 0 ... 2**64-1, got {state!r}")
        self._seed, self._stream, self._position = new

    def split(self, n: int | None = None) -> Any:
        """One independent stream, or a list of n of them."""
        count = 1 if n is None else n
        if count < 0:
            raise ValueError(f"Rng.split: n must not be negative, got {n}")
        words = np.asarray(_core._integers((count, 2), 0, *self._advance(2 * count))).view(np.uint64)
        children = []
        for seed, stream in words.tolist():
            child = Rng(seed)
            child._stream = stream
            children.append(child)
        return children[0] if n is None else children

    def _advance(self, n: int) -> tuple[int, int, int]:
        """The key for a draw of n numbers; the stream moves past it."""
        key = (self._seed, self._stream, self._position)
        self._skip(_core._random_blocks(n))
        cuda.each_replay(lambda: self._skip(_core._random_blocks(n)))
        return key

    def _skip(self, blocks: int) -> None:
        self._position = (self._position + blocks) % 2**64

    def __repr__(self) -> str:
        return f"Rng(seed={self._seed}, stream={self._stream}, position={self._position})"


def _shape(op: str, shape: Any) -> tuple[int, ...]:
    shape = (shape,) if isinstance(shape, (int, np.integer)) else tuple(shape)
    if any(n < 0 for n in shape):
        raise _core.ShapeError(f"{op}: sizes must not be negative, got {shape}")
    return shape


def _stream(op: str, rng: Rng) -> Rng:
    if not isinstance(rng, Rng):
        raise TypeError(f"{op}: rng must be a cr.Rng, got {type(rng).__name__}")
    return rng


def uniform(shape: Any = (), low: float = 0.0, high: float = 1.0, *, rng: Rng, dtype: Any = _core.float32,
            device: str = "cpu") -> Tensor:
    """Draws from U[low, high).   Book: appendix B"""
    shape = _shape("uniform", shape)
    u = _core._uniform(shape, *_stream("uniform", rng)._advance(math.prod(shape)), dtype, device)
    return u if low == 0 and high == 1 else low + (high - low) * u


def normal(shape: Any = (), mean: float = 0.0, std: float = 1.0, *, rng: Rng, dtype: Any = _core.float32,
           device: str = "cpu") -> Tensor:
    """Draws from N(mean, std²).   Book: appendix B"""
    shape = _shape("normal", shape)
    z = _core._normal(shape, *_stream("normal", rng)._advance(math.prod(shape)), dtype, device)
    return z if mean == 0 and std == 1 else mean + std * z


def bernoulli(p: Any, shape: Any = None, *, rng: Rng, dtype: Any = _core.float32,
              device: str | None = None) -> Tensor:
    """1 with probability p, else 0; p is a number, or a tensor that broadcasts to the shape.

    Errors  ValueError unless 0 <= p <= 1
    """
    if isinstance(p, Tensor):
        values = _core.stop_gradient(p).to("cpu").numpy()
        good, given = bool(((values >= 0) & (values <= 1)).all()), "other values"
        shape, device = p.shape if shape is None else shape, p.device
        p = _core.broadcast_to(p, _shape("bernoulli", shape))
    else:
        good, given = 0 <= p <= 1, p
    if not good:
        raise ValueError(f"bernoulli: p must lie in [0, 1], got {given}")
    return _core.astype(uniform(() if shape is None else shape, rng=rng, device=device or "cpu") < p, dtype)


def randint(low: int, high: int | None = None, shape: Any = (), *, rng: Rng, device: str = "cpu") -> Tensor:
    """Integers with equal probability from low ... high-1, or from 0 ... low-1; int64."""
    low, high = (0, low) if high is None else (low, high)
    if not -2**63 <= low < high <= 2**63 or high - low >= 2**63:
        raise ValueError("randint: needs low < high, less than 2**63 apart and in 64 bits, "
                         f"got {low} and {high}")
    shape = _shape("randint", shape)
    draw = _core._integers(shape, high - low, *_stream("randint", rng)._advance(math.prod(shape)), device)
    return draw + low


def categorical(logits: Tensor, *, rng: Rng, shape: Any = None) -> Tensor:
    """Classes drawn with probabilities softmax(logits) over the last axis: argmax(logits + Gumbel noise).

    Shapes  logits (..., K) -> (...,), or (*shape, ...) with `shape`
    """
    if logits.ndim < 1 or logits.shape[-1] == 0:
        raise _core.ShapeError(f"categorical: logits needs a last axis of classes, got shape {logits.shape}")
    full = (*_shape("categorical", () if shape is None else shape), *logits.shape)
    u = uniform(full, rng=rng, device=logits.device, dtype=_core.float64)
    gumbel = -_core.log(-_core.log(_core.maximum(u, 1e-300)))
    return _core.argmax(logits + gumbel, -1)


def permutation(n: int, *, rng: Rng) -> Tensor:
    """The integers 0 ... n-1 in random order; int64."""
    if n < 0:
        raise ValueError(f"permutation: n must not be negative, got {n}")
    keys = _core._integers((n,), 0, *_stream("permutation", rng)._advance(n))
    return _core.from_array(np.argsort(keys.numpy(), kind="stable"))
