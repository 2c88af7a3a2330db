"""What made what: names that stay, results that are whole, leftovers, own results as inputs."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from onet_core import files
from onet_core.files import SCRATCH, is_whole, refusal, scratch_name
from onet_core.results import (
    DAMAGED,
    DONE,
    EDITED,
    FOREIGN,
    MISSING,
    OUTDATED,
    Origin,
    ResultFolder,
)

SETTINGS = {"resolution": 32, "model": "points"}


def origin(folder: ResultFolder, path: Path, **settings: object) -> Origin:
    return Origin(folder.key_of(path), path.stem, {**SETTINGS, **settings}, path)


@pytest.fixture
def sources(tmp_path: Path) -> Path:
    made = tmp_path / "in"
    made.mkdir()
    for name in ("a.png", "b.png"):
        (made / name).write_bytes(name.encode())
    return made


def text_of(name: str) -> bytes:
    """An .off file."""
    return f"OFF\n1 1 0\n{len(name)} 0 0\n3 0 0 0\n".encode()


def run(sources: Path, out: Path, form: str = "off", **settings: object) -> list[str]:
    """A whole run, as the front ends do it: the names of all targets, in the order of sources."""
    results = ResultFolder(out)
    inputs = [path for path in sorted(sources.iterdir()) if path.suffix in (".png", ".jpg", ".ply")]
    inputs = [path for path in inputs if not results.is_result(path)]
    origins = [origin(results, path, **settings) for path in inputs]
    targets = results.targets(origins, form, inputs)
    for one, target in zip(origins, targets, strict=True):
        if results.state(target, one) != DONE:
            scratch = results.scratch()
            (scratch / "x").write_bytes(text_of(one.stem))
            results.put(scratch / "x", target, one)
            scratch.rmdir()
    return [target.name for target in targets]


def test_a_result_is_done_until_anything_changes(sources: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    assert run(sources, out) == ["a.off", "b.off"]
    results = ResultFolder(out)
    one = origin(results, sources / "a.png")
    assert results.state(out / "a.off", one) == DONE
    assert results.state(out / "a.off", origin(results, sources / "a.png", faces=5)) == OUTDATED
    # A copy of the folder has new times and the same content.
    os.utime(sources / "a.png", (1, 1))
    assert results.state(out / "a.off", one) == DONE
    (sources / "a.png").write_bytes(b"A.png")
    os.utime(sources / "a.png", (2, 2))
    assert results.state(out / "a.off", one) == OUTDATED
    (out / "a.off").unlink()
    assert results.state(out / "a.off", one) == MISSING
    content = json.loads((out / ".onet-results.json").read_text())
    assert content["results"]["b.off"]["source"] == "../in/b.png"
    (named,) = content["settings"].values()
    assert named == SETTINGS


@pytest.mark.parametrize("left", [b"", b"OFF\n1 1", b"\0" * 20])
def test_what_a_killed_run_left_is_not_taken_for_done(
    sources: Path, tmp_path: Path, left: bytes
) -> None:
    out = tmp_path / "out"
    run(sources, out)
    (out / "a.off").write_bytes(left)
    results = ResultFolder(out)
    assert results.state(out / "a.off", origin(results, sources / "a.png")) == DAMAGED
    run(sources, out)
    assert (out / "a.off").read_bytes() == text_of("a")
    # Of a run that kept no record too: the name is free, the file no result.
    (out / ".onet-results.json").unlink()
    (out / "a.off").write_bytes(left)
    assert run(sources, out)[0] == "a.off"
    assert (out / "a.off").read_bytes() == text_of("a")


def test_what_a_user_changed_is_known(sources: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    run(sources, out)
    (out / "a.off").write_bytes(text_of("edited by hand"))
    results = ResultFolder(out)
    one = origin(results, sources / "a.png")
    assert results.state(out / "a.off", one) == EDITED
    assert results.is_current(out / "a.off", one)


def test_files_of_others_are_left_alone(sources: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    (out / "a.off").write_bytes(text_of("mine"))
    results = ResultFolder(out)
    assert results.state(out / "a.off", origin(results, sources / "a.png")) == FOREIGN
    assert run(sources, out) == ["a-2.off", "b.off"]
    assert run(sources, out) == ["a-2.off", "b.off"]
    assert (out / "a.off").read_bytes() == text_of("mine")
    one = origin(ResultFolder(out), sources / "b.png")
    (out / "b.off").unlink()
    (target,) = ResultFolder(out).targets([one], "off", overwrite=True)
    assert target.name == "b.off"


def test_names_stay_when_equal_stems_come_and_go(sources: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    assert run(sources, out) == ["a.off", "b.off"]
    (sources / "a.jpg").write_bytes(b"sorts first")
    assert run(sources, out) == ["a-2.off", "a.off", "b.off"]
    (sources / "a.png").unlink()
    assert run(sources, out) == ["a-2.off", "b.off"]
    assert run(sources, out, resolution=64) == ["a-2.off", "b.off"]
    # Another folder's file of that name gets one of its own.
    other = tmp_path / "other"
    other.mkdir()
    (other / "b.png").write_bytes(b"another b")
    assert run(other, out) == ["b-2.off"]


def test_a_folder_of_its_own_inputs(sources: Path) -> None:
    (sources / "scan.ply").write_bytes(b"ply of the user")
    assert run(sources, sources, "ply") == ["a.ply", "b.ply", "scan-2.ply"]
    for _ in range(3):
        assert run(sources, sources, "ply") == ["a.ply", "b.ply", "scan-2.ply"]
    assert (sources / "scan.ply").read_bytes() == b"ply of the user"


def test_machines_that_share_a_folder_agree(sources: Path, tmp_path: Path) -> None:
    (sources / "a.jpg").write_bytes(b"x")
    out = tmp_path / "out"
    first, second = ResultFolder(out, "-1-of-2"), ResultFolder(out, "-2-of-2")
    paths = sorted(sources.iterdir())
    for number, results in enumerate((first, second, ResultFolder(out, "-2-of-2"))):
        origins = [origin(results, path) for path in paths]
        targets = results.targets(origins, "off", paths)
        assert [target.name for target in targets] == ["a.off", "a-2.off", "b.off"]
        if number < 2:
            scratch = results.scratch()
            (scratch / "x").write_bytes(text_of("x"))
            results.put(scratch / "x", targets[number], origins[number])
    assert {item.name for item in out.iterdir() if item.is_file()} == {
        "a.off", "a-2.off", ".onet-results-1-of-2.json", ".onet-results-2-of-2.json"
    }  # fmt: skip


def test_no_result_is_ever_there_without_its_entry(
    sources: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Killed between the two steps, the file is missing, and made again under its name."""
    out, results = tmp_path / "out", ResultFolder(tmp_path / "out")
    one = origin(results, sources / "a.png")
    scratch = results.scratch()
    (scratch / "x").write_bytes(text_of("a"))
    real, calls = os.replace, []

    def replace(source: object, target: object) -> None:
        calls.append(target)
        if len(calls) == 2:
            raise KeyboardInterrupt
        real(source, target)  # type: ignore[arg-type]

    monkeypatch.setattr(os, "replace", replace)
    with pytest.raises(KeyboardInterrupt):
        results.put(scratch / "x", out / "a.off", one)
    monkeypatch.undo()
    again = ResultFolder(out)
    assert again.state(out / "a.off", one) == MISSING
    assert again.targets([one], "off") == [out / "a.off"]


