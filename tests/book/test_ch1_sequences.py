"""§1.2: recurrent layers and attention, the nets for sequences that chapter 1 names."""
import chainrule as cr
import numpy as np
import pytest
from chainrule import nn, numeric

from .nets import double, gradient_error, normal, sigmoid, softmax, step_lowers

book = pytest.mark.book


# ---- recurrent layers

def rnn_loop(model, x):
    """The book's recursions in NumPy: (7.2), (7.16)-(7.19)."""
    W_x, W_h, b_x, b_h = (getattr(model, name).numpy() for name in
                          ("weight_ih_l0", "weight_hh_l0", "bias_ih_l0", "bias_hh_l0"))
    m, b, kind = W_h.shape[1], b_x + b_h, type(model).__name__
    h, c, outputs = np.zeros((x.shape[1], m)), np.zeros((x.shape[1], m)), []
    for z in x @ W_x.T + b:
        if kind == "RNN":
            h = np.tanh(z + h @ W_h.T)
        elif kind == "LSTM":
            i, f, memory, o = np.split(z + h @ W_h.T, 4, axis=1)
            c = sigmoid(f) * c + sigmoid(i) * np.tanh(memory)
            h = sigmoid(o) * np.tanh(c)
        else:
            g_r, keep = np.split(sigmoid(z[:, :2 * m] + h @ W_h[:2 * m].T), 2, axis=1)
            new = np.tanh(z[:, 2 * m:] + (g_r * h) @ W_h[2 * m:].T)
            h = (1 - keep) * new + keep * h
        outputs.append(h)
    return np.stack(outputs)


RECURRENT = [pytest.param(lambda rng: nn.RNN(3, 4, rng=rng), 4 * 4 + 4 * 3 + 4, marks=book("1.2-rnn")),
             pytest.param(lambda rng: nn.LSTM(3, 4, rng=rng), 4 * (16 + 12 + 4), marks=book("1.2-lstm")),
             pytest.param(lambda rng: nn.GRU(3, 4, reset_first=True, rng=rng), 3 * (16 + 12 + 4),
                          marks=book("1.2-gru"))]


@pytest.mark.parametrize("build, count", RECURRENT, ids=["rnn", "lstm", "gru"])
def test_a_recurrent_layer_step_by_step_is_the_unfolded_graph_forward_and_backward(build, count):
    model, x, target = double(build(cr.Rng(0))), normal(6, 2, 3), normal(6, 2, 4)
    np.testing.assert_allclose(model(x)[0].numpy(), rnn_loop(model, x.numpy()), atol=1e-6)
    assert model.parameter_count() - model.bias_hh_l0.size == count   # two biases here, their sum in the book

    def unfolded(theta, x):
        return cr.sum(target * model.at(theta)(x)[0])

    def folded(theta, x):
        net, state, total = model.at(theta), None, 0.0
        for t in range(6):
            y, state = net(x[t:t + 1], state)
            total = total + cr.sum(target[t] * y[0])
        return total

    both = [cr.value_and_grad(f, argnums=(0, 1))(model.vector(), x) for f in (unfolded, folded)]
    assert both[0][0].item() == pytest.approx(both[1][0].item(), abs=1e-10)
    for whole, steps in zip(both[0][1], both[1][1], strict=True):
        np.testing.assert_allclose(whole.numpy(), steps.numpy(), atol=1e-10)
    assert gradient_error(lambda theta: unfolded(theta, x), model.vector()) < 1e-6
    assert step_lowers(model, lambda model: cr.losses.mse(model(x)[0], target))


@pytest.mark.parametrize("kind, states", [
    pytest.param(nn.LSTM, 2, marks=book("1.2-lstm")), pytest.param(nn.GRU, 1, marks=book("1.2-gru"))])
def test_gradients_reach_the_first_state_of_a_gated_unit(kind, states):
    model, x = double(kind(3, 4, rng=cr.Rng(0))), normal(5, 2, 3)
    start = tuple(normal(1, 2, 4) for _ in range(states))
    assert numeric.check_gradient(lambda *s: model(x, s if states == 2 else s[0])[0], *start)


