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
from .memory import Growth

HEAD = ("workload", "time", "quartiles", "rate", "ceiling", "best peer", "ratio", "all peers")
GROWTH = ("training step", "ours, MB", "best peer, MB", "ratio", "system calls in steps")


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


def families(rows: list[Row]) -> dict[str, list[Row]]:
    groups: dict[str, list[Row]] = {}
    for row in rows:
        groups.setdefault(row.family, []).append(row)
    return groups


def behind(rows: list[Row]) -> list[str]:
    """The rows in which a peer is faster, the slowest first, with what is known of it."""
    slow = sorted((row for row in rows if row.ratio and row.ratio < 1), key=lambda row: row.ratio or 0)
    return [f"{row.name}: {row.ratio:.2f} of {row.best}{'; ' if row.note else ''}{row.note}" for row in slow]


def summary(rows: list[Row]) -> str:
    mean = geometric_mean(rows)
    if mean is None:
        return "No peer took part."
    return "\n".join([f"Geometric mean of the ratios to the best peer of each row: {mean:.2f}.",
                      f"Behind the best peer: {len(behind(rows)) or 'none'}.",
                      *(f"  {line}" for line in behind(rows))])


def growth_cells(growth: Growth) -> tuple[str, ...]:
    """The texts of one row of memory, in the order of GROWTH."""
    name = growth.name.removeprefix("training step ")
    calls = f"{growth.system_calls} in {growth.steps}"
    if not growth.peers:
        return name, f"{growth.ours / 1e6:.0f}", "", "", calls
    size, best = min((size, peer) for peer, size in growth.peers.items())
    return name, f"{growth.ours / 1e6:.0f}", f"{best} {size / 1e6:.0f}", f"{growth.ratio:.2f}", calls


def growth_line(growth: Growth) -> str:
    name, ours, best, ratio, calls = growth_cells(growth)
    return f"memory of {name:50} {ours:>8} MB {best:>16} MB {ratio:>5}  {calls} steps"


def table(head: tuple[str, ...], rows: list[tuple[str, ...]]) -> list[str]:
    return ["| " + " | ".join(head) + " |", "|" + "---|" * len(head),
            *("| " + " | ".join(row) + " |" for row in rows), ""]


def markdown(rows: list[Row], about: dict[str, Any], memory: list[Growth]) -> str:
    """A page: the machine, the means, what fell behind, a table a family, memory."""
    lines = ["# chainrule on a CPU, beside its peers", "",
             "Times are medians of turns taken in one run; `ceiling` is the share of what this machine did "
             "in the same run (multiply-adds in registers, or a triad through memory); `ratio` is the best "
             "peer's time over ours: above 1 we are faster. How to run and read it: "
             "[README](../README.md).", "",
             ", ".join(f"{name} {value}" for name, value in about.items()), "", "## In short", ""]
    mean = geometric_mean(rows)
    if mean is None:
        lines += ["No peer took part.", ""]
    else:
        lines += [f"Geometric mean of the ratios to the best peer of each row: **{mean:.2f}** over "
                  f"{sum(row.ratio is not None for row in rows)} rows.", ""]
        lines += table(("family", "rows", "mean ratio", "smallest"), [
            (name, str(len(group)), f"{geometric_mean(group):.2f}",
             f"{min(row.ratio for row in group if row.ratio):.2f}")
            for name, group in families(rows).items() if geometric_mean(group)])
        lines += ["A peer is faster in:", "", *(f"- {text}" for text in behind(rows) or ["none"]), ""]
    for name, group in families(rows).items():
        lines += [f"## {name}", "", *table(HEAD, [cells(row) for row in group])]
    if memory:
        lines += ["## memory", "",
                  "How far a process of its own grows beyond its size after the import, at the highest, and "
                  "how often our allocator asked the system for memory after the tenth step.", "",
                  *table(GROWTH, [growth_cells(growth) for growth in memory])]
    return "\n".join(lines)


def save(rows: list[Row], about: dict[str, Any], memory: list[Growth], path: Path) -> None:
    """As .json (to compare with later), .md (to read) or .png (shares of the ceiling and ratios)."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix == ".png":
        return draw(rows, about, path)
    text = markdown(rows, about, memory) if path.suffix == ".md" else json.dumps(
        {"machine": about, "rows": [dataclasses.asdict(row) for row in rows],
         "memory": [dataclasses.asdict(growth) for growth in memory]}, indent=1)
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
    """Left the share of the ceiling that we and the best peer reach, right the ratio of the two times."""
    from chainrule.book.draw import COLOURS, panels

    groups = families(rows)
    height = 1.4 + 0.2 * (len(rows) + 1.6 * len(groups))
    figure, (left, right) = panels(2, width=5.5, height=height, sharey=True, width_ratios=(1.6, 1))
    y, names = 0.0, {}
    for family, group in groups.items():
        names[y] = family
        for row in group:
            y += 1
            names[y] = row.name
            bars(left, y, row, COLOURS)
            if row.ratio:
                colour = COLOURS[0] if row.ratio >= 1 else COLOURS[1]
                right.plot([1, row.ratio], [y, y], color=colour, linewidth=3, solid_capstyle="butt")
                right.annotate(f"{row.ratio:.2f} {row.best}", (max(1, row.ratio), y), fontsize=6, va="center",
                               xytext=(4, 0), textcoords="offset points")
        y += 1.6
    left.set_yticks(list(names), list(names.values()), fontsize=7)
    for label, name in zip(left.get_yticklabels(), names.values(), strict=True):
        label.set_fontweight("bold" if name in groups else "normal")
    left.tick_params(left=False)
    right.tick_params(left=False)
    left.set_ylim(y - 0.6, -1)
    left.axvline(1, color="0.6", linewidth=0.8)
    left.set(xlabel="share of the ceiling measured in the same run")
    left.legend(handles=[left.barh(0, 0, color=COLOURS[0], label="chainrule"),
                         left.barh(0, 0, color="0.75", label="best peer")], loc="upper right")
    right.axvline(1, color="0.6", linewidth=0.8)
    right.set(xscale="log", xlabel="time of the best peer / ours", xlim=limits(rows))
    ticks = [v for v in (0.1, 0.25, 0.5, 1, 2, 4, 8, 16, 32) if limits(rows)[0] <= v <= limits(rows)[1]]
    right.set_xticks(ticks, [f"{v:g}" for v in ticks])
    right.minorticks_off()
    mean = geometric_mean(rows)
    figure.suptitle("{processor}, {threads} threads: {gflops} GFLOP/s, {gbytes} GB/s; {date}".format(**about)
                    + (f"; geometric mean of the ratios {mean:.2f}" if mean else ""), fontsize=9)
    atomic.replace(path, lambda temporary: figure.savefig(temporary, dpi=130, format="png"))


def bars(axis: Any, y: float, row: Row, colours: Any) -> None:
    if row.share > 0:
        axis.barh(y - 0.2, row.share, 0.4, color=colours[0])
        if row.ratio:
            axis.barh(y + 0.2, row.share / row.ratio, 0.4, color="0.75")


def limits(rows: list[Row]) -> tuple[float, float]:
    """Of the axis of ratios, with room for names beside the bars."""
    ratios = [row.ratio for row in rows if row.ratio] or [1.0]
    return min(0.5, min(ratios) / 1.2), max(4.0, max(ratios) * 3)