@pytest.mark.parametrize(
    "text",
    ["", "{", "[]", '{"results": {"../../x.off": {}}, "settings": {}}',
     '{"results": {"a.off": {"evil": 1}}, "settings": {}}', "[" * 100_000],
)  # fmt: skip
def test_a_damaged_record_is_none(sources: Path, tmp_path: Path, text: str) -> None:
    out = tmp_path / "out"
    run(sources, out)
    (out / ".onet-results.json").write_text(text)
    # Nobody knows any more whose the files are, so they stay.
    assert run(sources, out) == ["a-2.off", "b-2.off"]


@pytest.mark.skipif(sys.platform == "win32", reason="Windows can't be asked for processes")
def test_leftovers_go_and_unfinished_work_stays(tmp_path: Path) -> None:
    code = "from onet_core.files import scratch_name; print(scratch_name())"
    root = Path(files.__file__).parents[1]
    dead = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=root
    ).stdout.strip()
    (tmp_path / dead).mkdir()
    (tmp_path / dead / "half.glb").write_bytes(b"half")
    alive = ResultFolder(tmp_path).scratch()
    elsewhere = [tmp_path / f"{SCRATCH}farm7.{number}.ab.part" for number in (1, 2)]
    for path in elsewhere:
        path.write_bytes(b"of another machine")
    os.utime(elsewhere[0], (1, 1))
    (tmp_path / ".hidden").write_text("of the user")
    ResultFolder(tmp_path).clear_remains()
    left = {path.name for path in tmp_path.iterdir()}
    assert left == {alive.name, elsewhere[1].name, ".hidden"}


