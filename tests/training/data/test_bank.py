"""Packs and banks of shapes, against the project's own labels and against spheres and boxes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
import trimesh

from training.data import bank_labels, bank_patches
from training.data.bank import Bank
from training.data.build.normalise import make_triangles
from training.data.build.occupancy import FloodFill, make_solid
from training.data.packfile import PackedShape, encode, read_pack


def _shape(mesh: trimesh.Trimesh, name: str, method: str = "winding") -> PackedShape:
    vertices = np.asarray(mesh.vertices) - mesh.bounds.mean(axis=0)
    vertices = vertices / np.ptp(vertices, axis=0).max()
    colours = np.tile(np.array([200, 40, 8], np.uint8), (len(mesh.faces), 1))
    row = dict(zip(("id", "category", "split", "source", "group", "method"),
                   (name, "things", "train", "human", name, method), strict=True))  # fmt: skip
    return PackedShape(
        np.round((vertices + 0.5) * 65535).astype(np.uint16),
        np.asarray(mesh.faces, dtype=np.int64),
        colours,
        row,
    )


@pytest.fixture(scope="module")
def shapes() -> list[PackedShape]:
    sheet = trimesh.Trimesh([[0, 0, 0], [1, 0, 0], [1, 0, 1], [0, 0, 1]], [[0, 1, 2], [0, 2, 3]])
    ball = trimesh.creation.icosphere(subdivisions=3)
    tube = trimesh.creation.annulus(0.3, 0.5, 0.6)
    twice = trimesh.util.concatenate(
        [trimesh.creation.box((1, 0.4, 0.4)), trimesh.creation.box((0.4, 1, 0.4))]
    )
    both = trimesh.util.concatenate([ball, sheet.apply_translation([1.0, 0, 0])])
    return [
        _shape(ball, "ball"),
        _shape(tube, "tube", "floodfill"),
        _shape(twice, "cross"),
        _shape(both, "ball-and-sheet"),
    ]


@pytest.fixture(scope="module")
def bank(shapes: list[PackedShape], tmp_path_factory: pytest.TempPathFactory) -> Bank:
    path = tmp_path_factory.mktemp("bank") / "few.pack"
    path.write_bytes(encode(shapes))
    return Bank.build(path, "cpu", pool=4000)


def _triangles(shape: PackedShape) -> np.ndarray:
    """Faces as sorted rows of nine numbers, each from its lowest corner on."""
    corners = shape.vertices[shape.faces].astype(np.int64)
    start = (corners @ np.array([2**32, 2**16, 1])).argmin(axis=1)
    order = (start[:, None] + np.arange(3)) % 3
    rows = np.take_along_axis(corners, order[..., None], axis=1).reshape(-1, 9)
    return rows[np.lexsort(rows.T)]


def test_a_pack_gives_back_the_same_faces(shapes: list[PackedShape], tmp_path: Path) -> None:
    path = tmp_path / "few.pack"
    path.write_bytes(encode(shapes))
    for before, after in zip(shapes, read_pack(path), strict=True):
        assert before.row == after.row
        np.testing.assert_array_equal(_triangles(before), _triangles(after))
        assert np.abs(after.colours.astype(int) - [200, 40, 8]).max() < 8


def test_what_is_no_pack_says_so(tmp_path: Path) -> None:
    path = tmp_path / "text.pack"
    path.write_bytes(b"\x04\x00\x00\x00nope, this is a letter")
    with pytest.raises(ValueError, match="no pack of shapes"):
        read_pack(path)


def test_sums_over_faces_agree_with_search_trees() -> None:
    generator = torch.Generator().manual_seed(0)
    corners = torch.rand((60, 1, 3), generator=generator) - 0.5
    corners = corners + 0.2 * torch.randn((60, 3, 3), generator=generator)
    points = torch.rand((300, 3), generator=generator) - 0.5
    sums = bank_labels._by_sums(points, corners)
    trees = bank_labels._by_trees(points, corners)
    torch.testing.assert_close(sums[0], trees[0], atol=1e-3, rtol=0)
    torch.testing.assert_close(sums[1], trees[1], atol=1e-6, rtol=0)
    assert (sums[2] == trees[2]).float().mean() > 0.98


def test_the_flood_on_a_card_is_the_flood_of_the_labels(shapes: list[PackedShape]) -> None:
    tube = shapes[1]
    corners = tube.vertices[tube.faces].astype(np.float32) / 65535 - 0.5
    touched = bank_labels._touched(torch.from_numpy(corners), torch.tensor([0, len(corners)]))
    expected = FloodFill(make_triangles(corners.reshape(-1, 3), np.arange(len(corners) * 3)))
    np.testing.assert_array_equal(touched[0].numpy(), expected.touched)
    solid = ~bank_labels._reached(~touched)
    np.testing.assert_array_equal(solid[0].numpy(), expected.solid)


def test_patches_tile_their_face_and_are_found_again() -> None:
    generator = torch.Generator().manual_seed(0)
    for level in (1, 2, 5, 31):
        number = torch.arange(level**2)
        finely = torch.full_like(number, level)
        centres = bank_patches.shares(finely, number, torch.full((level**2, 2), 1 / 3))
        torch.testing.assert_close(centres.mean(0), torch.full((3,), 1 / 3))
        within = torch.rand((level**2, 2), generator=generator) * 0.49
        places = bank_patches.shares(finely, number, within)
        assert places.min() >= -1e-6
        assert torch.equal(bank_patches.patch_of(finely, places), number)


def test_labels_are_those_of_the_build(bank: Bank, shapes: list[PackedShape]) -> None:
    by_name = {shape.row["id"]: shape for shape in shapes}
    for i, name in enumerate(bank.names):
        shape = by_name[name]
        triangles = make_triangles(shape.vertices / 65535 - 0.5, shape.faces)
        solid = make_solid(triangles, shape.row["method"], np.random.default_rng(0))
        points = bank.pool[i].double().numpy() * (1.1 / 65536)
        assert (solid.inside(points) == bank.inside[i].numpy()).mean() > 0.998


def test_surfaces_look_outwards_and_leave_out_what_is_hidden(bank: Bank) -> None:
    generator = torch.Generator().manual_seed(0)
    ids = torch.arange(bank.count)
    points, normals, colours, thin = bank.sample_surface(ids, 3000, generator)
    torch.testing.assert_close(normals.norm(dim=-1), torch.ones(len(ids), 3000))
    assert (colours.mean((0, 1)) * 255 - torch.tensor([200, 40, 8])).abs().max() < 8
    ball, cross = bank.names.index("ball"), bank.names.index("cross")
    assert (points[ball].norm(dim=-1) - 0.5).abs().max() < 0.01
    assert ((points[ball] * normals[ball]).sum(-1) > 0.4).all()
    assert points[ball].mean(0).abs().max() < 0.03
    # Where the two boxes overlap nothing is seen, but for a patch's breadth.
    hidden = (points[cross].abs().amax(-1) < 0.18).float().mean()
    assert hidden < 0.01
    sheet = bank.names.index("ball-and-sheet")
    assert 0.05 < thin[sheet].float().mean() < 0.6
    heights = points[sheet][thin[sheet]][:, 1]
    assert heights.max() - heights.min() == pytest.approx(2 * 1.5 / 256, abs=1e-4)


def test_queries_are_half_near_the_surface(bank: Bank) -> None:
    generator = torch.Generator().manual_seed(0)
    ball = torch.tensor([bank.names.index("ball")] * 2)
    points, occupancy = bank.queries(ball, 2000, generator, near_share=0.5)
    inside = points.norm(dim=-1) < 0.5
    distance = (points.norm(dim=-1) - 0.5).abs()
    # The ball has flat faces, up to 0.003 inside of the true one.
    assert (occupancy.bool() == inside)[distance > 0.003].all()
    assert (distance[:, 1000:] < 0.05).float().mean() > 0.9
    assert (distance[:, :1000] < 0.05).float().mean() < 0.4


def test_a_bank_is_the_same_when_it_is_read_again(bank: Bank, tmp_path: Path) -> None:
    bank.save(tmp_path / "bank")
    again = Bank.load(tmp_path / "bank", "cpu")
    ids = again.ids("train")
    assert again.names == bank.names
    drawn = [
        one.sample_surface(ids, 100, torch.Generator().manual_seed(3))[0] for one in (bank, again)
    ]
    assert torch.equal(*drawn)
