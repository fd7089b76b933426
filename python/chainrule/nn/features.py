"""What a model computes on the way: outputs of its inner layers as derived features.   Book: §1.2, §5.1"""
from __future__ import annotations

from typing import Any

from .. import tree
from .module import Module


def activations(model: Module, names: str | list[str] | tuple[str, ...], *inputs: Any, **options: Any) -> Any:
    """The output of the module with that dotted name when the model runs on these inputs.   Book: §1.2

    With a list of names, {name: output}; a module that is called several times gives its last output. The
    results are differentiable in the model and the inputs like any other.
    Errors  ValueError for a name that is no module, or one that the run does not call
    Example
        >>> net = cr.models.LeNet(rng=cr.Rng(0))
        >>> cr.nn.activations(net, "trunk.2", cr.zeros((5, 1, 28, 28))).shape
        (5, 16, 12, 12)
    """
    wanted = [names] if isinstance(names, str) else list(names)
    found: dict[str, Any] = {}
    copy = tree.replace(model, {})
    modules = dict(copy.named_modules())
    for name in wanted:
        if name not in modules:
            known = ", ".join(list(modules)[1:6])
            raise ValueError(f"activations: no module {name!r}; there are {known} ... (named_modules())")
        _listen(modules[name], name, found)
    copy(*inputs, **options)
    for name in wanted:
        if name not in found:
            raise ValueError(f"activations: the model did not call {name!r} on these inputs")
    return found[wanted[0]] if isinstance(names, str) else {name: found[name] for name in wanted}


def _listen(module: Module, name: str, found: dict[str, Any]) -> None:
    """Python looks __call__ up on the class: give this one object a class that keeps what it returns."""
    kind = type(module)

    def run(self: Any, *inputs: Any, **options: Any) -> Any:
        found[name] = kind.__call__(self, *inputs, **options)
        return found[name]

    module.__class__ = type(kind.__name__, (kind,), {"__call__": run})
