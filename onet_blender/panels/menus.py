"""Where Blender's own menus lead here; what is in a menu, F3 finds."""

from __future__ import annotations

from typing import Any

import bpy

from onet_core.kinds import INPUT_IDENTIFIERS

from ..morph.steps import is_morph
from ..pictures import images as pictures
from ..registration import register_classes, unregister_classes
from ..scene.sources import SOURCE_TYPES


class ONET_MT_pictures(bpy.types.Menu):
    bl_label = "Picture from Elsewhere"

    def draw(self, context: bpy.types.Context) -> None:
        layout = self.layout
        layout.operator("onet.look", icon="HIDE_OFF")
        layout.operator("onet.paste_picture", icon="PASTEDOWN")
        layout.operator("onet.use_render", icon="RENDER_STILL")
        layout.operator("onet.use_shown_picture", icon="IMAGE")


class ONET_MT_next_step(bpy.types.Menu):
    bl_label = "Next Step"

    def draw(self, context: bpy.types.Context) -> None:
        layout = self.layout
        layout.operator("onet.quads", icon="MESH_GRID").faces = context.scene.onet.quads
        layout.operator("onet.ready", icon="CHECKMARK")
        item = context.active_object
        if item is not None and item.onet.kind == "IMAGE":
            layout.operator("onet.paint", icon="IMAGE_DATA")
        layout.operator("onet.texture", icon="UV")
        layout.operator("onet.levels", icon="MOD_DECIM")


class ONET_MT_object(bpy.types.Menu):
    bl_label = "ONet"

    def draw(self, context: bpy.types.Context) -> None:
        layout = self.layout
        layout.operator_context = "INVOKE_DEFAULT"
        draw_for_object(layout, context)
        layout.separator()
        layout.operator("onet.generate", icon="SHADERFX")
        layout.operator("onet.morph", icon="CON_FOLLOWPATH")
        layout.operator("onet.follow_movement", icon="ANIM")
        layout.operator("onet.mesh_cache", icon="FILE_CACHE")
        if is_morph(context.active_object):
            layout.operator("onet.update_morph", icon="FILE_REFRESH")
            layout.operator("onet.bake_morph", icon="RENDER_ANIMATION")
        layout.separator()
        layout.operator("onet.open_file", icon="FILE_FOLDER")
        layout.menu("ONET_MT_pictures", icon="IMAGE_DATA")


def draw_for_object(layout: bpy.types.UILayout, context: bpy.types.Context) -> None:
    """What can be made of the active object; what the panel is about where there is none."""
    item = context.active_object
    picture = pictures.picture_of(item)
    if picture is not None:
        asked = layout.operator(
            "onet.reconstruct", text="Reconstruct from the Picture", icon="IMAGE_DATA"
        )
        asked.kind, asked.picture = "IMAGE", picture.name
    elif item is None:
        layout.operator("onet.reconstruct", icon="MESH_MONKEY")
    else:
        for kind, text, icon in (
            ("POINTS", "Reconstruct from Points", "POINTCLOUD_DATA"),
            ("VOXELS", "Reconstruct from Voxels", "MESH_GRID"),
        ):
            if item.type in SOURCE_TYPES[kind]:
                asked = layout.operator("onet.reconstruct", text=text, icon=icon)
                asked.kind, asked.source = kind, item.name
    if item is not None and item.onet.kind in INPUT_IDENTIFIERS:
        layout.operator("onet.reconstruct_again", icon="FILE_REFRESH")
        layout.operator("onet.take_settings", icon="EYEDROPPER")
    if item is not None and item.type == "MESH":
        layout.menu("ONET_MT_next_step", icon="MODIFIER")


def _in_object_menu(self: Any, context: bpy.types.Context) -> None:
    self.layout.separator()
    self.layout.menu("ONET_MT_object", icon="MESH_MONKEY")


def _in_add_menu(self: Any, context: bpy.types.Context) -> None:
    if context.mode == "OBJECT":
        self.layout.separator()
        self.layout.operator_context = "INVOKE_DEFAULT"
        self.layout.operator("onet.generate", text="ONet Shape", icon="SHADERFX")


def _in_import_menu(self: Any, context: bpy.types.Context) -> None:
    self.layout.operator("onet.open_file", text="ONet (picture, scan, voxels)")


def _in_image_menu(self: Any, context: bpy.types.Context) -> None:
    image = context.area.spaces.active.image if context.area is not None else None
    if image is not None:
        self.layout.separator()
        _draw_for_picture(self.layout, image)


def _on_a_button(self: Any, context: bpy.types.Context) -> None:
    """The right-click menu of a button that shows an image."""
    pointer, chosen = (getattr(context, name, None) for name in ("button_pointer", "button_prop"))
    image = getattr(pointer, chosen.identifier, None) if pointer and chosen else None
    if isinstance(image, bpy.types.Image):
        self.layout.separator()
        _draw_for_picture(self.layout, image)


def _draw_for_picture(layout: bpy.types.UILayout, image: bpy.types.Image) -> None:
    if image.type == "RENDER_RESULT":
        layout.operator("onet.use_render", text="ONet: Use the Render", icon="MESH_MONKEY")
        return
    layout.operator_context = "INVOKE_DEFAULT"
    asked = layout.operator("onet.reconstruct", text="ONet: Reconstruct", icon="MESH_MONKEY")
    asked.kind, asked.picture = "IMAGE", image.name


CLASSES = (ONET_MT_pictures, ONET_MT_next_step, ONET_MT_object)
ADDITIONS = (
    ("VIEW3D_MT_object", _in_object_menu),
    ("VIEW3D_MT_object_context_menu", _in_object_menu),
    ("VIEW3D_MT_mesh_add", _in_add_menu),
    ("TOPBAR_MT_file_import", _in_import_menu),
    ("IMAGE_MT_image", _in_image_menu),
    ("UI_MT_button_context_menu", _on_a_button),
)


def register() -> None:
    register_classes(CLASSES)
    for menu, draw in ADDITIONS:
        getattr(bpy.types, menu).append(draw)


def unregister() -> None:
    for menu, draw in ADDITIONS:
        getattr(bpy.types, menu).remove(draw)
    unregister_classes(CLASSES)
