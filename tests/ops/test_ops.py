"""Six checks of every row, the corners, the texts of errors; and that no function is without a row."""
import inspect
import re

import chainrule
import numpy as np
import pytest

from .. import device
from .checks import (
    EPSILON,
    LAYOUTS,
    TOLERANCE,
    Row,
    array,
    as_list,
    assert_close,
    cast,
    cr,
    dot,
    gather,
    is_float,
    laid_out,
    rounded,
)

CASES = [Row(name, *row) for name, row in gather("CASES").items()]
CORNERS = [Row(name, *row) for name, row in gather("CORNERS").items()]
ERRORS = gather("ERRORS")
SMOOTH = [r for r in CASES if r.wrt and "values" not in r.extras]
LOW = [r for r in CASES if r.wrt and "low" not in r.extras]

STEP = 1e-5


def each(rows, argument="row"):
    return pytest.mark.parametrize(argument, [pytest.param(r, id=r.name) for r in rows])


# ---- (a) values
@pytest.mark.parametrize("dtype", ["float64", "float32"])
@each(CASES + CORNERS)
def test_value_is_the_oracles(row, dtype):
    inputs = [rounded(x, dtype) for x in row.inputs]
    given = [cast(x, dtype) for x in inputs]
    got, want = as_list(row.op(*given)), row.answer(inputs)
    assert len(got) == len(want)
    for g, w in zip(got, want, strict=True):
        assert_close(g, w, TOLERANCE[dtype] * row.factor)
        if row.wrt and is_float(g):
            assert g.dtype == dtype
    for t, x in zip(given, inputs, strict=True):
        np.testing.assert_array_equal(array(t), x, err_msg="the op changed its input")


# ---- (b) layouts and sizes
@pytest.mark.parametrize("layout", LAYOUTS)
@each(CASES)
def test_any_layout_gives_the_same(row, layout):
    if layout == "repeated" and "repeated" in row.extras:
        pytest.skip(row.extras["repeated"])
    inputs, given = zip(*(laid_out(layout, x) for x in row.inputs), strict=True) if row.inputs else ((), ())
    for g, w in zip(as_list(row.op(*given)), row.answer(inputs), strict=True):
        assert_close(g, w, TOLERANCE["float64"] * row.factor)


@pytest.mark.parametrize("n", [0, 1])
@each([r for r in CASES if r.inputs and r.inputs[0].ndim and len({x.shape for x in r.inputs}) == 1])
def test_few_rows_or_none_are_fine(row, n):
    """Where the oracle refuses, the op may refuse as well, in words."""
    if "resized" in row.extras:
        pytest.skip(row.extras["resized"])
    inputs = [x[:n] for x in row.inputs]
    try:
        want = row.answer(inputs)
    except (ValueError, IndexError, ArithmeticError):
        want = None
    try:
        got = as_list(row.op(*map(cr.tensor, inputs)))
        device.synchronize()
    except (ValueError, IndexError, ArithmeticError) as error:
        assert want is None and str(error), f"refused: {error}"
        return
    for g, w in zip(got, want or [], strict=want is not None):
        assert_close(g, w, TOLERANCE["float64"] * row.factor)


# ---- (c), (d) first derivatives
def directions(tensors, seed):
    rng = np.random.default_rng(seed)
    return tuple(cr.tensor(rng.normal(size=t.shape)) for t in tensors)


def bare(ts):
    """Transforms take and give one tensor as itself and several as a tuple."""
    return ts[0] if len(ts) == 1 else tuple(ts)


def difference(f, x, v):
    """(f(x + h v) - f(x - h v)) / 2h, with the error of order h² taken out by a second, double step."""
    def odd(h):
        ahead, behind = (as_list(f(*(a + s * b for a, b in zip(x, v, strict=True)))) for s in (h, -h))
        return [array(p) - array(m) for p, m in zip(ahead, behind, strict=True)]
    return [(8 * near - far) / (12 * STEP) for near, far in zip(odd(STEP), odd(2 * STEP), strict=True)]


@each(SMOOTH)
def test_push_is_the_limit_of_differences(row):
    f, x = row.of_floats(row.inputs)
    v = directions(x, seed=1)
    _, jv = cr.jvp(f, bare(x), bare(v))
    for g, w in zip(as_list(jv), difference(f, x, v), strict=True):
        assert_close(g, w, 1e-7 * row.factor)


