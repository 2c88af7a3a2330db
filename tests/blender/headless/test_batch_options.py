"""Work without a window offers what the panel offers: colours, places, presets, shape keys."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import bpy
import numpy as np
import pytest
from mathutils import Matrix, Vector
from numpy.typing import NDArray

from onet_blender.headless import batch_job, command_line
from onet_blender.headless import options as batch_options
from onet_blender.headless.picture_inputs import masks_of, with_mask
from onet_blender.scene import reconstruction, scene_io
from onet_core.inputs.frame import UP_AXES
from onet_core.results import ResultFolder
from onet_core.settings import TABLE, Settings

pytestmark = pytest.mark.usefixtures("shared_worker")

CUBES = {"points": "cube_points", "voxels": "cube_voxels", "image": "cube_picture"}

# Where each property of an operator is in the batch if not under its own name, or why it is not
# there.
NO_FILE = "about datablocks, of which there are none yet"
NO_WINDOW = "there is no source that could be hidden"
ELSEWHERE = {
    "reconstruct": {
        "source": "--input",
        "picture": "--input",
        "mask": "--masks",
        "target": NO_FILE,
        "hide_source": NO_WINDOW,
        "sample_surface": "whether a mesh is points, --kind says",
    },
    "generate": {"spacing": "each shape has a file of its own", "replace": NO_FILE},
    "morph": {},
}
OPERATORS = {
    "reconstruct": ("onet.reconstruct",),
    "generate": ("onet.generate",),
    "morph": ("onet.morph", "onet.bake_morph"),
}


def properties_of(operator: str) -> set[str]:
    """What a caller may give, less the check boxes that only show whether a value is given."""
    kind = getattr(bpy.ops.onet, operator.removeprefix("onet.")).get_rna_type()
    names = {item.identifier for item in kind.properties} - {"rna_type"}
    return names - {f"use_{name}" for name in names}


@pytest.mark.parametrize("command", ELSEWHERE)
def test_every_option_of_the_panel_is_there(command: str) -> None:
    known = ELSEWHERE[command]
    found = set().union(*(properties_of(operator) for operator in OPERATORS[command]))
    wanted = {known.get(name, f"--{name.replace('_', '-')}") for name in found}
    offered = {
        word
        for action in batch_options.make_parser(command, "test")._actions
        for word in action.option_strings
    }
    assert {option for option in wanted if option.startswith("--")} <= offered


def test_presets_are_the_panels() -> None:
    choices = bpy.context.scene.onet
    given = ["--input", "x", "--output", "y"]
    for quality in ("DRAFT", "STANDARD", "HIGH"):
        choices.quality = quality
        parsed = batch_options.parse("reconstruct", [*given, "--quality", quality.lower()], "test")
        for name in ("resolution", "refinement_steps"):
            assert getattr(parsed, name) == TABLE[name].unpacked(getattr(choices, name))
    more = ["--quality", "high", "--resolution", "40", "--refinement-steps", "0"]
    parsed = batch_options.parse("reconstruct", [*given, *more], "test")
    assert (parsed.resolution, parsed.refinement_steps) == (40, 0)
    # By itself refinement follows simplification, in every front end.
    parsed = batch_options.parse("reconstruct", [*given, "--faces", "100"], "test")
    assert parsed.refinement_steps is None
    asked = reconstruction.options(choices=vars(parsed))["settings"]
    assert Settings.of(asked).refinement == 30


# Colours


def write_box(path: Path) -> None:
    """A box of which what is right (x > 0) is red and the rest is blue."""
    corners = [(x, y, z) for x in (-1, 1) for y in (-1, 1) for z in (-1, 1)]
    quads = [(0, 1, 3, 2), (4, 6, 7, 5), (0, 4, 5, 1), (2, 3, 7, 6), (0, 2, 6, 4), (1, 5, 7, 3)]
    colours = [(1, 0, 0) if x > 0 else (0, 0, 1) for x, _, _ in corners]
    if path.suffix == ".obj":
        lines = [
            "v " + " ".join(map(str, place + colour))
            for place, colour in zip(corners, colours, strict=True)
        ]
        lines += ["f " + " ".join(str(corner + 1) for corner in quad) for quad in quads]
    else:
        lines = ["ply", "format ascii 1.0", "element vertex 8"]
        lines += [f"property float {axis}" for axis in "xyz"]
        lines += [f"property uchar {name}" for name in ("red", "green", "blue")]
        lines += ["element face 6", "property list uchar int vertex_indices", "end_header"]
        for place, colour in zip(corners, colours, strict=True):
            lines.append(" ".join(map(str, (*place, *(255 * part for part in colour)))))
        lines += ["4 " + " ".join(map(str, quad)) for quad in quads]
    path.write_text("\n".join(lines) + "\n")


def reconstruct(path: Path, models: Path, kind: str, *more: str, form: str = "blend") -> Path:
    """The result's file."""
    out = path.parent / "out"
    model = models / f"{CUBES[kind]}.safetensors"
    given = ["--input", str(path), "--output", str(out), "--kind", kind, "--format", form]
    given += ["--model", str(model), "--resolution", "24", "--overwrite", *more]
    assert command_line.run(["reconstruct", *given]) == 0
    return out / f"{path.stem}.{form}"


