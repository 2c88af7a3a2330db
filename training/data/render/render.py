"""Views of shapes as the picture networks see them, on white, with their cameras.

Drawn by the light renderer here, which needs nothing else, or by Blender's Cycles (`cycles`).
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from embreex.mesh_construction import TriangleMesh
from embreex.rtcore_scene import EmbreeScene
from numpy.typing import NDArray
from PIL import Image

from onet_core.mesh.files import replacing

from ..build.normalise import Triangles
from .cameras import SIZE, Camera, draw_camera
from .cycles import render_with_cycles

IMAGE_FOLDER = "img_choy2016"
VIEWS = 24
RENDERERS = ("light", "cycles")
_OVERSAMPLING = 2
_QUALITY = 92
_CAMERAS = "cameras.npz"


@dataclass(frozen=True)
class Style:
    """How views are made: one of RENDERERS, one of CAMERA_STYLES, and where Blender is.

    blender: a Blender, or a Python that has it as the module `bpy`; only for Cycles.
    """

    renderer: str = "light"
    cameras: str = "fitted"
    blender: str = ""


class Renderer:
    """Draws a shape with one light that comes from near the camera; faces are two-sided."""

    def __init__(self, triangles: Triangles) -> None:
        self._vertices = triangles.vertices
        vectors = triangles.vector_areas()
        self._normals = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
        self._colours = triangles.colours / np.float32(255)
        self._scene = EmbreeScene()
        # The scene does not keep the mesh alive by itself.
        self._mesh = TriangleMesh(self._scene, triangles.corners.astype(np.float32))

    def view(
        self,
        rng: np.random.Generator,
        cameras: str = "fitted",
        *,
        fineness: int = 1,
        is_lit: bool = True,
    ) -> tuple[NDArray[np.uint8], Camera]:
        """A picture (S, S, 3) from a random camera with random light, and that camera.

        fineness: S is as often SIZE. is_lit: else each face has its own colour, unshaded.
        """
        picture, _, camera = self.view_and_mask(rng, cameras, fineness=fineness, is_lit=is_lit)
        return picture, camera

    def view_and_mask(
        self,
        rng: np.random.Generator,
        cameras: str = "fitted",
        *,
        fineness: int = 1,
        is_lit: bool = True,
    ) -> tuple[NDArray[np.uint8], NDArray[np.bool_], Camera]:
        """As `view`, with the pixels (S, S) that show the shape for the greater part."""
        camera = draw_camera(self._vertices, rng, cameras)
        right, down, forward = camera.axes
        size = SIZE * fineness
        count = size * _OVERSAMPLING
        steps = (np.arange(count) + 0.5) / (_OVERSAMPLING * fineness)
        x, y = np.meshgrid(steps, steps)
        rays = camera.rays(np.stack([x.ravel(), y.ravel()], axis=1)).astype(np.float32)
        eyes = np.broadcast_to(camera.eye.astype(np.float32), rays.shape).copy()
        found = self._scene.run(eyes, rays, output=1)["primID"]
        hit = found >= 0
        faces = found[hit]

        normals, towards = self._normals[faces], rays[hit]
        facing = (normals * towards).sum(axis=1)
        normals = -normals * np.sign(facing)[:, None]
        light = right * (rng.random() * 2 - 1) - down * (0.6 + 0.6 * rng.random()) - forward * 0.6
        light /= np.linalg.norm(light)
        ambient = 0.35 + 0.2 * rng.random()
        shade = ambient + (1 - ambient) * 0.75 * np.clip(normals @ light, 0, None)
        shade += 0.2 * np.clip(-(normals * towards).sum(axis=1), 0, None)
        exposure = 0.85 + 0.4 * rng.random()
        pixels = np.ones((count * count, 3), np.float32)
        light_of_all = shade[:, None] * exposure if is_lit else 1.0
        pixels[hit] = np.clip(self._colours[faces] * light_of_all, 0, 1)
        blocks = pixels.reshape(size, _OVERSAMPLING, size, _OVERSAMPLING, 3)
        picture = (blocks.mean((1, 3)) * 255 + 0.5).astype(np.uint8)
        covered = hit.reshape(size, _OVERSAMPLING, size, _OVERSAMPLING).mean((1, 3)) > 0.5
        return picture, covered, camera


def view_generator(name: str, view: int) -> np.random.Generator:
    """The same draws for the same view of a shape, whatever else is rendered."""
    return np.random.default_rng(zlib.crc32(f"{name}{view}".encode()))


def render_views(
    name: str, triangles: Triangles, views: range, style: Style = Style()
) -> list[tuple[NDArray[np.uint8], Camera]]:
    """Pictures (SIZE, SIZE, 3) of a shape with their cameras, the same again for the same name.

    Both renderers have the same cameras. Raises OnetError where Blender can't be run.
    """
    generators = [view_generator(name, view) for view in views]
    if style.renderer == "light":
        renderer = Renderer(triangles)
        return [renderer.view(rng, style.cameras) for rng in generators]
    cameras = [draw_camera(triangles.vertices, rng, style.cameras) for rng in generators]
    pictures = render_with_cycles(triangles, cameras, generators, style.blender)
    return list(zip(pictures, cameras, strict=True))


def count_views(folder: Path) -> int:
    """How many views with cameras a shape's folder has: the first ones, without gaps."""
    return len(_read_cameras(folder / IMAGE_FOLDER)) // 2


def write_views(
    folder: Path, name: str, triangles: Triangles, count: int = VIEWS, style: Style = Style()
) -> None:
    """000.jpg and so on, and cameras.npz with world_mat_i and camera_mat_i, below `folder`.

    Views that are there already stay as they are, so that a few can come first and more later.
    The cameras are written last: a view counts when its camera is there.
    """
    target = folder / IMAGE_FOLDER
    cameras = _read_cameras(target)
    views = range(len(cameras) // 2, count)
    if not views:
        return
    target.mkdir(exist_ok=True)
    for view, (picture, camera) in zip(
        views, render_views(name, triangles, views, style), strict=True
    ):
        with replacing(target / f"{view:03d}.jpg") as file:
            Image.fromarray(picture).save(file, format="JPEG", quality=_QUALITY)
        cameras[f"world_mat_{view}"] = camera.world
        cameras[f"camera_mat_{view}"] = camera.intrinsic
    with replacing(target / _CAMERAS) as file:
        np.savez(file, **cameras)  # type: ignore[arg-type]


def _read_cameras(folder: Path) -> dict[str, NDArray[np.float64]]:
    path = folder / _CAMERAS
    if not path.is_file():
        return {}
    with np.load(path, allow_pickle=False) as content:
        return dict(content)
