"""The loop that teaches the picture network, on a bank of a few boxes."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest
import torch
from torch import Tensor

from onet_core.errors import ModelError
from onet_core.models.build import build_network
from onet_core.models.catalogue import read_description
from onet_core.models.description import ModelDescription
from onet_core.models.layers import resized
from onet_core.models.pictures.camera import PictureCamera
from onet_core.models.pictures.heads import TURNS, CameraGuess
from onet_core.models.weights import load_weights, save_weights
from training.data.bank import Bank
from training.learn.pictures import export
from training.learn.pictures.batches import Choice, make_batch
from training.learn.pictures.join import joined
from training.learn.pictures.learning import LOG_FILE, WEIGHTS_FILE, Plan, learn
from training.learn.pictures.losses import _camera_losses, soft_overlap

TINY = {
    "widths": [8, 8, 8, 8, 8],
    "blocks": [1, 1, 1, 1, 1],
    "channels": 8,
    "code": 8,
    "volume_width": 8,
    "resolution": 8,
    "hidden": 8,
    "decoder_blocks": 1,
}
_CUBE = [(0, 1, 3, 2), (4, 6, 7, 5), (0, 4, 5, 1), (2, 3, 7, 6), (0, 2, 6, 4), (1, 5, 7, 3)]


class Boxes:
    """What the loop asks of a bank, for boxes of known sizes, whose labels are plain."""

    def __init__(self) -> None:
        generator = torch.Generator().manual_seed(0)
        self.halves = 0.15 + 0.35 * torch.rand(6, 3, generator=generator)
        self.halves[:, 0] = 0.5
        self.categories = ["chair", "chair", "table", "misc", "chair", "misc"]
        self.sources = ["human", "procedural", "human", "human", "human", "human"]
        self.splits = ["train"] * 4 + ["val"] * 2
        self.device = torch.device("cpu")

    def ids(self, split: str = "train") -> Tensor:
        return torch.tensor([i for i, name in enumerate(self.splits) if name == split])

    def triangles(self, ids: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        corners = torch.tensor(
            [[1.0 if n >> axis & 1 else -1.0 for axis in range(3)] for n in range(8)]
        )
        faces = torch.tensor([face for a, b, c, d in _CUBE for face in ((a, b, c), (a, c, d))])
        placed = (corners[None] * self.halves[ids][:, None])[:, faces].flatten(0, 1)
        return (
            placed,
            torch.full((len(placed), 3), 0.5),
            torch.arange(len(ids)).repeat_interleave(12),
        )

    def queries(
        self, ids: Tensor, n: int, generator: torch.Generator, near_share: float = 0.5
    ) -> tuple[Tensor, Tensor]:
        points = (torch.rand(len(ids), n, 3, generator=generator) - 0.5) * 1.1
        return points, (points.abs() < self.halves[ids][:, None]).all(-1).float()


@pytest.fixture
def boxes() -> Bank:
    return Boxes()  # type: ignore[return-value]


def test_sources_of_a_category_come_equally_often(boxes: Bank) -> None:
    choice = Choice(boxes)
    drawn = choice.draw(20_000, torch.Generator().manual_seed(0))
    counts = torch.bincount(drawn, minlength=6)
    assert counts[4:].sum() == 0
    assert int(counts[0]) == pytest.approx(int(counts[1]), rel=0.1)
    # Two shapes of a favoured category beside one of another: 2 * 2 ** 0.6 to 1.
    assert float(counts[:2].sum() / counts[3]) == pytest.approx(2 * 2**0.6, rel=0.1)


def test_queries_fit_the_picture(boxes: Bank) -> None:
    batch = make_batch(
        boxes,
        Choice(boxes),
        torch.tensor([0, 1, 2, 3]),
        400,
        torch.Generator().manual_seed(1),
        size=64,
    )
    seen = batch.views.camera.project(batch.points)
    where = (seen[..., :2] + 1) * 16
    within = (batch.occupancy > 0.5) & ((where > 1) & (where < 31)).all(-1)
    mask = torch.nn.functional.max_pool2d(batch.views.mask[:, None], 3, 1, 1)[:, 0]
    x, y = where.long().clamp(0, 31).unbind(-1)
    shown = mask[torch.arange(4)[:, None], y, x] > 0
    assert int(within.sum()) > 100
    assert float(shown[within].float().mean()) > 0.99


def test_a_right_guess_costs_least() -> None:
    camera = PictureCamera.from_numbers(torch.tensor([[0.2, 0.3, 0.05, -0.05, 0.1, 0.5]]))
    place = (0.2 + math.pi) / (2 * math.pi) * TURNS
    turns = torch.zeros(1, TURNS)
    turns[0, int(place)] = 8
    within = torch.full((1, TURNS), place - int(place) - 0.5)
    numbers = camera.numbers()[:, 1:]
    right = sum(_camera_losses(CameraGuess(turns, within, numbers), camera))
    for wrong in (
        CameraGuess(turns.roll(3, 1), within, numbers),
        CameraGuess(turns, within + 0.3, numbers),
        CameraGuess(turns, within, numbers + 0.2),
    ):
        assert float(sum(_camera_losses(wrong, camera))) > float(right)


def test_soft_overlap_of_sure_answers_is_the_iou() -> None:
    true = torch.tensor([[1.0, 1, 1, 0, 0, 0, 0, 0]])
    logits = 40 * (torch.tensor([[1.0, 1, 0, 1, 0, 0, 0, 0]]) - 0.5)
    assert float(soft_overlap(logits, true)[0]) == pytest.approx((2 + 1) / (4 + 1), abs=1e-4)


def test_what_is_learned_becomes_a_weights_file(
    boxes: Bank, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan = Plan(seconds=600, batch=3, queries=64, size=64, most_steps=3)
    learn(boxes, plan, tmp_path, TINY)
    log = json.loads((tmp_path / LOG_FILE).read_text(encoding="utf-8"))
    assert log["step"] == 3
    assert log["validation"]
    record = tmp_path / "record.json"
    record.write_text(json.dumps({"name": "p", "title": "P", "threshold": 0.4}), encoding="utf-8")
    target = tmp_path / "p.safetensors"
    monkeypatch.setattr(
        "sys.argv", ["export", str(tmp_path / WEIGHTS_FILE), str(record), str(target)]
    )
    export.main()
    assert read_description(target).threshold == pytest.approx(0.4)
    network, description = load_weights(target)
    assert description.inputs == {"image_size": 64}
    with torch.no_grad():
        code = network.encode_inputs(torch.rand(1, 3, 64, 64))  # type: ignore[operator]
    assert 0 < float(code["confidence"]) < 1
    _assert_joined(target, tmp_path)


def _assert_joined(projected: Path, folder: Path) -> None:
    """A pair of these weights and of small planes says what both say, with the pair's record."""
    small = {"c_dim": 8, "channels": 4, "hidden": 8, "plane_resolution": 8, "plane_width": 8}
    planes = ModelDescription("flat", "Flat", "image_planes", "image", network=small)
    save_weights(folder / "planes.safetensors", build_network(planes).eval(), planes)
    network, description = load_weights(projected)
    parts = {"projected": dict(description.network), "planes": small, "planes_size": 32}
    wanted = ModelDescription("pair", "Pair", "picture_pair", "image", network=parts, threshold=0.4)
    given = (network, description), load_weights(folder / "planes.safetensors")
    pair, made = joined(wanted, *given)
    assert made.threshold == pytest.approx(0.4)
    assert set(made.training) == {"projected", "planes"}
    seen, points = torch.rand(1, 3, 64, 64), torch.rand(1, 20, 3) - 0.5
    with torch.no_grad():
        said = pair.eval()(points, seen)
        one = network(points, seen) + network(points * torch.tensor([-1.0, 1, 1]), seen.flip(-1))
        other = given[1][0](points, resized(seen, 32))
    assert torch.allclose(said, (one / 2 + other) / 2, atol=1e-6)
    with pytest.raises(ModelError, match="not those of the part 'projected'"):
        joined(wanted, given[1], given[1])
