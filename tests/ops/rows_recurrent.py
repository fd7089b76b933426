"""RNN, LSTM and GRU over whole sequences against loops in NumPy, gate by gate."""
import chainrule as cr
import numpy as np
from scipy.special import expit

from .checks import normal, uniform


# ---- one step: (x, state, W_ih, W_hh, b_ih, b_hh) -> state
def rnn_step(x, state, wi, wh, bi, bh):
    return (np.tanh(x @ wi.T + bi + state[0] @ wh.T + bh),)


def rnn_step_sigmoid(x, state, wi, wh, bi, bh):
    return (expit(x @ wi.T + bi + state[0] @ wh.T + bh),)


def rnn_step_identity(x, state, wi, wh, bi, bh):
    return (x @ wi.T + bi + state[0] @ wh.T + bh,)


def lstm_step(x, state, wi, wh, bi, bh):
    h, c = state
    i, f, g, o = np.split(x @ wi.T + bi + h @ wh.T + bh, 4, axis=-1)
    c = expit(f) * c + expit(i) * np.tanh(g)
    return expit(o) * np.tanh(c), c


def gru_step(x, state, wi, wh, bi, bh):
    h = state[0]
    (xr, xz, xn), (hr, hz, hn) = np.split(x @ wi.T + bi, 3, axis=-1), np.split(h @ wh.T + bh, 3, axis=-1)
    z = expit(xz + hz)
    return ((1 - z) * np.tanh(xn + expit(xr + hr) * hn) + z * h,)


def gru_step_reset_first(x, state, wi, wh, bi, bh):
    h = state[0]
    (xr, xz, xn), (wr, wz, wn) = np.split(x @ wi.T + bi, 3, axis=-1), np.split(wh, 3)
    br, bz, bn = np.split(bh, 3)
    z = expit(xz + h @ wz.T + bz)
    return ((1 - z) * np.tanh(xn + (expit(xr + h @ wr.T + br) * h) @ wn.T + bn) + z * h,)


def run(step, x, state, weights, reverse=False, lengths=None):
    """Each sequence of the batch by itself, to its own end."""
    T, B = x.shape[:2]
    y = np.zeros((T, B, state[0].shape[-1]))
    last = [s.astype(float) for s in state]
    for b in range(B):
        n = T if lengths is None else lengths[b]
        s = tuple(p[b] for p in state)
        for t in reversed(range(n)) if reverse else range(n):
            s = step(x[t, b], s, *weights)
            y[t, b] = s[0]
        for part, value in zip(last, s, strict=True):
            part[b] = value
    return [y, *last]


def numpy_of(step, states=1):
    def f(x, *weights):
        return run(step, x, (np.zeros((x.shape[1], weights[1].shape[1])),) * states, weights)
    return f


def both_ways(x, *weights, lengths=(2, 4, 0)):
    zero = (np.zeros((3, weights[1].shape[1])),)
    ahead, back = (run(gru_step, x, zero, weights[4 * d:4 * d + 4], d == 1, lengths) for d in (0, 1))
    return [np.concatenate([ahead[0], back[0]], -1), np.stack([ahead[1], back[1]])]


def two_layers(x, h, *weights):
    first = run(rnn_step, x, (h[0],), weights[:4])
    second = run(rnn_step, first[0], (h[1],), weights[4:])
    return [second[0], np.stack([first[1], second[1]])]


