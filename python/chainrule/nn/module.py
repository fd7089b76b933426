"""A model is a tree of tensors: attributes, lists and dicts, with dotted names as in PyTorch's files."""
from __future__ import annotations

from collections.abc import Iterator, Mapping
from fnmatch import fnmatch
from typing import Any, TypeVar

import numpy as np

import chainrule as cr

from .. import tree
from .._core import Tensor

Self = TypeVar("Self", bound="Module")


class Module:
    """A node of the tree: its tensors are parameters or buffers, its modules, lists and dicts are children.

    A floating tensor is a parameter, unless its attribute is listed in the class's `buffers` or it is frozen.
    A subclass sets attributes in __init__ and writes the formula in __call__; it need not call this class.
    Inside a transform the model is a copy that shares all but its parameters: an attribute set there is lost,
    a buffer written there in place (`self.mean[...] = `) stays.
    """
    buffers: tuple[str, ...] = ()
    training: bool = True
    frozen: frozenset[str] = frozenset()

    def __call__(self, *inputs: Any, **options: Any) -> Any:
        raise NotImplementedError(f"{type(self).__name__}: needs a __call__")

    # ---- what is in the tree

    def members(self) -> list[tuple[str, Any]]:
        """The tensors and modules right under this one: [(local name, Tensor or Module)]."""
        found: list[tuple[str, Any]] = []
        for name, value in vars(self).items():
            _gather(name, value, found)
        return found

    def tree_children(self) -> dict[str, Any]:
        """The attributes a transform looks into: all but buffers and what is frozen."""
        if not self.buffers and not self.frozen:
            return vars(self)
        hidden = (*self.buffers, *self.frozen)
        return {name: value for name, value in vars(self).items() if name not in hidden}

    def named_modules(self, prefix: str = "") -> Iterator[tuple[str, Module]]:
        """Every module once, this one first, each before its children."""
        seen = set()
        stack = [(prefix, self)]
        while stack:
            name, module = stack.pop()
            if id(module) not in seen:
                seen.add(id(module))
                yield name, module
                children = [(_join(name, local), m) for local, m in module.members() if isinstance(m, Module)]
                stack.extend(reversed(children))

    def entries(self, prefix: str = "") -> Iterator[tuple[str, str, Tensor]]:
        """(dotted name, "parameter" | "frozen" | "buffer", tensor) for every tensor and every name it has."""
        for local, member in self.members():
            name = _join(prefix, local)
            if isinstance(member, Module):
                yield from member.entries(name)
            else:
                yield name, self.role(local, member), member

    def role(self, local: str, tensor: Tensor) -> str:
        """What a tensor held by this module is: "parameter", "frozen" or "buffer"."""
        attribute = local.split(".", 1)[0]
        if attribute in self.buffers or not tensor.dtype.is_floating:
            return "buffer"
        return "frozen" if attribute in self.frozen else "parameter"

    def named_parameters(self, frozen: bool = False) -> dict[str, Tensor]:
        """{dotted name: parameter}; a shared one once, under its first name; frozen ones if asked for."""
        roles = ("parameter", "frozen") if frozen else ("parameter",)
        return _unique((name, tensor) for name, role, tensor in self.entries() if role in roles)

    def named_buffers(self) -> dict[str, Tensor]:
        """{dotted name: tensor that is saved but not trained}."""
        return _unique((name, tensor) for name, role, tensor in self.entries() if role == "buffer")

    def parameter_count(self, frozen: bool = True) -> int:
        """The number of weights, each shared one counted once."""
        return sum(tensor.size for tensor in self.named_parameters(frozen).values())

    # ---- the parameters as one vector

    def vector(self) -> Tensor:
        """θ: all parameters but frozen ones, one after the other, (d,).   Book: §1.1, y = f_θ(x)"""
        parts = list(self.named_parameters().values())
        if len({p.dtype for p in parts}) > 1:
            raise cr.DTypeError("vector: parameters of several dtypes need .to(dtype=...) first")
        return cr.concat([cr.reshape(p, (-1,)) for p in parts]) if parts else cr.zeros((0,))

    def at(self: Self, theta: Tensor) -> Self:
        """f_θ: this model with the vector θ in place of its parameters, differentiable in θ.   Book: §1.1

        Buffers, frozen parameters and random streams are shared with this model.
        Errors  ShapeError unless θ has the shape of vector()
        Example
            >>> net = cr.nn.Linear(3, 1, rng=cr.Rng(0))
            >>> cr.grad(lambda theta: cr.sum(net.at(theta)(cr.ones((1, 3)))))(net.vector()).tolist()
            [1.0, 1.0, 1.0, 1.0]
        """
        parts = list(self.named_parameters().values())
        d = sum(p.size for p in parts)
        if tuple(theta.shape) != (d,):
            raise cr.ShapeError(f"at: theta {tuple(theta.shape)} needs shape ({d},), one number a parameter")
        new, end = {}, 0
        for p in parts:
            new[id(p)] = cr.reshape(theta[end:end + p.size], tuple(p.shape))
            end += p.size
        return tree.replace(self, new)

    # ---- changes of the whole tree

    @property
    def device(self) -> str:
        """Where its tensors are, going by the first; "cpu" if it has none."""
        return next((tensor.device for _, _, tensor in self.entries()), "cpu")

    def to(self: Self, device: str | None = None, *, dtype: Any = None) -> Self:
        """Move every tensor to a device, and the floating ones to a dtype; make optimisers afterwards."""
        moved: dict[int, Tensor] = {}
        for _, _, tensor in self.entries():
            new = tensor if device is None else tensor.to(device)
            moved[id(tensor)] = new.astype(dtype) if dtype is not None and new.dtype.is_floating else new
        self._replace(moved)
        return self

    def _replace(self, new: Mapping[int, Tensor]) -> None:
        """Other tensors in the place of those the tree holds, by id."""
        for _, module in self.named_modules():
            for name, value in list(vars(module).items()):
                vars(module)[name] = _moved(value, new)

    def _give_memory(self) -> None:
        """Zeros of their own for the weights of an outline (init.Outline), which are views of one number."""
        tensors = {id(tensor): tensor for _, _, tensor in self.entries()}
        outlined = {key: t.copy() for key, t in tensors.items() if t.size > 1 and not any(t.strides)}
        if outlined:
            self._replace(tensors | outlined)

    def train(self: Self, mode: bool = True) -> Self:
        """Set `.training` here and in every module below."""
        for _, module in self.named_modules():
            module.training = mode
        return self

    def eval(self: Self) -> Self:
        """The opposite of train()."""
        return self.train(False)

    def freeze(self: Self, pattern: str = "*") -> Self:
        """Leave the parameters whose dotted name, or a module above, matches out of training."""
        return self._mark(pattern, frozenset.union)

    def unfreeze(self: Self, pattern: str = "*") -> Self:
        """Train the matching parameters again."""
        return self._mark(pattern, frozenset.difference)

    def _mark(self: Self, pattern: str, change: Any) -> Self:
        hits = 0
        for prefix, module in self.named_modules():
            held = [(local, fits(_join(prefix, local), pattern)) for local, member in module.members()
                    if isinstance(member, Tensor) and module.role(local, member) != "buffer"]
            hit = {local.split(".", 1)[0] for local, fit in held if fit}
            if hit & {local.split(".", 1)[0] for local, fit in held if not fit}:
                raise ValueError(f"freeze: {pattern!r} matches a part of a list; needs all of its tensors")
            hits += len(hit)
            if hit:
                module.frozen = change(module.frozen, hit)
        if not hits and pattern != "*":
            raise ValueError(f"freeze: no parameter matches {pattern!r}; see named_parameters()")
        return self

    # ---- saving and loading

    def state_dict(self) -> dict[str, Tensor]:
        """{dotted name: tensor} of all parameters and buffers, under every name they have."""
        return {name: tensor for name, _, tensor in self.entries()}

    def load_state_dict(self, state: Mapping[str, Any], strict: bool = True) -> tuple[list[str], list[str]]:
        """Copy a state into this model; (missing names, unexpected names), both empty if strict.

        Names and shapes are checked before the first number is written.
        """
        own = self.state_dict()
        missing = [name for name in own if name not in state]
        unexpected = [name for name in state if name not in own]
        if strict and (missing or unexpected):
            raise ValueError(f"load_state_dict: missing {missing}, unexpected {unexpected}")
        new = {name: _as_tensor(state[name]) for name in own if name in state}
        for name, tensor in new.items():
            if tuple(tensor.shape) != tuple(own[name].shape):
                raise cr.ShapeError(f"load_state_dict: {name} is {tuple(tensor.shape)}, "
                                    f"the model needs {tuple(own[name].shape)}")
        self._give_memory()
        own = self.state_dict()
        for name, tensor in new.items():
            own[name][...] = tensor.astype(own[name].dtype).to(own[name].device)
        return missing, unexpected

    # ---- showing

    def multiply_adds(self, x: Any, y: Any) -> int:
        """Products this layer (not its children) adds up to make y from x; elementwise work is free."""
        return 0

    def summary(self, inputs: Any) -> str:
        """A table of layers: output shape, parameters, multiply-adds; `inputs` is the shape of one sample.

        Example
        >>> print(cr.nn.Linear(4, 3, rng=cr.Rng(0)).summary((4,)))     # doctest: +SKIP
        """
        from .summary import summary
        return summary(self, inputs)

    def __repr__(self) -> str:
        settings = [f"{name}={value!r}" for name, value in vars(self).items()
                    if isinstance(value, (int, float, str)) and name not in ("training", "frozen")]
        lines = [f"  {name}: " + repr(child).replace("\n", "\n  ")
                 for name, child in self.members() if isinstance(child, Module)]
        head = f"{type(self).__name__}({', '.join(settings)}"
        return head + ")" if not lines else "\n".join([head, *lines, ")"])


