"""Makes the README's gallery of the pictures that a windowed test takes.

    python examples/gallery_sheet.py out/gui/sid/inputs docs/gallery.jpg

The pictures are those of `tests/gui/test_inputs.py`: what new users try, before and after they
press Reconstruct, as the 3D view shows it.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

# What is shown: the pictures' names, and a caption.
SHOWN = (
    ("cube-before", "cube-after", "The default cube, as points"),
    ("suzanne-before", "suzanne-after", "Suzanne, as points"),
    ("suzanne-after", "suzanne-quads", "Next Step: quads"),
    ("text-before", "text-after", "A text object"),
    ("sculpt-before", "sculpt-after", "A sculpt of 500,000 vertices"),
    ("scan-before", "scan-after", "A coloured scan"),
    ("blocks-before", "blocks-after", "A MagicaVoxel model"),
    ("photo-before", "photo-after", "A picture as a phone takes it"),
)
CELL = (290, 218)
COLUMNS, GAP, CAPTION, PIXELS_OF_TEXT = 2, 12, 26, 15
QUALITY = 86
PAPER, INK = (255, 255, 255), (40, 40, 40)


def cell(path: Path, view: list[int]) -> Image.Image:
    """The middle of the 3D view in a picture of the whole window."""
    with Image.open(path) as opened:
        window = opened.convert("RGB")
    left, top, width, height = view
    wanted = CELL[0] / CELL[1]
    wide, high = min(width, height * wanted), min(height, width / wanted)
    middle = left + width / 2, top + height / 2
    box = (middle[0] - wide / 2, middle[1] - high / 2, middle[0] + wide / 2, middle[1] + high / 2)
    return window.crop([round(side) for side in box]).resize(CELL, Image.Resampling.LANCZOS)


def sheet(folder: Path) -> Image.Image:
    """All pairs side by side, with their captions."""
    view = json.loads((folder / "notes.json").read_text())["view"]
    rows = -(-len(SHOWN) // COLUMNS)
    pair = 2 * CELL[0] + 4
    size = (COLUMNS * pair + (COLUMNS - 1) * GAP, rows * (CELL[1] + CAPTION))
    made = Image.new("RGB", size, PAPER)
    pen, font = ImageDraw.Draw(made), ImageFont.load_default(PIXELS_OF_TEXT)
    for number, (before, after, caption) in enumerate(SHOWN):
        x, y = number % COLUMNS * (pair + GAP), number // COLUMNS * (CELL[1] + CAPTION)
        for place, name in enumerate((before, after)):
            made.paste(cell(folder / f"{name}.png", view), (x + place * (CELL[0] + 4), y + CAPTION))
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
