"""Contact sheets: shapes drawn as shaded points, side by side, without a graphics library.

Every column of a sheet is drawn from points and normals, so that a network's mesh, a scan's surface
samples and a voxel grid look alike and compare fairly.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from onet_core.mesh.mesh import Mesh
from onet_core.mesh.metrics import sample_surface

Array = NDArray[np.floating]
BACKGROUND = 255
# Camera to the front right and above: shapes face -z, y is up.
AZIMUTH, ELEVATION = np.radians(35.0), np.radians(25.0)


def view_matrix(azimuth: float = AZIMUTH, elevation: float = ELEVATION) -> Array:
    """Rows: the picture's right, up and towards-the-viewer axes in the network frame, (3, 3).

    azimuth 0 looks at the front (the viewer stands at -z).
    """
    towards = np.array(
        [
            -np.sin(azimuth) * np.cos(elevation),
            np.sin(elevation),
            -np.cos(azimuth) * np.cos(elevation),
        ]
    )
    right = np.cross([0.0, 1.0, 0.0], towards)
    right /= np.linalg.norm(right)
    return np.stack([right, np.cross(towards, right), towards])


def voxel_surface(voxels: NDArray[np.bool_], density: int = 6) -> tuple[Array, Array]:
    """Points on the visible sides of occupied voxels, and their normals.

    voxels: (R, R, R), indexed x, y, z over the unit cube; density: points along a voxel's edge.
    """
    resolution = len(voxels)
    occupied = np.pad(np.asarray(voxels, dtype=bool), 1)
    steps = (np.arange(density) + 0.5) / density - 0.5
    first, second = (part.ravel() for part in np.meshgrid(steps, steps, indexing="ij"))
    points, normals = [], []
    for axis in range(3):
        for side in (-1, 1):
            open_side = occupied & ~np.roll(occupied, -side, axis)
            centres = np.argwhere(open_side) - 1
            offset = np.zeros((density**2, 3))
            offset[:, axis] = side / 2
            offset[:, (axis + 1) % 3] = first
            offset[:, (axis + 2) % 3] = second
            normal = np.zeros(3)
            normal[axis] = side
            face = (centres[:, None] + 0.5 + offset[None]).reshape(-1, 3) / resolution - 0.5
            points.append(face)
            normals.append(np.broadcast_to(normal, face.shape))
    return np.concatenate(points), np.concatenate(normals)


def draw_points(
    points: Array,
    normals: Array | None = None,
    *,
    size: int = 192,
    radius: int = 1,
    colour: tuple[int, int, int] = (150, 165, 190),
) -> NDArray[np.uint8]:
    """A picture of points in the network frame, nearest in front, shaded by their normals.

    points: (N, 3); normals: (N, 3), either sign, or None for shading by depth;
    radius: a point covers (radius + 1/2)^2 pixels. Returns (size, size, 3) uint8 on white.
    """
    if len(points) == 0:
        return np.full((size, size, 3), BACKGROUND, dtype=np.uint8)
    # Drawn at twice the size and averaged: smooth outlines.
    size = 2 * size
    picture = np.full((size, size, 3), BACKGROUND, dtype=np.uint8)
    camera = np.asarray(points, dtype=np.float64) @ view_matrix().T
    # The unit cube's diagonal fits the picture, so that shapes keep their relative sizes.
    scale = size / 1.45
    column = np.floor(camera[:, 0] * scale + size / 2).astype(np.int64)
    row = np.floor(size / 2 - camera[:, 1] * scale).astype(np.int64)
    if normals is None:
        shade = 0.75 + 0.5 * camera[:, 2]
    else:
        facing = np.abs(np.asarray(normals, dtype=np.float64) @ view_matrix().T)
        shade = facing @ np.array([0.15, 0.75, 0.45])
    rgb = np.clip(np.asarray(colour) * (0.25 + np.clip(shade, 0, 1.2))[:, None], 0, 255)
    # Painted far to near: of the points in a pixel, the nearest is assigned last and stays.
    order = np.argsort(camera[:, 2], kind="stable")
    order = order[((row >= 0) & (row < size) & (column >= 0) & (column < size))[order]]
    point = np.full((size, size), -1)
    point[row[order], column[order]] = order
    # A point also covers the pixels around its own, where nothing nearer does.
    depth = np.append(camera[:, 2], -np.inf)[point]
    point, depth = (
        np.pad(point, radius, constant_values=-1),
        np.pad(depth, radius, constant_values=-np.inf),
    )
    front, nearest = point.copy(), depth.copy()
    for down in range(-radius, radius + 1):
        for across in range(-radius, radius + 1):
            moved = np.roll(depth, (down, across), axis=(0, 1))
            closer = moved > nearest
            nearest[closer] = moved[closer]
            front[closer] = np.roll(point, (down, across), axis=(0, 1))[closer]
    front = front[radius:-radius, radius:-radius] if radius else front
    picture[front >= 0] = rgb[front[front >= 0]].astype(np.uint8)
    return np.asarray(Image.fromarray(picture).reduce(2))


def draw_mesh(mesh: Mesh, *, size: int = 192, samples: int = 120_000) -> NDArray[np.uint8]:
    """A picture of a mesh in the network frame: (size, size, 3) uint8, white where it is empty."""
    if mesh.is_empty:
        return draw_points(np.zeros((0, 3)), size=size)
    return draw_points(*sample_surface(mesh, samples), size=size)


@dataclass(frozen=True, eq=False)
class SheetRow:
    """A line of a contact sheet: one picture per column, each with a caption."""

    pictures: Sequence[NDArray[np.uint8]]
    captions: Sequence[str]


def write_sheet(
    path: Path,
    headings: Sequence[str],
    rows: Sequence[SheetRow],
    *,
    size: int = 192,
    panels: int = 2,
) -> None:
    """Lays out pictures (H, W, 3) with headings and captions and writes a PNG.

    panels: how many blocks side by side the rows are dealt into, one after the other.
    """
    caption, heading, gap, margin = 14, 20, 6, 30
    lines = max(-(-len(rows) // panels), 1)
    panel = len(headings) * (size + gap) + margin
    sheet = Image.new(
        "RGB",
        (gap + panel * min(panels, max(len(rows), 1)), heading + lines * (size + caption + gap)),
        (BACKGROUND,) * 3,
    )
    drawing = ImageDraw.Draw(sheet)
    font = ImageFont.load_default(size=11)

    def write(left: int, top: int, text: str, grey: int) -> None:
        while drawing.textlength(text, font=font) > size:
            text = text[:-1]
        drawing.text((left, top), text, fill=(grey,) * 3, font=font)

    for index, row in enumerate(rows):
        block, line = divmod(index, lines)
        top = heading + line * (size + caption + gap)
        cells = zip(headings, row.pictures, row.captions, strict=True)
        for column, (title, picture, text) in enumerate(cells):
            left = gap + block * panel + column * (size + gap)
            if line == 0:
                write(left, 4, title, 0)
            image = Image.fromarray(picture)
            image.thumbnail((size, size))
            sheet.paste(image, (left + (size - image.width) // 2, top))
            write(left, top + size, text, 90)
    path.parent.mkdir(parents=True, exist_ok=True)
    sheet.save(path)
