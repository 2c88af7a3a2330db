"""A network that learns what another one says, through the same encoder."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from small_trainings import VOXEL_NETWORK
from tiny_shapes import Sphere, write_shape
from torch import nn

from onet_core.errors import ModelError
from onet_core.models.build import build_network
from onet_core.models.card import model_card
from onet_core.models.description import ModelDescription
from onet_core.models.weights import load_weights, save_weights
from training.data.observations import read_voxels
from training.learn.config import Config, ConfigError, load_config
from training.learn.teaching import Teacher, unlikeness
from training.learn.train import make_module, train

NETWORK = {**VOXEL_NETWORK, "patch_width": 24}


def voxel_network(**changes: int) -> nn.Module:
    about = ModelDescription("a", "A", "convolutional", "voxels", {**NETWORK, **changes})
    torch.manual_seed(sum(changes.values()))
    return build_network(about).eval()


def test_the_teacher_gives_its_encoder_and_what_else_fits() -> None:
    teacher, pupil = voxel_network(), voxel_network(patch_width=8)
    text = Teacher(teacher).lead(pupil)
    for name, value in teacher.state_dict().items():
        same = name.startswith(("encoder.", "decoder.blocks."))
        if same:
            torch.testing.assert_close(pupil.state_dict()[name], value)
    learned = {name for name, value in pupil.named_parameters() if value.requires_grad}
    assert learned == {n for n in pupil.state_dict() if n.startswith("decoder.")}
    # All tensors of the patches but the last bias are as wide as they.
    others = sum(not name.startswith("encoder.") for name in pupil.state_dict())
    patches = [n for n in pupil.state_dict() if n.startswith("decoder.patches.")]
    fitting = others - (len(patches) - 1)
    assert f"begins with {fitting} of its other {others} tensors" in text


def test_another_encoder_is_refused_and_nothing_changes() -> None:
    pupil = voxel_network(unet_depth=3)
    before = {name: value.clone() for name, value in pupil.state_dict().items()}
    with pytest.raises(ModelError, match="encoder does not fit"):
        Teacher(voxel_network()).lead(pupil)
    for name, value in pupil.state_dict().items():
        torch.testing.assert_close(value, before[name], rtol=0, atol=0)
        assert not name.startswith("encoder.") or pupil.get_parameter(name).requires_grad


def test_unlikeness_counts_where_a_place_is_in_doubt() -> None:
    doubtful = unlikeness(torch.tensor([[0.2, 0.0]]), torch.tensor([[-0.2, 3.0]]))
    assert doubtful[0, 0] == pytest.approx(0.4**2 / 2, rel=0.01)
    assert doubtful[0, 1] == pytest.approx(8 * torch.tanh(torch.tensor(3 / 8)).item() - 0.5)
    plain = unlikeness(torch.tensor([[30.0]]), torch.tensor([[40.0]]))
    assert float(plain) < 1e-4


def taught(root: Path, teacher: Path, out: Path, *more: str) -> Config:
    network = "{" + ", ".join(f"{k}: {v}" for k, v in NETWORK.items() if k != "patch_width") + "}"
    return load_config(
        "free/voxels",
        [
            f"data.root={root}",
            "data.workers=0",
            "data.points=256",
            f"model.network={network}",
            "model.network.patch_width=8",
            f"training.teacher={teacher}",
            "training.batch_size=2",
            "training.warmup_steps=5",
            "training.learning_rate=1e-2",
            "training.pictures=0",
            "test.points_iou=500",
            f"output.directory={out}",
            *more,
        ],
    )


@pytest.fixture(scope="module")
def teacher(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("teacher") / "heavy.safetensors"
    about = ModelDescription(
        "heavy", "Heavy", "convolutional", "voxels", dict(NETWORK), licence="CC0",
        training={"steps": 7, "configuration": {"data": {}}},
    )  # fmt: skip
    network = voxel_network()
    # Logits that differ enough to be worth learning.
    nn.init.normal_(network.get_parameter("decoder.fc_out.weight"), std=2.0)
    save_weights(path, network, about, half=False)
    return path


def test_the_pupil_comes_near_its_teacher(tmp_path: Path, teacher: Path) -> None:
    for split in ("train", "val"):
        for number in range(2):
            write_shape(
                tmp_path, "things", f"{split}{number}", Sphere(0.3 + 0.1 * number), split=split,
                count=2000, half=True,
            )  # fmt: skip
    config = taught(
        tmp_path, teacher, tmp_path / "out",
        "training.max_steps=120", "training.validate_every=120",
        "training.ema=0",
    )  # fmt: skip
    heavy, _ = load_weights(teacher)
    fresh = voxel_network(patch_width=8)
    Teacher(heavy).lead(fresh)
    light, about = load_weights(train(config))
    # The teacher's place on this machine does not go with the weights.
    assert about.training["configuration"]["training"]["teacher"] == teacher.name
    assert about.licence == "CC0"
    assert about.training["teacher"] == {"steps": 7}
    card = model_card(about)
    assert "Training of that network: steps 7." in card
    assert "steps 120" in card
    voxels = torch.from_numpy(read_voxels(tmp_path / "things" / "val0")).float()[None]
    points = (torch.rand(1, 2000, 3, generator=torch.Generator().manual_seed(0)) - 0.5) * 0.9
    none = torch.zeros(1, 0)
    with torch.no_grad():
        wanted = heavy.decode(points, none, heavy.encode_inputs(voxels))
        before, after = (
            (pupil.decode(points, none, pupil.encode_inputs(voxels)) - wanted).abs().mean()
            for pupil in (fresh, light)
        )
    assert after < 0.25 * before


def test_teachers_exclude_other_beginnings(tmp_path: Path, teacher: Path) -> None:
    others = (
        "training.loss=a.b",
        "training.initial_weights=a.safetensors",
        "model.network.z_dim=8",
    )
    for other in others:
        with pytest.raises(ConfigError, match=r"training\.teacher"):
            taught(tmp_path, teacher, tmp_path / "out", other)
    with pytest.raises(ModelError):
        make_module(taught(tmp_path, tmp_path / "none.safetensors", tmp_path / "out"))
