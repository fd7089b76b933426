"""Graph convolution: the book's normalised adjacency, and its matrix form."""
import chainrule as cr
import numpy as np
import pytest

from .oracle import assert_close, draw


def test_the_normalised_adjacency_averages_with_root_degrees():
    """(8.96): entries 1 / √(d_i d_j) with degrees that count the node itself; the largest eigenvalue is 1."""
    A = np.zeros((5, 5))
    for i, j in [(0, 1), (0, 2), (2, 3), (3, 4), (2, 4)]:
        A[i, j] = A[j, i] = 1
    S = np.asarray(cr.nn.normalised_adjacency(cr.tensor(A)))
    degree = A.sum(1) + 1
    assert_close(S, (A + np.eye(5)) / np.sqrt(np.outer(degree, degree)), 1e-12)
    assert abs(np.linalg.eigvalsh(S).max() - 1) < 1e-12
    with pytest.raises(cr.ShapeError, match=r"normalised_adjacency: A \(2, 3\) needs to be square"):
        cr.nn.normalised_adjacency(cr.ones((2, 3)))


@pytest.mark.parametrize("n_out", [2, 6])
def test_a_layer_is_its_matrix_form(n_out):
    layer = cr.nn.GraphConv(4, n_out, rng=cr.Rng(0))
    layer.bias[...] = cr.tensor(draw(n_out))
    A, h = draw(5, 5), draw(5, 4, seed=1)
    assert_close(layer(cr.tensor(h), cr.tensor(A)), A @ h @ np.asarray(layer.weight) + np.asarray(layer.bias))
