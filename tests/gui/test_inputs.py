"""What new users try first, in a real window: made, seen, and in a sensible size."""

from __future__ import annotations

import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from chroots import ROOT
from PIL import Image, ImageFilter
from playing import check_stalls

EXAMPLES = ROOT / "examples"
WOOD, CLOTH = np.array([150, 96, 52]), np.array([60, 110, 150])
EXIF_ORIENTATION, QUARTER_TURN = 0x0112, 6


@pytest.fixture(scope="session")
def files(models: Path) -> Path:
    """A coloured scan, a model of coloured cubes, and what a phone makes of a car."""
    write_scan(models / "scan.ply")
    write_blocks(models / "blocks.vox")
    write_photo(models / "photo.jpg")
    return models


def write_scan(path: Path) -> None:
    """The example's chair, its legs of wood and its seat of cloth."""
    _, _, body = (EXAMPLES / "chair_scan.ply").read_bytes().partition(b"end_header\n")
    head = (EXAMPLES / "chair_scan.ply").read_bytes().partition(b"end_header\n")[0]
    count = int(head.split(b"element vertex ")[1].split()[0])
    points = np.frombuffer(body, dtype="<f4")[: 3 * count].reshape(count, 3)
    height = (points[:, 2] - points[:, 2].min()) / np.ptp(points[:, 2])
    grain = 12 * np.sin(points @ [0.7, 0.1, 0.4])[:, None]
    colours = np.where((height > 0.4)[:, None], CLOTH, WOOD + grain)
    kind = [("place", "<f4", 3), ("colour", "u1", 3)]
    rows = np.zeros(count, dtype=kind)
    rows["place"], rows["colour"] = points, np.clip(colours, 0, 255).astype(np.uint8)
    names = b"".join(b"property uchar %s\n" % name for name in (b"red", b"green", b"blue"))
    path.write_bytes(head + names + b"end_header\n" + rows.tobytes())


def write_blocks(path: Path) -> None:
    """A tree of 20 x 20 x 28 cubes, as MagicaVoxel writes it: z up, two colours."""
    x, y, z = np.indices((20, 20, 28))
    across = np.hypot(x - 9.5, y - 9.5)
    trunk = (across < 2.2) & (z < 13)
    crown = across**2 + ((z - 18) * 1.0) ** 2 < 9.0**2
    cells = np.argwhere(trunk | crown)
    colour = np.where(crown[tuple(cells.T)], 1, 2)
    body = np.column_stack([cells, colour]).astype(np.uint8).tobytes()
    palette = np.zeros((256, 4), dtype=np.uint8)
    palette[0], palette[1] = (70, 150, 60, 255), (120, 80, 45, 255)

    def chunk(name: bytes, content: bytes, children: bytes = b"") -> bytes:
        return name + struct.pack("<ii", len(content), len(children)) + content + children

    parts = chunk(b"SIZE", struct.pack("<iii", 20, 20, 28))
    parts += chunk(b"XYZI", struct.pack("<i", len(cells)) + body)
    parts += chunk(b"RGBA", palette.tobytes())
    path.write_bytes(b"VOX " + struct.pack("<i", 150) + chunk(b"MAIN", b"", parts))