class Sequential(Module):
    """x -> f_L(... f_2(f_1(x))): layers applied in order.   Book: §5.1, (5.1)

    Layers are named "0", "1", ... or by keyword: Sequential(conv=..., head=...).
    """
    def __init__(self, *layers: Any, **named: Any) -> None:
        self.names = (*map(str, range(len(layers))), *named)
        for name, layer in zip(self.names, (*layers, *named.values()), strict=True):
            if not callable(layer):
                raise TypeError(f"Sequential: layer {name} must be callable, got {type(layer).__name__}")
            setattr(self, name, layer)

    def __call__(self, x: Any) -> Any:
        for name in self.names:
            x = getattr(self, name)(x)
        return x

    def __len__(self) -> int:
        return len(self.names)

    def __iter__(self) -> Iterator[Any]:
        return (getattr(self, name) for name in self.names)

    def __getitem__(self, index: int | slice) -> Any:
        """A layer, or a Sequential that shares a slice of the layers."""
        layers = [getattr(self, name) for name in self.names]
        return Sequential(*layers[index]) if isinstance(index, slice) else layers[index]


def named_tensors(model: Any) -> dict[str, Tensor]:
    """{dotted name: trainable tensor} of a module, or of nested dicts, lists and tuples; a bare one is ""."""
    return dict(tree.named_leaves(model))


