"""The entries of the gallery, found by the chapter's file and the checklist ids that each one names."""
from __future__ import annotations

import importlib
import inspect
import pkgutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from .result import Result

_entries: dict[str, Entry] = {}


@dataclass(frozen=True)
class Entry:
    """A function of the gallery: f(full) -> Result."""
    function: Callable[..., Result]
    ids: tuple[str, ...]
    slow: bool

    @property
    def name(self) -> str:
        return self.ids[0]

    @property
    def chapter(self) -> str:
        """'1' ... '8', or 'A', 'B' for the appendices."""
        return self.name.split(".")[0].split("-")[0]

    @property
    def section(self) -> str:
        """'2.4', 'A.1': what the ids begin with."""
        return self.name.split("-")[0]

    @property
    def title(self) -> str:
        return self._first_line()[0]

    @property
    def source(self) -> str:
        """Where it stands in the book: "§4.5, Fig. 4.9"."""
        return self._first_line()[1]

    def _first_line(self) -> tuple[str, str]:
        line = (inspect.getdoc(self.function) or self.name).splitlines()[0]
        title, _, source = line.partition("Book:")
        return title.strip(), source.strip()

    @property
    def text(self) -> str:
        return "\n".join((inspect.getdoc(self.function) or "").splitlines()[1:]).strip()

    @property
    def code(self) -> str:
        """The source of the function, without its decorator and docstring."""
        lines = inspect.getsource(self.function).splitlines()
        while not lines[0].startswith("def "):
            del lines[0]
        return "\n".join(lines)

    def run(self, full: bool = False) -> Result:
        """Quick sizes; `full` for the training runs as long as the book's."""
        takes = inspect.signature(self.function).parameters
        return self.function(full=full) if "full" in takes else self.function()


def book(*ids: str, slow: bool = False) -> Callable:
    """Mark a function as the gallery's entry for these ids of the checklist; `slow` takes more than 10 s."""
    if not ids:
        raise ValueError("book: needs at least one id of the checklist")

    def enter(function: Callable[..., Result]) -> Callable[..., Result]:
        entry = Entry(function, ids, slow)
        for name in ids:
            if name in _entries and _entries[name].function.__qualname__ != function.__qualname__:
                raise ValueError(f"book: {name} is claimed by {_entries[name].function.__qualname__} and "
                                 f"{function.__qualname__}")
            _entries[name] = entry
        return function

    return enter


def entries(chapter: str | None = None) -> list[Entry]:
    """All entries, or those of a chapter ('1' ... '8', 'A', 'B'), in the order of the book's sections."""
    for module in _chapters():
        importlib.import_module(module)
    once = sorted(dict.fromkeys(_entries.values()), key=lambda e: (e.chapter.isalpha(), e.section))
    return [e for e in once if chapter is None or e.chapter.upper() == str(chapter).upper()]


def find(name: str) -> Entry:
    """The entry of an id.

    Errors  KeyError with the nearest ids
    """
    import difflib

    entries()
    if name not in _entries:
        near = difflib.get_close_matches(name, _entries, n=3, cutoff=0.5)
        hint = f"; near it: {', '.join(near)}" if near else ""
        raise KeyError(f"book: there is no entry {name!r}{hint}")
    return _entries[name]


def _chapters() -> Iterator[str]:
    """The modules of this package that hold entries: ch1, ch2_regression, appendices, ..."""
    from . import __name__ as package
    from . import __path__ as path

    names = sorted(m.name for m in pkgutil.iter_modules(path))
    return (f"{package}.{name}" for name in names if name.startswith(("ch", "appendi")))
