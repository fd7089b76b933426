"""Optimisers: `opt = Adam(model); opt.update(grads)` changes the parameters in place.   Book: chapter 4"""
from . import convexity, line_search, newton, quasi_newton, schedules, trust_region
from .adam import Adam, AdamW
from .adam_family import Adamax, LpAdam, Nadam
from .adaptive import Adadelta, Adagrad, RMSprop
from .base import Optimizer
from .clipping import clip_grad_norm, clip_grad_value, grad_norm
from .conjugate import conjugate_gradient
from .descent import SGD
from .minimize import Minimum, Termination, minimize

__all__ = [
    "SGD", "Adadelta", "Adagrad", "Adam", "AdamW", "Adamax", "LpAdam", "Minimum", "Nadam", "Optimizer",
    "RMSprop", "Termination", "clip_grad_norm", "clip_grad_value", "conjugate_gradient", "convexity",
    "grad_norm", "line_search", "minimize", "newton", "quasi_newton", "schedules", "trust_region",
]
