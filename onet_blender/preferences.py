"""The extension's preferences: where the runtime is, which device, where further models are."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

import bpy

from .registration import register_classes, unregister_classes

# For scripts, tests and render farms: the runtime's Python, unless the preferences name one.
RUNTIME_VARIABLE = "ONET_RUNTIME_PYTHON"
DEVICES = (
    ("auto", "Automatic", "The graphics card where there is a usable one, else the processor"),
    ("cpu", "Processor", "Works everywhere; slower than a graphics card"),
    ("cuda", "NVIDIA graphics card", "Needs a runtime with CUDA"),
    ("mps", "Apple graphics", "The graphics part of Apple's own chips"),
)


@dataclass(frozen=True)
class Runtime:
    """What the preferences come to. python: None where no runtime is set."""

    python: Path | None
    device: str
    folders: tuple[Path, ...]

    @property
    def problem(self) -> str:
        """Why nothing can be computed, in one sentence for the user; empty where all is well."""
        if self.python is None:
            return "The runtime is not set: name its Python in the extension's preferences."
        if not self.python.is_file():
            return (
                f"There is no Python at {self.python}: correct it in the extension's preferences."
            )
        return ""


class ONET_AP_preferences(bpy.types.AddonPreferences):
    bl_idname = __package__ or "onet_blender"

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
    )

    def draw(self, context: bpy.types.Context) -> None:
        layout = self.layout
        layout.use_property_split = True
        layout.prop(self, "runtime_python")
        layout.prop(self, "device")
        layout.prop(self, "model_folder")
        problem = runtime().problem
        if problem:
            layout.label(text=problem, icon="ERROR")
        layout.operator("onet.check_runtime", icon="CHECKMARK")
        layout.label(text=context.window_manager.onet.runtime_report)


def runtime() -> Runtime:
    """What is set; in scripts, without the extension enabled, the variable and defaults count."""
    addon = bpy.context.preferences.addons.get(ONET_AP_preferences.bl_idname)
    chosen = addon.preferences if addon is not None else None
    python = (chosen.runtime_python if chosen else "") or os.environ.get(RUNTIME_VARIABLE, "")
    folder = chosen.model_folder if chosen else ""
    return Runtime(
        python=Path(bpy.path.abspath(python)) if python else None,
        device=chosen.device if chosen else "auto",
        folders=(Path(bpy.path.abspath(folder)),) if folder else (),
    )


CLASSES = (ONET_AP_preferences,)


def register() -> None:
    register_classes(CLASSES)


def unregister() -> None:
    unregister_classes(CLASSES)
