"""Random streams: reproducible, independent, of the right distribution."""
import chainrule as cr
import numpy as np
import pytest
from scipy import stats


def philox4x32(counter, key):
    """Ten rounds as in Salmon et al. (2011), plainly, in Python integers."""
    c, k = list(counter), list(key)
    for _ in range(10):
        low = [0xD2511F53 * c[0], 0xCD9E8D57 * c[2]]
        c = [low[1] >> 32 ^ c[1] ^ k[0], low[1] & 0xFFFFFFFF, low[0] >> 32 ^ c[3] ^ k[1], low[0] & 0xFFFFFFFF]
        k = [(k[0] + 0x9E3779B9) & 0xFFFFFFFF, (k[1] + 0xBB67AE85) & 0xFFFFFFFF]
    return c


def test_the_reference_itself_gives_the_published_numbers():
    assert philox4x32([0] * 4, [0] * 2) == [0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8]
    ones = [0xFFFFFFFF] * 4
    assert philox4x32(ones, ones[:2]) == [0x408F276D, 0x41C83B0E, 0xA20BC7C6, 0x6D5451FD]


def test_uniform_is_philox_of_the_position():
    """Block b of a draw is Philox of the counter (position + b, stream) and the key seed."""
    seed, position = 2**63 + 12345, 2**32 - 2
    rng = cr.Rng(seed)
    rng.restore({"seed": seed, "stream": 2**40 + 7, "position": position})
    low, high = 2**32 - 1, 32
    words = []
    for b in range(4):
        at, stream = position + b, 2**40 + 7
        words += philox4x32([at & low, at >> high, stream & low, stream >> high], [seed & low, seed >> high])
    drawn = cr.uniform(15, rng=rng)
    assert drawn.tolist() == [(w >> 8) * 2.0**-24 for w in words[:15]]
    assert rng.state()["position"] == position + 8             # two numbers a block, whatever their type


DRAWS = {
    "uniform": lambda rng: cr.uniform((7, 5), rng=rng),
    "normal": lambda rng: cr.normal((7, 5), rng=rng, dtype=cr.float64),
    "bernoulli": lambda rng: cr.bernoulli(0.3, (7, 5), rng=rng),
    "randint": lambda rng: cr.randint(-3, 10, (7, 5), rng=rng),
    "categorical": lambda rng: cr.categorical(cr.zeros((7, 5)), rng=rng),
    "permutation": lambda rng: cr.permutation(35, rng=rng),
}


@pytest.mark.parametrize("draw", DRAWS.values(), ids=DRAWS.keys())
def test_draws_depend_on_the_stream_alone(draw):
    a, b = cr.Rng(seed=5), cr.Rng(seed=5)
    first, second = draw(a), draw(a)
    np.testing.assert_array_equal(first, draw(b))
    np.testing.assert_array_equal(second, draw(b))
    assert not np.array_equal(first, second)
    assert not np.array_equal(first, draw(cr.Rng(seed=6)))


@pytest.mark.parametrize("draw", DRAWS.values(), ids=DRAWS.keys())
def test_state_restores_the_stream(draw):
    rng = cr.Rng(seed=1)
    draw(rng)
    state = rng.state()
    assert all(isinstance(v, int) for v in state.values())
    want = draw(rng)
    rng.restore(state)
    np.testing.assert_array_equal(draw(rng), want)
    other = cr.Rng(seed=99)
    other.restore(state)
    np.testing.assert_array_equal(draw(other), want)


def test_children_are_independent_and_the_parent_moves_on():
    rng = cr.Rng(seed=2)
    children = [rng.split(), *rng.split(3), rng]
    draws = np.stack([cr.normal(4000, rng=r).numpy() for r in children])
    correlation = np.corrcoef(draws)
    assert np.abs(correlation - np.eye(len(draws))).max() < 0.06
    np.testing.assert_array_equal(cr.normal(9, rng=cr.Rng(seed=2).split()), draws[0][:9])


@pytest.mark.parametrize("dtype", [cr.float32, cr.float64])
def test_uniform_and_normal_pass_kolmogorovs_test(dtype):
    rng = cr.Rng(seed=3)
    u = cr.uniform(50_000, -1, 3, rng=rng, dtype=dtype).numpy()
    assert u.min() >= -1 and u.max() < 3 and u.dtype == dtype.name
    assert stats.kstest(u, stats.uniform(-1, 4).cdf).pvalue > 1e-3
    z = cr.normal(50_000, mean=2, std=0.5, rng=rng, dtype=dtype).numpy()
    assert stats.kstest(z, stats.norm(2, 0.5).cdf).pvalue > 1e-3
    assert np.isfinite(z).all()


def test_discrete_draws_have_their_frequencies():
    rng = cr.Rng(seed=4)
    n = 40_000
    counts = np.bincount(cr.randint(2, 9, n, rng=rng).numpy(), minlength=9)
    assert counts[:2].sum() == 0 and stats.chisquare(counts[2:]).pvalue > 1e-3
    p = np.array([0.1, 0.2, 0.7])
    drawn = cr.categorical(cr.tensor(np.log(p)), rng=rng, shape=(n,)).numpy()
    assert stats.chisquare(np.bincount(drawn, minlength=3), n * p).pvalue > 1e-3
    assert abs(cr.bernoulli(0.3, n, rng=rng).numpy().mean() - 0.3) < 0.01
    order = cr.permutation(1000, rng=rng).numpy()
    assert sorted(order) == list(range(1000)) and abs(np.corrcoef(order, range(1000))[0, 1]) < 0.1


def test_drawing_in_parts_or_in_another_shape_gives_the_same_numbers():
    whole = cr.uniform(64, rng=cr.Rng(seed=8)).numpy()
    np.testing.assert_array_equal(cr.uniform((4, 16), rng=cr.Rng(seed=8)).numpy().ravel(), whole)


def test_empty_and_scalar_draws():
    rng = cr.Rng()
    assert cr.normal((0, 3), rng=rng).shape == (0, 3) and cr.uniform((), rng=rng).shape == ()
    assert cr.permutation(0, rng=rng).shape == (0,) and cr.permutation(1, rng=rng).tolist() == [0]


@pytest.mark.parametrize("call", [
    lambda rng: cr.Rng(-1), lambda rng: cr.Rng(2**64), lambda rng: cr.Rng(0.5),
    lambda rng: cr.normal((-1,), rng=rng),
    lambda rng: cr.bernoulli(1.5, (2,), rng=rng), lambda rng: cr.randint(3, 3, (2,), rng=rng),
    lambda rng: cr.normal(3, rng=7), lambda rng: cr.permutation(-1, rng=rng),
    lambda rng: rng.restore({"seed": 1}),
    lambda rng: cr.categorical(cr.zeros((2, 0)), rng=rng), lambda rng: cr.bernoulli(float("nan"), rng=rng)])
def test_wrong_arguments_are_refused_in_words(call):
    with pytest.raises((ValueError, TypeError)) as caught:
        call(cr.Rng(0))
    assert ": " in str(caught.value) and "\n" not in str(caught.value)
