"""Indexing and assignment beside NumPy's: slices, ints, new axes, masks, integer arrays."""
import chainrule as cr
import numpy as np
import pytest

from .test_tensor import same, sample


def random_index(rng, shape):
    """Slices, integers, new axes, an ellipsis, and now and then one mask or integer array."""
    parts, axis, advanced = [], 0, rng.random() < 0.4
    while axis < len(shape):
        n, kind = shape[axis], rng.integers(0, 7)
        if kind == 0 and n:
            parts.append(int(rng.integers(-n, n)))
        elif kind == 1:
            parts.append(None)
            continue
        elif kind == 2 and not any(p is Ellipsis for p in parts):
            parts.append(Ellipsis)
            axis += int(rng.integers(0, len(shape) - axis + 1)) - 1
        elif kind == 3 and advanced and n:
            parts.append(rng.integers(-n, n, size=rng.integers(0, 4, size=rng.integers(1, 3))))
            advanced = False
        elif kind == 4 and advanced:
            parts.append(rng.random(n) < 0.5)
            advanced = False
        else:
            start, stop = (None if rng.random() < 0.3 else int(rng.integers(-n - 2, n + 3)) for _ in range(2))
            parts.append(slice(start, stop, [None, 1, 2, -1, -3][rng.integers(0, 5)]))
        axis += 1
    return tuple(parts) if len(parts) != 1 else parts[0]


SHAPES = [(5,), (4, 3), (3, 1, 4), (2, 3, 4, 2), (0, 3), ()]


@pytest.mark.parametrize("seed", range(300))
def test_indexing_is_numpys(seed):
    rng = np.random.default_rng(seed)
    x = np.arange(float(np.prod(SHAPES[seed % 6]))).reshape(SHAPES[seed % 6])
    index = random_index(rng, x.shape)
    t = cr.asarray(x.copy())
    try:
        want = x[index]
    except IndexError:
        with pytest.raises(IndexError):
            t[index]
        return
    same(t[index], want)
    value = rng.normal(size=want.shape)                       # assignment to the same place
    t[index] = cr.tensor(value)
    x[index] = value
    if not repeats(index):                                    # which of two values stays is left open
        same(t, x)


def repeats(index):
    parts = index if type(index) is tuple else [index]
    return any(isinstance(i, np.ndarray) and i.dtype != bool for i in parts)


def test_basic_indexing_is_a_view_and_advanced_a_copy():
    t = cr.zeros((3, 4))
    t[1:, ::2][...] = 1
    assert cr.sum(t).item() == 4
    t[cr.tensor([0, 1])][...] = 9
    t[t > 0.5][...] = 9
    assert cr.sum(t).item() == 4


def test_masks_and_index_tensors():
    x = sample(4, 5)
    t = cr.tensor(x)
    same(t[t > 4], x[x > 4])
    same(t[cr.tensor([2, -1, 0])], x[[2, -1, 0]])
    same(t[[2, -1, 0]], x[[2, -1, 0]])
    same(t[[0, 1], [2, 3]], x[[0, 1], [2, 3]])
    same(t[:, np.array([[0, 1], [4, 4]])], x[:, [[0, 1], [4, 4]]])
    same(t[np.array([True, False, True, False]), 1:3], x[[0, 2], 1:3])


@pytest.mark.parametrize("index", [5, -6, (0, 9), (0, 0, 0), [7], (slice(None), [-9]), np.zeros(3, bool),
                                   (Ellipsis, Ellipsis), 1.5, "a", slice(None, None, 0)])
def test_wrong_indices_are_refused_in_words(index):
    x, t = sample(5, 4), cr.tensor(sample(5, 4))
    with pytest.raises((IndexError, ValueError, TypeError)):
        x[index]
    with pytest.raises((IndexError, ValueError, TypeError)) as caught:
        t[index]
    assert str(caught.value) and "\n" not in str(caught.value)


def test_assignment_broadcasts_converts_and_checks():
    x, t = sample(3, 4), cr.tensor(sample(3, 4))
    for index, value in [(0, 1), (..., np.arange(4)), ((slice(None), 1), [[7], [8], [9]][0]), (x > 3, 0.5)]:
        x[index] = value
        t[index] = value
        same(t, x)
    t[0] = t[1]                                               # bytes that overlap
    t[1:] = t[:-1]
    x[0] = x[1]
    x[1:] = x[:-1]
    same(t, x)
    with pytest.raises(cr.ShapeError):
        t[0] = [1, 2]
    with pytest.raises((cr.ShapeError, IndexError)):
        t[5] = 0
    same(t, x)


def test_assignment_to_a_recorded_tensor_is_refused():
    def f(x):
        y = x * 2
        y[0] = 0
        return cr.sum(y)
    with pytest.raises((ValueError, RuntimeError), match="recorded"):
        cr.grad(f)(cr.ones(3))
