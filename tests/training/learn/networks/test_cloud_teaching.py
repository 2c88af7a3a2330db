"""A lighter network for clouds that learns what a heavier one says of them in both positions."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest
import torch
import trimesh
from torch import Tensor

from onet_core.models.build import build_network
from onet_core.models.description import ModelDescription
from onet_core.models.steps import Steps
from onet_core.models.weights import load_weights, save_weights
from training.data.bank import Bank
from training.data.packfile import PackedShape, encode
from training.learn.teaching import points as teaching
from training.learn.teaching.clouds import CloudTeacher, Unlabelled, answered, lead
from training.learn.teaching.points import Lessons, learn, pupil_of

NETWORK = {
    "channels": 8, "hidden": 8, "plane_resolution": 8, "unet_depth": 2, "unet_width": 8,
    "neighbours": 4, "surroundings": [4, 12],
}  # fmt: skip
CHANGES = {"both_ways": True, "quadratic": 16, "neighbours": 3, "blocks": 2}
TURN = torch.tensor([-1.0, 1.0, -1.0])
FEW = Lessons(steps=150, batch=2, queries=256, first=8, fresh=10, unseen=4, rate=1e-2)


def heavy() -> tuple[ModelDescription, torch.nn.Module]:
    about = ModelDescription(
        "heavy", "Heavy", "convolutional", "points", NETWORK, steps=Steps(half_turn=True),
        licence="CC0", training={"steps": 7},
    )  # fmt: skip
    torch.manual_seed(0)
    network = build_network(about)
    # Logits that differ enough to be worth learning.
    torch.nn.init.normal_(network.get_parameter("decoder.fc_out.weight"), std=3.0)
    torch.nn.init.normal_(network.get_parameter("decoder.neighbours.fc_to_forms.weight"), std=0.2)
    return about, network.eval()


def a_pupil(about: ModelDescription) -> torch.nn.Module:
    torch.manual_seed(1)
    return build_network(pupil_of(about, "light", CHANGES)).eval()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A saved bank of a box that is learned from and a ball that measures."""
    root = tmp_path_factory.mktemp("bank")
    shapes = []
    for split, mesh in (("train", trimesh.creation.box()), ("val", trimesh.creation.icosphere(2))):
        vertices = np.asarray(mesh.vertices) / np.ptp(mesh.vertices, axis=0).max()
        row = {"id": split, "category": "things", "split": split}
        row |= {"source": "human", "group": split, "method": "winding"}
        faces = np.asarray(mesh.faces, dtype=np.int64)
        quantised = np.round((vertices + 0.5) * 65535).astype(np.uint16)
        shapes.append(PackedShape(quantised, faces, np.full(faces.shape, 99, np.uint8), row))
    (root / "two.pack").write_bytes(encode(shapes))
    Bank.build(root / "two.pack", "cpu", pool=64).save(root / "bank")
    return root / "bank"


def a_cloud(count: int = 80) -> Tensor:
    return torch.rand(count, 3, generator=torch.Generator().manual_seed(2)) * 0.8 - 0.4


@torch.no_grad()
def test_the_answer_is_the_mean_of_both_positions() -> None:
    about, network = heavy()
    teacher = CloudTeacher(network, a_pupil(about), 64)  # type: ignore[arg-type]
    cloud, points = a_cloud(), a_cloud(50) * 1.2
    lesson = teacher.lesson(cloud, points)
    none = torch.zeros(1, 0)
    said = [
        network.decode(points[None] * turn, none, network.encode_inputs(cloud[None] * turn))[0]
        for turn in (torch.ones(3), TURN)
    ]
    torch.testing.assert_close(lesson.answers, (said[0] + said[1]) / 2, atol=1e-4, rtol=1e-4)


@torch.no_grad()
def test_what_is_kept_of_a_lesson_gives_what_the_pupil_says() -> None:
    about, network = heavy()
    pupil = a_pupil(about)
    teacher = CloudTeacher(network, pupil, 64)  # type: ignore[arg-type]
    lead(network, pupil)
    clouds, points = (a_cloud(80), a_cloud(120) * 0.9), (a_cloud(30), a_cloud(40))
    lessons = [teacher.lesson(*some) for some in zip(clouds, points, strict=True)]
    found, answers = answered(pupil.get_submodule("decoder"), lessons)
    expected = [
        pupil.decode(where[None], torch.zeros(1, 0), pupil.encode_inputs(cloud[None]))[0]
        for cloud, where in zip(clouds, points, strict=True)
    ]
    # Kept in 16 bits.
    torch.testing.assert_close(found, torch.cat(expected), atol=5e-3, rtol=5e-3)
    torch.testing.assert_close(answers, torch.cat([one.answers for one in lessons]))


@torch.no_grad()
def test_the_pupil_knows_what_is_outwards_in_the_mean_of_both_positions() -> None:
    about, network = heavy()
    pupil = a_pupil(about)
    lead(network, pupil)
    own, given = (one.get_submodule("decoder.neighbours.fc_outwards") for one in (pupil, network))
    first, second = torch.randn(5, 8), torch.randn(5, 8)
    expected = (given(first) + given(second) * TURN) / 2
    torch.testing.assert_close(own(torch.cat([first, second], dim=1)), expected)


