"""The command line: `python -m training.reproduce TABLE --data ROOT`."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Sequence
from pathlib import Path

import click

from onet_core.errors import OnetError

from ..learn.quiet import quiet_lightning
from ..learn.stopping import Stopped
from ..measure.protocol import Protocol
from ..measure.provenance import command_text, commit_text, data_version
from . import pages, representation
from .real import sheet_of, table_of
from .runs import Effort, keep_sheets, run_table
from .tables import PROFILES, TABLES

REAL, ALL = "real", "all"


@click.command()
@click.argument("table", type=click.Choice([*TABLES, REAL, ALL]))
@click.option(
    "--data",
    "root",
    required=True,
    type=click.Path(file_okay=False, path_type=Path),
    help="Dataset in the original's layout; of `real` a folder of pictures.",
)
@click.option("--profile", default="paper", show_default=True, type=click.Choice(PROFILES))
@click.option(
    "--output", type=click.Path(file_okay=False, path_type=Path), help="If not given: out/PROFILE."
)
@click.option("--seeds", default=3, show_default=True, type=click.IntRange(1), help="Runs per row.")
@click.option("--steps", type=click.IntRange(1), help="Of each run; else the profile's.")
@click.option("--limit", type=click.IntRange(1), help="Measure only this many test shapes.")
@click.option("--samples", default=100_000, show_default=True, help="Points per measured shape.")
@click.option("--resolution", default=128, show_default=True, help="Of measured meshes.")
@click.option("--workers", default=os.cpu_count() or 1, show_default="one per core")
@click.option(
    "--shapes",
    "counts",
    multiple=True,
    type=click.IntRange(1),
    help="Of representation, once or more often: codes of only so many shapes of each category.",
)
@click.option("--row", "titles", multiple=True, help="Only these rows of the table.")
@click.option("--grids-only", is_flag=True, help="Of representation: no codes are learned.")
@click.option("--model", default="", help="Of real: the model or weights; else the one that ships.")
def main(
    table: str,
    root: Path,
    profile: str,
    output: Path | None,
    seeds: int,
    steps: int | None,
    limit: int | None,
    samples: int,
    resolution: int,
    workers: int,
    counts: tuple[int, ...],
    titles: tuple[str, ...],
    grids_only: bool,
    model: str,
) -> None:
    """Trains what is missing of TABLE, measures it, and writes it beside the paper's figures.

    Runs that were stopped go on when the same command is given again. `paper`: the original's
    configurations on ShapeNet. `small`: free shapes and small networks, for two cores. Writes
    TABLE.md, TABLE.csv and pictures below the output.
    """
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s", datefmt="%H:%M:%S")
    quiet_lightning()
    folder = output or Path("out", profile)
    command = command_text("training.reproduce", click.get_current_context())
    protocol = Protocol(limit=limit, samples=samples, resolution=resolution)
    effort = Effort(seeds, steps, workers, protocol)
    try:
        if table == REAL:
            shown = sheet_of(root, folder, model, resolution)
            heading = f"# Real pictures\n\n- Command: `{command}`\n\n"
            _write(folder / "real.md", heading + table_of(shown))
            return
        for name in TABLES if table == ALL else (table,):
            if name == "representation":
                _representation(profile, root, folder, effort, command, counts, grids_only)
            else:
                wanted = TABLES[name].only(titles)
                found = run_table(wanted, profile, root, folder, effort)
                text, lines = pages.page(name, wanted, profile, found, command)
                _write(folder / f"{name}.md", text)
                pages.write_csv(folder / f"{name}.csv", lines)
                keep_sheets(found, folder / "pictures" / name)
    except Stopped as stopped:
        click.echo(str(stopped), err=True)
        sys.exit(stopped.status)
    except OnetError as error:
        click.echo(f"Error: {error}", err=True)
        sys.exit(2)


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    click.echo(path)


def _representation(
    profile: str,
    root: Path,
    folder: Path,
    effort: Effort,
    command: str,
    counts: Sequence[int],
    grids_only: bool,
) -> None:
    """Grids of the training shapes, and learned codes beside them."""
    table = TABLES["representation"].of_shapes(sorted(counts))
    config = table.config(table.rows[0], profile, (f"data.root={root}",))
    categories = None if config.data.categories is None else tuple(config.data.categories)
    limit = effort.protocol.limit
    shapes = Protocol(split="train", categories=categories, limit=limit).shapes(root)
    grids, rows = representation.grids(root, shapes)
    pages.write_csv(
        folder / "grids.csv", [tuple(map(str, row.values())) for row in rows], list(rows[0])
    )
    found = [] if grids_only else run_table(table, profile, root, folder, effort)
    text, lines = pages.page("representation", table, profile, found, command)
    pages.write_csv(folder / "representation.csv", lines)
    data = f"{root.resolve().name}, version {data_version(root, shapes)} of these shapes"
    codes = representation.codes(found)
    text += representation.text_of(grids, codes, f"{data}, commit {commit_text()}")
    _write(folder / "representation.md", text)
    pictures = folder / "pictures"
    representation.draw(pictures / "representation.png", grids, codes)
    if codes:
        representation.draw_codes(pictures / "codes.png", grids, codes)
    keep_sheets(found, pictures / "representation")


if __name__ == "__main__":
    main()
