"""Learning what each action is worth in each state, from what happens.   Book: §8.4"""
from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

import chainrule as cr

from .. import check


def epsilon_greedy(values: np.ndarray, epsilon: float, u: np.ndarray) -> int:
    """The best action with probability 1 - ε, else any: u holds two uniform numbers.   Book: (8.78)"""
    return int(u[1] * len(values)) if u[0] < epsilon else int(np.argmax(values))


def q_learning(world: Any, episodes: int, *, gamma: float = 0.95, alpha: float = 0.5,
               epsilon: float | Callable[[int], float] = 0.1, rng) -> tuple[np.ndarray, list[float]]:
    """Q(z, a) ← (1 - α) Q(z, a) + α (r + γ max_a' Q(z', a')) for each step, ε-greedy.   Book: §8.4, (8.80)

    `world` has states, actions, limit, reset() -> state and step(action) -> (state, reward, end); `epsilon`
    is a number or a function of the episode. After the end of an episode nothing more is to be won.

    Shapes  -> Q (states, actions), and the sum of rewards of each episode
    """
    check.positive("q_learning", episodes=episodes)
    check.fraction("q_learning", gamma=gamma, alpha=alpha)
    Q, totals = np.zeros((world.states, world.actions)), []
    for episode in range(episodes):
        rate = epsilon(episode) if callable(epsilon) else epsilon
        check.fraction("q_learning", epsilon=rate)
        state, end, total = world.reset(), False, 0.0
        for u in cr.uniform((world.limit, 2), rng=rng).numpy():
            action = epsilon_greedy(Q[state], rate, u)
            following, reward, end = world.step(action)
            target = reward + (0.0 if end else gamma * Q[following].max())
            Q[state, action] += alpha * (target - Q[state, action])
            state, total = following, total + reward
            if end:
                break
        totals.append(total)
    return Q, totals


def play(world: Any, policy: Callable[[int], int]) -> float:
    """The sum of rewards of one episode in which policy(state) acts."""
    state, end, total = world.reset(), False, 0.0
    while not end:
        state, reward, end = world.step(policy(state))
        total += reward
    return total
