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


ARRAYS = {                                                    # several index arrays, on an x of (4, 3, 5, 2)
    "beside": (slice(None), [0, 2, 1], [4, 0, -1]),
    "apart": ([0, 2, 1], slice(None), [4, 0, -1]),
    "apart_inside": (slice(None), [0, 2], slice(1, 4), [1, 0]),
    "broadcast": ([[0], [3], [-1]], [0, 2]),
    "broadcast_behind": (Ellipsis, np.array([[0], [4]]), np.array([1, 0, 1])),
    "int_beside": (1, slice(None), [0, 4, 2]),
    "int_inside": (slice(None), 2, [0, 4, 2]),
    "mask_and_array": (np.array([True, False, True, True]), slice(None), [0, 1, 4]),
    "mask_of_two_axes": (np.arange(12).reshape(4, 3) % 3 != 1,),
    "mask_inside": (slice(None), np.arange(15).reshape(3, 5) % 2 == 0, 1),
    "mask_of_all": (np.arange(120).reshape(4, 3, 5, 2) % 7 == 0,),
    "new_axis_between": ([0, 1], None, [2, 0]),
    "with_steps": (slice(None, None, -2), [2, 0], slice(None, None, -1)),
    "twice_the_same": ([1, 1, 1, -3],),
    "empty": (slice(None), np.zeros((0, 2), int)),
    "tuple_inside": ((0, 3), slice(1, None)),
    "bytes": (np.array([3, 0], np.uint8),),
}


@pytest.mark.parametrize("index", ARRAYS.values(), ids=ARRAYS.keys())
@pytest.mark.parametrize("layout", ["plain", "turned"])
def test_several_index_arrays_are_numpys(index, layout):
    x = np.arange(120.0).reshape(4, 3, 5, 2)
    if layout == "turned":
        x = x[::-1].transpose(3, 2, 1, 0).copy().transpose(3, 2, 1, 0)[::-1]
    t = cr.tensor(x)
    t = t if layout == "plain" else cr.flip(cr.copy(cr.flip(t, 0).T).T, 0)
    same(t[index], x[index])
    values = np.random.default_rng(0).normal(size=x[index].shape)
    if index is ARRAYS["twice_the_same"]:                     # which of two values stays is left open
        values[...] = 7
    x[index], t[index] = values, values
    same(t, x)
    x[index], t[index] = -1, -1
    same(t, x)


@pytest.mark.parametrize("index", [*ARRAYS.values(), (1, slice(None, None, -2), None), (Ellipsis, -1), (),
                                   slice(3, 0, -1), (slice(2, 2),)])
def test_indexing_is_linear_in_both_modes(index):
    """Push is the indexing itself; pull lays u where it was read, and adds where that happened twice."""
    rng = np.random.default_rng(1)
    x, v = rng.normal(size=(2, 4, 3, 5, 2))
    y, jv = cr.jvp(lambda x: x[index], cr.tensor(x), cr.tensor(v))
    same(y, x[index])
    same(jv, v[index])
    u = rng.normal(size=jv.shape)
    _, ju = cr.vjp(lambda x: x[index], cr.tensor(x), cr.tensor(u))
    want = np.zeros_like(x)
    np.add.at(want, index, u)
    np.testing.assert_allclose(ju, want, rtol=1e-14)
    hv = cr.hvp(lambda x: cr.sum(x[index] ** 3), cr.tensor(x), cr.tensor(v))
    np.add.at(want := np.zeros_like(x), index, 6 * (x * v)[index])
    np.testing.assert_allclose(hv, want, rtol=1e-12, atol=1e-12)


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
                                   ([0, 1], [0, 1, 2]), (slice(None), [0.5]), np.zeros((5, 5), bool),
                                   [[0], [1, 2]], (Ellipsis, Ellipsis), 1.5, "a", slice(None, None, 0)])
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


def test_assignment_reads_before_it_writes():
    x, t = np.arange(5.0), cr.arange(5.0)
    for index in ([4, 3, 2, 1, 0], slice(None, None, -1), x > -1):
        x[index] = x.copy()
        t[index] = t
        same(t, x.astype("float32"))
    t[[1, 2]] = t[:2]
    x[[1, 2]] = x[:2].copy()
    same(t, x.astype("float32"))


@pytest.mark.parametrize("view", [lambda x: cr.broadcast_to(x, (3, 6)), lambda x: cr.unfold(x, 0, 3),
                                  lambda x: cr.unfold(x, 0, 3, step=2)])
def test_assignment_where_places_share_an_element_is_refused(view):
    x = cr.zeros(6)
    with pytest.raises(ValueError, match="one element in many places"):
        view(x)[...] = 1
    assert cr.sum(x).item() == 0
    cr.unfold(x, 0, 3, step=3)[...] = 1                       # windows side by side share none
    cr.diagonal(cr.reshape(x, (2, 3)))[:] = 2
    assert x.tolist() == [2, 1, 1, 1, 2, 1]


@pytest.mark.parametrize("flag", [True, np.True_, np.array(False)])
def test_a_single_truth_value_is_no_index(flag):
    with pytest.raises(IndexError, match="a single bool is not an index; use None or a mask"):
        cr.zeros(3)[flag]


def test_assigning_few_elements_of_many_needs_little_memory():
    x = cr.zeros((1000, 1000))
    cr.reset_peak()
    before = cr.memory()["peak"]
    x[[1, 2], [3, 4]] = 5
    assert cr.memory()["peak"] - before < 100_000 and cr.sum(x).item() == 10


def test_assignment_to_a_recorded_tensor_is_refused():
    def f(x):
        y = x * 2
        y[0] = 0
        return cr.sum(y)
    with pytest.raises((ValueError, RuntimeError), match="recorded"):
        cr.grad(f)(cr.ones(3))
