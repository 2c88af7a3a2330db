"""Shapes made by generators: their form, going on after a stop, and what is said when not."""

from __future__ import annotations

import csv
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import trimesh
from click.testing import CliRunner
from some_blender import BLENDER, has_bpy

from onet_core.errors import InputError, OnetError
from training.data.build.shapes import list_indexed_shapes
from training.data.sources import __main__ as command
from training.data.sources.procedural import environment, make
from training.data.sources.procedural.generators import GENERATORS, Generator, find_generators
from training.data.sources.procedural.make import make_shapes

THING = Generator("thing", "cabinet", "infinigen.assets.objects.things", "ThingFactory")

# Stands for the generators' Python: a block of 1 x 2 x 4 with a fin in front, at +x, whose faces
# look inwards; what it does at a seed is said by the seed. It counts how often it was started.
PRETENDER = """#!{python}
import json, os, pathlib, sys, time
import numpy as np
folder = pathlib.Path(sys.argv[-1])
assert sys.argv[1] == "-P" and os.environ["BLENDER_USER_RESOURCES"].startswith(str(folder))
jobs = json.loads((folder / "jobs.json").read_text())
with open({log!r}, "a") as log:
    print(*jobs["seeds"], file=log)
(folder / "begun.txt").touch()
for seed in jobs["seeds"]:
    if seed == 11:
        (folder / "11.txt").write_text("ValueError: no chair today")
    elif seed == 12:
        sys.exit("out of memory.")
    elif seed == 13:
        time.sleep(60)
    elif seed == 14:
        flat = np.array([[0, 0, 0], [1, 0, 0], [0, 1, 0.0]])
        ones = np.zeros((1, 3), int) + [0, 1, 2]
        np.savez(folder / "14.npz", vertices=flat, faces=ones, materials=np.zeros(1, int))
    elif seed == 15:
        faces = np.tile([[0, 1, 2]], (2651, 1))
        np.savez(folder / "15.npz", vertices=np.eye(3), faces=faces, materials=faces[:, 0])
    else:
        np.savez(folder / f"{{seed}}.npz", **np.load({block!r}))
"""


@pytest.fixture
def python(tmp_path: Path) -> Path:
    block = trimesh.creation.box([1, 2, 4])
    fin = trimesh.creation.box([0.5, 0.1, 1])
    fin.apply_translation([0.75, 0, 1])
    fin.invert()
    whole = trimesh.util.concatenate([block, fin])
    whole.apply_translation([5, 6, 7])
    np.savez(
        tmp_path / "block.npz",
        vertices=whole.vertices,
        faces=whole.faces,
        materials=np.repeat([4, 7], 12),
    )
    program = tmp_path / "python"
    program.write_text(
        PRETENDER.format(
            python=sys.executable,
            log=str(tmp_path / "log.txt"),
            block=str(tmp_path / "block.npz"),
        )
    )
    program.chmod(0o755)
    return program


def starts(python: Path) -> list[str]:
    return (python.parent / "log.txt").read_text().splitlines()


