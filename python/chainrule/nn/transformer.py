"""Transformer blocks and positions.   Book: §7.5"""
from __future__ import annotations

import chainrule as cr

from .. import check
from .._core import Tensor
from .attention import MultiHeadAttention, Past
from .dropout import Dropout
from .linear import MLP
from .module import Module
from .norm import LayerNorm


class TransformerBlock(Module):
    """Self attention, then a small net at each position; each with a residual and a norm.

    Book: §7.5, (7.31)

    Shapes  x (..., T, p) -> (..., T, p)
    Start   as MultiHeadAttention, MLP and LayerNorm
    Differs norm_first=True takes the norm before each part, inside the residual; the book's norm comes after
    """
    def __init__(self, p: int, heads: int, hidden: int, *, norm_first: bool = False, dropout: float = 0.0,
                 activation: str = "relu", attention_bias: bool = True, rng) -> None:
        self.norm_first = norm_first
        self.attend = MultiHeadAttention(p, heads, attention_bias, dropout=dropout, rng=rng)
        self.norm1 = LayerNorm(p)
        self.net = MLP(p, hidden, p, activation=activation, rng=rng)
        self.norm2 = LayerNorm(p)
        self.drop = Dropout(dropout, rng=rng if dropout else None)

    def __call__(self, x: Tensor, *, mask: Tensor | None = None, causal: bool = False) -> Tensor:
        return self._after(x, self.attend(self._before(x), mask=mask, causal=causal))

    def extend(self, x: Tensor, past: Past | None = None) -> tuple[Tensor, Past]:
        """As MultiHeadAttention.extend: positions after those of `past`, and all keys and values so far."""
        a, past = self.attend.extend(self._before(x), past)
        return self._after(x, a), past

    def _before(self, x: Tensor) -> Tensor:
        return self.norm1(x) if self.norm_first else x

    def _after(self, x: Tensor, a: Tensor) -> Tensor:
        if self.norm_first:
            u = x + self.drop(a)
            return u + self.drop(self.net(self.norm2(u)))
        u = self.norm1(x + self.drop(a))                                               # (..., T, p)
        return self.norm2(u + self.drop(self.net(u)))                                  # (..., T, p)


class TransformerDecoderBlock(Module):
    """Causal self attention, attention on the encoder's code, a small net: residual and norm each.

    Book: §7.5, (7.33)

    Shapes  x (..., T, p), code (..., S, p) -> (..., T, p)
    Start   as MultiHeadAttention, MLP and LayerNorm
    Differs norm_first=True takes the norm before each part, inside the residual; the book's norm comes after
    """
    def __init__(self, p: int, heads: int, hidden: int, *, norm_first: bool = False, dropout: float = 0.0,
                 activation: str = "relu", attention_bias: bool = True, rng) -> None:
        self.norm_first = norm_first
        self.attend = MultiHeadAttention(p, heads, attention_bias, dropout=dropout, rng=rng)
        self.norm1 = LayerNorm(p)
        self.cross = MultiHeadAttention(p, heads, attention_bias, dropout=dropout, rng=rng)
        self.norm2 = LayerNorm(p)
        self.net = MLP(p, hidden, p, activation=activation, rng=rng)
        self.norm3 = LayerNorm(p)
        self.drop = Dropout(dropout, rng=rng if dropout else None)

    def __call__(self, x: Tensor, code: Tensor, *, mask: Tensor | None = None,
                 code_mask: Tensor | None = None, causal: bool = True) -> Tensor:
        if self.norm_first:
            u = x + self.drop(self.attend(self.norm1(x), mask=mask, causal=causal))
            w = u + self.drop(self.cross(self.norm2(u), code, mask=code_mask))
            return w + self.drop(self.net(self.norm3(w)))
        u = self.norm1(x + self.drop(self.attend(x, mask=mask, causal=causal)))        # (..., T, p)
        w = self.norm2(u + self.drop(self.cross(u, code, mask=code_mask)))             # (..., T, p)
        return self.norm3(w + self.drop(self.net(w)))                                  # (..., T, p)


def sinusoidal_positions(T: int, p: int, base: float = 10_000.0, start: int = 1) -> Tensor:
    """r[t, 2i] = sin(t / base^(2i/p)),  r[t, 2i+1] = cos(t / base^(2i/p)), t from `start`.

    Book: §7.5, (7.29)

    Shapes  -> (T, p), p even
    """
    check.positive("sinusoidal_positions", T=T, p=p)
    check.divides("sinusoidal_positions", "2", 2, "p", p)
    t = cr.arange(start, start + T, dtype=cr.float64)[:, None]
    i = cr.arange(p // 2, dtype=cr.float64)[None, :]
    angle = t / base ** (2 * i / p)                                                    # (T, p / 2)
    return cr.stack([cr.sin(angle), cr.cos(angle)], axis=-1).reshape((T, p)).astype(cr.float32)
