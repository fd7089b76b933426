"""PyTorch as an optional oracle: the same weights must give the same outputs and the same gradients."""
import chainrule as cr
import numpy as np
import pytest


def torch():
    return pytest.importorskip("torch")


def draw(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


def assert_close(a, b, rtol=1e-5, atol=1e-5):
    np.testing.assert_allclose(np.asarray(a), np.asarray(b), rtol=rtol, atol=atol)


def agrees(ours, theirs, x, rtol=2e-4, atol=2e-5, float64=True):
    """Load the weights of `theirs` into `ours`; compare state names, outputs, and gradients of all inputs."""
    t = torch()
    ours.load_state_dict(theirs.state_dict())
    assert set(ours.state_dict()) == set(theirs.state_dict())
    with t.no_grad():
        single, single_t = ours(cr.tensor(x)), theirs(t.tensor(x))
        single, single_t = [y[0] if isinstance(y, tuple) else y for y in (single, single_t)]
        assert_close(single, single_t, 1e-5, 1e-5 * max(1.0, float(single_t.abs().max())))
    if float64:
        ours, theirs, x = ours.to(dtype=cr.float64), theirs.double(), x.astype(np.float64)
        rtol, atol = 1e-9, 1e-10
    x_t = t.tensor(x, requires_grad=True)
    y_t = theirs(x_t)
    y_t = y_t[0] if isinstance(y_t, tuple) else y_t
    u = np.random.default_rng(1).normal(size=tuple(y_t.shape)).astype(x.dtype)
    (y_t * t.tensor(u)).sum().backward()

    def f(model, x):
        y = model(x)
        y = y[0] if isinstance(y, tuple) else y
        return cr.sum(y * cr.tensor(u)), y

    with_parameters = bool(cr.nn.named_tensors(ours))
    if with_parameters:
        (_, y), (grads, pulled) = cr.value_and_grad(f, argnums=(0, 1), has_aux=True)(ours, cr.tensor(x))
        for name, parameter in theirs.named_parameters():
            assert_close(grads[name], parameter.grad.numpy(), rtol, atol)
    else:
        (_, y), pulled = cr.value_and_grad(f, argnums=1, has_aux=True)(ours, cr.tensor(x))
    assert_close(y, y_t.detach().numpy(), rtol, atol)
    assert_close(pulled, x_t.grad.numpy(), rtol, atol)
