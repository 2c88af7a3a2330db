"""Files of earlier versions: settings under the names that they had then."""

from __future__ import annotations

from typing import Any

import bpy
from bpy.app.handlers import persistent

from onet_core.settings import TABLE

from .mesh_settings import SETTINGS

# Blender has a handler for what is appended since 4.3.
HANDLERS = tuple(
    name for name in ("load_post", "blend_import_post") if hasattr(bpy.app.handlers, name)
)


def take_over(kept: Any) -> None:
    """Moves what a property group holds under former names to today's."""
    for item in map(TABLE.__getitem__, SETTINGS):
        for former in item.formerly:
            if not former.is_in_files or not kept.is_property_set(former.name):
                continue
            value = getattr(kept, former.name)
            if not kept.is_property_set(item.name):
                setattr(kept, item.name, not value if former.is_opposite else value)
            kept.property_unset(former.name)


@persistent
def on_load(*_: Any) -> None:
    """After a file was opened or something of it was appended."""
    for owner in (*bpy.data.scenes, *bpy.data.objects):
        if owner.library is None:
            take_over(owner.onet)


def register() -> None:
    for name in HANDLERS:
        getattr(bpy.app.handlers, name).append(on_load)


def unregister() -> None:
    for name in HANDLERS:
        getattr(bpy.app.handlers, name).remove(on_load)
