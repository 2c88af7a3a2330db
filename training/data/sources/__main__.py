"""The command line: `python -m training.data.sources download|meshes`."""

from __future__ import annotations

import sys
from collections import Counter
from pathlib import Path

import click

from onet_core.errors import OnetError

from .catalogue import read_catalogue
from .download import download as fetch
from .download import find_package, look_up
from .rebuild import rebuild

_FOLDER = click.Path(file_okay=False, path_type=Path)
_categories = click.option("--categories", help="Only these, separated by commas.")


@click.group()
def main() -> None:
    """Rebuilds an open stand-in for ShapeNet from packages of Debian and Ubuntu.

    First `download`, then `meshes`, then `python -m training.data.build shapes`. Every mesh is
    under a free licence; ATTRIBUTION.md, written beside the meshes, names the authors.
    """


@main.command()
@click.option("--output", required=True, type=_FOLDER, help="Where the packages go.")
@click.option("--packages", help="Only these, separated by commas.")
@click.option("--yes", is_flag=True, help="Do not ask before downloading.")
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
    click.echo(f"{len(shapes) - len(missing)} of {len(shapes)} shapes are in {output}.")
    click.echo(f"Next: python -m training.data.build shapes --source {output} --output DATASET")


def _listed(text: str | None) -> list[str] | None:
    if text is None:
        return None
    return [part.strip() for part in text.split(",") if part.strip()]


def _fail(error: OnetError) -> None:
    click.echo(f"Error: {error}", err=True)
    sys.exit(2)


if __name__ == "__main__":
    main()
