"""RNN, LSTM and GRU against PyTorch and against loops written from the book."""
import chainrule as cr
import numpy as np
import pytest

from .oracle import agrees, assert_close, draw, torch

nn = cr.nn
rng = cr.Rng(0)
OPTIONS = [
    {},
    {"num_layers": 2},
    {"bidirectional": True},
    {"num_layers": 3, "bidirectional": True, "batch_first": True},
    {"bias": False},
]


def ours(kind, n_in, n_hidden, num_layers=1, **options):
    return getattr(nn, kind)(n_in, n_hidden, num_layers, rng=rng, **options)


@pytest.mark.parametrize("options", OPTIONS, ids=str)
@pytest.mark.parametrize("kind", ["RNN", "LSTM", "GRU"])
def test_outputs_and_gradients_equal_pytorchs_with_the_same_state(kind, options):
    t = torch()
    t.manual_seed(0)
    agrees(ours(kind, 3, 4, **options), getattr(t.nn, kind)(3, 4, **options), draw(5, 2, 3))


@pytest.mark.parametrize("kind", ["RNN", "LSTM", "GRU"])
def test_last_states_and_lengths_equal_pytorchs_packed_sequences(kind):
    t = torch()
    theirs = getattr(t.nn, kind)(3, 4, 2, bidirectional=True)
    model = ours(kind, 3, 4, 2, bidirectional=True)
    model.load_state_dict(theirs.state_dict())
    x, lengths = draw(6, 3, 3), [6, 2, 4]
    states = [draw(4, 3, 4, seed=s) for s in (1, 2)][:2 if kind == "LSTM" else 1]
    packed = t.nn.utils.rnn.pack_padded_sequence(t.tensor(x), lengths, enforce_sorted=False)
    start = tuple(map(t.tensor, states)) if kind == "LSTM" else t.tensor(states[0])
    y_t, last_t = theirs(packed, start)
    y_t = t.nn.utils.rnn.pad_packed_sequence(y_t)[0]
    start = tuple(map(cr.tensor, states)) if kind == "LSTM" else cr.tensor(states[0])
    y, last = model(cr.tensor(x), start, lengths=lengths)
    assert_close(y, y_t.detach())
    for a, b in zip(last if kind == "LSTM" else [last], last_t if kind == "LSTM" else [last_t], strict=True):
        assert_close(a, b.detach())


def weights_of(model, *names):
    return [np.asarray(getattr(model, name), np.float64) for name in names]


FOUR = ("weight_ih_l0", "weight_hh_l0", "bias_ih_l0", "bias_hh_l0")


@pytest.mark.parametrize("activation", ["tanh", "relu", "sigmoid", "identity"])
def test_an_rnn_is_the_books_recursion(activation):
    """(7.2), and the count m² + m p + m with the two biases as one."""
    model = nn.RNN(3, 4, activation=activation, rng=rng)
    S = {"tanh": np.tanh, "relu": lambda z: np.maximum(z, 0), "sigmoid": lambda z: 1 / (1 + np.exp(-z)),
         "identity": lambda z: z}[activation]
    W_hx, W_hh, b, b2 = weights_of(model, *FOUR)
    x, h, outputs = draw(6, 2, 3), np.zeros((2, 4)), []
    for t in range(6):
        h = S(x[t] @ W_hx.T + h @ W_hh.T + b + b2)
        outputs.append(h)
    y, last = model(cr.tensor(x))
    assert_close(y, np.stack(outputs))
    assert_close(last[0], h)
    assert model.parameter_count() == 16 + 12 + 4 + 4


def test_an_lstm_is_the_books_recursion():
    """(7.16), (7.17)"""
    model = nn.LSTM(3, 4, rng=rng)
    W_x, W_h, b, b2 = weights_of(model, *FOUR)
    sigmoid = lambda z: 1 / (1 + np.exp(-z))                                  # noqa: E731
    x, h, c = draw(6, 2, 3), np.zeros((2, 4)), np.zeros((2, 4))
    for t in range(6):
        z_i, z_f, z_c, z_o = np.split(x[t] @ W_x.T + h @ W_h.T + b + b2, 4, axis=-1)
        c = sigmoid(z_f) * c + sigmoid(z_i) * np.tanh(z_c)
        h = sigmoid(z_o) * np.tanh(c)
    y, (h_last, c_last) = model(cr.tensor(x))
    assert_close(y[-1], h)
    assert_close(h_last[0], h)
    assert_close(c_last[0], c)


