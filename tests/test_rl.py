"""Agents in the world of the cleaning robot: rules of the world, the update, and what is learnt."""
import chainrule as cr
import numpy as np
import pytest

rl = cr.rl


def test_the_robot_cleans_what_it_enters_and_stops_at_walls():
    world = rl.CleaningRobot(2, 2)
    first = world.reset()
    assert first == 0 + 4 * 0b1110
    state, reward, end = world.step(0)                     # up, into the wall
    assert (state, reward, end) == (first, -0.1, False)
    rewards = [world.step(action)[1:] for action in (3, 1, 2)]
    assert rewards == [(0.9, False), (0.9, False), (0.9, True)]
    np.testing.assert_array_equal(world.observation(), [0, 0, 1, 0, 0, 0, 0, 0])
    with pytest.raises(IndexError, match="action 4 needs to be 0 to 3"):
        world.step(4)


class Corridor:
    """Two states: action 1 ends with reward 1, action 0 goes on with nothing."""
    states, actions, limit = 2, 2, 30

    def reset(self):
        return 0

    def step(self, action):
        return 1, float(action), bool(action)


def test_the_table_goes_to_the_solution_of_bellmans_equation():
    Q, _ = rl.q_learning(Corridor(), 400, gamma=0.9, alpha=0.5, epsilon=0.5, rng=cr.Rng(0))
    np.testing.assert_allclose(Q, [[0.9, 1], [0.9, 1]], atol=1e-6)


@pytest.mark.book("1.2-rl")
def test_a_table_learns_the_shortest_tour_and_beats_chance():
    """Eight dirty cells need eight moves: 8 · 0.9."""
    world = rl.CleaningRobot(3, 3)
    Q, totals = rl.q_learning(world, 1500, epsilon=lambda k: max(0.05, 1 - k / 700), rng=cr.Rng(0))
    best = rl.play(world, lambda state: int(np.argmax(Q[state])))
    actions = np.random.default_rng(0)
    chance = np.mean([rl.play(world, lambda state: int(actions.integers(4))) for _ in range(50)])
    assert best == pytest.approx(7.2) and best > chance + 1
    assert np.mean(totals[-100:]) > np.mean(totals[:100])


@pytest.mark.book("1.2-rl")
def test_trained_agents_beat_random_ones_on_the_mean_over_seeds_and_repeat_with_the_seed():
    world, tables, returns, chance = rl.CleaningRobot(2, 3, limit=30), [], [], []
    for seed in range(8):
        Q, _ = rl.q_learning(world, 300, epsilon=lambda k: max(0.05, 1 - k / 150), rng=cr.Rng(seed))
        tables.append(Q)
        returns.append(rl.play(world, lambda state, Q=Q: int(np.argmax(Q[state]))))
        actions = np.random.default_rng(seed)
        chance.append(rl.play(world, lambda state, actions=actions: int(actions.integers(4))))
    error = np.sqrt((np.var(returns) + np.var(chance)) / 8)
    assert np.mean(returns) > np.mean(chance) + 3 * error
    again, _ = rl.q_learning(world, 300, epsilon=lambda k: max(0.05, 1 - k / 150), rng=cr.Rng(7))
    np.testing.assert_array_equal(again, tables[7])
    with pytest.raises(ValueError, match=r"q_learning: epsilon must lie in \[0, 1\], got 1.5"):
        rl.q_learning(world, 3, epsilon=1.5, rng=cr.Rng(0))


@pytest.mark.book("1.2-rl")
def test_a_net_learns_to_clean_and_beats_chance():
    world, rng = rl.CleaningRobot(2, 3, limit=30), cr.Rng(1)
    nets = [cr.nn.MLP(12, 32, 4, rng=rng) for _ in range(2)]
    agent = rl.DQN(*nets, alpha=3e-3, rng=rng)
    for k in range(150):
        agent.episode(world, epsilon=max(0.1, 1 - k / 80))
    actions = np.random.default_rng(0)
    chance = np.mean([rl.play(world, lambda state: int(actions.integers(4))) for _ in range(50)])
    assert agent.episode(world, learn=False) > max(chance + 0.5, 3.9)


def test_the_slow_net_is_constant_in_the_gradient_and_the_memory_forgets_the_oldest():
    net, slow = (cr.nn.Linear(2, 2, rng=cr.Rng(s)) for s in (0, 1))
    agent = rl.DQN(net, slow, gamma=0.5, memory=3, batch=4, rng=cr.Rng(0))
    z, following = np.array([[1.0, 2.0]], np.float32), np.array([[0.5, -1.0]], np.float32)
    W, b = net.weight.numpy().copy(), net.bias.numpy().copy()
    inputs = [cr.tensor(z), cr.tensor([1]), cr.tensor([2.0]), cr.tensor(following), cr.ones((1,))]
    value, grads = agent.gradient(net, *inputs)
    error = 2 + 0.5 * (following @ W.T + b).max() - (z @ W.T + b)[0, 1]
    np.testing.assert_allclose(value.item(), error**2, rtol=1e-5)
    np.testing.assert_allclose(grads["weight"].numpy(), [[0, 0], -2 * error * z[0]], rtol=1e-5)
    for k in range(5):
        agent.remember(z[0], 0, float(k), z[0], True)
    assert sorted(step[2] for step in agent.memory) == [2, 3, 4]
