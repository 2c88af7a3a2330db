"""The file of the network that cuts objects out of photographs: where it is, whether it may come.

It is of others and comes with consent only, see `onet_core.matting.place`.
"""

from __future__ import annotations

from pathlib import Path

import bpy

from onet_core.errors import EngineError
from onet_core.matting import place

from .chosen import preferences
from .folder import home


def network_file() -> Path:
    """Beside the runtimes, among the user's files of this extension."""
    chosen = preferences()
    return home(chosen.runtime_folder if chosen is not None else "") / place.NAME


def is_there() -> bool:
    """Whether photographs can be cut out."""
    return place.is_there(network_file())


def assert_allowed() -> None:
    """Raises EngineError where Blender may not use the internet."""
    if not bpy.app.online_access:
        raise EngineError(
            "The cut-out network comes from the internet, which Blender's preferences don't allow "
            "(System > Network): allow online access, or put the file {name} in {folder}.",
            name=place.NAME,
            folder=network_file().parent,
        )


def remove() -> None:
    """Deletes the file; what can't be deleted stays."""
    try:
        network_file().unlink(missing_ok=True)
    except OSError:
        return
