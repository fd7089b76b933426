"""Attention, embedding and dropout as functions.   Book: §5.7, §7.1, §7.4, §7.5"""
from __future__ import annotations

from math import inf, sqrt

import chainrule as cr

from .. import _core, check
from .._core import Tensor


def attention_weights(q: Tensor, k: Tensor, *, mask: Tensor | None = None, causal: bool = False,
                      scale: float | None = None) -> Tensor:
    """α = softmax(q kᵀ / √m + mask) along the keys: what each query puts on each key.   Book: (7.20), (7.27)

    Shapes  q (..., T, m), k (..., S, m) -> α (..., T, S); masks as in scaled_dot_product_attention
    """
    if q.ndim < 2 or k.ndim < 2 or q.shape[-1] != k.shape[-1]:
        raise cr.ShapeError(f"attention: q {tuple(q.shape)} and k {tuple(k.shape)} need "
                            "q.shape[-1] == k.shape[-1] and a time axis")
    scale = 1 / sqrt(max(q.shape[-1], 1)) if scale is None else scale
    score = (q * scale) @ k.mT
    allowed = None
    if mask is not None and mask.dtype == cr.bool:
        allowed = mask
    elif mask is not None:
        if not mask.dtype.is_floating:
            raise cr.DTypeError(f"attention: mask must be boolean or floating, got {mask.dtype}")
        score = score + mask
    if causal:
        T, S = score.shape[-2:]
        earlier = cr.arange(T, device=q.device)[:, None] >= cr.arange(S, device=q.device)
        allowed = earlier if allowed is None else allowed & earlier
    # softmax gives 0, not NaN, to a query that may look nowhere
    return cr.softmax(score if allowed is None else cr.where(allowed, score, -inf))


def scaled_dot_product_attention(q: Tensor, k: Tensor, v: Tensor, mask: Tensor | None = None,
                                 causal: bool = False, dropout: float = 0.0, rng=None,
                                 scale: float | None = None) -> Tensor:
    """u = softmax(q kᵀ / √m) v: averages of the values, weighted by query and key.

    Book: §7.4, (7.21), (7.27)

    Shapes  q (..., T, m), k (..., S, m), v (..., S, m_v) -> u (..., T, m_v);  mask (..., T, S), broadcast
    Errors  ShapeError unless q and k agree in m, k and v in S
    Cost    without mask and dropout the weights are never stored: memory grows with T + S, not with T S
    Differs mask is boolean, True where a query may look, or floating and added to the scores; a query that
            may look nowhere gets 0; causal lets query t look at keys 0 to t
    """
    if k.ndim < 2 or v.ndim < 2 or k.shape[-2] != v.shape[-2]:
        raise cr.ShapeError(f"attention: k {tuple(k.shape)} and v {tuple(v.shape)} need "
                            "k.shape[-2] == v.shape[-2]")
    if mask is None and not dropout and q.ndim >= 2:
        scale = 1 / sqrt(max(q.shape[-1], 1)) if scale is None else scale
        return _core._attention(q, k, v, scale, causal)
    alpha = attention_weights(q, k, mask=mask, causal=causal, scale=scale)
    if dropout:
        alpha = cr_dropout(alpha, dropout, rng)
    return alpha @ v


def self_attention(z: Tensor, heads: int, *, causal: bool = False) -> Tensor:
    """Attention of q, k and v that lie side by side in the rows of z, by heads of p / heads columns each.

    Book: §7.5, (7.25), (7.26), before the map W_c

    Shapes  z (..., T, 3 p) -> (..., T, p)
    Errors  ShapeError unless p is a multiple of heads
    """
    check.positive("self_attention", heads=heads)
    width = z.shape[-1] // (3 * heads) if z.ndim else 0
    return _core._self_attention(z, heads, 1 / sqrt(max(width, 1)), causal)


def dropout(x: Tensor, p: float, rng) -> Tensor:
    """Each entry is 0 with probability p, else divided by 1 - p: the mean stays.   Book: §5.7, (5.47)

    Differs p is the probability of dropping, 1 - p_keep of the book
    """
    check.fraction("dropout", p=p)
    if p == 0:
        return x
    if p == 1:
        return cr.zeros_like(x)
    if rng is None:
        raise ValueError("dropout: p > 0 needs rng=")
    keep = cr.uniform(x.shape, rng=rng, device=x.device) >= p
    return cr.where(keep, x * (1 / (1 - p)), 0.0)


cr_dropout = dropout            # where an argument is called dropout


def embedding(index: Tensor, weight: Tensor, padding_index: int | None = None) -> Tensor:
    """Rows of a table: y[...] = weight[index[...]], the product of a one-hot vector and the table.

    Book: §7.1

    Shapes  index (...) integers, weight (n, p) -> (..., p); the row padding_index gets no gradient
    """
    if weight.ndim != 2:
        raise cr.ShapeError(f"embedding: weight {tuple(weight.shape)} needs to be a table (n, p)")
    if index.dtype.is_floating or index.dtype == cr.bool:
        raise cr.DTypeError(f"embedding: index must be an integer tensor, got {index.dtype}; "
                            "use .astype(cr.int64)")
    if index.size and (low := cr.min(index).item()) < 0:
        raise IndexError(f"embedding: index {low} needs 0 <= index < {weight.shape[0]}")
    rows = cr.take(weight, index, axis=0)
    if padding_index is None:
        return rows
    return cr.where((index == padding_index)[..., None], cr.stop_gradient(rows), rows)
