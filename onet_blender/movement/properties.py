"""Which frames are followed: `Scene.onet.movement`."""

from __future__ import annotations

from typing import Any

import bpy

from ..registration import register_classes, unregister_classes

FIRST_FRAME, LAST_FRAME = -1_048_574, 1_048_574


def frame_number(name: str, description: str, **more: Any) -> Any:
    """A property that is the number of a frame."""
    return bpy.props.IntProperty(
        name=name, description=description, min=FIRST_FRAME, max=LAST_FRAME, **more
    )


def step_width(**more: Any) -> Any:
    """A property that is the step from one frame that is followed to the next."""
    return bpy.props.IntProperty(
        name="Step",
        description="Follow every frame (1), every second one (2), and so on; in between the mesh "
        "fades over",
        min=1,
        soft_max=10,
        default=1,
        **more,
    )


def _scene_or(kept: str, of_scene: str) -> tuple[Any, Any]:
    """How a frame is read and set that is the scene's until it is set."""

    def get(self: MovementProperties) -> int:
        if self.is_property_set(kept):
            return int(getattr(self, kept))
        return int(getattr(self.id_data, of_scene))

    def put(self: MovementProperties, value: int) -> None:
        setattr(self, kept, value)

    return get, put


_get_start, _set_start = _scene_or("own_start", "frame_start")
_get_end, _set_end = _scene_or("own_end", "frame_end")


class MovementProperties(bpy.types.PropertyGroup):
    """The panel's choices."""

    own_start: frame_number("Start", "The first frame, once it was chosen")  # type: ignore[valid-type]
    own_end: frame_number("End", "The last frame, once it was chosen")  # type: ignore[valid-type]
    start: frame_number(  # type: ignore[valid-type]
        "Start", "The first frame that is followed", get=_get_start, set=_set_start
    )
    end: frame_number(  # type: ignore[valid-type]
        "End", "The last frame that is followed", get=_get_end, set=_set_end
    )
    step: step_width()  # type: ignore[valid-type]


CLASSES = (MovementProperties,)


def register() -> None:
    register_classes(CLASSES)


def unregister() -> None:
    unregister_classes(CLASSES)
