"""Pictures: every mode and size, and where the object ends up."""

from __future__ import annotations

import io
import subprocess
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from onet_core.errors import InputError
from onet_core.inputs import pictures
from onet_core.inputs.background import FILL
from onet_core.inputs.formats.picture import channels_of
from onet_core.inputs.load import read_input
from onet_core.inputs.pictures import (
    decode_picture,
    mask_of_pixels,
    prepare_picture,
    read_mask,
    read_picture,
    turned_like,
)

RED = (200, 30, 40)


def disc(height, width, centre, radius, colour=RED, behind=(255, 255, 255)) -> np.ndarray:
    """An ellipse with radii (rows, columns) on one colour."""
    rows, columns = np.indices((height, width))
    distance = ((rows - centre[0]) / radius[0]) ** 2 + ((columns - centre[1]) / radius[1]) ** 2
    return np.where((distance <= 1)[..., None], colour, behind).astype(np.uint8)


def box_of(data) -> tuple[int, int, int, int]:
    """First and one past the last row and column that are not white, of (3, S, S)."""
    seen = data.min(0) < 0.9
    rows, columns = np.flatnonzero(seen.any(1)), np.flatnonzero(seen.any(0))
    return rows[0], rows[-1] + 1, columns[0], columns[-1] + 1


def assert_framed(data, aspect: float = 1.0, size: int = 224) -> None:
    """The object is centred, fills the frame by its longer side, and stands on white."""
    assert data.shape == (3, size, size)
    assert data.dtype == np.float32
    top, bottom, left, right = box_of(data)
    assert top + bottom == pytest.approx(size, abs=3)
    assert left + right == pytest.approx(size, abs=3)
    assert max(bottom - top, right - left) == pytest.approx(FILL * size, abs=4)
    assert (right - left) / (bottom - top) == pytest.approx(aspect, rel=0.06)
    border = np.concatenate([data[:, 0], data[:, -1], data[:, :, 0], data[:, :, -1]], axis=1)
    assert border.min() > 0.99


@pytest.mark.parametrize("size", [(137, 137), (600, 200), (150, 900), (1500, 2500), (24, 40)])
@pytest.mark.parametrize("behind", [(255, 255, 255), (0, 0, 0), (40, 160, 70), (200, 200, 205)])
def test_plain_backgrounds_are_removed(size, behind):
    height, width = size
    radius = (height * 0.12, width * 0.2)
    picture = disc(height, width, (height * 0.3, width * 0.6), radius, behind=behind)
    data = prepare_picture(picture).data
    # Pixels are round, ellipses on few of them are not.
    if min(size) > 100:
        assert_framed(data, radius[1] / radius[0])
    middle = data[:, 108:116, 108:116].mean((1, 2))
    np.testing.assert_allclose(middle, np.array(RED) / 255, atol=0.02)


def test_noise_and_gradients_are_background_too():
    rng = np.random.default_rng(0)
    picture = disc(300, 400, (150, 200), (60, 60), behind=(0, 0, 0)).astype(float)
    light = 120 + np.linspace(0, 80, 400)[None, :, None] + np.linspace(0, 40, 300)[:, None, None]
    picture = np.where(picture.sum(-1, keepdims=True) > 0, picture, light)
    picture = np.clip(picture + rng.normal(0, 3, picture.shape), 0, 255).astype(np.uint8)
    assert_framed(prepare_picture(picture).data)


def test_jpeg_and_dust_do_not_widen_the_object():
    picture = disc(400, 400, (200, 200), (80, 80), behind=(230, 230, 240))
    picture[5, 5] = 0
    picture[390, 10] = 0
    file = io.BytesIO()
    Image.fromarray(picture).save(file, "jpeg", quality=60)
    assert_framed(prepare_picture(np.array(Image.open(file))).data)


def test_an_object_that_is_cut_off_by_the_picture():
    picture = disc(200, 200, (200, 100), (120, 60), behind=(90, 140, 200))
    top, bottom, *_ = box_of(prepare_picture(picture).data)
    assert bottom - top == pytest.approx(FILL * 224, abs=4)


def test_holes_show_white_and_spots_stay():
    behind = (90, 140, 200)
    picture = disc(300, 300, (150, 150), (100, 100), behind=behind)
    picture[100:130, 140:160] = behind
    picture[200:203, 150:153] = behind
    data = prepare_picture(picture).data
    scale = FILL * 224 / 200
    row = round(112 + (115 - 150) * scale)
    assert data[:, row - 8 : row + 8, 107:117].min() > 0.99
    row = round(112 + (201.5 - 150) * scale)
    column = round(112 + (151.5 - 150) * scale)
    assert data[0, row, column] < 0.6  # of the background 0.35, of the object 0.78


