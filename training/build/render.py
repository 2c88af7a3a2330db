"""Views of shapes as the picture networks see them: a random camera around the shape, on white.

The camera looks at the centre; the frame is then moved and scaled onto the shape, with some play,
as a user's picture is fitted to its object. So the principal point is not in the middle.
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

from onet_core.mesh_io import replacing

from .normalise import Triangles

IMAGE_FOLDER = "img_choy2016"
VIEWS = 24
SIZE = 137
_OVERSAMPLING = 2
_QUALITY = 92
_CAMERAS = "cameras.npz"


@dataclass(frozen=True, eq=False)
class Camera:
    """world: (3, 4), network frame -> camera (x right, y down, z forward); intrinsic: (3, 3).

    intrinsic @ world @ (x, y, z, 1), divided by its last entry, is in pixels, from (0, 0) at the
    picture's upper left corner to (SIZE, SIZE).
    """

    world: NDArray[np.float64]
    intrinsic: NDArray[np.float64]

    def project(self, points: NDArray[np.floating]) -> NDArray[np.float64]:
        """Pixels (N, 2) of points (N, 3) in the network's frame."""
        seen = (points @ self.world[:, :3].T + self.world[:, 3]) @ self.intrinsic.T
        return seen[:, :2] / seen[:, 2:]


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

    def view(self, rng: np.random.Generator) -> tuple[NDArray[np.uint8], Camera]:
        """A picture (SIZE, SIZE, 3) from a random camera with random light, and that camera."""
        azimuth = rng.random() * 2 * np.pi
        # Half of the views are from the heights of the original's renders, half from lower and
        # higher ones, as photographs are.
        usual = rng.random() < 0.5
        degrees = 25 + 5 * rng.random() if usual else 5 + 40 * rng.random()
        elevation = np.radians(degrees)
        distance = 1.3 + 1.5 * rng.random()
        level = np.array([np.sin(azimuth), 0.0, np.cos(azimuth)])
        eye = distance * (np.cos(elevation) * level + np.sin(elevation) * np.array([0.0, 1.0, 0.0]))
        forward = -eye / distance
        right = np.cross(forward, [0.0, 1.0, 0.0])
        right /= np.linalg.norm(right)
        up = np.cross(right, forward)

        seen = (self._vertices - eye) @ np.stack([right, up, forward], axis=1)
        plane = seen[:, :2] / seen[:, 2:]
        low, high = plane.min(0), plane.max(0)
        share = 0.8 + 0.14 * (rng.random() - 0.5)
        half = (high - low).max() / 2 / share
        centre = (low + high) / 2 + half * 0.08 * (rng.random(2) - 0.5)

        count = SIZE * _OVERSAMPLING
        steps = ((np.arange(count) + 0.5) / count * 2 - 1) * half
        x, y = np.meshgrid(centre[0] + steps, centre[1] - steps)
        rays = (x[..., None] * right + y[..., None] * up + forward).reshape(-1, 3)
        rays = rays.astype(np.float32)
        rays /= np.linalg.norm(rays, axis=1, keepdims=True)
        eyes = np.broadcast_to(eye.astype(np.float32), rays.shape).copy()
        found = self._scene.run(eyes, rays, output=1)["primID"]
        hit = found >= 0
        faces = found[hit]

        normals, towards = self._normals[faces], rays[hit]
        facing = (normals * towards).sum(axis=1)
        normals = -normals * np.sign(facing)[:, None]
        light = right * (rng.random() * 2 - 1) + up * (0.6 + 0.6 * rng.random()) - forward * 0.6
        light /= np.linalg.norm(light)
        ambient = 0.35 + 0.2 * rng.random()
        shade = ambient + (1 - ambient) * 0.75 * np.clip(normals @ light, 0, None)
        shade += 0.2 * np.clip(-(normals * towards).sum(axis=1), 0, None)
        exposure = 0.85 + 0.4 * rng.random()
        pixels = np.ones((count * count, 3), np.float32)
        pixels[hit] = np.clip(self._colours[faces] * shade[:, None] * exposure, 0, 1)
        blocks = pixels.reshape(SIZE, _OVERSAMPLING, SIZE, _OVERSAMPLING, 3)
        picture = (blocks.mean((1, 3)) * 255 + 0.5).astype(np.uint8)

        axes = np.stack([right, -up, forward])
        focal = SIZE / (2 * half)
        middle = SIZE / 2 + focal * np.array([-centre[0], centre[1]])
        camera = Camera(
            np.concatenate([axes, -(axes @ eye)[:, None]], axis=1),
            np.array([[focal, 0, middle[0]], [0, focal, middle[1]], [0, 0, 1]]),
        )
        return picture, camera


def view_generator(name: str, view: int) -> np.random.Generator:
    """The same draws for the same view of a shape, whatever else is rendered."""
    return np.random.default_rng(zlib.crc32(f"{name}{view}".encode()))


def count_views(folder: Path) -> int:
    """How many views with cameras a shape's folder has: the first ones, without gaps."""
    return len(_read_cameras(folder / IMAGE_FOLDER)) // 2


def write_views(folder: Path, name: str, triangles: Triangles, count: int = VIEWS) -> None:
    """000.jpg and so on, and cameras.npz with world_mat_i and camera_mat_i, below `folder`.

    Views that are there already stay as they are, so that a few can come first and more later.
    The cameras are written last: a view counts when its camera is there.
    """
    target = folder / IMAGE_FOLDER
    cameras = _read_cameras(target)
    there = len(cameras) // 2
    if there >= count:
        return
    target.mkdir(exist_ok=True)
    renderer = Renderer(triangles)
    for view in range(there, count):
        picture, camera = renderer.view(view_generator(name, view))
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
