"""Run the benchmarks: `python -m benchmarks [FAMILY ...]`; a family is a file here with `cases`.

`python -m benchmarks gpu` measures the CUDA kernels instead.
"""
from __future__ import annotations

import argparse
import importlib
import sys
from pathlib import Path

NOT_A_FAMILY = {"__init__", "__main__", "gpu", "harness", "memory", "peers", "report"}


def families() -> list[str]:
    return sorted(p.stem for p in Path(__file__).parent.glob("*.py") if p.stem not in NOT_A_FAMILY)


def options(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="FAMILY",
                        help="families, or parts of a workload's name; all by default")
    parser.add_argument("--list", action="store_true", help="only list the families")
    parser.add_argument("--tiny", action="store_true", help="smallest sizes, one short turn: does it work?")
    parser.add_argument("--peers", default="all",
                        help="none, or some of numpy,torch,torch-channels-last,torch-compile,jax,onnxruntime")
    parser.add_argument("--out", action="append", type=Path, default=[], metavar="FILE",
                        help="write results.json, .md or .png; may be given several times")
    parser.add_argument("--compare", type=Path, metavar="OLD.json", help="set beside an older run")
    return parser.parse_args(arguments)


def main(arguments: list[str]) -> int:
    given, known = options(arguments), families()
    if given.list:
        print("\n".join([*known, "memory"]))
        return 0
    if given.names == ["gpu"]:
        from . import gpu
        return gpu.main(given.out, given.tiny)
    import chainrule as cr

    from . import harness, memory, report
    from .peers import NAMES, Peers

    few = tuple(filter(None, given.peers.replace("none", "").split(",")))
    wanted = NAMES if given.peers == "all" else few
    if unknown := [name for name in wanted if name not in NAMES]:
        return refuse(f"--peers: no {unknown[0]!r}; there are {', '.join(NAMES)}")
    if bad := [str(path) for path in given.out if path.suffix not in (".json", ".md", ".png")]:
        return refuse(f"--out: {bad[0]} must end in .json, .md or .png")
    try:
        old = report.load(given.compare) if given.compare else []
    except (OSError, ValueError) as error:
        return refuse(str(error))
    least = 0.0 if given.tiny else harness.SPENT
    peers, ceilings, rows = Peers(wanted), harness.ceilings(least), []
    about = report.machine(ceilings, peers.versions())
    for family in known:
        parts = [name for name in given.names if name != family] if family not in given.names else []
        if given.names and family not in given.names and not parts:
            continue
        shown = False
        for case in importlib.import_module(f".{family}", __package__).cases(peers, cr.Rng(0), given.tiny):
            if parts and not any(part in case.name for part in parts):
                continue
            if not shown:
                print(f"-- {family}", flush=True)
                shown = True
            rows.append(harness.measure(family, case, ceilings, least))
            print(report.line(rows[-1]), flush=True)
    grown = []
    if not given.names or "memory" in given.names:
        for step in memory.steps(given.tiny):
            try:
                grown.append(memory.measure(step, peers, given.tiny))
                print(report.growth_line(grown[-1]), flush=True)
            except RuntimeError as error:                        # what was measured before is kept
                print(f"memory of {step}: {error}", flush=True)
    if not rows and not grown:
        return refuse(f"no family or workload matches {' '.join(given.names)}; "
                      f"families: {', '.join([*known, 'memory'])}")
    print(", ".join(f"{name} {value}" for name, value in about.items()))
    print(report.summary(rows))
    if old:
        print(report.compare(rows, old))
    for path in given.out:
        report.save(rows, about, grown, path)
        print(f"wrote {path}")
    return 0


def refuse(message: str) -> int:
    print(f"benchmarks: {message}", file=sys.stderr)
    return 2


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
