"""Text as words, words as numbers, and back.   Book: §1.4, §7.1"""
from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from .. import check

TOKEN = re.compile(r"\w+(?:['’]\w+)*|[^\w\s]")
CLOSING, OPENING = frozenset(".,;:!?)]}%…"), frozenset("([{")


def tokenise(text: str, *, lower: bool = True) -> list[str]:
    """Words (with their apostrophes) and marks, each a token.

    Example
        >>> cr.data.tokenise("It's good, really.")
        ["it's", 'good', ',', 'really', '.']
    """
    return TOKEN.findall(text.lower() if lower else text)


def detokenise(tokens: Iterable[str]) -> str:
    """The text of tokens: blanks between them, but none before a closing mark and after an opening one."""
    text, glued = "", True
    for token in tokens:
        text += token if glued or token in CLOSING else " " + token
        glued = token in OPENING
    return text


class Vocabulary:
    """Numbers of tokens: 0 pads, 1 stands for every unknown one, then the known ones, most frequent first.

    size     so many numbers at most, the two special ones included; None: as many as there are tokens
    Example
        >>> words = cr.data.Vocabulary([["a", "good", "film"], ["a", "bad", "film"]])
        >>> words.decode(words.encode(["a", "bad", "day"]))
        ['a', 'bad', '<unknown>']
    """
    pad, unknown = 0, 1

    def __init__(self, texts: Iterable[Sequence[str]], size: int | None = None, least: int = 1) -> None:
        check.positive("Vocabulary", least=least)
        if size is not None and size < 2:
            raise ValueError(f"Vocabulary: size must be at least 2, got {size}")
        counts = Counter(token for text in texts for token in text)
        known = sorted((token for token, n in counts.items() if n >= least), key=lambda t: (-counts[t], t))
        self.tokens = ("<pad>", "<unknown>", *known)[:size]
        self.number = {token: i for i, token in enumerate(self.tokens)}

    def __len__(self) -> int:
        return len(self.tokens)

    def __repr__(self) -> str:
        return f"Vocabulary({len(self):,} tokens)"

    def encode(self, tokens: Iterable[str]) -> np.ndarray:
        """Their numbers, (T,) int64."""
        return np.array([self.number.get(token, self.unknown) for token in tokens], np.int64)

    def decode(self, ids: Any) -> list[str]:
        """The tokens of numbers, without the padding."""
        ids = np.asarray(ids).reshape(-1)
        if ids.size and not 0 <= ids.min() <= ids.max() < len(self):
            raise IndexError(f"decode: ids need to lie in 0 ... {len(self) - 1}, "
                             f"got {ids.min()} ... {ids.max()}")
        return [self.tokens[i] for i in ids.tolist() if i != self.pad]

    def rows(self, texts: Sequence[Sequence[str]], length: int | None = None) -> np.ndarray:
        """One row of numbers a text, cut off or padded to `length`; by default that of the longest.

        Shapes  (len(texts), length) int64
        """
        length = max((len(text) for text in texts), default=0) if length is None else length
        table = np.full((len(texts), length), self.pad, np.int64)
        for row, text in zip(table, texts, strict=True):
            ids = self.encode(text[:length])
            row[:len(ids)] = ids
        return table
