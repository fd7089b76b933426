"""Segments of rows, and products with sparse matrices."""
import chainrule as cr
import numpy as np

from .checks import integers, normal, spaced


def segments(fold, empty=0.0):
    """fold over the rows of each of n segments: the plain loop."""
    def f(x, ids, n):
        y = np.full((n, *x.shape[1:]), empty, x.dtype)
        for s in range(n):
            rows = x[np.asarray(ids) % n == s]
            if len(rows):
                y[s] = fold(rows)
        return y
    return f


def np_softmax(x, ids, n):
    y = np.empty_like(x)
    for s in range(n):
        rows = np.asarray(ids) % n == s
        e = np.exp(x[rows] - x[rows].max(0, initial=-np.inf))
        y[rows] = e / e.sum(0)
    return y


IDS = np.array([2, 0, 2, 5, -1, 0, 2, 3, 3])             # of 6: 1 and 4 are empty, -1 is 5
SORTED = np.sort(IDS % 6)
RESIZED = {"resized": "nine rows have nine segments"}


def over(op, *ids, **more):
    return lambda x: op(x, cr.tensor(*ids), 6, **more)


np_sum, np_mean = segments(lambda r: r.sum(0)), segments(lambda r: r.mean(0))
np_max, np_min = segments(lambda r: r.max(0)), segments(lambda r: r.min(0))


