"""Memory of training steps: how far a process grows, each library in its own; and calls of our allocator.

`python -m benchmarks.memory STEP LIBRARY` is that process: it prints one line of JSON.
"""
from __future__ import annotations

import json
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import chainrule as cr

from .peers import Peers

WARM = 10                                    # steps until threads have met in each order that needs memory
STEPS, SECONDS, FEWEST = 100, 5.0, 10        # then so many, or what is done in that time


@dataclass
class Growth:
    """Bytes beyond those after the import, at the highest; of ours also what was asked of the system."""
    name: str
    ours: int
    steps: int
    system_calls: int                                            # after the tenth step
    peers: dict[str, int] = field(default_factory=dict)

    @property
    def ratio(self) -> float | None:
        """How many times as much the best peer needs."""
        return min(self.peers.values()) / self.ours if self.peers else None


def measure(step: str, peers: Peers, tiny: bool) -> Growth:
    ours = alone(step, "chainrule", tiny)
    theirs = {"torch": alone(step, "torch", tiny)["bytes"]} if peers.torch else {}
    return Growth(f"training step {step}", ours["bytes"], ours["steps"], ours["system_calls"], theirs)


def alone(step: str, library: str, tiny: bool) -> dict[str, int]:
    """What the process of that library prints."""
    command = [sys.executable, "-m", __name__, step, library, *["--tiny"] * tiny]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=Path(__file__).parents[1])
    if done.returncode:
        raise RuntimeError(f"{library}: exit code {done.returncode}: {' '.join(done.stderr.split()[-20:])}")
    return json.loads(done.stdout.splitlines()[-1])


def steps(tiny: bool) -> dict[str, Any]:
    from . import models, training
    rng = cr.Rng(0)
    return {step.name: step for part in (training, models) for step in part.steps(rng, tiny)}


def main(name: str, library: str, tiny: bool) -> dict[str, int]:
    torch = Peers(("torch",)).torch if library == "torch" else None
    step = steps(tiny)[name]
    before = resident("VmRSS")
    run = step.theirs(torch) if torch else step.ours()
    for _ in range(WARM):
        run()
    calls, start, done = cr.memory()["system_calls"], time.perf_counter(), 0
    while done < (FEWEST if tiny else STEPS) and (done < FEWEST or time.perf_counter() - start < SECONDS):
        run()
        done += 1
    return {"bytes": resident("VmHWM") - before, "steps": done,
            "system_calls": cr.memory()["system_calls"] - calls}


def resident(what: str) -> int:
    """The process's size in memory as Linux counts it; getrusage would tell the parent's before an exec."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(what):
            return int(line.split()[1]) * 1024
    raise OSError(f"/proc/self/status has no {what}")


if __name__ == "__main__":
    print(json.dumps(main(sys.argv[1], sys.argv[2], "--tiny" in sys.argv)))
