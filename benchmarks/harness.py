"""Measuring: warmed up, interleaved with the peers, medians, and a share of what this machine can do in the same run."""
from __future__ import annotations

import statistics
import time
from collections.abc import Callable

import chainrule as cr
import numpy as np


def once(f: Callable, seconds: float = 0.02) -> float:
    """Seconds a call of f takes, over enough calls to fill the given time."""
    start = time.perf_counter()
    calls = 0
    while (spent := time.perf_counter() - start) < seconds or calls == 0:
        f()
        calls += 1
    return spent / calls


def measure(candidates: dict[str, Callable], rounds: int = 7) -> dict[str, float]:
    """Median seconds of each candidate; they take turns, so that a noisy machine hits all of them alike."""
    for f in candidates.values():
        f()
    times: dict[str, list[float]] = {name: [] for name in candidates}
    for _ in range(rounds):
        for name, f in candidates.items():
            times[name].append(once(f))
    return {name: statistics.median(t) for name, t in times.items()}


def copy_speed() -> float:
    """Bytes per second that NumPy's copy of a large array reads and writes: the roof of memory-bound work."""
    a = np.ones(1 << 24, np.float32)
    b = np.empty_like(a)
    return 2 * a.nbytes / measure({"copy": lambda: np.copyto(b, a)})["copy"]


def row(name: str, times: dict[str, float], flops: float = 0, moved: float = 0, roof: float = 0) -> None:
    """One line: our time, the rate, the share of the roof, and how many times faster than each peer."""
    ours = times["chainrule"]
    rate = f"{flops / ours / 1e9:8.1f} GFLOP/s" if flops else f"{moved / ours / 1e9:8.1f} GB/s   "
    share = f"{(flops or moved) / ours / roof:6.0%}" if roof else "      "
    peers = "  ".join(f"{peer} x{t / ours:.2f}" for peer, t in times.items() if peer != "chainrule")
    print(f"{name:28s} {ours * 1e6:10.1f} us {rate} {share}  {peers}")


def header() -> None:
    print(f"chainrule {cr.__version__}, {cr.num_threads()} threads, NumPy {np.__version__}; "
          "'numpy x2.00' means twice as fast as NumPy")