def test_the_fringe_of_a_jpeg_is_not_the_object():
    picture = disc(400, 400, (200, 200), (80, 80), behind=(90, 140, 200))
    file = io.BytesIO()
    Image.fromarray(picture).save(file, "jpeg", quality=75)
    data = prepare_picture(np.array(Image.open(file))).data
    blueish = (data[2] - data[0] > 0.1).sum()
    assert blueish < 0.03 * (data.min(0) < 0.9).sum()


@pytest.mark.parametrize("light", [246, 235, 220])
def test_light_objects_on_white_are_kept(light):
    picture = disc(137, 137, (68, 68), (30, 50), (light,) * 3)
    file = io.BytesIO()
    Image.fromarray(picture).save(file, "jpeg", quality=92)
    data = prepare_picture(np.array(Image.open(file))).data
    assert data[:, 110:114, 110:114].mean() == pytest.approx(light / 255, abs=0.01)
    rows, columns = np.nonzero(data.min(0) < (light + 255) / 510)
    assert np.ptp(columns) == pytest.approx(FILL * 224, abs=6)
    assert np.ptp(rows) == pytest.approx(FILL * 224 * 30 / 50, abs=5)


def test_alpha_removes_any_background_and_keeps_soft_edges():
    rng = np.random.default_rng(0)
    picture = rng.integers(0, 255, (300, 500, 4), dtype=np.uint8)
    shape = disc(300, 500, (100, 200), (50, 80), (255,) * 3, (0,) * 3)[..., 0]
    picture[..., :3] = np.where(shape[..., None] > 0, RED, picture[..., :3])
    picture[..., 3] = shape
    assert_framed(prepare_picture(picture).data, 80 / 50)
    half = picture.copy()
    half[..., 3] = np.where(shape > 0, 170, 0)
    middle = prepare_picture(half).data[:, 108:116, 108:116].mean((1, 2))
    weight = 170 / 255
    np.testing.assert_allclose(middle, np.array(RED) / 255 * weight + 1 - weight, atol=0.02)


def test_a_mask_removes_any_background():
    rng = np.random.default_rng(0)
    picture = rng.integers(0, 255, (300, 500, 3), dtype=np.uint8)
    shape = disc(300, 500, (100, 200), (50, 80), (1,) * 3, (0,) * 3)[..., 0]
    for mask in (shape.astype(bool), shape * 255, shape.astype(float), shape * 255 * 257.0 / 65535):
        assert_framed(prepare_picture(picture, mask).data, 80 / 50)
    small = np.array(Image.fromarray(shape * 255).resize((250, 150)))
    assert_framed(prepare_picture(picture, small).data, 80 / 50)


def test_busy_pictures_are_taken_whole():
    rng = np.random.default_rng(0)
    picture = rng.integers(0, 200, (100, 200, 3), dtype=np.uint8)
    data = prepare_picture(picture, size=100).data
    assert data[:, :24].min() == data[:, 76:].min() == 1
    assert data[:, 30:70].mean() == pytest.approx(100 / 255, abs=0.02)


def test_the_frame_is_the_unit_cube_with_z_up():
    frame = prepare_picture(disc(100, 100, (50, 50), (20, 20))).frame
    np.testing.assert_allclose(frame.to_source([[0, 0.5, 0]]), [[0, 0, 0.5]], atol=1e-12)
    assert frame.scale == pytest.approx(1)


@pytest.mark.parametrize("size", [64, 137, 224])
def test_any_output_size(size):
    assert_framed(prepare_picture(disc(500, 500, (200, 200), (99, 99)), size=size).data, size=size)


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
def test_any_channels_and_depth(channels, dtype):
    picture = disc(200, 200, (100, 100), (50, 50))[..., :channels].copy()
    if channels in (2, 4):
        picture[..., -1] = 255
    scaled = {np.uint8: picture, np.uint16: picture.astype(np.uint16) * 257}.get(
        dtype, picture / np.float32(255)
    )
    assert_framed(prepare_picture(scaled.astype(dtype)).data)


