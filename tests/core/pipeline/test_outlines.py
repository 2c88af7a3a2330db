"""What a picture shows is drawn; faint parts that it can't hold are not."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from known_fields import Ball, with_network

from onet_core.inputs.frame import Frame
from onet_core.inputs.observation import Observation
from onet_core.mesh.parts import count_parts
from onet_core.models.pictures.camera import PictureCamera
from onet_core.settings import Settings

SIZE = 128
NUMBERS = torch.tensor([[0.4, 0.3, 0.0, 0.0, 0.4, 0.4]])
SURE, FAINT = torch.tensor([-0.2, 0.0, 0.0]), torch.tensor([0.25, 0.0, 0.0])
SETTINGS = Settings(resolution=64, normals=False)


class Seen(Ball):
    """A ball of radius 0.15 that is sure, another whose probability is nowhere above 0.2, and a
    camera that is estimated a little wrong."""

    def encode_inputs(self, inputs):
        wrong = NUMBERS + torch.tensor([[0.0, 0.0, 0.06, -0.04, 0.1, 0.0]])
        return {"camera": wrong, "confidence": torch.tensor([0.5])}

    def decode(self, points, z, code):
        sure = 60 * (0.15 - (points - SURE).norm(dim=-1))
        faint = torch.logit(torch.tensor(0.2)) - 5 * (points - FAINT).norm(dim=-1)
        return torch.maximum(sure, faint).clamp_min(-9) * self.scale


def picture_of(*balls: torch.Tensor) -> Observation:
    """Black discs on white where the true camera sees balls of radius 0.15."""
    rows, columns = np.indices((SIZE, SIZE))
    data = np.ones((3, SIZE, SIZE), dtype=np.float32)
    camera = PictureCamera.from_numbers(NUMBERS)
    for middle in balls:
        rim = torch.stack([middle, middle + 0.15 * camera.axes()[0, 0]])
        (x, y, _), (end, _, _) = ((camera.project(rim[None])[0] + 1) * SIZE / 2).tolist()
        data[:, np.hypot(columns + 0.5 - x, rows + 0.5 - y) < end - x] = 0
    return Observation("image", data, Frame(np.eye(4)))


def test_a_part_that_the_picture_shows_is_drawn():
    plain, outlined = (
        with_network(Seen(), "image", threshold=0.5, outline_margin=margin).reconstruct(
            picture_of(SURE, FAINT), SETTINGS
        )
        for margin in (0.0, 0.5)
    )
    assert count_parts(plain.mesh) == 1
    assert count_parts(outlined.mesh) == 2
    new = outlined.mesh.vertices[outlined.mesh.vertices[:, 0] > 0.05]
    np.testing.assert_allclose((new.max(0) + new.min(0)) / 2, FAINT, atol=0.05)
    # The camera is moved to where it sees that.
    found = PictureCamera.of_view(outlined.view)
    first = PictureCamera.of_view(plain.view)
    middles = torch.stack([SURE, FAINT])[None]
    wanted = PictureCamera.from_numbers(NUMBERS).project(middles)[..., :2]
    off = [(one.project(middles)[..., :2] - wanted).norm(dim=-1).max() for one in (found, first)]
    assert off[0] < 0.5 * off[1]
    assert outlined.view.confidence == pytest.approx(0.5)


def test_a_faint_part_is_not_drawn_where_the_picture_shows_nothing():
    reaches = []
    for margin in (0.0, 0.5):
        network = with_network(
            Seen(), "image", threshold=0.5, faint_from=0.1, outline_margin=margin
        )
        reaches.append(network.reconstruct(picture_of(SURE), SETTINGS).mesh.vertices[:, 0].max())
    assert reaches[0] > 0.25
    assert reaches[1] < 0


def test_where_nothing_tells_the_object_nothing_is_drawn_for_it():
    noise = np.random.default_rng(0).random((3, SIZE, SIZE), dtype=np.float32)
    given = replace(picture_of(SURE), data=noise)
    plain, outlined = (
        with_network(Seen(), "image", threshold=0.5, outline_margin=margin).reconstruct(
            given, SETTINGS
        )
        for margin in (0.0, 0.5)
    )
    np.testing.assert_array_equal(plain.mesh.vertices, outlined.mesh.vertices)
    assert plain.view == outlined.view


def test_a_mask_says_what_the_picture_shows():
    both = picture_of(SURE, FAINT)
    mask = np.where(both.data[0] < 0.5, 255, 0).astype(np.uint8)
    # Of the colours nothing can be told.
    given = replace(
        both, data=np.random.default_rng(0).random((3, SIZE, SIZE), np.float32), mask=mask
    )
    network = with_network(Seen(), "image", threshold=0.5, outline_margin=0.5)
    assert count_parts(network.reconstruct(given, SETTINGS).mesh) == 2
