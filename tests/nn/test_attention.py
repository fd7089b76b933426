"""Attention and transformer blocks against PyTorch, against loops and the book's counts."""
import chainrule as cr
import numpy as np
import pytest

from .oracle import assert_close, draw, torch

nn = cr.nn
rng = cr.Rng(0)


def softmax(z):
    e = np.exp(z - z.max(-1, keepdims=True))
    return e / e.sum(-1, keepdims=True)


def renamed(state, names):
    """A state with other beginnings of its names."""
    for old, new in names.items():
        state = {new + name[len(old):] if name.startswith(old) else name: x for name, x in state.items()}
    return state


@pytest.mark.parametrize("mode", ["plain", "causal", "boolean", "additive"])
def test_attention_equals_pytorchs_and_a_loop(mode):
    t = torch()
    q, k, v = draw(2, 3, 5, 4), draw(2, 3, 5, 4, seed=1), draw(2, 3, 5, 6, seed=2)
    masks = {"boolean": np.random.default_rng(0).random((5, 5)) < 0.7, "additive": draw(5, 5, seed=3)}
    mask = masks.get(mode)
    if mode == "boolean":
        mask[:, 0] = True
    u_t = t.nn.functional.scaled_dot_product_attention(
        *map(t.tensor, (q, k, v)), None if mask is None else t.tensor(mask), is_causal=mode == "causal")
    u = cr.scaled_dot_product_attention(*map(cr.tensor, (q, k, v)), None if mask is None else cr.tensor(mask),
                                        mode == "causal")
    assert_close(u, u_t)
    score = np.einsum("...tm,...sm->...ts", q, k) / 2
    if mode == "additive":
        score = score + mask
    allowed = {"causal": np.tri(5, dtype=bool), "boolean": mask}.get(mode, np.ones((5, 5), bool))
    alpha = softmax(np.where(allowed, score, -np.inf))
    assert_close(u, alpha @ v)
    ours = cr.attention_weights(cr.tensor(q), cr.tensor(k), causal=mode == "causal",
                                mask=None if mask is None else cr.tensor(mask))
    assert_close(ours, alpha)
    assert not np.asarray(ours)[..., ~allowed].any()


def test_a_query_that_may_look_nowhere_gets_zero_and_no_nan():
    q, mask = cr.tensor(draw(3, 4)), cr.tensor([[True, False, False], [False] * 3, [True] * 3])
    f = lambda q: cr.scaled_dot_product_attention(q, q, q, mask)              # noqa: E731
    u, pulled = cr.vjp(f, q, cr.ones((3, 4)))
    assert not np.asarray(u[1]).any() and np.isfinite(pulled).all()


@pytest.mark.parametrize("options", [{}, {"bias": False}, {"kdim": 5, "vdim": 6}], ids=str)
def test_a_layer_equals_pytorchs_with_the_same_state(options):
    t = torch()
    t.manual_seed(0)
    theirs = t.nn.MultiheadAttention(8, 2, batch_first=True, **options)
    for parameter in theirs.parameters():
        t.nn.init.normal_(parameter, std=0.3)
    names = {"bias": "bias", "kdim": "k_in", "vdim": "v_in"}
    model = nn.MultiHeadAttention(8, 2, rng=rng, **{names[name]: value for name, value in options.items()})
    model.load_state_dict(theirs.state_dict())
    assert set(model.state_dict()) == set(theirs.state_dict())
    x, k = draw(3, 5, 8), draw(3, 7, options.get("kdim", 8), seed=1)
    v = draw(3, 7, options.get("vdim", 8), seed=2)
    u_t, alpha_t = theirs(*map(t.tensor, (x, k, v)), average_attn_weights=False)
    u, alpha = model(*map(cr.tensor, (x, k, v)), weights=True)
    assert_close(u, u_t.detach())
    assert_close(alpha, alpha_t.detach())
    assert_close(model(*map(cr.tensor, (x, k, v))), u)
    if "kdim" not in options:
        causal_t = theirs(*[t.tensor(x)] * 3, attn_mask=~t.tensor(np.tri(5, dtype=bool)))[0]
        assert_close(model(cr.tensor(x), causal=True), causal_t.detach())
        there = np.arange(5) < np.array([5, 2, 3])[:, None]                       # padding of each sequence
        padded_t = theirs(*[t.tensor(x)] * 3, key_padding_mask=~t.tensor(there))[0]
        assert_close(model(cr.tensor(x), mask=cr.tensor(there[:, None, :])), padded_t.detach())


