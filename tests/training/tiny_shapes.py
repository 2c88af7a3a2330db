"""Analytic shapes written in the dataset's layout, for tests whose answers are known."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from training.data.labelled import LabelledShape

Array = NDArray[np.floating]


@dataclass(frozen=True)
class Sphere:
    """A ball around the origin."""

    radius: float

    def inside(self, points: Array) -> NDArray[np.bool_]:
        return np.linalg.norm(points, axis=1) < self.radius

    def surface(self, count: int, rng: np.random.Generator) -> tuple[Array, Array]:
        normals = rng.standard_normal((count, 3))
        normals /= np.linalg.norm(normals, axis=1, keepdims=True)
        return self.radius * normals, normals


@dataclass(frozen=True)
class Box:
    """An axis-aligned box around the origin, by its edges."""

    edges: tuple[float, float, float]

    def inside(self, points: Array) -> NDArray[np.bool_]:
        return (np.abs(points) < np.array(self.edges) / 2).all(axis=1)

    def surface(self, count: int, rng: np.random.Generator) -> tuple[Array, Array]:
        x, y, z = self.edges
        areas = np.array([y * z, x * z, x * y])
        axis = rng.choice(3, size=count, p=areas / areas.sum())
        side = rng.choice([-1.0, 1.0], size=count)
        points = (rng.random((count, 3)) - 0.5) * np.array(self.edges)
        rows = np.arange(count)
        points[rows, axis] = side * np.array(self.edges)[axis] / 2
        normals = np.zeros((count, 3))
        normals[rows, axis] = side
        return points, normals


Shape = Sphere | Box


def labelled(
    shape: Shape, seed: int = 0, *, count: int = 30_000, category: str = "c", name: str = "n"
) -> LabelledShape:
    """The shape's samples in memory."""
    rng = np.random.default_rng(seed)
    points = ((rng.random((count, 3)) - 0.5) * 1.1).astype(np.float32)
    surface, normals = shape.surface(count, rng)
    return LabelledShape(
        category,
        name,
        Path("nowhere"),
        points,
        shape.inside(points),
        surface.astype(np.float32),
        normals.astype(np.float32),
    )


def voxels(shape: Shape) -> NDArray[np.bool_]:
    """(32, 32, 32): voxels whose centre is inside."""
    steps = (np.arange(32) + 0.5) / 32 - 0.5
    centres = np.stack(np.meshgrid(steps, steps, steps, indexing="ij"), axis=-1).reshape(-1, 3)
    return shape.inside(centres).reshape(32, 32, 32)


def write_shape(
    root: Path,
    category: str,
    name: str,
    shape: Shape,
    *,
    split: str = "test",
    seed: int = 0,
    count: int = 30_000,
    half: bool = False,
) -> Path:
    """Writes all files of one shape and adds it to its split's list; returns its folder."""
    folder = root / category / name
    (folder / "img_choy2016").mkdir(parents=True)
    made = labelled(shape, seed, count=count)
    number = np.float16 if half else np.float32
    place = {"loc": np.zeros(3), "scale": np.float64(1)}
    points = made.points.astype(number)
    np.savez(
        folder / "points.npz",
        points=points,
        occupancies=np.packbits(shape.inside(points.astype(np.float32))),
        **place,
    )
    np.savez(
        folder / "pointcloud.npz",
        points=made.surface_points.astype(number),
        normals=made.surface_normals.astype(number),
        **place,
    )
    # binvox: x slowest, then z, then y; single runs are valid run lengths.
    cells = voxels(shape).transpose(0, 2, 1).ravel().astype(np.uint8)
    header = b"#binvox 1\ndim 32 32 32\ntranslate -0.5 -0.5 -0.5\nscale 1\ndata\n"
    runs = np.column_stack([cells, np.ones_like(cells)]).tobytes()
    (folder / "model.binvox").write_bytes(header + runs)
    Image.new("RGB", (137, 137), (255, 0, 0)).save(folder / "img_choy2016" / "000.jpg")
    listing = root / category / f"{split}.lst"
    names = listing.read_text().split("\n") if listing.exists() else []
    listing.write_text("\n".join([*names, name]))
    return folder