@book("1.2-lstm")
def test_gates_of_an_lstm_keep_write_and_hide_its_memory():
    model, x, c = double(nn.LSTM(2, 3, rng=cr.Rng(0))), normal(1, 2, 2), normal(1, 2, 3)
    for name, p in model.named_parameters().items():
        if name != "weight_ih_l0":
            p[...] = 0.0
    model.weight_ih_l0[[i for i in range(12) if not 6 <= i < 9]] = 0.0            # only c̃ sees x
    memory = np.tanh(x.numpy() @ model.weight_ih_l0.numpy()[6:9].T)

    def run(i, f, o):
        model.bias_ih_l0[...] = cr.asarray(np.repeat([i, f, 0.0, o], 3))
        return (s.numpy() for s in model(x, (cr.zeros((1, 2, 3), dtype=cr.float64), c))[1])

    h, kept = run(-30.0, 30.0, 30.0)
    np.testing.assert_allclose(kept, c.numpy(), atol=1e-6)
    np.testing.assert_allclose(h, np.tanh(c.numpy()), atol=1e-6)
    _, written = run(30.0, -30.0, 30.0)
    np.testing.assert_allclose(written, memory, atol=1e-6)
    hidden, _ = run(30.0, 30.0, -30.0)
    np.testing.assert_allclose(hidden, 0, atol=1e-6)


@book("1.2-gru")
def test_the_state_of_a_gru_lies_between_the_old_one_and_the_new_one():
    model, x = double(nn.GRU(3, 4, reset_first=True, rng=cr.Rng(0))), normal(40, 2, 3)
    assert (np.abs(model(x)[0].numpy()) < 1).all()
    model.bias_ih_l0[4:8] = 30.0                                                  # g_u = 1 - g_z near 0
    h = normal(1, 2, 4)
    np.testing.assert_allclose(model(x, h)[1].numpy(), h.numpy(), atol=1e-6)
    model.bias_ih_l0[:4], model.bias_ih_l0[4:8] = 30.0, -30.0                     # the RNN of (7.2)
    plain = double(nn.RNN(3, 4, rng=cr.Rng(1)))
    for name, p in plain.named_parameters().items():
        p[...] = model.named_parameters()[name][8:]
    np.testing.assert_allclose(model(x)[0].numpy(), plain(x)[0].numpy(), atol=1e-6)


# ---- attention

@book("1.2-attention")
def test_attention_averages_values_with_the_weights_of_a_double_loop():
    q, k, v = normal(2, 5, 3), normal(2, 6, 3), normal(2, 6, 4)
    for causal in (False, True):
        want, rows = np.zeros((2, 5, 4)), np.zeros((2, 5, 6))
        for n in range(2):
            for t in range(5):
                last = t + 1 if causal else 6
                scores = np.array([q.numpy()[n, t] @ k.numpy()[n, s] / np.sqrt(3) for s in range(last)])
                rows[n, t, :last] = softmax(scores)
                want[n, t] = sum(rows[n, t, s] * v.numpy()[n, s] for s in range(last))
        np.testing.assert_allclose(cr.attention_weights(q, k, causal=causal).numpy(), rows, atol=1e-6)
        u = cr.scaled_dot_product_attention(q, k, v, causal=causal)
        np.testing.assert_allclose(u.numpy(), want, atol=1e-6)
        np.testing.assert_allclose(rows.sum(-1), 1, atol=1e-12)
        low, high = v.numpy().min(1, keepdims=True), v.numpy().max(1, keepdims=True)
        assert ((u.numpy() >= low - 1e-12) & (u.numpy() <= high + 1e-12)).all()   # in the hull of the values
        assert numeric.check_gradient(
            lambda q, k, v, causal=causal: cr.scaled_dot_product_attention(q, k, v, causal=causal), q, k, v)
    np.testing.assert_allclose(cr.scaled_dot_product_attention(0 * q, k, v).numpy(),
                               np.repeat(v.numpy().mean(1, keepdims=True), 5, 1), atol=1e-12)
    padded = cr.asarray(np.arange(6) < 4)                                         # the last two keys are none
    np.testing.assert_allclose(
        cr.scaled_dot_product_attention(q, k, v, cr.broadcast_to(padded, (2, 5, 6))).numpy(),
        cr.scaled_dot_product_attention(q, k[:, :4], v[:, :4]).numpy(), atol=1e-12)


@book("1.2-attention")
def test_an_attention_layer_learns():
    layer, x, target = double(nn.MultiHeadAttention(6, 2, rng=cr.Rng(0))), normal(3, 5, 6), normal(3, 5, 6)
    assert layer(x).shape == (3, 5, 6)
    assert step_lowers(layer, lambda layer: cr.losses.mse(layer(x), target))
    assert gradient_error(lambda theta: cr.losses.mse(layer.at(theta)(x), target), layer.vector()) < 1e-6
