"""`blender --command onet reconstruct|generate|morph ...`, for whoever has the extension installed.

Blender calls it without a window. The options are those of `batch_options`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import bpy

from . import batch_job
from .options import COMMANDS

NAME = "onet"
PROGRAM = f"blender --command {NAME}"

_handle: Any = None


def usage() -> str:
    """What can be called."""
    lines = [f"  {name:<12} {about}" for name, about in COMMANDS.items()]
    return "\n".join(
        [f"usage: {PROGRAM} COMMAND [options]", "", *lines, "", "COMMAND --help tells its options."]
    )


def run(arguments: Sequence[str]) -> int:
    """Called by Blender with what follows its own arguments; the exit status 0, 1 or 2."""
    if arguments and arguments[0] in ("-h", "--help"):
        print(usage(), flush=True)
        return 0
    if not arguments or arguments[0] not in COMMANDS:
        print(usage(), flush=True)
        return 2
    return batch_job.main(arguments, PROGRAM)


def register() -> None:
    global _handle
    _handle = bpy.utils.register_cli_command(NAME, run)


def unregister() -> None:
    global _handle
    bpy.utils.unregister_cli_command(_handle)
    _handle = None
