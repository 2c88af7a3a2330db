"""What goes on between Blender and the worker, for the panel to show. Nothing of it is saved."""

from __future__ import annotations

from typing import Any

import bpy
from bpy.app.handlers import persistent

from onet_core.engine.client import Answer, Event, Task
from onet_core.sentences import NOTHING, Sentence

from .languages.translate import translated

STAGES = {
    "start": Sentence("Starting"),
    "load": Sentence("Loading the network"),
    "encode": Sentence("Looking at the input"),
    "surface": Sentence("Finding the surface"),
    "network": Sentence("Finding the surface"),
    "marching cubes": Sentence("Making the mesh"),
    "smooth": Sentence("Smoothing"),
    "gaps": Sentence("Opening gaps"),
    "islands": Sentence("Removing islands"),
    "snap": Sentence("Following the points"),
    "simplify": Sentence("Simplifying"),
    "refine": Sentence("Refining"),
    "normals": Sentence("Smoothing"),
    "follow": Sentence("Following the movement"),
    "done": Sentence("Finishing"),
}

# What is about the runtime has one place for its outcome: the last word counts.
OF_THE_RUNTIME = ("onet.set_up_runtime", "onet.remove_runtime", "onet.check_runtime")

_current: Activity | None = None
# What came out of operators, and the name of the object that it is about, empty for none.
_messages: dict[str, tuple[Sentence, str]] = {}


class Activity:
    """A job of the worker that somebody waits for in the interface.

    owner: the operator that started it. stage, fraction: how far it is, for the progress bar.
    timer: of the window that has the operator look after it, None without a window.
    """

    def __init__(self, owner: str, job: Task, timer: bpy.types.Timer | None) -> None:
        self.owner = owner
        self.timer = timer
        self.stage = STAGES["start"]
        self.fraction = 0.0
        self.cancelling = False
        self._job = job

    @property
    def done(self) -> bool:
        """Whether `result` returns or raises without waiting."""
        return self._job.done

    def step(self) -> bool:
        """Takes in what the worker has said since; whether there is something new to show."""
        events = self._job.poll()
        for event in events:
            if event.kind == "progress" and not self.cancelling:
                self.stage = stage_of(event)
                self.fraction = event.fraction
        return bool(events)

    def cancel(self) -> None:
        """Asks the worker to stop; `done` is true once it has."""
        self._job.cancel()
        self.cancelling = True
        self.stage = Sentence("Cancelling")

    def result(self) -> Answer:
        """The answer; raises the worker's error, `Cancelled` among them."""
        return self._job.result()


def stage_of(event: Event) -> Sentence:
    """What a task is at, for the user."""
    stage = event.stage
    return stage if isinstance(stage, Sentence) else STAGES.get(stage, Sentence(stage))


def begin(owner: str, job: Task, timer: bpy.types.Timer | None = None) -> Activity:
    """Makes a job the one that the panel shows."""
    global _current
    _current = Activity(owner, job, timer)
    forget_those_beside(owner)
    redraw()
    return _current


def current() -> Activity | None:
    """What is going on, None where nothing is."""
    return _current


def end() -> None:
    """Nothing is going on any more: takes the timer away."""
    global _current
    if _current is not None:
        if _current.timer is not None:
            bpy.context.window_manager.event_timer_remove(_current.timer)
            _show_in_status_bar(None)
        _current = None
        redraw()


def tell(owner: str, message: Sentence, about: str = "") -> None:
    """Keeps what came out of an operator until it starts again.

    about: name of the object that was made; once that is gone, so is the message.
    """
    forget_those_beside(owner)
    _messages[owner] = message, about
    redraw()


def forget_those_beside(owner: str) -> None:
    """What shows its outcome in the same place has no say any more."""
    for other in OF_THE_RUNTIME if owner in OF_THE_RUNTIME else (owner,):
        forget(other)


def forget(owner: str) -> None:
    """What came out of an operator is of no interest any more: its choices are about another."""
    _messages.pop(owner, None)


def message(owner: str) -> Sentence:
    """What came out of an operator last, empty where nothing did."""
    sentence, about = _messages.get(owner, (NOTHING, ""))
    return NOTHING if about and about not in bpy.data.objects else sentence


def messages() -> list[Sentence]:
    """All messages that are shown at the moment."""
    return [one for one in map(message, _messages) if one]


def status_text(work: Activity) -> str:
    """One line about the work for the status bar."""
    stage = translated(work.stage)
    if work.cancelling:
        return f"ONet: {stage}"
    return f"ONet: {stage}, {work.fraction:.0%}    Esc: {translated('Cancel')}"


def _show_in_status_bar(text: str | None) -> None:
    for window in bpy.context.window_manager.windows:
        window.workspace.status_text_set(text)


def redraw() -> None:
    """Has the sidebars and the preferences drawn again; in background mode there are none."""
    if _current is not None and _current.timer is not None:
        _show_in_status_bar(status_text(_current))
    for window in bpy.context.window_manager.windows:
        for area in window.screen.areas:
            if area.type == "PREFERENCES":
                area.tag_redraw()
            elif area.type == "VIEW_3D":
                for region in area.regions:
                    if region.type == "UI":
                        region.tag_redraw()


@persistent
def _on_load(*_: Any) -> None:
    # The messages were about the file before, but for those of setting up.
    for owner in [owner for owner in _messages if owner not in OF_THE_RUNTIME]:
        forget(owner)


def register() -> None:
    bpy.app.handlers.load_post.append(_on_load)


def unregister() -> None:
    bpy.app.handlers.load_post.remove(_on_load)
