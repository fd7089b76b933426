"""Sparse matrices: beside SciPy, their derivatives, and graph layers on them."""
import chainrule as cr
import numpy as np
import pytest

from .ops.checks import assert_close

CSR = cr.sparse.CSR


def sample(n=6, m=5, seed=0, density=0.4):
    scipy_sparse = pytest.importorskip("scipy.sparse")
    return scipy_sparse.random(n, m, density, format="csr", random_state=seed, dtype=np.float64)


def test_products_sums_and_transpose_are_scipys():
    S = sample()
    A = CSR.from_scipy(S)
    draw = np.random.default_rng(1)
    for shape in [(5,), (5, 3), (2, 5, 3), (2, 2, 5, 1)]:
        x = draw.normal(size=shape)
        assert_close(A @ cr.tensor(x), S.toarray() @ x, 1e-12)
    assert_close(A.to_dense(), S.toarray(), 1e-15)
    assert_close(A.T.to_dense(), S.toarray().T, 1e-15)
    assert_close(A.sum(axis=0), S.toarray().sum(0), 1e-14)
    assert_close(A.sum(axis=1), S.toarray().sum(1), 1e-14)
    assert A.T.shape == (5, 6) and repr(A) == f"CSR(6 x 5, {S.nnz} values float64 on cpu)"


@pytest.mark.book("8.5-adjacency-list")
def test_an_edge_list_is_its_adjacency_matrix():
    """The directed graph of Fig. 8.11 (b): sums of rows and columns are out- and in-degrees."""
    arcs = np.array([(1, 3), (2, 5), (3, 2), (3, 4), (4, 3), (5, 6), (5, 7), (6, 3), (6, 8), (7, 5), (8, 6)])
    arcs = arcs.T[:, ::-1] - 1                                # in no order of rows
    A = CSR.from_edges(arcs, 8)
    dense = np.zeros((8, 8))
    dense[arcs[0], arcs[1]] = 1
    assert_close(A.to_dense(), dense, 0)
    assert A.sum(axis=1).tolist() == [1, 1, 2, 1, 2, 2, 1, 1]
    assert A.sum(axis=0).tolist() == [0, 1, 3, 1, 2, 2, 1, 1]
    assert set(zip(A.rows.tolist(), A.indices.tolist(), strict=True)) == set(zip(*arcs.tolist(), strict=True))
    h = np.random.default_rng(0).normal(size=(8, 3))
    assert_close(A @ cr.tensor(h), dense @ h, 1e-14)


def test_edges_that_occur_twice_add_up():
    A = CSR.from_edges(np.array([[1, 0, 1], [0, 1, 0]]), 2, cr.tensor([1.0, 2.0, 3.0]))
    assert A.to_dense().tolist() == [[0, 2], [4, 0]]


def test_gradients_reach_values_and_operand():
    S, draw = sample(seed=3), np.random.default_rng(2)
    A, x, w = CSR.from_scipy(S), draw.normal(size=(5, 2)), draw.normal(size=(6, 2))
    dA, dx = cr.grad(lambda A, x: cr.sum((A @ x) * cr.tensor(w)), argnums=(0, 1))(A, cr.tensor(x))
    row, column = S.nonzero()
    assert_close(dx, S.toarray().T @ w, 1e-12)
    assert_close(dA["values"], (w @ x.T)[row, column], 1e-12)


@pytest.mark.book("8.5-gcn")
def test_a_layer_gives_the_same_on_a_sparse_matrix():
    """(8.96) on the graph of Fig. 8.11 (a), whose entries the book's checklist has; then (8.97) both ways."""
    edges = np.array([(1, 3), (2, 3), (2, 5), (3, 4), (3, 6), (5, 6), (5, 7), (6, 8)]).T - 1
    A = CSR.from_edges(np.concatenate([edges, edges[::-1]], 1), 8)
    sparse, dense = cr.nn.normalised_adjacency(A), cr.nn.normalised_adjacency(A.to_dense())
    assert_close(sparse.to_dense(), dense.numpy(), 1e-6)
    entries = {(1, 1): .5, (1, 3): .316228, (3, 3): .2, (3, 6): .223607, (2, 3): .258199, (5, 7): .353553}
    assert all(abs(dense[i - 1, j - 1].item() - v) < 1e-6 for (i, j), v in entries.items())
    layer, h = cr.nn.GraphConv(4, 3, rng=cr.Rng(0)), cr.normal((8, 4), rng=cr.Rng(1))
    assert_close(layer(h, sparse), layer(h, dense).numpy(), 1e-6)
    batch = cr.stack([h, 2 * h])
    assert_close(layer(batch, sparse), layer(batch, dense).numpy(), 1e-6)


@pytest.mark.parametrize("make, error, message", [
    (lambda: CSR([0, 1], [0], [1.0], (2, 2)), cr.ShapeError, r"CSR: indptr \(2,\), indices \(1,\) and .*"),
    (lambda: CSR([0, 1, 1], [2], [1.0], (2, 2)), IndexError, "CSR: indices holds 2, needs 0 ... 1"),
    (lambda: CSR.from_edges([[0, 2], [1, 0]], 2), IndexError, "CSR: row holds 2, needs 0 ... 1"),
    (lambda: CSR.from_edges([[0, 1], [-1, 0]], 2), IndexError, "CSR: indices holds -1, needs 0 ... 1"),
    (lambda: CSR.from_edges([0, 1], 2), cr.ShapeError, r"CSR: edges \(2,\) need two rows, from and to"),
    (lambda: CSR.from_scipy(sample()) @ cr.ones((6, 2)), cr.ShapeError,
     r"matmul: A \(6, 5\) @ x \(6, 2\) needs 5 rows in x"),
    (lambda: CSR([0, 2, 1], [0], [1.0], (2, 2)) @ cr.ones(2), ValueError, "csr_matmul: indptr must .*"),
])
def test_errors_say_what_is_needed(make, error, message):
    with pytest.raises(error, match=message):
        make()
