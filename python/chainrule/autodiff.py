"""Differentiation as functions of functions.   Book: §4.4

The graph is recorded by the ops while a transform runs the user's function (csrc/core/graph.h); here the
trees of arguments are turned into fresh leaves, one of the two walks is started, and the results go back into
trees. Leaves are new for each transform and lead back to the outer ones, so nested derivatives cannot be
confused.
"""
from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial, wraps
from itertools import accumulate
from typing import Any

from . import _core, tree
from ._core import Tensor


@contextmanager
def _recording(keep_values: bool = False) -> Iterator[None]:
    _core._begin_recording(keep_values)
    try:
        yield
    finally:
        _core._end_recording()


def _released(value: Any) -> Any:
    """Results of the outermost transform carry no graph."""
    if _core._recording():
        return value
    return _core._released(value) if tree.is_leaf(value) else tree.map(_core._released, value)


class _Run:
    """One recorded run of f: fresh leaves for the tensors in `inputs`, and what f made of them."""

    def __init__(self, f: Callable, inputs: Any, needs: str = "", keep_values: bool = False):
        self.inputs = inputs = tree.distinct(inputs) if type(inputs) is tuple else inputs
        self.named = tree.named_leaves(inputs)
        self.old = [x for _, x in self.named]
        if needs and not self.old:
            raise ValueError(needs)
        with _recording(keep_values):
            self.leaves = [_core._leaf(x) for x in self.old]
            fresh = dict(zip(map(id, self.old), self.leaves, strict=True))
            self.out = tree.distinct(f(tree.replace(inputs, fresh)))

    def pull(self, seeds: list[Tensor]) -> list[Tensor]:
        return _core._pull_back(tree.leaves(self.out), seeds, self.leaves)

    def push(self, tangents: list[Tensor]) -> list[Tensor]:
        return _core._push_forward(tree.leaves(self.out), self.leaves, tangents)


def _matching(name: str, wanted: list[Tensor], given: Any, of: str) -> list[Tensor]:
    """The leaves of `given`, checked against the tensors they belong to."""
    numbers = isinstance(given, (int, float)) and wanted
    found = [_core.full((), given, wanted[0].dtype)] if numbers else tree.leaves(tree.distinct(given))
    if len(found) != len(wanted):
        raise _core.ShapeError(f"{name}: {of} has {len(found)} tensors, needs {len(wanted)}")
    for g, w in zip(found, wanted, strict=True):
        if g.shape != w.shape:
            raise _core.ShapeError(f"{name}: {of} {g.shape} needs shape {w.shape}")
    return [g if g.dtype == w.dtype else _core.astype(g, w.dtype) for g, w in zip(found, wanted, strict=True)]


def _at(f: Callable, args: tuple, kwargs: dict, argnums: int | tuple[int, ...]) -> tuple[Callable, Any]:
    """f as a function of the chosen arguments alone, and these arguments."""
    single = isinstance(argnums, int)
    chosen = (argnums,) if isinstance(argnums, int) else tuple(argnums)
    for n in chosen:
        if not 0 <= n < len(args):
            raise ValueError(f"grad: argnums {argnums} needs that argument by position, got {len(args)}")

    def g(inputs: Any) -> Any:
        full = list(args)
        for n, x in zip(chosen, (inputs,) if single else inputs, strict=True):
            full[n] = x
        return f(*full, **kwargs)

    return g, args[chosen[0]] if single else tuple(args[n] for n in chosen)


def value_and_grad(f: Callable, argnums: int | tuple[int, ...] = 0, has_aux: bool = False) -> Callable:
    """x -> (f(x), ∇f(x)) for a function with one number as its value, by backward mode.

    Book: §4.4, (4.30)-(4.32)

    The gradient has the structure of the argument; for a module it is a dict {dotted parameter name: tensor}.
    With `has_aux`, f returns (value, anything) and the result is ((value, anything), gradient).
    Errors  ShapeError unless the value has one element; ValueError when there is nothing to differentiate
    """
    @wraps(f)
    def run(*args: Any, **kwargs: Any) -> tuple[Any, Any]:
        g, inputs = _at(f, args, kwargs, argnums)
        aux = None

        def scalar(x: Any) -> Any:
            nonlocal aux
            y = g(x)
            if has_aux:
                if not (isinstance(y, tuple) and len(y) == 2):
                    raise ValueError("grad: with has_aux the function must return (value, aux)")
                y, aux = y
            return y

        r = _Run(scalar, inputs, f"grad: argument {argnums} holds no floating tensor to differentiate in")
        y = r.out
        if type(y) is not Tensor or y.size != 1:
            got = f"shape {y.shape}" if type(y) is Tensor else type(y).__name__
            raise _core.ShapeError(f"grad: the function must return one number, got {got}; "
                                   "use jacobian or vjp for more")
        if not y.dtype.is_floating:
            raise _core.DTypeError(f"grad: the function must return a floating tensor, got {y.dtype.name}")
        grads = r.pull([_core.full(y.shape, 1.0, y.dtype, y.device)])
        value = _released((y, aux) if has_aux else y)
        return value, tree.like(r.inputs, grads, r.named)

    return run


