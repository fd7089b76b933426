"""Made pictures: digits where MNIST is not at hand, and scenes of shapes whose places are known.

Book: §1.1, §1.4
"""
from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

import chainrule as cr

from .. import check
from .dataset import Dataset

GLYPHS = """
.###. ..#.. .###. .###. ...#. ##### .###. ##### .###. .###.
#...# .##.. #...# #...# ..##. #.... #.... ....# #...# #...#
#...# ..#.. ....# ....# .#.#. ####. #.... ...#. #...# #...#
#...# ..#.. ..##. ..##. #..#. ....# ####. ..#.. .###. .####
#...# ..#.. .#... ....# ##### ....# #...# ..#.. #...# ....#
#...# ..#.. #.... #...# ...#. #...# #...# .#... #...# ....#
.###. .###. ##### .###. ...#. .###. .###. .#... .###. .###.
"""
SHAPES = ("background", "square", "disc", "triangle")


def made_digits(n: int, *, rng: cr.Rng, size: int = 28, noise: float = 0.08) -> Dataset:
    """n digits of printed type, each moved, turned, sheared, thickened and blurred by chance.

    Shapes  x (n, 1, size, size) in [0, 1], y (n,) in 0 ... 9, as equal in number as n allows
    """
    check.positive("made_digits", n=n, size=size)
    draw = np.random.default_rng(int(cr.randint(2 ** 31, rng=rng).item()))
    y = draw.permutation(np.arange(n) % 10)
    # a pixel at (v, h) shows the glyph at A (v, h) + b, both measured from the middle in glyph pixels
    turn, shear = draw.normal(0, 0.12, n), draw.normal(0, 0.15, n)
    scale = draw.uniform(0.85, 1.25, (2, n)) * 9.5 / size
    v, h = np.meshgrid(*[np.arange(size) - (size - 1) / 2] * 2, indexing="ij")
    shift = draw.uniform(-0.09, 0.09, (2, n)) * size
    v = v[None] - shift[0, :, None, None]
    h = h[None] - shift[1, :, None, None]
    cos, sin = np.cos(turn)[:, None, None], np.sin(turn)[:, None, None]
    up = scale[0, :, None, None] * (cos * v + sin * h)
    across = scale[1, :, None, None] * (cos * h - sin * v) + shear[:, None, None] * up
    x = sampled(glyphs()[y], up + 5, across + 4)
    thick = draw.uniform(0.25, 0.5, n)[:, None, None]            # grey level at which ink begins
    x = np.clip((x - thick) * 5 + 0.5, 0, 1) + noise * draw.normal(size=x.shape)
    return Dataset(np.clip(x, 0, 1).astype(np.float32)[:, None], y.astype(np.int64),
                   classes=tuple("0123456789"))


def glyphs() -> np.ndarray:
    """The ten digits, (10, 11, 9): 7 x 5 dots each and a margin of 2."""
    rows = [[[dot == "#" for dot in word] for word in line.split()] for line in GLYPHS.split("\n") if line]
    return np.pad(np.array(rows, np.float64).transpose(1, 0, 2), ((0, 0), (2, 2), (2, 2)))


def sampled(images: np.ndarray, v: np.ndarray, h: np.ndarray) -> np.ndarray:
    """Bilinear values of image i at (v[i], h[i]); beyond the edge that of the edge."""
    rows, columns = images.shape[1:]
    v, h = np.clip(v, 0, rows - 1.001), np.clip(h, 0, columns - 1.001)
    i, j = v.astype(int), h.astype(int)
    n = np.arange(len(images))[:, None, None]
    s, t = v - i, h - j
    return ((1 - s) * ((1 - t) * images[n, i, j] + t * images[n, i, j + 1])
            + s * ((1 - t) * images[n, i + 1, j] + t * images[n, i + 1, j + 1]))


@dataclass
class Scenes:
    """Pictures of shapes, what each pixel shows, and the box and class of each object.

    Shapes  x (N, 3, size, size) float32 in [0, 1];  masks (N, size, size) int64, 0 the background;
            boxes (N, most, 4), NaN where there is no object;  labels (N, most) int64, 0 there
    Units   a box is (x, y, h, w): upper left corner, height, width, in shares of the picture, as in §6.6
    """
    x: np.ndarray
    masks: np.ndarray
    boxes: np.ndarray
    labels: np.ndarray
    classes: tuple[str, ...] = SHAPES

    def __len__(self) -> int:
        return len(self.x)


def scenes(n: int, *, rng: cr.Rng, size: int = 32, least: int = 1, most: int = 3) -> Scenes:
    """n pictures with `least` to `most` squares, discs and triangles of any colour, none over another."""
    check.positive("scenes", n=n, size=size, most=most)
    if not 0 <= least <= most:
        raise ValueError(f"scenes: least must lie in 0 ... {most}, got {least}")
    if size < 16:
        raise ValueError(f"scenes: size must be at least 16 pixels, got {size}")
    draw = np.random.default_rng(int(cr.randint(2 ** 31, rng=rng).item()))
    x = draw.uniform(0, 0.35, (n, 3, 1, 1)) + draw.normal(0, 0.03, (n, 3, size, size))
    masks = np.zeros((n, size, size), np.int64)
    boxes, labels = np.full((n, most, 4), np.nan, np.float32), np.zeros((n, most), np.int64)
    for i in range(n):
        taken = np.zeros((size, size), bool)
        for k in range(draw.integers(least, most + 1)):
            place = free_place(draw, taken)
            if place is None:                                    # no room is left
                break
            top, left, side = place
            kind = int(draw.integers(1, len(SHAPES)))
            rows, columns = slice(top, top + side), slice(left, left + side)
            taken[rows, columns] = True
            inside = drawn(kind, side)
            colour = draw.uniform(0.45, 1, (3, 1))
            x[i, :, rows, columns][:, inside] = colour + draw.normal(0, 0.03, (3, inside.sum()))
            masks[i, rows, columns][inside] = kind
            boxes[i, k], labels[i, k] = np.array([left, top, side, side]) / size, kind
    return Scenes(np.clip(x, 0, 1).astype(np.float32), masks, boxes, labels)


def free_place(draw: Any, taken: np.ndarray) -> tuple[int, int, int] | None:
    """(top, left, side) of a window at least a pixel away from those taken, found within 30 trials."""
    size = len(taken)
    for _ in range(30):
        side = int(draw.integers(size // 4, size * 7 // 16 + 1))
        top, left = (int(u) for u in draw.integers(0, size - side + 1, 2))
        if not taken[max(top - 1, 0):top + side + 1, max(left - 1, 0):left + side + 1].any():
            return top, left, side
    return None


def drawn(kind: int, side: int) -> np.ndarray:
    """Which pixels of a window the shape covers; it touches all four edges."""
    v, h = np.mgrid[0:side, 0:side]                              # integers: no edge is decided by rounding
    if SHAPES[kind] == "disc":
        return (2 * v + 1 - side) ** 2 + (2 * h + 1 - side) ** 2 <= side ** 2
    if SHAPES[kind] == "triangle":
        return np.abs(2 * h + 1 - side) <= v + 1                 # one or two pixels at the tip
    return np.ones((side, side), bool)
