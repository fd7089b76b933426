"""Steps of the optimisers: they change tensors in place, so the rows run them on copies."""
import chainrule as cr
import numpy as np

from .checks import integers, normal

IN_PLACE = {"values": "changes tensors in place and has no derivative"}


def on_copies(update, states, *numbers, **options):
    """(p, g, *state) -> what update made of p and the state."""
    def op(p, g, *state):
        p, *state = (cr.copy(x) for x in (p, *state[:states]))
        update([p], [g], *([x] for x in state), *([] for _ in range(states - len(state))), *numbers, **options)
        return [p, *state]
    return op


def sgd(alpha, momentum=0.0, dampening=0.0, weight_decay=0.0, nesterov=False, first=False):
    """(4.21) with weight decay: v <- μ v + (1 - τ) g, θ <- θ - α v."""
    def oracle(p, g, v=None):
        g = g + weight_decay * p
        if v is None:
            return [p - alpha * g]
        v = momentum * v + (1 if first else 1 - dampening) * g
        return [p - alpha * (g + momentum * v if nesterov else v), v]
    return (on_copies(cr.sgd_update, 1, alpha, momentum=momentum, dampening=dampening, weight_decay=weight_decay,
                      nesterov=nesterov, first=first), oracle)


def adam(alpha, beta1=0.9, beta2=0.999, eps=1e-8, weight_decay=0.0, decoupled=False, step=1):
    """Algorithm 4.2."""
    def oracle(p, g, m, s):
        s = np.abs(s)
        theta = p * (1 - alpha * weight_decay) if decoupled else p
        g = g if decoupled else g + weight_decay * p
        m, s = beta1 * m + (1 - beta1) * g, beta2 * s + (1 - beta2) * g * g
        return [theta - alpha * (m / (1 - beta1**step)) / (np.sqrt(s / (1 - beta2**step)) + eps), m, s]

    step_of = on_copies(cr.adam_update, 2, alpha, beta1, beta2, eps, weight_decay, decoupled, step)
    return lambda p, g, m, s: step_of(p, g, m, cr.abs(s)), oracle


def three_at_once(p, g, v):
    """One call on tensors of several sizes and types, beside a large one that is cut into pieces."""
    ps = [cr.copy(p), cr.astype(cr.copy(p[:, :2]), cr.float64), cr.copy(p[0]), cr.zeros(100_003)]
    gs = [g, g[:, :2], g[0], cr.ones(100_003)]
    vs = [cr.copy(v), cr.astype(cr.copy(v[:, :2]), cr.float64), cr.copy(v[0]), cr.zeros(100_003)]
    cr.sgd_update(ps, gs, vs, 0.5, momentum=0.9)
    return [*(x.astype(p.dtype) for x in ps), vs[2]]


def three_by_formula(p, g, v):
    (p, v), large = sgd(0.5, 0.9)[1](p, g, v), np.full(100_003, -0.5)
    return [p, p[:, :2], p[0], large, v[0]]


FOUR = [normal(3, 4), normal(3, 4), normal(3, 4), normal(3, 4)]
CASES = {
    "sgd_update": (*sgd(0.1), FOUR[:2], IN_PLACE),
    "sgd_update_decay": (*sgd(0.1, weight_decay=0.3), FOUR[:2], IN_PLACE),
    "sgd_update_momentum": (*sgd(0.1, 0.9), FOUR[:3], IN_PLACE),
    "sgd_update_dampening": (*sgd(0.1, 0.9, dampening=0.5, weight_decay=0.2), FOUR[:3], IN_PLACE),
    "sgd_update_first": (*sgd(0.1, 0.9, dampening=0.5, first=True), FOUR[:3], IN_PLACE),
    "sgd_update_nesterov": (*sgd(0.1, 0.9, weight_decay=0.2, nesterov=True), FOUR[:3], IN_PLACE),
    "sgd_update_several": (three_at_once, three_by_formula, FOUR[:3], {**IN_PLACE, "resized": "a row is picked"}),
    "adam_update": (*adam(0.1), FOUR, IN_PLACE),
    "adam_update_step": (*adam(0.1, 0.8, 0.95, 1e-3, step=7), FOUR, IN_PLACE),
    "adam_update_decay": (*adam(0.1, weight_decay=0.3, step=2), FOUR, IN_PLACE),
    "adam_update_decoupled": (*adam(0.1, weight_decay=0.3, decoupled=True, step=2), FOUR, IN_PLACE),
}

CORNERS = {
    "sgd_update_odd": (*sgd(0.1, 0.9, nesterov=True), [normal(37_003), normal(37_003), normal(37_003)]),
    "sgd_update_scalar": (*sgd(0.1), [normal(), normal()]),
    "sgd_update_integer_gradient": (*sgd(0.1), [normal(3), integers(-3, 3, 3)]),
    "sgd_update_none": (lambda: cr.sgd_update([], [], [], 0.1) or [], lambda: [], []),
    "adam_update_odd": (*adam(0.1, step=3), [normal(37_003) for _ in range(4)]),
    "adam_update_still": (*adam(0.1), [normal(3), np.zeros(3), np.zeros(3), np.zeros(3)]),
}

X, Y = cr.ones((2, 3)), cr.ones(3)
HALF = cr.ones((2, 3), dtype=cr.float16)
ERRORS = {
    "sgd_update_count": (lambda: cr.sgd_update([X], [X, X], [], 0.1), ValueError,
                         "sgd_update: 2 gradient given for 1 parameters"),
    "sgd_update_shape": (lambda: cr.sgd_update([X], [Y], [], 0.1), cr.ShapeError,
                         r"sgd_update: gradient 0 \(3,\) needs shape \(2, 3\)"),
    "sgd_update_velocity": (lambda: cr.sgd_update([X], [X], [], 0.1, momentum=0.9), ValueError,
                            "sgd_update: 0 velocity given for 1 parameters"),
    "sgd_update_velocity_type": (lambda: cr.sgd_update([X], [X], [HALF], 0.1, momentum=0.9), cr.DTypeError,
                                 "sgd_update: velocity 0 must be row-major and of type float32"),
    "sgd_update_integer": (lambda: cr.sgd_update([cr.arange(3)], [Y], [], 0.1), cr.DTypeError,
                           "sgd_update: parameter 0 is int64, needs a floating type"),
    "sgd_update_transposed": (lambda: cr.sgd_update([cr.ones((2, 3)).mT], [X.mT], [], 0.1), cr.ShapeError,
                              r"sgd_update: parameter 0 of shape \(3, 2\) must be row-major"),
    "sgd_update_recorded": (lambda: cr.grad(lambda x: cr.sgd_update([x], [X], [], 0.1))(X), ValueError,
                            "sgd_update: parameter 0 is recorded by a transform"),
    "adam_update_moment": (lambda: cr.adam_update([X], [X], [X], [Y], 0.1), cr.ShapeError,
                           r"adam_update: second moment 0 \(3,\) needs shape \(2, 3\)"),
    "adam_update_step": (lambda: cr.adam_update([X], [X], [X], [X], 0.1, step=0), ValueError,
                         "adam_update: step counts from 1, got 0"),
}
