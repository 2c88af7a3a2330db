"""The buttons that follow a movement and write it to a mesh cache."""

from __future__ import annotations

from pathlib import Path

import bpy

from onet_core.engine.client import Answer, Job, Task
from onet_core.errors import InputError
from onet_core.sentences import Sentence

from ..next_step.operators import NextStep
from ..operators.shared import WorkerOperator, fill, is_object_mode
from ..pictures.doubts import in_one
from ..properties.mesh_settings import OF_INPUTS
from ..registration import register_classes, unregister_classes
from ..runtime import engine_session
from ..runtime.chosen import runtime
from ..scene import framing, presenting, reconstruction
from ..scene.pieces import Pieces
from ..scene.preparation import Preparation
from ..scene.sources import chosen_objects
from . import caching, placing, reading
from .properties import frame_number, step_width


class ONET_OT_follow_movement(WorkerOperator, bpy.types.Operator):
    """Make one mesh that moves from an object that moves, or from one object for each frame"""

    bl_idname = "onet.follow_movement"
    bl_label = "Follow the Movement"
    bl_options = {"REGISTER", "UNDO"}  # noqa: RUF012  # Blender reads a plain set

    start_frame: frame_number(  # type: ignore[valid-type]
        "Start", "The first frame that is followed", options={"SKIP_SAVE"}
    )
    end_frame: frame_number(  # type: ignore[valid-type]
        "End", "The last frame that is followed", options={"SKIP_SAVE"}
    )
    step: step_width(options={"SKIP_SAVE"})  # type: ignore[valid-type]
    source: bpy.props.StringProperty(  # type: ignore[valid-type]
        name="Object",
        description="Name of the object; empty for the selected ones",
        options={"SKIP_SAVE"},
    )
    model: bpy.props.StringProperty(  # type: ignore[valid-type]
        name="Model",
        description="Name of a model or a weights file; empty for the one that suits",
        options={"SKIP_SAVE"},
    )

    _preparation: Preparation[reading.Request]

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        return is_object_mode(cls, context)

    def start(self, context: bpy.types.Context) -> Task:
        scene, panel = context.scene, context.scene.onet
        chosen = panel.movement
        fill(
            self,
            {"start_frame": chosen.start, "end_frame": chosen.end, "step": chosen.step},
        )
        items = chosen_objects(context, "POINTS")
        if self.source:
            named = bpy.data.objects.get(self.source)
            if named is None:
                raise InputError("There is no object {name}.", name=self.source)
            items = [named]
        wanted = reading.frames_of(items, scene, self.start_frame, self.end_frame, self.step)
        choices = {name: getattr(panel, name) for name in OF_INPUTS}
        if panel.input_kind == "POINTS":
            fill(self, {"model": panel.model})
        params = reconstruction.options(self.model, choices)
        self._smooth = bool(choices.get("shade_smooth", True))
        self._names = set(wanted.names)
        layer = context.view_layer.name
        return self._started(reading.prepare(wanted, scene, layer, params, choices))

    def _started(self, pieces: Pieces[reading.Request]) -> Task:
        self._preparation = Preparation(pieces, _ask)
        return self._preparation

    def finish_in_pieces(self, context: bpy.types.Context, answer: Answer) -> Pieces[Sentence]:
        request = self._preparation.prepared
        made = yield from placing.place_in_pieces(context, request, answer, self._smooth)
        self.about = made.name
        for name in self._names:
            item = bpy.data.objects.get(name)
            if item is not None:
                presenting.hide(item, context.view_layer)
        presenting.show_colours(made.data)
        framing.bring_into_view(made)
        message = Sentence(
            "{name}: {count:,} vertices move through {frames} frames",
            name=made.name,
            count=len(made.data.vertices),
            frames=len(answer.values["frames"]),
        )
        return in_one([message, *map(Sentence.from_json, answer.values["notes"])])


class ONET_OT_mesh_cache(NextStep, bpy.types.Operator):
    """Write the movement of the shape keys to a file that Blender plays, for many frames"""

    bl_idname = "onet.mesh_cache"
    bl_label = "Movement to Mesh Cache"

    filepath: bpy.props.StringProperty(  # type: ignore[valid-type]
        name="File", subtype="FILE_PATH", options={"SKIP_SAVE"}
    )
    filter_glob: bpy.props.StringProperty(  # type: ignore[valid-type]
        default=f"*{caching.ENDING}", options={"HIDDEN"}
    )
    check_existing: bpy.props.BoolProperty(  # type: ignore[valid-type]
        default=True, options={"HIDDEN"}
    )

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        if not is_object_mode(cls, context):
            return False
        if not caching.moves(context.active_object):
            cls.poll_message_set("Select a mesh whose shape keys move")
            return False
        return True

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        if not self.filepath:
            self.filepath = bpy.path.clean_name(context.active_object.name) + caching.ENDING
        context.window_manager.fileselect_add(self)
        return {"RUNNING_MODAL"}

    def change(self, context: bpy.types.Context, item: bpy.types.Object) -> Sentence:
        if not self.filepath:
            raise InputError("Choose a file for the mesh cache.")
        path = Path(bpy.path.abspath(self.filepath)).with_suffix(caching.ENDING).resolve()
        count = caching.to_cache(item, path)
        return Sentence(
            "{name}: {count} frames in {file}", name=item.name, count=count, file=path.name
        )


def _ask(request: reading.Request) -> Job:
    return engine_session.client(runtime()).start("move", request.params, request.arrays)


CLASSES = (ONET_OT_follow_movement, ONET_OT_mesh_cache)


def register() -> None:
    register_classes(CLASSES)


def unregister() -> None:
    unregister_classes(CLASSES)
