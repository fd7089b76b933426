"""What was measured as a table, JSON, Markdown and a picture."""
from __future__ import annotations

import dataclasses
import datetime
import json
import math
import platform
from pathlib import Path
from typing import Any

import chainrule as cr
from chainrule.io import atomic

from .harness import Ceilings, Row

HEAD = ("workload", "time", "quartiles", "rate", "ceiling", "best peer", "ratio", "all peers")


def machine(ceilings: Ceilings, versions: dict[str, str]) -> dict[str, Any]:
    return {"date": datetime.date.today().isoformat(), "processor": processor(), "threads": cr.num_threads(),
            "instructions": cr.instruction_set(), "chainrule": cr.__version__, **versions,
            "gflops": round(ceilings.flops / 1e9, 1), "gbytes": round(ceilings.bandwidth / 1e9, 1)}


def processor() -> str:
    """The model's name as Linux tells it, else the architecture."""
    try:
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.machine()


def cells(row: Row) -> tuple[str, ...]:
    """The texts of one row, in the order of HEAD."""
    rate = f"{row.flops / row.seconds / 1e9:.1f} GFLOP/s" if row.flops else \
        f"{row.moved / row.seconds / 1e9:.1f} GB/s" if row.moved else ""
    share = f"{row.share:.2f}" if row.flops or row.moved else ""
    ratio = f"{row.ratio:.2f}" if row.ratio else ""
    peers = ", ".join(f"{name} {row.peers[name] / row.seconds:.2f}" for name in row.peers)
    return (row.name, duration(row.seconds), f"{duration(row.low)} - {duration(row.high)}", rate, share,
            row.best or "", ratio, peers)


def duration(seconds: float) -> str:
    for unit, size in (("s", 1.0), ("ms", 1e-3), ("us", 1e-6)):
        if seconds >= size:
            return f"{seconds / size:.3g} {unit}"
    return f"{seconds * 1e9:.3g} ns"


def line(row: Row) -> str:
    """For a terminal, as soon as it is measured."""
    name, time, _, rate, share, _, _, peers = cells(row)
    return f"{name:60} {time:>8} {rate:>16} {share:>5}  {peers}"


def geometric_mean(rows: list[Row]) -> float | None:
    """Of the ratios to the best peer of each row; None where no peer took part."""
    ratios = [row.ratio for row in rows if row.ratio]
    return math.exp(math.fsum(map(math.log, ratios)) / len(ratios)) if ratios else None


def summary(rows: list[Row]) -> str:
    mean = geometric_mean(rows)
    if mean is None:
        return "No peer took part."
    behind = [f"{row.name} ({row.ratio:.2f} of {row.best})" for row in rows if row.ratio and row.ratio < 1]
    return (f"Geometric mean of the ratios to the best peer of each row: {mean:.2f}.\n"
            f"Behind the best peer: {'; '.join(behind) if behind else 'none'}.")


def markdown(rows: list[Row], about: dict[str, Any]) -> str:
    """A page: the machine, the table, the mean and what fell behind."""
    lines = ["# chainrule on a CPU, beside its peers", "",
             "Times are medians of turns taken in one run; `ceiling` is the share of what this machine did "
             "in the same run (multiply-adds in registers, or a triad through memory); `ratio` is the best "
             "peer's time over ours: above 1 we are faster.", "",
             ", ".join(f"{name} {value}" for name, value in about.items()), ""]
    lines += ["| " + " | ".join(HEAD) + " |", "|" + "---|" * len(HEAD)]
    lines += ["| " + " | ".join(cells(row)) + " |" for row in rows]
    lines += ["", *summary(rows).split("\n"), ""]
    return "\n".join(lines)


def save(rows: list[Row], about: dict[str, Any], path: Path) -> None:
    """As .json (to compare with later), .md (to read) or .png (shares of the ceiling)."""
    if path.suffix == ".png":
        return draw(rows, about, path)
    text = markdown(rows, about) if path.suffix == ".md" else json.dumps(
        {"machine": about, "rows": [dataclasses.asdict(row) for row in rows]}, indent=1)
    atomic.replace(path, lambda temporary: temporary.write_text(text, encoding="utf-8"))


def load(path: Path) -> list[Row]:
    try:
        return [Row(**row) for row in json.loads(path.read_text())["rows"]]
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(f"--compare: {path} is not a file of --out results.json ({error})") from None


def compare(rows: list[Row], old: list[Row]) -> str:
    """Each row beside an older run: time then over time now, and how the ratio to the best peer moved."""
    before = {(row.family, row.name): row for row in old}
    lines = []
    for row in rows:
        was = before.get((row.family, row.name))
        if was is not None:
            peers = f"ratio {was.ratio:.2f} -> {row.ratio:.2f}" if was.ratio and row.ratio else ""
            lines.append(f"{row.name:60} {was.seconds / row.seconds:6.2f} times as fast as before  {peers}")
    return "\n".join(lines)


def draw(rows: list[Row], about: dict[str, Any], path: Path) -> None:
    """Bars: the share of the ceiling that we and the best peer reach."""
    from chainrule.book.draw import COLOURS, panels

    rows = [row for row in rows if row.share > 0]
    figure, axis = panels(width=8, height=1 + 0.28 * len(rows))
    for i, row in enumerate(rows):
        axis.barh(i - 0.2, row.share, 0.38, color=COLOURS[0], label="chainrule" if i == 0 else None)
        if row.ratio:
            axis.barh(i + 0.2, row.share / row.ratio, 0.38, color=COLOURS[1], alpha=0.6,
                      label="best peer" if i == 0 else None)
            axis.text(row.share / row.ratio, i + 0.2, f" {row.best}", va="center", fontsize=6)
    axis.set_yticks(range(len(rows)), [row.name for row in rows])
    axis.invert_yaxis()
    axis.axvline(1, color="0.6", linewidth=0.8)
    axis.set(xlabel="share of the ceiling measured in the same run",
             title="{processor}, {threads} threads: {gflops} GFLOP/s, {gbytes} GB/s".format(**about))
    axis.legend(loc="lower right")
    atomic.replace(path, lambda temporary: figure.savefig(temporary, dpi=130, format="png"))