def sparse(rows, n, nnz_a_row):
    """indptr and indices of a random pattern with empty rows and unsorted columns, and its dense form."""
    counts = np.array([nnz_a_row * (i % 3) // 2 for i in range(rows)])
    indptr = np.concatenate([[0], np.cumsum(counts)])
    return indptr, integers(0, n, indptr[-1])


def dense(indptr, indices, values, n):
    A = np.zeros((len(indptr) - 1, n))
    np.add.at(A, (np.repeat(np.arange(len(indptr) - 1), np.diff(indptr)), indices), values)
    return A


PTR, COL = sparse(7, 5, 3)
NNZ = len(COL)


def product(values, x):
    return cr.csr_matmul(cr.tensor(PTR), cr.tensor(COL), values, x)


def np_product(values, x):
    return np.tensordot(dense(PTR, COL, values, 5), x, 1)


def dots(a, b):
    return cr.csr_dot(cr.tensor(PTR), cr.tensor(COL), a, b)


def np_dots(a, b):
    row = np.repeat(np.arange(7), np.diff(PTR))
    return (a[row] * b[COL]).reshape(NNZ, -1).sum(1)


CASES = {
    "segment_sum": (over(cr.segment_sum, IDS), lambda x: np_sum(x, IDS, 6), [normal(9, 3)], RESIZED),
    "segment_sum_scalars": (over(cr.segment_sum, IDS.astype(np.int32)), lambda x: np_sum(x, IDS, 6), [normal(9)], RESIZED),
    "segment_sum_sorted": (over(cr.segment_sum, SORTED), lambda x: np_sum(x, SORTED, 6), [normal(9, 2, 2)], RESIZED),
    "segment_mean": (over(cr.segment_mean, IDS), lambda x: np_mean(x, IDS, 6), [normal(9, 3)], RESIZED),
    "segment_max": (over(cr.segment_max, IDS), lambda x: np_max(x, IDS, 6), [spaced(9, 3)], RESIZED),
    "segment_max_empty": (over(cr.segment_max, SORTED, empty=-7.0),
                          lambda x: segments(lambda r: r.max(0), -7.0)(x, SORTED, 6), [spaced(9)], RESIZED),
    "segment_min": (over(cr.segment_min, IDS), lambda x: np_min(x, IDS, 6), [spaced(9, 3)], RESIZED),
    "segment_softmax": (over(cr.segment_softmax, IDS), lambda x: np_softmax(x, IDS, 6), [normal(9, 3)], RESIZED),
    "csr_matmul": (product, np_product, [normal(NNZ), normal(5, 4)]),
    "csr_matmul_vector": (product, np_product, [normal(NNZ), normal(5)], {"resized": "the pattern has its sizes"}),
    "csr_matmul_axes": (product, np_product, [normal(NNZ), normal(5, 2, 3)]),
    "csr_matmul_wide": (product, np_product, [normal(NNZ), normal(5, 300)]),
    "csr_dot": (dots, np_dots, [normal(7, 4), normal(5, 4)]),
    "csr_dot_vectors": (dots, np_dots, [normal(7), normal(5)]),
}
TIES = integers(-3, 4, 9, 2)
CORNERS = {
    "segment_max_integers": (over(cr.segment_max, IDS), lambda x: np_max(x, IDS, 6), [TIES]),
    "segment_min_integers": (over(cr.segment_min, IDS, empty=5), lambda x: segments(lambda r: r.min(0), 5)(x, IDS, 6), [TIES]),
    "segment_min_int32": (over(cr.segment_min, IDS), lambda x: np_min(x, IDS, 6), [(TIES - 2**31 + 3).astype(np.int32)]),
    "segment_max_uint8": (over(cr.segment_max, IDS), lambda x: np_max(x, IDS, 6), [(TIES + 200).astype(np.uint8)]),
    "segment_min_uint8": (over(cr.segment_min, IDS), lambda x: np_min(x, IDS, 6), [(TIES + 200).astype(np.uint8)]),
    "segment_max_infinite": (over(cr.segment_max, IDS), lambda x: np_max(x, IDS, 6), [np.full((9,), -np.inf)]),
    "segment_max_nan": (over(cr.segment_max, IDS), lambda x: np_max(x, IDS, 6), [np.where(np.arange(9) % 4, 1.0, np.nan)]),
    "segment_mean_integers": (over(cr.segment_mean, IDS), lambda x: np_mean(x.astype(float), IDS, 6), [TIES]),
    "segment_sum_integers": (over(cr.segment_sum, IDS), lambda x: np_sum(x, IDS, 6), [TIES]),
    "segment_sum_no_rows": (lambda: cr.segment_sum(cr.zeros((0, 2)), cr.zeros(0, dtype=cr.int64), 3),
                            lambda: np.zeros((3, 2)), []),
    "segment_max_no_rows": (lambda: cr.segment_max(cr.zeros((0, 2)), cr.zeros(0, dtype=cr.int64), 3),
                            lambda: np.zeros((3, 2)), []),
    "segment_sum_no_segments": (lambda: cr.segment_sum(cr.zeros((0, 2)), cr.zeros(0, dtype=cr.int64), 0),
                                lambda: np.zeros((0, 2)), []),
    "segment_softmax_huge": (over(cr.segment_softmax, IDS), lambda x: np_softmax(x, IDS, 6), [normal(9) * 1e4]),
    "csr_matmul_no_values": (lambda x: cr.csr_matmul(cr.zeros(3, dtype=cr.int64), cr.zeros(0, dtype=cr.int64),
                                                     cr.zeros(0, dtype=x.dtype), x), lambda x: np.zeros((2, 3)), [normal(4, 3)]),
    "csr_matmul_no_columns": (lambda x: product(cr.ones(NNZ, dtype=x.dtype), x), lambda x: np.zeros((7, 0)), [normal(5, 0)]),
    "csr_dot_no_columns": (dots, lambda a, b: np.zeros(NNZ), [normal(7, 0), normal(5, 0)]),
}

X, ONE = cr.ones((3, 2)), cr.ones(2)


def csr(indptr, indices, values=ONE, x=X):
    return lambda: cr.csr_matmul(cr.tensor(indptr), cr.tensor(indices), values, x)


ERRORS = {
    "segment_sum_far": (lambda: cr.segment_sum(X, cr.tensor([0, 1, 2]), 2), IndexError,
                        "index_add: index 2 is out of range for size 2"),
    "segment_sum_shape": (lambda: cr.segment_sum(X, cr.tensor([0, 1]), 2), cr.ShapeError,
                          r"segment_sum: data \(3, 2\) and segment_ids \(2,\) need one segment a row of data"),
    "segment_mean_float": (lambda: cr.segment_mean(X, X[:, 0], 2), cr.DTypeError,
                           "segment_mean: segment_ids must be integers, got float32"),
    "segment_softmax_negative": (lambda: cr.segment_softmax(X, cr.tensor([0, 0, 0]), -1), ValueError,
                                 "segment_softmax: num_segments must not be negative, got -1"),
    "segment_max_far": (lambda: cr.segment_max(X, cr.tensor([0, -3, 1]), 2), IndexError,
                        "segment_max: index -3 is out of range for size 2"),
    "segment_max_shape": (lambda: cr.segment_max(X, cr.tensor([[0, 1, 1]]), 2), cr.ShapeError, "segment_max: data .*"),
    "segment_min_bool": (lambda: cr.segment_min(X > 0, cr.tensor([0, 0, 1]), 2), cr.DTypeError,
                         "segment_min: needs numbers, got bool"),
    "csr_matmul_falls": (csr([0, 2, 1, 2], [0, 1]), ValueError, "csr_matmul: indptr must not fall, got 2 before 1 at row 1"),
    "csr_matmul_start": (csr([1, 2], [0, 1]), ValueError,
                         "csr_matmul: indptr must go from 0 to the number of values, 2, got 1 to 2"),
    "csr_matmul_end": (csr([0, 9], [0, 1]), ValueError, "csr_matmul: indptr must go from 0 to .*, 2, got 0 to 9"),
    "csr_matmul_outside": (csr([0, -5, 2], [0, 1]), ValueError, "csr_matmul: indptr must not fall, got 0 before -5 at row 0"),
    "csr_matmul_far": (csr([0, 2], [0, 3]), IndexError, "csr_matmul: index 3 is out of range for 3 rows of x"),
    "csr_matmul_negative": (csr([0, 2], [0, -1]), IndexError, "csr_matmul: index -1 is out of range for 3 rows of x"),
    "csr_matmul_first": (csr([0, 300], [2, 9] + 296 * [-1] + [8, 7], cr.ones(300)), IndexError,
                         "csr_matmul: index 9 is out of range for 3 rows of x"),
    "csr_matmul_row": (csr([0, 300, 0, 299, 299, 5, 300], 300 * [7], cr.ones(300)), ValueError,
                       "csr_matmul: indptr must not fall, got 300 before 0 at row 1"),
    "csr_matmul_values": (csr([0, 2], [0, 1], cr.ones(3)), cr.ShapeError, r"csr_matmul: values \(3,\) and indices \(2,\) .*"),
    "csr_matmul_indptr": (lambda: cr.csr_matmul(cr.zeros(0, dtype=cr.int64), cr.tensor([0, 1]), ONE, X), cr.ShapeError,
                          r"csr_matmul: indptr \(0,\) and indices \(2,\) need one axis each, .*"),
    "csr_matmul_float": (lambda: cr.csr_matmul(ONE, cr.tensor([0, 1]), ONE, X), cr.DTypeError, "csr_matmul: index must .*"),
    "csr_dot_shape": (lambda: cr.csr_dot(cr.tensor([0, 2]), cr.tensor([0, 1]), X, X), cr.ShapeError,
                      r"csr_dot: a \(3, 2\) and b \(3, 2\) need equal sizes after the first, and a 1 rows"),
    "csr_dot_far": (lambda: cr.csr_dot(cr.tensor([0, 2]), cr.tensor([0, 5]), X[:1], X), IndexError,
                    "csr_dot: index 5 is out of range for 3 rows of x"),
}
