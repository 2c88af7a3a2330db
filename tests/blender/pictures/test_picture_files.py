"""Pictures that the worker reads from their files: the same as through Blender, and without it."""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Callable
from pathlib import Path

import bpy
import numpy as np
import pytest
from large_things import SECONDS_OF_STALL, longest
from numpy.typing import NDArray

from onet_blender.pictures import images as pictures
from onet_blender.pictures import kinds as picture_kinds
from onet_blender.runtime import engine_session
from onet_blender.runtime.chosen import runtime
from onet_blender.scene.pieces import all_at_once
from onet_core.errors import InputError

# A quarter turn; as files begin that have nothing else to tell.
TURNED = b"Exif\0\0II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0\x06\0\0\0\0\0\0\0"
PHOTO = (4000, 3000)


def save(
    path: Path,
    form: str,
    mode: str = "RGB",
    depth: str = "8",
    size: tuple[int, int] = (83, 61),
    codec: str = "DEFLATE",
    is_float: bool = False,
) -> Path:
    """A file that Blender writes: waves before a grey that is partly transparent."""
    width, height = size
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    pixels = np.full((height, width, 4), 0.5, dtype=np.float32)
    pixels[..., 3] = 0.2
    middle = pixels[height // 4 : -height // 4, width // 4 : -width // 4]
    waves = [np.sin(x / 7), np.cos(y / 5), np.sin((x + y) / 9), np.ones_like(x)]
    middle[:] = (np.stack(waves, axis=-1) * 0.5 + 0.5)[: middle.shape[0], : middle.shape[1]]
    scene = bpy.context.scene
    settings = scene.render.image_settings
    if hasattr(settings, "media_type"):  # Blender 5
        settings.media_type = "IMAGE"
    settings.file_format, settings.color_mode, settings.color_depth = form, mode, depth
    settings.tiff_codec = codec
    scene.view_settings.view_transform = "Standard"
    image = bpy.data.images.new("made", width, height, alpha=True, float_buffer=is_float)
    image.pixels.foreach_set(pixels.ravel())
    image.save_render(str(path), scene=scene)
    bpy.data.images.remove(image)
    return path


def turned(path: Path) -> Path:
    """The JPEG or PNG as cameras write it that were held upright."""
    content = path.read_bytes()
    place, tag = 2, b"\xff\xe1" + struct.pack(">H", len(TURNED) + 2) + TURNED
    if path.suffix == ".png":
        # Blender's own gives only the resolution; 4.2 writes it twice.
        while (own := content.find(b"eXIf") - 4) > 0:
            content = content[:own] + content[own + 12 + int.from_bytes(content[own : own + 4]) :]
        place, chunk = 33, b"eXIf" + TURNED[6:]
        tag = struct.pack(">I", len(chunk) - 4) + chunk + struct.pack(">I", zlib.crc32(chunk))
    path.write_bytes(content[:place] + tag + content[place:])
    return path


def linear(path: Path) -> Path:
    """The PNG with a gamma of 1."""
    content = path.read_bytes()
    chunk = b"gAMA" + struct.pack(">I", 100_000)
    chunk = struct.pack(">I", 4) + chunk + struct.pack(">I", zlib.crc32(chunk))
    path.write_bytes(content[:33] + chunk + content[33:])
    return path


def palette(path: Path) -> Path:
    """A BMP of 8 x 9 pixels, each of a colour of its own."""
    colours = np.random.default_rng(0).integers(0, 256, (256, 4), dtype=np.uint8)
    content = colours.tobytes() + bytes(range(8 * 9))
    header = struct.pack("<IiiHHIIiiII", 40, 8, 9, 1, 8, 0, 8 * 9, 0, 0, 256, 0)
    path.write_bytes(
        struct.pack("<2sIII", b"BM", 54 + len(content), 0, 54 + 1024) + header + content
    )
    return path


def from_top(path: Path) -> Path:
    """The TGA as if its first row were the highest."""
    content = bytearray(path.read_bytes())
    content[17] ^= picture_kinds.FIRST_ROW_ON_TOP
    path.write_bytes(content)
    return path


FILES: dict[str, Callable[[Path], Path]] = {
    "transparent.png": lambda path: save(path, "PNG", "RGBA"),
    "opaque.png": lambda path: save(path, "PNG"),
    "grey.png": lambda path: save(path, "PNG", "BW"),
    "gamma.png": lambda path: linear(save(path, "PNG")),
    "photo.jpg": lambda path: save(path, "JPEG"),
    "grey.jpg": lambda path: save(path, "JPEG", "BW"),
    "turned.jpg": lambda path: turned(save(path, "JPEG")),
    "turned.png": lambda path: turned(save(path, "PNG")),
    "photo.webp": lambda path: save(path, "WEBP"),
    "transparent.webp": lambda path: save(path, "WEBP", "RGBA"),
    "photo.bmp": lambda path: save(path, "BMP"),
    "grey.bmp": lambda path: save(path, "BMP", "BW"),
    "photo.tga": lambda path: save(path, "TARGA"),
    "grey.tga": lambda path: save(path, "TARGA_RAW", "BW"),
    "transparent.tga": lambda path: save(path, "TARGA", "RGBA"),
    "raw.tga": lambda path: save(path, "TARGA_RAW", "RGBA"),
    "photo.tif": lambda path: save(path, "TIFF", codec="NONE"),
    "grey.tif": lambda path: save(path, "TIFF", "BW", codec="PACKBITS"),
    "lzw.tif": lambda path: save(path, "TIFF", codec="LZW"),
    "transparent.tif": lambda path: save(path, "TIFF", "RGBA", codec="DEFLATE"),
    "palette.bmp": lambda path: palette(path),
    "on_top.tga": lambda path: from_top(save(path, "TARGA_RAW", "RGBA")),
}


def look(name: str, arrays: dict[str, NDArray[np.uint8]]) -> tuple[str, NDArray[np.uint8]]:
    """How the worker finds the background, and what is left."""
    answer = engine_session.client(runtime()).call("look", {"name": name}, arrays)
    return answer.values["background"], answer.arrays["seen"]


def given(image: bpy.types.Image, mask: bpy.types.Image | None = None) -> dict:
    return all_at_once(pictures.arrays_in_pieces(image, mask))


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("name", FILES)
def test_both_ways_give_the_same(
    runtime_python: str, tmp_path: Path, name: str, packed: bool
) -> None:
    image = bpy.data.images.load(str(FILES[name](tmp_path / name)))
    if packed:
        image.pack()
    # Colours are as they are in the file, whatever Blender takes them for.
    image.colorspace_settings.name = "Non-Color"
    arrays = given(image)
    assert list(arrays) == ["pixels_file"]
    # Blender shows a photo as it lies in its file, the network sees it as it was held.
    turns = -1 if name.startswith("turned") else 0
    pixels = np.rot90(all_at_once(pictures.pixels_in_pieces(image)), turns)
    for one, other in zip(look(name, arrays), look(name, {"pixels": pixels}), strict=True):
        np.testing.assert_array_equal(one, other)
    # As a mask.
    mask = given(image, image)
    assert list(mask) == ["pixels_file", "mask_file"]
    read = {"pixels": pixels, "mask": np.rot90(all_at_once(pictures.mask_in_pieces(image)), turns)}
    for one, other in zip(look(name, mask), look(name, read), strict=True):
        np.testing.assert_array_equal(one, other)


def test_deep_pictures_are_turned(runtime_python: str, tmp_path: Path) -> None:
    for depth in ("8", "16"):
        path = turned(save(tmp_path / f"{depth}.png", "PNG", depth=depth))
        _, seen = look("deep", given(bpy.data.images.load(str(path))))
        # What was wide is high.
        rows, columns = np.nonzero((seen < 250).any(axis=2))
        assert np.ptp(rows) > 1.2 * np.ptp(columns), depth


def painted(image: bpy.types.Image) -> None:
    image.pixels[0] = 0.1


def scaled(image: bpy.types.Image) -> None:
    image.scale(40, 30)


def without_alpha(image: bpy.types.Image) -> None:
    image.alpha_mode = "NONE"


def premultiplied(image: bpy.types.Image) -> None:
    image.alpha_mode = "PREMUL"


def packed_and_painted(image: bpy.types.Image) -> None:
    image.pack()
    painted(image)


@pytest.mark.parametrize(
    "change", [painted, scaled, without_alpha, premultiplied, packed_and_painted]
)
def test_what_blender_shows_otherwise_is_read_by_blender(
    tmp_path: Path, change: Callable[[bpy.types.Image], None]
) -> None:
    image = bpy.data.images.load(str(save(tmp_path / "a.png", "PNG", "RGBA")))
    change(image)
    arrays = given(image)
    np.testing.assert_array_equal(arrays["pixels"], all_at_once(pictures.pixels_in_pieces(image)))


@pytest.mark.parametrize(
    ("name", "form", "depth"),
    [
        ("deep.png", "PNG", "16"),
        ("deep.tif", "TIFF", "16"),
        ("a.exr", "OPEN_EXR", "16"),
        ("a.hdr", "HDR", "32"),
    ],
)
def test_other_kinds_are_read_by_blender(tmp_path: Path, name: str, form: str, depth: str) -> None:
    path = save(tmp_path / name, form, depth=depth, is_float=True)
    assert list(given(bpy.data.images.load(str(path)))) == ["pixels"]


def test_painted_and_packed_is_as_painted(runtime_python: str) -> None:
    image = bpy.data.images.new("painted", 64, 48)
    image.pixels[: 4 * 64 * 20] = [1.0, 0.0, 0.0, 1.0] * 64 * 20
    assert list(given(image)) == ["pixels"]
    image.pack()
    arrays = given(image)
    assert list(arrays) == ["pixels_file"]
    seen = look("painted", {"pixels": all_at_once(pictures.pixels_in_pieces(image))})[1]
    np.testing.assert_array_equal(look("painted", arrays)[1], seen)


def test_relative_paths_are_those_of_the_file(tmp_path: Path) -> None:
    save(tmp_path / "a.png", "PNG")
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "a.blend"))
    image = bpy.data.images.load("//a.png")
    assert given(image)["pixels_file"].tobytes() == (tmp_path / "a.png").read_bytes()


