"""Which Python runs the networks, on what, and where further models lie: as the preferences say."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import bpy

from onet_core.errors import EngineError
from onet_core.sentences import NOTHING, Sentence

from .folder import find_installed, home

# For scripts, tests and render farms: the runtime's Python, unless the preferences name one.
RUNTIME_VARIABLE = "ONET_RUNTIME_PYTHON"
# The name that Blender knows this extension by.
PACKAGE = (__package__ or "onet_blender.runtime").rpartition(".")[0]
GIBIBYTE = 2**30


@dataclass(frozen=True)
class Runtime:
    """What the preferences come to.

    python: None where no runtime is set.
    """

    python: Path | None
    device: str = "auto"
    folders: tuple[Path, ...] = ()
    idle_minutes: int = 30

    @property
    def problem(self) -> Sentence:
        """Why nothing can be computed, in one sentence for the user; empty where all is well."""
        if self.python is None:
            return Sentence("The runtime is not set up: press Set Up in the sidebar's tab ONet.")
        if not self.python.is_file():
            return Sentence(
                "There is no Python at {python}: correct it in the extension's preferences.",
                python=self.python,
            )
        return NOTHING


def preferences() -> Any:
    """The extension's `ONET_AP_preferences`, None where it is not enabled."""
    addon = bpy.context.preferences.addons.get(PACKAGE)
    return addon.preferences if addon is not None else None


def runtime() -> Runtime:
    """What is set: the preferences' Python, else the variable's, else what "Set Up" has made.

    Where the extension is not enabled (scripts) there are no preferences, only defaults.
    """
    chosen = preferences()
    python = (chosen.runtime_python if chosen else "") or os.environ.get(RUNTIME_VARIABLE, "")
    folder = chosen.model_folder if chosen else ""
    if python:
        interpreter: Path | None = Path(bpy.path.abspath(python))
    else:
        installed = find_installed(home(chosen.runtime_folder if chosen else ""))
        interpreter = installed.python if installed is not None else None
    return Runtime(
        python=interpreter,
        device=chosen.device if chosen else "auto",
        folders=(Path(bpy.path.abspath(folder)),) if folder else (),
        idle_minutes=chosen.idle_minutes if chosen else Runtime.idle_minutes,
    )


def describe(chosen: Runtime, found: Mapping[str, Any]) -> Sentence:
    """The worker's answer to "hello" in plain words; raises EngineError where it can't do its work.

    found: as `onet_core.engine.methods.hello` returns it.
    """
    if found["missing"]:
        raise EngineError(
            "The runtime ({python}) lacks {names}: install what is missing, or choose another "
            "Python.",
            python=found["executable"],
            names=", ".join(found["missing"]),
        )
    names = [device["name"] for device in found["devices"]]
    if chosen.device != "auto" and not any(name.startswith(chosen.device) for name in names):
        raise EngineError(
            "The runtime can't compute on {device!r}, only on {names}: choose another device.",
            device=chosen.device,
            names=", ".join(names),
        )
    devices = []
    for device in found["devices"]:
        needed = device.get("needs_torch", "")
        if needed and device["name"].startswith(chosen.device):
            raise EngineError(
                "{device} needs PyTorch {needed}, but the runtime has {version}: choose another "
                "device, or set the runtime up again.",
                device=device["title"],
                needed=needed,
                version=found["torch"],
            )
        if needed:
            continue
        # Most systems know the processor by its architecture only.
        title = "the processor" if device["name"] == "cpu" else device["title"] or device["name"]
        if "free_bytes" in device:
            title += f" ({device['free_bytes'] / GIBIBYTE:.0f} GB free)"
        devices.append(title)
    return Sentence(
        "Works: Python {python}, PyTorch {torch}; can compute on {devices}",
        python=found["python"],
        torch=found["torch"],
        devices=", ".join(devices),
    )
