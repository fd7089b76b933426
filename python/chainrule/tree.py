"""Trees of tensors: dicts, lists, tuples and modules, taken apart into leaves and put together again.

A *leaf* is a floating tensor; everything else (integers, masks, strings, random streams) stays where it is.
A tensor that occurs twice (tied weights) is one leaf. No walk is an inner function that calls itself: such a
one is a cycle, which keeps tensors alive until the garbage is collected.
"""
from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ._core import Tensor, _again

Rebuild = Callable[[list], Any]
PLAIN = frozenset({int, float, str, bool, type(None)})


def is_leaf(x: Any) -> bool:
    return type(x) is Tensor and x.dtype.is_floating


def is_tensor(x: Any) -> bool:
    return type(x) is Tensor


def _plain(node: Any) -> bool:
    """Whether this is a number, a word or a tuple of them: most attributes, sorted out first for speed."""
    kind = type(node)
    return kind in PLAIN or (kind is tuple and PLAIN.issuperset([type(part) for part in node]))


def children(node: Any) -> dict[Any, Any] | None:
    """The parts of a tree's node by key, or None where the tree ends.

    A class takes part by a method `tree_children()` that returns {attribute name: value}; modules have one.
    """
    if isinstance(node, dict):
        return node
    if isinstance(node, (list, tuple)):
        return dict(enumerate(node))
    method = getattr(type(node), "tree_children", None)
    return method(node) if method else None


def rebuilt(node: Any, parts: dict[Any, Any]) -> Any:
    """The node with these parts; an object is copied shallowly, so that what is no part is shared."""
    if isinstance(node, dict):
        return type(node)(parts) if type(node) is not dict else parts
    if isinstance(node, tuple):
        values = parts.values()
        return type(node)(*values) if hasattr(node, "_fields") else tuple(values)
    if isinstance(node, list):
        return list(parts.values())
    new = object.__new__(type(node))
    new.__dict__ = node.__dict__ | parts
    return new


def named_leaves(tree: Any, is_leaf: Callable[[Any], bool] = is_leaf) -> list[tuple[str, Tensor]]:
    """(dotted path, leaf) in the order of the tree; a shared leaf comes once, under its first name."""
    if is_leaf(tree):
        return [("", tree)]
    found: list[tuple[str, Tensor]] = []
    if (parts := children(tree)) is not None:
        _find_leaves(parts, "", is_leaf, {id(tree)}, found)
    return found


def _find_leaves(parts: dict[Any, Any], path: str, is_leaf: Callable[[Any], bool], seen: set[int],
                 found: list[tuple[str, Tensor]]) -> None:
    for key, part in parts.items():
        kind = type(part)
        if kind in PLAIN or id(part) in seen or (kind is tuple and _plain(part)):
            continue
        if is_leaf(part):
            seen.add(id(part))
            found.append((f"{path}{key}", part))
        elif kind is not Tensor and (inner := children(part)) is not None:
            seen.add(id(part))
            _find_leaves(inner, f"{path}{key}.", is_leaf, seen, found)


def leaves(tree: Any, is_leaf: Callable[[Any], bool] = is_leaf) -> list[Tensor]:
    """The leaves in the order of the tree."""
    if type(tree) is Tensor:
        return [tree] if is_leaf(tree) else []
    return [x for _, x in named_leaves(tree, is_leaf)]


def replace(tree: Any, new: dict[int, Any]) -> Any:
    """The tree with every leaf x replaced by new[id(x)]; sharing inside the tree is kept.

    Modules are always copied, so that attributes set there are lost; a container without them is shared.
    """
    return _replaced(tree, new, {})


def _replaced(node: Any, new: dict[int, Any], done: dict[int, Any]) -> Any:
    if type(node) is Tensor:
        return new.get(id(node), node)
    if _plain(node):
        return node
    if id(node) in done:
        return done[id(node)]
    parts = children(node)
    if parts is None:
        return node
    fresh = {key: part if (kind := type(part)) in PLAIN else new.get(id(part), part) if kind is Tensor
             else _replaced(part, new, done) for key, part in parts.items()}
    container = isinstance(node, (dict, list, tuple))
    same = container and all(fresh[key] is part for key, part in parts.items())
    done[id(node)] = result = node if same else rebuilt(node, fresh)
    return result


def distinct(tree: Any) -> Any:
    """The tree with a tensor of its own at each place of a dict, list or tuple, on the same bytes and node.

    For what stands there by position (arguments, results, directions), where one tensor twice is two values.
    """
    if type(tree) is Tensor:
        return tree
    return _distinct(tree, set())


def _distinct(node: Any, seen: set[int]) -> Any:
    if is_leaf(node):
        repeated = id(node) in seen
        seen.add(id(node))
        return _again(node) if repeated else node
    if is_object(node):
        return node
    parts = children(node)
    if parts is None:
        return node
    return rebuilt(node, {key: _distinct(part, seen) for key, part in parts.items()})


def flatten(tree: Any, is_leaf: Callable[[Any], bool] = is_leaf) -> tuple[list[Tensor], Rebuild]:
    """The leaves, and a function that puts the tree together again around other ones."""
    old = leaves(tree, is_leaf)

    def rebuild(new: list) -> Any:
        if len(new) != len(old):
            raise ValueError(f"unflatten: {len(new)} leaves given, the tree has {len(old)}")
        return replace(tree, {id(x): y for x, y in zip(old, new, strict=True)})

    return old, rebuild


def unflatten(rebuild: Rebuild, new: list) -> Any:
    """The tree around other leaves; `rebuild` is the second result of `flatten`."""
    return rebuild(new)


def is_object(tree: Any) -> bool:
    """Whether the tree's root is a module: its gradient is then a dict by dotted name."""
    return not isinstance(tree, (dict, list, tuple)) and children(tree) is not None


def like(tree: Any, new: list, named: list[tuple[str, Tensor]] | None = None) -> Any:
    """Values in the shape of the tree: a dict {dotted name: value} for each module, else the same structure.

    `named` are the tree's named leaves, where they are known.
    """
    named = named_leaves(tree) if named is None else named
    if is_object(tree):
        return {name: y for (name, _), y in zip(named, new, strict=True)}
    return _like(tree, {id(x): y for (_, x), y in zip(named, new, strict=True)})


def _like(node: Any, values: dict[int, Any]) -> Any:
    if is_leaf(node):
        return values[id(node)]
    if is_object(node):
        return {name: values[id(x)] for name, x in named_leaves(node)}
    parts = children(node)
    return node if parts is None else rebuilt(node, {key: _like(part, values) for key, part in parts.items()})


def map(f: Callable, tree: Any, *rest: Any, is_leaf: Callable[[Any], bool] = is_leaf) -> Any:
    """f applied to the leaves of trees of one structure, result in that structure."""
    first, rebuild = flatten(tree, is_leaf)
    others = [leaves(t, is_leaf) for t in rest]
    for n, other in enumerate(others, 2):
        if len(other) != len(first):
            raise ValueError(f"tree.map: tree 1 has {len(first)} leaves, tree {n} has {len(other)}")
    return rebuild([f(*xs) for xs in zip(first, *others, strict=True)])
