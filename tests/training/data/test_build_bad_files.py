"""One bad file never ends the building of a dataset."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from pathlib import Path

import pytest
import trimesh
from click.testing import CliRunner

from onet_core.errors import OnetError
from training.data.build import work
from training.data.build.__main__ import main
from training.data.build.folder import list_meshes
from training.data.build.processes import in_processes
from training.data.build.work import Amount, build

FEW = Amount(points=500, surface=500, views=0)


def test_what_can_not_be_read_is_dropped_with_its_reason(tmp_path: Path) -> None:
    source = tmp_path / "meshes"
    source.mkdir()
    trimesh.creation.box().export(source / "good.stl")
    os.mkfifo(source / "pipe.obj")
    (source / "circle.ply").symlink_to("circle.ply")
    (source / "lost.off").symlink_to("nowhere.off")
    (source / "empty.stl").touch()
    (source / "broken.obj").write_text("v 0 0 0\nf 1 2 x\n")
    trimesh.creation.box().export(source / ("n" * 245 + ".stl"))
    records = {record.name: record for record in build(list_meshes(source), tmp_path / "out", FEW)}
    assert records["good_stl"].status == "built"
    for name, reason in {
        "pipe_obj": "a pipe", "circle_ply": "in a circle", "lost_off": "not there",
        "empty_stl": "empty", "broken_obj": "",
    }.items():  # fmt: skip
        assert records[name].status == "dropped"
        assert reason in records[name].reason
    assert len(records) == 7


def test_dropped_shapes_are_told_at_the_end_and_in_the_status(tmp_path: Path) -> None:
    source = tmp_path / "meshes"
    source.mkdir()
    trimesh.creation.box().export(source / "good.stl")
    options = ["--points", "500", "--surface", "500", "--views", "0", "--workers", "1"]
    given = ["folder", str(source), "--output", str(tmp_path / "out"), *options]
    assert CliRunner().invoke(main, given).exit_code == 0
    (source / "broken.obj").write_text("v 0 0 0\nf 1 2 x\n")
    done = CliRunner().invoke(main, given)
    assert done.exit_code == 2
    assert done.output.count("broken_obj: ") == 1
    assert "1 of 2 shapes could not be used" in done.output


def test_an_error_that_nobody_foresaw_drops_one_shape(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = tmp_path / "meshes"
    source.mkdir()
    for name in ("a", "b"):
        trimesh.creation.box().export(source / f"{name}.stl")
    real: Callable[..., object] = work.make_solid
    calls = []

    def once(*given: object) -> object:
        calls.append(given)
        if len(calls) == 1:
            raise KeyError("nobody\nforesaw this")
        return real(*given)

    monkeypatch.setattr(work, "make_solid", once)
    records = build(list_meshes(source), tmp_path / "out", FEW)
    assert sorted(record.status for record in records) == ["built", "dropped"]
    (dropped,) = [record for record in records if record.status == "dropped"]
    assert "unexpected error stopped it (KeyError" in dropped.reason


def square(number: int) -> int:
    if number == 3:
        os.kill(os.getpid(), signal.SIGKILL)
    return number * number


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="signals")
def test_a_task_that_kills_its_process_costs_one_answer() -> None:
    found = dict(in_processes(square, range(8), workers=2, lost=lambda number: -number))
    assert found == {number: -3 if number == 3 else number * number for number in range(8)}
    with pytest.raises(OnetError, match="A worker process died"):
        list(in_processes(square, [3], workers=2))
