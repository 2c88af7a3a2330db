"""The buttons. Each operator turns its properties into a `Request` and leaves the work to others.

In a window the work runs beside the interface: a timer polls the worker, Escape cancels. Called
from a script or in background mode an operator waits and returns {'FINISHED'}, or raises
RuntimeError with the message, as Blender's operators do.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import bpy
from mathutils import Vector

from onet_core.engine.client import Answer, Job
from onet_core.errors import Cancelled, OnetError

from . import engine_session, reconstruction
from .preferences import ONET_AP_preferences, runtime
from .properties import INPUT_KINDS, QUALITY_SETTINGS
from .reconstruction import Request
from .registration import register_classes, unregister_classes

SECONDS_BETWEEN_POLLS = 0.1
STAGES = {
    "start": "Starting",
    "load": "Loading the network",
    "encode": "Looking at the input",
    "surface": "Finding the surface",
    "simplify": "Simplifying",
    "refine": "Polishing",
    "normals": "Smoothing",
}


class WorkerOperator:
    """What Reconstruct and Generate share: waiting for the worker, in the open or at once."""

    _job: Job
    _request: Request
    _timer: bpy.types.Timer | None = None
    report: Callable[[set[str], str], None]

    def request(self, context: bpy.types.Context) -> Request:
        """What to ask for, from the operator's properties; raises OnetError."""
        raise AssertionError("each operator has its own")

    def execute(self, context: bpy.types.Context) -> set[str]:
        """Waits for the answer."""
        try:
            request = self.request(context)
            self._finish(context, request, reconstruction.compute(request))
        except OnetError as error:
            return self._refuse(context, error)
        return {"FINISHED"}

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        """Starts the work and returns to the interface."""
        if bpy.app.background:
            return self.execute(context)
        session = context.window_manager.onet
        if session.running:
            self.report({"WARNING"}, "ONet is still at work: wait, or cancel it first.")
            return {"CANCELLED"}
        try:
            self._request = self.request(context)
            self._job = reconstruction.start(self._request)
        except OnetError as error:
            return self._refuse(context, error)
        session.running, session.fraction = True, 0.0
        session.stage, session.message = STAGES["start"], ""
        self._timer = context.window_manager.event_timer_add(
            SECONDS_BETWEEN_POLLS, window=context.window
        )
        context.window_manager.modal_handler_add(self)
        redraw(context)
        return {"RUNNING_MODAL"}

    def modal(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        """Polls the worker; everything but Escape goes on to the interface."""
        session = context.window_manager.onet
        if (event.type == "ESC" and event.value == "PRESS") or not session.running:
            self._job.cancel()
            session.stage = "Cancelling"
            session.running = True  # until the worker has let go
            redraw(context)
            if event.type == "ESC":
                return {"RUNNING_MODAL"}
        if event.type != "TIMER":
            return {"PASS_THROUGH"}
        for happened in self._job.poll():
            if happened.kind == "progress":
                session.fraction = happened.fraction
                session.stage = STAGES.get(happened.stage, happened.stage)
                redraw(context)
        if not self._job.done:
            return {"PASS_THROUGH"}
        self._end(context)
        try:
            self._finish(context, self._request, self._job.result())
        except OnetError as error:
            return self._refuse(context, error)
        return {"FINISHED"}

    def cancel(self, context: bpy.types.Context) -> None:
        """Blender ends the operator, for example because its window is closed."""
        self._job.cancel()
        self._end(context)

    def _finish(self, context: bpy.types.Context, request: Request, answer: Answer) -> None:
        made = reconstruction.place(context, request, answer)
        message = reconstruction.summary(made, answer)
        context.window_manager.onet.message = message
        self.report({"INFO"}, message)
        redraw(context)

    def _end(self, context: bpy.types.Context) -> None:
        if self._timer is not None:
            context.window_manager.event_timer_remove(self._timer)
            self._timer = None
        context.window_manager.onet.running = False
        redraw(context)

    def _refuse(self, context: bpy.types.Context, error: OnetError) -> set[str]:
        context.window_manager.onet.message = str(error)
        self.report({"WARNING" if isinstance(error, Cancelled) else "ERROR"}, str(error))
        redraw(context)
        return {"CANCELLED"}


def redraw(context: bpy.types.Context) -> None:
    """Has the sidebars drawn again; in background mode there are none."""
    for window in context.window_manager.windows:
        for area in window.screen.areas:
            if area.type == "VIEW_3D":
                area.tag_redraw()


def ready(context: bpy.types.Context) -> bool:
    """Whether the add-on's own data exists and an object can be added."""
    return context.mode == "OBJECT"


class ONET_OT_reconstruct(WorkerOperator, bpy.types.Operator):
    """Make a mesh from the picture or object that is chosen"""

    bl_idname = "onet.reconstruct"
    bl_label = "Reconstruct"
    bl_options = {"REGISTER", "UNDO"}  # noqa: RUF012  # Blender reads a plain set

    kind: bpy.props.EnumProperty(  # type: ignore[valid-type]
        name="From", items=INPUT_KINDS, default="POINTS", options={"SKIP_SAVE"}
    )
    source: bpy.props.StringProperty(  # type: ignore[valid-type]
        name="Object",
        description="Name of the object; empty for the active one",
        options={"SKIP_SAVE"},
    )
    picture: bpy.props.StringProperty(  # type: ignore[valid-type]
        name="Picture", description="Name of the image in this file", options={"SKIP_SAVE"}
    )
    model: bpy.props.StringProperty(  # type: ignore[valid-type]
        name="Model",
        description="Name of a model or a weights file; empty for the one that suits",
        options={"SKIP_SAVE"},
    )
    resolution: bpy.props.IntProperty(  # type: ignore[valid-type]
        name="Resolution",
        description="How many cells the finest grid has along an axis",
        min=8,
        max=1024,
        default=128,
        options={"SKIP_SAVE"},
    )
    refinement_steps: bpy.props.IntProperty(  # type: ignore[valid-type]
        name="Polish",
        description="How many steps move the mesh closer to the network's surface",
        min=0,
        max=300,
        default=10,
        options={"SKIP_SAVE"},
    )
    faces: bpy.props.IntProperty(  # type: ignore[valid-type]
        name="Faces",
        description="Simplify to about this many faces; 0 keeps all",
        min=0,
        options={"SKIP_SAVE"},
    )
    threshold: bpy.props.FloatProperty(  # type: ignore[valid-type]
        name="Threshold",
        description="Lower gives fatter shapes; 0 for the model's own",
        min=0.0,
        max=0.99,
        options={"SKIP_SAVE"},
    )

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        if not ready(context):
            cls.poll_message_set("Leave the edit mode first")
            return False
        return True

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        """Takes what is not given from the panel's choices."""
        choices = context.scene.onet
        if not self.properties.is_property_set("kind"):
            self.kind = choices.input_kind
        if not self.source and choices.source is not None:
            self.source = choices.source.name
        if not self.picture and choices.picture is not None:
            self.picture = choices.picture.name
        if not self.model and self.kind == choices.input_kind:
            self.model = choices.model
        for name, value in QUALITY_SETTINGS[choices.quality].items():
            if not self.properties.is_property_set(name):
                setattr(self, name, value)
        return super().invoke(context, event)

    def request(self, context: bpy.types.Context) -> Request:
        params = reconstruction.options(
            self.model,
            resolution=self.resolution,
            refinement_steps=self.refinement_steps,
            faces=self.faces,
            threshold=self.threshold,
        )
        if self.kind == "IMAGE":
            image = bpy.data.images.get(self.picture)
            if image is None:
                raise OnetError("No picture is chosen: open one in the panel first.")
            return reconstruction.request_from_picture(
                image, context.scene.cursor.location.copy(), params
            )
        item = bpy.data.objects.get(self.source) if self.source else context.active_object
        if item is None:
            raise OnetError("No object is chosen: select one, or name it in the panel.")
        return reconstruction.request_from_object(
            item, self.kind, context.evaluated_depsgraph_get(), params
        )


class ONET_OT_generate(WorkerOperator, bpy.types.Operator):
    """Invent a shape, or blend two invented shapes"""

    bl_idname = "onet.generate"
    bl_label = "Generate"
    bl_options = {"REGISTER", "UNDO"}  # noqa: RUF012

    seed: bpy.props.IntProperty(  # type: ignore[valid-type]
        name="Seed", description="Every number is another shape", min=0, options={"SKIP_SAVE"}
    )
    other_seed: bpy.props.IntProperty(  # type: ignore[valid-type]
        name="Other seed",
        description="The shape at the other end",
        min=0,
        default=1,
        options={"SKIP_SAVE"},
    )
    factor: bpy.props.FloatProperty(  # type: ignore[valid-type]
        name="Blend",
        description="0 is the seed's shape, 1 the other seed's",
        min=0.0,
        max=1.0,
        options={"SKIP_SAVE"},
    )
    model: bpy.props.StringProperty(  # type: ignore[valid-type]
        name="Model", options={"SKIP_SAVE"}
    )
    resolution: bpy.props.IntProperty(  # type: ignore[valid-type]
        name="Resolution", min=8, max=1024, default=64, options={"SKIP_SAVE"}
    )
    refinement_steps: bpy.props.IntProperty(  # type: ignore[valid-type]
        name="Polish", min=0, max=300, default=0, options={"SKIP_SAVE"}
    )
    replace: bpy.props.BoolProperty(  # type: ignore[valid-type]
        name="Replace",
        description="Give the shape to the active object, if ONet made it",
        options={"SKIP_SAVE"},
    )

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        return ready(context)

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        """Takes the panel's choices."""
        choices = context.scene.onet
        for name in ("seed", "other_seed", "factor"):
            if not self.properties.is_property_set(name):
                setattr(self, name, getattr(choices, name))
        if not self.model:
            self.model = choices.generator
        for name, value in QUALITY_SETTINGS[choices.quality].items():
            if not self.properties.is_property_set(name):
                setattr(self, name, value)
        return super().invoke(context, event)

    def request(self, context: bpy.types.Context) -> Request:
        params = reconstruction.options(
            self.model, resolution=self.resolution, refinement_steps=self.refinement_steps
        )
        active = context.active_object
        replaces = active.name if self.replace and active is not None else ""
        location: Vector = context.scene.cursor.location.copy()
        return reconstruction.request_from_seed(
            self.seed, self.other_seed, self.factor, location, params, replaces
        )


class ONET_OT_cancel(bpy.types.Operator):
    """Stop the work that is going on; the scene stays as it is"""

    bl_idname = "onet.cancel"
    bl_label = "Cancel"

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        return bool(context.window_manager.onet.running)

    def execute(self, context: bpy.types.Context) -> set[str]:
        context.window_manager.onet.running = False  # the running operator sees it and cancels
        return {"FINISHED"}


class ONET_OT_free_memory(bpy.types.Operator):
    """End the process that holds the networks, for its memory; it starts again by itself"""

    bl_idname = "onet.free_memory"
    bl_label = "Free Memory"

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        return engine_session.running() and not context.window_manager.onet.running

    def execute(self, context: bpy.types.Context) -> set[str]:
        engine_session.close()
        return {"FINISHED"}


class ONET_OT_check_runtime(bpy.types.Operator):
    """Try whether the networks can run, and tell what they would run on"""

    bl_idname = "onet.check_runtime"
    bl_label = "Check the Runtime"

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        return not context.window_manager.onet.running

    def execute(self, context: bpy.types.Context) -> set[str]:
        session = context.window_manager.onet
        try:  # the worker does one thing at a time, so `poll` keeps this away from a running job
            found: dict[str, Any] = engine_session.client(runtime()).call("hello").values
        except OnetError as error:
            session.runtime_report = str(error)
            self.report({"ERROR"}, str(error))
            return {"CANCELLED"}
        devices = ", ".join(device["title"] or device["name"] for device in found["devices"])
        session.runtime_report = (
            f"Works: Python {found['python']}, PyTorch {found['torch']}, on {devices}"
        )
        self.report({"INFO"}, session.runtime_report)
        return {"FINISHED"}


class ONET_OT_open_preferences(bpy.types.Operator):
    """Open the preferences of this extension, where the runtime is set"""

    bl_idname = "onet.open_preferences"
    bl_label = "Set Up the Runtime"

    def execute(self, context: bpy.types.Context) -> set[str]:
        bpy.ops.preferences.addon_show(module=ONET_AP_preferences.bl_idname)
        return {"FINISHED"}


CLASSES = (
    ONET_OT_reconstruct,
    ONET_OT_generate,
    ONET_OT_cancel,
    ONET_OT_free_memory,
    ONET_OT_check_runtime,
    ONET_OT_open_preferences,
)


def register() -> None:
    register_classes(CLASSES)


def unregister() -> None:
    unregister_classes(CLASSES)
