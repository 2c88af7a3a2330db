"""The paper's tables: its figures, what is trained for them, and the pages that come of it."""

from __future__ import annotations

import csv
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image
from tiny_shapes import Sphere, labelled, write_shape

from onet_core.errors import InputError
from training.learn.config import load_config
from training.reproduce import pages, representation, runs, tables
from training.reproduce.__main__ import main
from training.reproduce.figures import (
    CATEGORIES,
    IMAGE_CHAMFER,
    IMAGE_IOU,
    IMAGE_NORMALS,
)
from training.reproduce.figures import TABLES as PUBLISHED
from training.reproduce.plot import draw_lines
from training.reproduce.runs import Effort, Measured, run_table
from training.reproduce.tables import PROFILES, TABLES, Row


@pytest.mark.parametrize(
    ("columns", "field"),
    [(IMAGE_IOU, "iou"), (IMAGE_CHAMFER, "chamfer"), (IMAGE_NORMALS, "normals")],
)
def test_rows_of_table_1_have_its_means(columns: dict[str, Any], field: str) -> None:
    """A slip of the hand in a row would show."""
    for published in PUBLISHED["image"]:
        expected = getattr(published, field)
        assert (expected is None) == (published.method not in columns)
        if expected is not None:
            row = columns[published.method]
            assert len(row) == len(CATEGORIES)
            assert np.mean(row) == pytest.approx(expected, abs=0.001)


def test_every_figure_has_its_source() -> None:
    assert set(PUBLISHED) == set(TABLES)
    for rows in PUBLISHED.values():
        assert all(row.source.startswith("paper, ") for row in rows)
    methods = {row.method for rows in PUBLISHED.values() for row in rows}
    assert {"3D-R2N2", "PSGN", "Pix2Mesh", "AtlasNet", "DMC"} <= methods
    for name in ("sampling", "architecture"):
        assert [row.method for row in PUBLISHED[name]] == [row.title for row in TABLES[name].rows]


@pytest.mark.parametrize("profile", PROFILES)
@pytest.mark.parametrize("name", TABLES)
def test_each_row_has_a_configuration(name: str, profile: str) -> None:
    table = TABLES[name]
    configs = [table.config(row, profile, ("data.root=x",)) for row in table.rows]
    assert all(config.training.max_steps for config in configs)
    assert all(config.description() for config in configs)
    if profile == "paper":
        originals = [load_config(row.config) for row in table.rows]
        for config, original in zip(configs, originals, strict=True):
            assert config.model == original.model
            assert config.training.batch_size == 64
    assert pages.differences(table, profile)


def test_rows_can_be_chosen() -> None:
    table = TABLES["generation"]
    assert [row.title for row in table.only(("chair",)).rows] == ["chair"]
    assert table.only(()) is table
    with pytest.raises(InputError, match="no row 'boat', but airplane, car"):
        table.only(("chair", "boat"))


def test_ablations_of_the_small_profile_differ_in_one_thing() -> None:
    for name, varies in (("sampling", "data"), ("architecture", "model")):
        first, *others = (
            TABLES[name].config(row, "small", ()).to_dict() for row in TABLES[name].rows
        )
        for other in others:
            assert {key for key in first if first[key] != other[key]} == {varies}


def measured(title: str, seed: int, iou: float, folder: Path = Path("x")) -> Measured:
    metrics = {"iou": iou, "chamfer_l1": 0.02, "normal_consistency": 0.8, "shapes": 9, "data": "d"}
    return Measured(
        Row(title, "ablation/full"), seed, metrics, {"steps": 7, "commit": "abc"}, folder
    )


def test_a_page_has_ours_theirs_and_what_differs() -> None:
    ours = {"uniform": (0.5, 0.52), "64 points": (0.4, 0.42), "equal": (0.51, 0.5)}
    ours["surface"] = (0.6, 0.62)
    found = [
        measured(name, seed, iou) for name, two in ours.items() for seed, iou in enumerate(two)
    ]
    text, lines = pages.page("sampling", TABLES["sampling"], "small", found, "the command")
    assert "| uniform, ours | 0.510 ± 0.014 | 0.200 ± 0.000 | 0.800 ± 0.000 |" in text
    assert "| equal | 0.475 | 0.291 | 0.835 | paper, table 4 |" in text
    assert "- Differs: Free shapes instead of ShapeNet" in text
    assert "points_surface.npz" in text
    assert "uniform is ahead of 64 points as in the paper" in text
    assert "uniform and equal are not told apart" in text
    assert "uniform is behind surface, unlike in the paper" in text
    assert len(lines) == 8
    assert all(line[-1] for line in lines)
    image, _ = pages.page("image", TABLES["image"], "paper", [], "c")
    assert "| lamp | - | 0.371 | 0.281 | 0.323 |" in image


def test_grids_of_a_ball() -> None:
    """Finer grids are better, as good as their cells are small, and none beats the ceiling."""
    ball = labelled(Sphere(0.4), count=20_000)
    read = representation.sides(ball, ball.points)
    assert np.mean(read == ball.occupancies) > 0.995
    ious = [representation.grid_iou(ball, cells) for cells in (4, 16, 64)]
    assert ious[0] < 0.8 < ious[1] < 0.96 < ious[2]
    # A cell is inside where its middle is: with one cell everything is.
    assert representation.grid_iou(ball, 1) == pytest.approx(ball.occupancies.mean(), abs=1e-9)
    assert representation.grid_bytes(32, 10) == 32**3 * 10 / 8