@each(SMOOTH)
def test_pull_is_the_transpose_of_push(row):
    """⟨u, J v⟩ = ⟨Jᵀ u, v⟩ holds to rounding: there is no step size to choose."""
    f, x = row.of_floats(row.inputs)
    v = directions(x, seed=2)
    y, jv = cr.jvp(f, bare(x), bare(v))
    u = directions(as_list(y), seed=3)
    _, ju = cr.vjp(f, bare(x), bare(u) if not isinstance(y, tuple) else u)
    (left, scale), (right, _) = dot(u, as_list(jv)), dot(as_list(ju), v)
    assert abs(left - right) <= 1e-12 * row.factor * max(scale, 1e-3)


# ---- (e) second derivatives
@each(SMOOTH)
def test_second_order_agrees_in_all_modes(row):
    """H v of g = Σ w f²/2: forward over reverse = reverse over reverse = the limit of differences."""
    f, x = row.of_floats(row.inputs)
    v = directions(x, seed=4)
    weights = directions(as_list(f(*x)), seed=5)
    if not weights:
        return                                                # integers or booleans: nothing to differentiate

    def g(*x):
        return sum(cr.sum(w * y * y) / 2 for w, y in zip(weights, as_list(f(*x)), strict=True))

    def gradient(*x):
        return bare(as_list(cr.grad(g, argnums=tuple(range(len(x))))(*x)))

    def slope(*x):
        return sum(cr.sum(d * e) for d, e in zip(as_list(gradient(*x)), v, strict=True))

    _, over_reverse = cr.jvp(gradient, bare(x), bare(v))
    reverse_twice = cr.grad(slope, argnums=tuple(range(len(x))))(*x)
    for a, b in zip(as_list(over_reverse), as_list(reverse_twice), strict=True):
        assert_close(a, array(b), 1e-10 * row.factor)
    for a, limit in zip(as_list(over_reverse), difference(gradient, x, v), strict=True):
        assert_close(a, limit, 1e-6 * row.factor)


# ---- (f) narrow types
@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
@each(LOW)
def test_narrow_types_lose_only_their_last_bits(row, dtype):
    units = row.extras.get("units", (8, ""))[0]
    inputs = [rounded(x, dtype) for x in row.inputs]
    got = as_list(row.op(*(cast(x, dtype) for x in inputs)))
    for g, w in zip(got, row.answer(inputs), strict=True):
        assert not is_float(g) or g.dtype == dtype
        assert_close(g, w, units * EPSILON[dtype])


# ---- errors
@pytest.mark.parametrize("name", ERRORS)
def test_error_says_what_was_given_and_needed(name):
    call, kind, text = ERRORS[name]
    with pytest.raises(kind) as caught:
        call()
        device.synchronize()
    assert re.fullmatch(text, str(caught.value)), f"{kind.__name__}: {caught.value}"


# ---- nothing is left out
EXEMPT = {  # functions that are no ops, each tested elsewhere
    "memory": "test_memory.py", "reset_peak": "test_memory.py", "empty_cache": "test_memory.py",
    "num_threads": "test_threads.py", "set_num_threads": "test_threads.py",
    "instruction_set": "test_simd.py",
    "cuda_unavailable": "test_package.py", "synchronize": "test_package.py",
    "debug_nans": "test_errors.py", "from_array": "test_tensor.py", "empty": "test_tensor.py",
    "tensor": "test_tensor.py", "asarray": "test_tensor.py", "from_dlpack": "test_tensor.py",
    "empty_like": "test_tensor.py", "result_type": "test_tensor.py",
}


def public_functions():
    names = set()
    for module in (chainrule._core, chainrule.creation, chainrule.functional, chainrule.linalg):
        for name, value in vars(module).items():
            own = module is chainrule._core or getattr(value, "__module__", "").startswith(module.__name__)
            if inspect.isroutine(value) and own and not name.startswith("_"):
                names.add(name)
    return names


def test_every_function_has_a_row():
    functions = public_functions()
    rows = [r.name for r in CASES + CORNERS]
    parts = {row: ["_".join(row.split("_")[:k]) for k in range(row.count("_") + 1, 0, -1)] for row in rows}
    seen = {next((p for p in parts[row] if p in functions), row) for row in rows}
    assert not sorted(functions - seen - set(EXEMPT)), "these have no row in tests/ops/rows_*.py"
    assert not sorted(seen - functions), "these rows are named after no function"
