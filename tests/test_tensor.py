"""The tensor type beside NumPy's: element types, promotion, operators, shared bytes, text, sizes."""
import gc
import itertools
import operator
import weakref

import chainrule as cr
import numpy as np
import pytest

NAMES = ["bool", "uint8", "int32", "int64", "float16", "float32", "float64"]      # those that NumPy has too
DTYPES = {name: getattr(cr, name) for name in [*NAMES, "bfloat16"]}


def sample(*shape, dtype="float64", seed=0):
    rng = np.random.default_rng(seed)
    return rng.integers(0, 2 if dtype == "bool" else 9, size=shape).astype(dtype)


def same(t, x):
    x = np.asarray(x)
    assert t.shape == x.shape and t.dtype.name == x.dtype.name
    np.testing.assert_array_equal(np.asarray(t), x)


# ---- creation and element types
@pytest.mark.parametrize("data, dtype", [
    (1.5, "float32"), (3, "int64"), (True, "bool"), ([1, 2.5], "float32"), ([[1], [2]], "int64"),
    ([], "float32"), ([True, False], "bool"), (np.float64(2), "float64"), (np.ones(2, "float16"), "float16")])
def test_python_numbers_become_float32_and_int64_and_arrays_keep_their_type(data, dtype):
    t = cr.tensor(data)
    assert t.dtype == DTYPES[dtype] and t.shape == np.shape(data)
    np.testing.assert_array_equal(np.asarray(t), np.asarray(data, t.dtype.name))


def test_tensor_copies_and_takes_a_type():
    x = np.arange(6.0)
    t = cr.tensor(x, dtype=cr.float32)
    x[0] = 99
    assert t.dtype == cr.float32 and t[0].item() == 0
    assert cr.tensor([[cr.tensor(1.0), 2.0]]).shape == (1, 2)


def test_ragged_lists_and_foreign_objects_are_refused():
    with pytest.raises(ValueError):
        cr.tensor([[1, 2], [3]])
    with pytest.raises((ValueError, TypeError)):
        cr.tensor("text")
    with pytest.raises((ValueError, TypeError)):
        cr.tensor(object())


@pytest.mark.parametrize("a, b", list(itertools.product(NAMES, NAMES)))
def test_types_promote_as_in_numpy(a, b):
    """Except that an integer beside a float takes the float's type, where NumPy may widen it."""
    floats = [n for n in (a, b) if "float" in n]
    want = floats[0] if len(floats) == 1 else (np.zeros(1, a) + np.zeros(1, b)).dtype.name
    assert (cr.tensor(sample(2, dtype=a)) + cr.tensor(sample(2, dtype=b))).dtype == DTYPES[want]


def test_half_and_bfloat16_meet_in_float32():
    assert (cr.ones(1, dtype=cr.float16) + cr.ones(1, dtype=cr.bfloat16)).dtype == cr.float32


@pytest.mark.parametrize("name", NAMES)
def test_python_numbers_are_weak(name):
    t, x = cr.tensor(sample(3, dtype=name)), sample(3, dtype=name)
    assert (t + 1).dtype.name == (x + 1).dtype.name
    want = (x + 1.0).dtype.name if x.dtype.kind == "f" else "float32"
    assert (t + 1.0).dtype.name == (1.0 + t).dtype.name == want
    if name == "uint8":
        assert (t * 2).dtype == cr.uint8


@pytest.mark.parametrize("a, b", list(itertools.product(DTYPES, DTYPES)))
def test_astype_reaches_every_type(a, b):
    x = cr.tensor([0.0, 1.0, 3.0]).astype(DTYPES[a]).astype(DTYPES[b])
    assert x.dtype == DTYPES[b]
    one = "bool" in (a, b)
    np.testing.assert_array_equal(x.astype(cr.float64).numpy(), [0, 1, 1 if one else 3])


def test_bfloat16_rounds_to_nearest_even():
    x = np.random.default_rng(0).normal(size=1000).astype("float32")
    bits = x.view("uint32")
    want = ((bits + 0x7FFF + (bits >> 16 & 1)) & 0xFFFF0000).view("float32")
    np.testing.assert_array_equal(cr.tensor(x).astype(cr.bfloat16).astype(cr.float32).numpy(), want)


