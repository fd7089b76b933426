"""Picking and adding by index, one-hot vectors and distinct values."""
import chainrule as cr
import numpy as np

from .checks import integers, normal, spaced


def at(shape, index, axis, source, base=None):
    """np.add.at on zeros, or on a copy of base, with one index along an axis."""
    y = np.zeros(shape) if base is None else base.copy()
    np.add.at(np.moveaxis(y, axis, 0), index, np.moveaxis(source, axis, 0))
    return y


def along(base, axis, index, source):
    """Each element of source added at its own index: the plain loop."""
    y = base.copy()
    for place in np.ndindex(index.shape):
        to = list(place)
        to[axis] = index[place]
        y[tuple(to)] += source[place]
    return y


def cut_gather(x, axis, index):
    """PyTorch's gather: index may be smaller than x off the axis."""
    corner = tuple(slice(None) if a == axis else slice(n) for a, n in enumerate(index.shape))
    return np.take_along_axis(x[corner], index, axis)


ALONG = integers(-5, 5, 3, 7, 2)
INT32 = integers(-4, 4, 6).astype(np.int32)

CASES = {
    "take": (lambda x: cr.take(x, cr.tensor([2, 0, -1, 2])), lambda x: np.take(x, [2, 0, -1, 2]), [normal(5)]),
    "take_flat": (lambda x: cr.take(x, cr.tensor([3, 11])), lambda x: np.take(x, [3, 11]), [normal(4, 3)]),
    "take_rows": (lambda x: cr.take(x, cr.asarray(INT32), axis=0), lambda x: np.take(x, INT32, 0), [normal(4, 3)]),
    "take_middle": (lambda x, i: cr.take(x, i, axis=1), lambda x, i: np.take(x, i, 1),
                    [normal(2, 5, 3), integers(-5, 5, 2, 4)]),
    "take_last": (lambda x, i: cr.take(x, i, -1), lambda x, i: np.take(x, i, -1), [normal(3, 5), integers(0, 5, 8)]),
    "take_one": (lambda x: cr.take(x, 1, axis=1), lambda x: np.take(x, 1, 1), [normal(3, 2, 2)]),
    "take_none": (lambda x: cr.take(x, cr.zeros(0, dtype=cr.int64), axis=0), lambda x: x[:0], [normal(4, 3)]),
    "take_along_axis": (lambda x, i: cr.take_along_axis(x, i, axis=1), lambda x, i: np.take_along_axis(x, i, 1),
                        [normal(3, 5, 2), ALONG]),
    "take_along_axis_last": (cr.take_along_axis, lambda x, i: np.take_along_axis(x, i, -1),
                             [normal(4, 3), integers(-3, 3, 4, 6)]),
    "take_along_axis_line": (cr.take_along_axis, lambda x, i: x[i], [normal(6), integers(0, 6, 9)]),
    "take_along_axis_first": (lambda x, i: cr.take_along_axis(x, i, axis=0), lambda x, i: np.take_along_axis(x, i, 0),
                              [normal(4, 3), integers(0, 4, 2, 3)]),
    "take_along_axis_broadcast": (lambda x, i: cr.take_along_axis(x, i, axis=1),
                                  lambda x, i: np.take_along_axis(x, i, 1), [normal(1, 5, 4), integers(0, 5, 3, 2, 1)]),
    "gather": (lambda x, i: cr.gather(x, 1, i), lambda x, i: np.take_along_axis(x, i, 1), [normal(3, 5, 2), ALONG]),
    "gather_smaller": (lambda x, i: cr.gather(x, 0, i), lambda x, i: cut_gather(x, 0, i),
                       [normal(4, 3), integers(-4, 4, 6, 1)]),
    "index_select": (lambda x, i: cr.index_select(x, 1, i), lambda x, i: x[:, i], [normal(3, 5), integers(-5, 5, 7)]),
    "index_add": (lambda x, i, s: cr.index_add(x, 0, i, s), lambda x, i, s: at(None, i, 0, s, x),
                  [normal(4, 3), integers(-4, 4, 9), normal(9, 3)]),
    "index_add_sorted": (lambda x, s: cr.index_add(x, 1, cr.tensor([0, 0, 1, 3, 3]), s),
                         lambda x, s: at(None, [0, 0, 1, 3, 3], 1, s, x), [normal(2, 4, 3), normal(2, 5, 3)]),
    "index_add_few_of_many": (lambda x, s: cr.index_add(x, 0, cr.tensor([70, 3, 70]), s),
                              lambda x, s: at(None, [70, 3, 70], 0, s, x), [normal(80, 2), normal(3, 2)]),
    "index_add_wide": (lambda x, s: cr.index_add(x, 0, cr.tensor([1, 0, 1]), s),
                       lambda x, s: at(None, [1, 0, 1], 0, s, x), [normal(2, 300), normal(3, 300)]),
    "scatter_add": (lambda x, i, s: cr.scatter_add(x, 1, i, s), lambda x, i, s: along(x, 1, i, s),
                    [normal(3, 5, 2), ALONG, normal(3, 7, 2)]),
    "scatter_add_line": (lambda x, i, s: cr.scatter_add(x, 0, i, s), lambda x, i, s: along(x, 0, i, s),
                         [normal(4), integers(-4, 4, 9), normal(9)]),
    "one_hot": (lambda i: cr.one_hot(i, 4), lambda i: np.eye(4)[i], [integers(0, 4, 3, 5)]),
    "nonzero": (cr.nonzero, np.nonzero, [integers(0, 2, 3, 4)]),
    "nonzero_float": (cr.nonzero, np.nonzero, [np.round(normal(5))]),
    "unique": (cr.unique, np.unique, [spaced(3, 4)], {"repeated": "its size depends on the values"}),
    "isin": (cr.isin, np.isin, [integers(0, 9, 4, 5), integers(0, 9, 3)]),
}

