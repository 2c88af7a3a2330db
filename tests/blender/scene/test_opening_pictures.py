"""Pictures that Blender can't decode are opened all the same: the worker reads them."""

from pathlib import Path

import bpy
import numpy as np
import pytest


@pytest.mark.usefixtures("shared_worker")
def test_a_netpbm_picture_is_opened(tmp_path: Path) -> None:
    pixels = np.full((20, 30, 3), 255, np.uint8)
    pixels[2:8, 5:25] = (200, 40, 10)
    (tmp_path / "a.ppm").write_bytes(b"P6 30 20 255\n" + pixels.tobytes())
    done = bpy.ops.onet.open_file(filepath=str(tmp_path / "a.ppm"), reconstruct=False)
    assert done == {"FINISHED"}
    choices = bpy.context.scene.onet
    assert choices.input_kind == "IMAGE"
    assert tuple(choices.picture.size) == (30, 20)
    found = np.array(choices.picture.pixels[:]).reshape(20, 30, 4)[::-1]
    np.testing.assert_allclose(found[..., :3] * 255, pixels, atol=0.6)
