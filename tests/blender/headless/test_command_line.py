"""`blender --command onet ...` and what it shares with the batch script."""

from __future__ import annotations

import json
from pathlib import Path

import bpy
import numpy as np
import pytest

from onet_blender.headless import batch_job, command_line
from onet_blender.headless import options as batch_options
from onet_core.errors import OnetError


@pytest.fixture
def scans(tmp_path: Path) -> Path:
    """Three clouds, one of them in a folder below."""
    made = tmp_path / "scans"
    (made / "more").mkdir(parents=True)
    points = np.random.default_rng(0).uniform(-1, 1, (400, 3))
    for name in ("a.npy", "b.npy", "more/c.npy"):
        np.save(made / name, points)
    return made


def reconstruct(scans: Path, models: Path, *more: str) -> int:
    return command_line.run(
        ["reconstruct", "--output", str(scans.parent / "out"), "--kind", "points", "--format",
         "stl", "--model", str(models / "cube_points.safetensors"), "--resolution", "16", *more]
    )  # fmt: skip


def made_in(scans: Path) -> list[str]:
    return visible(scans.parent / "out")


def visible(out: Path) -> list[str]:
    """The results in a folder; the record of them is hidden."""
    return sorted(path.name for path in out.iterdir() if not path.name.startswith("."))


