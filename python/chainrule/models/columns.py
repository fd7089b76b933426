"""Tables whose columns are of several kinds: each kind through its own transformer.   Book: §1.4, §2.3"""
from __future__ import annotations

from typing import Any

import numpy as np

import chainrule as cr

from .estimator import Estimator, Transformer, array, fresh


class ColumnTransformer(Transformer, Estimator):
    """Numbers standardised, ordered categories as numbers, others as unit vectors: side by side.

    Book: §1.4, §2.3: p̃ = p_num + Σ Lᵢ columns

    parts    [(transformer, columns), ...], "as is" for a transformer that changes nothing, columns by number
             or, where X has them, by name; None: numbers standardised, then texts as unit vectors
    X        (n, p) of anything, or columns by name: a dict, a pandas DataFrame
    Learned  parts_, pairs of learned copies and column numbers; names_, the names of the columns or None
    Errors   ValueError for a column that is not there, and those of the transformers
    """
    parts_: list[tuple[Any, list[int]]]
    names_: list[str] | None

    def __init__(self, parts: Any = None) -> None:
        self.parts = parts

    def fit(self, X: Any, y: Any = None) -> ColumnTransformer:
        """Each transformer learns from its columns."""
        columns, names = self._columns(X)
        parts = self._by_kind(columns) if self.parts is None else self.parts
        if not parts:
            raise ValueError("ColumnTransformer: parts is empty, needs at least one (transformer, columns)")
        learned = []
        for transformer, chosen in parts:
            places = [self._place(c, names, len(columns)) for c in
                      ([chosen] if isinstance(chosen, (str, int)) else chosen)]
            if transformer != "as is":
                transformer = fresh(transformer).fit(block(columns, places), y)
            learned.append((transformer, places))
        return self._learn(np.empty((0, len(columns))), parts_=learned, names_=names)

    def transform(self, X: Any) -> Any:
        """The numbers of all parts, in their order."""
        self._need_fit()
        columns, _ = self._columns(X, self.names_)
        self._shape((len(columns[0]) if columns else 0, len(columns)), False)
        done = []
        for transformer, places in self.parts_:
            x = block(columns, places)
            if transformer == "as is" and x.dtype == object:
                raise ValueError(f"ColumnTransformer: columns {places} hold texts; 'as is' needs numbers")
            done.append(x if transformer == "as is" else np.asarray(transformer.transform(x)))
        numbers = np.concatenate(done, axis=1)
        return self._answer(numbers.astype(np.result_type(numbers, np.float32), copy=False), X)

    def _columns(self, X: Any, names: list[str] | None = None) -> tuple[list[np.ndarray], list[str] | None]:
        """(the columns of X, their names): those of `names` if given."""
        if not hasattr(X, "keys"):
            x = array(self._op, "X", X)
            self._shape(x.shape, True)
            return list(x.T), names
        names = [str(name) for name in X] if names is None else names
        absent = [name for name in names if name not in X]
        if absent:
            raise ValueError(f"ColumnTransformer: X has no column {absent[0]!r}; it needs {', '.join(names)}")
        columns = [np.asarray(X[name]) for name in names]
        sizes = {column.shape for column in columns}
        if len(sizes) != 1 or len(next(iter(sizes))) != 1:
            raise cr.ShapeError(f"ColumnTransformer: the columns have the shapes {sorted(sizes)}, need one "
                                "length")
        self._shape((len(columns[0]), len(columns)), True)
        return columns, names

    def _place(self, column: Any, names: list[str] | None, p: int) -> int:
        if isinstance(column, str):
            if names is None or column not in names:
                known = "no names" if names is None else ", ".join(names)
                raise ValueError(f"ColumnTransformer: parts names the column {column!r}, X has {known}")
            return names.index(column)
        if not -p <= column < p:
            raise ValueError(f"ColumnTransformer: parts names the column {column}, X has {p}")
        return int(column) % p

    def _by_kind(self, columns: list[np.ndarray]) -> list[tuple[Any, list[int]]]:
        """Numbers and texts, each with its usual transformer."""
        numbers = [j for j, column in enumerate(columns) if numeric(column)]
        texts = [j for j in range(len(columns)) if j not in numbers]
        parts = [(cr.preprocessing.Standardizer(), numbers), (cr.preprocessing.OneHotEncoder(), texts)]
        return [(transformer, places) for transformer, places in parts if places]


def numeric(column: np.ndarray) -> bool:
    """Is every entry a number?"""
    return column.dtype.kind in "biufc" or (
        column.dtype == object and all(isinstance(v, (int, float, np.number)) for v in column))


def block(columns: list[np.ndarray], places: list[int]) -> np.ndarray:
    """The columns as one array: of numbers if all are, else of objects, so that texts stay what they are."""
    chosen = [columns[j] for j in places]
    if all(map(numeric, chosen)):
        return np.stack([c.astype(np.result_type(*(v.dtype for v in chosen)) if c.dtype != object else float)
                         for c in chosen], axis=1)
    return np.stack([c.astype(object) for c in chosen], axis=1)
