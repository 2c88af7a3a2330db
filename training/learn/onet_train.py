"""Trains on the user's own meshes: `onet-train my_meshes/ --input pointcloud --name "my chairs"`.

Builds a dataset of the folder, trains a network that suits the machine, and puts the weights into
the folder of the user's models, where Blender's panel, the command line and scripts find them. A
run that was stopped goes on when the same command is given again.

What takes seconds to load, PyTorch and Lightning, is loaded after the options are found good.
"""

from __future__ import annotations

import logging
import os
import re
import signal
import sys
from dataclasses import dataclass
from pathlib import Path

import click

from onet_core.errors import InputError, OnetError
from onet_core.files import scratch_name
from onet_core.kinds import KINDS
from onet_core.models.catalogue import PRETRAINED, default_model, find_model, user_models
from onet_core.models.description import ModelDescription

# Of those that a user can train; their names as people type them.
INPUT_KINDS = {kind.dataset_name or kind.name: kind.name for kind in KINDS if kind.default_model}
MINUTES = 60.0


@dataclass(frozen=True)
class Wish:
    """What the user asked for.

    input_kind: as a model description names it; minutes, steps: how long to train, one of them;
    initial: a model's name or file to begin from, "none" for a fresh network, "" for the shipped
    model of that kind where there is one; workers: processes that build and load; views: pictures
    per mesh, for networks that read pictures.
    """

    source: Path
    input_kind: str
    name: str
    minutes: float = MINUTES
    steps: int | None = None
    initial: str = ""
    up_axis: str = "auto"
    workers: int = 1
    views: int = 24
    points: int = 100_000

    @property
    def key(self) -> str:
        """The name as file names and menus have it."""
        return re.sub(r"[^a-z0-9]+", "_", self.name.lower()).strip("_")


def initial_model(wish: Wish) -> tuple[Path, ModelDescription] | None:
    """The model to begin from, or None. Raises ModelError where it can't be used."""
    if wish.initial == "none":
        return None
    if wish.initial:
        entry = find_model(wish.initial, wish.input_kind)
    else:
        try:
            entry = default_model(wish.input_kind)
        except OnetError:
            return None
    return (entry.path, entry.description) if entry.description is not None else None


def checked(wish: Wish, work: Path) -> tuple[tuple[Path, ModelDescription] | None, Path]:
    """The model to begin from, and the file that the weights will go to.

    Makes the folders of both. Raises OnetError where the wish can't be fulfilled, before hours have
    passed.
    """
    if not wish.key:
        raise InputError(f"The name {wish.name!r} has no letter or digit to make a file name of.")
    if (PRETRAINED / f"{wish.key}.safetensors").exists():
        raise InputError(
            f"The name {wish.name!r} is that of a model that ships: choose another one."
        )
    if (wish.steps is not None and wish.steps < 1) or wish.minutes <= 0:
        raise InputError("Training takes at least 1 step, or more than 0 minutes.")
    if not wish.source.is_dir():
        raise InputError(f"There is no folder {wish.source}.")
    begun = initial_model(wish)
    target = user_models() / f"{wish.key}.safetensors"
    if target.is_dir():
        raise InputError(f"{target} is a folder: choose another name, or remove it.")
    for folder in (work, target.parent):
        assert_writable(folder)
    return begun, target


def assert_writable(folder: Path) -> None:
    """Makes the folder where it is missing; raises OnetError where no file can be written there."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        scratch = folder / scratch_name()
        try:
            scratch.write_bytes(b"\0")
        finally:
            scratch.unlink(missing_ok=True)
    except OSError as error:
        raise OnetError(
            f"Nothing can be written to the folder {folder}: {error.strerror or error}. "
            "--work names another place for dataset and run, ONET_MODELS one for the result."
        ) from error


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
    workers: int,
    work: Path | None,
) -> None:
    """Trains a network on the meshes in the folder MESHES and offers it to Blender.

    Sub-folders are categories. The same command goes on with what was stopped.
    """
    wish = Wish(meshes, INPUT_KINDS[kind], name, minutes, steps, initial, up_axis, max(1, workers))
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
    from .own_meshes import train_own
    from .quiet import quiet_lightning

    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s", datefmt="%H:%M:%S")
    quiet_lightning()
    return train_own(wish, folder, progress=sys.stderr.isatty())


if __name__ == "__main__":
    main()
