"""Attention, dropout and embedding."""
import chainrule as cr
import numpy as np
from scipy.special import softmax

from .checks import integers, normal


def weights(q, k, allowed=None, added=0.0, scale=None):
    """A loop-free softmax of the scores; a row of nothing allowed is 0."""
    score = q @ np.swapaxes(k, -1, -2) * (q.shape[-1] ** -0.5 if scale is None else scale) + added
    if allowed is None:
        return softmax(score, -1)
    score = np.where(allowed, score, -np.inf)
    none = ~np.broadcast_to(allowed, score.shape).any(-1, keepdims=True)
    return np.where(none, 0, softmax(np.where(none, 0, score), -1))


def attention(q, k, v, *args, **options):
    return weights(q, k, *args, **options) @ v


def dropped(x, p, seed):
    return np.where(cr.uniform(x.shape, rng=cr.Rng(seed)).numpy() >= p, x / (1 - p), 0)


def self_attention(z, heads, allowed=None):
    def split(x):
        return np.swapaxes(x.reshape(*x.shape[:-1], heads, -1), -2, -3)
    u = attention(*map(split, np.split(z, 3, axis=-1)), allowed)
    return np.swapaxes(u, -2, -3).reshape(*z.shape[:-1], -1)


SEEN = np.array([[1, 0, 1, 1], [0, 0, 0, 0], [0, 1, 0, 0]], bool)       # the second query may look nowhere
attend = cr.scaled_dot_product_attention
Q, K, V = normal(2, 3, 5), normal(2, 4, 5), normal(2, 4, 6)
CASES = {
    "attention_weights": (cr.attention_weights, weights, [Q, K]),
    "attention_weights_causal": (lambda q, k: cr.attention_weights(q, k, causal=True),
                                 lambda q, k: weights(q, k, np.tri(q.shape[-2], k.shape[-2], dtype=bool)),
                                 [normal(4, 3), normal(4, 3)], {"units": (16, "a product, then a softmax of it")}),
    "scaled_dot_product_attention": (attend, attention, [Q, K, V]),
    "scaled_dot_product_attention_mask": (lambda q, k, v: attend(q, k, v, cr.tensor(SEEN)),
                                          lambda q, k, v: attention(q, k, v, SEEN), [Q, K, V]),
    "scaled_dot_product_attention_added": (attend,
                                           lambda q, k, v, m: attention(q, k, v, None, m), [Q, K, V, normal(3, 4)]),
    "scaled_dot_product_attention_both": (
        lambda q, k, v: attend(q, k, v, cr.tensor(SEEN), causal=True),
        lambda q, k, v: attention(q, k, v, SEEN & np.tri(3, 4, dtype=bool)), [Q, K, V]),
    "scaled_dot_product_attention_scale": (lambda q, k, v: attend(q, k, v, scale=0.3),
                                           lambda q, k, v: attention(q, k, v, scale=0.3), [Q, K, V]),
    "scaled_dot_product_attention_heads": (attend, attention,          # one key for all heads
                                           [normal(2, 3, 4, 5), normal(2, 1, 6, 5), normal(2, 1, 6, 2)]),
    "scaled_dot_product_attention_tiles": (attend, attention, [normal(9, 5), normal(11, 5), normal(11, 3)]),
    "scaled_dot_product_attention_tiles_causal": (lambda q, k, v: attend(q, k, v, causal=True),
                                                  lambda q, k, v: attention(q, k, v, np.tri(10, 8, dtype=bool)),
                                                  [normal(2, 10, 3), normal(2, 8, 3), normal(2, 8, 4)]),
    "scaled_dot_product_attention_tiles_few_keys": (lambda q, k, v: attend(q, k, v, causal=True, scale=0.7),
                                                    lambda q, k, v: attention(q, k, v, np.tri(9, 2, dtype=bool), scale=0.7),
                                                    [normal(9, 2), normal(2, 2), normal(2, 1)]),
    "scaled_dot_product_attention_tiles_shared": (attend, attention,      # one key for all heads
                                                  [normal(2, 3, 8, 2), normal(2, 1, 4, 2), normal(1, 1, 4, 3)]),
    "scaled_dot_product_attention_dropout": (
        lambda q, k, v: attend(q, k, v, dropout=0.4, rng=cr.Rng(5)),
        lambda q, k, v: dropped(weights(q, k), 0.4, 5) @ v, [Q, K, V]),
    "dropout": (lambda x: cr.dropout(x, 0.3, cr.Rng(0)), lambda x: dropped(x, 0.3, 0), [normal(4, 5)]),
    "dropout_none": (lambda x: cr.dropout(x, 0.0, None), np.copy, [normal(4, 5)]),
    "dropout_all": (lambda x: cr.dropout(x, 1.0, None), np.zeros_like, [normal(4, 5)]),
    "embedding": (cr.embedding, lambda i, w: w[i], [integers(0, 4, 2, 3), normal(4, 5)]),
    "embedding_scalar": (cr.embedding, lambda i, w: w[i], [np.array(2), normal(4, 5)]),
    "self_attention": (lambda z: cr.self_attention(z, 2), lambda z: self_attention(z, 2), [normal(2, 9, 12)]),
    "self_attention_causal": (lambda z: cr.self_attention(z, 3, causal=True),
                              lambda z: self_attention(z, 3, np.tri(8, dtype=bool)), [normal(2, 1, 8, 9)]),
    "self_attention_few": (lambda z: cr.self_attention(z, 2), lambda z: self_attention(z, 2), [normal(3, 6)]),
}

