"""A picture for experiments whose pictures the book does not supply: painted by formulas, free of rights."""
from __future__ import annotations

import numpy as np


def landscape(rows: int, columns: int) -> np.ndarray:
    """A lake between mountains at sunset, (3, rows, columns), float32 in [0, 1]."""
    x, y = np.meshgrid(np.linspace(0, 1, columns), np.linspace(0, 1, rows))
    shore = 0.68
    mirrored = np.where(y > shore, 2 * shore - y, y)             # the lake shows what is above it
    picture = _above(x + 0.012 * np.sin(160 * y) * (y > shore), mirrored, shore)
    lake = np.array([0.10, 0.22, 0.33])[:, None, None]
    depth = np.clip((y - shore) / (1 - shore), 0, 1)
    picture = np.where(y > shore, 0.55 * picture + 0.45 * lake * (1.3 - 0.6 * depth), picture)
    return np.clip(picture, 0, 1).astype(np.float32)


def _above(x: np.ndarray, y: np.ndarray, shore: float) -> np.ndarray:
    height = y / shore
    sky = _blend(height, (0.22, 0.33, 0.62), (0.98, 0.68, 0.42))
    distance = np.hypot(1.2 * (x - 0.66), y - 0.36)
    glow = np.exp(-(distance / 0.22) ** 2)
    sky = sky + 0.25 * glow * np.array([1.0, 0.8, 0.3])[:, None, None]
    sky = np.where(distance < 0.06, np.array([1.0, 0.95, 0.72])[:, None, None], sky)
    far = 0.42 + 0.07 * np.sin(7 * x + 1) + 0.035 * np.sin(19 * x) + 0.012 * np.sin(53 * x + 2)
    near = 0.56 - 0.10 * np.cos(4.2 * x - 0.4) + 0.03 * np.sin(23 * x) + 0.010 * np.sin(71 * x)
    sky = np.where(y > far, _blend((y - far) / 0.3, (0.36, 0.33, 0.50), (0.56, 0.47, 0.56)), sky)
    return np.where(y > near, _blend((y - near) / 0.2, (0.09, 0.17, 0.13), (0.20, 0.32, 0.18)), sky)


def _blend(share: np.ndarray, low: tuple, high: tuple) -> np.ndarray:
    """From one colour to another, (3, rows, columns)."""
    a, b = (np.array(colour)[:, None, None] for colour in (low, high))
    return a + (b - a) * np.clip(share, 0, 1)


def grey(picture: np.ndarray) -> np.ndarray:
    """Its luminance, (rows, columns), by the weights of ITU-R BT.601."""
    return np.tensordot(np.array([0.299, 0.587, 0.114]), picture, axes=1)
