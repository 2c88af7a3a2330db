"""`onet fetch-cut-out`."""

from __future__ import annotations

import click

from ..matting import place
from .terminal import Progress, errors


@click.command("fetch-cut-out")
@click.option(
    "--from",
    "source",
    default=place.ADDRESS,
    show_default=True,
    help="Another address, or the path of the file where this machine has no internet.",
)
def fetch_cut_out(source: str) -> None:
    """Fetches the network that cuts objects out of photographs, once (5 MB).

    It is U²-Net's small variant (Qin et al. 2020, Apache-2.0), as the project rembg publishes it;
    any other file is refused. From then on `onet reconstruct` uses it for pictures without a plain
    background. The variable ONET_CUT_OUT names another place for it.
    """
    with errors():
        file = place.network_file()
        with Progress(place.NAME) as progress:
            place.fetch(file, source, progress)
        click.echo(f"Photographs are cut out from now on, by {file}.")
