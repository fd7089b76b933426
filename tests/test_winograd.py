"""Convolution of 3 x 3 by Winograd's products against the sum over taps, in every instruction set."""
import pytest

# Two equal planes under a kernel of depth 1 are a volume, which takes the direct kernel: the twin.
PROGRAM = """
import hashlib, sys
import chainrule as cr
import numpy as np

if cr.instruction_set() != sys.argv[1]:
    print("absent")
    sys.exit()
rng, bytes_of = np.random.default_rng(0), []
for n, c, o, h, w, padding in [(2, 64, 48, 29, 30, [(1, 1), (1, 1)]), (3, 33, 70, 13, 31, [(2, 2), (2, 2)]),
                               (1, 40, 37, 31, 35, [(0, 0), (0, 0)]), (60, 32, 32, 4, 4, [(1, 1), (1, 1)]),
                               (2, 130, 32, 22, 21, [(0, 2), (1, 0)]), (97, 35, 32, 2, 1, [(1, 1), (1, 1)]),
                               (97, 35, 32, 6, 5, [(1, 1), (1, 1)])]:
    x, k, b = (rng.normal(size=s).astype(np.float32) for s in ((n, c, h, w), (o, c, 3, 3), (o,)))

    def tiles(x, k, b, padding=padding):
        return cr.conv(x, k, bias=b, padding=padding)

    def taps(x, k, b, padding=padding):
        return cr.conv(cr.stack([x, x], axis=2), k[:, :, None], bias=b, padding=[(0, 0), *padding])[:, :, 0]
    d = rng.normal(size=tiles(x, k, b).shape).astype(np.float32)
    results = []
    for work, dtype in ((tiles, np.float32), (taps, np.float32), (taps, np.float64)):
        *given, seed = (cr.asarray(v.astype(dtype)) for v in (x, k, b, d))
        y, gradients = cr.vjp(work, tuple(given), seed)
        results.append([np.asarray(v) for v in (y, *gradients)])
    bytes_of += [v.tobytes() for v in results[0]]
    for got, direct, exact in zip(*results):
        error, other = (np.abs(v - exact) for v in (got, direct))
        scale = np.finfo(np.float32).eps * np.sqrt(np.mean(exact**2))
        for measure in (lambda v: np.sqrt(np.mean(v**2)), np.max):
            assert measure(error) <= 4 * (measure(other) + scale), (x.shape, k.shape)
print("agrees", hashlib.sha256(b"".join(bytes_of)).hexdigest())
"""


@pytest.mark.parametrize("level", ["v2", "v3", "v4"])
def test_its_error_is_within_four_times_that_of_the_sum_on_any_number_of_threads(python, level):
    program = f"import sys; sys.argv.append('x86-64-{level}')\n{PROGRAM}"
    found = {python(program, CHAINRULE_ISA=level, CHAINRULE_NUM_THREADS=str(n)) for n in (1, 2, 5)}
    if found == {"absent\n"}:
        pytest.skip(f"this machine has no x86-64-{level}")
    assert len(found) == 1 and found.pop().startswith("agrees")
