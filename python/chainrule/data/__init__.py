"""Samples in memory, drawn in batches, and loaders of the usual data sets.   Book: §1.4, §4.2"""
from .dataset import Batches, Dataset
from .graphs import Graph, citeseer, cora
from .images import cifar10, fashion_mnist, mnist, read_cifar, read_idx
from .tables import boston, boston_like, breast_cancer, diabetes, digits, iris, wine
from .text import Text, names, text, tinyshakespeare

__all__ = [
    "Batches", "Dataset", "Graph", "Text",
    "boston", "boston_like", "breast_cancer", "cifar10", "citeseer", "cora", "diabetes", "digits",
    "fashion_mnist", "iris", "mnist", "names", "read_cifar", "read_idx", "text", "tinyshakespeare", "wine",
]
