"""Points spread over the faces of a mesh, as if it had been scanned."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from .scene_io import Cloud, Surface

SAMPLES = 100_000


def sampled(surface: Surface, count: int = SAMPLES, seed: int = 0) -> Cloud:
    """Points (count, 3) uniform by area on a surface, with normals, and colours where it has any.

    Needs no Blender. A surface without area gives its vertices.
    """
    corners = np.asarray(surface.vertices, dtype=np.float64)[surface.triangles]
    sides = corners[:, 1:] - corners[:, :1]
    across = np.cross(sides[:, 0], sides[:, 1])
    areas = np.linalg.norm(across, axis=1)
    if not areas.sum() > 0:
        return Cloud(surface.vertices, None)
    rng = np.random.default_rng(seed)
    faces = rng.choice(len(areas), count, p=areas / areas.sum())
    weights = _barycentric(rng, count)
    points = np.einsum("nk,nkd->nd", weights, corners[faces])
    colours = None
    if surface.colours is not None:
        mixed = np.einsum("nk,nkd->nd", weights, surface.colours[faces].astype(np.float64))
        colours = np.rint(mixed).astype(np.uint8)
    return Cloud(points, colours, (across / np.maximum(areas, 1e-300)[:, None])[faces])


def _barycentric(rng: np.random.Generator, count: int) -> NDArray[Any]:
    """Weights (count, 3) of a triangle's corners for points uniform in it (Turk 1990)."""
    first, second = rng.random(count), rng.random(count)
    root = np.sqrt(first)
    return np.stack([1 - root, root * (1 - second), root * second], axis=1)
