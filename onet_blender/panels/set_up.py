"""What the tab shows before anything can be computed: one button, with what it costs."""

from __future__ import annotations

import bpy

from .. import activity
from ..registration import register_classes, unregister_classes
from ..runtime import setup
from ..runtime.chosen import preferences, runtime
from .shared import OnetPanel, draw_button, draw_outcome, room
from .text import draw_text

SET_UP = "onet.set_up_runtime"


class ONET_PT_set_up(OnetPanel, bpy.types.Panel):
    bl_label = "Set Up"

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        return bool(runtime().problem)

    def draw(self, context: bpy.types.Context) -> None:
        layout, chosen = self.layout, preferences()
        if chosen is not None and (chosen.runtime_python or runtime().python is not None):
            # Set Up would change nothing: another Python was asked for.
            draw_text(layout, runtime().problem, room(context), icon="ERROR")
            layout.operator("onet.open_preferences", icon="PREFERENCES")
            return
        build = chosen.build if chosen is not None else "CPU"
        needs_network = setup.needs_network()
        blocked = needs_network and not bpy.app.online_access
        draw_button(layout, context, SET_UP, "IMPORT", enabled=not blocked)
        if activity.current() is None:
            draw_text(layout, setup.cost_of(build, needs_network), room(context))
            if chosen is not None and bpy.app.online_access:
                layout.prop(chosen, "with_cut_out")
        if blocked:
            draw_text(layout, "Blender may not use the internet yet:", room(context), icon="INFO")
            layout.operator(
                "extensions.userpref_allow_online", text="Allow Online Access", icon="URL"
            )
        else:
            draw_outcome(layout, context, *activity.OF_THE_RUNTIME)


CLASSES = (ONET_PT_set_up,)


def register() -> None:
    register_classes(CLASSES)


def unregister() -> None:
    unregister_classes(CLASSES)
