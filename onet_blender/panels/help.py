"""Where to find more: the manual, the paper, and what to send about a problem."""

from __future__ import annotations

import bpy

PAPER = "https://arxiv.org/abs/1812.03828"


def draw_help(layout: bpy.types.UILayout) -> None:
    """The manual and the report are at hand without a network; the paper opens in the browser."""
    layout.operator("onet.open_manual", icon="HELP")
    layout.operator("wm.url_open", text="The Paper", icon="URL").url = PAPER
    layout.operator("onet.copy_report", text="Report a Problem", icon="COPYDOWN")