def grad(f: Callable, argnums: int | tuple[int, ...] = 0, has_aux: bool = False) -> Callable:
    """x -> ∇f(x), by backward mode; with `has_aux`, (∇f(x), aux).   Book: §4.4, (4.30)-(4.32)"""
    both = value_and_grad(f, argnums, has_aux)

    @wraps(f)
    def run(*args: Any, **kwargs: Any) -> Any:
        value, g = both(*args, **kwargs)
        return (g, value[1]) if has_aux else g

    return run


def _as_inputs(f: Callable, x: Any) -> Callable:
    """A tuple of inputs is a list of arguments; anything else is the one argument."""
    return (lambda v: f(*v)) if type(x) is tuple else f


def jvp(f: Callable, x: Any, v: Any) -> tuple[Any, Any]:
    """(f(x), J v): the derivative of f at x along v, by forward mode.   Book: §4.4, (4.28)-(4.29)

    `x` and `v` are one argument each, or tuples of equal length for a function of several.
    """
    r = _Run(_as_inputs(f, x), x)
    tangents = r.push(_matching("jvp", r.old, v, "v"))
    return _released(r.out), tree.like(r.out, tangents)


def vjp(f: Callable, x: Any, u: Any) -> tuple[Any, Any]:
    """(f(x), Jᵀ u): the adjoint of f's derivative at x applied to u, by backward mode.

    Book: §4.4, (4.31)-(4.32)

    `x` is one argument, or a tuple for a function of several; `u` has the structure of f(x).
    """
    r = _Run(_as_inputs(f, x), x)
    pulled = r.pull(_matching("vjp", tree.leaves(r.out), u, "u"))
    return _released(r.out), tree.like(r.inputs, pulled, r.named)


def stop_gradient(x: Any) -> Any:
    """x as a constant: transforms do not look behind it."""
    return tree.map(_core.stop_gradient, x)


def hvp(f: Callable, x: Any, v: Any) -> Any:
    """∇²f(x) v without forming the Hessian: forward mode over the gradient.   Book: §4.4"""
    g = grad(lambda *a: f(*a), argnums=tuple(range(len(x)))) if type(x) is tuple else grad(f)
    return jvp(g, x, v)[1]


def jacobian(f: Callable, mode: str | None = None) -> Callable:
    """x -> J = ∂f/∂x for one tensor in and one out, shape (*f(x).shape, *x.shape).   Book: appendix A

    Forward mode gives J by columns, backward mode by rows; None takes the one with fewer walks.
    Cost  min(inputs, outputs) walks over one recorded graph
    """
    if mode not in (None, "forward", "backward"):
        raise ValueError(f"jacobian: mode {mode!r} is none of 'forward', 'backward', None")

    @wraps(f)
    def run(x: Tensor, *rest: Any, **kwargs: Any) -> Tensor:
        if not tree.is_leaf(x):
            raise _core.DTypeError("jacobian: the first argument must be one floating tensor")
        r = _Run(lambda v: f(v, *rest, **kwargs), x)
        y = r.out
        if type(y) is not Tensor:
            raise TypeError(f"jacobian: the function must return one tensor, got {type(y).__name__}")
        forward = x.size < y.size if mode is None else mode == "forward"
        basis = _core.reshape(_core.eye(x.size if forward else y.size, dtype=x.dtype if forward else y.dtype,
                                        device=x.device), (-1, *(x.shape if forward else y.shape)))
        if forward:
            columns = [r.push([basis[i]])[0] for i in range(x.size)]
            flat = _core.stack(columns, -1) if columns else _core.zeros((*y.shape, 0), y.dtype, y.device)
            return _released(_core.reshape(flat, (*y.shape, *x.shape)))
        # Each pull gives up the graph of the tensors it is handed: hand out a fresh view of y each time.
        keep = [_core._again(y) for _ in range(y.size)]
        rows = [_core._pull_back([k], [basis[i]], r.leaves)[0] for i, k in enumerate(keep)]
        flat = _core.stack(rows, 0) if rows else _core.zeros((0, *x.shape), x.dtype, x.device)
        return _released(_core.reshape(flat, (*y.shape, *x.shape)))

    return run