def test_float16_rounds_as_numpy_over_its_whole_range():
    x = (np.random.default_rng(0).normal(size=4000) * 2.0 ** np.linspace(-30, 18, 4000)).astype("float32")
    with np.errstate(over="ignore"):
        want = x.astype("float16")
    np.testing.assert_array_equal(cr.tensor(x).astype(cr.float16).numpy(), want)


# ---- attributes
def test_attributes_are_those_of_numpy():
    x = sample(2, 3, 4, dtype="float32")
    t = cr.asarray(x)
    assert (t.shape, t.ndim, t.size, t.itemsize, t.nbytes) == (x.shape, x.ndim, x.size, x.itemsize, x.nbytes)
    assert len(t) == 2 and t.device == "cpu" and tuple(t.strides) in {x.strides, (12, 4, 1)}
    same(t.T, x.T)
    same(t.mT, x.mT if hasattr(x, "mT") else x.swapaxes(-1, -2))
    assert t.tolist() == x.tolist() and cr.tensor(2.5).item() == 2.5
    assert [row.shape for row in t] == [(3, 4), (3, 4)]


def test_one_number_is_needed_where_one_number_is_asked():
    assert float(cr.tensor(2.5)) == 2.5 and int(cr.tensor([3])) == 3 and bool(cr.tensor(True))
    assert [10, 20, 30][cr.tensor(1)] == 20
    for convert in (float, int, bool, cr.Tensor.item):
        with pytest.raises(ValueError):
            convert(cr.ones((2,)))
    with pytest.raises(TypeError):
        len(cr.tensor(1.0))
    with pytest.raises(TypeError):
        iter(cr.tensor(1.0)).__next__()


@pytest.mark.parametrize("f", [operator.add, operator.sub, operator.mul, operator.truediv, operator.floordiv,
                               operator.mod, operator.pow, operator.eq, operator.ne, operator.lt, operator.le,
                               operator.gt, operator.ge])
def test_operators_take_tensors_numbers_and_arrays_on_either_side(f):
    x, y = sample(3, 2) + 1.0, sample(2, seed=1) + 1.0
    a, b = cr.tensor(x), cr.tensor(y)
    for got, want in [(f(a, b), f(x, y)), (f(a, 2.0), f(x, 2.0)), (f(2.0, a), f(2.0, x)), (f(a, y), f(x, y)),
                      (f(x, b), f(x, y)), (f(np.float64(2), a), f(np.float64(2), x))]:
        assert isinstance(got, cr.Tensor)
        same(got, want)


def test_matmul_and_unary_operators():
    x, m = sample(3, 4), sample(4, dtype="bool")
    a = cr.tensor(x)
    same(a @ a.T, x @ x.T)
    same(-a, -x)
    same(abs(-a), x)
    same(~cr.tensor(m), ~m)
    same(cr.tensor(m) & True, m)
    same(cr.tensor(m) | cr.tensor(~m), m | ~m)


# ---- bytes shared with NumPy and DLPack
@pytest.mark.parametrize("name", NAMES)
def test_numpy_and_tensor_share_bytes_both_ways(name):
    x = sample(3, 4, dtype=name)
    t = cr.asarray(x)
    back = np.asarray(t)
    assert np.shares_memory(x, back) and back.dtype == x.dtype
    x[1, 2] = 1
    assert t[1, 2].item() == 1
    t[0, 0] = 0
    assert x[0, 0] == 0 and back[0, 0] == 0
    same(cr.asarray(x.T[::-1, 1:]), x.T[::-1, 1:])


def test_bytes_live_as_long_as_anyone_holds_them():
    x = np.arange(5.0)
    alive = weakref.ref(x)
    t = cr.asarray(x)[1:]
    del x
    gc.collect()
    assert alive() is not None and t.tolist() == [1, 2, 3, 4]
    view = np.asarray(t)
    del t
    gc.collect()
    assert alive() is not None and view.tolist() == [1, 2, 3, 4]
    del view
    gc.collect()
    assert alive() is None
    own = np.asarray(cr.arange(4))
    gc.collect()
    assert own.tolist() == [0, 1, 2, 3]


