"""Run the benchmarks: `python -m benchmarks [--list] [NAME ...]`; each file here but the harness is one."""
import runpy
import sys
from pathlib import Path

NOT_A_BENCHMARK = {"__init__", "__main__", "harness"}


def main(arguments):
    files = Path(__file__).parent.glob("*.py")
    names = sorted(path.stem for path in files if path.stem not in NOT_A_BENCHMARK)
    wanted = [name for name in arguments if name != "--list"]
    unknown = [name for name in wanted if name not in names]
    if unknown:
        print(f"benchmarks: no '{unknown[0]}'; there are: {', '.join(names) or 'none yet'}", file=sys.stderr)
        return 2
    for name in wanted or names:
        print(name, flush=True)
        if "--list" not in arguments:
            runpy.run_module(f"benchmarks.{name}", run_name="__main__")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
