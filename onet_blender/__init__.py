"""ONet: pictures, point clouds and blocky voxel models to clean meshes, inside Blender.

The networks run in a process of their own (`onet_core.engine`); this extension never imports torch.
"""

from __future__ import annotations

from . import activity
from .headless import command_line
from .languages import translations
from .live import operators as live_operators
from .live import watch
from .morph import handlers as morph_handlers
from .morph import operators as morph_operators
from .morph import panel as morph_panel
from .morph import properties as morph_properties
from .movement import operators as movement_operators
from .movement import panel as movement_panel
from .movement import properties as movement_properties
from .next_step import operators as next_step_operators
from .next_step import panel as next_step_panel
from .operators import (
    files as file_operators,
)
from .operators import (
    generate as generate_operators,
)
from .operators import (
    masks as mask_operators,
)
from .operators import (
    pictures as picture_operators,
)
from .operators import (
    reconstruct as reconstruct_operators,
)
from .operators import (
    runtime as runtime_operators,
)
from .operators import (
    shared as operators,
)
from .operators import soon
from .panels import about, dice, image_editor, menus, presets
from .panels import generate as generate_panel
from .panels import reconstruct as reconstruct_panel
from .panels import set_up as set_up_panel
from .pictures import looking, thumbnails, upright
from .properties import former, preferences
from .properties import stored as properties
from .runtime import engine_session
from .scene import handwork, sources

MODULES = (
    translations,
    activity,
    preferences,
    thumbnails,
    looking,
    upright,
    morph_properties,
    movement_properties,
    properties,
    former,
    operators,
    runtime_operators,
    command_line,
    reconstruct_operators,
    soon,
    live_operators,
    generate_operators,
    morph_operators,
    movement_operators,
    picture_operators,
    mask_operators,
    file_operators,
    next_step_operators,
    menus,
    about,
    presets,
    dice,
    set_up_panel,
    reconstruct_panel,
    image_editor,
    generate_panel,
    morph_panel,
    movement_panel,
    next_step_panel,
    morph_handlers,
    handwork,
    sources,
    watch,
)


def register() -> None:
    """Called by Blender when the extension is enabled."""
    for module in MODULES:
        module.register()


def unregister() -> None:
    """Called by Blender when the extension is disabled, and when Blender quits."""
    activity.end()
    engine_session.stop_ahead()
    engine_session.close()
    for module in reversed(MODULES):
        module.unregister()