def test_read_only_arrays_stay_unchanged():
    x = np.broadcast_to(np.arange(3.0), (2, 3))
    t = cr.asarray(x)
    with pytest.raises(ValueError):
        t[0] = 7
    assert not np.asarray(t).flags.writeable
    same(t, x)


def test_foreign_byte_orders_and_types():
    same(cr.asarray(np.arange(3, dtype=">f8")), np.arange(3.0))
    odd = np.frombuffer(bytes(range(33)), np.uint8)[1:].view("float64")             # not aligned
    assert not odd.flags.aligned
    same(cr.asarray(odd), odd)
    for dtype in ("complex128", "U3", "O", "datetime64[s]"):
        with pytest.raises(cr.DTypeError, match="asarray: NumPy type"):
            cr.asarray(np.zeros(2, dtype))


def test_array_conversion_takes_numpys_arguments():
    t = cr.tensor([1.0, 2.0])
    assert np.asarray(t, dtype="float64").dtype == np.float64
    assert not np.shares_memory(np.array(t), np.asarray(t))
    assert np.asarray(t.astype(cr.bfloat16)).dtype == np.float32


def test_dlpack_goes_both_ways_with_numpy():
    x = sample(3, 4, dtype="float32")
    t = cr.from_dlpack(x)
    same(t, x)
    assert np.shares_memory(np.from_dlpack(t), x)
    assert t.__dlpack_device__() == (1, 0)
    same(cr.from_dlpack(x[::2, ::-1]), x[::2, ::-1])
    np.testing.assert_array_equal(np.from_dlpack(cr.asarray(x[::2, ::-1])), x[::2, ::-1])


def test_dlpack_goes_both_ways_with_torch():
    torch = pytest.importorskip("torch")
    x = torch.arange(6.0).reshape(2, 3)
    t = cr.from_dlpack(x)
    x[0, 0] = 42
    assert t[0, 0].item() == 42
    back = torch.from_dlpack(t)
    back[1, 2] = -1
    assert t[1, 2].item() == -1
    half = torch.from_dlpack(cr.ones((2,), dtype=cr.bfloat16))
    assert half.dtype == torch.bfloat16 and half.tolist() == [1, 1]
    assert cr.from_dlpack(torch.tensor([True])).dtype == cr.bool


# ---- text
@pytest.mark.parametrize("x", [
    np.arange(6.0).reshape(2, 3), np.array(1.5), np.zeros((0, 3)), np.array([True]),
    np.linspace(0, 1, 2000).reshape(40, 50), np.array([1e-9, 1e9, np.nan, np.inf])],
    ids=["matrix", "scalar", "empty", "bool", "large", "range"])
def test_repr_shows_numbers_type_shape_and_device(x):
    text = repr(cr.tensor(x))
    assert text.startswith("tensor(") and text.endswith(")") and len(text) < 3000
    assert x.dtype.name in text and "cpu" in text and (str(x.shape) in text or x.ndim == 0)
    for number in np.array2string(x, threshold=1000).replace("[", " ").replace("]", " ").split()[:2]:
        assert number.rstrip(",") in text


# ---- sizes
def wide(*shape):
    return cr.broadcast_to(cr.ones(1), shape)


@pytest.mark.parametrize("call", [lambda: cr.zeros((2**40, 2**40)), lambda: cr.zeros(2**62),
                                  lambda: cr.broadcast_to(cr.ones(1), (2**32, 2**32)),
                                  lambda: wide(2**31, 1) + wide(1, 2**33), lambda: cr.zeros((-1, 2)),
                                  lambda: cr.eye(2**33)],
                         ids=["product", "bytes", "view", "broadcast", "negative", "eye"])
def test_sizes_beyond_64_bits_or_memory_are_refused(call):
    with pytest.raises((ValueError, MemoryError)) as caught:
        call()
    assert "\n" not in str(caught.value)


def test_large_views_need_no_memory():
    t = wide(2**20, 2**20)
    assert t.size == 2**40 and t[12345, -1].item() == 1


def test_tensors_hash_by_identity_and_keep_weak_references():
    t = cr.ones(3)
    assert {t: 1}[t] == 1
    alive = weakref.ref(t)
    del t
    assert alive() is None
