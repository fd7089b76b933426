"""Citation graphs with a class a paper and the public Planetoid split.   Book: §8.5"""
from dataclasses import dataclass

import numpy as np

from ..sparse import CSR
from . import files


@dataclass
class Graph:
    """One graph: a row of words a node, both directions of every edge, and who is for training and testing.

    Shapes  x (n, p) float32, 1 where the paper has the word;  y (n,) int64, -1 where there is no class;
            edges (2, E) int64, from and to;  train, validation, test: node numbers, int64
    """
    x: np.ndarray
    y: np.ndarray
    edges: np.ndarray
    train: np.ndarray
    validation: np.ndarray
    test: np.ndarray

    def adjacency(self):
        """A[i, j] = 1 for each edge i -> j, as a sparse matrix.   Book: (8.85)"""
        return CSR.from_edges(self.edges, len(self.x))

    def __repr__(self):
        return (f"Graph({len(self.x):,} nodes, {self.edges.shape[1]:,} directed edges, "
                f"{self.x.shape[1]:,} features)")


def cora():
    """2,708 papers, 1,433 words, 7 classes."""
    return load("cora")


def citeseer():
    """3,327 papers, 3,703 words, 6 classes; 15 nodes have neither words nor class."""
    return load("citeseer")


def load(name):
    from zipfile import BadZipFile

    path = files.find(name, f"{name}.npz")                       # the originals are pickles: not downloaded
    try:
        with np.load(path, allow_pickle=False) as arrays:
            part = dict(arrays)
        x = dense(part["x_indptr"], part["x_indices"], int(part["num_features"]))
        integers = (part[k].astype(np.int64) for k in ("y", "edge_index", "train_idx", "val_idx", "test_idx"))
        graph = Graph(x, *integers)
    except (BadZipFile, KeyError, ValueError, IndexError, EOFError, OSError) as error:
        raise ValueError(f"{path}: cut off, damaged or not {name}: {files.one_line(error)}") from None
    nodes = [graph.edges, graph.train, graph.validation, graph.test]
    outside = any(part.min(initial=0) < 0 or part.max(initial=0) >= len(x) for part in nodes)
    if graph.y.shape != (len(x),) or graph.edges.ndim != 2 or len(graph.edges) != 2 or outside:
        raise ValueError(f"{path}: not the graph {name}: {len(x)} nodes, classes {graph.y.shape}, edges "
                         f"{graph.edges.shape}{', with nodes that are not there' if outside else ''}")
    return graph


def dense(starts, columns, width):
    """Row i has ones at columns[starts[i]:starts[i + 1]]."""
    if columns.min(initial=0) < 0:
        raise ValueError(f"column {columns.min()} is negative")
    x = np.zeros((len(starts) - 1, width), np.float32)
    x[np.repeat(np.arange(len(x)), np.diff(starts)), columns] = 1
    return x
