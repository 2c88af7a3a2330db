"""One step of a morph: what to ask the worker for, and its mesh in the object.

A step is worth the same wherever it is asked for: value, codes, model and resolution say all, so
that a frame looks the same in the viewport, in a render farm, and whatever was shown before.
"""

from __future__ import annotations

import hashlib
from concurrent.futures import Future
from dataclasses import dataclass, replace

import bpy

from onet_core.engine.client import Answer, Job
from onet_core.errors import InputError
from onet_core.sentences import Sentence

from ..properties.stored_models import stored_model
from ..runtime import engine_session
from ..runtime.chosen import runtime
from ..scene import reconstruction
from ..scene.meshes import MOST_FACES_AT_ONCE, MeshArrays, fill_mesh, standing
from ..scene.pieces import in_background
from ..scene.scene_io import is_ours
from .cache import MeshCache
from .codes import stacked

MORPH = "MORPH"
# Values that differ by less look the same, and Blender's sliders have float32's digits.
DIGITS = 5

cache = MeshCache()


@dataclass(frozen=True)
class Step:
    """A shape that is wanted; two equal steps have equal meshes.

    model: as `Object.onet.chosen_model`.
    codes: texts of `codes.code_text`.
    is_preview: made in a hurry, without parts that the model is unsure of.
    """

    model: str
    codes: tuple[str, ...]
    value: float
    resolution: int
    threshold: float = 0.0
    is_preview: bool = False

    @property
    def digest(self) -> str:
        """A short text that only equal steps share."""
        return hashlib.sha256(repr(self).encode()).hexdigest()[:16]

    def start(self) -> Job:
        """Hands the step to the worker; raises OnetError."""
        codes = stacked(self.codes)
        choices = {"resolution": self.resolution, "threshold": self.threshold}
        params = reconstruction.options(stored_model(self.model), choices)
        params |= {"position": self.value, "preview": self.is_preview}
        return engine_session.client(runtime()).start("morph", params, {"codes": codes})


def is_morph(item: bpy.types.Object | None) -> bool:
    """Whether an object is a morph whose mesh is ours to change."""
    return item is not None and has_slider(item) and is_ours(item)


def has_slider(item: bpy.types.Object) -> bool:
    """Whether an object is a morph, of this file or of another one."""
    return item.type == "MESH" and item.onet.kind == MORPH


def linked(item: bpy.types.Object) -> Sentence:
    """Why a morph of another file can't be changed here."""
    return Sentence("{name} is linked from another file: make it local first.", name=item.name)


def preview_of(item: bpy.types.Object) -> Step:
    """What is shown of the object's step while the slider moves."""
    full = step_of(item)
    cells = min(item.onet.morph.preview, full.resolution)
    return replace(full, resolution=cells, is_preview=True)


def step_of(item: bpy.types.Object, value: float | None = None) -> Step:
    """The full step at a value, by default the object's."""
    kept = item.onet
    return Step(
        kept.chosen_model,
        tuple(stop.code for stop in kept.morph.stops),
        round(kept.morph.value if value is None else value, DIGITS),
        kept.resolution,
        kept.threshold,
    )


def shows(item: bpy.types.Object, step: Step) -> bool:
    """Whether the object's mesh is that of a step, or the full one of the same value."""
    full = replace(step, resolution=item.onet.resolution, is_preview=False)
    return item.onet.morph.shown in (step.digest, full.digest)


def shape_of(answer: Answer) -> Future[MeshArrays]:
    """The worker's mesh, standing on the floor; of a small one it is there at once."""
    vertices, faces = answer.arrays["vertices"], answer.arrays["faces"]
    if len(faces) > MOST_FACES_AT_ONCE:
        return in_background(lambda: standing(vertices, faces))
    shape: Future[MeshArrays] = Future()
    shape.set_result(standing(vertices, faces))
    return shape


def compute(step: Step) -> MeshArrays:
    """The shape of a step, from the cache or from the worker, which is waited for."""
    shape = cache.get(step)
    if shape is None:
        shape = shape_of(step.start().result()).result()
        cache.put(step, shape)
    return shape


def assert_showable(item: bpy.types.Object) -> None:
    """Raises InputError where an object's mesh can't be exchanged now."""
    if item.data.shape_keys is not None:
        raise InputError(
            "{name} has shape keys, which a morph would destroy: bake it.", name=item.name
        )
    if not item.data.is_editable:
        raise InputError(
            "The mesh of {name} is linked from another file: make it local.", name=item.name
        )


def show(item: bpy.types.Object, step: Step, shape: MeshArrays) -> None:
    """Gives an object the mesh of a step; its materials stay. Raises InputError."""
    assert_showable(item)
    if item.data.users > 1:  # a linked duplicate has a slider of its own
        item.data = item.data.copy()
    item.data.clear_geometry()
    fill_mesh(item.data, shape, smooth=item.onet.shade_smooth)
    item.onet.morph.shown = step.digest