def opened(path: Path) -> bpy.types.Object:
    """The only mesh of a file."""
    bpy.ops.wm.read_homefile(use_empty=True, use_factory_startup=True)
    if path.suffix == ".blend":
        bpy.ops.wm.open_mainfile(filepath=str(path))
    elif path.suffix == ".glb":
        bpy.ops.import_scene.gltf(filepath=str(path))
    else:
        getattr(bpy.ops.wm, f"{path.suffix[1:]}_import")(filepath=str(path))
    bpy.context.view_layer.update()
    (made,) = [item for item in bpy.data.objects if item.type == "MESH"]
    return made


def seen_of(made: bpy.types.Object) -> scene_io.Cloud:
    return scene_io.read_cloud(made, bpy.context.evaluated_depsgraph_get())()


def assert_red_is_right(cloud: scene_io.Cloud) -> None:
    assert cloud.colours is not None
    right, left = cloud.points[:, 0] > 0.1, cloud.points[:, 0] < -0.1
    assert (cloud.colours[right] @ [1, 0, -1] > 0).mean() > 0.9
    assert (cloud.colours[left] @ [1, 0, -1] < 0).mean() > 0.9


@pytest.mark.parametrize("kind", ["points", "voxels"])
@pytest.mark.parametrize("suffix", [".ply", ".obj"])
def test_colours_of_files_are_those_of_results(
    models: Path, tmp_path: Path, suffix: str, kind: str
) -> None:
    box = tmp_path / f"box{suffix}"
    write_box(box)
    made = seen_of(opened(reconstruct(box, models, kind)))
    assert_red_is_right(made)
    # As where the file was read without its colours.
    plain = seen_of(opened(reconstruct(box, models, kind, "--no-colours")))
    assert plain.colours is None
    np.testing.assert_allclose(made.points.min(0), plain.points.min(0), atol=0.02)
    np.testing.assert_allclose(made.points.max(0), plain.points.max(0), atol=0.02)


@pytest.mark.parametrize("form", ["glb", "obj", "ply"])
def test_files_of_results_keep_their_colours(models: Path, tmp_path: Path, form: str) -> None:
    box = tmp_path / "box.ply"
    write_box(box)
    assert_red_is_right(seen_of(opened(reconstruct(box, models, "points", form=form))))


