"""Flamenco's job type, compiled as Flamenco Manager does it: a JavaScript engine and `author`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

dukpy = pytest.importorskip("dukpy", reason="SKIPPED: dukpy, a JavaScript engine, is missing")

SCRIPT = Path(__file__).resolve().parents[2] / "flamenco" / "onet_batch.js"
# What the Manager gives a script, reduced to what can be looked at afterwards.
MANAGER = """
var author = {
    Task: function (name, type) {
        if (!name || !type) throw "author.Task needs a name and a type";
        return { name: name, type: type, commands: [],
                 addCommand: function (command) { this.commands.push(command); } };
    },
    Command: function (name, parameters) { return { name: name, parameters: parameters }; },
};
"""
COMPILE = """
var job = { settings: dukpy.settings, tasks: [],
            addTask: function (task) { this.tasks.push(task); } };
compileJob(job);
JSON.stringify(job.tasks);
"""


def evaluate(code: str, **values: Any) -> Any:
    return dukpy.evaljs([MANAGER, SCRIPT.read_text(encoding="utf-8"), code], **values)


def job_type() -> dict[str, Any]:
    return dict(json.loads(evaluate("JSON.stringify(JOB_TYPE)")))


def compiled(**chosen: Any) -> list[dict[str, Any]]:
    """The tasks; what is not chosen has the job type's default."""
    settings = {item["key"]: item.get("default") for item in job_type()["settings"]}
    return list(json.loads(evaluate(COMPILE, settings={**settings, **chosen})))


def test_tasks_divide_the_files() -> None:
    tasks = compiled(input="shared/in put", output="shared/out", tasks=3, resolution=64)
    assert [task["name"] for task in tasks] == [f"meshes-{k}-of-3" for k in (1, 2, 3)]
    assert {task["type"] for task in tasks} == {"blender"}
    for number, task in enumerate(tasks, start=1):
        (command,) = task["commands"]
        assert command["name"] == "exec"
        assert command["parameters"]["exe"] == "{blender}"
        assert command["parameters"]["args"] == [
            "--command", "onet", "reconstruct", "--input=shared/in put", "--output=shared/out",
            f"--part={number}/3", "--format=glb", "--kind=auto", "--up=auto", "--model=",
            "--quality=standard", "--threshold=0", "--faces=0", "--pose=floor", "--jobs=1",
            "--device=auto", "--resolution=64",
        ]  # fmt: skip


def test_settings_are_of_flamencos_kinds() -> None:
    known = {"string", "int32", "float", "bool"}
    for item in job_type()["settings"]:
        assert item["type"] in known
        assert item["description"]
        assert item.get("required") or "default" in item
        if "choices" in item:
            assert item["default"] in item["choices"]


def test_no_tasks_is_refused() -> None:
    with pytest.raises(dukpy.JSRuntimeError, match="1 or more"):
        compiled(input="a", output="b", tasks=0)