def test_representation_without_codes(tmp_path: Path) -> None:
    for number in range(2):
        write_shape(tmp_path / "d", "balls", f"b{number}", Sphere(0.3), split="train", count=3000)
    options = ["--profile", "small", "--grids-only", "--output", str(tmp_path / "out")]
    result = CliRunner().invoke(main, ["representation", "--data", str(tmp_path / "d"), *options])
    assert result.exit_code == 0, result.output
    page = (tmp_path / "out" / "representation.md").read_text()
    assert "| 128³ cells |" in page
    assert "- 2 of 2 shapes of d, version" in page
    assert str(tmp_path) not in page
    rows = list(csv.DictReader((tmp_path / "out" / "grids.csv").open()))
    assert [row["shape"] for row in rows] == ["b0", "b1"]
    with Image.open(tmp_path / "out" / "pictures" / "representation.png") as picture:
        assert len(picture.convert("RGB").getcolors(100_000)) > 4


def test_codes_of_more_and_more_shapes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(3):
        radius = 0.3 + 0.05 * number
        write_shape(
            tmp_path / "d", "balls", f"b{number}", Sphere(radius), split="train", count=3000
        )
    monkeypatch.setattr("training.reproduce.tables.SMALL_CHANGES", SHORT)
    options = ["--profile", "small", "--seeds", "1", "--steps", "2", "--samples", "500"]
    options += ["--resolution", "16", "--workers", "1", "--output", str(tmp_path / "out")]
    options += ["--shapes", "2", "--shapes", "1"]
    command = ["representation", "--data", str(tmp_path / "d"), *options]
    result = CliRunner().invoke(main, command)
    assert result.exit_code == 0, result.output
    page = (tmp_path / "out" / "representation.md").read_text()
    for count in (1, 2):
        assert f"| codes, {count} shapes, ours |" in page
        assert f"| codes of 512, {count} shapes learned | " in page
        assert f"2 steps, {count} shapes of d" in page
        assert (tmp_path / "out" / "runs" / f"codes_{count}_shapes" / "seed0").is_dir()
    assert "- 3 of 3 shapes of d, version" in page
    assert (tmp_path / "out" / "pictures" / "codes.png").is_file()


def not_again(name: str, *rest: object, **more: object) -> None:
    pytest.fail(f"{name} again")


def test_what_is_there_is_not_made_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One command trains, measures, and the second time only reads."""
    for number, split in enumerate(("train", "train", "val", "test")):
        write_shape(tmp_path / "d", "balls", f"b{number}", Sphere(0.4), split=split, count=2000)
    options = ["--profile", "small", "--seeds", "1", "--steps", "2", "--samples", "500"]
    options += ["--resolution", "16", "--workers", "1", "--output", str(tmp_path / "out")]
    monkeypatch.setattr("training.reproduce.tables.SMALL_CHANGES", SHORT)
    command = ["voxels", "--data", str(tmp_path / "d"), *options]
    result = CliRunner().invoke(main, command)
    assert result.exit_code == 0, result.output
    page = (tmp_path / "out" / "voxels.md").read_text()
    assert "| voxels, ours |" in page
    assert "2 steps, 1 shapes of d" in page
    assert (tmp_path / "out" / "pictures" / "voxels" / "voxels.png").is_file()
    for name in ("train", "evaluate"):
        monkeypatch.setattr(runs, name, partial(not_again, name))
    again = CliRunner().invoke(main, command)
    assert again.exit_code == 0, again.output
    assert (tmp_path / "out" / "voxels.md").read_text() == page
    where = (TABLES["voxels"], "small", tmp_path / "d", tmp_path / "out")
    with pytest.raises(pytest.fail.Exception, match="train again"):
        run_table(*where, Effort(1, 3))
    narrow = {"voxels/onet": ("model.network.c_dim=16", *tables.SMALL_NETWORKS["voxels/onet"][1:])}
    monkeypatch.setattr(tables, "SMALL_NETWORKS", narrow)
    with pytest.raises(pytest.fail.Exception, match="train again"):
        run_table(*where, Effort(1, 2))


SHORT = (
    "data.categories=null", "data.workers=0", "data.points=64", "training.batch_size=2",
    "training.max_steps=2", "training.validate_every=2", "training.pictures=0",
    "test.points_iou=100",
)  # fmt: skip


def test_a_plot_has_every_line(tmp_path: Path) -> None:
    draw_lines(
        tmp_path / "p.png", {"a": [(1, 0.6), (10, 0.9)], "b": [(5, 0.7)]}, "x", "y", low=0, high=1
    )
    with Image.open(tmp_path / "p.png") as picture:
        colours = {colour for _, colour in picture.convert("RGB").getcolors(100_000) or []}
    assert {(31, 119, 180), (255, 127, 14)} <= colours


def test_bad_input_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    for table, named in (("real", "no pictures"), ("voxels", "")):
        options = ["--data", str(tmp_path / "empty"), "--output", str(tmp_path / "o")]
        result = CliRunner().invoke(main, [table, "--profile", "small", "--seeds", "1", *options])
        assert result.exit_code == 2, result.output
        assert "Error: " in result.output
        assert named in result.output
