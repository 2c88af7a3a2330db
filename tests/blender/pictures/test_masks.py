"""Where a picture shows its object: a box, a brush, a network that is fetched; and doubts."""

from __future__ import annotations

from pathlib import Path

import bpy
import numpy as np
import pytest
from numpy.typing import NDArray

from onet_blender.pictures import images as pictures
from onet_blender.pictures import looking, masks
from onet_blender.pictures.doubts import doubts_of
from onet_blender.runtime import cut_out
from onet_blender.scene.pieces import all_at_once


def busy_picture(name: str = "street") -> bpy.types.Image:
    """Noise of 64 x 48 pixels with a white card on it, on which there is a red square."""
    image = bpy.data.images.new(name, 64, 48, alpha=True)
    pixels = np.random.default_rng(0).random((48, 64, 4)).astype(np.float32)
    pixels[10:40, 16:48] = 1
    pixels[18:34, 24:40] = (1, 0, 0, 1)
    pixels[..., 3] = 1
    image.pixels.foreach_set(pixels.ravel())
    bpy.context.scene.onet.input_kind = "IMAGE"
    bpy.context.scene.onet.picture = image
    return image


def square() -> NDArray[np.bool_]:
    """Where the red square is, first row on top."""
    found = np.zeros((48, 64), dtype=bool)
    found[48 - 34 : 48 - 18, 24:40] = True
    return found


def mask_of(image: bpy.types.Image) -> NDArray[np.bool_]:
    return all_at_once(pictures.mask_in_pieces(image)) > 127


def test_a_box_becomes_a_mask(runtime_python: str) -> None:
    image, choices = busy_picture(), bpy.context.scene.onet
    assert bpy.ops.onet.mask_box(box=(0.25, 0.2, 0.75, 0.8)) == {"FINISHED"}
    assert choices.picture == image
    assert masks.is_own(choices.mask)
    assert np.array_equal(mask_of(choices.mask), square())
    # Drawn again the same mask is changed.
    first = choices.mask
    assert bpy.ops.onet.mask_box(box=(0.3, 0.3, 0.7, 0.7)) == {"FINISHED"}
    assert choices.mask == first
    # The box of a mask that the editor shows is one of its picture.
    choices.picture = choices.mask
    assert bpy.ops.onet.mask_box(box=(0.25, 0.2, 0.75, 0.8)) == {"FINISHED"}
    assert choices.picture == image
    with pytest.raises(RuntimeError, match="too small"):
        bpy.ops.onet.mask_box(box=(0.5, 0.5, 0.51, 0.51))


def test_what_is_erased_is_background(runtime_python: str) -> None:
    image, choices = busy_picture(), bpy.context.scene.onet
    assert bpy.ops.onet.mask_paint() == {"FINISHED"}
    copy = choices.mask
    assert choices.picture == image
    assert copy != image
    assert mask_of(copy).all()  # nothing was found, so nothing is erased
    pixels = np.empty(64 * 48 * 4, dtype=np.float32)
    copy.pixels.foreach_get(pixels)
    shaped = pixels.reshape(48, 64, 4)
    shaped[..., 3] = 0
    shaped[18:34, 24:40, 3] = 1
    copy.pixels.foreach_set(pixels)
    assert np.array_equal(mask_of(copy), square())
    # It begins anew with the mask that there is, and its colours are all there.
    assert bpy.ops.onet.mask_paint() == {"FINISHED"}
    assert np.array_equal(mask_of(choices.mask), square())
    shown = all_at_once(pictures.pixels_in_pieces(choices.mask))
    assert np.abs(shown[..., :3].astype(int) - all_pixels(image)[..., :3]).max() <= 1


def all_pixels(image: bpy.types.Image) -> NDArray[np.uint8]:
    return all_at_once(pictures.pixels_in_pieces(image))


def test_a_mask_made_here_lies_over_the_picture_as_blender_shows_it() -> None:
    image = busy_picture()
    mask = masks.mask_image(image, square().astype(np.uint8) * 255)
    arrays = all_at_once(pictures.arrays_in_pieces(image, mask))
    # As pixels, which the worker turns with the picture; its file has no EXIF to turn it by.
    assert np.array_equal(arrays["mask"] > 127, square())


def test_without_a_picture_there_is_nothing_to_mask() -> None:
    assert not bpy.ops.onet.mask_box.poll()
    assert not bpy.ops.onet.mask_paint.poll()


def test_the_network_comes_with_consent_only(runtime_python: str, tmp_path: Path) -> None:
    assert not bpy.app.online_access
    with pytest.raises(RuntimeError, match="allow online access"):
        bpy.ops.onet.fetch_cut_out()
    # A file of the user's needs none, but only the right one is taken.
    (tmp_path / "other.onnx").write_bytes(b"something else")
    with pytest.raises(RuntimeError, match="not the file that this version knows"):
        bpy.ops.onet.fetch_cut_out(source=str(tmp_path / "other.onnx"))
    assert not cut_out.is_there()


def test_doubts_are_told_and_kept(models: Path) -> None:
    image = bpy.data.images.new("two", 64, 48, alpha=True)
    pixels = np.ones((48, 64, 4), dtype=np.float32)
    pixels[8:40, 4:30] = pixels[8:40, 36:60] = (1, 0, 0, 1)
    image.pixels.foreach_set(pixels.ravel())
    model = str(models / "cube_picture.safetensors")
    assert bpy.ops.onet.reconstruct(kind="IMAGE", picture="two", model=model, resolution=32) == {
        "FINISHED"
    }
    made = bpy.context.active_object
    (doubt,) = doubts_of(made)
    assert str(doubt).startswith("The picture shows 2 separate things")
    made.onet.doubts = "from elsewhere"
    assert doubts_of(made) == []
    bpy.context.scene.onet.input_kind = "IMAGE"
    bpy.context.scene.onet.picture = image
    answer = looking.looked_at(image, bpy.context.scene.onet).result()
    assert "2 separate things" in str(looking.shown(answer))
