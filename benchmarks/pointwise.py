"""Elementwise ops and sums on 4 million float32: the share is of what a plain copy reaches."""
import chainrule as cr
import numpy as np

from benchmarks import harness


def main():
    harness.header()
    roof = harness.copy_speed()
    rng = cr.Rng(0)
    a, b = cr.normal((1 << 22,), rng=rng), cr.normal((1 << 22,), rng=rng)
    x, y = a.numpy(), b.numpy()
    cases = {
        "add": (lambda: a + b, lambda: x + y, 3),
        "multiply by a number": (lambda: a * 2.0, lambda: x * np.float32(2), 2),
        "exp": (lambda: cr.exp(a), lambda: np.exp(x), 2),
        "tanh": (lambda: cr.tanh(a), lambda: np.tanh(x), 2),
        "sum": (lambda: cr.sum(a), lambda: np.sum(x), 1),
        "sum of columns": (lambda: cr.sum(a.reshape(2048, 2048), 0), lambda: np.sum(x.reshape(2048, 2048), 0), 1),
    }
    for name, (ours, theirs, passes) in cases.items():
        times = harness.measure({"chainrule": ours, "numpy": theirs})
        harness.row(name, times, moved=passes * a.nbytes, roof=roof)
    s, t = cr.ones(8), np.ones(8, np.float32)
    harness.row("add, 8 elements", harness.measure({"chainrule": lambda: s + s, "numpy": lambda: t + t}), moved=96)


if __name__ == "__main__":
    main()