@pytest.mark.parametrize("kind", ["points", "voxels"])
def test_colours_of_gltf_are_those_of_results(models: Path, tmp_path: Path, kind: str) -> None:
    """As Blender writes them, linear."""
    box = tmp_path / "box.ply"
    write_box(box)
    opened(box)
    bpy.ops.export_scene.gltf(
        filepath=str(tmp_path / "box.glb"),
        **({"export_vertex_color": "ACTIVE"} if bpy.app.version >= (4, 3) else {}),
    )
    assert_red_is_right(seen_of(opened(reconstruct(tmp_path / "box.glb", models, kind))))


@pytest.mark.parametrize("suffix", [".xyz", ".npy"])
def test_colours_of_lists_of_points_are_those_of_results(
    models: Path, tmp_path: Path, suffix: str
) -> None:
    points = np.random.default_rng(0).uniform(-1, 1, (300, 3))
    colours = np.where(points[:, :1] > 0, [[255, 0, 0]], [[0, 0, 255]])
    path = tmp_path / f"scan{suffix}"
    rows = np.concatenate([points, colours], axis=1)
    if suffix == ".npy":
        np.save(path, rows)
    else:
        np.savetxt(path, rows)
    made = seen_of(opened(reconstruct(path, models, "points", "--crop-outliers")))
    assert_red_is_right(made)
    assert seen_of(opened(reconstruct(path, models, "points", "--no-colours"))).colours is None


# Places


@pytest.fixture
def picture(tmp_path: Path) -> Path:
    """A grey square on white."""
    image = bpy.data.images.new("square", 32, 32)
    pixels = np.ones((32, 32, 4), dtype=np.float32)
    pixels[8:24, 8:24, :3] = 0.3
    image.pixels.foreach_set(pixels.ravel())
    image.file_format, image.filepath_raw = "PNG", str(tmp_path / "square.png")
    image.save()
    return tmp_path / "square.png"


def add_camera(angle: float) -> None:
    """A camera that many radians from the front (-y), counter-clockwise from above."""
    made = bpy.data.objects.new("camera", bpy.data.cameras.new("camera"))
    bpy.context.scene.collection.objects.link(made)
    made.matrix_world = Matrix.Rotation(angle, 4, "Z") @ Matrix.Translation((0, -5, 1))
    bpy.context.scene.camera = made
    bpy.context.view_layer.update()


def corners_of(made: bpy.types.Object) -> NDArray[Any]:
    return seen_of(made).points


def test_pictures_stand_on_the_floor_or_face_the_camera(models: Path, picture: Path) -> None:
    straight = corners_of(opened(reconstruct(picture, models, "image")))
    np.testing.assert_allclose(straight[:, 2].min(), 0, atol=1e-6)
    bpy.ops.wm.read_homefile(use_empty=True, use_factory_startup=True)
    angle = math.radians(30)
    add_camera(angle)
    turned = corners_of(opened(reconstruct(picture, models, "image", "--pose", "camera")))
    expected = straight @ np.array(Matrix.Rotation(angle, 3, "Z")).T
    np.testing.assert_allclose(turned.min(0), expected.min(0), atol=1e-5)
    np.testing.assert_allclose(turned.max(0), expected.max(0), atol=1e-5)


