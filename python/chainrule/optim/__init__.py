"""Optimisers: `opt = Adam(model); opt.update(grads)` changes the parameters in place.   Book: chapter 4"""
from . import schedules
from .adam import Adam, AdamW
from .base import Optimizer
from .clipping import clip_grad_norm, clip_grad_value, grad_norm
from .descent import SGD

__all__ = ["SGD", "Adam", "AdamW", "Optimizer", "clip_grad_norm", "clip_grad_value", "grad_norm", "schedules"]
