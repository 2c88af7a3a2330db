"""Beside a message of what is wrong, the button that mends it."""

from __future__ import annotations

from typing import Any

import bpy

from onet_core.sentences import Sentence

DRAFT = {"data_path": "scene.onet.quality", "value": "DRAFT"}
AUTOMATIC_THRESHOLD = {"data_path": "scene.onet.use_threshold", "value": False}

# The beginning of a sentence's template -> operator, its arguments, text, icon.
MENDING: dict[str, tuple[str, dict[str, Any], str, str]] = {
    "Setting up fetches PyTorch from the internet": (
        "extensions.userpref_allow_online", {}, "Allow Online Access", "URL",
    ),
    "{name} can only be read by the runtime": ("onet.set_up_runtime", {}, "Set Up", "IMPORT"),
    "No background was found": ("onet.fetch_cut_out", {}, "Fetch Cut-Out (5 MB)", "IMPORT"),
    "The runtime is not set up": ("onet.set_up_runtime", {}, "Set Up", "IMPORT"),
    "The runtime ({python}) lacks": ("onet.set_up_runtime", {}, "Set Up", "IMPORT"),
    "There is no Python at {python}": (
        "onet.open_preferences", {}, "Preferences of ONet", "PREFERENCES",
    ),
    "The runtime can't compute on": (
        "onet.open_preferences", {}, "Preferences of ONet", "PREFERENCES",
    ),
    "Choose a model folder": ("onet.open_preferences", {}, "Preferences of ONet", "PREFERENCES"),
    "The memory of {device} is": ("wm.context_set_enum", DRAFT, "Draft Quality", "MOD_DECIM"),
    "There is not enough memory": ("wm.context_set_enum", DRAFT, "Draft Quality", "MOD_DECIM"),
    "No surface at threshold": (
        "wm.context_set_boolean", AUTOMATIC_THRESHOLD, "Automatic Threshold", "LOOP_BACK",
    ),
    "The object is scaled to nothing": ("object.scale_clear", {}, "Clear Scale", "OBJECT_ORIGIN"),
    "The worker process stopped": (
        "onet.show_log", {"which": "WORKER"}, "Log of the Worker", "TEXT",
    ),
    "Setting up stopped unexpectedly": (
        "onet.show_log", {"which": "SETUP"}, "Log of Set Up", "TEXT",
    ),
}  # fmt: skip


def draw_mending(layout: bpy.types.UILayout, message: str | Sentence) -> None:
    """The button for a message, if there is one."""
    template = message.template if isinstance(message, Sentence) else message
    for beginning, (operator, arguments, text, icon) in MENDING.items():
        if template.startswith(beginning):
            asked = layout.operator(operator, text=text, icon=icon)
            for name, value in arguments.items():
                setattr(asked, name, value)
            return
