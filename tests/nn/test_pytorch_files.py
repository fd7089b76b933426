"""Weights that PyTorch saved: the same logits and the same gradients here."""
import chainrule as cr
import numpy as np
import pytest

from .oracle import assert_close, draw, torch

nn = cr.nn


def theirs(t):
    return t.nn.Sequential(
        t.nn.Conv2d(1, 8, 3, padding=1), t.nn.BatchNorm2d(8), t.nn.ReLU(), t.nn.MaxPool2d(2),
        t.nn.Conv2d(8, 16, 3, stride=2), t.nn.ReLU(), t.nn.AdaptiveAvgPool2d(2), t.nn.Flatten(),
        t.nn.Linear(64, 10))


def ours(rng):
    return nn.Sequential(
        nn.Conv2d(1, 8, 3, padding=1, rng=rng), nn.BatchNorm2d(8), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(8, 16, 3, stride=2, rng=rng), nn.ReLU(), nn.AdaptiveAvgPool2d(2), nn.Flatten(),
        nn.Linear(64, 10, rng=rng))


@pytest.fixture
def pair(tmp_path):
    """PyTorch's net with running statistics that are not the start's, and ours from its file."""
    t = torch()
    files = pytest.importorskip("safetensors.torch")
    t.manual_seed(0)
    net = theirs(t)
    net(t.tensor(3 + 2 * draw(16, 1, 28, 28)))
    files.save_file(net.state_dict(), tmp_path / "cnn.safetensors")
    model = ours(cr.Rng(1))
    assert model.load_state_dict(cr.io.load(tmp_path / "cnn.safetensors")) == ([], [])
    return t, net, model


def test_a_state_dict_of_pytorch_saved_as_safetensors_gives_the_same_logits(pair):
    t, net, model = pair
    x = draw(5, 1, 28, 28, seed=2)
    assert_close(model.eval()(cr.tensor(x)), net.eval()(t.tensor(x)).detach(), 1e-5, 1e-5)


@pytest.mark.parametrize("training", [True, False])
def test_a_state_dict_of_pytorch_saved_as_safetensors_gives_the_same_gradients(pair, training):
    t, net, model = pair
    x, y = draw(8, 1, 28, 28, seed=2), np.arange(8)
    net.train(training)
    model.train(training)
    x_t = t.tensor(x, requires_grad=True)
    loss_t = t.nn.functional.cross_entropy(net(x_t), t.tensor(y))
    loss_t.backward()
    value, (grads, slope) = cr.value_and_grad(
        lambda model, x: cr.losses.cross_entropy(model(x), cr.tensor(y)), argnums=(0, 1))(model, cr.tensor(x))
    assert_close(value, loss_t.detach(), 1e-5, 0)
    wanted = {name: p.grad.numpy() for name, p in net.named_parameters()}
    assert list(grads) == list(wanted)
    for found, expected in [(slope, x_t.grad.numpy()), *((grads[name], wanted[name]) for name in wanted)]:
        error = np.linalg.norm(np.asarray(found) - expected)
        # before a batch norm a bias has gradient 0: its rounding is measured against the loss
        assert error <= 1e-5 * max(np.linalg.norm(expected), 0.1)


def test_a_file_of_ours_is_read_by_pytorch(pair, tmp_path):
    t, net, _ = pair
    files = pytest.importorskip("safetensors.torch")
    model = ours(cr.Rng(3))
    cr.io.save(tmp_path / "ours.safetensors", model)
    net.load_state_dict(files.load_file(tmp_path / "ours.safetensors"))
    x = draw(3, 1, 28, 28, seed=4)
    assert_close(model.eval()(cr.tensor(x)), net.eval()(t.tensor(x)).detach(), 1e-5, 1e-5)
