"""The extension's preferences: where the runtime is, which device, where further models are."""

from __future__ import annotations

import bpy

from . import activity
from .model_list import forget_listing, listed_models
from .registration import register_classes, unregister_classes
from .runtime import PACKAGE, runtime
from .text import draw_text

DEVICES = (
    ("auto", "Automatic", "The graphics card where there is a usable one, else the processor"),
    ("cpu", "Processor", "Works everywhere; slower than a graphics card"),
    ("cuda", "NVIDIA graphics card", "Needs a runtime with CUDA"),
    ("mps", "Apple graphics", "The graphics part of Apple's own chips"),
)


def _folder_changed(self: ONET_AP_preferences, context: bpy.types.Context) -> None:
    forget_listing()


class ONET_AP_preferences(bpy.types.AddonPreferences):
    bl_idname = PACKAGE

    runtime_python: bpy.props.StringProperty(  # type: ignore[valid-type]
        name="Runtime's Python",
        description="The Python program of an environment that has PyTorch and the other "
        "libraries; the networks run there, in a process of their own",
        subtype="FILE_PATH",
    )
    device: bpy.props.EnumProperty(  # type: ignore[valid-type]
        name="Compute on", description="Where the networks run", items=DEVICES, default="auto"
    )
    model_folder: bpy.props.StringProperty(  # type: ignore[valid-type]
        name="Model folder",
        description="A folder with further models (.safetensors); they appear beside those that "
        "come with the extension",
        subtype="DIR_PATH",
        update=_folder_changed,
    )

    def draw(self, context: bpy.types.Context) -> None:
        layout = self.layout
        layout.use_property_split = True
        layout.prop(self, "runtime_python")
        chosen = runtime()
        if not self.runtime_python and chosen.python is not None:
            layout.label(text=f"Given from outside: {chosen.python}", icon="INFO")
        if chosen.problem:
            draw_text(layout, chosen.problem, 80, icon="ERROR")
        layout.prop(self, "device")
        layout.prop(self, "model_folder")
        for entry in listed_models():
            if entry.error:
                draw_text(layout, f"Not usable: {entry.error}", 80, icon="ERROR")
        busy = activity.current()
        if busy is not None and busy.owner == "onet.check_runtime":
            layout.label(text="Trying ...", icon="TIME")
        else:
            layout.operator("onet.check_runtime", icon="CHECKMARK")
            draw_text(layout, activity.message("onet.check_runtime"), 80)


CLASSES = (ONET_AP_preferences,)


def register() -> None:
    register_classes(CLASSES)


def unregister() -> None:
    unregister_classes(CLASSES)
