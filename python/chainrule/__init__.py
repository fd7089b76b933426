"""Deep learning by hand: tensors, differentiation and kernels of our own.

    import chainrule as cr

Array functions follow the Python array API, layers PyTorch, mathematics the book *Mathematical Engineering of
Deep Learning* (Liquet, Moka, Nazarathy), whose equations the docstrings name.
"""
from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

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
from .explain import explain
from .functional import *
from .metrics import accuracy
from .random import *

if TYPE_CHECKING:
    from . import (
        cuda,
        data,
        distributions,
        generalisation,
        information,
        io,
        linalg,
        losses,
        metrics,
        models,
        nn,
        numeric,
        optim,
        preprocessing,
        rl,
        selection,
        sparse,
        train,
    )

__version__ = "0.1.0"

_methods.attach(globals())


def __getattr__(name: str) -> Any:
    """Subpackages are imported when they are first named, so that `import chainrule` stays quick."""
    try:
        return importlib.import_module(f".{name}", __name__)
    except ModuleNotFoundError as error:
        if error.name != f"{__name__}.{name}":
            raise
        raise AttributeError(f"module 'chainrule' has no attribute {name!r}") from None
