"""Job types for Flamenco, Blender's render farm: one script for each command of the batch.

They are made from the table of settings, so that they offer what the batch offers. `onet flamenco`
and `build_addon.py` write them; Flamenco Manager reads them from its folder "scripts".
Standard library only.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from .setting_type import FLAMENCO, Setting
from .settings import COMMANDS, QUALITIES, batch_settings

# By command: the file's name, its label in Flamenco, and what the names of tasks begin with.
SCRIPTS = {
    "reconstruct": ("onet_batch.js", "ONet: meshes from a folder", "meshes"),
    "generate": ("onet_generate.js", "ONet: new shapes", "shapes"),
    "morph": ("onet_morph.js", "ONet: morph between shapes", "morph"),
}

# What the submission dialog shows; the rest has defaults.
_SHOWN = ("input", "output", "seed", "seeds", "count", "steps", "form", "tasks")
_TYPES = {bool: "bool", int: "int32", float: "float"}

# How many tasks there are, and what makes no sense.
_TASKS = {
    "reconstruct": "    return settings.tasks;\n",
    "generate": "    return Math.min(settings.tasks, settings.count);\n",
    "morph": r"""    if (!/^\s*\d+(\s+\d+)+\s*$/.test(settings.seeds)) {
        throw "seeds: two or more whole numbers with spaces between them, such as 1 2";
    }
    const isOneFile = settings.form === "shape-keys";
    if (isOneFile && settings.format !== "blend" && settings.format !== "glb") {
        throw "only the formats blend and glb can hold shape keys";
    }
    return isOneFile ? 1 : Math.min(settings.tasks, settings.steps);
""",
}

_SCRIPT = """// SPDX-License-Identifier: GPL-3.0-or-later

// A job type for Flamenco, written by ONet: put it into the folder "scripts" beside
// flamenco-manager. Every worker needs the ONet extension with its runtime set up, and has to see
// the same folders.

const JOB_TYPE = {
    label: %(label)s,
    description: %(about)s,
    settings: [
%(settings)s
    ],
};

// The value of each setting that is not passed on, because it is what ONet does anyway.
const UNSAID = %(unsaid)s;
const LEAST = %(least)s;

// Called by Flamenco Manager. Every task makes each n-th result, so that nobody has to list them
// beforehand; a task that is done again skips what it has made.
function compileJob(job) {
    const tasks = countTasks(job.settings);
    for (var part = 1; part <= tasks; part++) {
        const task = author.Task("%(prefix)s-" + part + "-of-" + tasks, "blender");
        task.addCommand(author.Command("exec", {
            exe: "{blender}",
            args: blenderArguments(job.settings, part, tasks),
        }));
        job.addTask(task);
    }
}

function countTasks(settings) {
    Object.keys(LEAST).forEach(function (key) {
        if (settings[key] < LEAST[key]) {
            throw key + " has to be " + LEAST[key] + " or more";
        }
    });
%(tasks)s}

// What Blender is called with. Arguments that carry what the user wrote are joined with "=", so
// that none of it can be taken for an option; of several numbers it is known that they are numbers.
function blenderArguments(settings, part, tasks) {
    const given = ["--command", "onet", "%(command)s"];
    JOB_TYPE.settings.forEach(function (item) {
        const value = settings[item.key], option = item.key.replace(/_/g, "-");
        if (item.key === "tasks" || value === UNSAID[item.key]) {
            return;
        }
        if (item.key === "seeds") {
            given.push.apply(given, ["--seeds"].concat(value.trim().split(/\\s+/)));
        } else if (item.type === "bool") {
            given.push(value ? "--" + option : "--no-" + option);
        } else {
            given.push("--" + option + "=" + value);
        }
    });
    given.push("--part=" + part + "/" + tasks);
    return given;
}
"""


def job_type(command: str) -> str:
    """The script of one of `COMMANDS`."""
    settings = batch_settings(FLAMENCO, command)
    _, label, prefix = SCRIPTS[command]
    unsaid = {item.name: _blank(item) for item in settings if not item.is_required}
    counts = ("tasks", "count", "steps")
    least = {item.name: item.low for item in settings if item.name in counts}
    return _SCRIPT % {
        "label": json.dumps(label),
        "about": json.dumps(COMMANDS[command].about),
        "settings": "\n".join(f"        {json.dumps(_described(item))}," for item in settings),
        "unsaid": json.dumps(unsaid),
        "least": json.dumps(least),
        "prefix": prefix,
        "tasks": _TASKS[command],
        "command": command,
    }


def write_job_types(folder: Path) -> list[Path]:
    """Writes all scripts into a folder, which is made where it is missing. Raises OSError."""
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for command, (name, _, _) in SCRIPTS.items():
        (folder / name).write_text(job_type(command), encoding="utf-8")
        written.append(folder / name)
    return written


def _described(item: Setting) -> dict[str, Any]:
    """A setting as Flamenco wants it."""
    kind = "string" if item.is_many else _TYPES.get(item.type, "string")
    found: dict[str, Any] = {"key": item.name, "type": kind}
    if item.subtype == "DIR_PATH":
        found["subtype"] = "dir_path"
    if item.name in _SHOWN:
        found["visible"] = "submission"
    if item.is_required:
        found["required"] = True
    else:
        found["default"] = _blank(item)
    if item.choices:
        found["choices"] = [choice.value for choice in item.choices]
    if kind in ("int32", "float"):
        found["propargs"] = _limits(item)
    found["description"] = _about(item)
    return found


def _limits(item: Setting) -> dict[str, Any]:
    low = item.low if _blank(item) == item.default else _blank(item)
    high = item.high - 0.01 if item.is_open and item.high is not None else item.high
    return {name: value for name, value in (("min", low), ("max", high)) if value is not None}


def _about(item: Setting) -> str:
    if item.name == "input":
        return "Folder of pictures, point clouds and voxel models"
    if item.is_many:
        return f"{item.help}, with spaces between them, such as 1 2"
    blank = _blank(item)
    shown = f"{blank:g}" if isinstance(blank, int | float) else "empty"
    if _goes_by_quality(item):
        return f"{item.help}; {shown} goes by quality"
    return f"{item.help}; {shown}: {item.automatic}" if item.automatic else item.help


def _blank(item: Setting) -> Any:
    """The value that is not passed on: the default, or what stands for "automatic"."""
    if _goes_by_quality(item):
        return -1 if item.low == 0 else 0
    return item.packed(item.default)


def _goes_by_quality(item: Setting) -> bool:
    return item.name in QUALITIES["standard"]
