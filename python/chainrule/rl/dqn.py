"""Q-learning with a net in the place of the table.   Book: §8.4, (8.82), (8.83)"""
from __future__ import annotations

from typing import Any

import numpy as np

import chainrule as cr

from .. import check
from .q_learning import epsilon_greedy


class DQN:
    """A net that scores the actions of an observation learns from a memory of steps, against a slower copy.

    Book: §8.4, (8.82), (8.83)

    `net` maps observations (N, k) to (N, actions), `slow` is a second one of the same shape, overwritten with
    the first every `refresh` steps; the targets r + γ max_a slow(z')_a are constants in the gradient.
    """
    def __init__(self, net: Any, slow: Any, *, alpha: float = 1e-3, gamma: float = 0.95, memory: int = 5000,
                 batch: int = 32, refresh: int = 100, rng) -> None:
        check.positive("DQN", memory=memory, batch=batch, refresh=refresh)
        check.fraction("DQN", gamma=gamma)
        self.net, self.slow, self.gamma, self.rng = net, slow, gamma, rng
        self.size, self.batch, self.refresh = memory, batch, refresh
        self.memory: list[tuple] = []                      # the oldest step is overwritten by the newest
        self.steps = 0
        self.adam = cr.optim.Adam(net, alpha=alpha)
        self.slow.load_state_dict(self.net.state_dict())
        self.gradient = cr.value_and_grad(self.loss)

    def loss(self, net: Any, z: Any, action: Any, reward: Any, following: Any, goes_on: Any) -> Any:
        """mean (r + γ max_a slow(z')_a - net(z)_a)², without γ's part after the end.   Book: (8.83)"""
        target = reward + self.gamma * goes_on * cr.max(self.slow(following), axis=-1)
        taken = cr.squeeze(cr.take_along_axis(net(z), action[:, None], axis=-1), axis=-1)
        return cr.losses.mse(taken, cr.stop_gradient(target))

    def act(self, observation: np.ndarray, epsilon: float = 0.0) -> int:
        """ε-greedy in the net's scores.   Book: (8.82)"""
        scores = self.net(cr.tensor(observation[None], device=self.net.device)).numpy()[0]
        u = cr.uniform((2,), rng=self.rng).numpy() if epsilon else np.ones(2)
        return epsilon_greedy(scores, epsilon, u)

    def remember(self, *step: Any) -> None:
        """(z, action, reward, z', whether it goes on); then learn from a batch of the memory."""
        place = self.steps % self.size
        self.memory[place:place + 1] = [step]
        self.steps += 1
        if len(self.memory) < self.batch:
            return
        chosen = cr.randint(len(self.memory), shape=(self.batch,), rng=self.rng).tolist()
        columns = zip(*(self.memory[i] for i in chosen), strict=True)
        kinds = (np.float32, np.int64, np.float32, np.float32, np.float32)
        arrays = [cr.tensor(np.array(c, kind), device=self.net.device)
                  for c, kind in zip(columns, kinds, strict=True)]
        self.adam.update(self.gradient(self.net, *arrays)[1])
        if self.steps % self.refresh == 0:
            self.slow.load_state_dict(self.net.state_dict())

    def episode(self, world: Any, epsilon: float = 0.0, learn: bool = True) -> float:
        """The sum of rewards of one episode."""
        world.reset()
        z, end, total = world.observation(), False, 0.0
        while not end:
            action = self.act(z, epsilon)
            _, reward, end = world.step(action)
            following = world.observation()
            if learn:
                self.remember(z, action, reward, following, not end)
            z, total = following, total + reward
        return total
