"""Pictures from everywhere, what is taken from them, where the mesh stands; bad ones."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path

import bpy
import numpy as np
import pytest
from large_things import SECONDS_OF_STALL, longest
from mathutils import Matrix, Vector

from onet_blender import activity
from onet_blender.pictures import images as pictures
from onet_blender.pictures import render_copy
from onet_blender.scene import handwork, reconstruction
from onet_blender.scene.pieces import all_at_once
from onet_blender.scene.viewpoint import camera_turn
from onet_core.errors import InputError
from onet_core.pipeline.findings import BACKGROUNDS
from onet_core.sentences import Sentence


def add_picture(name: str = "photo", background: float = 1.0, alpha: float = 1.0):
    """A red square in the middle of a plain picture of 64 x 48 pixels."""
    image = bpy.data.images.new(name, 64, 48, alpha=True)
    pixels = np.full((48, 64, 4), background, dtype=np.float32)
    pixels[..., 3] = alpha
    pixels[12:36, 20:44] = (1, 0, 0, 1)
    image.pixels.foreach_set(pixels.ravel())
    return image


def add_mask(name: str = "mask") -> bpy.types.Image:
    image = bpy.data.images.new(name, 64, 48)
    pixels = np.zeros((48, 64, 4), dtype=np.float32)
    pixels[..., 3] = 1
    pixels[24:36, 20:44] = 1  # the upper half of the square
    image.pixels.foreach_set(pixels.ravel())
    return image


def reconstruct(models: Path, **arguments: object) -> bpy.types.Object:
    model = str(models / "cube_picture.safetensors")
    assert bpy.ops.onet.reconstruct(
        **{"kind": "IMAGE", "model": model, "resolution": 32, **arguments}
    ) == {"FINISHED"}
    return bpy.context.active_object


@pytest.mark.parametrize(
    ("alpha", "masked", "wording"),
    [(1.0, False, "plain"), (0.0, False, "transparent"), (1.0, True, "mask")],
)
def test_what_was_removed_is_told(models: Path, alpha: float, masked: bool, wording: str) -> None:
    add_picture(alpha=alpha)
    mask = add_mask().name if masked else ""
    made = reconstruct(models, picture="photo", mask=mask)
    assert made.onet.background == wording
    assert BACKGROUNDS[wording] in reconstruction.findings(made)
    assert made.onet.picture == bpy.data.images["photo"]
    assert made.onet.mask == (bpy.data.images["mask"] if masked else None)
    # Again, with the same picture and mask.
    bpy.context.scene.onet.resolution = 16
    assert bpy.ops.onet.reconstruct_again() == {"FINISHED"}
    assert bpy.context.active_object == made
    assert made.onet.background == wording


def seen_pixels() -> np.ndarray:
    preview = pictures._previews[pictures.SEEN]
    values = np.array(preview.image_pixels_float[:]).reshape(*preview.image_size, 4)
    return values[::-1]


def test_what_the_network_sees_is_shown(runtime_python: str) -> None:
    pictures.forget_seen()
    assert pictures.seen_icon() == 0
    choices = bpy.context.scene.onet
    assert not bpy.ops.onet.look.poll()
    choices.picture, choices.mask = add_picture(), add_mask()
    before = bpy.data.images.keys()
    assert bpy.ops.onet.look() == {"FINISHED"}
    assert bpy.data.images.keys() == before
    message = str(activity.message("onet.look"))
    assert message.endswith(str(BACKGROUNDS["mask"]))
    assert "only 24 x 12 pixels" in message
    shown = seen_pixels()
    assert shown.shape == (224, 224, 4)
    # What the mask leaves, twice as wide as high, takes 80 % of the width.
    red = shown[..., 1] < 0.5
    rows, columns = np.flatnonzero(red.any(1)), np.flatnonzero(red.any(0))
    assert np.ptp(columns) == pytest.approx(0.8 * 224, abs=3)
    assert np.ptp(rows) == pytest.approx(0.4 * 224, abs=3)
    # All of that is about this picture.
    choices.picture = add_picture("another")
    assert pictures.seen_icon() == 0
    assert not activity.message("onet.look")


@pytest.mark.parametrize("changed", ["picture", "source", "input_kind"])
def test_what_came_out_is_not_told_of_another_input(changed: str) -> None:
    activity.tell("onet.reconstruct", Sentence("photo (ONet): 100 faces"))
    values = {"picture": add_picture(), "source": None, "input_kind": "VOXELS"}
    setattr(bpy.context.scene.onet, changed, values[changed])
    assert not activity.message("onet.reconstruct")


def test_a_mask_is_read_by_alpha_or_brightness() -> None:
    assert set(np.unique(all_at_once(pictures.mask_in_pieces(add_mask())))) == {0, 255}
    clear = add_picture("clear", alpha=0.0)
    mask = all_at_once(pictures.mask_in_pieces(clear))
    assert mask[24, 32] == 255
    assert mask[0, 0] == 0


# Where it stands


def add_camera(kind: str = "PERSP") -> bpy.types.Object:
    camera = bpy.data.objects.new("camera", bpy.data.cameras.new("camera"))
    camera.data.type = kind
    bpy.context.scene.collection.objects.link(camera)
    bpy.context.scene.camera = camera
    return camera


@pytest.mark.parametrize("angle", [0.0, 1.0, 2.5, -2.0])
def test_the_front_faces_the_camera(angle: float) -> None:
    camera = add_camera()
    scene = bpy.context.scene
    scene.cursor.location = (1, 2, 3)
    camera.location = (1 + 5 * math.cos(angle), 2 + 5 * math.sin(angle), 9)
    bpy.context.view_layer.update()
    front = camera_turn(scene).to_3x3() @ Vector((0, -1, 0))
    np.testing.assert_allclose(front, [math.cos(angle), math.sin(angle), 0], atol=1e-6)


def test_the_front_faces_an_orthographic_camera() -> None:
    camera = add_camera("ORTHO")
    camera.rotation_euler = (math.pi / 2, 0, 1.0)
    bpy.context.view_layer.update()
    np.testing.assert_allclose(
        np.array(camera_turn(bpy.context.scene).to_3x3()),
        np.array(camera.matrix_world.to_3x3() @ Matrix.Rotation(-math.pi / 2, 3, "X")),
        atol=1e-6,
    )


def test_facing_the_camera_needs_one(models: Path) -> None:
    add_picture()
    before = bpy.data.objects.keys()
    with pytest.raises(RuntimeError, match="no active camera"):
        reconstruct(models, picture="photo", pose="CAMERA")
    assert bpy.data.objects.keys() == before
    camera = add_camera()
    camera.location = (5, 0, 1)
    bpy.context.view_layer.update()
    made = reconstruct(models, picture="photo", pose="CAMERA")
    assert made.rotation_euler.z == pytest.approx(math.pi / 2)
    assert made.onet.pose == "CAMERA"


# Where it comes from


def render(width: int, height: int) -> bpy.types.Scene:
    """A shaded cube in front of nothing, seen through the view transform AgX."""
    scene = bpy.context.scene
    bpy.ops.mesh.primitive_cube_add(size=1, rotation=(0.3, 0.4, 0.5))
    bpy.ops.object.light_add(type="SUN", rotation=(0.5, 0.3, 0))
    camera = add_camera()
    camera.location, camera.rotation_euler = (0, -5, 0), (math.pi / 2, 0, 0)
    scene.render.engine = "CYCLES"
    scene.cycles.samples, scene.cycles.use_denoising = 1, False
    scene.render.resolution_x, scene.render.resolution_y = width, height
    scene.render.film_transparent = True
    scene.view_settings.view_transform = "AgX"
    bpy.ops.render.render()
    return scene


def saved_by_blender(scene: bpy.types.Scene, path: Path) -> np.ndarray:
    settings = scene.render.image_settings
    settings.file_format, settings.color_mode, settings.color_depth = "PNG", "RGBA", "8"
    bpy.data.images["Render Result"].save_render(str(path), scene=scene)
    return all_at_once(pictures.pixels_in_pieces(bpy.data.images.load(str(path))))


@pytest.mark.parametrize("dither", [0.0, 1.0])
def test_the_render_is_copied(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, dither: float
) -> None:
    monkeypatch.setattr(render_copy, "PIXELS_OF_A_BAND", 1000)  # bands of 12 rows and a rest
    scene = render(80, 61)
    scene.render.dither_intensity = dither
    settings = scene.render.image_settings
    settings.file_format = "JPEG"
    settings.color_management = "OVERRIDE"
    settings.view_settings.view_transform = "AgX"
    names = ("file_format", "color_mode", "color_depth", "color_management", "exr_codec")
    before, images = [getattr(settings, name) for name in names], len(bpy.data.images)
    assert bpy.ops.onet.use_render() == {"FINISHED"}
    assert [getattr(settings, name) for name in names] == before
    assert len(bpy.data.images) == images + 1
    with pytest.raises(InputError, match="Use the Render"):
        all_at_once(pictures.pixels_in_pieces(bpy.data.images["Render Result"]))
    image = scene.onet.picture
    assert scene.onet.input_kind == "IMAGE"
    assert image.packed_file is not None
    pixels = all_at_once(pictures.pixels_in_pieces(image))
    assert pixels.shape == (61, 80, 4)
    assert pixels[30, 40, 3] == 255
    assert pixels[0, 0, 3] == 0
    assert len(np.unique(pixels[..., 0])) > 3, "it is shaded"
    saved = saved_by_blender(scene, tmp_path / "saved.png")
    difference = np.abs(pixels.astype(int) - saved)
    # Blender's noise, where it rounds, is a level at most.
    assert difference.max() <= (1 if dither else 0)
    # The worker reads it.
    assert list(all_at_once(pictures.arrays_in_pieces(image, None))) == ["pixels_file"]


def test_a_render_of_strips_is_copied(tmp_path: Path) -> None:
    scene = bpy.context.scene
    strips = scene.sequence_editor_create()
    strips = strips.strips if hasattr(strips, "strips") else strips.sequences
    made = add_picture("strip")
    made.filepath_raw, made.file_format = str(tmp_path / "strip.png"), "PNG"
    made.save()
    strips.new_image("strip", str(tmp_path / "strip.png"), channel=1, frame_start=1)
    scene.render.resolution_x, scene.render.resolution_y = 64, 48
    scene.render.dither_intensity = 0
    bpy.ops.render.render()
    assert bpy.ops.onet.use_render() == {"FINISHED"}
    pixels = all_at_once(pictures.pixels_in_pieces(scene.onet.picture))
    np.testing.assert_array_equal(pixels, saved_by_blender(scene, tmp_path / "saved.png"))


def test_without_a_render_there_is_nothing_to_copy() -> None:
    with pytest.raises(RuntimeError, match="Nothing has been rendered"):
        bpy.ops.onet.use_render()
    assert not bpy.data.images


def test_a_copy_that_is_cancelled_leaves_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(render_copy, "PIXELS_OF_A_BAND", 1000)
    scene = render(80, 61)
    before = bpy.data.images.keys()
    for count in range(1, 5):
        pieces = render_copy.render_in_pieces(scene)
        for _ in range(count):
            waited = next(pieces)
            if waited is not None:
                waited.exception()  # waits
        pieces.close()
        assert bpy.data.images.keys() == before


def test_copying_a_large_render_does_not_stall() -> None:
    scene = render(1920, 1080)
    assert longest(lambda: render_copy.render_in_pieces(scene)) < SECONDS_OF_STALL


def test_the_picture_of_an_empty_is_found() -> None:
    with pytest.raises(RuntimeError, match="No image editor shows a picture"):
        bpy.ops.onet.use_shown_picture()
    empty = bpy.data.objects.new("empty", None)
    empty.empty_display_type, empty.data = "IMAGE", add_picture()
    bpy.context.scene.collection.objects.link(empty)
    bpy.context.view_layer.objects.active = empty
    assert bpy.ops.onet.use_shown_picture() == {"FINISHED"}
    assert bpy.context.scene.onet.picture == bpy.data.images["photo"]


# Bad pictures


def film(tmp_path: Path) -> None:
    add_picture().source = "SEQUENCE"


def movie(tmp_path: Path) -> None:
    add_picture().source = "MOVIE"


def tiles(tmp_path: Path) -> None:
    bpy.data.images.new("photo", 8, 8, tiled=True)


def lost(tmp_path: Path) -> None:
    image = bpy.data.images.new("photo", 4, 4)
    image.source, image.filepath = "FILE", str(tmp_path / "lost.png")


def tiny(tmp_path: Path) -> None:
    bpy.data.images.new("photo", 1, 1)


def plain(tmp_path: Path) -> None:
    bpy.data.images.new("photo", 64, 64)


def clear(tmp_path: Path) -> None:
    bpy.data.images.new("photo", 64, 64, alpha=True).pixels.foreach_set(np.zeros(64 * 64 * 4, "f"))


BAD: dict[str, tuple[Callable[[Path], None], str]] = {
    "sequence": (film, "animated"),
    "movie": (movie, "animated"),
    "tiled": (tiles, "tiles"),
    "missing file": (lost, "has no pixels"),
    "one pixel": (tiny, "only 1 x 1 pixels"),
    "one colour": (plain, "one colour"),
    "transparent": (clear, "no object"),
}


@pytest.mark.parametrize("way", BAD)
def test_bad_pictures_are_one_sentence(models: Path, way: str, tmp_path: Path) -> None:
    prepare, wording = BAD[way]
    prepare(tmp_path)
    before = bpy.data.objects.keys(), bpy.data.meshes.keys()
    with pytest.raises(RuntimeError, match=wording) as caught:
        reconstruct(models, picture="photo")
    assert "Traceback" not in str(caught.value)
    assert (bpy.data.objects.keys(), bpy.data.meshes.keys()) == before


def test_a_mask_of_another_shape_is_one_sentence(models: Path) -> None:
    add_picture()
    bpy.data.images.new("mask", 10, 40)
    with pytest.raises(RuntimeError, match="must show the same"):
        reconstruct(models, picture="photo", mask="mask")
    with pytest.raises(RuntimeError, match="no image gone"):
        reconstruct(models, picture="photo", mask="gone")


def test_a_mesh_takes_the_colours_of_its_picture(models: Path) -> None:
    image = bpy.data.images.new("photo", 512, 384)
    pixels = np.ones((384, 512, 4), dtype=np.float32)
    pixels[100:280, 160:340, 1:3] = 0
    image.pixels.foreach_set(pixels.ravel())
    made = reconstruct(models, picture="photo")
    assert not made.data.color_attributes
    assert bpy.ops.onet.paint() == {"FINISHED"}
    colours = np.empty(4 * len(made.data.vertices), dtype=np.float32)
    made.data.color_attributes["Color"].data.foreach_get("color_srgb", colours)
    colours = colours.reshape(-1, 4)
    assert np.abs(np.median(colours, axis=0) - [1, 0, 0, 1]).max() < 0.05
    assert made.data.materials[0].name == "ONet Colours"
    assert not handwork.is_changed(made)
