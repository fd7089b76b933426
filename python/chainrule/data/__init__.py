"""Samples in memory, drawn in batches, and loaders of the usual data sets.   Book: §1.4, §4.2"""
from .audio import read_wav, write_wav
from .dataset import Batches, Dataset
from .graphs import Graph, citeseer, cora
from .images import cifar10, fashion_mnist, mnist, read_cifar, read_idx
from .pictures import ImageFolder, channels_first, channels_last, read_image, unvectorize, vectorize
from .reviews import Reviews, imdb, made_reviews, read_reviews
from .synthetic import Scenes, made_digits, scenes
from .tables import boston, boston_like, breast_cancer, diabetes, digits, iris, wine
from .text import Text, names, text, tinyshakespeare
from .words import Vocabulary, detokenise, tokenise

__all__ = [
    "Batches", "Dataset", "Graph", "ImageFolder", "Reviews", "Scenes", "Text", "Vocabulary",
    "boston", "boston_like", "breast_cancer", "channels_first", "channels_last", "cifar10", "citeseer",
    "cora", "detokenise", "diabetes", "digits", "fashion_mnist", "imdb", "iris", "made_digits",
    "made_reviews", "mnist", "names", "read_cifar", "read_idx", "read_image", "read_reviews", "read_wav",
    "scenes", "text", "tinyshakespeare", "tokenise", "unvectorize", "vectorize", "wine", "write_wav",
]
