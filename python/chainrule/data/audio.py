"""Sound as a vector of amplitudes, read from WAV files and written to them.   Book: §1.4"""
from __future__ import annotations

import wave
from pathlib import Path
from typing import Any

import numpy as np

from .. import check
from ..io import atomic


def read_wav(path: str | Path, *, scale: bool = True) -> tuple[np.ndarray, int]:
    """(x, samples a second) of a WAV file of integers: amplitudes in [-1, 1), or as stored with scale=False.

    Shapes  x (T,) for one channel, else (channels, T), with T = rate · seconds; float32
    Errors  ValueError, naming the file, for a damaged, cut-off or foreign file
    Differs 8-bit files store amplitudes from 0 to 255; they are moved to -128 ... 127
    """
    try:
        with wave.open(str(path), "rb") as file:
            channels, width, rate, count = file.getparams()[:4]
            data = file.readframes(count)
    except (wave.Error, EOFError) as error:
        reason = str(error) or "cut off"
        raise ValueError(f"{path}: not a WAV file of integers: {reason}") from None
    if len(data) != count * channels * width:
        raise ValueError(f"{path}: cut off: {len(data)} bytes, its header needs {count * channels * width}")
    levels = integers(data, width)
    x = levels.reshape(count, channels).T
    if scale:
        x = (x / np.float64(2 ** (8 * width - 1))).astype(np.float32)
    return np.ascontiguousarray(x[0] if channels == 1 else x), rate


def write_wav(path: str | Path, x: Any, rate: int) -> None:
    """Write amplitudes as 16-bit integers: x in [-1, 1] is rounded to steps of 1/32,768, int16 kept as it is.

    Shapes  x (T,) or (channels, T)
    Errors  ValueError for other types, amplitudes beyond 1 and NaN; nothing is written then
    """
    check.positive("write_wav", rate=rate)
    x = np.asarray(x)
    if x.ndim not in (1, 2) or 0 in x.shape[:-1]:
        raise ValueError(f"write_wav: x {x.shape} needs the shape (T,) or (channels, T)")
    if x.dtype.kind == "f":
        if not np.all(np.abs(x) <= 1):                           # NaN fails this too
            raise ValueError("write_wav: amplitudes need to lie in [-1, 1]")
        x = np.minimum(np.rint(x.astype(np.float64) * 32768), 32767).astype(np.int16)
    elif x.dtype != np.int16:
        raise ValueError(f"write_wav: x needs to be int16 or floating point, got {x.dtype}")
    frames = np.atleast_2d(x).T.astype("<i2")

    def fill(part: Path) -> None:
        with wave.open(str(part), "wb") as file:
            file.setnchannels(frames.shape[1])
            file.setsampwidth(2)
            file.setframerate(rate)
            file.writeframes(frames.tobytes())

    atomic.replace(path, fill)


def integers(data: bytes, width: int) -> np.ndarray:
    """Signed levels of `width` bytes each, little end first."""
    if width == 1:
        return np.frombuffer(data, np.uint8).astype(np.int16) - np.int16(128)
    if width == 3:                                               # shifted into the upper bytes, then back
        wide = np.zeros((len(data) // 3, 4), np.uint8)
        wide[:, 1:] = np.frombuffer(data, np.uint8).reshape(-1, 3)
        return wide.view("<i4")[:, 0] >> 8
    return np.frombuffer(data, {2: "<i2", 4: "<i4"}[width]).astype({2: np.int16, 4: np.int32}[width])
