"""Pictures as people take them, and what comes of them, on two sheets.

    python -m training.measure.pictures.photographs shapes DATA FOLDER [--count 30]
    BLENDER_PYTHON -P training/measure/pictures/room.py FOLDER
    python -m training.measure.pictures.photographs sheets FOLDER

DATA: an indexed source, of whose split `test` shapes are drawn, category after category;
photographs of one's own can be put into FOLDER as .jpg beside the renders. `sheets` makes a mesh of
each picture with the shipped network, as `onet reconstruct` does, and draws FOLDER/meshes.png,
numbered in random order, to be named by somebody who has not seen FOLDER/pictures.png.
FOLDER/list.md says what each is.
"""

from __future__ import annotations

import csv
import sys
from pathlib import Path

import click
import numpy as np
from PIL import Image, ImageDraw

from onet_core.errors import OnetError
from onet_core.mesh.drawing import drawn
from onet_core.pipeline.job import Job, run
from onet_core.settings import Settings

_EDGE, _COLUMNS = 220, 6


@click.group(help="Pictures as people take them.")
def main() -> None:
    """See the module."""


@main.command()
@click.argument("data", type=click.Path(exists=True, path_type=Path))
@click.argument("folder", type=click.Path(path_type=Path))
@click.option("--count", default=30, show_default=True)
@click.option("--split", default="test", show_default=True)
@click.option("--categories", help="Only these, separated by commas.")
def shapes(data: Path, folder: Path, count: int, split: str, categories: str | None) -> None:
    """Writes shapes for `room.py`."""
    with (data / "index.csv").open(encoding="utf-8", newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["split"] == split]
    wanted = categories.split(",") if categories else sorted({row["category"] for row in rows})
    rng = np.random.default_rng(0)
    of_category = {
        name: list(rng.permutation([row["id"] for row in rows if row["category"] == name]))
        for name in wanted
    }
    folder.mkdir(parents=True, exist_ok=True)
    written = 0
    while written < count and any(of_category.values()):
        for category, names in of_category.items():
            if names and written < count:
                name = str(names.pop(0))
                with np.load(data / "shapes" / category / f"{name}.npz") as content:
                    np.savez_compressed(
                        folder / f"{category}-{name}.npz",
                        vertices=content["vertices"].astype(np.float32) / 65535 - 0.5,
                        faces=content["faces"],
                        colours=content["colours"],
                    )
                written += 1
    click.echo(f"{written} shapes of {len(wanted)} categories.")


@main.command()
@click.argument("folder", type=click.Path(exists=True, path_type=Path))
@click.option("--model", default="picture", show_default=True)
@click.option("--resolution", default=64, show_default=True)
def sheets(folder: Path, model: str, resolution: int) -> None:
    """Makes and draws the meshes."""
    paths = sorted(folder.glob("*.jpg"))
    order = np.random.default_rng(1).permutation(len(paths))
    meshes, pictures = _sheet(len(paths)), _sheet(len(paths))
    lines = ["| number | picture | background | doubts |", "|---|---|---|---|"]
    for number, index in enumerate(order):
        path = paths[index]
        place = (number % _COLUMNS * _EDGE, number // _COLUMNS * _EDGE)
        with Image.open(path) as picture:
            small = picture.convert("RGB")
            small.thumbnail((_EDGE, _EDGE))
            pictures.paste(small, place)
        try:
            mask = folder / f"{path.stem}.mask.png"
            made = run(Job(path=path, model=model, save_mask=mask, settings=Settings(resolution)))
        except OnetError as error:
            lines.append(f"| {number} | {path.stem} | - | {error} |")
            continue
        shown = Image.fromarray(drawn(made.made.mesh, _EDGE))
        meshes.paste(shown, place, shown)
        doubts = "; ".join(str(doubt) for doubt in made.findings.doubts)
        lines.append(f"| {number} | {path.stem} | {made.findings.background} | {doubts} |")
        for sheet in (meshes, pictures):
            ImageDraw.Draw(sheet).text((place[0] + 4, place[1] + 4), str(number), fill="black")
        click.echo(lines[-1])
    meshes.save(folder / "meshes.png")
    pictures.save(folder / "pictures.png")
    (folder / "list.md").write_text("\n".join([*lines, ""]), encoding="utf-8")


def _sheet(count: int) -> Image.Image:
    return Image.new("RGB", (_COLUMNS * _EDGE, -(-count // _COLUMNS) * _EDGE), "white")


if __name__ == "__main__":
    sys.exit(main())