def test_what_can_not_be_read_is_said_without_opening_it(tmp_path: Path) -> None:
    good = tmp_path / "good.ply"
    good.write_bytes(b"x")
    assert refusal(good) is None
    (tmp_path / "empty").touch()
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "circle").symlink_to(tmp_path / "circle")
    (tmp_path / "lost").symlink_to(tmp_path / "nowhere")
    (tmp_path / "link").symlink_to(good)
    assert refusal(tmp_path / "link") is None
    for name, reason in {
        "empty": "empty",
        "pipe": "pipe or a device",
        "circle": "leads in a circle",
        "lost": "link to a file that is not there",
        "none": "no such file",
        "x" * 300: "name is too long",
        "a\0b": "can't be that of a file",
        ".": "a folder",
    }.items():
        assert reason in str(refusal(tmp_path / name)), name
    if os.geteuid():
        good.chmod(0)
        assert "permission" in str(refusal(good))


def test_names_that_are_too_long_are_cut(tmp_path: Path) -> None:
    results = ResultFolder(tmp_path)
    origins = [Origin(f"{number}", "ä" * 120, {}) for number in range(2)]
    for target in results.targets(origins, "blend"):
        (tmp_path / target.name).touch()
    (tmp_path / scratch_name()).touch()


@pytest.mark.parametrize(
    ("name", "content", "whole"),
    [
        ("a.glb", b"glTF\2\0\0\0\x10\0\0\0abcd", True),
        ("a.glb", b"glTF\2\0\0\0\x11\0\0\0abcd", False),
        ("a.obj", b"v 0 0 0\nf 1 1 1\n", True),
        ("a.obj", b"v 0 0 0\nf 1 1", False),
        ("a.obj", b"v 0 0 0\nv 1", False),
        ("a.stl", b"x" * 80 + b"\1\0\0\0" + bytes(50), True),
        ("a.stl", b"x" * 80 + b"\2\0\0\0" + bytes(50), False),
        ("a.ply", b"ply\nformat binary_little_endian 1.0\nelement vertex 2\nproperty float x\n"
         b"end_header\n" + bytes(8), True),
        ("a.ply", b"ply\nformat binary_little_endian 1.0\nelement vertex 2\nproperty float x\n"
         b"end_header\n" + bytes(7), False),
        ("a.ply", b"ply\nformat binary_lit", False),
    ],
)  # fmt: skip
def test_whole_and_cut_off(tmp_path: Path, name: str, content: bytes, whole: bool) -> None:
    (tmp_path / name).write_bytes(content)
    assert is_whole(tmp_path / name) == whole
