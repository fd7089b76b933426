"""Sorting, selecting and searching."""
import chainrule as cr
import numpy as np

from .checks import integers, normal, spaced


def stable(x, axis=-1, descending=False):
    """NumPy's stable argsort; descending by the negated keys, so that equal elements and NaN stay as they are."""
    return np.argsort(-x.astype(float) if descending else x, axis=axis, kind="stable")


def top(x, k, axis=-1, largest=True):
    order = np.take(stable(x, axis, largest), np.arange(k), axis)
    return np.take_along_axis(x, order, axis), order


LONG = spaced(2, 1000)                                   # rows this long go to the radix sort
MIXED = np.array([[np.nan, 2.0, -np.inf, 0.0, -0.0, np.inf, np.nan, -2.0, 0.0, 2.0]])

CASES = {
    "argsort": (cr.argsort, stable, [normal(3, 5)]),
    "argsort_axis": (lambda x: cr.argsort(x, axis=0), lambda x: stable(x, 0), [normal(5, 2, 3)]),
    "argsort_down": (lambda x: cr.argsort(x, descending=True), lambda x: stable(x, -1, True), [normal(3, 5)]),
    "sort": (cr.sort, np.sort, [spaced(3, 5)]),
    "sort_axis": (lambda x: cr.sort(x, axis=1), lambda x: np.sort(x, 1), [spaced(2, 5, 3)]),
    "sort_down": (lambda x: cr.sort(x, axis=0, descending=True), lambda x: np.sort(x, 0)[::-1], [spaced(7, 2)]),
    "sort_long": (cr.sort, np.sort, [LONG]),
    "topk": (lambda x: cr.topk(x, 2), lambda x: top(x, 2), [spaced(3, 5)]),
    "topk_axis": (lambda x: cr.topk(x, 3, axis=1), lambda x: top(x, 3, 1), [spaced(2, 5, 3)]),
    "topk_smallest": (lambda x: cr.topk(x, 2, largest=False), lambda x: top(x, 2, -1, False), [spaced(3, 5)]),
    "topk_all": (lambda x: cr.topk(x, 5), lambda x: top(x, 5), [spaced(3, 5)]),
    "topk_few_of_many": (lambda x: cr.topk(x, 3), lambda x: top(x, 3), [LONG]),
    "topk_some_of_many": (lambda x: cr.topk(x, 40), lambda x: top(x, 40), [LONG]),
    "searchsorted": (lambda v: cr.searchsorted(cr.tensor([-1.0, 0.0, 0.5, 2.0], dtype=v.dtype), v),
                     lambda v: np.searchsorted([-1.0, 0.0, 0.5, 2.0], v), [normal(3, 4)]),
    "searchsorted_rows": (lambda v: cr.searchsorted(cr.tensor([[0.0, 1.0], [-1.0, 3.0], [2.0, 2.0]]), v, side="right"),
                          lambda v: np.stack([np.searchsorted(s, r, "right") for s, r
                                              in zip([[0.0, 1.0], [-1.0, 3.0], [2.0, 2.0]], v, strict=False)]),
                          [normal(3, 4)], {"resized": "sorted has three rows"}),
}

TIES = integers(0, 4, 3, 700)
HALF = np.array([np.nan, 1.0, -np.inf, 0.5, np.inf, -0.0, 0.0, -3.0, 1.0, np.nan])

CORNERS = {
    **{f"argsort_{name}_{way}": (lambda x, d=d: cr.argsort(x, descending=d), lambda x, d=d: stable(x, -1, d), [x])
       for name, x in {"nan": MIXED, "nan_long": np.tile(MIXED, 80), "ties": TIES, "bool": TIES > 1,
                       "int32": TIES.astype(np.int32) - 2, "uint8": TIES.astype(np.uint8),
                       "one": normal(4, 1), "none": normal(0, 4), "empty": normal(4, 0)}.items()
       for way, d in (("up", False), ("down", True))},
    **{f"argsort_{dtype}_{way}": (lambda x, t=dtype, d=d: cr.argsort(x.astype(getattr(cr, t)), descending=d),
                                  lambda x, d=d: stable(x, -1, d), [HALF])
       for dtype in ("float16", "bfloat16") for way, d in (("up", False), ("down", True))},
    "argsort_int64": (cr.argsort, stable, [np.array([2**62 + 1, -2**63, 2**62, 2**63 - 1, 0, -1])]),
    "argsort_unstable": (lambda x: cr.argsort(x, stable=False), stable, [TIES]),
    "sort_nan": (cr.sort, np.sort, [MIXED]),
    "sort_bool": (cr.sort, np.sort, [TIES > 1]),
    "sort_empty": (cr.sort, np.sort, [normal(0, 3)]),
    "topk_none": (lambda x: cr.topk(x, 0), lambda x: top(x, 0), [normal(3, 4)]),
    "topk_ties": (lambda x: cr.topk(x, 5), lambda x: top(x, 5), [TIES]),
    "topk_nan": (lambda x: cr.topk(x, 9), lambda x: top(x, 9), [MIXED]),
    **{f"searchsorted_{side}": (lambda s, v, side=side: cr.searchsorted(s, v, side),
                                lambda s, v, side=side: np.searchsorted(s, v, side),
                                [np.array([-np.inf, 0, 0, 1, 1, 5, np.nan]), np.array([0, 1, 5.5, np.nan, -np.inf, np.inf, -9])])
       for side in ("left", "right")},
    "searchsorted_integers": (cr.searchsorted, np.searchsorted, [np.array([1, 3, 3, 7]), integers(0, 9, 4, 5)]),
    "searchsorted_sorter": (lambda s, v: cr.searchsorted(s, v, sorter=cr.argsort(s)), lambda s, v: np.searchsorted(np.sort(s), v),
                            [spaced(7), normal(5)]),
    "searchsorted_nothing": (cr.searchsorted, np.searchsorted, [normal(0), normal(3)]),
    "searchsorted_for_nothing": (cr.searchsorted, np.searchsorted, [normal(3), normal(0)]),
}

X = cr.ones((3, 4))
ERRORS = {
    "argsort_scalar": (lambda: cr.argsort(cr.tensor(1.0)), IndexError, "argsort: axis -1 is out of range for 0 axes"),
    "sort_axis": (lambda: cr.sort(X, axis=2), IndexError, "sort: axis 2 is out of range for 2 axes"),
    "topk_many": (lambda: cr.topk(X, 5), ValueError, r"topk: k must lie in 0 ... 4, the size of axis 1, got 5"),
    "topk_negative": (lambda: cr.topk(X, -1), ValueError, "topk: k must lie in 0 ... 4, .*, got -1"),
    "searchsorted_side": (lambda: cr.searchsorted(X[0], X, side="middle"), ValueError,
                          "searchsorted: side must be 'left' or 'right', got 'middle'"),
    "searchsorted_rows": (lambda: cr.searchsorted(X, X[:2]), cr.ShapeError,
                          r"searchsorted: sorted \(3, 4\) and values \(2, 4\) need sorted of one axis, or equal .*"),
    "searchsorted_scalar": (lambda: cr.searchsorted(cr.tensor(1.0), X), cr.ShapeError, "searchsorted: sorted .*"),
}
