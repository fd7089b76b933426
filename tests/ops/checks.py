"""How rows of ops are written, gathered and compared.

A file rows_*.py holds up to three dicts; the name of a row is its function's, then anything:
    CASES   = {"softmax_axis": (lambda x: cr.softmax(x, axis=0), np_softmax, [normal(3, 5)])}
    CORNERS = {...}              the same; values only: differences lose their digits there
    ERRORS  = {"softmax_scalar": (lambda: cr.softmax(cr.tensor(1.0)), cr.ShapeError, "softmax: z needs .*")}
Inputs are float64 (cast as a check asks), or integers and booleans (left alone, never differentiated).
A fourth entry, a dict, may hold
    wrt      which inputs are differentiated; by default all floating ones
    values   why values only are checked
    low      why float16 and bfloat16 are not checked
    units    (n, why): the error allowed in float16 and bfloat16, in units of their epsilon, instead of 8
    loose    (factor, why): multiplies the other tolerances
    repeated why input with repeated rows (stride 0) makes no sense
    resized  why input of size 0 or 1 along its first axis makes no sense
"""
import importlib
import sys
import warnings
import zlib
from dataclasses import dataclass, field
from pathlib import Path

import chainrule
import numpy as np

from .. import device

cr = device.OnDevice(chainrule)          # rows and checks make their tensors on the device under test

EXTRAS = {"wrt", "values", "low", "units", "loose", "repeated", "resized"}
EPSILON = {"float64": 2.0**-52, "float32": 2.0**-23, "float16": 2.0**-10, "bfloat16": 2.0**-7}
TOLERANCE = {"float64": 1e-12, "float32": 64 * EPSILON["float32"]}


# ---- inputs
_streams = {}


def _stream():
    """A generator for the file that calls: a new row there leaves the numbers of other files as they are."""
    name = sys._getframe(2).f_globals["__name__"]
    return _streams.setdefault(name, np.random.default_rng(zlib.crc32(name.rpartition(".")[2].encode())))


def normal(*shape):
    """Standard normal values, none nearer than 0.05 to the kink that many functions have at 0."""
    x = _stream().normal(size=shape)
    return np.asarray(x + np.copysign(0.05, x))


def uniform(low, high, *shape):
    return np.asarray(_stream().uniform(low, high, size=shape))


def integers(low, high, *shape):
    return np.asarray(_stream().integers(low, high, size=shape))


def spaced(*shape):
    """Distinct values at least 0.1 apart in random order, for ops that choose one of them."""
    n = int(np.prod(shape))
    return (_stream().permutation(n) * 0.1 - 0.05 * n + 0.02).reshape(shape)


# ---- rows
@dataclass
class Row:
    name: str
    op: object
    oracle: object
    inputs: list
    extras: dict = field(default_factory=dict)

    def __post_init__(self):
        unknown = set(self.extras) - EXTRAS
        assert not unknown, f"row {self.name}: there is no extra {unknown}"
        self.inputs = [np.asarray(x) for x in self.inputs]

    @property
    def wrt(self):
        return self.extras.get("wrt", [i for i, x in enumerate(self.inputs) if x.dtype.kind == "f"])

    @property
    def factor(self):
        return self.extras.get("loose", (1, ""))[0]

    def answer(self, inputs):
        """The oracle's results as a list of arrays."""
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")
            return [np.asarray(y) for y in as_list(self.oracle(*inputs))]

    def of_floats(self, x):
        """The op as a function of its differentiated inputs, to its floating results."""
        fixed = [cr.tensor(a) for a in x]

        def f(*chosen):
            for i, value in zip(self.wrt, chosen, strict=True):
                fixed[i] = value
            ys = [y for y in as_list(self.op(*fixed)) if is_float(y)]
            return ys[0] if len(ys) == 1 else tuple(ys)
        return f, tuple(cr.tensor(x[i]) for i in self.wrt)


def gather(kind):
    """All rows of one kind, from every rows_*.py of this folder."""
    rows = {}
    for path in sorted(Path(__file__).parent.glob("rows_*.py")):
        with device.seen_by_imports(cr):
            module = importlib.import_module(f"{__package__}.{path.stem}")
        for name, row in getattr(module, kind, {}).items():
            assert name not in rows, f"two rows are called {name}"
            rows[name] = row
    return rows


# ---- results
def as_list(y):
    return list(y) if isinstance(y, (tuple, list)) else [y]


def is_float(t):
    return isinstance(t, cr.Tensor) and t.dtype.is_floating


def array(t):
    """A tensor's values as a NumPy array, floats as float64."""
    if not isinstance(t, cr.Tensor):
        return np.asarray(t)
    return (t.astype(cr.float64) if is_float(t) else t).numpy()


def rounded(x, dtype):
    """x as it is after a trip through a narrower floating type."""
    return array(cr.tensor(x).astype(dtype)) if x.dtype.kind == "f" else x


def cast(x, dtype):
    return cr.tensor(x).astype(dtype) if x.dtype.kind == "f" else cr.tensor(x)


def assert_close(got, want, tolerance):
    """|got - want| <= tolerance (|want| + the largest of its elements); integers and booleans exactly."""
    got, want = array(got), array(want)
    assert got.shape == want.shape, f"shape {got.shape}, wanted {want.shape}"
    if want.dtype.kind != "f":
        assert got.dtype.kind == want.dtype.kind, f"got {got.dtype}, wanted {want.dtype}"
        return np.testing.assert_array_equal(got, want)
    size = np.max(np.abs(want), where=np.isfinite(want), initial=1e-3)
    np.testing.assert_allclose(got, want, rtol=tolerance, atol=tolerance * size)


def dot(us, vs):
    """⟨u, v⟩ over lists of tensors, and Σ |u v|, the scale of its rounding."""
    products = [np.ravel(array(u) * array(v)) for u, v in zip(us, vs, strict=True)]
    flat = np.concatenate(products) if products else np.zeros(0)
    return flat.sum(), np.abs(flat).sum()


# ---- the same values laid out differently in memory
def _negative(x):
    back = tuple(slice(None, None, -1) for _ in x.shape)
    return x[back].copy(), lambda t: t[back]


def _sliced(x):
    big = np.zeros([2 * n + 1 for n in x.shape], x.dtype)
    inner = tuple(slice(1, None, 2) for _ in x.shape)
    big[inner] = x
    return big, lambda t: t[inner]


def _repeated(x):
    if not x.ndim or not x.shape[0]:
        return x, lambda t: t
    return x[:1], lambda t: (np if isinstance(t, np.ndarray) else cr).broadcast_to(t, x.shape)


def _transposed(x):
    return x.T.copy(), lambda t: t.transpose()


def laid_out(layout, x):
    """x in that layout: as an array, and as a tensor on the device under test."""
    memory, view = LAYOUTS[layout](x)
    return view(memory), view(cr.asarray(memory))


LAYOUTS = {"transposed": _transposed, "negative": _negative, "sliced": _sliced, "repeated": _repeated}
