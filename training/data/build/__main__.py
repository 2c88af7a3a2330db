"""The command line: `python -m training.data.build shapes|folder|shapenet|render|near`."""

from __future__ import annotations

import os
import sys
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import click

from onet_core.errors import OnetError

from ..render.cameras import CAMERA_STYLES
from ..render.cycles import BLENDER_VARIABLE
from ..render.render import RENDERERS, VIEWS, Style
from .folder import DEFAULT_SHARES, list_meshes
from .layout import SUMMARY_FILE, Record
from .near import add_near_to_all
from .occupancy import THICKENINGS
from .shapenet_core import list_shapenet
from .shapes import INDEX_FILE, list_indexed_shapes
from .source import Entry
from .variants import shortened, with_variants
from .work import Amount, build

_FOLDER = click.Path(file_okay=False, path_type=Path)


def _shard(context: click.Context, option: click.Parameter, text: str | None) -> tuple[int, int]:
    if text is None:
        return 1, 1
    number, slash, parts = text.partition("/")
    if slash and number.isdecimal() and parts.isdecimal() and 1 <= int(number) <= int(parts):
        return int(number), int(parts)
    raise click.BadParameter(f"{text!r} is not K/N with K from 1 to N, such as 1/2.")


def _options(function: Callable[..., None]) -> Callable[..., None]:
    """What all commands share."""
    for option in (
        click.option("--workers", default=os.cpu_count() or 1, show_default="one per core"),
        click.option(
            "--shard",
            metavar="K/N",
            callback=_shard,
            help="Only the K-th of N parts: N machines may build into one folder.",
        ),
        click.option("--limit", type=click.IntRange(1), help="Only this many shapes."),
        click.option("--categories", help="Only these, separated by commas."),
        click.option("--output", required=True, type=_FOLDER, help="The dataset."),
    ):
        function = option(function)
    return function


def _rendering(cameras: str) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """The options of pictures, with the command's habit of placing cameras."""

    def decorate(function: Callable[..., None]) -> Callable[..., None]:
        for option in (
            click.option(
                "--blender",
                envvar=BLENDER_VARIABLE,
                default="",
                help="A Blender, or a Python with the module bpy, for Cycles.",
            ),
            click.option(
                "--cameras",
                default=cameras,
                show_default=True,
                type=click.Choice(list(CAMERA_STYLES)),
                help="; ".join(f"{name}: {meant}" for name, meant in CAMERA_STYLES.items()) + ".",
            ),
            click.option(
                "--renderer",
                default="light",
                show_default=True,
                type=click.Choice(RENDERERS),
                help="Pictures through the light renderer, or with materials through Blender's "
                "Cycles.",
            ),
        ):
            function = option(function)
        return function

    return decorate


_source = click.option("--source", required=True, type=_FOLDER, help="Where the meshes are.")
_views = click.option("--views", default=VIEWS, show_default=True, help="Pictures; 0 for none.")
_points = click.option("--points", default=100_000, show_default=True, help="Labelled points.")
_surface = click.option("--surface", default=100_000, show_default=True, help="Surface points.")
_up_axis = click.option(
    "--up-axis",
    default="auto",
    show_default=True,
    type=click.Choice(["auto", "x", "y", "z", "-x", "-y", "-z"]),
    help="The meshes' vertical; auto: by the habit of the format.",
)
_method = click.option(
    "--method",
    type=click.Choice(["auto", "winding", "floodfill"]),
    help="How inside is distinguished from outside.",
)


_thickness = click.option(
    "--thickness",
    default="thin",
    show_default=True,
    type=click.Choice(THICKENINGS),
    help="What counts as inside besides: 1.5/256 around sheets, or around the whole surface as in "
    "the original's fusion, or nothing.",
)


_variants = click.option(
    "--variants",
    default=0,
    show_default=True,
    type=click.IntRange(0),
    help="Further shapes made of each one to train with, by stretching its parts.",
)


_longest = click.option(
    "--longest",
    metavar="RATIO",
    type=click.FloatRange(1),
    help="Shapes that are longer, front to back, than this many times their width are shortened.",
)


@click.group()
def main() -> None:
    """Builds training data in the layout of the original's ShapeNet files.

    A build that was stopped goes on when the same command is given again.
    """


@main.command()
@_source
@_options
@_rendering("fitted")
@_points
@_surface
@_views
@_variants
@_longest
@_method
@_thickness
def shapes(
    source: Path,
    output: Path,
    categories: str | None,
    limit: int | None,
    workers: int,
    shard: tuple[int, int],
    points: int,
    surface: int,
    views: int,
    variants: int,
    longest: float | None,
    method: str | None,
    thickness: str,
    renderer: str,
    cameras: str,
    blender: str,
) -> None:
    """From a collection with an index.csv, whose splits and methods are used."""
    _build(
        lambda: shortened(
            list_indexed_shapes(source, _listed(categories), method)[:limit], longest
        ),
        output,
        Amount(points, surface, views, thickness, Style(renderer, cameras, blender)),
        workers,
        variants,
        shard=shard,
    )


