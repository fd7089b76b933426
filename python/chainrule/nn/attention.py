"""Multi-head attention.   Book: §7.4, §7.5"""
from __future__ import annotations

from typing import Any

import chainrule as cr

from .. import check
from .._core import Tensor
from ..functional.attention import (
    attention_weights,
    dropout,
    scaled_dot_product_attention,
    self_attention,
)
from . import init
from .linear import Linear
from .module import Module

Past = tuple[Tensor, Tensor]                     # keys and values of the positions before, (..., heads, S, m)


class MultiHeadAttention(Module):
    """u = Σ_h W_c^h Σ_τ α_τ^h W_v^h v_τ, α^h = softmax of W_q^h q · W_k^h k / √m over τ.

    Book: §7.5, (7.25), (7.26)

    Shapes  q (..., T, p), k (..., S, k_in), v (..., S, v_in) -> u (..., T, p); k is q, v is k if not given;
            in_proj_weight (3 p, p) holds W_q, W_k, W_v for all heads, m = p / heads rows each, or
            q_proj_weight, k_proj_weight (p, k_in), v_proj_weight (p, v_in) where k_in or v_in differ from p;
            in_proj_bias (3 p,); out_proj.weight (p, p) holds W_c for all heads side by side
    Start   in_proj ~ Glorot uniform, out_proj ~ N(0, 1 / p), biases 0
    Differs mask is True where a query may look (or floating, added to the scores); PyTorch's layer has the
            opposite. The heads of self attention share one product X W_inᵀ
    """
    def __init__(self, p: int, heads: int, bias: bool = True, k_in: int | None = None,
                 v_in: int | None = None, dropout: float = 0.0, *, rng) -> None:
        op = "MultiHeadAttention"
        k_in, v_in = p if k_in is None else k_in, p if v_in is None else v_in
        check.positive(op, p=p, heads=heads, k_in=k_in, v_in=v_in)
        check.divides(op, "heads", heads, "p", p)
        check.fraction(op, dropout=dropout)
        self.p, self.heads, self.dropout = p, heads, dropout
        self.rng = rng if dropout else None
        self.joint = k_in == v_in == p
        if self.joint:
            self.in_proj_weight = init.glorot_uniform((3 * p, p), rng=rng)
        else:
            self.q_proj_weight = init.glorot_uniform((p, p), rng=rng)
            self.k_proj_weight = init.glorot_uniform((p, k_in), rng=rng)
            self.v_proj_weight = init.glorot_uniform((p, v_in), rng=rng)
        self.in_proj_bias = cr.zeros((3 * p,)) if bias else None
        self.out_proj = Linear(p, p, bias, rng=rng)
        self.out_proj.weight = init.xavier_normal((p, p), rng=rng)

    def __call__(self, q: Tensor, k: Tensor | None = None, v: Tensor | None = None, *,
                 mask: Tensor | None = None, causal: bool = False, weights: bool = False) -> Any:
        """u, or (u, α) with α (..., heads, T, S) if weights; mask (..., T, S) or (..., heads, T, S)."""
        alone = self.joint and (k is None or k is q) and (v is None or v is q)
        if alone and mask is None and not weights and not (self.dropout and self.training):
            return self.out_proj(self_attention(self._joint(q), self.heads, causal=causal))
        q, k, v = self.projected(q, k, v)                            # (..., heads, T or S, m)
        if mask is not None and 2 < mask.ndim < q.ndim:
            mask = cr.expand_dims(mask, axis=-3)                     # one mask for all heads
        if not weights:
            return self._summed(q, k, v, mask, causal)
        p_drop = self.dropout if self.training else 0.0
        alpha = attention_weights(q, k, mask=mask, causal=causal)
        u = (dropout(alpha, p_drop, self.rng) if p_drop else alpha) @ v
        return self.out_proj(_join(u)), alpha

    def extend(self, x: Tensor, past: Past | None = None) -> tuple[Tensor, Past]:
        """Causal self attention of x (..., T, p), whose positions come after those of `past`; u and all keys
        and values so far. T = 1 where there is a past: that position sees all of it."""
        q, k, v = self.projected(x, None, None)
        if past is not None:
            if x.shape[-2] != 1:
                raise cr.ShapeError(f"MultiHeadAttention: x {tuple(x.shape)} needs one position after a past")
            k, v = cr.concat([past[0], k], axis=-2), cr.concat([past[1], v], axis=-2)
        return self._summed(q, k, v, None, past is None), (k, v)

    def _summed(self, q: Tensor, k: Tensor, v: Tensor, mask: Tensor | None, causal: bool) -> Tensor:
        p_drop = self.dropout if self.training else 0.0
        return self.out_proj(_join(scaled_dot_product_attention(q, k, v, mask, causal, p_drop, self.rng)))

    def projected(self, q: Tensor, k: Tensor | None, v: Tensor | None) -> list[Tensor]:
        """W_q q, W_k k and W_v v, split into heads."""
        k = q if k is None else k
        v = k if v is None else v
        b = self.in_proj_bias
        p = self.p
        if self.joint and q is k is v:
            z = self._joint(q)
            return [_split(z[..., i * p:(i + 1) * p], self.heads) for i in range(3)]
        if self.joint:
            W = [self.in_proj_weight[i * p:(i + 1) * p] for i in range(3)]
        else:
            W = [self.q_proj_weight, self.k_proj_weight, self.v_proj_weight]
        parts = []
        for i, (name, x, w) in enumerate(zip("qkv", (q, k, v), W, strict=True)):
            _width(name, x, w.shape[1])
            z = x @ w.T
            parts.append(_split(z if b is None else z + b[i * p:(i + 1) * p], self.heads))
        return parts

    def _joint(self, q: Tensor) -> Tensor:
        """W_q q, W_k q and W_v q side by side, (..., T, 3 p)."""
        _width("q", q, self.p)
        return cr.linear(q, self.in_proj_weight, self.in_proj_bias)

    def multiply_adds(self, x: Tensor, y: Any) -> int:
        """Of self attention: projections 3 T p², scores and averages 2 T² p; out_proj counts for itself."""
        T = x.shape[-2]
        return 3 * x.size * self.p + 2 * T * x.size


def _split(z: Tensor, heads: int) -> Tensor:
    """(..., T, heads m) -> (..., heads, T, m)"""
    z = z.reshape((*z.shape[:-1], heads, z.shape[-1] // heads))
    n = z.ndim
    return cr.permute_dims(z, (*range(n - 3), n - 2, n - 3, n - 1))


def _join(u: Tensor) -> Tensor:
    """(..., heads, T, m) -> (..., T, heads m)"""
    n = u.ndim
    u = cr.permute_dims(u, (*range(n - 3), n - 2, n - 3, n - 1))
    return u.reshape((*u.shape[:-2], u.shape[-2] * u.shape[-1]))


def _width(name: str, x: Tensor, width: int) -> None:
    if x.ndim < 2 or x.shape[-1] != width:
        raise cr.ShapeError(f"MultiHeadAttention: {name} {tuple(x.shape)} needs a time axis and "
                            f"{name}.shape[-1] == {width}")
