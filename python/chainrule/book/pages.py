"""The gallery as files: a PNG a picture, a page a chapter, and an index."""
from __future__ import annotations

import html
from collections.abc import Iterable
from functools import partial
from pathlib import Path

from ..io import atomic
from .registry import Entry
from .result import Result, Row

TITLES = {"1": "Introduction", "2": "Principles of Machine Learning", "3": "Simple Neural Networks",
          "4": "Optimization Algorithms", "5": "Feedforward Deep Networks",
          "6": "Convolutional Neural Networks", "7": "Sequence Models",
          "8": "Specialized Architectures and Paradigms",
          "A": "Some Multivariable Calculus", "B": "Cross Entropy and Other Expectations with Logarithms"}

STYLE = """
:root { color-scheme: light dark; --line: #d0d7de; --soft: #f6f8fa; --good: #1a7f37; --bad: #cf222e; }
@media (prefers-color-scheme: dark) {
  :root { --line: #3d444d; --soft: #151b23; --good: #3fb950; --bad: #f85149; }
}
body { font: 16px/1.55 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; }
h1, h2 { line-height: 1.25; } h2 { margin-top: 3rem; border-top: 1px solid var(--line); padding-top: 1.5rem; }
.ids { color: #818b98; font-size: .85rem; } img { max-width: 100%; background: white; }
table { border-collapse: collapse; font-size: .9rem; display: block; overflow-x: auto; }
th, td { border: 1px solid var(--line); padding: .25rem .6rem; text-align: left; }
th { background: var(--soft); } td.number { font-variant-numeric: tabular-nums; }
.yes { color: var(--good); } .no { color: var(--bad); font-weight: bold; }
pre { background: var(--soft); padding: 1rem; overflow-x: auto; font-size: .82rem; line-height: 1.4; }
"""


def write(done: Iterable[tuple[Entry, Result | str]], out: Path) -> list[Path]:
    """Pictures, a page a chapter and index.html into `out`; an entry that could not run says why."""
    chapters: dict[str, list[tuple[Entry, Result | str]]] = {}
    for entry, result in done:
        chapters.setdefault(entry.chapter, []).append((entry, result))
    written = []
    for chapter, parts in chapters.items():
        body = "".join(_section(entry, result, out) for entry, result in parts)
        title = f"{_place(chapter)}: {TITLES.get(chapter, '')}"
        top = '<p><a href="index.html">All chapters</a></p>'
        written.append(_page(out / f"{_stem(chapter)}.html", title, top + body))
    written.append(_index(out, chapters))
    return written


def _section(entry: Entry, result: Result | str, out: Path) -> str:
    parts = [f'<h2 id="{_escape(entry.name)}">{_escape(entry.title)}</h2>',
             f'<p class="ids">{_escape("; ".join(filter(None, [entry.source, ", ".join(entry.ids)])))}</p>']
    if entry.text:
        parts.append(f"<p>{_escape(entry.text)}</p>")
    if isinstance(result, str):
        return "".join([*parts, f'<p class="no">Not run: {_escape(result)}</p>'])
    for i, (caption, figure) in enumerate(result.figures.items()):
        file = Path("pictures") / f"{entry.name}{f'-{i + 1}' if i else ''}.png"
        atomic.replace(out / file, partial(figure.savefig, dpi=130, format="png"))
        parts.append(f'<figure><img src="{file.as_posix()}" alt="{_escape(caption)}">'
                     f"<figcaption>{_escape(caption)}</figcaption></figure>")
    if result.rows:
        head = "".join(f"<th>{name}</th>" for name in ("quantity", "book", "ours", "tolerance", ""))
        parts.append(f"<table><tr>{head}</tr>{''.join(map(_row, result.rows))}</table>")
    parts += [f"<p>{_escape(remark)}</p>" for remark in result.remarks]
    parts.append(f"<details><summary>The code</summary><pre>{_escape(entry.code)}</pre></details>")
    return "".join(parts)


def _row(row: Row) -> str:
    mark = {True: '<td class="yes">✓</td>', False: '<td class="no">✗</td>', None: "<td></td>"}[row.holds]
    numbers = (row.book, row.ours, row.tolerance)
    cells = "".join(f'<td class="number">{_escape(text)}</td>' for text in numbers)
    return f"<tr><td>{_escape(row.quantity)}</td>{cells}{mark}</tr>"


def _index(out: Path, chapters: dict[str, list[tuple[Entry, Result | str]]]) -> Path:
    """Every chapter whose page lies in the folder; entries are listed for those of this run."""
    items = []
    for chapter in TITLES:
        if not (out / f"{_stem(chapter)}.html").is_file():
            continue
        link = f'<a href="{_stem(chapter)}.html">{_place(chapter)}: {_escape(TITLES[chapter])}</a>'
        parts = [f'<li><a href="{_stem(chapter)}.html#{_escape(e.name)}">{_escape(e.title)}</a></li>'
                 for e, _ in chapters.get(chapter, [])]
        items.append(f"<li>{link}<ul>{''.join(parts)}</ul></li>")
    body = ("<p>The figures, tables and worked numbers of <em>Mathematical Engineering of Deep Learning</em> "
            f"(Liquet, Moka, Nazarathy), made with chainrule.</p><ul>{''.join(items)}</ul>")
    return _page(out / "index.html", "The book, run", body)


def _page(path: Path, title: str, body: str) -> Path:
    text = (f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{_escape(title)}</title>'
            f'<meta name="viewport" content="width=device-width"><style>{STYLE}</style></head>'
            f"<body><h1>{_escape(title)}</h1>{body}</body></html>\n")
    atomic.replace(path, lambda temporary: temporary.write_text(text, encoding="utf-8"))
    return path


def _stem(chapter: str) -> str:
    return f"appendix{chapter}" if chapter.isalpha() else f"ch{chapter}"


def _place(chapter: str) -> str:
    return f"Appendix {chapter}" if chapter.isalpha() else f"Chapter {chapter}"


def _escape(text: str) -> str:
    return html.escape(str(text))