def lstm_back(x, state, w, lengths=(2, 4, 0)):
    """The second direction of two alone, from a state: the first has weights of zero."""
    zero = [cr.zeros(p.shape, dtype=p.dtype) for p in w]
    h, c = (cr.stack([cr.zeros(s.shape, dtype=s.dtype), s]) for s in state)
    y, (h, c) = cr.lstm(x, [zero, w], (h, c), bidirectional=True, lengths=lengths)
    return y[..., y.shape[-1] // 2:], h[1], c[1]


def lstm_back_plain(x, h, c, *w):
    return run(lstm_step, x, (h, c), w, True, (2, 4, 0))


def parameters(gates, n_in, m):
    rows = gates * m
    return [normal(rows, n_in) / 2, normal(rows, m) / 2, normal(rows), normal(rows)]


def narrow(gates, n_in, m):
    """As many sums of products stay of the size of one."""
    w_ih, w_hh, b_ih, b_hh = parameters(gates, n_in, m)
    return [w_ih, w_hh * m ** -0.5, b_ih, b_hh]


def flat(result):
    y, state = result
    return (y, *(s[0] for s in state)) if isinstance(state, tuple) else (y, state[0])


WIDE = {"units": (16, "four steps, each rounded in the narrow type")}
X = uniform(-1, 1, 4, 2, 3)
CASES = {
    "rnn": (lambda x, *w: flat(cr.rnn(x, [w])), numpy_of(rnn_step), [X, *parameters(1, 3, 5)], WIDE),
    "rnn_stacked": (lambda x, h, *w: cr.rnn(x, [w[:4], w[4:]], h), two_layers,
                    [X, normal(2, 2, 4), *parameters(1, 3, 4), *parameters(1, 4, 4)], WIDE),
    "lstm": (lambda x, *w: flat(cr.lstm(x, [w])), numpy_of(lstm_step, 2), [X, *parameters(4, 3, 2)], WIDE),
    "gru": (lambda x, *w: flat(cr.gru(x, [w])), numpy_of(gru_step), [X, *parameters(3, 3, 2)], WIDE),
    "gru_reset_first": (lambda x, *w: flat(cr.gru(x, [w], reset_first=True)), numpy_of(gru_step_reset_first),
                        [X, *parameters(3, 3, 2)], WIDE),
    "gru_lengths": (lambda x, *w: cr.gru(x, [w[:4], w[4:]], bidirectional=True, lengths=[2, 4, 0]), both_ways,
                    [uniform(-1, 1, 4, 3, 2), *parameters(3, 2, 2), *parameters(3, 2, 2)], WIDE),
    "rnn_sigmoid": (lambda x, *w: flat(cr.rnn(x, [w], activation="sigmoid")), numpy_of(rnn_step_sigmoid),
                    [X, *parameters(1, 3, 5)], WIDE),
    "rnn_identity": (lambda x, *w: flat(cr.rnn(x, [w], activation="identity")), numpy_of(rnn_step_identity),
                     [X, *parameters(1, 3, 5)], WIDE),
    "lstm_lengths": (lambda x, h, c, *w: lstm_back(x, (h, c), w), lstm_back_plain,
                     [uniform(-1, 1, 4, 3, 2), normal(3, 3), normal(3, 3), *parameters(4, 2, 3)], WIDE),
    # more rows and columns than a tile of the matrix product has, and no whole number of either
    "lstm_wide": (lambda x, *w: flat(cr.lstm(x, [w])), numpy_of(lstm_step, 2), [uniform(-1, 1, 2, 31, 2), *narrow(4, 2, 37)], WIDE),
    "gru_wide": (lambda x, *w: flat(cr.gru(x, [w])), numpy_of(gru_step), [uniform(-1, 1, 2, 31, 2), *narrow(3, 2, 37)], WIDE),
}

W = [cr.zeros((4, 3)), cr.zeros((4, 4)), None, None]
ERRORS = {
    "rnn_width": (lambda: cr.rnn(cr.zeros((5, 2, 4)), [W]), cr.ShapeError,
                  r"rnn: x \(5, 2, 4\) needs to be \(T, B, n_in\) or \(T, n_in\) with n_in 3"),
    "rnn_activation": (lambda: cr.rnn(cr.zeros((5, 2, 3)), [W], activation="step"), ValueError,
                       "rnn: activation 'step' is unknown; needs one of .*"),
    "gru_state": (lambda: cr.gru(cr.zeros((5, 2, 3)), [W], cr.zeros((1, 4))), cr.ShapeError,
                  r"gru: the state \[\(1, 4\)\] needs 1 of shape \(1, 2, 4\), \(layers x directions, batch, hidden\)"),
    "lstm_lengths": (lambda: cr.lstm(cr.zeros((5, 2, 3)), [W], lengths=[5, 6]), cr.ShapeError,
                     r"lstm: lengths \[5, 6\] need 2 integers from 0 to T 5"),
}