CORNERS = {
    "scaled_dot_product_attention_no_keys": (attend, lambda q, k, v: np.zeros((3, 2)),
                                             [normal(3, 5), np.zeros((0, 5)), np.zeros((0, 2))]),
    "scaled_dot_product_attention_infinite_mask": (
        lambda q, k, v: attend(q, k, v, cr.tensor(np.where(SEEN, 0, -np.inf)).astype(q.dtype)),
        lambda q, k, v: attention(q, k, v, SEEN), [Q, K, V]),
    "scaled_dot_product_attention_tiles_no_keys": (attend, lambda q, k, v: np.zeros((9, 2)),
                                                   [normal(9, 5), np.zeros((0, 5)), np.zeros((0, 2))]),
    "scaled_dot_product_attention_tiles_no_width": (attend, lambda q, k, v: np.broadcast_to(v.mean(0), (9, 2)),
                                                    [np.zeros((9, 0)), np.zeros((4, 0)), normal(4, 2)]),
    "scaled_dot_product_attention_tiles_none": (attend, lambda q, k, v: np.zeros((0, 9, 2)),
                                                [np.zeros((0, 9, 5)), np.zeros((0, 4, 5)), np.zeros((0, 4, 2))]),
    "scaled_dot_product_attention_tiles_huge": (attend, attention,
                                                [1e3 * normal(9, 5), normal(11, 5), normal(11, 3)]),
    "self_attention_none": (lambda z: cr.self_attention(z, 2), lambda z: np.zeros((0, 9, 4)), [np.zeros((0, 9, 12))]),
    "attention_weights_huge": (cr.attention_weights, weights, [1e4 * Q, K]),
    "embedding_padding": (lambda i, w: cr.embedding(i, w, 1), lambda i, w: w[i], [integers(0, 4, 5), normal(4, 2)]),
    "embedding_none": (cr.embedding, lambda i, w: w[i], [np.zeros((0, 3), int), normal(4, 2)]),
}

X, W = cr.zeros((2, 3)), cr.zeros((4, 2))
ERRORS = {
    "attention_weights_width": (lambda: cr.attention_weights(X, cr.zeros((2, 4))), cr.ShapeError,
                                r"attention: q \(2, 3\) and k \(2, 4\) need q.shape\[-1\] == k.shape\[-1\] and a "
                                "time axis"),
    "attention_weights_mask": (lambda: cr.attention_weights(X, X, mask=cr.ones((2, 2), dtype=cr.int32)), cr.DTypeError,
                               "attention: mask must be boolean or floating, got int32"),
    "scaled_dot_product_attention_values": (lambda: attend(X, X, cr.zeros((3, 3))), cr.ShapeError,
                                            r"attention: k \(2, 3\) and v \(3, 3\) need k.shape\[-2\] == v.shape\[-2\]"),
    "dropout_rng": (lambda: cr.dropout(X, 0.5, None), ValueError, "dropout: p > 0 needs rng="),
    "dropout_p": (lambda: cr.dropout(X, 1.5, cr.Rng(0)), ValueError, "dropout: p .*1.5.*"),
    "embedding_dtype": (lambda: cr.embedding(X, W), cr.DTypeError,
                        "embedding: index must be an integer tensor, got float32; use .astype\\(cr.int64\\)"),
    "embedding_negative": (lambda: cr.embedding(cr.tensor([0, -1]), W), IndexError,
                           "embedding: index -1 needs 0 <= index < 4"),
    "embedding_index": (lambda: cr.embedding(cr.tensor([0, 4]), W), IndexError, ".*index 4 .*"),
    "embedding_table": (lambda: cr.embedding(cr.tensor([0]), cr.zeros(3)), cr.ShapeError,
                        r"embedding: weight \(3,\) needs to be a table \(n, p\)"),
    "self_attention_width": (lambda: cr.self_attention(cr.zeros((2, 8)), 2), cr.ShapeError,
                             r"self_attention: z \(2, 8\) needs shape \(..., T, 3 p\), p a multiple of heads 2"),
    "self_attention_heads": (lambda: cr.self_attention(X, 0), ValueError, "self_attention: heads .*0.*"),
}
