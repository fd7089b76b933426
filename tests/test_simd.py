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
rng = np.random.default_rng(0)

if cr.instruction_set() != sys.argv[1]:
    print("absent")
    sys.exit()
for dtype in (np.float32, np.float64):
    for M, N, K in [(1, 1, 1), (7, 9, 300), (14, 32, 256), (15, 33, 257), (100, 1, 300), (1, 70, 300),
                    (61, 130, 70), (9, 9, 0)]:
        for flip in (False, True):
            a, b = rng.normal(size=(M, K)).astype(dtype), rng.normal(size=(N, K)).astype(dtype)
            right = cr.asarray(b).T if flip else cr.asarray(b.T.copy())
            error = np.abs(np.asarray(cr.asarray(a) @ right) - a.astype(float) @ b.T.astype(float))
            allowed = 4 * np.finfo(dtype).eps * (np.abs(a) @ np.abs(b.T))
            assert np.all(error <= allowed), (dtype, M, N, K, flip)

x = np.concatenate([np.linspace(-90, 90, 100_001), [0.0, -0.0, np.inf, -np.inf, np.nan, 1e-40]])
x = x.astype(np.float32)
with np.errstate(all="ignore"):
    for name in ("exp", "expm1", "log", "tanh"):
        if hasattr(cr, name):
            want = getattr(np, name)(x.astype(float)).astype(np.float32)
            got = np.asarray(getattr(cr, name)(cr.asarray(x)))
            np.testing.assert_allclose(got, want, rtol=4e-7, atol=2e-44, err_msg=name)
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
