"""Flamenco's job types, compiled as Flamenco Manager does it: a JavaScript engine and `author`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from onet_core import flamenco
from onet_core.flamenco import SCRIPTS, write_job_types

dukpy = pytest.importorskip("dukpy", reason="SKIPPED: dukpy, a JavaScript engine, is missing")

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


def evaluate(command: str, code: str, **values: Any) -> Any:
    return dukpy.evaljs([MANAGER, flamenco.job_type(command), code], **values)


def job_type(command: str) -> dict[str, Any]:
    return dict(json.loads(evaluate(command, "JSON.stringify(JOB_TYPE)")))


def compiled(command: str, **chosen: Any) -> list[dict[str, Any]]:
    """The tasks; what is not chosen has the job type's default."""
    settings = {item["key"]: item.get("default") for item in job_type(command)["settings"]}
    return list(json.loads(evaluate(command, COMPILE, settings={**settings, **chosen})))


def arguments(tasks: list[dict[str, Any]]) -> list[list[str]]:
    """What the tasks call Blender with."""
    for task in tasks:
        assert task["type"] == "blender"
        (command,) = task["commands"]
        assert command["name"] == "exec"
        assert command["parameters"]["exe"] == "{blender}"
    return [task["commands"][0]["parameters"]["args"] for task in tasks]


def test_tasks_divide_the_files() -> None:
    tasks = compiled("reconstruct", input="shared/in put", output="out", tasks=3, resolution=64)
    assert [task["name"] for task in tasks] == [f"meshes-{k}-of-3" for k in (1, 2, 3)]
    assert arguments(tasks) == [
        [
            "--command", "onet", "reconstruct", "--input=shared/in put", "--resolution=64",
            "--output=out", f"--part={number}/3",
        ]
        for number in (1, 2, 3)
    ]  # fmt: skip


def test_tasks_divide_the_seeds() -> None:
    tasks = compiled(
        "generate", output="shared/out put", tasks=2, seed=7, count=30, shade_smooth=False
    )
    assert [task["name"] for task in tasks] == ["shapes-1-of-2", "shapes-2-of-2"]
    assert arguments(tasks) == [
        [
            "--command", "onet", "generate", "--seed=7", "--count=30", "--no-shade-smooth",
            "--output=shared/out put", f"--part={number}/2",
        ]
        for number in (1, 2)
    ]  # fmt: skip


def test_tasks_divide_the_steps() -> None:
    tasks = compiled("morph", output="out", tasks=2, seeds=" 3  14 1 ", steps=30)
    assert [task["name"] for task in tasks] == ["morph-1-of-2", "morph-2-of-2"]
    assert arguments(tasks) == [
        [
            "--command", "onet", "morph", "--seeds", "3", "14", "1", "--steps=30", "--output=out",
            f"--part={number}/2",
        ]
        for number in (1, 2)
    ]  # fmt: skip


def test_no_task_has_nothing_to_do() -> None:
    assert len(compiled("generate", output="a", tasks=10, count=3)) == 3
    assert len(compiled("morph", output="a", tasks=10, seeds="1 2", steps=3)) == 3
    assert len(compiled("morph", output="a", tasks=10, seeds="1 2", form="shape-keys")) == 1


@pytest.mark.parametrize("command", SCRIPTS)
def test_settings_are_of_flamencos_kinds(command: str) -> None:
    known = {"string", "int32", "float", "bool"}
    for item in job_type(command)["settings"]:
        assert item["type"] in known
        assert item["description"]
        assert item.get("required") or "default" in item
        if "choices" in item:
            assert item["default"] in item["choices"]


def test_what_is_the_same_is_told_the_same() -> None:
    """Flamenco's scripts can't share anything: one file is one job type."""
    ours, others = (
        {item["key"]: item for item in job_type(command)["settings"]}
        for command in ("generate", "morph")
    )
    reconstruct = {item["key"]: item for item in job_type("reconstruct")["settings"]}
    shared = set(ours) & set(others)
    assert {key: ours[key] for key in shared} == {key: others[key] for key in shared}
    assert shared <= set(reconstruct)
    for key in shared:
        assert ours[key] == reconstruct[key]


def test_they_are_written_where_flamenco_looks(tmp_path: Path) -> None:
    written = write_job_types(tmp_path / "scripts")
    assert sorted(path.name for path in written) == sorted(name for name, _, _ in SCRIPTS.values())
    for command, (name, _, _) in SCRIPTS.items():
        text = (tmp_path / "scripts" / name).read_text(encoding="utf-8")
        assert text == flamenco.job_type(command)


@pytest.mark.parametrize(
    ("command", "chosen", "message"),
    [
        ("reconstruct", {"input": "a", "tasks": 0}, "1 or more"),
        ("generate", {"tasks": 0}, "1 or more"),
        ("generate", {"count": 0}, "1 or more"),
        ("morph", {"seeds": "1 2", "tasks": 0}, "1 or more"),
        ("morph", {"seeds": "1"}, "two or more whole numbers"),
        ("morph", {"seeds": "1 --overwrite"}, "two or more whole numbers"),
        ("morph", {"seeds": "1 -2"}, "two or more whole numbers"),
        ("morph", {"seeds": "1 2", "steps": 1}, "steps has to be 2 or more"),
        ("morph", {"seeds": "1 2", "form": "shape-keys", "format": "obj"}, "shape keys"),
    ],
)
def test_what_makes_no_sense_is_refused(command: str, chosen: dict[str, Any], message: str) -> None:
    with pytest.raises(dukpy.JSRuntimeError, match=message):
        compiled(command, output="b", **chosen)
