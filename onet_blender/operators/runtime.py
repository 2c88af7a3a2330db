"""The buttons of the preferences that set the runtime up, remove it, and show its logs."""

from __future__ import annotations

from pathlib import Path

import bpy

from onet_core.engine.client import Answer
from onet_core.errors import OnetError
from onet_core.sentences import Sentence

from ..languages.translate import translated
from ..registration import register_classes, unregister_classes
from ..runtime import engine_session
from ..runtime.chosen import preferences, runtime
from ..runtime.folder import home
from ..runtime.setup import LOG_NAME, SetupJob, start_removal, start_setup
from .shared import WorkerOperator

LONGEST_LOG = 2**20


class ONET_OT_set_up_runtime(WorkerOperator, bpy.types.Operator):
    """Make the runtime: fetch PyTorch and the other libraries that the networks need"""

    bl_idname = "onet.set_up_runtime"
    bl_label = "Set Up"
    adds_object = False

    def start(self, context: bpy.types.Context) -> SetupJob:
        chosen = preferences()
        if chosen is None:
            raise OnetError("The extension is not enabled: enable it in Blender's preferences.")
        # A worker may hold files of the runtime that is replaced.
        engine_session.close()
        return start_setup(
            home(chosen.runtime_folder),
            python=chosen.setup_python,
            build=chosen.build,
            torch_index=chosen.torch_index.strip(),
        )

    def finish(self, context: bpy.types.Context, answer: Answer) -> Sentence:
        other = runtime().python
        if other is not None and Path(answer.values["folder"]) not in other.parents:
            return Sentence(
                "The runtime is ready, but {other} is used, as you have chosen.", other=other
            )
        return Sentence("The runtime is ready: press Check to try it.")


class ONET_OT_remove_runtime(WorkerOperator, bpy.types.Operator):
    """Delete what Set Up has made, which frees some gigabytes"""

    bl_idname = "onet.remove_runtime"
    bl_label = "Remove"
    adds_object = False

    def start(self, context: bpy.types.Context) -> SetupJob:
        engine_session.close()
        chosen = preferences()
        return start_removal(home(chosen.runtime_folder if chosen is not None else ""))

    def finish(self, context: bpy.types.Context, answer: Answer) -> Sentence:
        return Sentence("The runtime is removed.")


class ONET_OT_show_log(bpy.types.Operator):
    """Open a log as a text, to read it or to send it to somebody who can help"""

    bl_idname = "onet.show_log"
    bl_label = "Show Log"

    which: bpy.props.EnumProperty(  # type: ignore[valid-type]
        name="Log",
        items=(
            ("WORKER", "Worker", "What the process that runs the networks has said"),
            ("SETUP", "Set-up", "What setting the runtime up has said"),
        ),
        options={"SKIP_SAVE"},
    )

    def execute(self, context: bpy.types.Context) -> set[str]:
        try:
            title, content = read_log(self.which)
        except OnetError as error:
            self.report({"ERROR"}, translated(error.sentence))
            return {"CANCELLED"}
        text = bpy.data.texts.get(title) or bpy.data.texts.new(title)
        text.from_string(content)
        self.report({"INFO"}, translated(Sentence("The log is the text {name!r}.", name=title)))
        if not bpy.app.background and context.window is not None:
            show_text(context, text)
        return {"FINISHED"}


def read_log(which: str) -> tuple[str, str]:
    """A name and the end of the log WORKER or SETUP; raises OnetError where there is none."""
    if which == "SETUP":
        chosen = preferences()
        path: Path | None = home(chosen.runtime_folder if chosen is not None else "") / LOG_NAME
    else:
        path = engine_session.log()
    if path is None or not path.is_file():
        raise OnetError("There is no log yet.")
    content = path.read_bytes()[-LONGEST_LOG:].decode("utf-8", errors="replace")
    return f"ONet {which.lower()} log", content or "(The log is empty: nothing was amiss.)\n"


def show_text(context: bpy.types.Context, text: bpy.types.Text) -> None:
    """Opens a text in a window of its own."""
    bpy.ops.wm.window_new()
    # The new window is the last one.
    area = context.window_manager.windows[-1].screen.areas[0]
    area.type = "TEXT_EDITOR"
    area.spaces.active.text = text


CLASSES = (ONET_OT_set_up_runtime, ONET_OT_remove_runtime, ONET_OT_show_log)


def register() -> None:
    register_classes(CLASSES)


def unregister() -> None:
    unregister_classes(CLASSES)
