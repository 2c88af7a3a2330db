"""The buttons about morphs: make one, bring one up to date, bake one."""

from __future__ import annotations

from typing import Any

import bpy

from onet_core.engine.client import Answer, Job
from onet_core.errors import InputError
from onet_core.sentences import Sentence

from ..languages.translate import translated
from ..operators.shared import WorkerOperator, fill, is_object_mode
from ..properties.mesh_settings import with_settings
from ..registration import register_classes, unregister_classes
from ..scene import framing
from ..scene.known import scene_of
from ..scene.pieces import Pieces
from . import baking, making
from .properties import SHAPE_KEYS, BakeChoices
from .steps import assert_showable, cache, has_slider, is_morph, linked, shape_of, show, step_of


@with_settings(("resolution",))
class ONET_OT_morph(WorkerOperator, bpy.types.Operator):
    """Make an object with a slider that goes through the shapes of the selected objects"""

    bl_idname = "onet.morph"
    bl_label = "Morph between Selected"
    bl_options = {"REGISTER", "UNDO"}  # noqa: RUF012

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        return is_object_mode(cls, context)

    def start(self, context: bpy.types.Context) -> Job:
        items = list(context.selected_objects)
        threshold = items[0].onet.threshold if items else 0.0
        fill(self, {"resolution": context.scene.onet.resolution})
        resolution: int = self.resolution
        self._step = making.first_step(items, resolution, threshold)
        self._names = [item.name for item in items]
        self._scene = context.scene.name
        self._smooth = items[0].onet.shade_smooth
        return self._step.start()

    def finish_in_pieces(self, context: bpy.types.Context, answer: Answer) -> Pieces[Sentence]:
        scene = scene_of(self._scene)
        shape, model = shape_of(answer), answer.values["model"]
        made = yield from making.place_in_pieces(
            context, scene, self._names, self._step, shape, model, self._smooth
        )
        cache.put(self._step, shape.result())
        ends = (context.view_layer.objects.get(name) for name in self._names)
        framing.bring_into_view(made, *(item for item in ends if item is not None))
        return Sentence(
            "{name}: a slider through {count} shapes", name=made.name, count=len(self._names)
        )


class MorphOperator(WorkerOperator):
    """What is about the active object, a morph."""

    _name: str

    @classmethod
    def poll(cls: Any, context: bpy.types.Context) -> bool:
        if not is_object_mode(cls, context):
            return False
        item = context.active_object
        if is_morph(item):
            return True
        if item is not None and has_slider(item):
            cls.poll_message_set(translated(linked(item)))
        else:
            cls.poll_message_set("Make a morph between generated objects, and select it, first")
        return False

    def morph(self) -> bpy.types.Object:
        """The object that the work was started for; raises InputError where it is gone."""
        item = bpy.data.objects.get(self._name)
        if item is None or not is_morph(item):
            raise InputError("The morph {name} is gone.", name=self._name)
        return item


class ONET_OT_update_morph(MorphOperator, bpy.types.Operator):
    """Make the morph's mesh again with its slider and settings"""

    bl_idname = "onet.update_morph"
    bl_label = "Update Morph"
    bl_options = {"REGISTER", "UNDO"}  # noqa: RUF012

    def start(self, context: bpy.types.Context) -> Job:
        item = context.active_object
        assert_showable(item)
        self._name, self._step = item.name, step_of(item)
        return self._step.start()

    def finish_in_pieces(self, context: bpy.types.Context, answer: Answer) -> Pieces[Sentence]:
        shape = shape_of(answer)
        yield shape
        item = self.morph()
        show(item, self._step, shape.result())
        cache.put(self._step, shape.result())
        return Sentence("{name}: {count:,} faces", name=item.name, count=len(item.data.polygons))


class ONET_OT_bake_morph(MorphOperator, BakeChoices, bpy.types.Operator):
    """Turn the morph into ordinary meshes that play without this extension"""

    bl_idname = "onet.bake_morph"
    bl_label = "Bake"
    bl_options = {"REGISTER", "UNDO"}  # noqa: RUF012

    def start(self, context: bpy.types.Context) -> Job:
        item, scene = context.active_object, context.scene
        fill(self, {"form": item.onet.morph.form, "steps": item.onet.morph.steps})
        self._name, self._scene = item.name, scene.name
        self._frames = baking.bake_frames(scene.frame_start, scene.frame_end, self.steps)
        values = baking.values_at(item, self._frames)
        return baking.start(item, values, self.form == SHAPE_KEYS)

    def finish_in_pieces(self, context: bpy.types.Context, answer: Answer) -> Pieces[Sentence]:
        item, scene = self.morph(), scene_of(self._scene)
        view_layer = context.view_layer if context.scene == scene else scene.view_layers[0]
        place = baking.place_shape_keys if self.form == SHAPE_KEYS else baking.place_meshes
        yield from place(item, scene, view_layer, self._frames, answer)
        # The morph itself would show through.
        item.hide_render = True
        item.hide_set(True, view_layer=view_layer)
        return Sentence(
            "{count} steps of {name} baked; the morph itself is hidden",
            count=len(self._frames),
            name=item.name,
        )


CLASSES = (ONET_OT_morph, ONET_OT_update_morph, ONET_OT_bake_morph)


def register() -> None:
    register_classes(CLASSES)


def unregister() -> None:
    unregister_classes(CLASSES)
