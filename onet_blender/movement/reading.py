"""What moves, frame by frame, to what the worker needs of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import bpy
import numpy as np
from mathutils import Matrix
from numpy.typing import NDArray

from onet_core.engine.protocol import Arrays
from onet_core.errors import Cancelled, InputError
from onet_core.files import numbers_in_order
from onet_core.movement.frames import FEWEST_POINTS
from onet_core.sentences import Sentence

from ..scene import scene_io
from ..scene.known import Known, known_by
from ..scene.pieces import Pieces, in_background
from ..scene.reconstruction import SHARE_OF_SIZE, graph_of, named_after
from ..scene.sampling import SAMPLES, sampled
from ..scene.scene_io import Cloud
from ..scene.viewpoint import turned_upright

# Of a frame whose mesh is not made, as many points as are looked at.
POINTS = 4000
MOST_FRAMES = 2000


@dataclass(frozen=True)
class Frames:
    """What is read at which frames.

    frames: numbers, in their order; names: of the object at each of them; reference: of them, the
    one whose mesh moves; plays: whether the scene goes to each frame for it.
    """

    frames: list[int]
    names: list[str]
    reference: int
    plays: bool

    @property
    def source(self) -> str:
        """The object of the reference."""
        return self.names[self.frames.index(self.reference)]


@dataclass(frozen=True)
class Request:
    """One call of the worker and where what it makes will go.

    name: of the new object; source: what it is made from; matrix: its world transform, in whose
    space `turn` times the answer's coordinates are put.
    """

    name: str
    source: str
    scene: str
    matrix: Matrix
    turn: NDArray[np.float64]
    params: dict[str, Any]
    arrays: Arrays
    known: Known


def frames_of(
    items: Sequence[bpy.types.Object], scene: bpy.types.Scene, start: int, end: int, step: int
) -> Frames:
    """One object over a range of frames, or several one after the other, in the order of names.

    The reference is the current frame where it is among them, else the first. Raises InputError
    where that is no movement.
    """
    if not items:
        raise InputError("No object is chosen: select one that moves, or one for each frame.")
    if len(items) > 1:
        names = sorted((item.name for item in items), key=numbers_in_order)
        frames = [start + step * number for number in range(len(names))]
        plays = False
    else:
        frames = list(range(start, end + 1, step))
        names, plays = [items[0].name] * len(frames), True
    if len(frames) < 2:
        raise InputError("A movement needs two frames or more: choose a longer range.")
    if len(frames) > MOST_FRAMES:
        raise InputError("{count:,} frames are too many: choose a larger step.", count=len(frames))
    current = scene.frame_current
    return Frames(frames, names, current if current in frames else frames[0], plays)


def prepare(
    wanted: Frames,
    scene: bpy.types.Scene,
    layer: str,
    params: Mapping[str, Any],
    choices: Mapping[str, Any],
) -> Pieces[Request]:
    """Reads all frames, one in each piece; the scene is at its own frame again at the end.

    Raises InputError for frames that can't be used, Cancelled where the scene is gone meanwhile.
    """
    spread = bool(choices.get("sample_surface", True))
    clouds: list[NDArray[np.float64]] = []
    first: Cloud | None = None
    matrix = Matrix()
    before = scene.frame_current, scene.frame_subframe
    try:
        for frame, name in zip(wanted.frames, wanted.names, strict=True):
            yield Sentence("Reading frame {frame}", frame=frame)
            if wanted.plays:
                scene.frame_set(frame)
            graph = graph_of(scene, layer)
            is_first = frame == wanted.reference
            read = _read(name, graph, spread, SAMPLES if is_first else POINTS, frame)
            if is_first:
                matrix = _item(name).evaluated_get(graph).matrix_world.copy()
                scene_io.into_object_space(np.zeros((1, 3)), matrix)  # raises where it is flat
            being_read = in_background(read)
            yield being_read
            cloud = being_read.result()
            clouds.append(_some(cloud.points, frame))
            if is_first:
                first = cloud
    finally:
        with suppress(ReferenceError):
            if wanted.plays:
                scene.frame_set(before[0], subframe=before[1])
    assert first is not None
    if len(first.points) < FEWEST_POINTS:
        raise InputError(
            "Frame {frame}, whose mesh was to move, has {count} points and needs {least}: choose "
            "another one.",
            frame=wanted.reference,
            count=len(first.points),
            least=FEWEST_POINTS,
        )
    arrays, turn = turned_upright(wanted.source, first, matrix, choices)
    back = [scene_io.transformed(points, turn.T) for points in clouds]
    return Request(
        named_after(wanted.source),
        wanted.source,
        scene.name,
        matrix,
        turn,
        {
            **params,
            "kind": "points",
            "name": wanted.source,
            "up_axis": "z",
            "fit": SHARE_OF_SIZE,
            "frames": wanted.frames,
            "counts": [len(points) for points in back],
            "reference": wanted.reference,
        },
        {**arrays, "clouds": np.concatenate(back)},
        known_by(scene, bpy.data.objects.get(wanted.source)),
    )


def _item(name: str) -> bpy.types.Object:
    item = bpy.data.objects.get(name)
    if item is None:
        raise Cancelled()
    return item


def _read(
    name: str, graph: bpy.types.Depsgraph, spread: bool, count: int, seed: int
) -> Callable[[], Cloud]:
    """What makes the points of an object as it is now; none where it has none."""
    item = _item(name)
    if not item.evaluated_get(graph).is_evaluated:
        return _nothing
    if spread:
        with suppress(InputError):
            surface = scene_io.read_surface(item, graph)
            return lambda: sampled(surface(), count, abs(seed))
    try:
        return scene_io.read_cloud(item, graph)
    except InputError:
        return _nothing


def _nothing() -> Cloud:
    return Cloud(np.empty((0, 3)))


def _some(points: NDArray[np.float64], seed: int) -> NDArray[np.float64]:
    """At most `POINTS` of them; those that are no numbers are left out."""
    points = points[np.isfinite(points).all(1)]
    if len(points) > POINTS:
        rng = np.random.default_rng(abs(seed))
        points = points[rng.choice(len(points), POINTS, replace=False)]
    return points