def picture_file(mode: str, suffix: str) -> bytes:
    picture = Image.fromarray(disc(120, 160, (60, 80), (40, 60), (180, 180, 180)))
    shape = Image.fromarray(disc(120, 160, (60, 80), (40, 60), (255,) * 3, (0,) * 3)[..., 0])
    file = io.BytesIO()
    if mode == "I;16":
        grey = np.array(picture.convert("L")).astype(np.uint16) * 257
        Image.fromarray(grey).save(file, suffix)
    elif mode in ("I", "F"):
        grey = np.array(picture.convert("L"))
        wide = grey.astype(np.int32) * 257 if mode == "I" else grey.astype(np.float32)
        Image.fromarray(wide).save(file, suffix)
    elif mode == "P+transparency":
        palette = picture.convert("P")
        index = palette.getpixel((0, 0))
        palette.save(file, suffix, transparency=index)
    elif mode in ("LA", "RGBA"):
        picture = picture.convert(mode)
        picture.putalpha(shape)
        picture.save(file, suffix)
    elif mode == "P":
        picture.quantize(16).save(file, suffix)
    else:
        picture.convert(mode).save(file, suffix)
    return file.getvalue()


@pytest.mark.parametrize(
    ("mode", "suffix"),
    [
        *((mode, "png") for mode in ("1", "L", "LA", "P", "P+transparency", "RGB", "RGBA", "I;16")),
        *((mode, "jpeg") for mode in ("L", "RGB", "CMYK")),
        *((mode, "tiff") for mode in ("L", "RGBA", "CMYK", "LAB", "F", "I", "I;16")),
        *((mode, "gif") for mode in ("P", "L")),
        *((mode, "webp") for mode in ("RGB", "RGBA")),
        ("RGB", "bmp"),
        ("RGB", "ppm"),
        ("RGBA", "tga"),
    ],
)
def test_every_mode_of_file(tmp_path, mode, suffix):
    path = tmp_path / f"picture.{suffix}"
    path.write_bytes(picture_file(mode, suffix))
    pixels = read_picture(path)
    assert pixels.dtype == np.uint8
    assert pixels.shape[:2] == (120, 160)
    assert pixels.shape[2] in (3, 4)
    seen = prepare_picture(pixels)
    # Black and white dithers the grey, which frays the edge; conversions of colour spaces round.
    if mode != "1":
        assert_framed(seen.data, 1.5)
    tolerance = 0.15 if mode == "1" else 0.03
    assert seen.data[:, 90:134, 90:134].mean() == pytest.approx(180 / 255, abs=tolerance)


def test_exif_orientation_is_applied(tmp_path):
    picture = Image.fromarray(disc(100, 200, (30, 150), (10, 20)))
    exif = Image.Exif()
    exif[0x0112] = 6  # the camera was held on its side
    picture.save(tmp_path / "turned.jpg", exif=exif)
    pixels = read_picture(tmp_path / "turned.jpg")
    assert pixels.shape[:2] == (200, 100)
    np.testing.assert_allclose(pixels[150, 69], RED, atol=12)


def test_masks_from_files(tmp_path):
    shape = disc(50, 50, (25, 25), (10, 10), (255,) * 3, (0,) * 3)
    Image.fromarray(shape).save(tmp_path / "grey.png")
    np.testing.assert_array_equal(read_mask(tmp_path / "grey.png"), shape[..., 0])
    Image.fromarray(np.dstack([shape * 0, shape[..., :1]])).save(tmp_path / "alpha.png")
    np.testing.assert_array_equal(read_mask(tmp_path / "alpha.png"), shape[..., 0])