TIES = integers(-3, 4, 4, 6)
NAN = np.array([3.0, 1, np.nan, 1, -0.0, np.nan, 2, 0.0])


def numbered(x):
    """NumPy's unique_all, in terms of what NumPy 1.26 has."""
    return np.unique(x, return_index=True, return_inverse=True, return_counts=True, equal_nan=False)


def all_of(x):
    values, index, inverse, counts = numbered(x)
    return values, index, inverse.reshape(x.shape), counts


CORNERS = {
    "unique_ties": (lambda x: cr.unique(x, True, True, True),
                    lambda x: (lambda v, i, r, c: (v, i, r.reshape(x.shape), c))(*np.unique(x, True, True, True)), [TIES]),
    "unique_nan": (lambda x: cr.unique(x, return_counts=True), lambda x: np.unique(x, return_counts=True), [NAN]),
    "unique_empty": (lambda: cr.unique(cr.zeros((0, 2))), lambda: np.zeros(0), []),
    "unique_all": (cr.unique_all, all_of, [TIES]),
    "unique_all_nan": (cr.unique_all, all_of, [NAN]),
    "unique_all_empty": (lambda: cr.unique_all(cr.zeros((0,))), lambda: all_of(np.zeros(0)), []),
    "unique_values": (cr.unique_values, lambda x: np.unique(x, equal_nan=False), [NAN]),
    "unique_counts": (cr.unique_counts, lambda x: (lambda a: (a[0], a[3]))(all_of(x)), [TIES]),
    "unique_inverse": (cr.unique_inverse, lambda x: (lambda a: (a[0], a[2]))(all_of(x)), [TIES]),
    "isin_nothing": (lambda x: cr.isin(x, cr.zeros((0,))), lambda x: np.zeros(x.shape, bool), [normal(3)]),
    "isin_nan": (lambda x: cr.isin(x, cr.tensor([1.0, float("nan")])), lambda x: x == 1, [NAN]),
    "nonzero_nan": (cr.nonzero, np.nonzero, [NAN]),
    "nonzero_bool": (cr.nonzero, np.nonzero, [TIES > 0]),
    "take_bool": (lambda x: cr.take(x, cr.tensor([1, 0, 1]), axis=0), lambda x: x[[1, 0, 1]], [TIES > 0]),
    "take_uint8": (lambda x: cr.take(x, cr.tensor([1, 0], dtype=cr.uint8), axis=0), lambda x: x[[1, 0]], [TIES]),
    "index_add_integers": (lambda x, s: cr.index_add(x, 0, cr.tensor([1, 1, 3]), s),
                           lambda x, s: at(None, [1, 1, 3], 0, s, x), [TIES, integers(0, 9, 3, 6)]),
    "index_add_nothing": (lambda x: cr.index_add(x, 0, cr.zeros(0, dtype=cr.int32), cr.zeros((0, 3), dtype=x.dtype)),
                          np.array, [normal(4, 3)]),
    "scatter_add_integers": (lambda x, i, s: cr.scatter_add(x, 1, i, s), lambda x, i, s: along(x, 1, i, s),
                             [TIES, integers(-6, 6, 4, 3), integers(0, 9, 4, 3)]),
    "one_hot_empty": (lambda: cr.one_hot(cr.zeros(0, dtype=cr.int64), 3), lambda: np.zeros((0, 3)), []),
}

X, I = cr.ones((3, 4)), cr.tensor([0, 1])
FLOAT, BOOL = cr.tensor([0.0, 1.0]), cr.tensor([True, False])
WRONG = cr.arange(300)
WRONG_PLACES = cr.tensor(np.where(np.arange(350).reshape(5, 70) % 70 == 3, [[0], [-9], [-8], [-7], [5]], 0) +
                         np.where(np.arange(350).reshape(5, 70) == 65, 7, 0))