def test_patterns_jobs_and_resuming(
    scans: Path, models: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pattern = str(scans / "**" / "*.npy")
    assert reconstruct(scans, models, "--input", pattern, "--jobs", "2") == 0
    assert made_in(scans) == ["a.stl", "b.stl", "c.stl"]
    printed = capsys.readouterr().out
    lines = printed.splitlines()
    assert "[3/3]" in printed
    header = next(i for i, line in enumerate(lines) if line.startswith("input"))
    assert [line.split()[:2] for line in lines[header + 1 : header + 4]] == [
        ["a.npy", "a.stl"], ["b.npy", "b.stl"], ["c.npy", "c.stl"]
    ]  # fmt: skip
    # One is lost; only that is made again.
    out = scans.parent / "out"
    (out / "b.stl").unlink()
    before = (out / "a.stl").stat().st_mtime_ns
    assert reconstruct(scans, models, "--input", pattern) == 0
    printed = capsys.readouterr().out
    assert "2 of 3 are done already" in printed
    assert "1 of 1 files done" in printed
    assert (out / "a.stl").stat().st_mtime_ns == before
    assert reconstruct(scans, models, "--input", str(scans / "a.npy"), "--overwrite") == 0
    assert (out / "a.stl").stat().st_mtime_ns > before
    capsys.readouterr()
    # The second of two machines.
    assert reconstruct(scans, models, "--input", pattern, "--part", "2/2", "--overwrite") == 0
    printed = capsys.readouterr().out
    assert "b.stl" in printed
    assert "1 of 1 files done" in printed


@pytest.mark.usefixtures("shared_worker")
def test_job_file(scans: Path, models: Path, capsys: pytest.CaptureFixture[str]) -> None:
    job = scans / "job.json"
    job.write_text(json.dumps({
        "input": ["a.npy", "b.npy"], "output": "../out", "format": "blend", "kind": "points",
        "resolution": 16, "flat": True, "overwrite": False,
        "model": str(models / "cube_points.safetensors"),
    }))  # fmt: skip
    assert (
        command_line.run(["reconstruct", "--job", str(job), "--input", str(scans / "b.npy")]) == 0
    )
    assert made_in(scans) == ["b.blend"]
    bpy.ops.wm.open_mainfile(filepath=str(scans.parent / "out" / "b.blend"))
    (made,) = bpy.data.objects
    assert not any(polygon.use_smooth for polygon in made.data.polygons)
    for text, message in [
        ("[", "is no JSON"), ("[]", "one object"), ('{"input": {"a": 1}}', "no text, number or")
    ]:  # fmt: skip
        job.write_text(text)
        assert command_line.run(["reconstruct", "--job", str(job)]) == 2
        assert message in capsys.readouterr().out
    job.write_text('{"colour": "red"}')
    assert command_line.run(["reconstruct", "--job", str(job)]) == 2
    with pytest.raises(OnetError, match="can't be read"):
        batch_options.read_job(scans / "none.json")


@pytest.mark.usefixtures("shared_worker")
def test_generate_and_morph(models: Path, tmp_path: Path) -> None:
    shared = ["--output", str(tmp_path), "--format", "ply", "--resolution", "16",
              "--model", str(models / "cube_seed.safetensors")]  # fmt: skip
    assert command_line.run(["generate", "--seed", "5", "--count", "2", *shared]) == 0
    assert command_line.run(["morph", "--seeds", "1", "2", "--steps", "3", *shared]) == 0
    assert visible(tmp_path) == [
        "morph-1-2-0000.ply", "morph-1-2-0001.ply", "morph-1-2-0002.ply",
        "seed-0005.ply", "seed-0006.ply",
    ]  # fmt: skip


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["paint"],
        ["reconstruct", "--output", "x"],
        ["generate"],
        ["generate", "--output", "x", "--count", "0"],
        ["morph", "--output", "x", "--seeds", "1"],
        ["morph", "--output", "x", "--seeds", "1", "2", "--steps", "1"],
    ],
)
def test_bad_usage_is_two(
    arguments: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert command_line.run(arguments) == 2
    assert not list(tmp_path.iterdir())


def test_help_is_zero(capsys: pytest.CaptureFixture[str]) -> None:
    assert command_line.run(["--help"]) == 0
    assert "blender --command onet COMMAND" in capsys.readouterr().out
    assert command_line.run(["morph", "--help"]) == 0
    assert "--steps" in capsys.readouterr().out


def test_it_comes_and_goes_with_the_extension(capfd: pytest.CaptureFixture[str]) -> None:
    """Blender warns of a command that is registered already."""

    def warned() -> bool:
        bpy.utils.unregister_cli_command(
            bpy.utils.register_cli_command(command_line.NAME, command_line.run)
        )
        return "duplicate command" in "".join(capfd.readouterr())

    assert warned()
    command_line.unregister()
    assert not warned()
    command_line.register()
    assert warned()


def test_a_worker_that_dies_costs_one_file(
    scans: Path, models: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    real, killed = batch_job.EngineClient.start, []

    def start(self: object, method: str, *given: object) -> object:
        job = real(self, method, *given)  # type: ignore[arg-type]
        if method == "reconstruct" and not killed:
            killed.append(job)
            while not job.poll(wait=1.0):
                pass
            job._process.kill()
        return job

    monkeypatch.setattr(batch_job.EngineClient, "start", start)
    assert reconstruct(scans, models, "--input", str(scans)) == 2
    assert made_in(scans) == ["b.stl"]
    printed = capsys.readouterr().out
    assert "a.npy: FAILED: The worker process stopped unexpectedly" in printed


@pytest.mark.usefixtures("shared_worker")
@pytest.mark.parametrize("suffix", [".npy", ".xyz"])
def test_strays_are_left_out_and_results_stand_on_the_floor(
    models: Path, tmp_path: Path, suffix: str
) -> None:
    points = np.random.default_rng(0).uniform(-1, 1, (400, 3)) + np.array([5, 6, 7])
    points = np.concatenate([points, [[90, 0, 0], [0, -70, 50]]])
    scan = tmp_path / f"scan{suffix}"
    np.save(scan, points) if suffix == ".npy" else np.savetxt(scan, points)
    for more, size, place in (
        ((), None, None),
        (("--crop-outliers",), 1.2, (5, 6, 6.4)),
        (("--crop-outliers", "--floor"), 1.2, (0, 0, 0)),
    ):
        given = ["--input", str(scan), "--output", str(tmp_path), "--kind", "points",
                 "--format", "blend", "--resolution", "32", "--overwrite",
                 "--model", str(models / "cube_points.safetensors"), *more]  # fmt: skip
        assert command_line.run(["reconstruct", *given]) == 0
        bpy.ops.wm.open_mainfile(filepath=str(tmp_path / "scan.blend"))
        (made,) = bpy.data.objects
        corners = np.array([vertex.co for vertex in made.data.vertices])
        low, high = corners.min(0), corners.max(0)
        if size is None:
            assert (high - low).max() > 20
            continue
        np.testing.assert_allclose(high - low, size, atol=0.1)
        middle = [*((low + high) / 2)[:2], low[2]]
        np.testing.assert_allclose(middle, place, atol=0.1)
