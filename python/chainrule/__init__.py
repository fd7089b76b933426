"""Deep learning by hand: tensors, differentiation and kernels of our own.

    import chainrule as cr

Array functions follow the Python array API, layers PyTorch, mathematics the book *Mathematical Engineering of Deep
Learning* (Liquet, Moka, Nazarathy), whose equations the docstrings name.
"""
from __future__ import annotations

# ruff: noqa: A004, F403
from . import _core, tree
from . import methods as _methods
from ._core import *
from .autodiff import (
    checkpoint,
    custom_rule,
    grad,
    hessian,
    hvp,
    jacobian,
    jvp,
    stop_gradient,
    value_and_grad,
    vjp,
    vmap,
)
from .creation import *
from .functional import *
from .random import *

__version__ = "0.1.0"

_methods.attach(globals())

from . import data, io, train  # noqa: E402  (they use the names above)