def write_photo(path: Path) -> None:
    """The example's car on a table before a wall: soft shadow, noise, turned by EXIF as phones do.

    No photograph: there is none here that may be given away.
    """
    with Image.open(EXAMPLES / "car.png") as opened:
        car = opened.convert("RGBA").resize((900, 900), Image.Resampling.LANCZOS)
    pixels = np.asarray(car).astype(float)
    if pixels[..., 3].min() > 250:
        pixels[..., 3] = np.where(pixels[..., :3].min(axis=2) > 245, 0, 255)
    width, height = 1600, 1200
    rows = np.linspace(0, 1, height)[:, None, None]
    scene = np.broadcast_to((214, 211, 205) - 14 * rows, (height, width, 3)).copy()
    alpha = np.zeros((height, width))
    alpha[150:1050, 350:1250] = pixels[..., 3] / 255
    shadow = Image.fromarray((255 * np.roll(alpha, 30, axis=0)).astype(np.uint8))
    soft = np.asarray(shadow.filter(ImageFilter.GaussianBlur(40)), dtype=float)[..., None] / 255
    scene *= 1 - 0.12 * soft
    car_there = np.zeros((height, width, 3))
    car_there[150:1050, 350:1250] = pixels[..., :3]
    scene = scene * (1 - alpha[..., None]) + car_there * alpha[..., None]
    scene += np.random.default_rng(0).normal(0, 3, scene.shape)
    made = Image.fromarray(np.clip(scene, 0, 255).astype(np.uint8)).transpose(
        Image.Transpose.ROTATE_90
    )
    exif = Image.Exif()
    exif[EXIF_ORIENTATION] = QUARTER_TURN
    made.save(path, quality=88, exif=exif)


def test_what_new_users_try(files: Path, sitting: Callable[[str], dict[str, Any]]) -> None:
    """Also takes the pictures of the README's gallery, see `examples/gallery_sheet.py`."""
    notes = sitting("inputs")

    for name, longest in (("cube", 2.0), ("suzanne", 2.73)):
        assert max(notes[name]["size"]) == pytest.approx(longest, rel=0.05)
    assert notes["sculpt"]["vertices of the source"] > 500_000
    assert notes["quads"] == [4]
    assert notes["scan"]["coloured"]
    assert notes["blocks"]["coloured"]
    for name in ("cube", "suzanne", "text", "sculpt", "scan", "blocks", "photo"):
        assert "faces in" in notes[name]["message"]
    check_stalls(notes)


def test_results_follow_and_shapes_are_chosen(sitting: Callable[[str], dict[str, Any]]) -> None:
    notes = sitting("follow")

    first, second, third, back = notes["widths"]
    assert second == pytest.approx(1.5 * first, rel=0.1)
    assert third == pytest.approx(1.5 * second, rel=0.1)
    assert back == pytest.approx(second, rel=0.02)
    assert len(notes["objects"]) == 2
    assert notes["thumbnails"] == "12 shapes to choose from"
    assert notes["chosen"] == "seed 7"
    check_stalls(notes)


def test_a_box_in_the_image_editor(sitting: Callable[[str], dict[str, Any]]) -> None:
    notes = sitting("a_box")
    assert notes["picture"] == "Street"
    assert notes["message"].startswith("What is in the box is the object")
    # The red square on the white card, to a pixel.
    np.testing.assert_allclose(notes["mask"], [120, 90, 199, 169], atol=1)
    assert notes["seen"] == "The plain background was removed"


def test_a_first_hour(sitting: Callable[[str], dict[str, Any]]) -> None:
    """By Blender's own menus and keys: what is stretched, several at once, a glTF, a new file."""
    notes = sitting("newcomer")
    # Suzanne, twice as wide.
    np.testing.assert_allclose(
        notes["stretched"]["sizes"]["Suzanne (ONet)"], [5.47, 1.7, 1.97], rtol=0.02
    )
    assert notes["stretched"]["hidden"] == ["Suzanne"]
    assert notes["undone"] == ["Camera", "Cube", "Light"]
    assert notes["redone is the same"]
    assert sorted(notes["two"]["selected"]) == ["Cone (ONet)", "Torus (ONet)"]
    assert notes["two"]["message"].startswith("2 meshes")
    # The arm is turned by 45 degrees, then stretched and moved, with glTF's y upwards.
    expected = [0.5 + 3 + np.sqrt(2), 0.5 + 1.25, np.sqrt(2)]
    np.testing.assert_allclose(notes["nested"]["sizes"]["toy (ONet)"], expected, rtol=0.02)
    assert notes["after new"] == [["Camera", "Cube", "Light"], ""]
