"""What a pupil is asked, and the channels that it begins with."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from scipy.ndimage import distance_transform_edt
from small_trainings import VOXEL_NETWORK
from torch import Tensor, nn

from onet_core.models.build import build_network
from onet_core.models.description import ModelDescription
from training.learn.config import ConfigError, load_config
from training.learn.teaching import Teacher, thinning
from training.learn.teaching.lessons import next_to_surface


def network(width: int) -> Any:
    about = ModelDescription(
        "a", "A", "convolutional", "voxels", {**VOXEL_NETWORK, "patch_width": width}
    )
    torch.manual_seed(width)
    return build_network(about).eval()


def a_block() -> Tensor:
    voxels = torch.zeros(1, 32, 32, 32)
    voxels[0, 5:20, 8:24, 12:15] = 1
    return voxels


def a_batch(count: int = 400) -> dict[str, Tensor]:
    points = torch.rand(1, count, 3, generator=torch.Generator().manual_seed(0)) - 0.5
    return {"inputs": a_block(), "points": points}


def test_queries_lie_along_the_border() -> None:
    points = next_to_surface(a_block(), 4000, torch.Generator().manual_seed(0))[0].double()
    occupied = a_block()[0].numpy() > 0
    # How far each cell's middle is from the nearest one of the other kind, in cells.
    away = np.where(occupied, distance_transform_edt(occupied), distance_transform_edt(~occupied))
    cells = ((points + 0.5) * 32).floor().long().clamp(0, 31)
    reached = away[tuple(cells.T.numpy())]
    assert reached.max() <= 2 * 3**0.5 + 1
    assert (reached <= 2).mean() > 0.6
    # On all sides of the block.
    middle = (torch.tensor([12.5, 16, 13.5]) / 32 - 0.5).double()
    assert ((points > middle).double().mean(0) - 0.5).abs().max() < 0.05


def test_queries_about_nothing_fill_the_cube() -> None:
    points = next_to_surface(torch.zeros(2, 32, 32, 32), 2000)
    assert points.shape == (2, 2000, 3)
    assert points.std(dim=1) == pytest.approx(12**-0.5, rel=0.1)


def test_answers_are_shown_again() -> None:
    heavy = network(8)
    calls: list[int] = []
    heavy.decoder.register_forward_hook(lambda *_: calls.append(1))
    teacher = Teacher(heavy, near=0.75, showings=3)
    batch = a_batch()
    shown = [teacher.lesson(batch) for _ in range(9)]
    assert len(calls) == 3
    for lesson in shown:
        assert lesson.points.shape == (1, 400, 3)
        # A quarter is the batch's own.
        torch.testing.assert_close(lesson.points[:, 300:], batch["points"][:, 300:])
        wanted = heavy.decode(
            lesson.points, torch.zeros(1, 0), heavy.encode_inputs(batch["inputs"])
        )
        torch.testing.assert_close(lesson.answers, wanted)


def doubled(narrow: Any) -> Any:
    """A network twice as wide that says the same: each channel is there twice, read by halves."""
    wide = network(2 * len(narrow.decoder.patches.fc_0.bias))
    given, made = narrow.state_dict(), wide.state_dict()
    for name, value in given.items():
        if ".patches." in name:
            layer, kind = name.split(".")[-2:]
            if kind == "weight" and layer in ("fc_1", "fc_2", "fc_out"):
                value = torch.cat([value, value], dim=1) / 2
            elif name.endswith("fc_0.weight"):
                first = value[:, : len(value)]
                value = torch.cat([first / 2, first / 2, value[:, len(value) :]], dim=1)
            if layer != "fc_out":
                value = torch.cat([value, value])
        made[name] = value
    wide.load_state_dict(made)
    return wide


def test_what_is_there_twice_can_be_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(thinning, "_STEPS", 0)
    light = network(8)
    heavy = doubled(light)
    pupil: nn.Module = build_network(
        ModelDescription("a", "A", "convolutional", "voxels", {**VOXEL_NETWORK, "patch_width": 8})
    )
    teacher = Teacher(heavy, near=0.5)
    teacher.lead(pupil)
    batch = a_batch(3000)
    teacher.begin(pupil, [batch])
    lesson = teacher.asked(batch)
    none = torch.zeros(1, 0)
    with torch.no_grad():
        same = light.decode(lesson.points, none, lesson.code)
        found: Any = pupil
        said = found.decode(lesson.points, none, lesson.code)
    # The networks agree with the one that was doubled, and so does the half that was kept.
    torch.testing.assert_close(lesson.answers, same, atol=1e-5, rtol=1e-4)
    assert (said - same).std() < 0.02 * same.std()


def test_only_narrower_patches_are_begun() -> None:
    heavy, pupil = network(8), network(16)
    before = {name: value.clone() for name, value in pupil.state_dict().items()}
    Teacher(heavy).begin(pupil, [a_batch()])
    for name, value in pupil.state_dict().items():
        torch.testing.assert_close(value, before[name], rtol=0, atol=0)


def test_impossible_lessons_are_refused() -> None:
    for wrong in ("teacher_near=1.5", "teacher_showings=0"):
        with pytest.raises(ConfigError, match=wrong.partition("=")[0]):
            load_config("free/voxels", [f"training.{wrong}"])
    with pytest.raises(ConfigError, match="teacher_near"):
        load_config("free/points", ["training.teacher_near=0.5"])
