"""`onet models`, `onet convert` and `onet flamenco`."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from ..errors import InputError
from .terminal import errors

# A model of more categories is listed with their number.
_MOST_LISTED = 4


@click.command()
@click.argument("name", required=False)
def models(name: str | None) -> None:
    """Lists the models that are there, or shows the card of the one called NAME.

    A card says what a model learned from, how good it is, and where it fails.
    """
    from ..models.catalogue import find_model, list_models

    if name is not None:
        from ..models.card import model_card

        with errors():
            described = find_model(name).description
            if described is None:
                raise InputError("{name} carries no description: convert it first.", name=name)
            click.echo(model_card(described), nl=False)
        return
    rows = [("NAME", "READS", "IOU", "CHAMFER-L1", "LEARNED FROM", "LICENCE")]
    broken = []
    for entry in list_models():
        if entry.description is None:
            broken.append(entry)
            continue
        known = entry.description
        categories = ", ".join(known.categories) or "-"
        if len(known.categories) > _MOST_LISTED:
            categories = f"{len(known.categories)} categories"
        iou, chamfer = (_figure(known.metrics, name) for name in ("iou", "chamfer_l1"))
        licence = known.licence or "-"
        rows.append((entry.name, known.input_kind, iou, chamfer, categories, licence))
    if len(rows) == 1 and not broken:
        click.echo("There are no models.")
        return
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        cells = (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        click.echo("  ".join(cells).rstrip())
    for entry in broken:
        click.echo(f"{entry.path} can't be used: {entry.error}", err=True)


@click.command()
@click.argument("source", type=click.Path(path_type=Path, readable=False))
@click.argument("target", type=click.Path(path_type=Path, readable=False))
@click.option("--half", is_flag=True, help="Store 16 bits a number: half the size.")
def convert(source: Path, target: Path, half: bool) -> None:
    """Converts SOURCE, a checkpoint (.pt) of the original code, to TARGET (.safetensors)."""
    with errors():
        if target.suffix.lower() != ".safetensors":
            raise InputError("The target {target} must end with .safetensors.", target=target)
        from ..models.weights import convert_checkpoint

        description = convert_checkpoint(source, target, half=half)
        click.echo(f"{source} -> {target} ({description.title}, reads {description.input_kind})")


@click.command()
@click.argument("folder", type=click.Path(path_type=Path, readable=False))
def flamenco(folder: Path) -> None:
    """Writes the job types for Flamenco, Blender's render farm, into FOLDER.

    That is the folder "scripts" beside flamenco-manager.
    """
    from ..flamenco import write_job_types

    with errors():
        try:
            written = write_job_types(folder)
        except OSError as error:
            raise InputError(
                "{folder} can't be written to: {error}.", folder=folder, error=error.strerror
            ) from error
        for path in written:
            click.echo(path)


def _figure(metrics: Mapping[str, Any], name: str) -> str:
    """What a model's description says of how good it is on all test shapes."""
    value = metrics.get(name)
    return f"{value:.3g}" if isinstance(value, float) else "-"
