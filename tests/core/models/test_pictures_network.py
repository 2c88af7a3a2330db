"""The network for pictures: its camera, its volume, and its decoder prepared for one picture."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from onet_core.errors import ModelError
from onet_core.models.build import build_network
from onet_core.models.description import ModelDescription
from onet_core.models.pictures.camera import PictureCamera
from onet_core.models.pictures.heads import TURNS, CameraGuess
from onet_core.models.pictures.network import PictureNetwork
from onet_core.models.pictures.pair import PicturePair
from onet_core.models.pictures.volume import sample_map, sample_volume
from onet_core.models.prepared import prepare
from onet_core.models.prepared.lattice import LatticeField
from onet_core.models.prepared.prepared_field import PreparedField
from onet_core.models.prepared.projected import ProjectedField
from training.data.render.cameras import SIZE, draw_camera

SMALL = {
    "image_size": 64,
    "kinds": 3,
    "widths": [8, 8, 16, 16, 16],
    "blocks": [1, 1, 1, 1, 1],
    "channels": 8,
    "code": 16,
    "volume_width": 8,
    "resolution": 8,
    "hidden": 16,
    "decoder_blocks": 2,
}


def lively(network: nn.Module) -> nn.Module:
    """Random weights, also where training starts from zeros."""
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for parameter in network.parameters():
            if parameter.dim() > 1:
                deviation = parameter[0].numel() ** -0.5
                parameter.normal_(0, deviation, generator=generator)
    return network.eval()


@pytest.fixture(scope="module")
def network() -> PictureNetwork:
    torch.manual_seed(0)
    made = lively(PictureNetwork(**SMALL))
    assert isinstance(made, PictureNetwork)
    return made


def picture(seed: int = 0, count: int = 1) -> Tensor:
    return torch.rand(count, 3, 64, 64, generator=torch.Generator().manual_seed(seed))


def camera_of(rng: np.random.Generator, points: np.ndarray) -> tuple[PictureCamera, np.ndarray]:
    """A camera of the renderer as ours, and where it sees points, in pixels."""
    camera = draw_camera(points, rng, "fitted")
    eye, distance = camera.eye, float(np.linalg.norm(camera.eye))
    focal, x, y = camera.intrinsic[0, 0], camera.intrinsic[0, 2], camera.intrinsic[1, 2]
    numbers = [
        math.atan2(eye[0], eye[2]),
        math.asin(eye[1] / distance),
        2 * x / SIZE - 1,
        2 * y / SIZE - 1,
        math.log(2 * focal / SIZE / distance),
        1 / distance,
    ]
    return PictureCamera.from_numbers(torch.tensor([numbers])), camera.project(points)


def test_camera_sees_what_the_renderer_sees() -> None:
    rng = np.random.default_rng(0)
    for _ in range(5):
        points = rng.random((40, 3)).astype(np.float32) - 0.5
        camera, pixels = camera_of(rng, points)
        seen = camera.project(torch.from_numpy(points)[None])[0]
        assert np.abs((seen[:, :2].numpy() + 1) * SIZE / 2 - pixels).max() < 1e-3
        back = camera.locate(seen[None])[0]
        assert np.abs(back.numpy() - points).max() < 1e-5


def test_mirrored_camera_sees_the_mirror_image() -> None:
    rng = np.random.default_rng(1)
    points = torch.from_numpy(rng.random((40, 3)).astype(np.float32) - 0.5)[None]
    camera, _ = camera_of(rng, points[0].numpy())
    seen = camera.project(points)
    other = camera.mirrored().project(points * torch.tensor([-1.0, 1.0, 1.0]))
    assert torch.allclose(other, seen * torch.tensor([-1.0, 1.0, 1.0]), atol=1e-5)


def test_guess_is_the_likeliest_direction() -> None:
    turns = torch.zeros(1, TURNS)
    turns[0, 5] = 3
    within = torch.full((1, TURNS), 0.25)
    camera = CameraGuess(turns, within, torch.tensor([[0.3, 0.1, -0.1, 0.2, 0.5]])).camera()
    assert float(camera.azimuth) == pytest.approx(5.75 * 2 * math.pi / TURNS - math.pi, abs=1e-5)
    assert float(camera.elevation) == pytest.approx(0.3)
    assert float(camera.nearness) == pytest.approx(0.5)


def test_maps_are_read_where_they_were_drawn() -> None:
    # A ramp is read exactly by linear interpolation, between the outermost middles.
    line = (torch.arange(8) + 0.5) / 4 - 1
    ramp = (line[:, None] * 10 + line).expand(1, 1, 8, 8)
    places = torch.tensor([[[0.3, -0.2], [-0.6, 0.7]]])
    assert torch.allclose(sample_map(ramp, places)[0, :, 0], torch.tensor([-1.7, 6.4]), atol=1e-5)
    z, y, x = torch.meshgrid(line, line, line, indexing="ij")
    volume = (z * 100 + y * 10 + x)[None, None] * 0.55
    points = torch.tensor([[[0.1, -0.2, 0.3], [-0.4, 0.25, 0.05]]])
    wanted = points[0] @ torch.tensor([1.0, 10.0, 100.0])
    assert torch.allclose(sample_volume(volume, points, 0.1)[0, :, 0], wanted, atol=1e-4)


def test_prepared_field_is_the_network(network: PictureNetwork) -> None:
    with torch.no_grad():
        code = network.encode_inputs(picture())
    points = (torch.rand(500, 3, generator=torch.Generator().manual_seed(3)) - 0.5) * 1.1
    field = prepare(network, torch.zeros(1, 0), code)
    assert isinstance(field, ProjectedField)
    with torch.no_grad():
        wanted = network.decode(points[None], torch.zeros(1, 0), code)[0]
    assert wanted.std() > 1e-3
    assert torch.allclose(field(points), wanted, atol=1e-5)


def test_gradient_is_that_of_the_logits(network: PictureNetwork) -> None:
    with torch.no_grad():
        code = network.encode_inputs(picture(1))
    field = prepare(network, torch.zeros(1, 0), code)
    points = (torch.rand(20, 3, generator=torch.Generator().manual_seed(4)) - 0.5) * 0.9
    logits, gradients = field.with_gradient(points)
    assert torch.allclose(logits, field(points), atol=1e-5)
    step = 1e-3
    numeric = torch.stack(
        [
            (field(points + step * axis) - field(points - step * axis)) / (2 * step)
            for axis in torch.eye(3)
        ],
        dim=1,
    )
    # Kinks of the ReLUs and of the interpolation lie between a few of the steps.
    assert (
        (numeric - gradients).abs().amax(1) < 0.05 * gradients.abs().amax()
    ).float().mean() > 0.7


def test_a_known_camera_is_used(network: PictureNetwork) -> None:
    numbers = torch.tensor([[0.4, 0.3, 0.0, 0.0, 0.2, 0.5]]).expand(2, -1)
    camera = PictureCamera.from_numbers(numbers)
    with torch.no_grad():
        code, estimates = network.read(picture(2, 2), camera, torch.tensor([True, False]))
    assert torch.allclose(code["camera"][0], numbers[0])
    assert torch.allclose(code["camera"][1], estimates.camera.camera().numbers()[1])
    assert not torch.allclose(code["camera"][1], numbers[1])


def test_description_builds_it() -> None:
    description = ModelDescription("p", "P", "projected", "image", network=SMALL)
    assert isinstance(build_network(description), PictureNetwork)
    wrong = ModelDescription("p", "P", "projected", "image", network={**SMALL, "image_size": 50})
    with pytest.raises(ModelError, match="can't be built"):
        build_network(wrong)


def test_a_pair_says_the_mean_of_its_networks(network: PictureNetwork) -> None:
    planes = {"c_dim": 16, "channels": 4, "hidden": 8, "plane_resolution": 8, "plane_width": 8}
    description = ModelDescription(
        "p",
        "P",
        "picture_pair",
        "image",
        network={"projected": SMALL, "planes": planes, "planes_size": 32},
    )
    torch.manual_seed(0)
    pair = lively(build_network(description))
    assert isinstance(pair, PicturePair)
    nothing, seen = torch.zeros(1, 0), picture(5)
    points = (torch.rand(300, 3, generator=torch.Generator().manual_seed(6)) - 0.5) * 1.1
    with torch.no_grad():
        code = pair.encode_inputs(seen)
        said = pair.decode(points[None], nothing, code)[0]
        one = pair.projected.decode(points[None], nothing, pair.projected.encode_inputs(seen))[0]
        again = pair.projected.encode_inputs(seen.flip(-1))
        sign = torch.tensor([-1.0, 1, 1])
        one = (one + pair.projected.decode(points[None] * sign, nothing, again)[0]) / 2
        # Half the size of even numbers of pixels, smoothed: that is what the other network reads.
        small = functional.interpolate(seen, (32, 32), mode="bilinear", antialias=True)
        other = pair.planes.decode(points[None], nothing, pair.planes.encode_inputs(small))[0]
    assert one.std() > 1e-3
    assert other.std() > 1e-3
    assert torch.allclose(said, (one + other) / 2, atol=1e-6)
    assert torch.allclose(code["camera"], pair.projected.encode_inputs(seen)["camera"], atol=1e-5)
    # The network that projects is asked at nodes only: there the field is what the pair says.
    field = prepare(pair, nothing, code)
    nodes = torch.randint(65, (300, 3), generator=torch.Generator().manual_seed(7)) / 64 - 0.5
    with torch.no_grad():
        at_nodes = pair.decode(1.1 * nodes[None], nothing, code)[0]
    assert torch.allclose(field(1.1 * nodes), at_nodes, atol=1e-5)
    assert float((field(points) - said).abs().mean()) < 0.1 * float(said.std())


def test_a_lattice_asks_each_node_once_and_is_straight_between() -> None:
    asked = []

    class Bent(PreparedField):
        def _logits(self, points: Tensor) -> Tensor:
            asked.append(points)
            return points[:, 0] + 2 * points[:, 1] * points[:, 2]

    lattice = LatticeField(Bent(), 0.5, 8)
    # What is linear along each axis comes out exactly, as do its slopes.
    points = torch.rand(200, 3, generator=torch.Generator().manual_seed(8)) - 0.5
    logits, slopes = lattice.with_gradient(points)
    # Places a ten-thousandth of a cell beside a node count as at it.
    assert torch.allclose(logits, points[:, 0] + 2 * points[:, 1] * points[:, 2], atol=1e-4)
    wanted = torch.stack([torch.ones(200), 2 * points[:, 2], 2 * points[:, 1]], dim=1)
    assert torch.allclose(slopes, wanted, atol=1e-4)
    count = sum(map(len, asked))
    lattice(points)
    assert sum(map(len, asked)) == count <= 9**3
    nodes = torch.tensor([[0.5, -0.5, 0.0], [-0.5, 0.125, 0.25]])
    lattice(nodes)
    assert sum(map(len, asked)) <= count + 2
