"""Optimiser steps: they change tensors in place, so a row makes copies and returns them."""
import chainrule as cr
import numpy as np

from .checks import normal, uniform

VALUES = {"values": "a step in place has no derivative", "low": "the state of an optimiser is kept in float32",
          "repeated": "a place to write to has no repeated rows"}


def sgd(p, g, v, **options):
    p, v = cr.copy(p), cr.copy(v)
    cr.sgd_update([p], [g], [v], 0.1, **options)
    return p, v


def np_sgd(p, g, v, momentum=0.0, dampening=0.0, weight_decay=0.0, nesterov=False, first=False):
    """PyTorch's rule: v ← μ v + (1 - τ) d, without τ in the first step."""
    d = g + weight_decay * p
    if momentum == 0:
        return [p - 0.1 * d, v]
    v = momentum * v + (1 if first else 1 - dampening) * d
    return [p - 0.1 * (d + momentum * v if nesterov else v), v]


def adam(p, g, m, v, **options):
    p, m, v = cr.copy(p), cr.copy(m), cr.copy(v)
    cr.adam_update([p], [g], [m], [v], 0.1, **options)
    return p, m, v


def np_adam(p, g, m, v, weight_decay=0.0, decoupled=False, step=1):
    """Algorithm 4.2 of the book; decoupled decay after Loshchilov and Hutter (2019)."""
    if weight_decay and decoupled:
        p = p - 0.1 * weight_decay * p
    elif weight_decay:
        g = g + weight_decay * p
    m, v = 0.9 * m + 0.1 * g, 0.999 * v + 0.001 * g * g
    return [p - 0.1 * (m / (1 - 0.9**step)) / (np.sqrt(v / (1 - 0.999**step)) + 1e-8), m, v]


def rows(op, oracle, inputs, options):
    return {"_".join([name, *map(str, o)]): (lambda *x, o=o: op(*x, **o), lambda *x, o=o: oracle(*x, **o), inputs, VALUES)
            for name in [f"{op.__name__}_update"] for o in options}


CASES = {
    **rows(sgd, np_sgd, [normal(4, 3), normal(4, 3), normal(4, 3)], [
        {}, {"weight_decay": 0.2}, {"momentum": 0.9}, {"momentum": 0.9, "nesterov": True, "weight_decay": 0.1},
        {"momentum": 0.9, "dampening": 0.3}, {"momentum": 0.9, "dampening": 0.3, "first": True}]),
    **rows(adam, np_adam, [normal(4, 3), normal(4, 3), normal(4, 3), uniform(0.1, 1, 4, 3)], [
        {}, {"step": 7}, {"weight_decay": 0.1}, {"weight_decay": 0.1, "decoupled": True, "step": 3}]),
}

P = cr.zeros((2, 3))
ERRORS = {
    "adam_update_step": (lambda: cr.adam_update([P], [P], [P], [P], 0.1, step=0), ValueError,
                         "adam_update: step counts from 1, got 0"),
}
