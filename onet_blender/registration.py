"""Registers a module's classes in order, and unregisters them in reverse."""

from __future__ import annotations

from collections.abc import Sequence

import bpy


def register_classes(classes: Sequence[type]) -> None:
    """Raises what Blender raises: a class that can't be registered is a defect, not a detail."""
    for cls in classes:
        bpy.utils.register_class(cls)


def unregister_classes(classes: Sequence[type]) -> None:
    """The reverse of `register_classes`."""
    for cls in reversed(classes):
        bpy.utils.unregister_class(cls)
