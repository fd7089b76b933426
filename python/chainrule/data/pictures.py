"""Pictures as vectors and tensors, decoded from files and from a folder a class.   Book: §1.4

Shapes  channels first, (3, rows, columns) in colour, as in the book; files hold (rows, columns, 3)
"""
from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np

import chainrule as cr

from .. import check
from .dataset import Dataset, as_tensor

KINDS = (".png", ".jpg", ".jpeg", ".ppm", ".pgm", ".pbm", ".bmp", ".gif", ".webp", ".tif", ".tiff")


# ---- vectors and tensors

def vectorize(image: Any, order: str = "row", axes: int = 2) -> cr.Tensor:
    """One vector of p₁ p₂ pixels: row after row, or column after column.   Book: §1.4

    Shapes  image (..., p1, p2) -> (..., p1 p2); `axes` trailing axes are the picture's, 3 for (3, p1, p2)
    """
    x = picture("vectorize", image, order, axes)
    lead = x.ndim - axes
    if order == "column":                                        # the first index runs fastest
        x = cr.permute_dims(x, (*range(lead), *reversed(range(lead, x.ndim))))
    return cr.reshape(x, (*x.shape[:lead], math.prod(x.shape[lead:])))


def unvectorize(x: Any, shape: tuple[int, ...], order: str = "row") -> cr.Tensor:
    """The picture of that shape whose pixels `vectorize` put into the vector x.

    Shapes  x (..., p) -> (..., *shape)
    """
    x, axes = as_tensor(x), len(shape)
    check.one_of("unvectorize", "order", order, ("row", "column"))
    if x.ndim == 0 or x.shape[-1] != math.prod(shape):
        raise cr.ShapeError(f"unvectorize: x {tuple(x.shape)} needs a last axis of {math.prod(shape)} for a "
                            f"picture {tuple(shape)}")
    lead = x.ndim - 1
    if order == "row":
        return cr.reshape(x, (*x.shape[:-1], *shape))
    x = cr.reshape(x, (*x.shape[:-1], *reversed(shape)))
    return cr.permute_dims(x, (*range(lead), *reversed(range(lead, lead + axes))))


def channels_first(image: Any) -> cr.Tensor:
    """(..., rows, columns, channels) -> (..., channels, rows, columns)."""
    return cr.moveaxis(picture("channels_first", image, "row", 3), -1, -3)


def channels_last(image: Any) -> cr.Tensor:
    """(..., channels, rows, columns) -> (..., rows, columns, channels)."""
    return cr.moveaxis(picture("channels_last", image, "row", 3), -3, -1)


def picture(op: str, image: Any, order: str, axes: int) -> cr.Tensor:
    x = as_tensor(image)
    check.one_of(op, "order", order, ("row", "column"))
    check.positive(op, axes=axes)
    if x.ndim < axes:
        raise cr.ShapeError(f"{op}: image {tuple(x.shape)} needs at least {axes} axes")
    return x


# ---- files

