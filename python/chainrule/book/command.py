"""`chainrule book`: list, run and print the gallery."""
from __future__ import annotations

import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from . import pages
from .registry import Entry, entries, find
from .result import Result


def show_list(chapter: str | None) -> None:
    """Id, other ids and title of every entry."""
    for entry in chosen(chapter):
        also = f"  (also {', '.join(entry.ids[1:])})" if len(entry.ids) > 1 else ""
        print(f"{entry.name:32} {entry.title}{also}")


def chosen(chapter: str | None) -> list[Entry]:
    found = entries(chapter)
    if not found:
        known = ", ".join(dict.fromkeys(e.chapter for e in entries()))
        raise ValueError(f"book: there is no chapter {chapter!r} in the gallery; there are {known}")
    return found


def run(wanted: Iterable[Entry], out: Path | None, full: bool) -> bool:
    """Run entries one after another, print their tables, write the pages; whether every claim holds."""
    say, wanted = _console(), list(wanted)
    done: list[tuple[Entry, Result | str]] = []
    for i, entry in enumerate(wanted):
        start = time.perf_counter()
        say.rule(f"{i + 1}/{len(wanted)}  {entry.name}")
        result = attempt(entry, full)
        done.append((entry, result))
        print_result(say, entry, result)
        say.print(f"{time.perf_counter() - start:.1f} s", style="dim")
    if out is not None:
        for path in pages.write(done, out):
            say.print(f"wrote {path}", soft_wrap=True, markup=False)
    failed = [e.name for e, r in done if isinstance(r, Result) and not r.holds]
    missing = [e.name for e, r in done if isinstance(r, str)]
    say.print(f"{len(done) - len(failed) - len(missing)} of {len(done)} entries agree with the book"
              + (f"; not: {', '.join(failed)}" if failed else "")
              + (f"; not run: {', '.join(missing)}" if missing else ""), soft_wrap=True, markup=False)
    return not failed


def attempt(entry: Entry, full: bool) -> Result | str:
    """The entry's result, or why it cannot run here: a data set or an optional library is missing."""
    try:
        return entry.run(full)
    except (FileNotFoundError, ModuleNotFoundError) as error:
        return " ".join(str(error).split())


def by_name(names: Iterable[str]) -> list[Entry]:
    """Each entry once, in the order asked for."""
    return list(dict.fromkeys(find(name) for name in names))


def print_result(say: Any, entry: Entry, result: Result | str) -> None:
    from rich.table import Table

    say.print(entry.title, style="bold", markup=False)
    if isinstance(result, str):
        say.print(f"not run: {result}", style="yellow", markup=False, soft_wrap=True)
        return
    table = Table("quantity", "book", "ours", "tolerance", "", highlight=False)
    for row in result.rows:
        mark = {True: "[green]✓[/]", False: "[red]✗[/]", None: ""}[row.holds]
        table.add_row(*(_plain(t) for t in (row.quantity, row.book, row.ours, row.tolerance)), mark)
    if result.rows:
        say.print(table)
    for remark in result.remarks:
        say.print(remark, style="dim", markup=False)


def _plain(text: str) -> Any:
    from rich.text import Text
    return Text(text, overflow="fold")


def _console() -> Any:
    try:
        from rich.console import Console
    except ImportError:
        raise ModuleNotFoundError("book: the table needs rich: pip install 'chainrule[cli]'") from None
    return Console(highlight=False)
