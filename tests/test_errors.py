"""Errors: their classes, one line each, and that bad input changes nothing."""
import chainrule as cr
import numpy as np
import pytest


def test_classes_are_also_pythons():
    assert issubclass(cr.ShapeError, ValueError) and issubclass(cr.DTypeError, ValueError)
    assert issubclass(cr.DeviceError, RuntimeError) and issubclass(cr.OutOfMemory, MemoryError)
    errors = (cr.ShapeError, cr.DTypeError, cr.DeviceError, cr.OutOfMemory)
    assert {e.__module__ for e in errors} == {"chainrule"}


A, B = cr.zeros((3, 4)), cr.zeros((5, 2))
WRONG = {
    "shapes": (lambda: A + B, cr.ShapeError, r"add: .*\(3, 4\).*\(5, 2\)"),
    "inner axes": (lambda: A @ B, cr.ShapeError, r"matmul: inner axes differ: a \(3, 4\) @ b \(5, 2\) needs "
                                                 r"a.shape\[-1\] == b.shape\[-2\]"),
    "sizes": (lambda: A.reshape(7, 2), cr.ShapeError, r"reshape: .*\(3, 4\)"),
    "axis": (lambda: cr.sum(A, axis=2), (IndexError, ValueError), "sum: .*axis 2"),
    "axis twice": (lambda: cr.sum(A, axis=(0, -2)), ValueError, "sum: .*axis"),
    "index": (lambda: A[3], IndexError, "index: 3 .*"),
    "too many indices": (lambda: A[0, 0, 0], IndexError, "index: .*3"),
    "index array": (lambda: A[np.array([0, 9])], IndexError, "index: .*9"),
    "type": (lambda: A.astype("complex64"), cr.DTypeError, "dtype: no element type complex64; there are .*"),
    "shift of floats": (lambda: A & A, cr.DTypeError, "bitwise_and: .*float32"),
    "strings": (lambda: cr.tensor(["a"]), cr.DTypeError, "tensor: data must be numbers, .*"),
    "device": (lambda: A.to("cuda:7"), cr.DeviceError, "device: no device 'cuda:7'; there are 'cpu' and .*"),
    "truth": (lambda: bool(A), ValueError, r"bool: the truth of a tensor of shape \(3, 4\) is .*"),
    "one number": (lambda: A.item(), ValueError, r"item: needs one element, got shape \(3, 4\)"),
    "gradient of integers": (lambda: cr.grad(cr.sum)(cr.arange(3)), (TypeError, ValueError), "grad: .*float"),
    "no tensor": (lambda: cr.exp("text"), TypeError, "needs a tensor, a number or a NumPy array, got str"),
    "overflow": (lambda: cr.zeros((2**40, 2**40)), ValueError, ".*(overflow|64 bits|too many).*"),
    "negative size": (lambda: cr.zeros((2, -1)), ValueError, ".*-1.*"),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_refusal_is_one_line_that_names_the_op(name):
    call, kind, text = WRONG[name]
    with pytest.raises(kind, match=f"^{text}") as caught:
        call()
    message = str(caught.value)
    assert "\n" not in message and not message.endswith(".") and "Invoked with" not in message
    assert "std::" not in message and "pybind" not in message


def test_a_refused_assignment_changes_nothing():
    x = cr.arange(6).reshape(2, 3)
    before = x.numpy().copy()
    for key, value in ((0, cr.zeros(4)), (np.array([0, 5]), 1), ((0, 3), 1), (np.ones(5, bool), 1)):
        with pytest.raises((ValueError, IndexError)):
            x[key] = value
    np.testing.assert_array_equal(x.numpy(), before)


def test_assignment_to_a_recorded_tensor_is_refused():
    def f(x):
        x[0] = 1.0
        return cr.sum(x)
    with pytest.raises((RuntimeError, ValueError), match="recorded"):
        cr.grad(f)(cr.ones(3))


# ---- the switch for NaN
@pytest.fixture
def watching():
    before = cr.debug_nans()
    yield
    cr.debug_nans(before)


def test_the_first_op_that_makes_a_nan_is_named(watching):
    text = r"^log: made a NaN from inputs without one, output shape \(2,\)$"
    with pytest.raises(FloatingPointError, match=text):
        cr.exp(cr.log(cr.tensor([1.0, -1.0])) * 2)
    with pytest.raises(FloatingPointError, match="^divide: "):
        cr.zeros(2) / cr.zeros(2)


def test_it_looks_into_derivatives_too(watching):
    """The slope of x log x at 0 by the product rule is 0 · (1/0) + log 0."""
    with pytest.raises(FloatingPointError, match="^multiply: "):
        cr.grad(lambda x: cr.sum(x * cr.log(x)))(cr.zeros(1) + 0)


def test_a_nan_that_was_given_is_no_fault_of_the_op(watching):
    assert np.isnan(cr.exp(cr.tensor([np.nan])).item())


def test_the_switch_is_off_unless_asked_and_tells_what_it_was():
    assert cr.debug_nans(True) is False
    assert cr.debug_nans(False) is True
    assert np.isnan(cr.log(cr.tensor(-1.0)).item())
