"""The table a model prints of itself: one row a layer, found by running it once."""
from __future__ import annotations

from typing import Any

import chainrule as cr

from .. import tree
from .._core import Tensor
from .module import Module

HEADINGS = ("layer", "output shape", "parameters", "multiply-adds")


def summary(model: Module, inputs: Any) -> str:
    """Rows (layer, output shape, parameters, multiply-adds) in the order of use, and the sums.

    `inputs` is the shape of one sample: the model is run in eval mode on zeros of shape (1, *inputs), and
    shapes and costs are those of one sample. It may instead be the inputs: a tensor, or a tuple of tensors.
    """
    one_sample = not _holds_tensors(inputs)
    if one_sample:
        inputs = cr.zeros((1, *inputs), device=model.device)
    arguments = inputs if isinstance(inputs, tuple) else (inputs,)
    calls = Calls()
    calls.watch(model)(*arguments)
    rows = [(f"{'  ' * depth}{name + ': ' if name else ''}{kind}", _shape_text(shape, one_sample),
             f"{count:,}", f"{cost:,}") for depth, name, kind, shape, count, cost in calls.rows]
    frozen = model.parameter_count() - model.parameter_count(frozen=False)
    counted = f"{model.parameter_count():,} parameters" + (f" ({frozen:,} frozen)" if frozen else "")
    return _aligned(rows) + f"\n{counted}, {sum(row[-1] for row in calls.rows):,} multiply-adds"


class Calls:
    """The modules a run called, in order: (depth, name, kind, output shape, own parameters, own cost)."""

    def __init__(self) -> None:
        self.rows: list[Any] = []
        self.depth = 0
        self.counted: set[int] = set()

    def watch(self, model: Module) -> Module:
        """A copy of the model, in eval mode, whose modules write a row when they are called."""
        copy = tree.replace(model, {})
        for name, module in list(copy.named_modules()):
            module.training = False
            module.__class__ = self.watched(type(module), name.rsplit(".", 1)[-1])
        return copy

    def watched(self, kind: type, name: str) -> type:
        """The class with a __call__ that records: Python looks that method up on the class."""
        calls = self

        def run(module: Any, *inputs: Any, **options: Any) -> Any:
            row = len(calls.rows)
            calls.rows.append(None)
            calls.depth += 1
            y = kind.__call__(module, *inputs, **options)
            calls.depth -= 1
            cost = module.multiply_adds(inputs[0], y) if inputs else 0
            calls.rows[row] = (calls.depth, name, kind.__name__, _first_shape(y), calls.own(module), cost)
            return y

        return type(kind.__name__, (kind,), {"__call__": run})

    def own(self, module: Module) -> int:
        """The parameters right under a module that no earlier row has counted."""
        count = 0
        for local, member in module.members():
            if isinstance(member, Tensor) and module.role(local, member) != "buffer":
                count += 0 if id(member) in self.counted else member.size
                self.counted.add(id(member))
        return count


def _holds_tensors(inputs: Any) -> bool:
    return isinstance(inputs, Tensor) or any(isinstance(item, Tensor) for item in inputs)


def _first_shape(y: Any) -> tuple[int, ...]:
    """The shape of a result, of its first part if it has several."""
    while isinstance(y, (tuple, list)) and y:
        y = y[0]
    return tuple(y.shape) if isinstance(y, Tensor) else ()


def _shape_text(shape: tuple[int, ...], one_sample: bool) -> str:
    return str(shape[1:] if one_sample else shape)


def _aligned(rows: list[Any]) -> str:
    """Text columns to the left, numbers to the right, two spaces between."""
    widths = [max(len(row[i]) for row in [HEADINGS, *rows]) for i in range(len(HEADINGS))]
    lines = ["  ".join([row[0].ljust(widths[0]), row[1].ljust(widths[1]),
                        row[2].rjust(widths[2]), row[3].rjust(widths[3])]).rstrip()
             for row in [HEADINGS, *rows]]
    return "\n".join([lines[0], "-" * max(map(len, lines)), *lines[1:]])