def test_files_that_are_gone_since_are_as_blender_has_them(tmp_path: Path) -> None:
    path = save(tmp_path / "a.png", "PNG")
    image = bpy.data.images.load(str(path))
    before = all_at_once(pictures.pixels_in_pieces(image))
    path.unlink()
    np.testing.assert_array_equal(given(image)["pixels"], before)
    image.reload()
    with pytest.raises(InputError, match="has no pixels"):
        given(image)
    with pytest.raises(InputError, match="has no pixels"):
        pictures.assert_readable(image)


def test_damaged_files_are_one_sentence(runtime_python: str, tmp_path: Path) -> None:
    path = save(tmp_path / "cut.png", "PNG")
    path.write_bytes(path.read_bytes()[:200])
    image = bpy.data.images.load(str(path))
    pictures.assert_readable(image)  # as far as can be seen without decoding it
    with pytest.raises(InputError, match=r"^cut\.png can't be read as a picture: [^\n]*\.$"):
        look(image.name, given(image))
    with pytest.raises(InputError, match=r"^The mask of a can't be read as a picture"):
        look(
            "a", {"pixels": np.zeros((9, 9, 3), np.uint8), "mask_file": given(image)["pixels_file"]}
        )


@pytest.fixture(scope="module")
def photo(registered: None, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save(tmp_path_factory.mktemp("photo") / "photo.jpg", "JPEG", size=PHOTO)


@pytest.mark.parametrize("packed", [False, True])
def test_large_photos_do_not_stall(photo: Path, packed: bool) -> None:
    image = bpy.data.images.load(str(photo))
    if packed:
        image.pack()
    assert longest(lambda: pictures.arrays_in_pieces(image, None)) < SECONDS_OF_STALL
    pictures.assert_readable(image)
    assert not image.has_data, "Blender has decoded it"


def like(content: bytes) -> bool:
    return picture_kinds.is_like_blenders(io.BytesIO(content))


def test_heads_of_files() -> None:
    png = picture_kinds.PNG + struct.pack(">I4sIIBB", 13, b"IHDR", 8, 8, 8, 2)
    assert like(png)
    assert not like(png[:24] + b"\x10\x02")
    assert not like(picture_kinds.PNG)
    webp = b"RIFF\0\0\0\0WEBPVP8X\x0a\0\0\0"
    assert like(webp + b"\x10\0\0\0")
    assert not like(webp + b"\x12\0\0\0")  # it moves
    assert not like(b"")
    assert not like(b"GIF89a" + bytes(40))
    assert not like(bytes(40))


@pytest.mark.parametrize(
    ("bits", "height", "compression", "is_like"),
    [(24, 9, 0, True), (8, 9, 0, True), (32, 9, 0, False), (24, -9, 0, False), (8, 9, 1, False)],
)
def test_heads_of_bmp(bits: int, height: int, compression: int, is_like: bool) -> None:
    header = struct.pack("<IiiHHI", 40, 9, height, 1, bits, compression)
    assert like(b"BM" + bytes(12) + header) == is_like


@pytest.mark.parametrize(
    ("kind", "bits", "flags", "is_like"),
    [
        (2, 24, 0, True),
        (10, 32, 8, True),
        (3, 8, 0x20, True),
        (2, 32, 0, False),  # nobody knows whether the fourth byte is alpha
        (2, 24, 0x10, False),  # rows from the right
        (1, 8, 0, False),
        (2, 16, 1, False),
    ],
)
def test_heads_of_tga(kind: int, bits: int, flags: int, is_like: bool) -> None:
    head = bytes([0, 0, kind, *bytes(9), 9, 0, 9, 0, bits, flags])
    assert like(head + bytes(40)) == is_like


@pytest.mark.parametrize(
    ("changed", "is_like"),
    [
        ({}, True),
        ({picture_kinds.BITS: (16, 16, 16)}, False),
        ({picture_kinds.COMPRESSION: (7,)}, False),  # JPEG
        ({picture_kinds.PHOTOMETRIC: (6,)}, False),  # YCbCr
        # Only the worker turns it.
        ({picture_kinds.ORIENTATION: (6,), picture_kinds.BITS: (16, 16, 16)}, True),
        ({picture_kinds.ORIENTATION: (6,), picture_kinds.BITS: (32, 32, 32)}, False),
        (
            {picture_kinds.SAMPLES: (4,), picture_kinds.BITS: (8,) * 4},
            False,
        ),  # of what is left open
        ({picture_kinds.SAMPLES: (4,), picture_kinds.EXTRA_SAMPLES: (2,)}, True),
        ({picture_kinds.SAMPLES: (4,), picture_kinds.EXTRA_SAMPLES: (1,)}, False),  # premultiplied
        ({picture_kinds.PLANES: (2,)}, False),
        ({picture_kinds.FORMATS: (2, 2, 2)}, False),  # with signs
    ],
)
@pytest.mark.parametrize("order", ["<", ">"])
def test_heads_of_tiff(order: str, changed: dict[int, tuple[int, ...]], is_like: bool) -> None:
    tags = {
        picture_kinds.BITS: (8, 8, 8),
        picture_kinds.COMPRESSION: (5,),
        picture_kinds.PHOTOMETRIC: (2,),
        picture_kinds.SAMPLES: (3,),
        **changed,
    }
    entries, elsewhere, start = b"", b"", 8 + 2 + 12 * len(tags) + 4
    for tag, values in sorted(tags.items()):
        packed = struct.pack(f"{order}{len(values)}H", *values)
        if len(packed) > 4:
            place = struct.pack(order + "I", start + len(elsewhere))
            elsewhere, packed = elsewhere + packed, place
        entries += struct.pack(order + "HHI", tag, 3, len(values)) + packed.ljust(4, b"\0")
    magic = {"<": b"II*\0", ">": b"MM\0*"}[order] + struct.pack(order + "I", 8)
    content = magic + struct.pack(order + "H", len(tags)) + entries + bytes(4) + elsewhere
    assert like(content) == is_like
    assert not like(content[:40])
