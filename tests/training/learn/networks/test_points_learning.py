"""Clouds as scanners give them: what is lost, how shapes move with their labels."""

from __future__ import annotations

import json
import random
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
import trimesh
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from onet_core.errors import ModelError
from training.data.augmentation.clouds import hiddenness
from training.data.bank import Bank
from training.data.packfile import PackedShape, encode
from training.learn.points import clouds, flaws
from training.learn.points.blend import blend, moved_threshold
from training.learn.points.clouds import draw_examples
from training.learn.points.flaws import Draw, Scans
from training.learn.points.learning import Job, Plan, draw_size, learn, start_from
from training.learn.run import Averaged, Clock, backward, rate

NOTHING = Scans(0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0)


@pytest.fixture(scope="module")
def bank(tmp_path_factory: pytest.TempPathFactory) -> Bank:
    shapes = []
    leaning = trimesh.creation.cone(0.3, 1.0)
    leaning.apply_transform(trimesh.transformations.rotation_matrix(0.5, [0, 1, 0]))
    for name, mesh in (("box", trimesh.creation.box((1, 0.5, 0.25))), ("cone", leaning)):
        vertices = np.asarray(mesh.vertices) - mesh.bounds.mean(axis=0)
        vertices = vertices / np.ptp(vertices, axis=0).max()
        row = {"id": name, "category": "things", "split": "train"}
        row |= {"source": "human", "group": name, "method": "winding"}
        faces = np.asarray(mesh.faces, dtype=np.int64)
        quantised = np.round((vertices + 0.5) * 65535).astype(np.uint16)
        shapes.append(PackedShape(quantised, faces, np.full(faces.shape, 99, np.uint8), row))
    path = tmp_path_factory.mktemp("clouds") / "two.pack"
    path.write_bytes(encode(shapes))
    return Bank.build(path, "cpu", pool=3000)


@pytest.fixture
def draw() -> Draw:
    return Draw(torch.Generator().manual_seed(0))


def test_a_plain_scan_is_the_surface_and_its_labels(bank: Bank, draw: Draw) -> None:
    ids = torch.tensor([bank.names.index("box")] * 3)
    shown = draw_examples(bank, ids, 400, 500, draw, NOTHING, torch.zeros(2, dtype=torch.bool))
    assert shown.clouds.shape == (3, 400, 3)
    # A box's points, after quarter turns: its longest sides are 1, 0.5 and 0.25.
    sides = shown.clouds.amax(1) - shown.clouds.amin(1)
    expected = torch.tensor([[0.25, 0.5, 1.0]] * 3)
    torch.testing.assert_close(sides.sort(dim=1).values, expected, atol=0.03, rtol=0)
    half = torch.where(sides[:, :1] > 0.6, torch.tensor([0.5, 0.25, 0.125]),
                       torch.tensor([0.125, 0.25, 0.5]))[:, None]  # fmt: skip
    inside = (shown.queries.abs() < half).all(-1)
    known = shown.weight > 0
    assert (inside == shown.occupancy.bool())[known].float().mean() > 0.97


@pytest.mark.parametrize("scans", [Scans(), Scans(turned=1, stretched=1, fitted=0, outliers=0)])
def test_labels_move_with_the_shape(bank: Bank, draw: Draw, scans: Scans) -> None:
    ids = torch.tensor([bank.names.index("box")] * 40)
    plain = torch.zeros(2, dtype=torch.bool)
    shown = draw_examples(bank, ids, 2000, 400, draw, scans, plain, near_share=0.0)
    distance = torch.cdist(shown.queries, shown.clouds).amin(2)
    known = shown.weight > 0
    inside = shown.occupancy > 0.5
    # What is far outside of the cloud's own box is empty.
    low, high = shown.clouds.quantile(0.03, dim=1), shown.clouds.quantile(0.97, dim=1)
    within = ((shown.queries > low[:, None]) & (shown.queries < high[:, None])).all(-1)
    if scans.fitted == 0:
        whole = ~torch.isnan(distance).any(1)
        assert (inside & ~within & known)[whole].float().mean() < 0.05
    assert 0.05 < (inside & known).float().mean() < 0.4
    assert (shown.queries.abs() <= 0.5501).all()


