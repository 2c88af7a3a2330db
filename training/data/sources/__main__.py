"""The command line: `python -m training.data.sources download|meshes|procedural|ships`."""

from __future__ import annotations

import sys
from collections import Counter
from pathlib import Path
from typing import NoReturn

import click

from onet_core.errors import OnetError

from .catalogue import read_catalogue
from .download import download as fetch
from .download import find_package, look_up
from .procedural.environment import DISK, DOWNLOAD, is_made, make_environment, python_of
from .procedural.generators import GENERATORS, find_generators
from .procedural.make import make_shapes
from .rebuild import rebuild
from .ships import write_ships

_FOLDER = click.Path(file_okay=False, path_type=Path)
_categories = click.option("--categories", help="Only these, separated by commas.")
_yes = click.option("--yes", is_flag=True, help="Do not ask before downloading.")


@click.group()
def main() -> None:
    """Rebuilds an open stand-in for ShapeNet from packages of Debian and Ubuntu.

    First `download`, then `meshes`, then `python -m training.data.build shapes`. Every mesh is
    under a free licence; ATTRIBUTION.md, written beside the meshes, names the authors.
    `procedural` makes more furniture and tableware, in any number, by the generators of Infinigen,
    `ships` ships and boats.
    """


@main.command()
@click.option("--output", required=True, type=_FOLDER, help="Where the packages go.")
@click.option("--packages", help="Only these, separated by commas.")
@_yes
@_categories
def download(output: Path, packages: str | None, yes: bool, categories: str | None) -> None:
    """Downloads the packages through apt, after saying how large they are; installs nothing."""
    try:
        shapes = Counter(shape.package for shape in read_catalogue(_listed(categories)))
        names = _listed(packages) or sorted(shapes, key=lambda name: -shapes[name])
        unknown = sorted(set(names) - set(shapes))
        if unknown:
            raise OnetError(f"The catalogue has no package {', '.join(unknown)}.")
        wanted = []
        for name in names:
            if find_package(output, name):
                click.echo(f"{name}: is there already")
                continue
            package = look_up(name)
            if package is None:
                click.echo(f"{name}: is not known to apt here and left out", err=True)
                continue
            size = f"{package.size / 1e6:.0f} MB"
            click.echo(f"{name} {package.version}: {size}, {shapes[name]} shapes")
            wanted.append(package)
        if not wanted:
            return
        total = sum(package.size for package in wanted) / 1e6
        if not yes:
            click.confirm(f"Download {total:.0f} MB into {output}?", abort=True)
        for package in wanted:
            click.echo(fetch(package, output))
    except OnetError as error:
        _fail(error)


@main.command()
@click.argument("packages", type=_FOLDER)
@click.option("--output", required=True, type=_FOLDER, help="Where the meshes go.")
@_categories
def meshes(packages: Path, output: Path, categories: str | None) -> None:
    """Makes meshes of the downloaded packages, turned and sorted into the catalogue's splits."""
    try:
        shapes = read_catalogue(_listed(categories))
        missing = rebuild(shapes, packages, output, progress=sys.stderr.isatty())
    except OnetError as error:
        _fail(error)
    for reason, count in Counter(
        found.reason for found in missing if found.reason.endswith("is not there")
    ).items():
        click.echo(f"{reason}: {count} shapes are left out.", err=True)
    for found in missing:
        if not found.reason.endswith("is not there"):
            click.echo(f"{found.shape.category}/{found.shape.id}: {found.reason}.", err=True)
    _end(len(shapes) - len(missing), len(shapes), output)


@main.command()
@click.option("--output", required=True, type=_FOLDER, help="Where the shapes go.")
@click.option(
    "--generator",
    "names",
    multiple=True,
    required=True,
    metavar="NAME",
    help=f"May be given several times: {', '.join(GENERATORS)}.",
)
@click.option("--count", default=50, show_default=True, type=click.IntRange(1), help="Of each.")
@click.option("--seed", default=0, show_default=True, type=click.IntRange(0), help="The first one.")
@click.option(
    "--environment",
    default=".venv-procedural",
    show_default=True,
    type=_FOLDER,
    help="The generators' own Python; it is made where there is none.",
)
@_yes
def procedural(
    output: Path, names: tuple[str, ...], count: int, seed: int, environment: Path, yes: bool
) -> None:
    """Makes shapes by the generators of Infinigen, one for each seed; what is there stays."""
    try:
        generators = find_generators(names)
        if not is_made(environment):
            if not yes:
                click.confirm(
                    f"Download {DOWNLOAD:g} GB of Python packages into {environment}, "
                    f"{DISK:g} GB on disk?",
                    abort=True,
                )
            make_environment(environment)
        left_out = []
        for generator in generators:
            left_out += make_shapes(
                generator,
                range(seed, seed + count),
                output,
                python_of(environment),
                progress=sys.stderr.isatty(),
            )
    except OnetError as error:
        _fail(error)
    for one in left_out:
        click.echo(f"{one.id}: {one.reason}.", err=True)
    _end(count * len(generators) - len(left_out), count * len(generators), output)


@main.command()
@click.option("--output", required=True, type=_FOLDER, help="Where the shapes go.")
@click.option("--count", default=48, show_default=True, type=click.IntRange(1))
@click.option("--seed", default=0, show_default=True, type=click.IntRange(0), help="The first one.")
def ships(output: Path, count: int, seed: int) -> None:
    """Draws ships and boats at random, one for each seed, of eight kinds in turn."""
    try:
        written = write_ships(output, range(seed, seed + count))
    except OnetError as error:
        _fail(error)
    _end(written, count, output)


def _end(count: int, wanted: int, output: Path) -> None:
    click.echo(f"{count} of {wanted} shapes are in {output}.")
    click.echo(f"Next: python -m training.data.build shapes --source {output} --output DATASET")


def _listed(text: str | None) -> list[str] | None:
    if text is None:
        return None
    return [part.strip() for part in text.split(",") if part.strip()]


def _fail(error: OnetError) -> NoReturn:
    click.echo(f"Error: {error}", err=True)
    sys.exit(2)


if __name__ == "__main__":
    main()