def test_a_gru_that_resets_first_is_the_books():
    """(7.18), (7.19) with g_u = 1 - g_z"""
    model = nn.GRU(3, 4, reset_first=True, rng=rng)
    W_x, W_h, b, b2 = weights_of(model, *FOUR)
    sigmoid = lambda z: 1 / (1 + np.exp(-z))                                  # noqa: E731
    x, h = draw(6, 2, 3), np.zeros((2, 4))
    for t in range(6):
        x_r, x_z, x_h = np.split(x[t] @ W_x.T + b + b2, 3, axis=-1)
        g_r, g_u = sigmoid(x_r + h @ W_h[:4].T), 1 - sigmoid(x_z + h @ W_h[4:8].T)
        h = (1 - g_u) * h + g_u * np.tanh(x_h + (g_r * h) @ W_h[8:].T)
    assert_close(model(cr.tensor(x))[1][0], h)


@pytest.mark.parametrize("kind", ["RNN", "LSTM", "GRU"])
def test_one_sequence_needs_no_batch_axis(kind):
    model = ours(kind, 3, 4, 2, bidirectional=True)
    x = cr.tensor(draw(5, 2, 3))
    y, last = model(x)
    one, last_one = model(x[:, 0])
    assert_close(one, y[:, 0])
    pairs = zip(last, last_one, strict=True) if kind == "LSTM" else [(last, last_one)]
    for a, b in pairs:
        assert_close(a[:, 0], b)


@pytest.mark.parametrize("kind", ["RNN", "LSTM", "GRU"])
def test_a_padded_sequence_gives_what_it_gives_alone(kind):
    model = ours(kind, 3, 4, 2, bidirectional=True, batch_first=True)
    x = draw(2, 6, 3)
    y, _ = model(cr.tensor(x), lengths=[6, 3])
    alone, _ = model(cr.tensor(x[1:, :3]))
    assert_close(y[1, :3], alone[0])
    assert not np.asarray(y[1, 3:]).any()
    last = nn.last_output(y, [6, 3], batch_first=True)
    assert_close(last, np.stack([np.asarray(y)[0, 5], np.asarray(y)[1, 2]]))


@pytest.mark.parametrize("kind", ["RNN", "LSTM", "GRU"])
def test_steps_from_the_state_equal_the_whole_sequence(kind):
    model = ours(kind, 3, 4)
    x = cr.tensor(draw(7, 2, 3))
    y, _ = model(x)
    first, state = model(x[:4])
    second, _ = model(x[4:], state)
    assert_close(cr.concat([first, second]), y)


@pytest.mark.parametrize("kind", ["RNN", "LSTM", "GRU"])
@pytest.mark.parametrize("shape", [(0, 2, 3), (4, 0, 3), (1, 1, 3)])
def test_empty_and_single_sequences_work(kind, shape):
    y, _ = ours(kind, 3, 4)(cr.zeros(shape))
    assert y.shape == (*shape[:2], 4)


def test_the_lstm_keeps_its_memory_with_an_open_forget_gate():
    """§7.3: forget open and input closed keep c; output closed gives h near 0."""
    model = nn.LSTM(2, 3, rng=rng)
    for name in FOUR:
        getattr(model, name)[...] = 0.0
    model.bias_ih_l0[...] = cr.tensor([-30.0] * 3 + [30.0] * 3 + [0.0] * 3 + [-30.0] * 3)
    c = cr.tensor(draw(1, 2, 3))
    _, (h, c_last) = model(cr.tensor(draw(9, 2, 2)), (cr.zeros((1, 2, 3)), c))
    assert_close(c_last, c, 1e-6, 1e-6)
    assert np.abs(h).max() < 1e-6


def test_dropout_between_layers_acts_in_training_alone():
    model = nn.GRU(3, 8, 2, dropout=0.5, rng=cr.Rng(1))
    x = cr.tensor(draw(4, 2, 3))
    assert not np.array_equal(model(x)[0], model(x)[0])
    model.eval()
    assert np.array_equal(model(x)[0], model(x)[0])


def test_wrong_states_and_lengths_are_named():
    model = nn.GRU(3, 4, rng=rng)
    with pytest.raises(cr.ShapeError, match=r"gru: the state \[\(1, 4\)\] needs 1 of shape \(1, 2, 4\)"):
        model(cr.zeros((5, 2, 3)), cr.zeros((1, 4)))
    with pytest.raises(cr.ShapeError, match=r"gru: lengths \[5, 6\] need 2 integers from 0 to T 5"):
        model(cr.zeros((5, 2, 3)), lengths=[5, 6])


def test_a_long_sequence_trains():
    """The pull of the time loop is not quadratic in its length."""
    model = nn.RNN(2, 8, rng=rng)
    x = cr.tensor(draw(300, 4, 2))
    grads = cr.grad(lambda m: cr.mean(m(x)[0] ** 2))(model)
    assert all(np.isfinite(g).all() for g in grads.values())
