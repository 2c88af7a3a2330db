"""The buttons of the preferences that set the runtime up, remove it, and show its logs."""

from __future__ import annotations

import platform
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import bpy

from onet_core import __version__
from onet_core.engine.client import Answer
from onet_core.errors import OnetError
from onet_core.sentences import Sentence

from .. import activity
from ..languages.translate import translated
from ..panels.text import draw_text
from ..registration import register_classes, unregister_classes
from ..runtime import cut_out, engine_session
from ..runtime.chosen import preferences, runtime
from ..runtime.folder import home
from ..runtime.setup import LOG_NAME, SetupJob, start_removal, start_setup
from .shared import WorkerOperator
from .soon import start_soon

LONGEST_LOG = 2**20
# What a log's window shows: its last lines, this wide before Blender's scale.
LOG_LINES, LOG_UNITS = 30, 800
# In the extension, and in a checkout.
MANUALS = [Path(__file__).resolve().parents[up] / "docs" / "blender.md" for up in (1, 2)]


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
        chosen, may = preferences(), bpy.app.online_access and not bpy.app.background
        if may and chosen is not None and chosen.with_cut_out and not cut_out.is_there():
            # A job of its own: without it the rest is ready.
            start_soon("onet.fetch_cut_out", {})
        return Sentence("ONet is ready.")


class ONET_OT_remove_runtime(WorkerOperator, bpy.types.Operator):
    """Delete the runtime that Set Up made; frees some gigabytes"""

    bl_idname = "onet.remove_runtime"
    bl_label = "Remove"
    adds_object = False

    is_confirmed: bpy.props.BoolProperty(  # type: ignore[valid-type]
        options={"SKIP_SAVE", "HIDDEN"}
    )

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        """Asks first."""
        if self.is_confirmed or bpy.app.background or context.window is None:
            return super().invoke(context, event)
        self._was_asked = True
        return set(
            context.window_manager.invoke_confirm(
                self,
                event,
                title=translated("Remove the Runtime?"),
                message=translated("Setting it up again downloads it again."),
                confirm_text=translated("Remove"),
                icon="WARNING",
            )
        )

    def execute(self, context: bpy.types.Context) -> set[str]:
        if getattr(self, "_was_asked", False):
            # The question calls this, and waits: removing goes on beside the interface instead.
            start_soon(type(self).bl_idname, {"is_confirmed": True})
            return {"CANCELLED"}
        return super().execute(context)

    def start(self, context: bpy.types.Context) -> SetupJob:
        engine_session.close()
        chosen = preferences()
        return start_removal(home(chosen.runtime_folder if chosen is not None else ""))

    def finish(self, context: bpy.types.Context, answer: Answer) -> Sentence:
        cut_out.remove()
        return Sentence("The runtime is removed.")


class LogOperator:
    """What is about one of the two logs."""

    which: bpy.props.EnumProperty(  # type: ignore[valid-type]
        name="Log",
        items=(
            ("WORKER", "Worker", "Messages of the process that runs the networks"),
            ("SETUP", "Set-up", "Messages from setting the runtime up"),
        ),
        options={"SKIP_SAVE"},
    )

    report: Callable[[set[str], str], None]

    def content(self) -> str:
        """The log's end; empty, after reporting an error, where there is none."""
        try:
            return read_log(self.which)
        except OnetError as error:
            self.report({"ERROR"}, translated(error.sentence))
            return ""


class ONET_OT_show_log(LogOperator, bpy.types.Operator):
    """Show the end of a log, to read it or to send it to somebody who can help"""

    bl_idname = "onet.show_log"
    bl_label = "Show Log"

    layout: bpy.types.UILayout

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        if bpy.app.background or context.window is None:
            return self.execute(context)
        self._content = self.content()
        if not self._content:
            return {"CANCELLED"}
        return set(context.window_manager.invoke_popup(self, width=LOG_UNITS))

    def draw(self, context: bpy.types.Context) -> None:
        layout = self.layout
        row = layout.row()
        row.label(text="End of the Log", icon="TEXT")
        row.operator("onet.copy_log", icon="COPYDOWN").which = self.which
        width = LOG_UNITS * context.preferences.system.ui_scale
        lines = self._content.splitlines()[-LOG_LINES:]
        column = layout.box().column(align=True)
        for line in lines:
            draw_text(column, Sentence(line), width)

    def execute(self, context: bpy.types.Context) -> set[str]:
        content = self.content()
        if content:
            self.report({"INFO"}, content)
        return {"FINISHED"} if content else {"CANCELLED"}


class ONET_OT_copy_log(LogOperator, bpy.types.Operator):
    """Copy the log to the clipboard"""

    bl_idname = "onet.copy_log"
    bl_label = "Copy"

    def execute(self, context: bpy.types.Context) -> set[str]:
        content = self.content()
        if content:
            context.window_manager.clipboard = content
        return {"FINISHED"} if content else {"CANCELLED"}


class ONET_OT_copy_report(bpy.types.Operator):
    """Copy versions, messages and the worker's log to the clipboard, to report a problem"""

    bl_idname = "onet.copy_report"
    bl_label = "Copy a Problem Report"

    def execute(self, context: bpy.types.Context) -> set[str]:
        context.window_manager.clipboard = problem_report()
        message = Sentence(
            "The report is in the clipboard: paste it into your message about the problem."
        )
        self.report({"INFO"}, translated(message))
        return {"FINISHED"}


class ONET_OT_open_manual(bpy.types.Operator):
    """Open the manual that came with the extension"""

    bl_idname = "onet.open_manual"
    bl_label = "Manual"

    def execute(self, context: bpy.types.Context) -> set[str]:
        manual = next((path for path in MANUALS if path.is_file()), None)
        if manual is None:
            self.report({"ERROR"}, translated("The manual is not in this build."))
            return {"CANCELLED"}
        if not bpy.app.background:
            bpy.ops.wm.path_open(filepath=str(manual))
        return {"FINISHED"}


def read_log(which: str) -> str:
    """The end of the log WORKER or SETUP; raises OnetError where there is none."""
    if which == "SETUP":
        chosen = preferences()
        path: Path | None = home(chosen.runtime_folder if chosen is not None else "") / LOG_NAME
    else:
        path = engine_session.log()
    if path is None or not path.is_file():
        raise OnetError("There is no log yet.")
    content = path.read_bytes()[-LONGEST_LOG:].decode("utf-8", errors="replace")
    return content or "(The log is empty: nothing was amiss.)\n"


def problem_report() -> str:
    """Versions, the messages that are shown and the end of the worker's log; no names of files."""
    lines = [f"Blender {bpy.app.version_string}, {platform.platform()}"]
    lines.append(f"ONet {__version__}, runtime: {runtime().problem or 'set up'}")
    lines += [str(message) for message in activity.messages()]
    with suppress(OnetError):
        lines += ["", *read_log("WORKER").splitlines()[-LOG_LINES:]]
    return "\n".join(lines) + "\n"


CLASSES = (
    ONET_OT_set_up_runtime,
    ONET_OT_remove_runtime,
    ONET_OT_show_log,
    ONET_OT_copy_log,
    ONET_OT_copy_report,
    ONET_OT_open_manual,
)


def register() -> None:
    register_classes(CLASSES)


def unregister() -> None:
    unregister_classes(CLASSES)
