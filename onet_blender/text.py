"""Sentences in layouts: Blender's labels neither break lines nor grow."""

from __future__ import annotations

import re

import bpy

from .sentences import translated


def wrapped(text: str, width: int) -> list[str]:
    """The text in lines of at most `width` characters, longer words excepted."""
    lines: list[str] = []
    # A percent sign stays with its number.
    for word in re.findall(r"\S+(?:\s+%)?", text):
        if lines and len(lines[-1]) + 1 + len(word) <= width:
            lines[-1] += f" {word}"
        else:
            lines.append(word)
    return lines


def draw_text(layout: bpy.types.UILayout, text: str, width: int, icon: str = "NONE") -> None:
    """Draws a sentence, translated, over as many labels as it takes, the icon before the first."""
    column = layout.column(align=True)
    column.scale_y = 0.8
    # Sentences are translated whole, before they are broken.
    for number, line in enumerate(wrapped(translated(text), width)):
        if icon == "NONE":
            column.label(text=line, translate=False)
        else:
            column.label(text=line, icon=icon if number == 0 else "BLANK1", translate=False)
