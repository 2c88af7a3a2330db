"""Stretched variants of shapes: what stays, what changes, and where they end up."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest
import trimesh
from click.testing import CliRunner
from numpy.typing import NDArray

from onet_core.errors import InputError
from onet_core.mesh.nearest import nearest_on_mesh
from training.data.build.__main__ import main
from training.data.build.normalise import make_triangles
from training.data.build.source import Entry, NormalisedShape
from training.data.build.variants import Variant, shortened, with_variants
from training.data.labelled import read_shape
from training.data.stretching import Stretch


@dataclass(frozen=True)
class InMemory(Entry):
    mesh: trimesh.Trimesh = field(kw_only=True)
    colours: NDArray[np.uint8] | None = field(default=None, kw_only=True)

    def load(self) -> NormalisedShape:
        made = make_triangles(self.mesh.vertices, self.mesh.faces, self.colours)
        return NormalisedShape(made, np.zeros(3), 1.0)


class Unreadable(Entry):
    def load(self) -> NormalisedShape:
        raise InputError("The file is empty.")


def entry(mesh: trimesh.Trimesh, name: str = "one", split: str = "train") -> InMemory:
    return InMemory("thing", name, split, "winding", "here", "CC0-1.0", "me", mesh=mesh)


def variant(mesh: trimesh.Trimesh, number: int = 1) -> trimesh.Trimesh:
    made = with_variants([entry(mesh)], number)[number].load().triangles
    return trimesh.Trimesh(made.vertices, made.faces, process=False)


@pytest.mark.parametrize("seed", range(20))
def test_a_stretch_keeps_order_and_is_the_same_on_both_sides(seed: int) -> None:
    stretch = Stretch.drawn(np.random.default_rng(seed))
    along = np.linspace(-0.5, 0.5, 300)
    mapped = stretch(np.stack([along] * 3, axis=1))
    slopes = np.diff(mapped, axis=0) / np.diff(along)[:, None]
    assert slopes.min() > 0.49
    assert slopes.max() < 2.02
    assert np.allclose(mapped[:, 0], -mapped[::-1, 0])
    assert np.allclose(stretch(np.zeros((1, 3))), 0)


def test_variants_fill_the_cube_again_and_differ() -> None:
    ball = trimesh.creation.icosphere(subdivisions=3, radius=0.5)
    extents = []
    for number in range(1, 5):
        made = variant(ball, number)
        assert np.ptp(made.vertices, axis=0).max() == pytest.approx(1)
        assert np.allclose(made.bounds.sum(axis=0), 0, atol=1e-9)
        assert made.is_watertight
        assert made.volume > 0
        extents.append(np.ptp(made.vertices, axis=0))
    assert np.ptp(extents, axis=0).max() > 0.05
    assert np.array_equal(variant(ball, 2).vertices, variant(ball, 2).vertices)


def test_boxes_stay_boxes() -> None:
    made = variant(trimesh.creation.box((1.0, 0.4, 0.6)))
    assert made.volume == pytest.approx(np.prod(np.ptp(made.vertices, axis=0)))


def test_what_is_symmetric_stays_symmetric() -> None:
    chair = trimesh.util.concatenate(
        [
            trimesh.creation.box((0.6, 0.1, 0.6)),
            trimesh.creation.box((0.1, 0.4, 0.1)).apply_translation((0.25, -0.25, 0.2)),
            trimesh.creation.box((0.1, 0.4, 0.1)).apply_translation((-0.25, -0.25, 0.2)),
        ]
    )
    made = variant(chair)
    mirrored = made.vertices * [-1, 1, 1]
    assert nearest_on_mesh(mirrored, made.vertices, made.faces).distances.max() < 1e-6


def test_long_slanted_edges_bend_along() -> None:
    """A slanted sheet of two triangles follows the stretch in between its corners too."""
    corners = [[-0.5, -0.5, 0], [0.5, 0.5, 0], [0.5, 0.5, 0.3], [-0.5, -0.5, 0.3]]
    sheet = trimesh.Trimesh(corners, [[0, 1, 2], [0, 2, 3]])
    vertices = variant(sheet).vertices
    ends = vertices[np.argsort(vertices[:, 0])][[0, -1]]
    straight = np.interp(vertices[:, 0], ends[:, 0], ends[:, 1])
    assert np.abs(vertices[:, 1] - straight).max() > 0.005


def test_faces_of_one_colour_get_one_colour() -> None:
    mesh = trimesh.creation.box((1.0, 1.0, 1.0))
    colours = np.repeat(np.array([[10, 20, 30], [200, 100, 0]], np.uint8), 6, axis=0)
    painted = 0
    for made in with_variants([InMemory("a", "b", "train", mesh=mesh, colours=colours)], 8)[1:]:
        triangles = made.load().triangles
        is_low = np.isin(np.arange(12), range(6))
        origin = trimesh.remesh.subdivide_to_size(
            mesh.vertices, mesh.faces, 0.12, max_iter=16, return_index=True
        )[2]
        for part in (is_low[origin], ~is_low[origin]):
            assert len(np.unique(triangles.colours[part], axis=0)) == 1
        painted += not np.isin(triangles.colours[:, 0], [10, 200]).all()
    assert 0 < painted < 8


def test_only_shapes_to_train_with_have_variants() -> None:
    mesh = trimesh.creation.box((1.0, 0.5, 0.5))
    entries = [entry(mesh, "a"), entry(mesh, "b", "val"), entry(mesh, "c", "test")]
    made = with_variants(entries, 2)
    assert made[:3] == entries
    names = [(one.name, one.split, one.method, one.licence) for one in made[3:]]
    assert names == [(f"a-stretched-{n}", "train", "winding", "CC0-1.0") for n in (1, 2)]
    assert with_variants(entries, 0) == entries


def test_an_unusable_shape_has_unusable_variants() -> None:
    broken = Variant("a", "b-stretched-1", "train", original=Unreadable("a", "b", "train"))
    with pytest.raises(InputError, match="empty"):
        broken.load()


def test_by_the_command_line(tmp_path: Path) -> None:
    for name in range(6):
        target = tmp_path / "meshes" / "box" / f"{name}.obj"
        target.parent.mkdir(parents=True, exist_ok=True)
        trimesh.creation.box((1.0, 0.3 + 0.1 * name, 0.5)).export(target)
    arguments = ["folder", str(tmp_path / "meshes"), "--output", str(tmp_path / "data")]
    arguments += ["--points", "4000", "--surface", "1000", "--views", "1", "--workers", "1"]
    result = CliRunner().invoke(main, [*arguments, "--variants", "1"])
    assert result.exit_code == 0, result.output
    lists = {
        split: (tmp_path / "data" / "box" / f"{split}.lst").read_text().split()
        for split in ("train", "val", "test")
    }
    originals = [name for name in lists["train"] if not name.endswith("-stretched-1")]
    assert sorted(lists["train"]) == sorted(
        [*originals, *(f"{name}-stretched-1" for name in originals)]
    )
    assert len(originals) + len(lists["val"]) + len(lists["test"]) == 6
    shape = read_shape(tmp_path / "data", "box", f"{originals[0]}-stretched-1")
    inside = shape.points[shape.occupancies > 0]
    # A box in a cube: half of its longest edge is 0.5, its middle the origin.
    assert np.abs(inside).max() == pytest.approx(0.5, abs=0.02)


def test_what_is_long_is_shortened_to_its_widths() -> None:
    rod, plank = trimesh.creation.box((0.1, 0.2, 1.0)), trimesh.creation.box((0.5, 0.1, 1.0))
    colours = np.full((12, 3), 9, np.uint8)
    rod_entry = InMemory("thing", "rod", "test", "winding", mesh=rod, colours=colours)
    short, same = shortened([rod_entry, entry(plank)], 3.5)
    found = short.load().triangles
    # 0.1 by 0.2 by 0.35, and the longest edge 1 again.
    assert np.allclose(np.ptp(found.vertices, axis=0), np.array((0.1, 0.2, 0.35)) / 0.35)
    assert np.array_equal(found.colours, colours)
    assert (short.name, short.split, short.method) == ("rod", "test", "winding")
    assert np.array_equal(same.load().triangles.vertices, plank.vertices)
    assert shortened([rod_entry], None) == [rod_entry]


def test_variants_of_what_is_shortened_are_no_rods_either() -> None:
    rod = trimesh.creation.box((0.1, 0.1, 1.0))
    stretched = with_variants(shortened([entry(rod)], 2.0), 1)[1].load().triangles
    width, _, length = np.ptp(stretched.vertices, axis=0)
    assert 0.2 < width / length < 1