ERRORS = {
    "take_far": (lambda: cr.take(X, cr.tensor([0, 3]), axis=0), IndexError, "take: index 3 is out of range for size 3"),
    "take_back": (lambda: cr.take(X, cr.tensor([-5]), axis=1), IndexError, "take: index -5 is out of range for size 4"),
    "take_from_nothing": (lambda: cr.take(cr.ones((0, 2)), I, axis=0), IndexError,
                          "take: index 0 is out of range for size 0"),
    # of several wrong ones the first, whichever thread finds which
    "take_first": (lambda: cr.take(X, WRONG, axis=1), IndexError, "take: index 4 is out of range for size 4"),
    "take_along_axis_first": (lambda: cr.take_along_axis(cr.ones((5, 70)), WRONG_PLACES, axis=0), IndexError,
                              "take_along_axis: index 7 is out of range for size 5"),
    "index_add_first": (lambda: cr.index_add(X, 0, WRONG, cr.ones((300, 4))), IndexError,
                        "index_add: index 3 is out of range for size 3"),
    "scatter_add_first": (lambda: cr.scatter_add(cr.ones((5, 70)), 0, WRONG_PLACES, cr.ones((5, 70))), IndexError,
                          "scatter_add: index 7 is out of range for size 5"),
    "take_after_take": (lambda: cr.take(X, I + cr.take(WRONG, I + 299), axis=0), IndexError,
                        "take: index 300 is out of range for size 300"),
    "take_bool": (lambda: cr.take(X, BOOL, axis=0), cr.DTypeError,
                  r"take: index must be an integer tensor, got bool; use .astype\(cr.int64\)"),
    "take_float": (lambda: cr.take(X, FLOAT, axis=0), cr.DTypeError, "take: index must be an integer .*, got float32.*"),
    "take_axis": (lambda: cr.take(X, I, axis=2), IndexError, "take: axis 2 is out of range for 2 axes"),
    "take_along_axis_far": (lambda: cr.take_along_axis(X, cr.tensor([[4], [0], [0]])), IndexError,
                            "take_along_axis: index 4 is out of range for size 4"),
    "take_along_axis_shape": (lambda: cr.take_along_axis(X, cr.zeros((2, 4), dtype=cr.int64)), cr.ShapeError,
                              r"take_along_axis: x \(3, 4\) and index \(2, 4\) need as many axes, .* except axis 1"),
    "take_along_axis_bool": (lambda: cr.take_along_axis(X, X > 0), cr.DTypeError, "take_along_axis: index must .*bool.*"),
    "gather_larger": (lambda: cr.gather(X, 1, cr.zeros((4, 1), dtype=cr.int64)), cr.ShapeError,
                      r"gather: x \(3, 4\) and index \(4, 1\) need as many axes, index no larger than x off axis 1"),
    "index_select_matrix": (lambda: cr.index_select(X, 0, I[None]), cr.ShapeError,
                            r"index_select: index needs one axis, got \(1, 2\); .*"),
    "index_add_far": (lambda: cr.index_add(X, 0, cr.tensor([0, -4]), cr.ones((2, 4))), IndexError,
                      "index_add: index -4 is out of range for size 3"),
    "index_add_shape": (lambda: cr.index_add(X, 0, I, X), cr.ShapeError, r"index_add: x \(3, 4\), index \(2,\) and .*"),
    "index_add_bool_index": (lambda: cr.index_add(X, 0, BOOL, cr.ones((2, 4))), cr.DTypeError, "index_add: index must .*"),
    "scatter_add_far": (lambda: cr.scatter_add(X, 0, cr.tensor([[9, 0, 0, 0]]), cr.ones((1, 4))), IndexError,
                        "scatter_add: index 9 is out of range for size 3"),
    "scatter_add_shape": (lambda: cr.scatter_add(X, 0, I, X), cr.ShapeError, r"scatter_add: x \(3, 4\), index \(2,\).*"),
    "scatter_add_bool": (lambda: cr.scatter_add(X > 0, 0, cr.tensor([[0, 0, 0, 0]]), X[:1] > 0), cr.DTypeError,
                         "scatter_add: needs numbers, got bool"),
    "one_hot_far": (lambda: cr.one_hot(I, 1), IndexError, "one_hot: index 1 is out of range for 1 classes"),
    "one_hot_negative": (lambda: cr.one_hot(I - 1, 4), IndexError, "one_hot: index -1 is out of range for 4 classes"),
    "one_hot_float": (lambda: cr.one_hot(FLOAT, 2), cr.DTypeError, "one_hot: index must be an integer tensor, got float.*"),
    "nonzero_scalar": (lambda: cr.nonzero(cr.tensor(1)), cr.ShapeError, "nonzero: x needs at least one axis, got a scalar"),
}
