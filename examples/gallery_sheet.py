"""Makes the README's gallery of the pictures that a windowed test takes.

    python examples/gallery_sheet.py out/gui/sid/inputs docs/gallery.jpg

The pictures are those of `tests/gui/test_inputs.py`: what new users try, before and after they
press Reconstruct, as the 3D view shows it.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont, ImageOps

# What is shown: the pictures' names, and a caption.
SHOWN = (
    ("cube-before", "cube-after", "The default cube, as points"),
    ("suzanne-before", "suzanne-after", "Suzanne, as points"),
    ("suzanne-after", "suzanne-quads", "Next Step: quads"),
    ("text-before", "text-after", "A text object"),
    ("sculpt-before", "sculpt-after", "A sculpt of 500,000 vertices"),
    ("scan-before", "scan-after", "A coloured scan"),
    ("blocks-before", "blocks-after", "A MagicaVoxel model"),
    ("photo.jpg", "photo-after", "A picture as a phone takes it"),
)
CELL = (290, 218)
COLUMNS, GAP, CAPTION, PIXELS_OF_TEXT = 2, 12, 26, 15
QUALITY = 86
# The colour of the outline of what is selected, and how near to it counts.
SELECTED, NEAR = np.array([237, 148, 43]), 30
# Pixels of the view's edge with text and tools; of a crop, around what is selected.
HEAD, TOOLS, SMALLEST, ROOM, NEAR_WIDTH = 90, 50, 160, 1.25, 60
PAPER, INK = (255, 255, 255), (40, 40, 40)


def window_of(path: Path) -> Image.Image:
    """A picture, turned as its camera says."""
    with Image.open(path) as opened:
        return ImageOps.exif_transpose(opened).convert("RGB")


def around_selected(window: Image.Image, view: list[int]) -> tuple[float, float, float]:
    """Middle x, y and width of a crop round what is outlined as selected in the 3D view."""
    left, top, width, height = view
    pixels = np.asarray(window, dtype=float)[top : top + height, left : left + width]
    is_outline = np.abs(pixels - SELECTED).max(axis=2) < NEAR
    rows, columns = np.nonzero(is_outline[HEAD:, TOOLS:])
    if not len(rows):
        return left + width / 2, top + height / 2, width
    low, high = np.array([columns.min(), rows.min()]), np.array([columns.max(), rows.max()])
    middle, size = (low + high) / 2 + [left + TOOLS, top + HEAD], high - low
    wanted = max(size[0], size[1] * CELL[0] / CELL[1]) * ROOM
    half = float(np.clip(wanted, SMALLEST, width)) / 2
    # Without the sidebar.
    middle_x = np.clip(middle[0], left + half, left + width - half)
    return float(middle_x), float(middle[1]), 2 * half


def cut(window: Image.Image, where: tuple[float, float, float]) -> Image.Image:
    x, y, width = where
    half, tall = width / 2, width * CELL[1] / CELL[0] / 2
    box = [round(side) for side in (x - half, y - tall, x + half, y + tall)]
    return window.crop(box).resize(CELL, Image.Resampling.LANCZOS)


def pair(folder: Path, names: tuple[str, str], view: list[int]) -> list[Image.Image]:
    """Before and after, cut alike; of a picture file the whole."""
    after = window_of(folder / f"{names[1]}.png")
    where = around_selected(after, view)
    if names[0].endswith(".jpg"):
        return [ImageOps.fit(window_of(folder / names[0]), CELL), cut(after, where)]
    before = window_of(folder / f"{names[0]}.png")
    # Of what fills the view differently before, the view was framed in between.
    at_first = around_selected(before, view)
    return [cut(before, where if abs(at_first[2] - where[2]) < NEAR_WIDTH else at_first),
            cut(after, where)]  # fmt: skip


def sheet(folder: Path) -> Image.Image:
    """All pairs side by side, with their captions."""
    view = json.loads((folder / "notes.json").read_text())["view"]
    rows = -(-len(SHOWN) // COLUMNS)
    wide = 2 * CELL[0] + 4
    size = (COLUMNS * wide + (COLUMNS - 1) * GAP, rows * (CELL[1] + CAPTION))
    made = Image.new("RGB", size, PAPER)
    pen, font = ImageDraw.Draw(made), ImageFont.load_default(PIXELS_OF_TEXT)
    for number, (before, after, caption) in enumerate(SHOWN):
        x, y = number % COLUMNS * (wide + GAP), number // COLUMNS * (CELL[1] + CAPTION)
        for place, part in enumerate(pair(folder, (before, after), view)):
            made.paste(part, (x + place * (CELL[0] + 4), y + CAPTION))
        pen.text((x, y + 4), caption, fill=INK, font=font)
    return made


def main() -> None:
    """Reads the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("target", type=Path)
    arguments = parser.parse_args()
    sheet(arguments.folder).save(arguments.target, quality=QUALITY, optimize=True)


if __name__ == "__main__":
    main()
