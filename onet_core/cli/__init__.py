"""The command line: `onet reconstruct`, `onet generate`, `onet move`, `onet models`,
`onet convert`, `onet flamenco`, `onet fetch-cut-out`.

Everything that imports NumPy or torch is imported where it is used, so that `--help` and `models`
answer at once.
"""

from __future__ import annotations

import os

import click

from .. import __version__
from ..threads import spin_little
from .fetching import fetch_cut_out
from .making import generate, reconstruct
from .models import convert, flamenco, models
from .moving import move


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, prog_name="onet")
def main() -> None:
    """Turns pictures, point clouds and coarse voxels into clean meshes (Occupancy Networks)."""
    spin_little(os.environ)


for _command in (reconstruct, generate, move, models, convert, flamenco, fetch_cut_out):
    main.add_command(_command)
