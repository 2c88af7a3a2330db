"""Views that show a result: framed beside the panels, in local view too, the camera left alone."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import bpy
import numpy as np
from mathutils import Matrix, Vector

# A result that covers less of the view than this can't be made out.
LEAST_SHARE_OF_VIEW = 0.005
# Of its box: less of it inside the view is out of view.
MOST_OF_IT = 0.8
# How far a view has to reach, in sizes of what it is to show.
SIZES_OF_DEPTH = 20.0
# Of what is framed, around it.
ROOM = 1.15
# In millimetres, of the views of the interface, half of it: as Blender has it.
SENSOR = 36.0

# Left, bottom, right and top of the part of a view that no panel lies over, -1 to 1 each.
Free = tuple[float, float, float, float]


def bring_into_view(*items: bpy.types.Object, always: bool = False) -> None:
    """Frames objects in every 3D view of their scene that doesn't show them large enough to see.

    Local views take them in. A view through the camera leaves it, and never moves it. always: in
    every 3D view. Without a window there is nothing to do.
    """
    corners = [item.matrix_world @ Vector(corner) for item in items for corner in item.bound_box]
    for space, area, window in views():
        if any(item.name not in window.view_layer.objects for item in items):
            continue
        if space.local_view is not None:
            for item in items:
                item.local_view_set(space, True)
        for view, region in _eyes(space, area):
            free = free_part(area, region)
            if always or not is_seen(view.perspective_matrix, corners, free):
                _frame(space, view, region, free, corners)


def _eyes(space: Any, area: bpy.types.Area) -> Iterator[tuple[Any, bpy.types.Region]]:
    """The view of a 3D view's editor, or its four, each with the region that shows it."""
    regions = [part for part in area.regions if part.type == "WINDOW"]
    if len(space.region_quadviews):
        # Without a window there is none yet.
        yield from ((region.data, region) for region in regions if region.data is not None)
    else:
        yield space.region_3d, regions[0]


def _frame(
    space: Any, view: Any, region: bpy.types.Region, free: Free, corners: list[Vector]
) -> None:
    """Has the box of these corners fill what is free of a view."""
    size = max((corner - corners[0]).length for corner in corners)
    space.clip_end = max(space.clip_end, SIZES_OF_DEPTH * size)
    space.clip_start = min(space.clip_start, size / 100)
    if view.view_perspective == "CAMERA":
        view.view_perspective = "PERSP"
    sides_of_free = np.array(free).reshape(2, 2)  # low and high, each across and up
    center, half = sides_of_free.mean(axis=0), (sides_of_free[1] - sides_of_free[0]) / 2 / ROOM
    turn = view.view_rotation.to_matrix()
    middle = sum(corners, Vector()) / len(corners)
    seen = np.array([turn.transposed() @ (corner - middle) for corner in corners])
    if view.view_perspective != "PERSP":
        seen[:, 2] = 0  # how near it is doesn't count
    # Half of what is seen at a distance of one, across and up.
    sides = np.array([region.width, region.height])
    reach = SENSOR / space.lens * sides / sides.max()
    low, high = (center - half) * reach, (center + half) * reach
    # At a distance d the eye may stand from max(x - high (d - z)) to min(x - low (d - z)).
    least = (seen[:, :2] + high * seen[:, 2:]).max(axis=0)
    most = (seen[:, :2] + low * seen[:, 2:]).min(axis=0)
    view.view_distance = distance = max(float(((least - most) / (high - low)).max()), 1e-6)
    eye = (least - high * distance + most - low * distance) / 2
    view.view_location = middle + turn @ Vector((*eye, 0))


def free_part(area: bpy.types.Area, region: bpy.types.Region) -> Free:
    """What no panel or header of the same editor lies over."""
    left, bottom = region.x, region.y
    right, top = region.x + region.width, region.y + region.height
    for part in area.regions:
        if part == region or part.type == "HUD" or min(part.width, part.height) <= 1:
            continue
        if part.alignment == "LEFT":
            left = max(left, part.x + part.width)
        elif part.alignment == "RIGHT":
            right = min(right, part.x)
        elif part.alignment == "TOP":
            top = min(top, part.y)
        elif part.alignment == "BOTTOM":
            bottom = max(bottom, part.y + part.height)
    if right - left < region.width / 4 or top - bottom < region.height / 4:
        return -1.0, -1.0, 1.0, 1.0
    across, up = 2 / max(region.width, 1), 2 / max(region.height, 1)
    return (
        (left - region.x) * across - 1,
        (bottom - region.y) * up - 1,
        (right - region.x) * across - 1,
        (top - region.y) * up - 1,
    )


def is_seen(
    perspective: Matrix | Any, corners: list[Vector], free: Free = (-1.0, -1.0, 1.0, 1.0)
) -> bool:
    """Whether a view shows most of the box of these corners, large enough to make it out.

    perspective: the view's matrix (4, 4) from the world to clip space; free: see `free_part`.
    """
    shown, whole = shares_of_view(perspective, corners, free)
    return shown >= LEAST_SHARE_OF_VIEW and shown >= MOST_OF_IT * whole


def shares_of_view(
    perspective: Matrix | Any, corners: list[Vector], free: Free = (-1.0, -1.0, 1.0, 1.0)
) -> tuple[float, float]:
    """How much of a view the box of these corners covers, and how much with what lies outside.

    As shares of the view; 0 and 0 where some of it is behind the eye.
    """
    seen = np.array([perspective @ corner.to_4d() for corner in corners])
    if (seen[:, 3] <= 0).any():  # behind the eye
        return 0.0, 0.0
    flat = seen[:, :2] / seen[:, 3:]
    low, high = flat.min(0), flat.max(0)
    shown = high.clip(free[:2], free[2:]) - low.clip(free[:2], free[2:])
    return float(np.prod(shown) / 4), float(np.prod(high - low) / 4)


def views() -> Iterator[tuple[Any, bpy.types.Area, bpy.types.Window]]:
    """Every 3D view of every window; none without a window."""
    for window in bpy.context.window_manager.windows:
        for area in window.screen.areas:
            if area.type == "VIEW_3D":
                yield area.spaces.active, area, window
