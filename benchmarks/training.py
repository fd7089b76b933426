"""Whole training steps with Adam, small nets: batch in, loss, gradients, update."""
from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import chainrule as cr
import numpy as np

from .harness import Case

# Too small to learn the one batch: squares of gradients that vanish are denormal, ten times as slow.
ALPHA = 1e-6


@dataclass
class Step:
    """A training step; each side makes its own model, so that memory.py can look at one alone."""
    name: str
    model: Callable[[], Any]
    loss: Callable[[Any], Any]                                   # of our model
    torch_model: Callable[[Any], Any]
    data: tuple[np.ndarray, np.ndarray]                          # inputs and classes
    channels_last: bool = False                                  # whether that layout is a peer, too

    def ours(self) -> Callable[[], Any]:
        model = self.model()
        adam, both = cr.optim.Adam(model, alpha=ALPHA), cr.value_and_grad(self.loss)

        def run():
            value, grads = both(model)
            adam.update(grads)
            return value
        return run

    def theirs(self, torch: Any, change: Callable[[Any], Any] = lambda model: model,
               layout: Any = None) -> Callable[[], Any]:
        """PyTorch's, eager unless its model is changed."""
        model, (x, y) = self.torch_model(torch), map(torch.from_numpy, self.data)
        if layout is not None:
            model, x = model.to(memory_format=layout), x.to(memory_format=layout)
        return torch_step(torch, change(model), x, y)

    def case(self, peers: Any) -> Case:
        case = Case(f"training step {self.name}", self.ours())
        if torch := peers.torch:
            case.peers["torch"] = self.theirs(torch)
            if peers.channels_last and self.channels_last:
                case.peers["torch-channels-last"] = self.theirs(torch, layout=torch.channels_last)
            if peers.compiles:
                case.peers["torch-compile"] = self.theirs(torch, torch.compile)
        return case


def cases(peers, rng, tiny):
    for step in steps(rng, tiny):
        case = step.case(peers)
        if peers.jax and step.name.startswith("MLP"):
            case.peers["jax"] = jax_mlp(peers.jax, *step.data)
        yield case


def steps(rng, tiny):
    batch = 8 if tiny else 64
    x, y = cr.normal((batch, 784), rng=rng), cr.randint(10, shape=(batch,), rng=rng)
    yield classifier(f"MLP 784-300-100-10, batch {batch}", lambda: cr.nn.MLP(784, 300, 100, 10, rng=rng),
                     x, y, torch_mlp)
    yield classifier(f"LeNet 28x28, batch {batch}", lambda: cr.models.LeNet(10, channels=1, size=28, rng=rng),
                     x.reshape((batch, 1, 28, 28)), y, torch_lenet)


def classifier(name, model, x, y, torch_model, channels_last=False):
    return Step(name, model, lambda model: cr.losses.cross_entropy(model(x), y), torch_model,
                (x.numpy(), y.numpy()), channels_last)


def torch_step(torch, model, x, y):
    optimizer = torch.optim.Adam(model.parameters(), lr=ALPHA)

    def run():
        optimizer.zero_grad()
        loss = torch.nn.functional.cross_entropy(model(x), y)
        loss.backward()
        optimizer.step()
        return loss
    return run


def torch_mlp(torch):
    nn = torch.nn
    return nn.Sequential(nn.Linear(784, 300), nn.ReLU(), nn.Linear(300, 100), nn.ReLU(), nn.Linear(100, 10))


def torch_lenet(torch):
    """The layers of chainrule.models.LeNet."""
    nn = torch.nn
    return nn.Sequential(nn.Conv2d(1, 16, 5), nn.MaxPool2d(2), nn.ReLU(),
                         nn.Conv2d(16, 32, 5), nn.MaxPool2d(2), nn.ReLU(),
                         nn.Flatten(), nn.Linear(512, 128), nn.ReLU(), nn.Linear(128, 10))


def jax_mlp(jax, x, y):
    """The whole step in one jitted function that owns its arguments, Adam in its plain form."""
    numpy, keys = jax.numpy, jax.random.split(jax.random.key(0), 3)
    weights = [(jax.random.normal(key, (n, m)) * (2 / n) ** 0.5, numpy.zeros(m))
               for key, (n, m) in zip(keys, ((784, 300), (300, 100), (100, 10)), strict=True)]
    nothing = jax.tree.map(numpy.zeros_like, weights)

    def loss(weights):
        h = x
        for W, b in weights[:-1]:
            h = jax.nn.relu(h @ W + b)
        a = jax.nn.log_softmax(h @ weights[-1][0] + weights[-1][1])
        return -numpy.take_along_axis(a, y[:, None], 1).mean()

    def step(weights, first, second, t):
        value, g = jax.value_and_grad(loss)(weights)
        first = jax.tree.map(lambda m, g: 0.9 * m + 0.1 * g, first, g)
        second = jax.tree.map(lambda v, g: 0.999 * v + 0.001 * g * g, second, g)
        rate = ALPHA * numpy.sqrt(1 - 0.999**t) / (1 - 0.9**t)
        weights = jax.tree.map(lambda w, m, v: w - rate * m / (numpy.sqrt(v) + 1e-8), weights, first, second)
        return weights, first, second, t + 1, value
    step = jax.jit(step, donate_argnums=(0, 1, 2, 3))
    x, y = numpy.asarray(x), numpy.asarray(y)
    state = [weights, nothing, jax.tree.map(numpy.zeros_like, weights), numpy.float32(1)]

    def run():
        *state[:], value = step(*state)
        return value.block_until_ready()
    return run
