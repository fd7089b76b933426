"""Einstein's summation: products of tensors summed over the letters that the result does not name.

An operand is a tensor with a name for each axis. Operands are contracted two at a time, each pair by one
batched matrix product: axes that both have and the rest still needs are its batch, axes that only these two
have are summed.
"""
from __future__ import annotations

from functools import reduce
from itertools import combinations
from math import prod

import chainrule as cr

from .._core import Tensor

Names = tuple[str, ...]
Operand = tuple[Tensor, Names]


def einsum(subscripts: str, *operands: Tensor) -> Tensor:
    """Σ of products over the letters absent from the result: "bik,bkj->bij" is a batch of matrix products.

    Without "->" the result has the letters that occur once, in alphabetical order, after the axes of "...".
    A letter twice in one operand takes its diagonal; "..." stands for leading axes, which broadcast.
    Errors  ValueError for subscripts that make no sense; ShapeError where sizes of a letter differ
    Cost    pairs are taken greedily, those first whose product is small beside its factors
    Example
        >>> cr.einsum("ij,j->i", cr.ones((2, 3)), cr.ones(3)).tolist()
        [3.0, 3.0]
    """
    tensors = _of_one_type([cr.asarray(x) for x in operands])
    terms, result = _parse(subscripts, tensors)
    sizes = _sizes(subscripts, terms, tensors)
    pool = [_simple(subscripts, x, names) for x, names in zip(tensors, terms, strict=True)]
    while len(pool) > 1:
        pair = _next_pair(pool, result, sizes)
        rest = [p for k, p in enumerate(pool) if k not in pair]
        needed = set(result).union(*(names for _, names in rest))
        a, b = (pool[k] for k in pair)
        a, b = _summed(*a, needed.union(b[1])), _summed(*b, needed.union(a[1]))
        pool = [*rest, _contract(*a, *b, needed)]
    x, names = _summed(*pool[0], set(result))
    kept = [name for name in result if name in names]        # those of size 1 were left out
    x = cr.permute_dims(x, [names.index(name) for name in kept])
    return cr.reshape(x, [sizes[name] for name in result])


def _of_one_type(tensors: list[Tensor]) -> list[Tensor]:
    """All in the type of their product, so that sums of the first pairs are not made in a narrower one."""
    if len({x.dtype for x in tensors}) < 2:
        return tensors
    dtype = reduce(lambda t, x: cr.result_type(cr.empty(0, t), x), tensors[1:], tensors[0].dtype)
    return [x.astype(dtype) for x in tensors]


# ---- reading the subscripts
def _parse(subscripts: str, tensors: list[Tensor]) -> tuple[list[Names], Names]:
    """The names of each operand's axes and of the result's; those of "..." are "0", "1" from the last."""
    def wrong(reason: str) -> ValueError:
        return ValueError(f"einsum: {subscripts!r}: {reason}")

    left, arrow, right = subscripts.replace(" ", "").partition("->")
    parts = left.split(",")
    if len(parts) != len(tensors):
        raise wrong(f"names {len(parts)} operands, got {len(tensors)}")
    for part in (*parts, right):
        letters = part.replace("...", "", 1)
        if letters and not (letters.isascii() and letters.isalpha()):
            raise wrong("needs letters, commas, one '...' an operand and one '->'")

    def names(part: str, hidden: int) -> Names:
        before, dots, after = part.partition("...")
        return (*before, *(str(k) for k in reversed(range(hidden)) if dots), *after)

    terms, most = [], 0
    for k, (part, x) in enumerate(zip(parts, tensors, strict=True)):
        hidden = x.ndim - len(part.replace("...", ""))
        if hidden < 0 or hidden and "..." not in part:
            more = " or more" * ("..." in part)
            raise wrong(f"operand {k} of shape {x.shape} needs {x.ndim - hidden} axes{more}")
        terms.append(names(part, hidden))
        most = max(most, hidden)
    if not arrow:
        letters = "".join(parts).replace("...", "")
        right = "..." * (most > 0) + "".join(sorted(c for c in set(letters) if letters.count(c) == 1))
    result = names(right, most)
    if most and "..." not in right:
        raise wrong("the result needs '...' for the leading axes")
    if len(set(result)) < len(result):
        raise wrong("the result names a letter twice")
    if unknown := set(result) - {name for term in terms for name in term}:
        raise wrong(f"the result's {', '.join(sorted(unknown))} is in no operand")
    return terms, result


