"""Of which kinds of picture files the worker's Pillow makes exactly the pixels that Blender makes.

Kinds are recognised by how files begin, without decoding them; only of a TIFF more has to be read.
"""

from __future__ import annotations

import io
import struct
from typing import BinaryIO

LENGTH_OF_HEAD = 34

PNG, JPEG = b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff"
BITS_OF_PNG, BITS_OF_BLENDERS_FLOATS = 24, 16
KIND_OF_WEBP, FLAGS_OF_WEBP, MOVES = slice(12, 16), 20, 0x02

# Of a BMP: length of its header, width, height, planes, bits, compression; from this byte on.
HEADER_OF_BMP, START_OF_BMP = struct.Struct("<IiiHHI"), 14
LENGTHS_OF_BMP_HEADERS = (40, 108, 124)  # versions 3, 4 and 5

# Of a TGA: its kind by bits of a pixel, with and without run lengths; bits of alpha by the same.
KINDS_OF_TGA = {8: (3, 11), 24: (2, 10), 32: (2, 10)}
ALPHA_OF_TGA = {8: 0, 24: 0, 32: 8}
FIRST_ROW_ON_TOP = 0x20

# How numbers lie in a TIFF, by its first bytes; the tags that count, and the types of numbers.
ORDERS_OF_TIFF = {b"II*\0": "<", b"MM\0*": ">"}
BITS, COMPRESSION, PHOTOMETRIC, ORIENTATION = 258, 259, 262, 274
SAMPLES, PLANES, EXTRA_SAMPLES, FORMATS = 277, 284, 338, 339
SHORT, LONG = 3, 4
MOST_TAGS = 200
MOST_EXIF = 2**16
# Of colours with more, floats among them, only Blender makes pixels.
MOST_BITS_OF_PILLOW = 16
# None, LZW, PackBits, and Deflate by both its numbers. JPEG leaves the decoder a choice.
LOSSLESS = (1, 5, 8, 32773, 32946)
GREY, RGB = 1, 2
STRAIGHT_ALPHA = 2
UNSIGNED = 1


def is_like_blenders(file: BinaryIO) -> bool:
    """Whether an open file gives the pixels that Blender makes of it.

    PNG of up to 8 bits, JPEG, WebP that stands still, BMP and TGA and lossless TIFF of 8 bits.
    Blender makes floats, which it brings to its own colours, of PNG with 16 bits and of most other
    kinds. Of any PNG or TIFF that its EXIF turns, which Blender doesn't do, the worker's are right.
    """
    head = file.read(LENGTH_OF_HEAD)
    if head.startswith(PNG):
        if len(head) <= BITS_OF_PNG:
            return False
        return head[BITS_OF_PNG] < BITS_OF_BLENDERS_FLOATS or _is_turned_png(file)
    if head.startswith(b"RIFF") and head[8:12] == b"WEBP" and len(head) > FLAGS_OF_WEBP:
        return head[KIND_OF_WEBP] != b"VP8X" or not head[FLAGS_OF_WEBP] & MOVES
    if head.startswith(JPEG):
        return True
    if len(head) < LENGTH_OF_HEAD:
        return False
    if head[:4] in ORDERS_OF_TIFF:
        return _is_plain_tiff(file, head)
    return _is_plain_bmp(head) if head.startswith(b"BM") else _is_plain_tga(head)


def _is_turned_png(file: BinaryIO) -> bool:
    """Whether the EXIF of a PNG turns it. The file stands anywhere."""
    place = len(PNG)
    for _ in range(MOST_TAGS):
        file.seek(place)
        head = file.read(8)
        if len(head) < 8:
            return False
        size, name = struct.unpack(">I4s", head)
        if name == b"eXIf":
            content = file.read(min(size, MOST_EXIF))
            order = ORDERS_OF_TIFF.get(content[:4])
            if order is None or len(content) < 8:
                return False
            inner = io.BytesIO(content)
            inner.seek(struct.unpack_from(order + "I", content, 4)[0])
            return _is_turned(tags_of_tiff(inner, order))
        place += 12 + size
    return False


def _is_turned(tags: dict[int, list[int]]) -> bool:
    turn = tags.get(ORIENTATION, [1])
    return len(turn) == 1 and 2 <= turn[0] <= 8


def _is_plain_bmp(head: bytes) -> bool:
    """Rows from below, a palette or 24 bits: what is more Blender takes for alpha."""
    length, _, height, _, bits, compression = HEADER_OF_BMP.unpack_from(head, START_OF_BMP)
    return length in LENGTHS_OF_BMP_HEADERS and height > 0 and bits in (8, 24) and compression == 0


def _is_plain_tga(head: bytes) -> bool:
    """Grey, RGB or RGBA without a palette; rows may begin on top."""
    has_palette, kind, bits, flags = head[1], head[2], head[16], head[17]
    if has_palette or any(head[3:8]) or kind not in KINDS_OF_TGA.get(bits, ()):
        return False
    return flags & ~FIRST_ROW_ON_TOP == ALPHA_OF_TGA[bits]


def _is_plain_tiff(file: BinaryIO, head: bytes) -> bool:
    """8 bits of grey or RGB, perhaps with straight alpha, without loss, in one plane; or turned."""
    order = ORDERS_OF_TIFF[head[:4]]
    file.seek(struct.unpack_from(order + "I", head, 4)[0])
    tags = tags_of_tiff(file, order)
    if _is_turned(tags):
        return max(tags.get(BITS, [1])) <= MOST_BITS_OF_PILLOW
    photometric, samples = tags.get(PHOTOMETRIC), tags.get(SAMPLES, [1])
    colours = {GREY: 1, RGB: 3}.get(photometric[0] if photometric else -1)
    if colours is None or samples[0] not in (colours, colours + 1):
        return False
    return (
        set(tags.get(BITS, [1])) == {8}
        and tags.get(COMPRESSION, [1])[0] in LOSSLESS
        and tags.get(ORIENTATION, [1]) == [1]
        and tags.get(PLANES, [1]) == [1]
        and tags.get(EXTRA_SAMPLES, []) == [STRAIGHT_ALPHA] * (samples[0] - colours)
        and set(tags.get(FORMATS, [UNSIGNED])) == {UNSIGNED}
    )


def tags_of_tiff(file: BinaryIO, order: str) -> dict[int, list[int]]:
    """The tags of whole numbers of a TIFF's first picture, which the file stands at."""
    count = file.read(2)
    if len(count) < 2:
        return {}
    entries = file.read(12 * min(struct.unpack(order + "H", count)[0], MOST_TAGS))
    found: dict[int, list[int]] = {}
    for start in range(0, len(entries) - 11, 12):
        tag, kind, number = struct.unpack_from(order + "HHI", entries, start)
        form = {SHORT: "H", LONG: "I"}.get(kind)
        if form is None or number > 4:
            continue
        packed = struct.Struct(f"{order}{number}{form}")
        values = entries[start + 8 : start + 12]
        if packed.size > len(values):  # they lie elsewhere
            file.seek(struct.unpack(order + "I", values)[0])
            values = file.read(packed.size)
        if len(values) >= packed.size:
            found[tag] = list(packed.unpack_from(values))
    return found
