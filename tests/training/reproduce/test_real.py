"""A folder of real pictures on a sheet, with measures where there is truth."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import trimesh
from click.testing import CliRunner
from PIL import Image

from onet_core.errors import InputError
from onet_core.inputs.frame import network_to_up
from onet_core.mesh.mesh import Mesh
from onet_core.pipeline.job import Job
from training.reproduce import real
from training.reproduce.__main__ import main


def of(shape: trimesh.Trimesh) -> Mesh:
    return Mesh(np.asarray(shape.vertices, np.float32), np.asarray(shape.faces, np.int32))


def test_measures_need_neither_place_nor_size() -> None:
    box = trimesh.creation.box((1, 0.5, 0.25))
    moved = box.copy().apply_scale(7).apply_translation((3, 2, 1))
    iou, chamfer = real.measure(of(box), of(moved))
    assert iou > 0.98
    assert chamfer < 0.01
    half = trimesh.creation.box((1, 0.5, 0.125))
    iou, chamfer = real.measure(of(box), of(half))
    assert iou == pytest.approx(0.5, abs=0.05)
    assert chamfer > 0.02


def test_a_folder_becomes_a_sheet(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One picture with mask and truth, one with neither, one that nothing can be made of."""
    folder, output = tmp_path / "pictures", tmp_path / "out"
    for part in ("", "masks", "truth"):
        (folder / part).mkdir(parents=True, exist_ok=True)
    for name in ("a", "b", "c"):
        Image.new("RGB", (40, 30), (200, 10, 10)).save(folder / f"{name}.jpg")
    Image.new("L", (40, 30), 255).save(folder / "masks" / "a.png")
    true = trimesh.creation.box((1, 0.4, 0.7))
    true.export(folder / "truth" / "a.obj")
    asked: list[Job] = []

    def run(job: Job) -> Any:
        asked.append(job)
        assert job.path is not None
        if job.path.stem == "c":
            raise InputError("The picture shows nothing.")
        made = of(true)
        blender = Mesh(made.vertices @ network_to_up("z").T, made.faces)
        return SimpleNamespace(
            made=SimpleNamespace(mesh=blender), findings=SimpleNamespace(doubts=["guessed"])
        )

    monkeypatch.setattr(real, "run", run)
    command = ["real", "--data", str(folder), "--output", str(output)]
    result = CliRunner().invoke(main, command)
    assert result.exit_code == 0, result.output
    assert [job.mask for job in asked] == [folder / "masks" / "a.png", None, None]
    lines = (output / "real.md").read_text().splitlines()
    rows = dict(line.split(" | ", 1) for line in lines if " | " in line)
    assert float(rows["| a"].split(" | ")[0]) > 0.98
    assert rows["| b"] == "- | - | guessed |"
    assert rows["| c"] == "- | - | The picture shows nothing. |"
    assert "| **mean of 1 with truth**" in rows
    with Image.open(output / "real.png") as sheet:
        red = (np.asarray(sheet.convert("RGB")).astype(int) - (200, 10, 10)).__abs__().sum(-1) < 60
    assert red.sum() > 1000


def test_nothing_to_show(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no folder"):
        real.list_pictures(tmp_path / "nowhere")
    with pytest.raises(InputError, match="no pictures"):
        real.list_pictures(tmp_path)