def test_a_layer_is_the_sum_over_heads_of_the_book():
    """(7.25), (7.26): u_t = Σ_h W_c^h Σ_τ α_τ^h W_v^h x_τ"""
    model = nn.MultiHeadAttention(6, 3, bias=False, rng=rng)
    x = draw(4, 6)
    W_q, W_k, W_v = np.split(np.asarray(model.in_proj_weight), 3)
    W_c, u = np.asarray(model.out_proj.weight), np.zeros((4, 6))
    for h in range(3):
        rows = slice(2 * h, 2 * h + 2)
        for t in range(4):
            score = [(W_q[rows] @ x[t]) @ (W_k[rows] @ x[s]) / np.sqrt(2) for s in range(4)]
            alpha = softmax(np.array(score))
            u[t] += W_c[:, rows] @ sum(alpha[s] * (W_v[rows] @ x[s]) for s in range(4))
    assert_close(model(cr.tensor(x)), u)


def test_attention_without_positions_commutes_with_permutations():
    model, order = nn.MultiHeadAttention(8, 2, rng=rng), [3, 1, 0, 2]
    x = draw(4, 8)
    assert_close(model(cr.tensor(x[order])), np.asarray(model(cr.tensor(x)))[order])


@pytest.mark.parametrize("norm_first", [False, True])
def test_a_block_equals_pytorchs_encoder_layer(norm_first):
    t = torch()
    theirs = t.nn.TransformerEncoderLayer(8, 2, 16, dropout=0.0, batch_first=True, norm_first=norm_first)
    model = nn.TransformerBlock(8, 2, 16, norm_first=norm_first, rng=rng)
    names = {"self_attn.": "attend.", "linear1.": "net.layers.0.", "linear2.": "net.layers.1."}
    model.load_state_dict(renamed(theirs.state_dict(), names))
    x = draw(3, 5, 8)
    assert_close(model(cr.tensor(x)), theirs(t.tensor(x)).detach(), 1e-4)


@pytest.mark.parametrize("norm_first", [False, True])
def test_a_decoder_block_equals_pytorchs(norm_first):
    t = torch()
    theirs = t.nn.TransformerDecoderLayer(8, 2, 16, dropout=0.0, batch_first=True, norm_first=norm_first)
    model = nn.TransformerDecoderBlock(8, 2, 16, norm_first=norm_first, rng=rng)
    names = {"self_attn.": "attend.", "multihead_attn.": "cross.", "linear1.": "net.layers.0.",
             "linear2.": "net.layers.1."}
    model.load_state_dict(renamed(theirs.state_dict(), names))
    x, code = draw(3, 5, 8), draw(3, 6, 8, seed=1)
    causal = ~t.tensor(np.tri(5, dtype=bool))
    assert_close(model(cr.tensor(x), cr.tensor(code)),
                 theirs(t.tensor(x), t.tensor(code), tgt_mask=causal).detach(), 1e-4)


def test_a_causal_block_does_not_look_ahead():
    model = nn.TransformerBlock(8, 2, 16, rng=rng)
    x = draw(6, 8)
    changed = x.copy()
    changed[4:] += 1
    a, b = model(cr.tensor(x), causal=True), model(cr.tensor(changed), causal=True)
    assert_close(a[:4], b[:4])
    assert np.abs(np.asarray(a)[4:] - np.asarray(b)[4:]).max() > 0.1


def test_blocks_have_the_books_numbers_of_parameters():
    """(7.32): 3,150,336 for p = 512, N_1 = 2048, H = 8; the decoder's block 4,199,936."""
    block = nn.TransformerBlock(512, 8, 2048, attention_bias=False, rng=rng)
    assert block.parameter_count() == 3_150_336
    block = nn.TransformerDecoderBlock(512, 8, 2048, attention_bias=False, rng=rng)
    assert block.parameter_count() == 4_199_936


def test_sinusoidal_positions_have_the_books_numbers():
    """(7.29): p = 768, lengths² p/2, neighbours' products 373.770173 for all t."""
    r = np.asarray(nn.sinusoidal_positions(50, 768), np.float64)
    assert_close(r[0, :4], [0.841471, 0.540302, 0.828431, 0.560091], 1e-5)
    assert_close((r * r).sum(1), np.full(50, 384.0), 1e-5)
    assert_close((r[1:] * r[:-1]).sum(1), np.full(49, 373.770173), 1e-5)


def test_dropout_in_a_block_is_off_in_eval_mode():
    model = nn.TransformerBlock(8, 2, 16, dropout=0.3, rng=cr.Rng(3))
    x = cr.tensor(draw(5, 8))
    assert not np.array_equal(model(x), model(x))
    model.eval()
    assert np.array_equal(model(x), model(x))
