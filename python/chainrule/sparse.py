"""Sparse matrices in compressed rows, for graphs: a product costs a multiply-add an edge."""
from __future__ import annotations

from typing import Any

import chainrule as cr

from . import _core
from ._core import Tensor


class CSR:
    """A matrix with values[k] at column indices[k] of row i, for indptr[i] <= k < indptr[i + 1].

    Values at one place add up. Derivatives pass through the values and through what A is multiplied by.
    Example
        >>> A = cr.sparse.CSR.from_edges([[0, 0, 1], [1, 2, 0]], 3)
        >>> (A @ cr.tensor([1.0, 2.0, 3.0])).tolist()
        [5.0, 1.0, 0.0]
    """
    def __init__(self, indptr: Any, indices: Any, values: Any, shape: tuple[int, int]) -> None:
        self.indptr, self.indices, self.values = (cr.asarray(part) for part in (indptr, indices, values))
        self.shape = (int(shape[0]), int(shape[1]))
        if self.indptr.shape != (self.shape[0] + 1,) or self.indices.ndim != 1 \
                or self.indices.shape != self.values.shape:
            raise cr.ShapeError(f"CSR: indptr {self.indptr.shape}, indices {self.indices.shape} and values "
                                f"{self.values.shape} do not fit {self.shape}: needs rows + 1, nnz and nnz")
        _inside("indices", self.indices, self.shape[1])

    @classmethod
    def from_coo(cls, row: Any, column: Any, values: Any, shape: tuple[int, int]) -> CSR:
        """The matrix with values[k] at (row[k], column[k]), in any order."""
        row, column, values = (cr.asarray(part) for part in (row, column, values))
        if row.ndim != 1 or row.shape != column.shape or row.shape != values.shape:
            raise cr.ShapeError(f"CSR: row {row.shape}, column {column.shape} and values {values.shape} "
                                "need one axis of one size")
        _inside("row", row, shape[0])
        order = _core.argsort(row)
        starts = _core.searchsorted(row[order], cr.arange(shape[0] + 1, device=row.device))
        return cls(starts, column[order], values[order], shape)

    @classmethod
    def from_edges(cls, edges: Any, n: int, values: Any = None) -> CSR:
        """The adjacency matrix of n nodes: A[i, j] is the value (else 1) of the edge i -> j.   Book: (8.85)

        Shapes  edges (2, E): from and to;  values (E,)
        """
        edges = cr.asarray(edges)
        if edges.ndim != 2 or edges.shape[0] != 2:
            raise cr.ShapeError(f"CSR: edges {edges.shape} need two rows, from and to")
        values = cr.ones(edges.shape[1:], device=edges.device) if values is None else values
        return cls.from_coo(edges[0], edges[1], values, (n, n))

    @classmethod
    def from_scipy(cls, A: Any) -> CSR:
        """A SciPy sparse matrix of any format."""
        A = A.tocsr()
        return cls(A.indptr, A.indices, A.data, A.shape)

    @property
    def rows(self) -> Tensor:
        """The row of each value.   (nnz,)"""
        place = cr.arange(self.indices.size, device=self.indices.device)
        return _core.searchsorted(self.indptr, place, "right") - 1

    @property
    def T(self) -> CSR:
        return CSR.from_coo(self.indices, self.rows, self.values, self.shape[::-1])

    def __matmul__(self, x: Tensor) -> Tensor:
        """A x for a vector (columns,) or matrices (..., columns, m)."""
        if x.ndim == 0 or x.shape[max(x.ndim - 2, 0)] != self.shape[1]:
            raise cr.ShapeError(f"matmul: A {self.shape} @ x {x.shape} needs {self.shape[1]} rows in x")
        if x.ndim <= 2:
            return _core.csr_matmul(self.indptr, self.indices, self.values, x)
        y = _core.csr_matmul(self.indptr, self.indices, self.values, cr.moveaxis(x, -2, 0))
        return cr.moveaxis(y, 0, -2)

    def sum(self, axis: int) -> Tensor:
        """The sums of the columns (axis 0) or of the rows (axis 1), in a graph the degrees."""
        if axis not in (0, 1):
            raise ValueError(f"sum: axis must be 0 or 1, got {axis}")
        return cr.segment_sum(self.values, self.rows if axis else self.indices, self.shape[1 - axis])

    def with_values(self, values: Tensor) -> CSR:
        """Other values at the same places."""
        return CSR(self.indptr, self.indices, values, self.shape)

    def to_dense(self) -> Tensor:
        """The (rows, columns) tensor."""
        n, m = self.shape
        return cr.segment_sum(self.values, self.rows * m + self.indices, n * m).reshape((n, m))

    def to(self, target: Any) -> CSR:
        """A on a device, or with values of a type."""
        if not isinstance(target, str):
            return self.with_values(self.values.to(target))
        indptr, indices, values = (part.to(target) for part in (self.indptr, self.indices, self.values))
        return CSR(indptr, indices, values, self.shape)

    def tree_children(self) -> dict[str, Any]:
        """What transforms differentiate in."""
        return {"values": self.values}

    def __repr__(self) -> str:
        n, m = self.shape
        return f"CSR({n:,} x {m:,}, {self.indices.size:,} values {self.values.dtype} on {self.values.device})"


def _inside(name: str, index: Tensor, n: int) -> None:
    """Negative numbers do not count from the end here."""
    if index.size == 0:
        return
    for i in (int(cr.min(index)), int(cr.max(index))):
        if not 0 <= i < n:
            raise IndexError(f"CSR: {name} holds {i}, needs 0 ... {n - 1}")
