"""A batch that is given again, in every state that a run before it can have left."""

from __future__ import annotations

import json
import os
from pathlib import Path

import bpy
import numpy as np
import pytest

from onet_blender.headless import command_line
from onet_blender.headless.export import EXPORTERS, export
from onet_blender.scene import meshes
from onet_core.files import is_whole

pytestmark = pytest.mark.usefixtures("shared_worker")

FORM = "ply"


@pytest.fixture
def scans(tmp_path: Path) -> Path:
    made = tmp_path / "scans"
    made.mkdir()
    for name in ("a", "b"):
        write_scan(made / f"{name}.xyz")
    return made


def write_scan(path: Path, seed: int = 0) -> None:
    np.savetxt(path, np.random.default_rng(seed).uniform(-1, 1, (300, 3)))


def batch(source: Path, out: Path, models: Path, *more: str) -> int:
    return command_line.run(
        ["reconstruct", "--input", str(source), "--output", str(out), "--kind", "points",
         "--format", FORM, "--resolution", "16",
         "--model", str(models / "cube_points.safetensors"), *more]
    )  # fmt: skip


def times(out: Path) -> dict[str, int]:
    """When each result was written."""
    return {path.name: path.stat().st_mtime_ns for path in out.glob(f"*.{FORM}")}


def test_only_what_is_missing_damaged_or_outdated_is_made_again(
    scans: Path, models: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = scans.parent / "out"
    assert batch(scans, out, models) == 0
    before = times(out)
    assert set(before) == {"a.ply", "b.ply"}
    whole = (out / "a.ply").read_bytes()
    for left in (b"", whole[: len(whole) // 2]):
        (out / "a.ply").write_bytes(left)
        capsys.readouterr()
        assert batch(scans, out, models) == 0
        printed = capsys.readouterr().out
        assert "a.ply is made again: it is empty or cut off." in printed
        assert "1 of 2 are done already" in printed
        assert (out / "a.ply").read_bytes() == whole
        assert times(out)["b.ply"] == before["b.ply"]
    write_scan(scans / "b.xyz", 1)
    assert batch(scans, out, models) == 0
    assert "b.ply is made again: its source or the settings have changed." in (
        capsys.readouterr().out
    )
    assert times(out)["b.ply"] > before["b.ply"]
    assert batch(scans, out, models, "--resolution", "24") == 0
    assert "2 of 2 files done" in capsys.readouterr().out


def test_what_was_changed_by_hand_stays(
    scans: Path, models: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = scans.parent / "out"
    assert batch(scans, out, models) == 0
    edited = (out / "a.ply").read_bytes() + b"\0"
    (out / "a.ply").write_bytes(edited)
    assert batch(scans, out, models) == 0
    assert "a.ply was changed since it was made: it stays" in capsys.readouterr().out
    # It would have to be made anew, which it is not without being told to.
    assert batch(scans, out, models, "--resolution", "24") == 2
    assert "Skipped a.xyz: a.ply" in capsys.readouterr().out
    assert (out / "a.ply").read_bytes() == edited
    assert batch(scans, out, models, "--resolution", "24", "--overwrite") == 0
    assert (out / "a.ply").read_bytes() != edited


def test_the_inputs_own_folder(scans: Path, models: Path) -> None:
    write_scan(scans / "c.xyz")
    rows = "".join(f"{i} {i * i % 7} {i % 3}\n" for i in range(40))
    header = "ply\nformat ascii 1.0\nelement vertex 40\n"
    header += "".join(f"property float {axis}\n" for axis in "xyz")
    (scans / "c.ply").write_text(f"{header}end_header\n{rows}")
    kept = (scans / "c.ply").read_bytes()
    assert batch(scans, scans, models) == 0
    first = times(scans)
    assert set(first) == {"a.ply", "b.ply", "c.ply", "c-2.ply", "c-3.ply"}
    for _ in range(2):
        assert batch(scans, scans, models) == 0
        assert set(times(scans)) == set(first)
    assert (scans / "c.ply").read_bytes() == kept


def test_equal_stems_keep_their_names(scans: Path, models: Path) -> None:
    out = scans.parent / "out"
    assert batch(scans, out, models) == 0
    before = times(out)
    write_scan(scans / "a.csv", 7)  # sorts before a.xyz
    assert batch(scans, out, models) == 0
    after = times(out)
    assert set(after) == {"a.ply", "b.ply", "a-2.ply"}
    assert {name: after[name] for name in before} == before
    content = json.loads((out / ".onet-results.json").read_text())["results"]
    assert content["a-2.ply"]["source"].endswith("a.csv")


def test_bad_files_are_named_once_and_the_others_made(
    scans: Path, models: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    os.mkfifo(scans / "pipe.xyz")
    (scans / "circle.ply").symlink_to("circle.ply")
    (scans / "lost.ply").symlink_to("nowhere.ply")
    (scans / "empty.pcd").touch()
    (scans / "broken.obj").write_text("v 0 0 0\nf 1 2 x\n")
    np.savez(scans / "odd.npz", text=np.array(["a", "b"]))
    with (scans / "odd.npz").open("ab") as file:
        file.write(b"garbage")
    long = "n" * 251 + ".xyz"
    write_scan(scans / long)
    given = [str(scans), str(scans / "missing.ply"), str(scans / ("x" * 400 + ".ply"))]
    out = scans.parent / "out"
    status = command_line.run(
        ["reconstruct", "--input", *given, "--output", str(out), "--kind", "points", "--format",
         FORM, "--resolution", "16", "--model", str(models / "cube_points.safetensors")]
    )  # fmt: skip
    assert status == 2
    assert {"a.ply", "b.ply"} < set(times(out))
    assert len(times(out)) == 3  # and the one with the long name
    printed = capsys.readouterr().out
    for name, reason in {
        "pipe.xyz": "pipe or a device", "circle.ply": "circle", "lost.ply": "not there",
        "empty.pcd": "empty", "missing.ply": "no such file", "xxxx.ply": "too long",
        "broken.obj": "FAILED", "odd.npz": "LEFT OUT",
    }.items():  # fmt: skip
        lines = [line for line in printed.splitlines() if name in line and reason in line]
        assert len(lines) == 1, (name, printed)
    assert "Traceback" not in printed


def test_an_error_that_nobody_foresaw_costs_one_file(
    scans: Path, models: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    real, calls = EXPORTERS[FORM], []

    def broken(path: Path) -> object:
        calls.append(path)
        if len(calls) == 1:
            raise KeyError("what\nis this")
        return real(path)

    monkeypatch.setitem(EXPORTERS, FORM, broken)
    assert batch(scans, scans.parent / "out", models) == 2
    assert "a.xyz: FAILED: An unexpected error" in capsys.readouterr().out
    assert set(times(scans.parent / "out")) == {"b.ply"}
    assert not list((scans.parent / "out").glob(".onet-part*"))


def test_machines_with_parts_make_all_once(scans: Path, models: Path) -> None:
    out = scans.parent / "out"
    assert batch(scans, out, models, "--part", "1/2") == 0
    before = times(out)
    assert set(before) == {"a.ply"}
    assert batch(scans, out, models, "--part", "2/2") == 0
    assert batch(scans, out, models) == 0
    assert times(out) == {**times(out), **before}


def test_a_job_file_starts_no_program(
    scans: Path, models: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    program = scans / "program"
    program.write_text(f"#!/bin/sh\ntouch {scans / 'ran'}\n")
    program.chmod(0o755)
    job = scans / "job.json"
    content = {"input": ["a.xyz"], "output": "../out", "runtime": "program"}
    for hostile in (content, {"input": ["a.xyz"], "output": "a\0b"}):
        job.write_text(json.dumps(hostile))
        assert command_line.run(["reconstruct", "--job", str(job)]) == 2
    job.write_text("[" * 100_000)
    assert command_line.run(["reconstruct", "--job", str(job)]) == 2
    job.unlink()
    os.mkfifo(job)
    assert command_line.run(["reconstruct", "--job", str(job)]) == 2
    printed = capsys.readouterr().out
    assert "names a program, runtime, which only the command line may" in printed
    assert "Traceback" not in printed
    assert not (scans / "ran").exists()


@pytest.mark.parametrize("form", EXPORTERS)
def test_exports_are_whole_until_they_are_cut(tmp_path: Path, form: str) -> None:
    for name in ("a", "b"):
        vertices = np.random.default_rng(0).normal(size=(300, 3)).astype(np.float32)
        faces = np.arange(300, dtype=np.int32).reshape(-1, 3)
        colours = np.full((300, 3), 9, dtype=np.uint8)
        mesh = meshes.make_mesh(name, vertices, faces, colours)
        bpy.context.scene.collection.objects.link(bpy.data.objects.new(name, mesh))
    target = tmp_path / f"mesh.{form}"
    export(target, form)
    assert is_whole(target)
    content = target.read_bytes()
    for share in (0.01, 0.3, 0.7, 0.99):
        target.write_bytes(content[: int(share * len(content))])
        assert not is_whole(target), share
