"""Small shaded pictures of meshes, drawn on the processor: thumbnails to choose shapes by."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from .mesh import Mesh
from .normals import face_based_normals

# From where thumbnails look, in degrees: somewhat from the right of the front, somewhat from above.
AZIMUTH, ELEVATION = 35.0, 25.0
# Pixels along an edge for each one of the picture, which are averaged.
_FINER = 2
# Of the picture's edge: what the shape may fill.
_FILLED = 0.94
# Pixels between the samples of a triangle.
_STEP = 0.7
_MOST_STEPS = 64
# Where the light comes from as the camera sees it (right, up, towards it), and how much is ambient.
_LIGHT, _AMBIENT = (-0.4, 0.6, 0.7), 0.25
_GREY = 0.86


def drawn(mesh: Mesh, pixels: int) -> NDArray[np.uint8]:
    """A picture (pixels, pixels, 4) of a mesh with z up and its front towards -y, as in Blender.

    sRGB with straight alpha, the first row on top; what is not covered is transparent. A mesh
    without faces gives an empty picture.
    """
    if mesh.is_empty:
        return np.zeros((pixels, pixels, 4), dtype=np.uint8)
    size = pixels * _FINER
    turn = _turn()
    corners = mesh.vertices @ turn.T
    low, high = corners.min(axis=0), corners.max(axis=0)
    scale = _FILLED * size / max(float((high - low)[:2].max()), 1e-9)
    placed = (corners - (low + high) / 2) * scale + [size / 2, size / 2, 0]
    light = np.array(_LIGHT) / np.linalg.norm(_LIGHT)
    normals = face_based_normals(mesh.vertices, mesh.faces) @ turn.T
    shades = _GREY * (_AMBIENT + (1 - _AMBIENT) * np.clip(normals @ light, 0, 1))
    covered, grey = _rasterised(placed, shades, mesh.faces, size)
    return _averaged(covered, grey, pixels)


def _turn() -> NDArray[np.float64]:
    """Rows: what is to the right, up, and towards the camera."""
    azimuth, elevation = math.radians(AZIMUTH), math.radians(ELEVATION)
    towards = np.array(
        [
            math.sin(azimuth) * math.cos(elevation),
            -math.cos(azimuth) * math.cos(elevation),
            math.sin(elevation),
        ]
    )
    right = np.cross([0.0, 0.0, 1.0], towards)
    right /= np.linalg.norm(right)
    return np.stack([right, np.cross(towards, right), towards])


def _rasterised(
    placed: NDArray[np.float64],
    shades: NDArray[np.float64],
    faces: NDArray[np.integer],
    size: int,
) -> tuple[NDArray[np.bool_], NDArray[np.float64]]:
    """Which pixels (size, size) are covered, and how bright they are; row 0 is at the bottom.

    placed: vertices (V, 3) in pixels, the third towards the camera; shades (V,).
    """
    corners = placed[faces]
    sides = corners[:, [1, 2, 0], :2] - corners[:, :, :2]
    longest = np.linalg.norm(sides, axis=2).max(axis=1)
    steps = np.clip(np.ceil(longest / _STEP), 1, _MOST_STEPS).astype(int)
    places, values = [], []
    for count in np.unique(steps):
        chosen = steps == count
        weights = _grid(int(count))
        places.append(np.einsum("gk,fkd->fgd", weights, corners[chosen]).reshape(-1, 3))
        values.append((shades[faces[chosen]] @ weights.T).ravel())
    samples, brightness = np.concatenate(places), np.concatenate(values)
    column, row = np.clip(samples[:, :2].astype(int), 0, size - 1).T
    order = np.argsort(samples[:, 2], kind="stable")  # the nearest is written last
    grey = np.zeros(size * size)
    covered = np.zeros(size * size, dtype=bool)
    cells = (row * size + column)[order]
    grey[cells], covered[cells] = brightness[order], True
    return covered.reshape(size, size), grey.reshape(size, size)


def _grid(steps: int) -> NDArray[np.float64]:
    """Weights (G, 3) of a triangle's corners at places spread evenly over it."""
    first, second = np.meshgrid(np.arange(steps + 1), np.arange(steps + 1), indexing="ij")
    inside = first + second <= steps
    pairs = np.stack([first[inside], second[inside]], axis=1) / steps
    return np.column_stack([pairs, 1 - pairs.sum(axis=1)])


def _averaged(
    covered: NDArray[np.bool_], grey: NDArray[np.float64], pixels: int
) -> NDArray[np.uint8]:
    """The picture (pixels, pixels, 4) of finer pixels, whose row 0 is at the bottom."""
    parts = (pixels, _FINER, pixels, _FINER)
    share = covered.reshape(parts).mean(axis=(1, 3))
    light = (grey * covered).reshape(parts).mean(axis=(1, 3)) / np.maximum(share, 1e-9)
    made = np.empty((pixels, pixels, 4), dtype=np.uint8)
    made[..., :3] = np.rint(255 * light[::-1, :, None] ** (1 / 2.2))
    made[..., 3] = np.rint(255 * share[::-1])
    return made
