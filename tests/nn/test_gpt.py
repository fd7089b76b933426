"""The decoder-only transformer: PyTorch's numbers, no look ahead, and what it generates."""
import chainrule as cr
import numpy as np
import pytest

from .oracle import assert_close, torch


def small(**options):
    return cr.models.GPT(11, 8, 2, 2, 12, **{"rng": cr.Rng(0), **options})


def tokens(*shape, seed=0):
    return np.random.default_rng(seed).integers(0, 11, shape)


def torch_scores(t, w, index, heads=2, tied=True):
    """The same net from PyTorch's functions."""
    F = t.nn.functional
    p = w["positions"].shape[1]
    h = w["tokens.weight"][index] + w["positions"][:index.shape[-1]]

    def norm(x, name):
        return F.layer_norm(x, (p,), w[f"{name}.weight"], w[f"{name}.bias"])

    for i in range(2):
        b = f"blocks.{i}"
        z = norm(h, f"{b}.norm1") @ w[f"{b}.attend.in_proj_weight"].T + w[f"{b}.attend.in_proj_bias"]
        q, k, v = (part.unflatten(-1, (heads, -1)).transpose(-2, -3) for part in z.chunk(3, -1))
        u = F.scaled_dot_product_attention(q, k, v, is_causal=True).transpose(-2, -3).flatten(-2)
        h = h + F.linear(u, w[f"{b}.attend.out_proj.weight"], w[f"{b}.attend.out_proj.bias"])
        a = F.linear(norm(h, f"{b}.norm2"), w[f"{b}.net.layers.0.weight"], w[f"{b}.net.layers.0.bias"])
        a = F.gelu(a)
        h = h + F.linear(a, w[f"{b}.net.layers.1.weight"], w[f"{b}.net.layers.1.bias"])
    return norm(h, "norm") @ w["tokens.weight" if tied else "head.weight"].T


@pytest.mark.parametrize("tied", [True, False])
def test_scores_and_gradients_are_those_of_pytorch(tied):
    t = torch()
    model = small(tied=tied).to(dtype=cr.float64)
    index = tokens(3, 8)
    value, grads = cr.value_and_grad(lambda m: m.loss(cr.tensor(index)))(model)
    w = {name: t.tensor(p.numpy(), requires_grad=True) for name, p in model.named_parameters().items()}
    assert set(grads) == set(w) and ("head.weight" in w) != tied
    z = torch_scores(t, w, t.tensor(index[:, :-1]), tied=tied)
    assert_close(model(cr.tensor(index[:, :-1])), z.detach(), 1e-9, 1e-10)
    loss = t.nn.functional.cross_entropy(z.flatten(0, 1), t.tensor(index[:, 1:]).flatten())
    loss.backward()
    assert_close(value, loss.detach(), 1e-10)
    for name, g in grads.items():
        assert_close(g, w[name].grad, 1e-8, 1e-10)


def test_the_scores_at_a_place_do_not_depend_on_later_tokens():
    model, a = small(), tokens(1, 8)
    b = a.copy()
    b[0, 5:] = (b[0, 5:] + 1) % 11
    za, zb = model(cr.tensor(a)).numpy(), model(cr.tensor(b)).numpy()
    assert_close(za[:, :5], zb[:, :5], 1e-6, 1e-6)
    assert np.abs(za[:, 5:] - zb[:, 5:]).max() > 1e-3


def test_the_loss_starts_near_that_of_a_fair_guess_and_one_step_lowers_it():
    model, index = small(), cr.tensor(tokens(4, 9))
    step = cr.value_and_grad(lambda m: m.loss(index))
    before, grads = step(model)
    assert abs(before.item() - np.log(11)) < 0.1
    cr.optim.Adam(model, alpha=1e-3).update(grads)
    assert step(model)[0].item() < before.item()


