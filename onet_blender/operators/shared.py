"""The buttons. Each operator turns its properties into a `Request` and leaves the work to others.

In a window the work runs beside the interface: a timer polls the worker, Escape cancels. Called
from a script or in background mode an operator waits and returns {'FINISHED'}, or raises
RuntimeError with the message, as Blender's operators do. What a call does not give is taken from
the panel's choices, `Scene.onet`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import bpy

from onet_core.engine.client import Answer, Task
from onet_core.errors import Cancelled, OnetError
from onet_core.sentences import Sentence

from .. import activity
from ..activity import Activity
from ..languages.translate import translated
from ..morph import steps as morph_steps
from ..registration import register_classes, unregister_classes
from ..runtime import engine_session, trial
from ..runtime.chosen import PACKAGE, describe, runtime
from ..runtime.trial import Trial
from ..scene import reconstruction
from ..scene.known import Known, known_by, object_now
from ..scene.pieces import Gradual, Pieces, all_at_once
from ..scene.preparation import Preparation
from ..scene.reconstruction import Request
from ..scene.sources import is_there

SECONDS_BETWEEN_POLLS = 0.05


class WorkerOperator:
    """What all operators share that wait for the worker, in the open or at once."""

    bl_idname: str
    report: Callable[[set[str], str], None]
    properties: Any
    # Whether `finish` changes objects, for which Blender has to be in object mode.
    adds_object = True
    # Name of the object that the outcome is about.
    about = ""

    # The object that gets the outcome, by name and Blender's number; empty for none.
    _replaced: Known = {}  # noqa: RUF012  # replaced, never changed

    _activity: Activity
    _concluding: Gradual[Sentence] | None

    def start(self, context: bpy.types.Context) -> Task:
        """Hands the work to the worker; raises OnetError."""
        raise AssertionError("each operator has its own")

    def finish(self, context: bpy.types.Context, answer: Answer) -> Sentence:
        """Uses the answer and returns the report to the user; raises OnetError."""
        raise AssertionError("each operator has its own")

    def finish_in_pieces(self, context: bpy.types.Context, answer: Answer) -> Pieces[Sentence]:
        """`finish`; operators that would hold the interface up for long have pieces instead."""
        yield None
        return self.finish(context, answer)

    def replaced(self, context: bpy.types.Context) -> bpy.types.Object | None:
        """The object that the outcome is for; without it the work ends early."""
        return None

    def _is_wanted(self) -> bool:
        """Whether the object that the outcome is for has not been deleted meanwhile."""
        items = [object_now(name, self._replaced) for _, name in self._replaced]
        return all(item is not None and is_there(item) for item in items)

    @classmethod
    def owner(cls) -> str:
        """The operator at whose button the panel shows progress and outcome."""
        return cls.bl_idname

    def execute(self, context: bpy.types.Context) -> set[str]:
        """Waits for the answer."""
        try:
            answer = self.start(context).result()
            return self._conclude(all_at_once(self.finish_in_pieces(context, answer)))
        except OnetError as error:
            return self._refuse(error)

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        """Starts the work and returns to the interface."""
        if bpy.app.background or context.window is None:
            return self.execute(context)
        found = self.begin(context)
        if "RUNNING_MODAL" in found:
            context.window_manager.modal_handler_add(self)
        return found

    def begin(self, context: bpy.types.Context) -> set[str]:
        """Starts the work of an operator that is modal by then, or says why it can't."""
        if activity.current() is not None:
            message = Sentence("ONet is still at work: wait, or cancel it first.")
            self.report({"WARNING"}, translated(message))
            return {"CANCELLED"}
        self._replaced = known_by(self.replaced(context))
        try:
            job = self.start(context)
        except OnetError as error:
            return self._refuse(error)
        manager = context.window_manager
        timer = manager.event_timer_add(SECONDS_BETWEEN_POLLS, window=context.window)
        self._activity, self._concluding = activity.begin(self.owner(), job, timer), None
        return {"RUNNING_MODAL"}

    def modal(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        """Polls the worker; everything but Escape goes on to the interface."""
        if event.type == "ESC" and event.value == "PRESS":
            self._activity.cancel()
            activity.redraw()
            return {"RUNNING_MODAL"}
        if event.type != "TIMER":
            return {"PASS_THROUGH"}
        if self._activity.step():
            activity.redraw()
        if not self._activity.cancelling and not self._is_wanted():
            self._activity.cancel()
        if not self._activity.done:
            return {"PASS_THROUGH"}
        if self.adds_object and context.mode != "OBJECT":
            self._activity.stage = Sentence("Ready: leave the edit mode")
            activity.redraw()
            return {"PASS_THROUGH"}
        if bpy.app.is_job_running("RENDER"):
            # What is rendered must not change under it.
            self._activity.stage = Sentence("Ready: waiting for the render")
            activity.redraw()
            return {"PASS_THROUGH"}
        try:
            if self._concluding is None:
                answer = self._activity.result()
                self._concluding = Gradual(self.finish_in_pieces(context, answer))
            if self._activity.cancelling:
                raise Cancelled()
            if not self._concluding.step():
                return {"PASS_THROUGH"}
        except OnetError as error:
            self._stop()
            return self._refuse(error)
        except BaseException:
            self._stop()
            raise
        activity.end()
        return self._conclude(self._concluding.result)

    def cancel(self, context: bpy.types.Context) -> None:
        """Blender ends the operator: its window is closed, or another file is opened."""
        self._activity.cancel()
        self._stop()

    def _stop(self) -> None:
        if self._concluding is not None:
            self._concluding.close()
        activity.end()

    def _conclude(self, message: Sentence) -> set[str]:
        activity.tell(self.owner(), message, self.about)
        self.report({"INFO"}, translated(message))
        return {"FINISHED"}

    def _refuse(self, error: OnetError) -> set[str]:
        activity.tell(self.owner(), error.sentence)
        level = "WARNING" if isinstance(error, Cancelled) else "ERROR"
        self.report({level}, translated(error.sentence))
        return {"CANCELLED"}


class MeshOperator(WorkerOperator):
    """An operator whose answer is a mesh."""

    _preparation: Preparation[Request]

    def request(self, context: bpy.types.Context) -> Pieces[Request]:
        """What to ask for, from the operator's properties; raises OnetError."""
        raise AssertionError("each operator has its own")

    def start(self, context: bpy.types.Context) -> Task:
        self._preparation = Preparation(self.request(context), reconstruction.start)
        return self._preparation

    def fill(self, choices: dict[str, Any]) -> None:
        """See `fill`."""
        fill(self, choices)


class ONET_OT_check_runtime(WorkerOperator, bpy.types.Operator):
    """Test whether the networks run, on what and how fast"""

    bl_idname = "onet.check_runtime"
    bl_label = "Check the Runtime"
    adds_object = False

    def start(self, context: bpy.types.Context) -> Task:
        chosen = runtime()
        params = {**reconstruction.options(choices={"resolution": trial.RESOLUTION}), "seed": 0}
        return Trial(engine_session.client(chosen), params, lambda found: describe(chosen, found))

    def finish(self, context: bpy.types.Context, answer: Answer) -> Sentence:
        found = describe(runtime(), answer.values)
        speed = trial.in_words(answer.values["seconds_of_a_draft"])
        return Sentence("{found}. {speed}", found=found, speed=speed)


class ONET_OT_cancel(bpy.types.Operator):
    """Stop the work that is going on; the scene stays as it is"""

    bl_idname = "onet.cancel"
    bl_label = "Cancel"

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        return activity.current() is not None

    def execute(self, context: bpy.types.Context) -> set[str]:
        running = activity.current()
        if running is not None:
            running.cancel()
        activity.redraw()
        return {"FINISHED"}


class ONET_OT_free_memory(bpy.types.Operator):
    """End the process that holds the networks; it starts again when it is needed"""

    bl_idname = "onet.free_memory"
    bl_label = "Free Memory"

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        return engine_session.running() and activity.current() is None

    def execute(self, context: bpy.types.Context) -> set[str]:
        morph_steps.cache.clear()
        engine_session.close()
        activity.redraw()
        return {"FINISHED"}


class ONET_OT_open_preferences(bpy.types.Operator):
    """Open the preferences of this extension, where the runtime is set"""

    bl_idname = "onet.open_preferences"
    bl_label = "Preferences of ONet"

    def execute(self, context: bpy.types.Context) -> set[str]:
        return set(bpy.ops.preferences.addon_show(module=PACKAGE))


def fill(operator: WorkerOperator, choices: dict[str, Any]) -> None:
    """Sets the properties that the operator's caller did not give."""
    for name, value in choices.items():
        if not operator.properties.is_property_set(name):
            setattr(operator, name, value)


def is_object_mode(cls: Any, context: bpy.types.Context) -> bool:
    """For an operator's `poll`: whether an object can be added, else why not."""
    if context.mode != "OBJECT":
        cls.poll_message_set("Go to object mode first")
        return False
    return is_own_scene(cls, context)


def is_own_scene(cls: Any, context: bpy.types.Context) -> bool:
    """For an operator's `poll`: whether the scene can be changed, else why not."""
    if context.scene.is_editable:
        return True
    cls.poll_message_set("This scene is linked from another file: choose one of this file")
    return False


CLASSES = (
    ONET_OT_cancel,
    ONET_OT_free_memory,
    ONET_OT_check_runtime,
    ONET_OT_open_preferences,
)


def register() -> None:
    register_classes(CLASSES)


def unregister() -> None:
    unregister_classes(CLASSES)
