"""The buttons that generate shapes."""

from __future__ import annotations

import random

import bpy

from onet_core.engine.client import Answer, Job
from onet_core.sentences import Sentence
from onet_core.settings import LAST_SEED

from ..pictures import thumbnails
from ..properties.mesh_settings import OF_SAMPLES, SAMPLING, draw_setting, with_settings
from ..registration import register_classes, unregister_classes
from ..scene import framing, generation, reconstruction
from ..scene.pieces import Pieces
from .shared import WorkerOperator, fill, is_object_mode, is_own_scene

# Enough to tell shapes apart by.
CELLS_OF_THUMBNAILS = 48


@with_settings((*SAMPLING, *OF_SAMPLES), switches=True)
class ONET_OT_generate(WorkerOperator, bpy.types.Operator):
    """Generate one shape or a grid of shapes, each an object of its own"""

    bl_idname = "onet.generate"
    bl_label = "Generate"
    bl_options = {"REGISTER", "UNDO"}  # noqa: RUF012

    model: bpy.props.StringProperty(  # type: ignore[valid-type]
        name="Model",
        description="Name of a model or a weights file; empty for the one that suits",
        options={"SKIP_SAVE"},
    )
    replace: bpy.props.BoolProperty(  # type: ignore[valid-type]
        name="Replace",
        description="Give the first shape to the active object, if it is a generated one",
        options={"SKIP_SAVE"},
    )

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        return is_object_mode(cls, context)

    def draw(self, context: bpy.types.Context) -> None:
        self.layout.use_property_split = True
        self.layout.prop(self, "model")
        for name in (*SAMPLING, *OF_SAMPLES):
            draw_setting(self.layout, self, name)

    def start(self, context: bpy.types.Context) -> Job:
        choices = context.scene.onet
        # A seed that was given is somebody's; the panel's moves on with every press.
        self._moves_on = not self.properties.is_property_set("seed") and not self.replace
        names = (*SAMPLING, *OF_SAMPLES)
        fill(self, {**{name: getattr(choices, name) for name in names}, "model": choices.generator})
        self._choices = {name: getattr(self, name) for name in names}
        self._params = reconstruction.options(self.model, self._choices)
        first, count = self._choices["seed"], self._choices["count"]
        self._seeds = range(first, first + count)
        self._scene = context.scene.name
        active = context.active_object
        self._replaces = active.name if self.replace and active is not None else ""
        return generation.start(self._seeds, self._params)

    def finish_in_pieces(self, context: bpy.types.Context, answer: Answer) -> Pieces[Sentence]:
        made = yield from generation.place_in_pieces(
            context,
            self._scene,
            self._seeds,
            answer,
            self._params,
            self._choices,
            self._choices["spacing"],
            self._replaces,
        )
        scene = bpy.data.scenes.get(self._scene)
        if self._moves_on and scene is not None:
            scene.onet.seed = (self._seeds[-1] + 1) % LAST_SEED
        self.about = made[0].name
        framing.bring_into_view(*made)
        return generation.summary(made, len(self._seeds), answer)


class ONET_OT_thumbnails(WorkerOperator, bpy.types.Operator):
    """Draw small pictures of the shapes that the next seeds give, to choose one of them"""

    bl_idname = "onet.thumbnails"
    bl_label = "Show Choices"
    adds_object = False

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        return is_own_scene(cls, context)

    def start(self, context: bpy.types.Context) -> Job:
        choices = context.scene.onet
        self._scene, self._generator = context.scene.name, choices.generator
        seen = thumbnails.seeds_of(choices.generator)
        # Pressed again, it goes on to others.
        first = seen[-1] + 1 if choices.seed in seen else choices.seed
        self._seeds = [(first + number) % LAST_SEED for number in range(thumbnails.COUNT)]
        params = reconstruction.options(self._generator, {"resolution": CELLS_OF_THUMBNAILS})
        return generation.start_thumbnails(self._seeds, params, thumbnails.PIXELS)

    def finish(self, context: bpy.types.Context, answer: Answer) -> Sentence:
        thumbnails.show(self._generator, self._seeds, answer.arrays["pictures"])
        shown = thumbnails.seeds_of(self._generator)
        scene = bpy.data.scenes.get(self._scene)
        if scene is not None and scene.is_editable:
            scene.onet.seed = shown[0]
        return Sentence("{count} shapes to choose from", count=len(shown))


class ONET_OT_roll_dice(bpy.types.Operator):
    """Choose another seed by chance"""

    bl_idname = "onet.roll_dice"
    bl_label = "Roll the Dice"
    bl_options = {"UNDO"}  # noqa: RUF012

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        return is_own_scene(cls, context)

    def execute(self, context: bpy.types.Context) -> set[str]:
        before = context.scene.onet.seed
        seed = before
        while seed == before:
            seed = random.randrange(1_000_000)
        context.scene.onet.seed = seed
        return {"FINISHED"}


CLASSES = (ONET_OT_generate, ONET_OT_thumbnails, ONET_OT_roll_dice)


def register() -> None:
    register_classes(CLASSES)


def unregister() -> None:
    unregister_classes(CLASSES)
