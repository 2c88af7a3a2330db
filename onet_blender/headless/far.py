"""Results far from the origin, such as scans in map coordinates.

Blender's vertices and its exporters are single precision, which half a metre is at 5,000 km. So the
scene's mesh is centred, and the worker writes the file, in double precision where the format can.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from mathutils import Matrix
from numpy.typing import NDArray

from onet_core.engine.client import Answer, EngineClient
from onet_core.inputs.frame import network_to_up
from onet_core.mesh.mesh import is_far

# Files whose vertical is y, brought upright the way Blender's importers do.
Y_UP_TO_BLENDER = Matrix(((1, 0, 0, 0), (0, 0, -1, 0), (0, 1, 0, 0), (0, 0, 0, 1)))
_IN_WORDS = {
    "stl": "It is far from the origin, which STL can't hold: the mesh is centred there",
    "blend": "It is far from the origin: its object has the place, in single precision",
}


def upright(up_axis: str) -> Matrix:
    """The rotation that turns this axis of a file to Blender's vertical."""
    if up_axis == "y":
        return Y_UP_TO_BLENDER
    return Matrix((network_to_up("z") @ network_to_up(up_axis).T).tolist()).to_4x4()


def far_writer(
    answer: Answer, options: Any, client: EngineClient
) -> Callable[[Path], object] | None:
    """Writes an answer's mesh to a file where that has to be done by the worker, else None.

    Files have the axes that Blender's exporters give them. A .blend is always Blender's.
    """
    vertices = answer.arrays["vertices"]
    if options.format == "blend" or not is_far(vertices):
        return None
    vertices = vertices @ np.array(upright(answer.values["up_axis"]))[:3, :3].T
    if options.format == "obj":
        vertices = vertices[:, [0, 2, 1]] * [1, 1, -1]
    kept: dict[str, NDArray[Any]] = {
        name: answer.arrays[name] for name in ("faces", "colours") if name in answer.arrays
    }
    return lambda path: client.call(
        "write",
        {"path": str(path.resolve()), "up_axis": "z"},
        {"vertices": np.ascontiguousarray(vertices), **kept},
    )


def lines_on_place(answer: Answer, form: str) -> list[str]:
    """What is said about the place of a result that is far from the origin, by its format."""
    if not is_far(answer.arrays["vertices"]):
        return []
    return [_IN_WORDS.get(form, "It is far from the origin: the file has the place, exactly")]
