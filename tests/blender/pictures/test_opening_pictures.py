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


@pytest.mark.usefixtures("shared_worker")
def test_what_only_the_worker_can_decode_is_opened_or_called_what_it_is(tmp_path: Path) -> None:
    """An animated WebP as other programs write it, from its parts: ten frames of one colour."""

    def chunk(name: bytes, body: bytes) -> bytes:
        return name + len(body).to_bytes(4, "little") + body + b"\0" * (len(body) % 2)

    # A lossless picture of one pixel, as cwebp writes it.
    still = chunk(b"VP8L", bytes.fromhex("2f0000000007d0ffef7f8100"))
    frame = bytes(3) * 4 + (100).to_bytes(3, "little") + b"\0"
    parts = chunk(b"VP8X", b"\x02" + bytes(9)) + chunk(b"ANIM", bytes(6))
    parts += chunk(b"ANMF", frame + still) * 2
    size = (4 + len(parts)).to_bytes(4, "little")
    (tmp_path / "a.webp").write_bytes(b"RIFF" + size + b"WEBP" + parts)
    done = bpy.ops.onet.open_file(filepath=str(tmp_path / "a.webp"), reconstruct=False)
    assert done == {"FINISHED"}
    assert tuple(bpy.context.scene.onet.picture.size) == (1, 1)
    (tmp_path / "b.png").write_text("<!DOCTYPE html><html>not here</html>")
    with pytest.raises(RuntimeError, match="is a web page"):
        bpy.ops.onet.open_file(filepath=str(tmp_path / "b.png"), reconstruct=False)