def read_image(path: str | Path, size: int | None = None, *, rng: cr.Rng | None = None,
               grey: bool = False) -> np.ndarray:
    """Pixels of a PNG, PPM, JPEG ... file, uint8; times 1/255 they lie in [0, 1].

    Shapes  (3, rows, columns), (1, rows, columns) if grey; with `size` both are size, see `cut_square`
    Errors  ValueError, naming the file, if it is damaged or no picture
    """
    try:
        from PIL import Image, UnidentifiedImageError
    except ImportError:
        raise ModuleNotFoundError("read_image: decoding needs Pillow: pip install 'chainrule[cli]'") from None
    try:
        with Image.open(path) as file:
            image = file.convert("L" if grey else "RGB")
    except FileNotFoundError:
        raise
    except (UnidentifiedImageError, OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise ValueError(f"{path}: damaged or not a picture: {type(error).__name__}") from None
    pixels = np.asarray(image if size is None else cut_square(image, size, rng))
    return np.ascontiguousarray(pixels.reshape(*pixels.shape[:2], -1).transpose(2, 0, 1))


def cut_square(image: Any, size: int, rng: cr.Rng | None = None) -> Any:
    """A square of `size` pixels out of a Pillow image, whose shorter side is first brought to 8/7 of it.

    From the middle; with `rng` from anywhere, and mirrored half the time, as for training.   Book: §6.5
    """
    check.positive("cut_square", size=size)
    short = max(size, round(size * 8 / 7))                       # 256 for the usual 224
    scale = short / min(image.size)
    width, height = (max(short, round(side * scale)) for side in image.size)
    image = image.resize((width, height))
    shares = (0.5, 0.5, 1.0) if rng is None else np.asarray(cr.uniform((3,), rng=rng)).tolist()
    left, top = (min(int(u * (side - size + 1)), side - size)
                 for u, side in zip(shares[:2], (width, height), strict=True))
    if rng is None:
        left, top = (width - size) // 2, (height - size) // 2
    image = image.crop((left, top, left + size, top + size))
    return image if shares[2] >= 0.5 else image.transpose(0)     # 0: left to right


class ImageFolder(Dataset):
    """Pictures on disk, a folder a class, read when a batch asks for them, as of ImageNet.   Book: §1.4

    root/cat/1.png, root/cat/2.png, root/dog/1.png, ...: classes are the sorted names of the folders.

    rng     crops anywhere and mirrors, for training; without it the middle is cut out, see `cut_square`
    Shapes  a batch is x (N, 3, size, size) float32 in [0, 1] and y (N,) int64
    Errors  FileNotFoundError if root has no folder with a picture in it; ValueError naming a damaged picture
    """
    def __init__(self, root: str | Path, size: int = 224, *, rng: cr.Rng | None = None,
                 grey: bool = False) -> None:
        check.positive("ImageFolder", size=size)
        root = Path(root)
        names = sorted(part.name for part in root.iterdir() if part.is_dir()) if root.is_dir() else []
        held = {name: sorted(file for file in (root / name).rglob("*") if file.suffix.lower() in KINDS)
                for name in names}
        self.classes = tuple(name for name, paths in held.items() if paths)
        if not self.classes:
            raise FileNotFoundError(f"ImageFolder: {root} needs a folder a class with pictures in it "
                                    f"({' '.join(KINDS[:4])} ...)")
        self.paths = [path for name in self.classes for path in held[name]]
        self.size, self.grey, self.features = size, grey, ()
        self.rng = None if rng is None else rng.split()          # of its own: a thread may read ahead
        labels = [k for k, name in enumerate(self.classes) for _ in held[name]]
        self.y = cr.tensor(np.array(labels, np.int64))

    @property
    def x(self) -> Any:
        """All pictures at once; a large folder may not fit into memory."""
        return cr.asarray(self._read(range(len(self))))

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, index: Any) -> Any:
        if isinstance(index, (int, np.integer)):
            if not -len(self) <= index < len(self):
                raise IndexError(f"ImageFolder: index {index} is out of range for {len(self)} pictures")
            return cr.asarray(self._read([int(index)])[0]), self.y[int(index)]
        chosen = np.arange(len(self))[np.asarray(index) if not isinstance(index, slice) else index]
        part = object.__new__(ImageFolder)
        part.__dict__.update(self.__dict__)
        part.paths = [self.paths[i] for i in chosen]
        part.y = cr.tensor(np.asarray(self.y)[chosen])
        return part

    def __repr__(self) -> str:
        classes = len(self.classes)
        return f"ImageFolder({len(self):,} pictures of {classes} classes, {self.size} x {self.size})"

    def to(self, device: str) -> Dataset:
        """All pictures, read now and moved to a device."""
        return self.like(self.x.to(device), self.y.to(device))

    def on_host(self) -> bool:
        return True

    def rows(self, index: Any) -> list[Any]:
        numbers = np.arange(len(self))[index]
        return [self._read(numbers), np.asarray(self.y)[numbers]]

    def _read(self, numbers: Any) -> np.ndarray:
        shape = (1 if self.grey else 3, self.size, self.size)
        pixels = [read_image(self.paths[i], self.size, rng=self.rng, grey=self.grey) for i in numbers]
        return np.array(pixels, np.float32).reshape(-1, *shape) / np.float32(255)
