"""What the panels offer for pictures with a busy background."""

from __future__ import annotations

import bpy

from .. import activity
from ..runtime import cut_out
from .shared import draw_outcome

FETCH = "onet.fetch_cut_out"


def draw_cut_out(layout: bpy.types.UILayout, context: bpy.types.Context) -> None:
    """The switch of the network that cuts objects out, or the button that fetches it."""
    if cut_out.is_there():
        layout.prop(context.scene.onet, "cut_out")
        return
    running = activity.current()
    row = layout.row(align=True)
    if running is not None and running.owner == FETCH:
        row.progress(factor=running.fraction, text="")
        row.operator("onet.cancel", text="", icon="CANCEL")
        layout.separator(factor=0.01)  # as in `shared.draw_button`
        return
    row.enabled = running is None and bpy.app.online_access
    row.operator(FETCH, icon="IMPORT")
    if not bpy.app.online_access:
        # Without words: the panel of a picture is long enough.
        layout.operator("extensions.userpref_allow_online", text="Allow Online Access", icon="URL")
    draw_outcome(layout, context, FETCH)