def test_maps_are_undone_by_their_inverses(draw: Draw) -> None:
    forward, backward = clouds._maps(20, draw, Scans())
    torch.testing.assert_close(forward @ backward, torch.eye(3).expand(20, 3, 3), atol=1e-5, rtol=0)
    assert (torch.linalg.det(forward) < 0).any()


@pytest.mark.parametrize("way", [flaws.with_holes, flaws.beyond_planes, flaws.without_halves])
def test_a_part_is_lost_and_never_all(way, draw: Draw) -> None:
    generator = torch.Generator().manual_seed(2)
    normals = torch.nn.functional.normalize(torch.randn((30, 900, 3), generator=generator), dim=-1)
    share = way(normals / 2, normals, draw).float().mean(1)
    assert share.min() > 0.01
    assert share.max() < 0.56


def test_one_viewer_sees_the_near_side_of_a_ball(draw: Draw) -> None:
    generator = torch.Generator().manual_seed(2)
    normals = torch.nn.functional.normalize(torch.randn((1, 8000, 3), generator=generator), dim=-1)
    eye = torch.tensor([[0.0, 0.0, -1.0]])
    behind = hiddenness(normals / 2, -eye, 0.04)[0]
    front = normals[0, :, 2] < -0.3
    assert (behind[front] < 0.06).float().mean() > 0.95
    # Here and there no point of the front lies before one of the back.
    assert (behind[normals[0, :, 2] > 0.3] > 0.06).float().mean() > 0.9


def test_symmetric_shapes_are_told_from_others(bank: Bank, draw: Draw) -> None:
    found = clouds.symmetric(bank, draw, 1200)
    assert found[bank.names.index("box")]
    assert not found[bank.names.index("cone")]


def test_points_are_repeated_where_too_few_are_left() -> None:
    points = torch.arange(6.0).repeat(3, 1).T[None]
    lost = torch.tensor([[True, False, True, True, False, True]])
    assert clouds._first_kept(points, lost, 4)[0, :, 0].tolist() == [1, 4, 1, 4]


def test_the_rate_rises_and_falls_with_time() -> None:
    rates = [rate(fraction) for fraction in np.linspace(0, 1, 101)]
    assert rates[0] == 0
    assert max(rates) == pytest.approx(1, abs=0.01)
    assert rates[-1] == pytest.approx(0.01)
    assert Clock(10.0, reserve=20.0).fraction == 1


def test_steps_go_down_and_leave_out_what_is_not_finite() -> None:
    network = torch.nn.Linear(2, 1, bias=False)
    optimiser = torch.optim.SGD(network.parameters(), lr=1.0)
    before = network.weight.detach().clone()
    backward((network.weight * torch.tensor([[100.0, torch.inf]])).sum(), optimiser)
    # The gradient is cut to length 1.
    torch.testing.assert_close(network.weight, before - torch.tensor([[1.0, 0.0]]))


def test_averaged_weights_change_places_with_the_networks() -> None:
    network = torch.nn.Linear(1, 1)
    averaged = Averaged(network, decay=0.5)
    before = network.weight.detach().clone()
    with torch.no_grad():
        network.weight += 1
    averaged.update()
    averaged.swap()
    assert torch.allclose(network.weight, before + 0.9)
    averaged.swap()
    assert torch.allclose(network.weight, before + 1)


