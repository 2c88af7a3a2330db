"""Sentences in layouts: Blender's labels neither break lines nor grow."""

from __future__ import annotations

import re
from collections.abc import Callable

import blf
import bpy

from onet_core.sentences import Sentence

from ..languages.translate import translated

INTERFACE_FONT = 0
PIXELS_OF_ICON = 28
# Of a line, for the label; beside the lines, with the tabs.
SHARE_OF_LABELS, PIXELS_BESIDE = 0.4, 60
# Words; a unit stays with its number.
WORDS = re.compile(r"\S*\d\s+(?:%|s|GB)(?!\w)\S*|\S+")


def wrapped(text: str, width: float, measure: Callable[[str], float] = len) -> list[str]:
    """The text in lines of at most that width, longer words excepted.

    measure: gives the width of a line; by default how many characters it has.
    """
    lines: list[str] = []
    for word in WORDS.findall(text):
        if lines and measure(f"{lines[-1]} {word}") <= width:
            lines[-1] += f" {word}"
        else:
            lines.append(word)
    return lines


def pixels_of(text: str) -> float:
    """How wide Blender draws a label."""
    preferences = bpy.context.preferences
    points = preferences.ui_styles[0].widget.points
    blf.size(INTERFACE_FONT, points * preferences.system.ui_scale)
    return float(blf.dimensions(INTERFACE_FONT, text)[0])


def fits_beside(label: str) -> bool:
    """Whether a label has room on the left of its value, which Blender gives two fifths to it."""
    region, scale = bpy.context.region, bpy.context.preferences.system.ui_scale
    if region is None:
        return True
    room = SHARE_OF_LABELS * (region.width - PIXELS_BESIDE * scale)
    return pixels_of(translated(label)) <= room


def draw_text(
    layout: bpy.types.UILayout, text: str | Sentence, width: float, icon: str = "NONE"
) -> None:
    """Draws a sentence, translated, over as many labels as it takes, the icon before the first.

    width: of the place for it, in pixels.
    """
    if icon != "NONE":
        width -= PIXELS_OF_ICON * bpy.context.preferences.system.ui_scale
    column = layout.column(align=True)
    column.scale_y = 0.8
    # Sentences are translated whole, before they are broken.
    for number, line in enumerate(wrapped(translated(text), width, pixels_of)):
        if icon == "NONE":
            column.label(text=line, translate=False)
        else:
            column.label(text=line, icon=icon if number == 0 else "BLANK1", translate=False)
