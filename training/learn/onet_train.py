"""Trains on the user's own meshes: `onet-train my_meshes/ --input pointcloud --name "my chairs"`.

Builds a dataset of the folder, trains a network that suits the machine, and puts the weights into
the folder of the user's models, where Blender's panel, the command line and scripts find them. A
run that was stopped goes on when the same command is given again.

What takes seconds to load, PyTorch and Lightning, is loaded after the options are found good.
"""

from __future__ import annotations

import logging
import os
import signal
import sys
from pathlib import Path

import click

from onet_core.errors import OnetError
from onet_core.kinds import KINDS
from onet_core.models.catalogue import user_models

from .own.wish import MINUTES, Wish, checked

# Of those that a user can train; their names as people type them.
INPUT_KINDS = {kind.dataset_name or kind.name: kind.name for kind in KINDS if kind.default_model}


@click.command()
@click.argument("meshes", type=click.Path(file_okay=False, path_type=Path))
@click.option(
    "--input",
    "kind",
    required=True,
    type=click.Choice(list(INPUT_KINDS)),
    help="What the network is to make meshes of; none: new shapes out of nothing.",
)
@click.option("--name", required=True, help="As the model is to be called in Blender's panel.")
@click.option("--minutes", default=MINUTES, show_default=True, help="How long to train, about.")
@click.option("--steps", type=int, help="How many steps to train, in the place of --minutes.")
@click.option(
    "--initial",
    default="",
    help="The model to begin from, a name or a file; none: a fresh network. If not given: the one "
    "that ships for this input.",
)
@click.option(
    "--up-axis",
    default="auto",
    show_default=True,
    type=click.Choice(["auto", "x", "y", "z", "-x", "-y", "-z"]),
    help="The meshes' vertical; auto: by the habit of the format.",
)
@click.option("--licence", default="", help="Of your meshes, for the model's card.")
@click.option("--workers", default=os.cpu_count() or 1, show_default="one per core")
@click.option(
    "--work",
    type=click.Path(file_okay=False, path_type=Path),
    help="Where dataset and run are kept; if not given, beside the user's models.",
)
def main(
    meshes: Path,
    kind: str,
    name: str,
    minutes: float,
    steps: int | None,
    initial: str,
    up_axis: str,
    licence: str,
    workers: int,
    work: Path | None,
) -> None:
    """Trains a network on the meshes in the folder MESHES and offers it to Blender.

    Sub-folders are categories. The same command goes on with what was stopped.
    """
    wish = Wish(
        meshes, INPUT_KINDS[kind], name, minutes, steps, initial, up_axis, max(1, workers), licence
    )
    folder = work or user_models().parent / "training" / wish.key
    try:
        checked(wish, folder)
        weights = _trained(wish, folder)
    except OnetError as error:
        # A training that was asked to stop has saved and says so.
        status = getattr(error, "status", 2)
        click.echo(f"Error: {error}" if status == 2 else str(error), err=True)
        sys.exit(status)
    except OSError as error:
        place = f"{error.filename}: " if error.filename else ""
        click.echo(f"Error: {place}{error.strerror or error}.", err=True)
        sys.exit(2)
    except KeyboardInterrupt:
        click.echo(f"\nStopped. The same command goes on with what is in {folder}.", err=True)
        sys.exit(128 + signal.SIGINT)
    click.echo(f"The dataset and the run are in {folder}.")
    click.echo(f"In Blender's panel the model {name!r} can be chosen now; its weights:")
    click.echo(weights)


def _trained(wish: Wish, folder: Path) -> Path:
    from .own.meshes import train_own
    from .quiet import quiet_lightning

    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s", datefmt="%H:%M:%S")
    quiet_lightning()
    return train_own(wish, folder, progress=sys.stderr.isatty())


if __name__ == "__main__":
    main()