@torch.no_grad()
def test_a_pupil_of_the_same_kind_begins_with_what_is_said_of_the_cloud_as_it_is() -> None:
    about, network = heavy()
    pupil = build_network(pupil_of(about, "light", {"both_ways": True})).eval()
    # So that the mean of both positions says the same of outwards as the one.
    torch.nn.init.zeros_(network.get_parameter("decoder.neighbours.fc_outwards.weight"))
    torch.nn.init.zeros_(network.get_parameter("decoder.neighbours.fc_outwards.bias"))
    lead(network, pupil)
    cloud, points, none = a_cloud()[None], a_cloud(50)[None], torch.zeros(1, 0)
    expected = network.decode(points, none, network.encode_inputs(cloud))
    torch.testing.assert_close(pupil.decode(points, none, pupil.encode_inputs(cloud)), expected)


def test_queries_without_labels_lie_near_the_surface(folder: Path) -> None:
    bank = Unlabelled.load(folder, "cpu")
    ids = bank.ids("train")
    points, _ = bank.queries(ids, 1000, torch.Generator().manual_seed(0), near_share=0.6)
    assert points.shape == (1, 1000, 3)
    # The box is the unit cube: how far from its sides a point is.
    away = (points.abs().amax(-1) - 0.5).abs()[0]
    assert away[400:].median() < 0.02 < 0.05 < away[:400].median()


def test_a_pupil_comes_near_its_teacher_and_keeps_its_encoder(folder: Path) -> None:
    about, network = heavy()
    pupil = a_pupil(about)
    lead(network, pupil)
    written: list[int] = []
    bank = Unlabelled.load(folder, "cpu")
    log = learn(network, pupil, bank, FEW, written.append)
    steps, _, unseen, *_ = log["steps"][-1]
    assert [steps] == written == [FEW.steps]
    assert unseen < 0.5 * log["before"][0]
    for name, value in network.state_dict().items():
        if name.startswith("encoder."):
            torch.testing.assert_close(pupil.state_dict()[name], value, rtol=0, atol=0)


def test_the_command_writes_weights_that_say_how_they_learned(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    about, network = heavy()
    save_weights(tmp_path / "heavy.safetensors", network, about, half=False)
    arguments = ["teach", str(folder), str(tmp_path / "heavy.safetensors")]
    arguments += ["--out", str(tmp_path), "--steps", "2", "--first", "4"]
    arguments += ["--network", '{"quadratic": 16, "neighbours": 3}']
    monkeypatch.setattr(sys, "argv", arguments)
    teaching.main()
    light, made = load_weights(tmp_path / teaching.WEIGHTS_FILE)
    assert made.network == {**NETWORK, "both_ways": True, "quadratic": 16, "neighbours": 3}
    # It reads a cloud half turned by itself.
    assert not made.steps.half_turn
    assert made.licence == "CC0"
    assert made.training["teacher"] == {"steps": 7}
    assert made.training["steps"] == 2
    fixed = light.state_dict()["encoder.unet.out.weight"]
    torch.testing.assert_close(fixed, network.state_dict()["encoder.unet.out.weight"], atol=1e-3,
                               rtol=1e-3)  # fmt: skip


def test_a_pupil_goes_on_from_where_it_was(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    about, network = heavy()
    save_weights(tmp_path / "heavy.safetensors", network, about, half=False)
    # Of the teacher's layers, so that it would begin as the teacher where it didn't go on.
    kind = pupil_of(about, "light", {"both_ways": True})
    torch.manual_seed(5)
    save_weights(tmp_path / "start.safetensors", build_network(kind), kind, half=False)
    arguments = ["teach", str(folder), str(tmp_path / "heavy.safetensors"), "--steps", "1"]
    arguments += ["--first", "4", "--rate", "0", "--out", str(tmp_path)]
    monkeypatch.setattr(sys, "argv", [*arguments, "--start", str(tmp_path / "start.safetensors")])
    teaching.main()
    begun, gone_on = (
        load_weights(tmp_path / name)[0].get_parameter("decoder.fc_out.weight")
        for name in ("start.safetensors", teaching.WEIGHTS_FILE)
    )
    torch.testing.assert_close(gone_on, begun, atol=1e-3, rtol=1e-3)


def test_a_pupil_of_fewer_layers_begins_with_those_that_fit(
    folder: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    about, network = heavy()
    save_weights(tmp_path / "heavy.safetensors", network, about, half=False)
    kind = pupil_of(about, "light", {"both_ways": True, "blocks": 2})
    torch.manual_seed(5)
    begun = build_network(kind)
    save_weights(tmp_path / "start.safetensors", begun, kind, half=False)
    arguments = ["teach", str(folder), str(tmp_path / "heavy.safetensors"), "--steps", "1"]
    arguments += ["--first", "4", "--rate", "0", "--out", str(tmp_path)]
    arguments += ["--start", str(tmp_path / "start.safetensors"), "--network", '{"blocks": 1}']
    monkeypatch.setattr(sys, "argv", arguments)
    teaching.main()
    made = load_weights(tmp_path / teaching.WEIGHTS_FILE)[0].state_dict()
    name = "decoder.blocks.0.fc_0.weight"
    torch.testing.assert_close(made[name], begun.state_dict()[name], atol=1e-3, rtol=1e-3)
    assert "decoder.blocks.1.fc_0.weight" not in made
    assert f"It begins with {len(made)} of its {len(made)} tensors" in capsys.readouterr().out
