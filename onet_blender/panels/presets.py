"""Presets of the settings by Blender's own system, in the panel's head."""

from __future__ import annotations

import bpy
from bl_operators.presets import AddPresetBase  # type: ignore[import-not-found]
from bl_ui.utils import PresetPanel  # type: ignore[import-not-found]

from ..properties.mesh_settings import SETTINGS
from ..registration import register_classes, unregister_classes

FOLDER = "onet"


class ONET_PT_presets(PresetPanel, bpy.types.Panel):
    bl_label = "Presets"
    preset_subdir = FOLDER
    preset_operator = "script.execute_preset"
    preset_add_operator = "onet.add_preset"


class ONET_OT_add_preset(AddPresetBase, bpy.types.Operator):
    """Keep the panel's settings under a name, or remove what was kept"""

    bl_idname = "onet.add_preset"
    bl_label = "Add a Preset"
    preset_menu = "ONET_PT_presets"
    preset_defines = ("choices = bpy.context.scene.onet",)
    preset_values = tuple(f"choices.{name}" for name in SETTINGS)
    preset_subdir = FOLDER


CLASSES = (ONET_OT_add_preset, ONET_PT_presets)


def register() -> None:
    register_classes(CLASSES)


def unregister() -> None:
    unregister_classes(CLASSES)