def hessian(f: Callable) -> Callable:
    """x -> ∇²f(x), shape (*x.shape, *x.shape): forward mode over backward mode.   Book: §4.4"""
    return jacobian(grad(f), mode="forward")


def checkpoint(f: Callable) -> Callable:
    """f, recomputed in the backward walk instead of remembered: memory for time.

    Random streams among the arguments draw the same numbers again. Tensors that f closes over are constants
    to it: pass what is to be differentiated as an argument.
    """
    @wraps(f)
    def run(*args: Any) -> Any:
        old = tree.leaves(args)
        streams = _streams(args)
        before = [s.state() for s in streams]
        with _paused():
            out = f(*tree.replace(args, {id(x): _core.stop_gradient(x) for x in old}))
        if _core._recording() == 0:
            return out

        def again(inputs: list) -> Any:
            after = [s.state() for s in streams]
            for s, state in zip(streams, before, strict=True):
                s.restore(state)
            try:
                return f(*tree.replace(args, dict(zip(map(id, old), inputs, strict=True))))
            finally:
                for s, state in zip(streams, after, strict=True):
                    s.restore(state)

        ys = tree.leaves(out)

        def push(of: list[int], i: int, d: Tensor, _: list) -> list:
            tangents = [d if j == i else _zeros(x) for j, x in enumerate(old)]
            pushed = tree.leaves(jvp(again, old, tangents)[1])
            return [pushed[k] for k in of]

        def pull(of: list[int], ds: list, _: list) -> list:
            seeds = [ds[of.index(k)] if k in of else _zeros(y) for k, y in enumerate(ys)]
            return _Run(again, old).pull(seeds)

        linked = {}
        for dtype in {y.dtype for y in ys}:
            of = [k for k, y in enumerate(ys) if y.dtype == dtype]
            results = _linked("checkpoint", [ys[k] for k in of], old, partial(push, of), partial(pull, of))
            linked.update({id(ys[k]): z for k, z in zip(of, results, strict=True)})
        return tree.replace(out, linked)

    return run


def _streams(args: Any) -> list:
    """The random streams in a tree of arguments, each once."""
    from .random import Rng
    if isinstance(args, Rng):
        return [args]
    parts = tree.children(args)
    if parts is not None and tree.is_object(args):
        parts = vars(args)                               # streams are no parts of a module's tree
    return list({id(r): r for part in (parts or {}).values() for r in _streams(part)}.values())


@contextmanager
def _paused() -> Iterator[None]:
    depth = _core._pause_recording()
    try:
        yield
    finally:
        _core._resume_recording(depth)


def custom_rule(f: Callable, pull: Callable | None = None, push: Callable | None = None) -> Callable:
    """f with a derivative of its own: pull(d, y, *x) -> Jᵀ d, one tensor per input, push(v, y, *x) -> J v.

    `x` are the tensors f was given, `y = f(*x)`, `v` a tuple of tangents; where f returns several tensors,
    y, d and J v are tuples as well. The rules are written in ops, so they can be differentiated again; a rule
    that is not given raises when its mode is used.
    Errors  TypeError unless f takes tensors and returns a tensor or a tuple of floating tensors of one type
    """
    @wraps(f)
    def run(*x: Tensor) -> Any:
        if not all(type(v) is Tensor for v in x):
            raise TypeError("custom_rule: the function takes tensors only; bind other arguments beforehand")
        with _paused():
            y = f(*[_core.stop_gradient(v) for v in x])
        several = type(y) is tuple
        ys = list(y) if several else [y]
        if not ys or not all(type(v) is Tensor for v in ys):
            raise TypeError("custom_rule: the function must return a tensor or a tuple of tensors, got "
                            f"{type(y).__name__}")
        if several and (len({v.dtype for v in ys}) > 1 or not ys[0].dtype.is_floating):
            raise TypeError("custom_rule: several results must be floating and of one type, got "
                            f"{', '.join(v.dtype.name for v in ys)}")

        def bare(values: list) -> Any:
            return tuple(values) if several else values[0]

        def push_one(i: int, d: Tensor, ys: list) -> list:
            if push is None:
                raise RuntimeError("custom_rule: no push rule was given, forward mode is not available")
            pushed = push(tuple(d if j == i else _zeros(t) for j, t in enumerate(x)), bare(ys), *x)
            return _listed("push", pushed, ys, "results")

        def pull_all(ds: list, ys: list) -> list:
            if pull is None:
                raise RuntimeError("custom_rule: no pull rule was given, backward mode is not available")
            return _listed("pull", pull(bare(ds), bare(ys), *x), x, "inputs")

        name = getattr(f, "__name__", "<lambda>")
        return bare(_linked("custom" if name == "<lambda>" else name, ys, list(x), push_one, pull_all))

    return run


