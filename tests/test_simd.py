"""Every instruction set that this machine has gives the same answers."""
import os
import subprocess
import sys

import chainrule as cr
import pytest

PROGRAM = """
import sys
import chainrule as cr
import numpy as np
from scipy import special
rng = np.random.default_rng(0)

if cr.instruction_set() != sys.argv[1]:
    print("absent")
    sys.exit()
# the same matrix with its rows, its columns, and neither together in memory
def layouts(x):
    apart = np.repeat(np.repeat(x, 2, axis=0), 2, axis=1)
    return cr.asarray(x), cr.asarray(x.T.copy()).T, cr.asarray(apart)[::2, ::2]

for dtype in (np.float32, np.float64):
    for M, N, K in [(1, 1, 1), (7, 9, 300), (14, 32, 256), (15, 33, 257), (100, 1, 300), (1, 70, 300),
                    (61, 130, 70), (9, 9, 0),
                    (1, 1500, 37), (1500, 1, 37), (64, 300, 790), (150, 47, 900),
                    (30, 1024, 1024), (300, 1024, 2048), (1024, 70, 1500)]:  # rows 4 KB apart are packed
        a, b = rng.normal(size=(M, K)).astype(dtype), rng.normal(size=(K, N)).astype(dtype)
        exact = a.astype(float) @ b.astype(float)
        allowed = 4 * np.finfo(dtype).eps * (np.abs(a) @ np.abs(b))
        for left in layouts(a):
            for right in layouts(b):
                error = np.abs(np.asarray(left @ right) - exact)
                assert np.all(error <= allowed), (dtype, M, N, K)

# bfloat16: exact products, float32 sums, one rounding of at most 2^-9 in the end; subnormals may count as 0
for M, N, K in [(7, 9, 301), (150, 47, 900), (300, 1024, 2048), (33, 64, 65)]:
    a, b = (cr.asarray(rng.normal(size=s).astype(np.float32)).astype(cr.bfloat16) for s in ((M, K), (K, N)))
    wide = [np.asarray(x.astype(cr.float32)) for x in (a, b)]
    exact = wide[0].astype(float) @ wide[1].astype(float)
    allowed = 2.0**-8 * np.abs(exact) + 4 * np.finfo(np.float32).eps * (np.abs(wide[0]) @ np.abs(wide[1]))
    for left in layouts(wide[0]):
        for right in layouts(wide[1]):
            got = (left.astype(cr.bfloat16) @ right.astype(cr.bfloat16)).astype(cr.float32)
            assert np.all(np.abs(np.asarray(got) - exact) <= allowed), (M, N, K)
    for left, right in ((a, b), (cr.copy(a.T).T, b), (a, cr.copy(b.T).T), (cr.copy(a.T).T, cr.copy(b.T).T)):
        assert np.all(np.abs(np.asarray((left @ right).astype(cr.float32)) - exact) <= allowed), (M, N, K)
odd_one = cr.asarray(np.array([[np.inf, 1.0], [np.nan, 1.0]] * 9, np.float32)).astype(cr.bfloat16)
got = np.asarray((odd_one @ cr.ones((2, 40), dtype=cr.bfloat16)).astype(cr.float32))
assert np.all(got[::2] == np.inf) and np.all(np.isnan(got[1::2]))

# the error allowed, in units in the last place of float32, each on a dense grid of the interval
odd = [0.0, -0.0, np.inf, -np.inf, np.nan, 1e-40, -1e-40, 1e30, -1e30]
GRIDS = {
    "exp": (np.exp, -87, 88, 1),
    "expm1": (np.expm1, -20, 88, 1.5),
    "log": (np.log, 1e-3, 50, 1),
    "log1p": (np.log1p, -0.99, 9, 1.5),
    "tanh": (np.tanh, -10, 10, 2.4),
    "sigmoid": (special.expit, -87, 30, 2.6),
    "softplus": (lambda x: np.logaddexp(0, x), -87, 50, 2.2),
    "erf": (special.erf, -5, 5, 2.6),
    "erfc": (special.erfc, -5, 9, 6.5),
    "sin": (np.sin, -12000, 12000, 2.5),
    "cos": (np.cos, -12000, 12000, 2.5),
    "tan": (np.tan, -1.57, 1.57, 4),
    "atan": (np.arctan, -9, 9, 2),
    "floor": (np.floor, -9, 9, 0),
    "ceil": (np.ceil, -9, 9, 0),
    "round": (np.round, -9, 9, 0),
    "trunc": (np.trunc, -9, 9, 0),
}
with np.errstate(all="ignore"):
    for name, (f, low, high, units) in GRIDS.items():
        x = np.concatenate([np.linspace(low, high, 100_003), odd]).astype(np.float32)
        exact = f(x.astype(float))
        want = exact.astype(np.float32)
        got = np.asarray(getattr(cr, name)(cr.asarray(x)))
        plain = np.isfinite(want) & (np.abs(want) > 2.0**-126)
        error = np.abs(got - exact)[plain] / np.spacing(np.abs(want[plain])).astype(float)
        assert error.max() <= units, (name, error.max(), x[plain][error.argmax()])
        np.testing.assert_allclose(got[~plain], want[~plain], rtol=0, atol=3e-43, err_msg=name)
        # every length has its tail, and a buffer may be its own output
        for n in (1, 15, 17, 1023, 1025):
            np.testing.assert_array_equal(np.asarray(getattr(cr, name)(cr.asarray(x[:n]))), got[:n])

# float32 rows against their plain twins, which are those of float64, for every kind of tail
def pulled(f):
    def pull(*x):
        y = f(*x)
        return cr.vjp(f, x, cr.cos(cr.arange(y.size, dtype=y.dtype)).reshape(y.shape))[1]
    return pull

def picture_norm(x, w, b):
    return cr.batch_norm(x.reshape((2, 3, -1)), w[:3], b[:3])[0]

ROWS = {
    "sum of rows": lambda x, w, b: cr.sum(x, 1), "sum of columns": lambda x, w, b: cr.sum(x, 0),
    "sum of all": lambda x, w, b: cr.sum(x), "softmax": lambda x, w, b: cr.softmax(x),
    "log_softmax": lambda x, w, b: cr.log_softmax(x), "gelu": lambda x, w, b: cr.gelu(3 * x),
    "cross entropy": lambda x, w, b: cr.softmax_cross_entropy(x, cr.arange(6) % x.shape[1], 0.1),
    "layer norm": lambda x, w, b: cr.layer_norm(x, w, b), "batch norm": picture_norm,
}
for n in (3, 15, 16, 17, 33, 66, 130, 1000, 4099):
    given = [rng.normal(size=shape) for shape in ((6, n), n, n)]
    for name, f in ROWS.items():
        for g in (f, pulled(f)):
            got, want = (g(*[cr.asarray(v.astype(t)) for v in given]) for t in (np.float32, np.float64))
            for u, v in zip(*(r if isinstance(r, tuple) else (r,) for r in (got, want))):
                u, v = np.asarray(u), np.asarray(v)
                assert u.dtype == np.float32 and v.dtype == np.float64
                np.testing.assert_allclose(u, v, rtol=1e-4, atol=3e-6 * max(1, np.abs(v).max()),
                                           err_msg=f"{name} {n}")
print("agrees")
"""


@pytest.mark.parametrize("level", ["v2", "v3", "v4"])
def test_matrix_products_and_elementary_functions_agree_with_numpy(level):
    environment = {**os.environ, "CHAINRULE_ISA": level}
    command = [sys.executable, "-c", PROGRAM, f"x86-64-{level}"]
    run = subprocess.run(command, env=environment, capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
    if run.stdout == "absent\n":
        pytest.skip(f"this machine has no x86-64-{level}")


def test_the_instruction_set_has_a_name():
    assert cr.instruction_set()