def _sizes(subscripts: str, terms: list[Names], tensors: list[Tensor]) -> dict[str, int]:
    """The size of each letter; 1 broadcasts."""
    sizes: dict[str, int] = {}
    for names, x in zip(terms, tensors, strict=True):
        for name, n in zip(names, x.shape, strict=True):
            known = sizes.setdefault(name, n)
            if known == 1:
                sizes[name] = n
            elif n not in (1, known):
                what = "leading axes" if name.isdigit() else f"letter {name}"
                raise cr.ShapeError(f"einsum: {subscripts!r}: sizes {known} and {n} of {what} differ")
    return sizes


# ---- one operand
def _simple(subscripts: str, x: Tensor, names: Names) -> Operand:
    """The operand with each name once, and without axes of size 1, which broadcast."""
    while len(set(names)) < len(names):
        second = next(k for k, name in enumerate(names) if name in names[:k])
        first = names.index(names[second])
        if x.shape[first] != x.shape[second]:
            raise cr.ShapeError(f"einsum: {subscripts!r}: the diagonal {names[first]} of shape {x.shape} "
                                "needs equal sizes")
        x = cr.diagonal(x, axis1=first, axis2=second)
        names = (*(n for k, n in enumerate(names) if k not in (first, second)), names[first])
    wide = [k for k, n in enumerate(x.shape) if n != 1]
    return cr.reshape(x, [x.shape[k] for k in wide]), tuple(names[k] for k in wide)


def _summed(x: Tensor, names: Names, keep: set[str]) -> Operand:
    """The operand summed over all names that nobody needs."""
    gone = tuple(k for k, name in enumerate(names) if name not in keep)
    return (cr.sum(x, axis=gone), tuple(n for n in names if n in keep)) if gone else (x, names)


# ---- two operands
def _next_pair(pool: list[Operand], result: Names, sizes: dict[str, int]) -> tuple[int, int]:
    """The pair whose product is the smallest in comparison with its factors."""
    def growth(pair: tuple[int, int]) -> int:
        (a, of_a), (b, of_b) = (pool[k] for k in pair)
        needed = set(result).union(*(names for k, (_, names) in enumerate(pool) if k not in pair))
        return prod(sizes[n] for n in needed.intersection((*of_a, *of_b))) - a.size - b.size

    return min(combinations(range(len(pool)), 2), key=growth)


def _contract(a: Tensor, of_a: Names, b: Tensor, of_b: Names, needed: set[str]) -> Operand:
    """The product of two operands, summed over the names that both have and nobody else needs."""
    batch = [n for n in of_a if n in of_b and n in needed]
    inner = [n for n in of_a if n in of_b and n not in needed]
    left, right = [n for n in of_a if n not in of_b], [n for n in of_b if n not in of_a]
    a = cr.permute_dims(a, [of_a.index(n) for n in (*batch, *left, *inner)])
    b = cr.permute_dims(b, [of_b.index(n) for n in (*batch, *inner, *right)])
    lead, rows = a.shape[:len(batch)], a.shape[len(batch):a.ndim - len(inner)]
    columns = b.shape[b.ndim - len(right):]
    if inner:
        K = prod(a.shape[a.ndim - len(inner):])
        y = cr.matmul(cr.reshape(a, (*lead, prod(rows), K)), cr.reshape(b, (*lead, K, prod(columns))))
    else:
        y = cr.reshape(a, (*lead, prod(rows), 1)) * cr.reshape(b, (*lead, 1, prod(columns)))
    return cr.reshape(y, (*lead, *rows, *columns)), (*batch, *left, *right)