@pytest.mark.cpu("takes long on the emulator")
def test_it_learns_to_count_and_continues_beyond_its_context():
    """Tokens 0 1 2 ... 10 0 1 ...: the next one is certain."""
    model = small()
    adam = cr.optim.Adam(model, alpha=1e-2)
    step = cr.value_and_grad(lambda m, x: m.loss(x))
    for i in range(60):
        start = np.random.default_rng(i).integers(0, 11, (16, 1))
        adam.update(step(model, cr.tensor((start + np.arange(9)) % 11))[1])
    model.eval()
    start = cr.tensor([[3, 4], [9, 10]])
    wanted = (np.array([[3], [9]]) + np.arange(14)) % 11
    np.testing.assert_array_equal(model.generate(start, 12, temperature=0).numpy(), wanted)
    np.testing.assert_array_equal(model.generate(start, 12, top_k=1, rng=cr.Rng(0)).numpy(), wanted)


@pytest.mark.parametrize("steps", [5, 12])                      # within the context of 8, and beyond it
def test_kept_keys_and_values_change_no_token(steps):
    model = small().eval()
    index = cr.tensor(tokens(3, 3))
    wanted = index
    for _ in range(steps):
        z = model(wanted[..., -8:])[..., -1, :]
        wanted = cr.concat([wanted, cr.argmax(z, axis=-1)[..., None].astype(index.dtype)], axis=-1)
    np.testing.assert_array_equal(model.generate(index, steps, temperature=0).numpy(), wanted.numpy())


def test_scores_from_kept_keys_are_those_of_a_whole_pass():
    model, index = small().eval(), cr.tensor(tokens(2, 8))
    z, past = model.follow(index[:, :6])
    assert_close(z.numpy(), model(index[:, :6])[:, -1].numpy(), 1e-6, 1e-6)
    for T in (7, 8):
        z, past = model.follow(index[:, T - 1:T], past)
        assert_close(z.numpy(), model(index[:, :T])[:, -1].numpy(), 1e-6, 1e-6)
    with pytest.raises(cr.ShapeError, match="at most context 8 tokens, 8 of them before it"):
        model.follow(index[:, :1], past)
    with pytest.raises(cr.ShapeError, match=r"x \(2, 2, 12\) needs one position after a past"):
        model.follow(index[:, :2], [(k[..., :3, :], v[..., :3, :]) for k, v in past])


def test_tokens_are_drawn_from_the_softmax_of_the_k_best():
    from chainrule.models.gpt import choose
    z = cr.tensor(np.array([2.0, -1.0, 1.0, 0.5]))
    draws = choose(cr.broadcast_to(z, (20_000, 4)), 0.7, 3, cr.Rng(1)).numpy()
    kept = np.where(np.arange(4) == 1, -np.inf, z.numpy() / 0.7)
    p = np.exp(kept) / np.exp(kept).sum()
    error = np.bincount(draws, minlength=4) / 20_000 - p
    assert (np.abs(error) <= 4 * np.sqrt(p * (1 - p) / 20_000)).all()


def test_it_names_what_is_wrong():
    model = small()
    with pytest.raises(cr.ShapeError, match=r"GPT: index \(1, 9\) needs a last axis of at most context 8"):
        model(cr.tensor(tokens(1, 9)))
    with pytest.raises(IndexError):
        model(cr.tensor([[11]])).numpy()
    with pytest.raises(ValueError, match="temperature above 0 needs rng="):
        model.generate(cr.tensor([1]), 2)
    with pytest.raises(cr.ShapeError, match="at least one token"):
        model.generate(cr.zeros((1, 0), dtype=cr.int64), 2, rng=cr.Rng(0))
    with pytest.raises(ValueError, match="top_k must be a positive integer"):
        model.generate(cr.tensor([1]), 2, top_k=0, rng=cr.Rng(0))
    assert model.generate(cr.tensor([1, 2]), 0, rng=cr.Rng(0)).numpy().tolist() == [1, 2]
