"""Attention in tiles against the whole matrix of weights in NumPy, in float64."""
import itertools

import chainrule as cr
import numpy as np
import pytest
from scipy.special import softmax

SHAPES = [(8, 8, 4, 4), (84, 256, 16, 16), (85, 257, 17, 33), (170, 300, 64, 64), (300, 90, 32, 5),
          (97, 1, 3, 2), (333, 700, 16, 16), (700, 333, 16, 20)]


def exact(q, k, v, d, causal):
    score = q @ k.transpose(0, 2, 1) / np.sqrt(q.shape[-1])
    if causal:
        score = np.where(np.tri(*score.shape[-2:], dtype=bool), score, -np.inf)
    alpha = softmax(score, -1)
    flip = (0, 2, 1)
    y = alpha @ v
    slope = d @ v.transpose(flip)
    slope = alpha * (slope - (alpha * slope).sum(-1, keepdims=True)) / np.sqrt(q.shape[-1])
    return y, slope @ k, slope.transpose(flip) @ q, alpha.transpose(flip) @ d


@pytest.mark.parametrize("shape, causal, dtype",
                         list(itertools.product(SHAPES, (False, True), ("float32", "float64"))))
def test_values_and_all_slopes_agree_with_the_stored_weights(shape, causal, dtype, heads=3):
    T, S, m, n = shape
    make = np.random.default_rng(T)
    q, k, v, d = (make.normal(size=(heads, *s)).astype(dtype)
                  for s in ((T, m), (S, m), (S, n), (T, n)))
    want = exact(*(x.astype("float64") for x in (q, k, v, d)), causal)
    y, grads = cr.vjp(lambda *x: cr.scaled_dot_product_attention(*x, causal=causal),
                      tuple(map(cr.asarray, (q, k, v))), cr.asarray(d))
    for got, exactly in zip((y, *grads), want, strict=True):
        # sums of up to 300 products: some 30 units in the last place of the largest number, or of the terms
        # (of size 1) where these cancel
        room = 30 * np.finfo(dtype).eps * max(1, np.abs(exactly).max())
        np.testing.assert_allclose(got.numpy(), exactly, rtol=0, atol=room)


@pytest.mark.parametrize("causal", [False, True])
def test_many_heads_with_blocks_of_several_panels_agree_as_well(causal):
    test_values_and_all_slopes_agree_with_the_stored_weights((150, 270, 16, 8), causal, "float32", heads=40)


@pytest.mark.parametrize("causal", [False, True])
@pytest.mark.parametrize("heads", [1, 5, 40])
def test_the_number_of_threads_changes_no_bit(heads, causal):
    q, k, v = (cr.normal((heads, 330, 24), rng=cr.Rng(i)) for i in range(3))

    def all_of():
        y, grads = cr.vjp(lambda *x: cr.scaled_dot_product_attention(*x, causal=causal), (q, k, v), q)
        return [t.numpy().copy() for t in (y, *grads)]
    before = cr.num_threads()
    try:
        cr.set_num_threads(1)
        one = all_of()
        cr.set_num_threads(2)
        two = all_of()
    finally:
        cr.set_num_threads(before)
    for a, b in zip(one, two, strict=True):
        np.testing.assert_array_equal(a, b)


def test_a_nan_stays_with_the_query_that_saw_it():
    q, k, v = (np.random.default_rng(i).normal(size=(20, 8)).astype("float32") for i in range(3))
    q[3, 2] = np.nan
    y = cr.scaled_dot_product_attention(*map(cr.asarray, (q, k, v))).numpy()
    assert np.isnan(y[3]).all() and np.isfinite(np.delete(y, 3, 0)).all()


@pytest.mark.parametrize("ill", [np.nan, np.inf, -np.inf])
def test_an_ill_key_reaches_only_the_queries_that_see_it(ill):
    q, k, v = (np.random.default_rng(i).normal(size=(200, 8)).astype("float32") for i in range(3))
    q[:, 0], k[150, 0] = 1, ill                                     # each score with that key is ill as well
    y = cr.scaled_dot_product_attention(*map(cr.asarray, (q, k, v)), causal=True).numpy()
    assert np.isfinite(y[:150]).all()
    assert (np.isfinite if ill == -np.inf else np.isnan)(y[150:]).all()


def test_scores_that_are_all_infinitely_low_give_zero():
    q, k, v = (np.random.default_rng(i).normal(size=(200, 8)).astype("float32") for i in range(3))
    q[:, 0], k[:, 0] = 1, -np.inf
    np.testing.assert_array_equal(cr.scaled_dot_product_attention(*map(cr.asarray, (q, k, v))).numpy(), 0)