@main.command()
@click.argument("source", metavar="MESHES", type=_FOLDER)
@_options
@_rendering("fitted")
@_points
@_surface
@_views
@_variants
@_method
@_thickness
@_up_axis
@click.option(
    "--shares",
    nargs=3,
    type=float,
    default=DEFAULT_SHARES,
    show_default=True,
    help="Of train, val and test.",
)
def folder(
    source: Path,
    output: Path,
    categories: str | None,
    limit: int | None,
    workers: int,
    shard: tuple[int, int],
    points: int,
    surface: int,
    views: int,
    variants: int,
    method: str | None,
    thickness: str,
    up_axis: str,
    shares: tuple[float, float, float],
    renderer: str,
    cameras: str,
    blender: str,
) -> None:
    """From any folder of meshes; its sub-folders are the categories."""
    _build(
        lambda: list_meshes(source, _listed(categories), method, up_axis, shares)[:limit],
        output,
        Amount(points, surface, views, thickness, Style(renderer, cameras, blender)),
        workers,
        variants,
        shard=shard,
    )


@main.command()
@click.argument("source", metavar="SHAPENET", type=_FOLDER)
@_options
@_rendering("choy")
@_points
@_surface
@_views
@_variants
@_method
@click.option(
    "--thickness",
    default="fusion",
    show_default=True,
    type=click.Choice(THICKENINGS),
    help="As of the other commands; the default is the original's.",
)
@click.option(
    "--lists",
    type=_FOLDER,
    help="A dataset whose train.lst, val.lst and test.lst are used, such as the original's.",
)
def shapenet(
    source: Path,
    output: Path,
    categories: str | None,
    limit: int | None,
    workers: int,
    shard: tuple[int, int],
    points: int,
    surface: int,
    views: int,
    variants: int,
    method: str | None,
    thickness: str,
    lists: Path | None,
    renderer: str,
    cameras: str,
    blender: str,
) -> None:
    """From ShapeNetCore v1 or v2 as it was downloaded: its synset folders."""
    _build(
        lambda: list_shapenet(source, _listed(categories), method, lists)[:limit],
        output,
        Amount(points, surface, views, thickness, Style(renderer, cameras, blender)),
        workers,
        variants,
        shard=shard,
    )


@main.command()
@_source
@_options
@_rendering("fitted")
@_up_axis
@click.option("--views", default=VIEWS, show_default=True, type=click.IntRange(1))
def render(
    source: Path,
    output: Path,
    categories: str | None,
    limit: int | None,
    workers: int,
    shard: tuple[int, int],
    up_axis: str,
    views: int,
    renderer: str,
    cameras: str,
    blender: str,
) -> None:
    """Adds pictures to a dataset that was built without them, from the same source."""

    def entries() -> Sequence[Entry]:
        if (source / INDEX_FILE).is_file():
            return list_indexed_shapes(source, _listed(categories))[:limit]
        return list_meshes(source, _listed(categories), up_axis=up_axis)[:limit]

    _build(
        entries,
        output,
        Amount(views=views, style=Style(renderer, cameras, blender)),
        workers,
        labels=False,
        shard=shard,
    )


@main.command()
@click.argument("dataset", type=_FOLDER)
@click.option("--workers", default=os.cpu_count() or 1, show_default="one per core")
def near(dataset: Path, workers: int) -> None:
    """Stores how far the points of the shapes in DATASET are from the surface.

    What was built here has that already. For datasets from elsewhere, such as the original's, it
    spares trainings that draw points by it (`data.sampling` near or surface) or soften labels by
    it (`data.softness`) most of the loading.
    """
    try:
        unusable = add_near_to_all(dataset, workers, progress=sys.stderr.isatty())
    except OnetError as error:
        click.echo(f"Error: {error}", err=True)
        sys.exit(2)
    for reason in unusable:
        click.echo(reason, err=True)
    if unusable:
        sys.exit(2)


def _build(
    entries: Callable[[], Sequence[Entry]],
    output: Path,
    amount: Amount,
    workers: int,
    variants: int = 0,
    **options: Any,
) -> None:
    try:
        wanted = with_variants(entries(), variants)
        records = build(
            wanted, output, amount, workers=workers, progress=sys.stderr.isatty(), **options
        )
    except OnetError as error:
        click.echo(f"Error: {error}", err=True)
        sys.exit(2)
    _summarise(records)
    if options.get("labels", True):
        click.echo(output / SUMMARY_FILE)
    dropped = sum(record.status != "built" for record in records)
    if dropped == len(records):
        click.echo("Error: Not one shape could be used.", err=True)
    elif dropped:
        click.echo(
            f"{dropped} of {len(records)} shapes could not be used, as said above. The dataset is "
            "complete without them.",
            err=True,
        )
    if dropped or not records:
        sys.exit(2)


def _summarise(records: Sequence[Record]) -> None:
    for record in records:
        if record.status != "built":
            click.echo(f"{record.category}/{record.name}: {record.reason}", err=True)
    kinds = Counter(
        record.method if record.status == "built" else record.status for record in records
    )
    click.echo(", ".join(f"{count} {kind}" for kind, count in sorted(kinds.items())))


def _listed(text: str | None) -> list[str] | None:
    if text is None:
        return None
    return [part.strip() for part in text.split(",") if part.strip()]


if __name__ == "__main__":
    main()
