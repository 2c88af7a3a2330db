"""Builds that several machines share, and what a killed build leaves behind."""

from __future__ import annotations

import csv
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import trimesh
from click.testing import CliRunner

from training.data.build.__main__ import main
from training.data.build.folder import list_meshes
from training.data.build.work import Amount, build


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """Seven boxes and a file that is no mesh, in two categories."""
    for number in range(7):
        folder = tmp_path / "source" / ("even", "odd")[number % 2]
        folder.mkdir(parents=True, exist_ok=True)
        trimesh.creation.box((1, 1 + number, 2)).export(folder / f"box{number}.obj")
    (tmp_path / "source" / "odd" / "broken.obj").write_text("no mesh")
    return tmp_path / "source"


def files_of(root: Path) -> dict[str, bytes]:
    """Lists and labels."""
    return {
        path.relative_to(root).as_posix(): path.read_bytes()
        for path in sorted(root.rglob("*"))
        if path.suffix in (".lst", ".binvox", ".npy")
    }


def test_two_machines_build_the_same_as_one(source: Path, tmp_path: Path) -> None:
    amount = Amount(points=500, surface=500, views=0)
    entries = list_meshes(source)
    build(entries, tmp_path / "alone", amount)
    root = tmp_path / "shared"
    # What another machine is writing when this one begins.
    (root / "odd" / ".being-written.part").mkdir(parents=True)
    common = [str(source), "--output", str(root), "--workers", "1"]
    sizes = ["--points", "500", "--surface", "500", "--views", "0"]
    counts = []
    for shard in ("1/2", "2/2"):
        result = CliRunner().invoke(main, ["folder", *common, *sizes, "--shard", shard])
        counts.append(sum(1 for _ in root.glob("*/*/shape.json")))
        assert (root / "odd" / ".being-written.part").is_dir(), result.output
    assert 0 < counts[0] < counts[1] == 7
    assert files_of(root) == files_of(tmp_path / "alone")
    rows = [row for path in root.glob("report-*.csv") for row in csv.DictReader(path.open())]
    assert len(rows) == 8
    summary = (root / "report.md").read_text()
    assert "7 of 8 shapes were built" in summary
    assert "are in report-1.csv and report-2.csv." in summary


@pytest.mark.parametrize("shard", ["0/2", "3/2", "1", "a/b", "1/0"])
def test_shards_that_are_none(source: Path, tmp_path: Path, shard: str) -> None:
    arguments = ["folder", str(source), "--output", str(tmp_path / "out"), "--shard", shard]
    result = CliRunner().invoke(main, arguments)
    assert result.exit_code == 2
    assert "K/N" in result.output
    assert not (tmp_path / "out").exists()


WAITING = """
import os, sys, time
from training.data.build.processes import in_processes

def wait(folder):
    open(os.path.join(folder, str(os.getpid())), "w").close()
    time.sleep(120)

if __name__ == "__main__":
    list(in_processes(wait, [sys.argv[1]] * 2, workers=2))
"""


def is_alive(number: int) -> bool:
    try:
        state = Path(f"/proc/{number}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state != "Z"


@pytest.mark.skipif(not Path("/proc/self/stat").is_file(), reason="reads /proc")
def test_a_killed_build_leaves_no_workers(tmp_path: Path) -> None:
    script, folder = tmp_path / "waiting.py", tmp_path / "workers"
    script.write_text(WAITING)
    folder.mkdir()
    parent = subprocess.Popen([sys.executable, str(script), str(folder)])
    try:
        while len(workers := [int(path.name) for path in folder.iterdir()]) < 2:
            assert parent.poll() is None
            time.sleep(0.1)
        os.kill(parent.pid, signal.SIGKILL)
        parent.wait()
        for _ in range(600):  # a minute on a very busy machine, else far less
            if not any(map(is_alive, workers)):
                break
            time.sleep(0.1)
        assert not any(map(is_alive, workers))
    finally:
        parent.kill()
        for number in workers:
            if is_alive(number):
                os.kill(number, signal.SIGKILL)
