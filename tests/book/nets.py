"""What tests of nets share: inputs, the usual functions in NumPy, a training step, a gradient's error."""
import chainrule as cr
import numpy as np
from chainrule import numeric

RNG = np.random.default_rng(7)


def normal(*shape):
    return cr.asarray(RNG.normal(size=shape))


def double(model):
    """In float64."""
    return model.to(dtype=cr.float64)


def sigmoid(z):
    return 1 / (1 + np.exp(-z))


def softmax(z):
    e = np.exp(z - z.max(-1, keepdims=True))
    return e / e.sum(-1, keepdims=True)


def step_lowers(model, loss, alpha=1e-2):
    """One step along the gradient makes the loss of the same batch smaller."""
    before, grads = cr.value_and_grad(loss)(model)
    cr.optim.SGD(model, alpha=alpha).update(grads)
    return loss(model).item() < before.item()


def gradient_error(f, theta):
    """‖rule - differences‖ / ‖differences‖ for the gradient of f at theta."""
    rule, differences = cr.grad(f)(theta).numpy(), numeric.gradient(f, theta).numpy()
    return np.linalg.norm(rule - differences) / np.linalg.norm(differences)
