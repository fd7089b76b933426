"""Starting values: variances, bounds, orthogonality, reproducibility."""
import chainrule as cr
import numpy as np
import pytest
from chainrule.nn import init

pytestmark = pytest.mark.cpu("weights are drawn on the CPU")

DRAWS = {                                # name: (options, variance of shape (400, 600))
    "normal": ({"std": 0.5}, 0.25),
    "uniform": ({"low": -1.0, "high": 2.0}, 9 / 12),
    "xavier_normal": ({}, 1 / 600),
    "xavier_uniform": ({}, 1 / 600),
    "glorot_normal": ({}, 2 / 1000),
    "glorot_uniform": ({}, 2 / 1000),
    "he_normal": ({}, 2 / 600),
    "he_uniform": ({}, 2 / 600),
    "truncated_normal": ({}, 0.7737413),
    "orthogonal": ({}, 1 / 600),
}


@pytest.mark.parametrize("name", DRAWS)
def test_variances_are_those_of_the_formulas_and_draws_repeat_with_the_seed(name):
    options, variance = DRAWS[name]
    w = np.asarray(getattr(init, name)((400, 600), rng=cr.Rng(3), **options))
    assert w.shape == (400, 600) and w.dtype == np.float32
    assert abs(w.var() / variance - 1) < 0.02
    assert np.array_equal(w, getattr(init, name)((400, 600), rng=cr.Rng(3), **options))
    if "uniform" in name and name != "uniform":
        assert np.abs(w).max() <= np.sqrt(3 * variance) * (1 + 1e-6)


def test_a_truncated_normal_stays_inside_its_bounds():
    w = np.asarray(init.truncated_normal((1000,), mean=5.0, std=2.0, rng=cr.Rng(0)))
    assert w.min() >= 1 and w.max() <= 9


@pytest.mark.parametrize("shape", [(4, 4), (3, 7), (7, 3), (5, 2, 3)])
def test_orthogonal_rows_or_columns_are_orthonormal(shape):
    w = np.asarray(init.orthogonal(shape, gain=2.0, rng=cr.Rng(0)), np.float64).reshape(shape[0], -1) / 2
    gram = w @ w.T if w.shape[0] <= w.shape[1] else w.T @ w
    assert np.abs(gram - np.eye(len(gram))).max() < 1e-6


def test_fans_of_a_convolution_count_its_window():
    assert init.fans("test", (8, 4, 3, 3)) == (36, 72)
    with pytest.raises(cr.ShapeError, match=r"he_normal: shape \(3,\) needs at least two axes"):
        init.he_normal((3,), rng=cr.Rng(0))


def test_he_keeps_the_size_of_activations_through_a_deep_relu_net():
    """§5.5: the ratio of mean squares after 50 layers stays near 1, over 5 seeds."""
    ratios = []
    for seed in range(5):
        rng = cr.Rng(seed)
        a = first = np.maximum(np.asarray(cr.normal((32, 256), rng=rng)), 0)
        for _ in range(50):
            a = np.maximum(a @ np.asarray(init.he_normal((256, 256), rng=rng)).T, 0)
        ratios.append((a * a).mean() / (first * first).mean())
    assert 0.3 < np.mean(ratios) < 3


def test_layers_start_as_their_docstrings_say():
    rng = cr.Rng(0)
    assert abs(np.asarray(cr.nn.Linear(500, 400, rng=rng).weight).var() * 500 / 2 - 1) < 0.02
    assert abs(np.asarray(cr.nn.Conv2d(64, 64, 3, rng=rng).weight).var() * 576 / 2 - 1) < 0.02
    assert not np.asarray(cr.nn.Linear(5, 4, rng=rng).bias).any()
    assert np.abs(cr.nn.LSTM(3, 16, rng=rng).weight_hh_l0).max() <= 0.25
    assert init.constant((2,), 3).tolist() == [3, 3]