def _listed(rule: str, given: Any, wanted: Any, what: str) -> list:
    """What a rule gave, a tensor for each that is wanted."""
    found = [given] if type(given) is Tensor else list(given)
    if [d.shape for d in found] != [t.shape for t in wanted]:
        raise _core.ShapeError(f"custom_rule: the {rule} rule gave shapes {[d.shape for d in found]}, "
                               f"the {what} have {[t.shape for t in wanted]}")
    return found


def _zeros(x: Tensor) -> Tensor:
    return _core.zeros(x.shape, x.dtype, x.device)


def _linked(op: str, ys: list, xs: list, push: Callable, pull: Callable) -> list:
    """ys as the results of one op on xs: push(i, d, ys) from input i to all ys, pull(ds, ys) to all xs.

    A node has one result. Several, of one type, are views of a row in which they lie one after another.
    """
    if _core._recording() == 0 or not any(x.recorded for x in xs):
        return ys
    if len(ys) == 1:
        return [_core._custom(op, ys[0], xs, lambda i, d, y: push(i, d, [y])[0], lambda d, y: pull([d], [y]))]
    ends = list(accumulate(y.size for y in ys))
    shapes = [y.shape for y in ys]

    def joined(parts: list) -> Tensor:
        return _core.concat([_core.reshape(p, (-1,)) for p in parts])

    def parts(row: Tensor) -> list:
        pieces = zip([0, *ends], ends, shapes, strict=False)
        return [_core.reshape(row[begin:end], shape) for begin, end, shape in pieces]

    return parts(_core._custom(op, joined(ys), xs, lambda i, d, row: joined(push(i, d, parts(row))),
                               lambda d, row: pull(parts(d), parts(row))))


def vmap(f: Callable, in_axes: int | None | tuple = 0, out_axes: int = 0) -> Callable:
    """f over a batch: applied to each slice along `in_axes` and stacked along `out_axes`.

    `in_axes` is one axis for all arguments or a tuple with one entry each; None hands an argument to every
    call.
    Most ops take leading axes as batch axes already and need no vmap.
    Cost  one call of f per slice
    """
    @wraps(f)
    def run(*args: Any) -> Any:
        axes = in_axes if isinstance(in_axes, tuple) else (in_axes,) * len(args)
        if len(axes) != len(args):
            raise ValueError(f"vmap: in_axes has {len(axes)} entries for {len(args)} arguments")
        sizes = {x.shape[a] for arg, a in zip(args, axes, strict=True) if a is not None
                 for x in tree.leaves(arg, tree.is_tensor)}
        if len(sizes) != 1:
            raise _core.ShapeError(f"vmap: the mapped axes have sizes {sorted(sizes)}, need one size")
        n = sizes.pop()
        if n == 0:
            raise _core.ShapeError("vmap: the mapped axis is empty")

        def part(arg: Any, axis: int | None, i: int) -> Any:
            if axis is None:
                return arg
            return tree.map(lambda x: _core.select(x, axis, i), arg, is_leaf=tree.is_tensor)

        outs = [f(*[part(arg, a, i) for arg, a in zip(args, axes, strict=True)]) for i in range(n)]
        return tree.map(lambda *ys: _core.stack(list(ys), out_axes), *outs, is_leaf=tree.is_tensor)

    return run
