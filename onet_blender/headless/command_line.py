"""`blender --command onet reconstruct|generate|morph ...`, for whoever has the extension installed.

Blender calls it without a window. The options are those of `options`.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import bpy

from onet_core.flamenco import write_job_types
from onet_core.settings import COMMANDS

from . import batch_job

NAME = "onet"
PROGRAM = f"blender --command {NAME}"

_handle: Any = None


def usage() -> str:
    """What can be called."""
    lines = [f"  {name:<12} {command.about}" for name, command in COMMANDS.items()]
    lines.append(f"  {'flamenco':<12} Writes job types for the render farm into a folder.")
    return "\n".join(
        [f"usage: {PROGRAM} COMMAND [options]", "", *lines, "", "COMMAND --help lists its options."]
    )


def run(arguments: Sequence[str]) -> int:
    """Called by Blender with what follows its own arguments; the exit status 0, 1 or 2."""
    if arguments and arguments[0] in ("-h", "--help"):
        print(usage(), flush=True)
        return 0
    if arguments and arguments[0] == "flamenco":
        return _write_job_types(arguments[1:])
    if not arguments or arguments[0] not in COMMANDS:
        print(usage(), flush=True)
        return 2
    return batch_job.main(arguments, PROGRAM)


def _write_job_types(arguments: Sequence[str]) -> int:
    if len(arguments) != 1:
        print(f"usage: {PROGRAM} flamenco FOLDER", flush=True)
        return 2
    try:
        written = write_job_types(Path(arguments[0]))
    except OSError as error:
        print(f"Error: {arguments[0]} can't be written to: {error.strerror}.", flush=True)
        return 2
    print(*written, sep="\n", flush=True)
    return 0


def register() -> None:
    global _handle
    _handle = bpy.utils.register_cli_command(NAME, run)


def unregister() -> None:
    global _handle
    bpy.utils.unregister_cli_command(_handle)
    _handle = None
