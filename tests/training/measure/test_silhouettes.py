"""What a result looks like from the camera that its picture was taken from."""

from __future__ import annotations

import math

import numpy as np
import pytest
import trimesh

from onet_core.inputs.background import shown_in
from onet_core.mesh.mesh import Mesh
from onet_core.models.pictures.camera import PictureCamera
from onet_core.models.pictures.view import PictureView
from training.data.build.normalise import make_triangles
from training.data.render.render import Renderer
from training.measure.silhouettes import overlap, silhouette


def test_silhouette_is_what_the_renderer_shows() -> None:
    box = trimesh.creation.box((1.0, 0.4, 0.6))
    ball = trimesh.creation.icosphere(2, 0.15)
    ball.apply_translation((0.2, 0.3, 0.1))
    whole = trimesh.util.concatenate([box, ball])
    triangles = make_triangles(whole.vertices, whole.faces, np.full((len(whole.faces), 3), 90))
    pixels, camera = Renderer(triangles).view(np.random.default_rng(0))
    eye, size = camera.eye, pixels.shape[0]
    distance = float(np.linalg.norm(eye))
    view = PictureView(
        azimuth=math.degrees(math.atan2(eye[0], eye[2])),
        elevation=math.degrees(math.asin(eye[1] / distance)),
        distance=distance,
        focal=camera.intrinsic[0, 0] / size,
        x=camera.intrinsic[0, 2] / size,
        y=camera.intrinsic[1, 2] / size,
        confidence=1.0,
    )
    mesh = Mesh(whole.vertices.astype(np.float32), whole.faces.astype(np.int32))
    seen = shown_in(pixels.transpose(2, 0, 1).astype(np.float32) / 255)
    assert seen is not None
    assert overlap(silhouette(mesh, view, size), seen) > 0.98
    turned = PictureView(view.azimuth + 60, *list(vars(view).values())[1:])
    assert overlap(silhouette(mesh, turned, size), seen) < 0.95


def test_view_is_the_cameras_numbers() -> None:
    numbers = [0.4, 0.3, 0.1, -0.2, 0.25, 0.5]
    view = PictureView.of_numbers(numbers, 0.7)
    assert view.azimuth == pytest.approx(math.degrees(0.4))
    assert view.distance == pytest.approx(2)
    camera = PictureCamera.of_view(view)
    assert isinstance(camera, PictureCamera)
    assert camera.numbers()[0].tolist() == pytest.approx(numbers, abs=1e-6)


def test_overlap_of_masks() -> None:
    one, other = np.zeros((4, 4), bool), np.zeros((4, 4), bool)
    assert overlap(one, other) == 1
    one[:2], other[1:3] = True, True
    assert overlap(one, other) == pytest.approx(4 / 12)
