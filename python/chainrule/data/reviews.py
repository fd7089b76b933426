"""Film reviews with the opinion they express: the IMDb set, and made ones in its place.   Book: §1.4"""
from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

import chainrule as cr

from .. import check
from . import files
from .text import decoded
from .words import Vocabulary, tokenise

OPINIONS = ("negative", "positive")
HALF = 25_000                            # reviews to train on, and to test on, in the complete set


@dataclass
class Reviews:
    """Texts and what they say of a film: y = 0 negative, 1 positive; `synthetic` if no person wrote them."""
    texts: list[str]
    y: np.ndarray
    synthetic: bool = False
    classes: tuple[str, ...] = field(default=OPINIONS)

    def __len__(self) -> int:
        return len(self.texts)

    def __repr__(self) -> str:
        made = ", synthetic" if self.synthetic else ""
        return f"Reviews({len(self):,} texts, {int(self.y.sum()):,} positive{made})"

    def tokens(self) -> list[list[str]]:
        """Each text as its tokens; the line breaks of the web pages are left out."""
        return [tokenise(text.replace("<br />", " ")) for text in self.texts]

    def dataset(self, words: Vocabulary, length: int = 200) -> cr.data.Dataset:
        """x (N, length) token numbers, y (N,)."""
        return cr.data.Dataset(words.rows(self.tokens(), length), self.y, classes=self.classes)


def imdb(*, stand_in: bool = False) -> tuple[Reviews, Reviews]:
    """50,000 film reviews as (train, test), from the unpacked folder `aclImdb` of data set `imdb`.

    stand_in   made reviews, 2,000 and 1,000, if the set is not on this machine
    """
    homes = [folder / "aclImdb" for folder in files.folders("imdb")]
    home = next((folder for folder in homes if folder.is_dir()), None)
    if home is not None:
        return read_reviews(home / "train"), read_reviews(home / "test")
    missing = "imdb: there is no folder " + " or ".join(map(str, homes))
    if not stand_in:
        raise FileNotFoundError(f"{missing}; unpack https://ai.stanford.edu/~amaas/data/sentiment/"
                                "aclImdb_v1.tar.gz there, or ask for made reviews with stand_in=True")
    files.replaced(missing, "made reviews")
    return made_reviews(2000, rng=cr.Rng(0)), made_reviews(1000, rng=cr.Rng(1))


def read_reviews(folder: str | Path) -> Reviews:
    """The texts of folder/neg/*.txt and folder/pos/*.txt, UTF-8, in the order of their numbers."""
    parts = [sorted(Path(folder, name).glob("*.txt"), key=number) for name in ("neg", "pos")]
    if not all(parts):
        raise FileNotFoundError(f"{folder}: needs the folders neg and pos with .txt files in them")
    y = np.repeat(np.array([0, 1], np.int64), [len(part) for part in parts])
    return Reviews([decoded(path) for part in parts for path in part], y)


def number(path: Path) -> tuple[int, str]:
    """Files are named number_rating.txt."""
    first = path.stem.split("_")[0]
    return (int(first) if first.isdigit() else 0, path.name)


SUBJECTS = ("plot", "acting", "music", "script", "cast", "ending", "camera work", "dialogue", "story", "pace")
WORDS = (("dull", "awful", "lifeless", "clumsy", "tedious", "weak", "hollow", "painful", "messy", "flat"),
         ("superb", "moving", "brilliant", "lovely", "gripping", "fresh", "elegant", "warm", "witty", "rich"))
VERDICTS = (("I want my evening back", "Do not bother", "I nearly walked out", "A waste of time"),
            ("I would watch it again tomorrow", "See it while you can", "I smiled all the way home",
             "A real treat"))
NEUTRAL = ("We saw it on a rainy Sunday.", "It runs for about two hours.", "My sister chose the film.",
           "The cinema was half full.", "It was shot in three countries.", "I had read the book before.")


def made_reviews(n: int, *, rng: cr.Rng, doubt: float = 0.15) -> Reviews:
    """n made reviews, half of them positive; a share `doubt` of their remarks speaks against the verdict."""
    check.positive("made_reviews", n=n)
    check.fraction("made_reviews", doubt=doubt)
    draw = np.random.default_rng(int(cr.randint(2 ** 31, rng=rng).item()))

    def review(opinion: int) -> str:
        remarks = []
        for subject in draw.choice(SUBJECTS, draw.integers(2, 5), replace=False):
            mood = 1 - opinion if draw.random() < doubt else opinion
            remarks.append(f"The {subject} {draw.choice(('is', 'was', 'felt'))} {draw.choice(WORDS[mood])}.")
        remarks += [str(s) for s in draw.choice(NEUTRAL, draw.integers(0, 3), replace=False)]
        verdict = [f"{draw.choice(VERDICTS[opinion])}."] if draw.random() < 0.5 else []
        return " ".join([*map(str, draw.permutation(remarks)), *verdict])

    y = draw.permutation(np.arange(n) % 2)
    return Reviews([review(int(opinion)) for opinion in y], y.astype(np.int64), synthetic=True)