def test_no_camera_to_face_is_bad_usage(
    models: Path, picture: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bpy.ops.wm.read_homefile(use_empty=True, use_factory_startup=True)
    given = ["--input", str(picture), "--output", str(picture.parent / "out"), "--pose", "camera"]
    assert command_line.run(["reconstruct", *given]) == 2
    assert "no active camera" in capsys.readouterr().out


def test_how_well_it_fits_is_told(
    models: Path, picture: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    box = picture.parent / "box.ply"
    write_box(box)
    reconstruct(box, models, "points")
    assert "of the points lie within 1 % of the size" in capsys.readouterr().out
    reconstruct(picture, models, "image")
    assert "The plain background was removed" in capsys.readouterr().out


@pytest.mark.parametrize("axis", UP_AXES)
def test_results_stand_upright_whatever_is_up_in_the_file(axis: str) -> None:
    turn = batch_job.upright(axis)
    up = Vector([1.0 if axis[-1] == name else 0.0 for name in "xyz"])
    up = -up if axis.startswith("-") else up
    np.testing.assert_allclose(turn @ up, [0, 0, 1], atol=1e-6)
    assert turn.determinant() == pytest.approx(1)
    # What is z-up already stays, and y-up is turned as Blender's importers do.
    expected = {"z": Matrix.Identity(4), "y": Matrix.Rotation(math.pi / 2, 4, "X")}
    if axis in expected:
        np.testing.assert_allclose(turn, expected[axis], atol=1e-6)


# Morphs


@pytest.mark.parametrize("form", ["blend", "glb"])
def test_a_morph_becomes_shape_keys(models: Path, tmp_path: Path, form: str) -> None:
    given = ["--seeds", "1", "2", "--steps", "3", "--output", str(tmp_path), "--resolution", "16",
             "--model", str(models / "cube_seed.safetensors")]  # fmt: skip
    assert command_line.run(["morph", *given, "--form", "shape-keys", "--format", form]) == 0
    made = opened(tmp_path / f"morph-1-2.{form}")
    keys = made.data.shape_keys
    assert len(keys.key_blocks) == 3
    assert keys.animation_data is not None
    there = [path for path in tmp_path.iterdir() if not path.name.startswith(".")]
    assert [path.suffix for path in there] == [f".{form}"]


def test_shape_keys_need_a_format_that_has_them(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    given = ["--seeds", "1", "2", "--output", str(tmp_path), "--form", "shape-keys"]
    assert command_line.run(["morph", *given, "--format", "stl"]) == 2
    assert "only blend and glb" in capsys.readouterr().err


def test_invented_shapes_stand_on_the_floor(models: Path, tmp_path: Path) -> None:
    given = ["--output", str(tmp_path), "--resolution", "16", "--format", "blend",
             "--model", str(models / "cube_seed.safetensors")]  # fmt: skip
    assert command_line.run(["generate", *given]) == 0
    heights = corners_of(opened(tmp_path / "seed-0000.blend"))[:, 2]
    assert abs(heights.min()) < 1e-6


def test_what_concerns_clouds_reaches_the_worker(tmp_path: Path) -> None:
    scan = tmp_path / "scan.xyz"
    scan.write_text("0 0 0\n1 1 1\n")
    for flags, wanted in (
        ([], {"symmetry": True, "denoise": True, "snap": True}),
        (
            ["--no-symmetry", "--no-denoise", "--no-snap"],
            {"symmetry": False, "denoise": False, "snap": False},
        ),
    ):
        given = ["--input", str(scan), "--output", str(tmp_path / "out"), *flags]
        chosen = batch_options.parse("reconstruct", given, "batch.py")
        params = reconstruction.options(choices=vars(chosen))
        (task,) = batch_job.reconstruct_tasks(chosen, params)
        assert wanted.items() <= task.params["settings"].items()


def test_masks_are_taken_and_kept(tmp_path: Path) -> None:
    masks, kept = tmp_path / "masks", tmp_path / "kept"
    masks.mkdir()
    for name in ("cup.png", "scan.ply"):
        (tmp_path / name).write_bytes(b"")
        (masks / name).with_suffix(".png").write_bytes(b"")
    given = ["--input", str(tmp_path), "--output", str(tmp_path / "out"), "--masks", str(masks)]
    options = batch_options.parse("reconstruct", [*given, "--save-masks", str(kept)], "batch.py")
    results = ResultFolder(options.output)
    found = masks_of(options)
    assert kept.is_dir()
    asked, used = with_mask(tmp_path / "cup.png", found, options, {"cut_out_file": "/no"}, results)
    assert asked == {"save_mask": str(kept / "cup.png"), "mask": str(masks / "cup.png")}
    assert used["can_cut_out"] is False
    # Whether photographs can be cut out changes nothing about scans.
    asked, used = with_mask(tmp_path / "scan.ply", {}, options, {}, results)
    assert not asked
    assert not used
