"""Text as a sequence of characters, each an integer.   Book: §7.1"""
from pathlib import Path

import numpy as np

from . import files
from .dataset import Dataset

SHAKESPEARE = "86c4e6aa9db7c042ec79f339dcb96d42b0075e16b8fc2e86bf0ca57e2dc565ed"
NAMES = "0a30b5557f192f32ab962680889aac5f6fda0f4cecf40a6d0b5694f58ea8cc4d"


class Text:
    """A text as character numbers: ids (T,) int64, characters[k] being the character k.

    Example
        >>> text = cr.data.Text("abracadabra")
        >>> text.decode(text.ids[:4])
        'abra'
    """
    def __init__(self, string, characters=None):
        self.characters = "".join(sorted(set(string))) if characters is None else characters
        self.ids = self.encode(string)

    def __len__(self):
        return len(self.ids)

    def __repr__(self):
        return f"Text({len(self):,} characters, {len(self.characters)} different)"

    def encode(self, string):
        number = {c: i for i, c in enumerate(self.characters)}
        unknown = next((c for c in string if c not in number), None)
        if unknown is not None:
            raise ValueError(f"encode: character {unknown!r} is not among the {len(number)} of this text")
        return np.fromiter((number[c] for c in string), np.int64, len(string))

    def decode(self, ids):
        return "".join(self.characters[i] for i in np.asarray(ids).reshape(-1).tolist())

    def split(self, fraction):
        """The first part of the text and the rest, with the same numbers for the same characters."""
        if not 0 <= fraction <= 1:
            raise ValueError(f"split: fraction must lie in [0, 1], got {fraction}")
        cut = int(fraction * len(self))
        string = self.decode(self.ids)
        return Text(string[:cut], self.characters), Text(string[cut:], self.characters)

    def windows(self, length):
        """Every stretch of `length` characters as x, and as y the same moved on by one: what comes next.

        Shapes  x, y (T - length, length), views of the text
        """
        if not 1 <= length < len(self):
            raise ValueError(f"windows: length must lie in 1 ... {len(self) - 1}, got {length}")
        view = np.lib.stride_tricks.sliding_window_view(self.ids, length)
        return Dataset(view[:-1], view[1:])


def text(path):
    """The Text of a UTF-8 file."""
    return Text(decoded(path))


def decoded(path):
    try:
        return Path(path).read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise ValueError(f"{path}: not UTF-8 text: {error.reason} at byte {error.start}") from None


def tinyshakespeare():
    """1.1 million characters of Shakespeare's plays as (train, test) Texts: the first 90 % and the rest."""
    url = "https://raw.githubusercontent.com/karpathy/char-rnn/master/data/tinyshakespeare/input.txt"
    return text(files.find("tinyshakespeare", "input.txt", url, SHAKESPEARE)).split(0.9)


def names():
    """32,033 given names in lower case, a list of strings."""
    url = "https://raw.githubusercontent.com/karpathy/makemore/master/names.txt"
    return decoded(files.find("names", "names.txt", url, NAMES)).split()
