"""A graph convolutional net: PyTorch's numbers, relabelling, and learning from few labels."""
import chainrule as cr
import numpy as np
import pytest

from .oracle import assert_close, draw, torch


def blocks(n=40, p_in=0.35, p_out=0.03, seed=0):
    """A stochastic block model of two halves."""
    rng = np.random.default_rng(seed)
    y = np.arange(n) % 2
    upper = np.triu(rng.uniform(size=(n, n)) < np.where(y[:, None] == y, p_in, p_out), 1)
    return (upper | upper.T).astype(np.float64), y


def normalised(A):
    return cr.nn.normalised_adjacency(cr.tensor(A))


@pytest.mark.book("1.2-gnn")
@pytest.mark.parametrize("readout", [None, "mean", "sum", "max"])
def test_relabelling_the_nodes_relabels_the_answer(readout):
    A, _ = blocks(20)
    x, order = draw(20, 3).astype(np.float64), np.random.default_rng(1).permutation(20)
    model = cr.models.GCN(3, 8, 8, 4, readout=readout, rng=cr.Rng(0)).to(dtype=cr.float64)
    z = model(cr.tensor(x), normalised(A)).numpy()
    moved = model(cr.tensor(x[order]), normalised(A[np.ix_(order, order)])).numpy()
    assert z.shape == ((20, 4) if readout is None else (4,))
    assert_close(moved, z[order] if readout is None else z, 1e-9, 1e-10)
    i, j = map(cr.tensor, np.nonzero(A))
    edges = cr.sparse.CSR.from_coo(i, j, cr.ones((i.size,), dtype=cr.float64), (20, 20))
    sparse = cr.nn.normalised_adjacency(edges)
    assert_close(model(cr.tensor(x), sparse), z, 1e-9, 1e-10)


@pytest.mark.book("1.2-gnn")
def test_scores_and_gradients_are_those_of_pytorch():
    t = torch()
    A, y = blocks(12)
    x = draw(12, 3).astype(np.float64)
    model = cr.models.GCN(3, 5, 2, rng=cr.Rng(0)).to(dtype=cr.float64)
    S = A + np.eye(12)
    S = t.tensor(S / np.sqrt(np.outer(S.sum(1), S.sum(1))))
    w = {name: t.tensor(p.numpy(), requires_grad=True) for name, p in model.named_parameters().items()}
    h = t.relu(S @ t.tensor(x) @ w["layers.0.weight"] + w["layers.0.bias"])
    loss = t.nn.functional.cross_entropy(S @ h @ w["layers.1.weight"] + w["layers.1.bias"], t.tensor(y))
    loss.backward()
    value, grads = cr.value_and_grad(
        lambda m: cr.losses.cross_entropy(m(cr.tensor(x), normalised(A)), cr.tensor(y)))(model)
    assert_close(value, loss.detach(), 1e-10)
    for name, g in grads.items():
        assert_close(g, w[name].grad, 1e-9, 1e-10)


@pytest.mark.book("1.2-gnn")
def test_four_labels_are_enough_for_two_blocks():
    A, y = blocks()
    S, x = normalised(A.astype(np.float32)), cr.eye(40)
    model = cr.models.GCN(40, 16, 2, rng=cr.Rng(0))
    seen = cr.tensor([0, 1, 2, 3])
    adam = cr.optim.Adam(model, alpha=2e-2)
    step = cr.value_and_grad(
        lambda m: cr.losses.cross_entropy(cr.take(m(x, S), seen, axis=0), cr.tensor(y[:4])))
    losses = []
    for _ in range(60):
        value, grads = step(model)
        adam.update(grads)
        losses.append(value.item())
    assert losses[1] < losses[0] and cr.accuracy(model(x, S)[4:], y[4:]) > 0.9
