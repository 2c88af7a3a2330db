"""The buttons for what comes next; each takes Blender a moment, which is said by its cursor."""

from __future__ import annotations

import math
from typing import Any

import bpy

from onet_core.errors import OnetError
from onet_core.sentences import Sentence

from .. import activity
from ..languages.translate import translated
from ..operators.shared import is_object_mode
from ..registration import register_classes, unregister_classes
from ..scene import presenting
from . import levels, quads, ready, texture

OWNER = "onet.next_step"
SMALL_PART = 0.01
SHARP = math.radians(30)


class NextStep:
    """What changes the active object, a mesh, at once and in one undo step."""

    bl_options = {"REGISTER", "UNDO"}  # noqa: RUF012  # Blender reads a plain set

    report: Any

    @classmethod
    def poll(cls: Any, context: bpy.types.Context) -> bool:
        if not is_object_mode(cls, context):
            return False
        item = context.active_object
        if item is None or item.type != "MESH" or not len(item.data.polygons):
            cls.poll_message_set("Select a mesh first")
            return False
        return True

    def execute(self, context: bpy.types.Context) -> set[str]:
        item, window = context.active_object, context.window
        if window is not None:
            window.cursor_set("WAIT")
        try:
            message = self.change(context, item)
        except OnetError as error:
            activity.tell(OWNER, error.sentence, item.name)
            self.report({"ERROR"}, translated(error.sentence))
            return {"CANCELLED"}
        finally:
            if window is not None:
                window.cursor_set("DEFAULT")
        activity.tell(OWNER, message, item.name)
        self.report({"INFO"}, translated(message))
        return {"FINISHED"}

    def change(self, context: bpy.types.Context, item: bpy.types.Object) -> Sentence:
        """Does it and returns what to tell the user; raises OnetError."""
        raise AssertionError("each operator has its own")


class ONET_OT_quads(NextStep, bpy.types.Operator):
    """Make clean quads of the mesh, with its colours"""

    bl_idname = "onet.quads"
    bl_label = "Remesh to Quads"

    faces: bpy.props.IntProperty(  # type: ignore[valid-type]
        name="Quads", description="About how many quads", default=5000, min=50, soft_max=50_000
    )

    def change(self, context: bpy.types.Context, item: bpy.types.Object) -> Sentence:
        way = quads.remesh(context, item, self.faces)
        count = len(item.data.polygons)
        if way == quads.VOXELS:
            return Sentence(
                "{name}: {count:,} faces by the voxel remesher, as the mesh is not closed",
                name=item.name,
                count=count,
            )
        return Sentence("{name}: {count:,} quads", name=item.name, count=count)


class ONET_OT_ready(NextStep, bpy.types.Operator):
    """Remove small parts, put the origin at the base, apply the scale and mark sharp edges"""

    bl_idname = "onet.ready"
    bl_label = "Make Ready for Use"

    islands: bpy.props.BoolProperty(  # type: ignore[valid-type]
        name="Remove Small Parts",
        description="Remove separate parts of less than a hundredth of the largest's area",
        default=True,
    )
    origin: bpy.props.BoolProperty(  # type: ignore[valid-type]
        name="Origin at the Base", description="Middle of the floor", default=True
    )
    scale: bpy.props.BoolProperty(  # type: ignore[valid-type]
        name="Apply Scale", description="Put the object's scale into its mesh", default=True
    )
    sharp: bpy.props.BoolProperty(  # type: ignore[valid-type]
        name="Smooth by Angle", description="Smooth faces, sharp at edges", default=True
    )
    angle: bpy.props.FloatProperty(  # type: ignore[valid-type]
        name="Angle", description="Edges with a larger angle than this are sharp", default=SHARP,
        min=0, max=math.pi, subtype="ANGLE",
    )  # fmt: skip
    collection: bpy.props.BoolProperty(  # type: ignore[valid-type]
        name="Own Collection", description="Move it into a new collection of its name"
    )

    def change(self, context: bpy.types.Context, item: bpy.types.Object) -> Sentence:
        if self.islands:
            ready.remove_small_parts(item, SMALL_PART)
        if self.scale:
            ready.apply_scale(item)
        if self.origin:
            context.view_layer.update()
            ready.origin_to_base(item)
        if self.sharp:
            ready.mark_sharp_edges(item, self.angle)
        if self.collection:
            ready.put_into_collection(item, context.scene)
        return Sentence("{name} is ready", name=item.name)


class ONET_OT_texture(NextStep, bpy.types.Operator):
    """Unwrap the mesh and bake its colours to a texture"""

    bl_idname = "onet.texture"
    bl_label = "Colours to Texture"

    pixels: bpy.props.IntProperty(  # type: ignore[valid-type]
        name="Pixels", description="Width and height of the texture", default=1024, min=64,
        soft_max=4096, max=16384,
    )  # fmt: skip

    def change(self, context: bpy.types.Context, item: bpy.types.Object) -> Sentence:
        image = texture.bake(context, item, self.pixels)
        presenting.show_textures()
        return Sentence("{name}: UVs and the texture {image}", name=item.name, image=image.name)


class ONET_OT_levels(NextStep, bpy.types.Operator):
    """Make three levels of detail: all faces, a quarter, and one in sixteen"""

    bl_idname = "onet.levels"
    bl_label = "Levels of Detail"

    side_by_side: bpy.props.BoolProperty(  # type: ignore[valid-type]
        name="Side by Side", description=(
            "Otherwise all levels lie in one place and only the finest is shown"
        ),
        default=True,
    )  # fmt: skip

    def change(self, context: bpy.types.Context, item: bpy.types.Object) -> Sentence:
        made = levels.make(context, item, self.side_by_side)
        counts = ", ".join(f"{len(one.data.polygons):,}" for one in made)
        return Sentence("{count} levels: {counts} faces", count=len(made), counts=counts)


CLASSES = (ONET_OT_quads, ONET_OT_ready, ONET_OT_texture, ONET_OT_levels)


def register() -> None:
    register_classes(CLASSES)


def unregister() -> None:
    unregister_classes(CLASSES)