def test_blended_weights_lie_between_and_new_parts_join_by_their_share() -> None:
    old = {"a.weight": torch.zeros(2), "decoder.fc_out.bias": torch.zeros(1)}
    new = {**{name: value + 1 for name, value in old.items()}}
    new |= {"x.volume.out.weight": torch.ones(3), "x.volume.down": torch.ones(3)}
    mixed = blend(old, new, 0.25)
    assert torch.equal(mixed["a.weight"], torch.full((2,), 0.25))
    assert torch.equal(mixed["x.volume.out.weight"], torch.full((3,), 0.25))
    assert torch.equal(mixed["x.volume.down"], torch.ones(3))
    with pytest.raises(ModelError, match="go on"):
        blend({"b": torch.zeros(1)}, new, 0.5)


def test_a_moved_threshold_is_the_same_surface() -> None:
    state = moved_threshold({"decoder.fc_out.bias": torch.tensor([0.3])}, 0.45, 0.32)
    before = torch.logit(torch.tensor(0.45))
    shift = state["decoder.fc_out.bias"][0] - 0.3
    assert torch.sigmoid(before + shift).item() == pytest.approx(0.32)


def test_steps_have_few_points_or_many() -> None:
    numbers = random.Random(0)
    plan = Plan(seconds=1, batch=4, few=0.5, many=0.3, dense=0.1)
    drawn = [draw_size(numbers, plan) for _ in range(2000)]
    counts = np.array([count for count, _ in drawn])
    assert (counts == 300).mean() == pytest.approx(0.5, abs=0.04)
    assert (counts == 3000).mean() == pytest.approx(0.3, abs=0.04)
    assert (counts > 3000).mean() == pytest.approx(0.1, abs=0.03)
    assert counts.min() >= 100
    assert counts.max() <= 8000
    assert {batch for count, batch in drawn if count == 300} == {6}


SMALL = {
    "channels": 8, "hidden": 8, "plane_resolution": 8, "unet_depth": 2, "unet_width": 8,
    "neighbours": 4, "surroundings": [8], "volume_resolution": 8, "volume_width": 8,
}  # fmt: skip


def test_a_job_learns_and_goes_on_where_it_was_stopped(bank: Bank, tmp_path: Path) -> None:
    plan = Plan(1.0, batch=2, queries=64, few=1, many=0, dense=0, measured=64, checks=1)
    learn([bank, bank], plan, tmp_path, options=SMALL)
    log = json.loads((tmp_path / "points.json").read_text())
    first = load_file(tmp_path / "points.safetensors")
    steps = int(safe_open(tmp_path / "points.safetensors", "pt").metadata()["steps"])
    assert steps > 0
    assert log["shapes"] == 4
    more = replace(plan, seconds=1000.0)
    job = Job([bank], more, tmp_path, None, SMALL)
    assert job.resume()
    assert job.averaged.steps == steps
    assert job.before >= 1.0
    for name, value in job.averaged.values.items():
        torch.testing.assert_close(value.half(), first[name], msg=name)
    job.step(0.5)
    assert job.averaged.steps == steps + 1


def test_what_is_frozen_stays(bank: Bank, tmp_path: Path) -> None:
    plan = Plan(1.0, batch=2, queries=64, few=1, many=0, dense=0, frozen="encoder.volume")
    job = Job([bank], plan, tmp_path, None, SMALL)
    before = {k: v.clone() for k, v in job.learner.network.state_dict().items()}
    job.step(0.5)
    changed = {k for k, v in job.learner.network.state_dict().items() if not v.equal(before[k])}
    assert changed
    assert not any(".volume." in name for name in changed)


def test_weights_that_fit_are_taken_over(tmp_path: Path) -> None:
    network = torch.nn.Sequential(torch.nn.Linear(2, 2), torch.nn.Linear(2, 1))
    state = {"0.weight": torch.ones(2, 2).half(), "1.weight": torch.ones(3, 3), "x": torch.ones(1)}
    save_file(state, tmp_path / "some.safetensors")
    assert start_from(network, tmp_path / "some.safetensors") == 1
    assert torch.equal(network[0].weight, torch.ones(2, 2))
    assert start_from(network, None) == 0