def test_shapes_are_stored_as_data_sets_are_built_from_them(python: Path, tmp_path: Path) -> None:
    output = tmp_path / "made"
    assert make_shapes(THING, range(3), output, python) == []
    entries = list_indexed_shapes(output)
    assert [entry.name for entry in entries] == [f"proc-thing-000{seed}" for seed in range(3)]
    assert {(e.category, e.split, e.method, e.licence) for e in entries} == {
        ("cabinet", "train", "winding", "CC0-1.0")
    }
    with (output / "index.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert rows[1]["name"] == "ThingFactory(1)"
    assert {row["group"] for row in rows} == {"proc-thing"}
    # No run leaves anything unpacked.
    assert {path.name for path in output.iterdir()} == {"index.csv", "left_out.csv", "shapes"}

    shape = entries[0].load().triangles
    # Up was z, the front x: of 1 x 2 x 4 with a fin of a half, y is 4 long, x is 2, z is 1.5.
    extents = np.ptp(shape.vertices, axis=0)
    np.testing.assert_allclose(extents, [0.5, 1, 0.375], atol=1e-4)
    front = shape.vertices[shape.vertices[:, 2] < -0.15]
    assert np.ptp(front[:, 0]) < 0.05  # it is the fin that is in front, at -z
    assert front[:, 1].mean() > 0.2  # and it was above the middle
    # Both parts look outwards: their volumes add up.
    parts = trimesh.Trimesh(shape.vertices, shape.faces)
    assert parts.volume * 64 == pytest.approx(1 * 2 * 4 + 0.5 * 0.1 * 1, rel=1e-3)
    # A colour for each material, others for the next shape, and the same when made again.
    assert len(np.unique(shape.colours, axis=0)) == 2
    other = entries[1].load().triangles
    assert not np.array_equal(np.unique(other.colours, axis=0), np.unique(shape.colours, axis=0))
    make_shapes(THING, range(1), tmp_path / "again", python)
    first, again = (
        (folder / "shapes" / "cabinet" / "proc-thing-0000.npz").read_bytes()
        for folder in (output, tmp_path / "again")
    )
    assert first == again


def test_tables_have_their_long_side_sideways(python: Path, tmp_path: Path) -> None:
    with np.load(tmp_path / "block.npz") as content:
        arrays = dict(content)
    table = Generator("table", "table", THING.module, "TableFactory")
    make_shapes(table, range(1), tmp_path / "made", python)  # 1.5 deep, 2 wide
    arrays["vertices"] *= [2, 1, 1]  # 3 deep, 2 wide
    np.savez(tmp_path / "block.npz", **arrays)
    make_shapes(table, range(1, 2), tmp_path / "made", python)
    wide, deep = (entry.load().triangles for entry in list_indexed_shapes(tmp_path / "made"))
    np.testing.assert_allclose(np.ptp(wide.vertices, axis=0), [0.5, 1, 0.375], atol=1e-4)
    np.testing.assert_allclose(np.ptp(deep.vertices, axis=0), [0.75, 1, 0.5], atol=1e-4)
    assert trimesh.Trimesh(deep.vertices, deep.faces).volume > 0


def test_a_run_goes_on_where_another_one_ended(python: Path, tmp_path: Path) -> None:
    output = tmp_path / "made"
    make_shapes(THING, range(2), output, python)
    make_shapes(THING, range(1, 4), output, python)
    other = Generator("other", "sofa", THING.module, "OtherFactory")
    make_shapes(other, range(1), output, python)
    assert starts(python) == ["0 1", "2 3", "0"]
    names = [entry.name for entry in list_indexed_shapes(output)]
    assert names == ["proc-other-0000", *[f"proc-thing-000{seed}" for seed in range(4)]]
    # One that was lost is made again.
    (output / "shapes" / "cabinet" / "proc-thing-0002.npz").unlink()
    make_shapes(THING, range(4), output, python)
    assert starts(python)[-1] == "2"
    assert len(list_indexed_shapes(output)) == 5


def test_seeds_without_a_shape_are_told_and_the_others_go_on(
    python: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(make, "_LONGEST", 1.0)
    output = tmp_path / "made"
    seeds = [10, 11, 12, 14, 15, 16, 13, 17]
    reasons = {one.id[-2:]: one.reason for one in make_shapes(THING, seeds, output, python)}
    assert reasons == {
        "11": "ValueError: no chair today",
        "12": "out of memory",
        "13": "it took longer than 5 s",
        "14": "Neither winding numbers nor a flood fill find an inside",
        "15": "it has 2651 faces still",
    }
    assert [entry.name[-2:] for entry in list_indexed_shapes(output)] == ["10", "16", "17"]
    # They are remembered, and not tried again.
    count = len(starts(python))
    assert len(make_shapes(THING, seeds, output, python)) == 5
    assert len(starts(python)) == count


def test_generators_that_cannot_be_run_are_told_once(python: Path, tmp_path: Path) -> None:
    python.write_text("#!/bin/sh\necho 'No module named infinigen.' >&2\nexit 1\n")
    with pytest.raises(OnetError, match=r"generator thing: No module named infinigen\.$"):
        make_shapes(THING, range(30), tmp_path / "made", python)
    with pytest.raises(OnetError, match=r"generator thing: No such file or directory\.$"):
        make_shapes(THING, range(30), tmp_path / "made", tmp_path / "nowhere")


def test_a_folder_of_other_shapes_is_left_alone(python: Path, tmp_path: Path) -> None:
    (tmp_path / "index.csv").write_text("id,category,split,inside_method\na,chair,train,winding\n")
    with pytest.raises(InputError, match=r"index\.csv is of other shapes: give a folder"):
        make_shapes(THING, range(1), tmp_path, python)
    assert not (tmp_path / "log.txt").exists()
    (tmp_path / "index.csv").unlink()
    (tmp_path / "left_out.csv").write_bytes(b"id\n\xff\n")
    with pytest.raises(InputError, match=r"left_out\.csv can't be read"):
        make_shapes(THING, range(1), tmp_path, python)


def test_the_command_asks_before_it_downloads_and_says_what_came_of_it(
    python: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = tmp_path / "environment"
    monkeypatch.setitem(GENERATORS, "thing", THING)
    monkeypatch.setattr(command, "make_environment", lambda folder: folder.mkdir())
    monkeypatch.setattr(command, "python_of", lambda folder: python)
    arguments = ["procedural", "--output", str(tmp_path / "made"), "--generator", "thing"]
    arguments += ["--count", "3", "--seed", "10", "--environment", str(made)]
    assert CliRunner().invoke(command.main, arguments, input="n\n").exit_code == 1
    assert not made.exists()
    done = CliRunner().invoke(command.main, [*arguments, "--yes"])
    assert made.exists()
    assert done.exit_code == 0
    assert "proc-thing-0011: ValueError: no chair today." in done.output
    assert "proc-thing-0012: out of memory." in done.output
    assert "1 of 3 shapes are in" in done.output
    unknown = CliRunner().invoke(command.main, [*arguments, "--generator", "throne"])
    assert unknown.exit_code == 2
    assert "no generator throne; there are chair, office-chair" in unknown.output


def test_the_environment_holds_the_packages_that_are_named_and_no_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ran: list[list[str]] = []

    def run(words: list[str], **options: object) -> subprocess.CompletedProcess[str]:
        assert not options.get("shell")
        ran.append(words)
        (tmp_path / "bin").mkdir(exist_ok=True)
        return subprocess.CompletedProcess(words, len(ran) == 2, "", "one\nno such version.\n")

    monkeypatch.setattr(environment.subprocess, "run", run)
    monkeypatch.setattr(environment.sys, "version_info", (3, 12, 0))
    with pytest.raises(OnetError, match=r"needs Python 3\.11"):
        environment.make_environment(tmp_path)
    monkeypatch.setattr(environment.sys, "version_info", (3, 11, 0))
    with pytest.raises(OnetError, match=r"could not be made: no such version\.$"):
        environment.make_environment(tmp_path)
    assert not environment.is_made(tmp_path)
    environment.make_environment(tmp_path)
    assert environment.is_made(tmp_path)
    assert ran[0][1:] == ["-m", "venv", str(tmp_path)]
    assert {"--no-deps", "--only-binary"} < set(ran[-1])
    lines = environment.REQUIREMENTS.read_text(encoding="utf-8").splitlines()
    names = [line for line in lines if not line.startswith("#")]
    assert all(line.count("==") == 1 for line in names)
    assert "infinigen==1.15.5" in names
    monkeypatch.setattr(environment, "REQUIREMENTS", tmp_path / "bin" / "other.txt")
    environment.REQUIREMENTS.write_text("infinigen==2")
    assert not environment.is_made(tmp_path)


def test_generators_have_names_of_their_own() -> None:
    assert len({(one.module, one.factory) for one in GENERATORS.values()}) == len(GENERATORS)
    assert [one.name for one in find_generators(("sofa", "chair", "sofa"))] == ["sofa", "chair"]
    assert GENERATORS["chair"].shape(7) == "proc-chair-0007"


# As Infinigen's factories are used: one object, with children and modifiers.
FACTORY = """
import bpy

def box(name, size, place, colour):
    bpy.ops.mesh.primitive_cube_add(size=1)
    made = bpy.context.object
    made.scale = size
    made.location = place
    made.data.materials.append(bpy.data.materials.new(colour))
    return made

class ThingFactory:
    def __init__(self, seed):
        self.seed = seed

    def spawn_asset(self, number):
        if self.seed == 1:
            raise ValueError("nothing grew")
        if self.seed == 2:
            bpy.ops.mesh.primitive_ico_sphere_add(subdivisions=6)
            return bpy.context.object
        block = box("block", (1, 2, 4), (3, 0, 0), "red")
        # A second one above it, half a block away, which only the modifier makes.
        block.modifiers.new("two", "ARRAY").relative_offset_displace = (0, 0, 1.5)
        fin = box("fin", (0.5, 0.1, 1), (0.75, 0, 1), "blue")
        fin.parent = block
        return block
"""


def test_what_a_generator_made_is_taken_as_blender_shows_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not has_bpy(BLENDER):
        pytest.skip(f"{BLENDER} has no bpy.")
    for package, text in (
        ("infinigen", ""),
        ("infinigen/core", ""),
        ("infinigen/assets", ""),
        ("infinigen/assets/objects", ""),
    ):
        (tmp_path / package).mkdir()
        (tmp_path / package / "__init__.py").write_text(text)
    (tmp_path / "infinigen" / "core" / "init.py").write_text("require_blender_addon = None\n")
    (tmp_path / "infinigen" / "assets" / "objects" / "things.py").write_text(FACTORY)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    output = tmp_path / "made"
    (left_out,) = make_shapes(THING, range(3), output, Path(BLENDER))
    assert left_out.reason == "ValueError: nothing grew"
    block, ball = (entry.load().triangles for entry in list_indexed_shapes(output))
    # Two blocks of 1 x 2 x 4 with a gap of 2 between them; the fin reaches 0.5 out in front.
    np.testing.assert_allclose(np.ptp(block.vertices, axis=0) * 10, [2, 10, 1.5], atol=1e-3)
    assert len(block.faces) == 2 * 12 + 12
    assert len(np.unique(block.colours, axis=0)) == 2
    # 20,480 faces become 2,500 at most, and it stays a ball.
    assert 2000 < len(ball.faces) <= 2500
    volume = trimesh.Trimesh(ball.vertices, ball.faces).volume
    assert volume == pytest.approx(np.pi / 6, rel=0.01)
