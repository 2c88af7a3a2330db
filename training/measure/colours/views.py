"""A true coloured shape: as a fine mesh to be coloured, its picture, and views to compare."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import trimesh
from embreex.mesh_construction import TriangleMesh
from embreex.rtcore_scene import EmbreeScene
from numpy.typing import NDArray

from onet_core.inputs.frame import network_to_up
from onet_core.mesh.mesh import Mesh
from onet_core.models.pictures.painting import Look, look_at
from onet_core.models.pictures.view import PictureView

from ...data.build.normalise import Triangles
from ...data.render.cameras import SIZE, Camera, fitted_camera
from ...data.render.render import Renderer, view_generator

# Edges of the fine mesh, in longest edges of the shape: about a pixel of a view.
_EDGE = 0.02
# 137 pixels times 3: the product takes colours from 512.
_FINENESS = 3
_AZIMUTHS = range(0, 360, 45)
_ELEVATION, _DISTANCE = np.radians(20.0), 2.0


@dataclass(frozen=True, eq=False)
class View:
    """What a camera sees: where it hits the shape (S, S), and of each hit (H,) the face of the fine
    mesh and the weights (H, 3) of its corners."""

    hit: NDArray[np.bool_]
    faces: NDArray[np.int64]
    weights: NDArray[np.float64]

    def picture(self, colours: NDArray[np.number]) -> NDArray[np.float64]:
        """(S, S, 3) from 0 to 1, on white, of colours (H, 3) from 0 to 255."""
        made = np.ones((*self.hit.shape, 3))
        made[self.hit] = colours / 255
        return made


class ColouredShape:
    """A shape with a colour for each face, cut into faces as fine as pixels.

    vertices: (V, 3) in the network's frame. faces: (F, 3). colours: (F, 3) uint8.
    """

    def __init__(self, triangles: Triangles, name: str) -> None:
        self.name, self._coarse = name, triangles
        vertices, faces, origin = trimesh.remesh.subdivide_to_size(
            triangles.vertices, triangles.faces, _EDGE, max_iter=12, return_index=True
        )
        vertices, faces = _welded(vertices, faces)
        self.vertices, self.faces = vertices, faces
        self.colours: NDArray[np.uint8] = triangles.colours[origin]

    @property
    def mesh(self) -> Mesh:
        """The fine mesh without its colours, z up, as the product has it."""
        return Mesh(self.vertices @ network_to_up("z").T, self.faces)

    def look(
        self, number: int, *, is_lit: bool, cameras: str = "fitted"
    ) -> tuple[NDArray[np.uint8], NDArray[np.bool_], Look]:
        """A picture from a random side, always the same for the same number, where it shows the
        shape, and what it shows of the fine mesh; cameras: one of CAMERA_STYLES. Raises InputError
        where it shows nothing."""
        rng = view_generator(self.name, number)
        picture, shown, camera = Renderer(self._coarse).view_and_mask(
            rng, cameras, fineness=_FINENESS, is_lit=is_lit
        )
        return picture, shown, look_at(self.mesh, picture, view_of(camera), shown)

    def around(self, first: float) -> list[View]:
        """Views from all around, the first from the azimuth `first`, in degrees."""
        scene = EmbreeScene()
        # The scene does not keep the mesh alive by itself.
        kept = TriangleMesh(scene, self.vertices[self.faces].astype(np.float32))
        steps = np.arange(SIZE) + 0.5
        pixels = np.stack(np.meshgrid(steps, steps), axis=-1).reshape(-1, 2)
        views = []
        for step in _AZIMUTHS:
            camera = fitted_camera(
                self._coarse.vertices, np.radians(first + step), _ELEVATION, _DISTANCE
            )
            rays = camera.rays(pixels).astype(np.float32)
            eyes = np.broadcast_to(camera.eye.astype(np.float32), rays.shape).copy()
            found = scene.run(eyes, rays, output=1)
            hit = found["primID"] >= 0
            u, v = found["u"][hit].astype(np.float64), found["v"][hit].astype(np.float64)
            views.append(
                View(
                    hit.reshape(SIZE, SIZE),
                    found["primID"][hit].astype(np.int64),
                    np.stack([1 - u - v, u, v], axis=1),
                )
            )
        del kept
        return views


def spread_of(triangles: Triangles) -> float:
    """The deviation of colours over a surface, 0 to 1; 0 where it has one colour."""
    areas = np.linalg.norm(triangles.vector_areas(), axis=1)
    colours = triangles.colours / 255
    mean = np.average(colours, axis=0, weights=areas)
    return float(np.sqrt(np.average((colours - mean) ** 2, axis=0, weights=areas).mean()))


def view_of(camera: Camera) -> PictureView:
    """A rendered picture's camera as the product describes it."""
    eye = camera.eye
    distance = float(np.linalg.norm(eye))
    focal, middle = camera.intrinsic[0, 0] / SIZE, camera.intrinsic[:2, 2] / SIZE
    return PictureView(
        azimuth=float(np.degrees(np.arctan2(eye[0], eye[2]))) % 360,
        elevation=float(np.degrees(np.arcsin(eye[1] / distance))),
        distance=distance,
        focal=float(focal),
        x=float(middle[0]),
        y=float(middle[1]),
        confidence=1.0,
    )


def _welded(
    vertices: NDArray[np.float64], faces: NDArray[np.int64]
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """The same faces with one vertex for each place."""
    keys = np.round(vertices * 2**20).astype(np.int64)
    _, first, which = np.unique(keys, axis=0, return_index=True, return_inverse=True)
    return vertices[first], which.reshape(-1)[faces].astype(np.int64)
