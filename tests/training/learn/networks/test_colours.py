"""A texture field: its candidates against what is true, its colours, and that learning goes on."""

from __future__ import annotations

import json
import warnings
from functools import partial
from pathlib import Path

import numpy as np
import torch
import trimesh
from click.testing import CliRunner

from onet_core.mesh.normals import face_based_normals
from onet_core.models.pictures.painting import from_nearest
from onet_core.models.pictures.texture.candidates import KIND_OF, PLAIN, candidates
from onet_core.models.pictures.texture.network import TextureField
from onet_core.models.pictures.texture.painted import textured
from training.data.build.normalise import make_triangles
from training.learn.colours.__main__ import main
from training.measure.colours.comparison import compare
from training.measure.colours.perceptual import distance
from training.measure.colours.views import ColouredShape
from training.measure.colours.ways import from_field

RED, BLUE = (200, 30, 30), (30, 30, 200)


def two_coloured() -> ColouredShape:
    """A long box, its upper half red, its lower half blue."""
    mesh = trimesh.creation.box([0.4, 0.6, 1.0]).subdivide().subdivide()
    high = mesh.triangles_center[:, 1] > 0
    colours = np.where(high[:, None], RED, BLUE)
    return ColouredShape(make_triangles(mesh.vertices, mesh.faces, colours), "box/one")


def test_candidates_are_colours_that_the_object_shows() -> None:
    shape = two_coloured()
    _, _, look = shape.look(0, is_lit=False)
    hidden = look.weights[:, 0] == 0
    assert 0.2 < hidden.mean() < 0.9
    asked = np.flatnonzero(hidden)[::7]
    found = candidates(look, face_based_normals(look.vertices, shape.faces), asked)
    assert found.colours.shape == (len(asked), len(KIND_OF), 3)
    plain = from_nearest(look.vertices, *look.blended())[asked] / 255
    np.testing.assert_allclose(found.colours[:, KIND_OF == PLAIN][:, 0], plain, atol=1e-6)
    # Far from the border between the colours one of the candidates is right.
    true = np.where(look.vertices[asked, 1:2] > 0, RED, BLUE) / 255
    clear = np.abs(look.vertices[asked, 1]) > 0.1
    nearest = np.abs(found.colours - true[:, None]).mean(2).min(1)
    assert nearest[clear].max() < 0.05
    assert np.isfinite(found.about).all()
    assert np.isfinite(found.places).all()


def test_an_object_of_one_colour_stays_so_without_a_word() -> None:
    mesh = trimesh.creation.box([0.4, 0.6, 1.0]).subdivide().subdivide()
    colours = np.tile(RED, (len(mesh.faces), 1))
    shape = ColouredShape(make_triangles(mesh.vertices, mesh.faces, colours), "box/one")
    picture, shown, look = shape.look(0, is_lit=False)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        made = textured(look, face_based_normals(look.vertices, shape.faces), picture, shown)
    np.testing.assert_allclose(made, np.tile(RED, (len(made), 1)), atol=3)


def test_colours_are_a_mix_of_the_candidates_and_begin_as_the_plain_ones() -> None:
    torch.manual_seed(0)
    field = TextureField().eval()
    count = len(KIND_OF)
    given = (
        torch.rand(2, 4, 64, 64), torch.randn(2, 5, 15), torch.randn(2, 5, count, 12),
        torch.rand(2, 5, count, 3),
    )  # fmt: skip
    with torch.no_grad():
        shares, made = field.shares(*given), field(*given)
    torch.testing.assert_close(shares.sum(2), torch.ones(2, 5))
    assert (made <= given[3].amax(2) + 1e-6).all()
    assert (made >= given[3].amin(2) - 1e-6).all()
    assert (shares.argmax(2) == int(np.flatnonzero(KIND_OF == PLAIN)[0])).float().mean() > 0.5


def test_distances_of_features() -> None:
    one = [torch.rand(1, 4, 3, 3), torch.rand(1, 8, 2, 2)]
    assert distance(one, one) == 0
    # Only directions count.
    assert distance([3 * part for part in one], one) < 1e-6
    opposite = [-part for part in one]
    assert abs(distance(opposite, one) - 8) < 1e-4


def test_learning_goes_on_and_its_weights_colour_a_mesh(tmp_path: Path) -> None:
    source, out = tmp_path / "shapes", tmp_path / "out"
    (source / "shapes" / "box").mkdir(parents=True)
    mesh = trimesh.creation.box([0.4, 0.6, 1.0]).subdivide().subdivide()
    high = mesh.triangles_center[:, 1] > 0
    rows = ["id,category,split,inside_method"]
    for split in ("train", "val"):
        np.savez(
            source / "shapes" / "box" / f"{split}.npz",
            vertices=np.rint((mesh.vertices + 0.5) * 65535).astype(np.uint16),
            faces=mesh.faces,
            colours=np.where(high[:, None], RED, BLUE).astype(np.uint8),
        )
        rows.append(f"{split},box,{split},winding")
    (source / "index.csv").write_text("\n".join(rows) + "\n", encoding="utf-8")
    for steps in (3, 6):
        asked = ["--source", str(source), "--out", str(out), "--steps", str(steps)]
        done = CliRunner().invoke(main, asked, catch_exceptions=False)
        assert done.exit_code == 0
    log = json.loads((out / "texture.json").read_text(encoding="utf-8"))["log"]
    assert [line["step"] for line in log] == [3, 6]
    shape = two_coloured()
    found = compare(
        shape, {"field": partial(from_field, weights=out / "texture.safetensors")}, is_lit=False
    )
    assert found is not None
    assert found[0][0].error < 0.1
