"""The recorded graph of a function, step by step, with what both walks carry over it.

Book: §4.4, Figure 4.7, Tables 4.1 to 4.3
"""
from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from . import _core, autodiff, tree
from ._core import Tensor


@dataclass
class Step:
    """One node: name = op(inputs), its primal a, tangent ȧ = ∂a/∂x v, adjoint ζ = ∂C/∂a.

    Its level is 0 for inputs, else one more than the greatest level of what it is made from: the iteration of
    the book's evaluation in which it can be computed.
    """
    name: str
    level: int
    op: str
    inputs: list[str]
    primal: Tensor
    tangent: Tensor
    adjoint: Tensor


@dataclass
class Explanation:
    """All steps, level by level; printing it shows the table."""
    steps: list[Step] = field(default_factory=list)

    def __getitem__(self, name: str) -> Step:
        for step in self.steps:
            if step.name == name:
                return step
        raise KeyError(f"explain: no step {name}; there are {', '.join(s.name for s in self.steps)}")

    def __str__(self) -> str:
        rows: list[tuple[str, ...]] = [("level", "step", "=", "primal", "tangent", "adjoint")]
        for s in self.steps:
            made = s.op if not s.inputs else f"{s.op}({', '.join(s.inputs)})"
            rows.append((str(s.level), s.name, made, *map(_brief, (s.primal, s.tangent, s.adjoint))))
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        lines = ["  ".join(map(str.ljust, row, widths)).rstrip() for row in rows]
        return "\n".join([lines[0], "-" * len(lines[0]), *lines[1:]])


def _brief(x: Tensor) -> str:
    """A number, a short list, or the shape and the range."""
    values = np.asarray(x, dtype=np.float64)
    if values.size == 1:
        return f"{values.item():.10g}"
    if values.ndim == 1 and values.size <= 4:
        return "[" + ", ".join(f"{v:.5g}" for v in values) + "]"
    return f"{x.shape} in [{values.min():.3g}, {values.max():.3g}]" if values.size else f"{x.shape}"


def explain(f: Callable, *x: Any, along: Any = 0, show: bool = True) -> Explanation:
    """Record f(*x) and show each step with its primal, tangent and adjoint.   Book: §4.4, Tables 4.1 to 4.3

    Python numbers among the arguments are taken in float64.
    Tangents belong to the direction `along`: the number of an input, whose tangent is then all ones, or a
    tuple with one tangent an input. Adjoints belong to the sum of f's elements. Inputs are named x1, x2, ...,
    steps a1, a2, ..., level by level.

    Cost  one backward walk a step: for graphs that fit a page
    """
    x = tuple(_core.full((), v, _core.float64) if isinstance(v, float | int) else v for v in x)
    run = autodiff._Run(lambda v: f(*v), x, keep_values=True)
    ys = tree.leaves(run.out)
    if not ys:
        raise ValueError("explain: the function returned no floating tensor")
    if isinstance(along, int):
        if not 0 <= along < len(x):
            raise ValueError(f"explain: along {along} needs an input of that number, got {len(x)}")
        along = tuple(tree.map(lambda t, value=float(i == along): _filled(t, value), v)
                      for i, v in enumerate(x))
    tangents = autodiff._matching("explain", run.old, along, "along")

    traced = _core._trace(ys, run.leaves)
    nodes = [node for *_, node in traced]
    pushed = _core._push_forward(nodes, run.leaves, tangents)
    seeds = [_filled(y, 1.0) for y in ys]
    levels: dict[int, int] = {}
    for number, op, inputs, *_ in traced:
        is_input = op == "input" and not inputs
        levels[number] = 0 if is_input else 1 + max((levels.get(i, 0) for i in inputs), default=0)
    names: dict[int, str] = {}
    result = Explanation()
    rows = sorted(zip(traced, pushed, strict=True), key=lambda row: levels[row[0][0]])
    for (number, op, inputs, primal, node), tangent in rows:
        kind = "a" if levels[number] else "x"
        names[number] = f"{kind}{1 + sum(n[0] == kind for n in names.values())}"
        made_from = [names.get(i, "constant") for i in inputs]
        adjoint = _core._pull_back([_core._again(y) for y in ys], seeds, [node])[0]
        result.steps.append(Step(names[number], levels[number], op, made_from, primal, tangent, adjoint))
    if show:
        print(result)
    return result


def _filled(like: Tensor, value: float) -> Tensor:
    return _core.full(like.shape, value, like.dtype, like.device)
