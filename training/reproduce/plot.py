"""Lines over a logarithmic axis, drawn with Pillow, for the figure on representation power."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

SIZE, MARGIN = (760, 460), 64
COLOURS = ((31, 119, 180), (255, 127, 14), (44, 160, 44), (214, 39, 40), (148, 103, 189))
Points = Sequence[tuple[float, float]]


def draw_lines(
    path: Path, lines: Mapping[str, Points], across: str, up: str, *, low: float, high: float
) -> None:
    """Writes a PNG: each line's points (x, y) joined, x logarithmic, y from `low` to `high`."""
    image = Image.new("RGB", SIZE, "white")
    pen, font = ImageDraw.Draw(image), ImageFont.load_default(size=12)
    values = [x for points in lines.values() for x, _ in points]
    first, last = math.floor(math.log10(min(values))), math.ceil(math.log10(max(values)))
    last = max(last, first + 1)

    def at(x: float, y: float) -> tuple[float, float]:
        right = (math.log10(x) - first) / (last - first)
        above = (y - low) / (high - low)
        return (
            MARGIN + right * (SIZE[0] - 2 * MARGIN),
            SIZE[1] - MARGIN - above * (SIZE[1] - 2 * MARGIN),
        )

    for power in range(first, last + 1):
        place = at(10.0**power, low)
        pen.line([place, at(10.0**power, high)], fill=(225, 225, 225))
        pen.text((place[0] - 12, place[1] + 6), f"1e{power}", fill="black", font=font)
    for step in range(6):
        value = low + (high - low) * step / 5
        place = at(10.0**first, value)
        pen.line([place, at(10.0**last, value)], fill=(225, 225, 225))
        pen.text((place[0] - 34, place[1] - 7), f"{value:.2f}", fill="black", font=font)
    for number, (name, points) in enumerate(lines.items()):
        colour = COLOURS[number % len(COLOURS)]
        places = [at(x, y) for x, y in points]
        pen.line(places, fill=colour, width=2)
        for x, y in places:
            pen.ellipse((x - 3, y - 3, x + 3, y + 3), fill=colour)
        pen.text((MARGIN + 8, 8 + 14 * number), name, fill=colour, font=font)
    pen.text((SIZE[0] / 2 - 60, SIZE[1] - 26), across, fill="black", font=font)
    pen.text((6, SIZE[1] / 2), up, fill="black", font=font)
    path.parent.mkdir(parents=True, exist_ok=True)
    image.save(path)
