"""Pictures drawn in batches: against a renderer that traces rays, and against plain loops."""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Tensor

from onet_core.models.pictures.camera import PictureCamera
from training.data.build.normalise import make_triangles
from training.data.render.render import Renderer
from training.data.views import draw_variation, draw_views
from training.data.views.cameras import draw_cameras, project_flat
from training.data.views.raster import rasterise


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def box(low: tuple[float, float, float], high: tuple[float, float, float]) -> Tensor:
    """The 12 triangles of a box, (12, 3, 3)."""
    corners = torch.tensor(
        [[(low, high)[(n >> axis) & 1][axis] for axis in range(3)] for n in range(8)]
    )
    quads = [(0, 1, 3, 2), (4, 6, 7, 5), (0, 4, 5, 1), (2, 3, 7, 6), (0, 2, 6, 4), (1, 5, 7, 3)]
    faces = [face for a, b, c, d in quads for face in ((a, b, c), (a, c, d))]
    return corners[torch.tensor(faces)]


def stool() -> Tensor:
    """A seat on two unlike legs, its longest edge 1."""
    seat = box((-0.5, 0.1, -0.4), (0.5, 0.2, 0.4))
    return torch.cat(
        [seat, box((-0.45, -0.2, -0.3), (-0.35, 0.1, 0.3)), box((0.3, -0.2, 0.0), (0.4, 0.1, 0.1))]
    )


def test_nearest_triangle_wins_as_in_plain_loops() -> None:
    drawn = torch.rand(2, 20, 3, 3, generator=generator())
    corners = torch.cat([drawn[..., :2] * 2.4 - 1.2, drawn[..., 2:] + 1], dim=-1)
    size = 24
    seen = rasterise(corners.reshape(-1, 3, 3), torch.arange(2).repeat_interleave(20), 2, size)
    wrong = 0
    for view in range(2):
        for row in range(size):
            for column in range(size):
                x, y = ((index + 0.5) * 2 / size - 1 for index in (column, row))
                best, nearest = -1, 0.0
                for number, triangle in enumerate(corners[view].double()):
                    a, b, c = triangle[:, :2]
                    matrix = torch.stack([b - a, c - a], dim=1)
                    u, v = torch.linalg.solve(matrix, torch.tensor([x, y]).double() - a).tolist()
                    if u >= 0 and v >= 0 and u + v <= 1:
                        one, two, three = (1 / triangle[:, 2]).tolist()
                        near = one * (1 - u - v) + two * u + three * v
                        if near > nearest:
                            best, nearest = number + 20 * view, near
                wrong += int(seen.face[view, row, column]) != best
                if best >= 0 and int(seen.face[view, row, column]) == best:
                    assert abs(float(seen.depth[view, row, column]) - 1 / nearest) < 1e-4
    # Pixels whose middle lies on an edge may go either way.
    assert wrong <= 2


def test_plain_view_is_the_renderers() -> None:
    corners = stool()
    colours = torch.rand(len(corners), 3, generator=generator(1))
    vertices = corners.reshape(-1, 3).double().numpy()
    triangles = make_triangles(
        vertices, np.arange(len(vertices)).reshape(-1, 3), (colours * 255).numpy().astype(np.uint8)
    )
    pixels, camera = Renderer(triangles).view(np.random.default_rng(3))
    eye, distance = camera.eye, float(np.linalg.norm(camera.eye))
    focal, x, y = (camera.intrinsic[i] for i in ((0, 0), (0, 2), (1, 2)))
    edge = pixels.shape[0]
    numbers = [
        math.atan2(eye[0], eye[2]),
        math.asin(eye[1] / distance),
        2 * x / edge - 1,
        2 * y / edge - 1,
        math.log(2 * focal / edge / distance),
        1 / distance,
    ]
    views = draw_views(
        corners,
        colours,
        torch.zeros(len(corners), dtype=torch.long),
        1,
        generator(),
        size=136,
        camera=PictureCamera.from_numbers(torch.tensor([numbers])),
        is_plain=True,
    )
    ours = views.pictures[0].amin(0) < 0.97
    theirs = torch.from_numpy(pixels.min(2) < 248)[None, None].float()
    theirs = torch.nn.functional.interpolate(theirs, (136, 136), mode="bilinear")[0, 0] > 0.5
    assert (ours & theirs).sum() / (ours | theirs).sum() > 0.97


def test_maps_tell_where_the_surface_is() -> None:
    corners = stool()
    shape = torch.zeros(len(corners), dtype=torch.long)
    views = draw_views(corners, torch.full((len(corners), 3), 0.5), shape, 1, generator(2), size=64)
    assert views.pictures.shape == (1, 3, 64, 64)
    assert float(views.pictures.min()) >= 0
    assert float(views.pictures.max()) <= 1
    # The maps show every fourth pixel of a picture of twice the size.
    steps = (torch.arange(32) * 4 + 2.5) * (2 / 128) - 1
    y, x = torch.meshgrid(steps, steps, indexing="ij")
    seen = torch.stack([x, y, views.depth[0]], dim=-1)
    points = views.camera.locate(seen.reshape(1, -1, 3))[0][views.known[0].flatten()]
    planes = torch.stack(
        [
            (points[:, axis] - value).abs()
            for axis, values in enumerate(
                (
                    (-0.5, 0.5, -0.45, -0.35, 0.3, 0.4),
                    (-0.2, 0.1, 0.2),
                    (-0.4, 0.4, -0.3, 0.3, 0, 0.1),
                )
            )
            for value in values
        ]
    )
    assert len(points) > 50
    assert float(planes.amin(0).quantile(0.95)) < 0.02


def test_cameras_see_the_shape() -> None:
    corners = stool().repeat(64, 1, 1)
    shape = torch.arange(64).repeat_interleave(len(stool()))
    camera = draw_cameras(corners, shape, 64, generator(4))
    seen = project_flat(camera, corners.reshape(-1, 3), shape.repeat_interleave(3))
    assert (seen[:, :2].abs() < 1).all(1).float().mean() > 0.9
    assert (camera.elevation > math.radians(-11)).all()
    assert (camera.elevation < math.radians(46)).all()
    whole = camera.project(corners.view(64, -1, 3))
    assert torch.allclose(whole.reshape(-1, 3), seen, atol=1e-5)


def test_queries_follow_the_triangles() -> None:
    corners = torch.cat([stool(), stool() * 0.9])
    shape = torch.arange(2).repeat_interleave(len(stool()))
    variation = draw_variation(corners, shape, 2, generator(5), share=1.0)
    moved = variation(corners.reshape(-1, 3), shape.repeat_interleave(3)).view(2, -1, 3)
    again = variation.batch(corners.view(2, -1, 3))
    assert torch.allclose(moved, again)
    low, high = moved.amin(1), moved.amax(1)
    assert torch.allclose((high - low).amax(1), torch.ones(2), atol=1e-4)
    assert torch.allclose(low + high, torch.zeros(2, 3), atol=1e-4)
    # Order along an axis stays, or is reversed by the mirror.
    before, after = corners.view(2, -1, 3)[:, :, 1], moved[:, :, 1]
    assert ((before[:, :, None] < before[:, None]) == (after[:, :, None] < after[:, None])).all()


def test_the_same_seed_gives_the_same_pictures() -> None:
    corners = stool()
    colours = torch.full((len(corners), 3), 0.5)
    shape = torch.zeros(len(corners), dtype=torch.long)
    one, other = (draw_views(corners, colours, shape, 1, generator(6), size=64) for _ in range(2))
    assert torch.equal(one.pictures, other.pictures)
