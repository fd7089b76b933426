"""Matrix products against NumPy's BLAS: the share is of the best rate either reaches in this run."""
import chainrule as cr
import numpy as np

from benchmarks import harness

SHAPES = [(64, 64, 64), (128, 128, 128), (64, 784, 300), (512, 512, 512), (1024, 1024, 1024), (2048, 2048, 2048)]


def main():
    harness.header()
    rng = cr.Rng(0)
    rows = []
    for M, K, N in SHAPES:
        a, b = cr.normal((M, K), rng=rng), cr.normal((K, N), rng=rng)
        x, y = a.numpy(), b.numpy()
        times = harness.measure({"chainrule": lambda a=a, b=b: a @ b, "numpy": lambda x=x, y=y: x @ y})
        rows.append((f"matmul {M}x{K}x{N}", times, 2 * M * K * N))
    roof = max(flops / min(times.values()) for _, times, flops in rows)
    for name, times, flops in rows:
        harness.row(name, times, flops=flops, roof=roof)


if __name__ == "__main__":
    main()
