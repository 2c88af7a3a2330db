"""Blender's uncompressed OpenEXR files, read without Blender: what Blender reads of them."""

from __future__ import annotations

from pathlib import Path

import bpy
import numpy as np
import pytest

from onet_blender.pictures.plain_exr import read_rgba


def save(path: Path, **settings: str) -> Path:
    """A picture of 37 x 23 pixels with values beyond 1 and below 0."""
    values = np.random.default_rng(0).normal(size=(23, 37, 4)).astype(np.float32)
    image = bpy.data.images.new("made", 37, 23, alpha=True, float_buffer=True)
    image.pixels.foreach_set(values.ravel())
    chosen = bpy.context.scene.render.image_settings
    wanted = {"media_type": "IMAGE", "file_format": "OPEN_EXR", "color_mode": "RGBA"}
    for name, value in {**wanted, "color_depth": "32", "exr_codec": "NONE", **settings}.items():
        if hasattr(chosen, name):
            setattr(chosen, name, value)
    image.save_render(str(path), scene=bpy.context.scene)
    return path


def test_it_is_what_blender_reads(tmp_path: Path) -> None:
    path = save(tmp_path / "a.exr")
    image = bpy.data.images.load(str(path))
    image.colorspace_settings.name = "Non-Color"
    values = np.empty(23 * 37 * 4, dtype=np.float32)
    image.pixels.foreach_get(values)
    np.testing.assert_array_equal(read_rgba(path.read_bytes())[::-1], values.reshape(23, 37, 4))


@pytest.mark.parametrize(
    "settings", [{"color_depth": "16"}, {"exr_codec": "ZIP"}, {"color_mode": "RGB"}]
)
def test_other_kinds_are_refused(tmp_path: Path, settings: dict[str, str]) -> None:
    content = save(tmp_path / "a.exr", **settings).read_bytes()
    with pytest.raises(ValueError, match="not a plain EXR"):
        read_rgba(content)


def test_other_files_are_refused() -> None:
    with pytest.raises(ValueError, match="not a plain EXR"):
        read_rgba(bytes(64))