def fits(name: str, pattern: str) -> bool:
    """Whether the name, or a module above it, fits the shell pattern."""
    return fnmatch(name, pattern) or fnmatch(name, pattern + ".*")


def _join(prefix: str, name: str) -> str:
    return f"{prefix}.{name}" if prefix else name


def _gather(name: str, value: Any, found: list[tuple[str, Any]]) -> None:
    """Append the tensors and modules in one attribute, under their local names."""
    if isinstance(value, (Tensor, Module)):
        found.append((name, value))
    elif isinstance(value, dict):
        for key, item in value.items():
            _gather(f"{name}.{key}", item, found)
    elif isinstance(value, (list, tuple)):
        for i, item in enumerate(value):
            _gather(f"{name}.{i}", item, found)


def _branches(value: Any) -> bool:
    """Whether a tensor or a module can be found behind an attribute."""
    if isinstance(value, (dict, list, tuple)):
        return any(map(_branches, value.values() if isinstance(value, dict) else value))
    return isinstance(value, (Tensor, Module))


def _moved(value: Any, new: Mapping[int, Tensor]) -> Any:
    """The tensors in an attribute looked up in `new`; modules see to their own."""
    if isinstance(value, Tensor):
        return new[id(value)]
    if isinstance(value, (dict, list, tuple)) and _branches(value):
        parts = value.items() if isinstance(value, dict) else enumerate(value)
        return tree.rebuilt(value, {key: _moved(item, new) for key, item in parts})
    return value


def _unique(pairs: Any) -> dict[str, Tensor]:
    """The pairs as a dict, without later names of the same tensor."""
    first: dict[int, tuple[str, Tensor]] = {}
    for name, tensor in pairs:
        first.setdefault(id(tensor), (name, tensor))
    return dict(first.values())


def _as_tensor(value: Any) -> Tensor:
    return value if isinstance(value, Tensor) else cr.asarray(np.asarray(value))