@pytest.mark.parametrize(
    ("pixels", "mask", "message"),
    [
        (np.zeros((1, 2, 3), np.uint8), None, "2 x 1 pixels"),
        (np.zeros((2, 500, 3), np.uint8), None, "500 x 2 pixels"),
        (np.zeros((0, 5, 3), np.uint8), None, "shape"),
        (np.zeros((50, 50, 7), np.uint8), None, "shape"),
        (np.zeros(50, np.uint8), None, "shape"),
        (np.full((50, 50, 3), np.nan), None, "finite"),
        (np.zeros((50, 50, 3), complex), None, "bits"),
        (np.full((50, 50, 3), 255, np.uint8), None, "one colour"),
        (np.full((50, 50, 3), 77, np.uint8), None, "one colour"),
        (np.zeros((50, 50, 4), np.uint8), None, "no object"),
        (np.zeros((50, 50, 3), np.uint8), np.zeros((50, 50), bool), "no object"),
        (np.zeros((50, 50, 3), np.uint8), np.zeros((20, 50), bool), "must show the same"),
        (np.zeros((50, 50, 3), np.uint8), np.zeros((50, 50, 3), bool), "single values"),
    ],
)
def test_pictures_without_an_object_are_refused(pixels, mask, message):
    with pytest.raises(InputError, match=message) as caught:
        prepare_picture(pixels, mask, name="photo.png")
    assert "photo.png" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_files_that_are_no_pictures_are_refused_by_name(tmp_path):
    whole = picture_file("RGB", "png")
    contents = {
        "empty.png": b"",
        "text.jpg": b"hello",
        "cut.png": whole[: len(whole) // 2],
        "head.png": whole[:40],
        "cut.jpg": picture_file("RGB", "jpeg")[:800],
        "noise.gif": b"GIF89a" + bytes(range(30)),
    }
    for name, content in contents.items():
        (tmp_path / name).write_bytes(content)
        with pytest.raises(InputError, match=name) as caught:
            read_picture(tmp_path / name)
        assert "\n" not in str(caught.value)
    with pytest.raises(InputError, match="no file"):
        read_picture(tmp_path / "missing.png")


def test_a_files_content_is_turned_upright_like_the_file(tmp_path: Path) -> None:
    rng = np.random.default_rng(5)
    picture = Image.fromarray(rng.integers(0, 256, (12, 20, 3), dtype=np.uint8))
    tag = Image.Exif()
    tag[0x0112] = 6  # held upright
    picture.save(tmp_path / "a.png", exif=tag)
    content = np.fromfile(tmp_path / "a.png", dtype=np.uint8)
    upright = np.rot90(np.array(picture), -1)
    np.testing.assert_array_equal(decode_picture(content, "a"), upright)
    np.testing.assert_array_equal(read_picture(tmp_path / "a.png"), upright)
    painted = np.array(picture)[..., 0]
    np.testing.assert_array_equal(turned_like(painted, content), upright[..., 0])
    with pytest.raises(InputError, match=r"^a can't be read as a picture"):
        decode_picture(content[:100], "a")
    np.testing.assert_array_equal(mask_of_pixels(np.array(picture)), np.array(picture.convert("L")))


def test_plain_pictures_that_claim_too_much_are_refused(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(pictures, "_CHECKED_FROM", 10_000)
    Image.new("L", (900, 900), 255).save(tmp_path / "plain.png", compress_level=9)
    with pytest.raises(InputError, match=r"810,000 pixels in .* bytes; of that many at most 250"):
        read_picture(tmp_path / "plain.png")
    grain = np.random.default_rng(0).integers(0, 2, (900, 900, 1))
    shown = disc(900, 900, (450, 450), (300, 300), behind=(250, 250, 250)) + grain
    Image.fromarray(shown.astype(np.uint8)).save(tmp_path / "shown.png")
    assert read_picture(tmp_path / "shown.png").shape == (900, 900, 3)


def test_the_first_of_several_pictures_is_read_and_said(tmp_path: Path) -> None:
    pages = [Image.fromarray(disc(40, 40, (20, 20), (9, 9))), Image.new("RGB", (40, 40), "white")]
    pages[0].save(tmp_path / "a.tif", save_all=True, append_images=pages[1:])
    found = read_input(tmp_path / "a.tif")
    assert found.pixels is not None
    assert tuple(found.pixels[20, 20]) == RED
    assert "several pictures" in str(found.notes[0])
    pages[0].save(tmp_path / "b.tif")
    assert not read_input(tmp_path / "b.tif").notes


@pytest.mark.parametrize(
    ("names", "wanted"),
    [
        ("B G R", "R G B"),
        ("A B G R", "R G B A"),
        ("V.AO.B V.AO.G V.AO.R V.Combined.A V.Combined.B V.Combined.G V.Combined.R V.Depth.Z",
         "V.Combined.R V.Combined.G V.Combined.B V.Combined.A"),
        ("B G R diffuse.B diffuse.G diffuse.R", "R G B"),
        ("red green blue alpha", "red green blue alpha"),
        ("A Y", "Y Y Y A"),
        ("Z", "Z Z Z"),
    ],
)  # fmt: skip
def test_channels_of_layers(names: str, wanted: str) -> None:
    listed = names.split()
    assert [listed[number] for number in channels_of(listed)] == wanted.split()


@pytest.mark.parametrize("name", ["a.png", "a.tif"])
def test_files_start_no_programs(tmp_path: Path, monkeypatch, name: str) -> None:
    # PostScript is Pillow's too: it has Ghostscript run it.
    def start(*arguments: object, **named: object) -> None:
        raise AssertionError(f"started {arguments}")

    for call in ("Popen", "run", "call", "check_call", "check_output"):
        monkeypatch.setattr(subprocess, call, start)
    text = b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 100 100\n%%EndComments\nshowpage\n"
    (tmp_path / name).write_bytes(text)
    with pytest.raises(InputError, match="its content is of no known kind"):
        read_picture(tmp_path / name)
    assert "EPS" not in (*pictures._COMMON, *pictures._OTHERS)
