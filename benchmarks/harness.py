"""Measuring: warmed up, in turns with the peers, medians, and this machine's ceilings in the same run."""
from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass, field

import chainrule as cr
from chainrule import _core

SPENT = 0.02                                                     # s a measurement lasts at least
# s until a library's idle threads stop spinning, as their processor time tells; OpenBLAS is NumPy's
PAUSE, LONG_PAUSE = 0.04, {"numpy": 0.15, "onnxruntime": 0.1}
ROUNDS, SLOW = 9, 5                                              # turns; of work over half a second


@dataclass
class Case:
    """One workload: ours, the same by each peer, and the least arithmetic and traffic it needs."""
    name: str
    ours: Callable[[], object]
    peers: dict[str, Callable[[], object]] = field(default_factory=dict)
    flops: float = 0.0
    moved: float = 0.0                                           # bytes
    note: str = ""                                               # why a peer is ahead, and what was tried


@dataclass
class Row:
    """What was measured; times in seconds, medians over the turns, with the quartiles of ours."""
    family: str
    name: str
    seconds: float
    low: float
    high: float
    flops: float
    moved: float
    share: float                                                 # of the nearer ceiling
    peers: dict[str, float]
    note: str = ""

    @property
    def best(self) -> str | None:
        """The fastest peer."""
        return min(self.peers, key=lambda name: self.peers[name], default=None)

    @property
    def ratio(self) -> float | None:
        """How many times faster than the best peer."""
        return self.peers[self.best] / self.seconds if self.best else None


@dataclass
class Ceilings:
    """Multiply-adds in registers, FLOP/s, and a triad through memory, byte/s, on all threads."""
    flops: float
    bandwidth: float

    def share(self, case: Case, seconds: float) -> float:
        """The least time that arithmetic or traffic would take, over the time taken."""
        return max(case.flops / self.flops, case.moved / self.bandwidth) / seconds


def once(f: Callable[[], object], least: float = SPENT) -> float:
    """Seconds a call of f takes, over enough calls to fill `least`."""
    start, calls = time.perf_counter(), 0
    while (spent := time.perf_counter() - start) < least or calls == 0:
        f()
        calls += 1
    return spent / calls


def turns(candidates: dict[str, Callable[[], object]], least: float = SPENT) -> dict[str, list[float]]:
    """Times of each candidate; they take turns, so that a noisy machine hits all of them alike."""
    slow = 0.0
    for f in candidates.values():
        f()                                                      # compiles, fills caches
        slow = max(slow, once(f, 0.0))
    times: dict[str, list[float]] = {name: [] for name in candidates}
    before = ""
    for _ in range(SLOW if slow > 0.5 else ROUNDS):
        for name, f in candidates.items():
            time.sleep(LONG_PAUSE.get(before, PAUSE) if least else 0.0)
            times[name].append(once(f, least))
            before = name
    return times


def measure(family: str, case: Case, ceilings: Ceilings, least: float = SPENT) -> Row:
    times = turns({"chainrule": case.ours, **case.peers}, least)
    ours = times.pop("chainrule")
    low, seconds, high = quartiles(ours)
    return Row(family, case.name, seconds, low, high, case.flops, case.moved, ceilings.share(case, seconds),
               {name: statistics.median(t) for name, t in times.items()}, case.note)


def quartiles(times: list[float]) -> tuple[float, float, float]:
    first, middle, third = statistics.quantiles(times, n=4) if len(times) > 1 else times * 3
    return first, middle, third


def ceilings(least: float = 0.1) -> Ceilings:
    """The best of a few runs: what nothing here can exceed."""
    rounds, size = 100_000, 1 << 24
    done = _core._run_multiply_adds(rounds)
    flops = max(done / once(lambda: _core._run_multiply_adds(rounds), least) for _ in range(5))
    a, b, c = cr.zeros(size), cr.ones(size), cr.ones(size)
    stream = max(3 * a.nbytes / once(lambda: _core._triad(b, c, 2.0, a), least) for _ in range(5))
    return Ceilings(flops, stream)
