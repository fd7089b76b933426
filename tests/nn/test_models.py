"""The models of the command line learn."""
import chainrule as cr
import numpy as np
import pytest


@pytest.mark.parametrize("channels, size", [(1, 28), (3, 32), (1, 8)])
def test_lenet_fits_pictures_of_these_sizes(channels, size):
    model = cr.models.LeNet(10, channels=channels, size=size, rng=cr.Rng(0))
    assert model(cr.zeros((2, channels, size, size))).shape == (2, 10)


def test_softmax_regression_starts_at_equal_probabilities():
    model = cr.models.SoftmaxRegression(4, 3)
    assert np.allclose(model.probabilities(cr.ones((2, 4))), 1 / 3)


@pytest.mark.parametrize("name", ["softmax", "mlp", "lenet"])
@pytest.mark.cpu("takes long on the emulator")
def test_models_learn_the_small_digits(name):
    datasets = pytest.importorskip("sklearn.datasets")
    x, y = datasets.load_digits(return_X_y=True)
    x = (x / 16).astype(np.float32)
    rng = cr.Rng(0)
    if name == "lenet":
        x, model = x.reshape(-1, 1, 8, 8), cr.models.LeNet(channels=1, size=8, rng=rng)
    else:
        model = cr.models.SoftmaxRegression(64, 10) if name == "softmax" else cr.nn.MLP(64, 64, 10, rng=rng)
    adam = cr.optim.Adam(model, alpha=1e-2 if name != "lenet" else 3e-3)
    step = cr.value_and_grad(lambda m, x, y: cr.losses.cross_entropy(m(x), y))
    order = np.random.default_rng(0).permutation(len(x))
    train, test = order[:1400], order[1400:]
    for _ in range(12 if name != "lenet" else 6):
        for i in range(0, 1400, 64):
            batch = train[i:i + 64]
            _, grads = step(model, cr.tensor(x[batch]), cr.tensor(y[batch]))
            adam.update(grads)
    model.eval()
    right = cr.metrics.accuracy(model(cr.tensor(x[test])), y[test])
    assert right > {"softmax": 0.93, "mlp": 0.95, "lenet": 0.96}[name]
