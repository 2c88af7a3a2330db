"""What the operators do, as plain functions: request -> worker -> new object.

A `Request` is prepared from datablocks, computed by the worker, and turned into an object by
`place`; the first and the last in `pieces`, so that a window never stands still. Nothing in the
scene changes before the worker's answer has arrived.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import bpy
import numpy as np
from mathutils import Matrix
from numpy.typing import NDArray

from onet_core.engine.client import Answer, Job, Progress
from onet_core.engine.protocol import Arrays
from onet_core.errors import Cancelled, InputError
from onet_core.kinds import INPUT_IDENTIFIERS
from onet_core.pipeline.findings import Findings
from onet_core.sentences import Sentence

from ..morph.codes import code_text
from ..pictures import doubts
from ..pictures.images import arrays_in_pieces, show_seen
from ..properties import stored_models
from ..properties.mesh_settings import SETTINGS, for_the_worker
from ..properties.model_list import AUTOMATIC, NETWORK_KINDS
from ..runtime import cut_out, engine_session
from ..runtime.chosen import runtime
from . import handwork, presenting, scene_io
from .free_place import beside
from .known import OBJECT, Known, known_by, object_now, scene_of
from .meshes import MeshArrays, discard, mesh_in_pieces, on_floor
from .pieces import Pieces, Room, all_at_once, in_background
from .sampling import sampled
from .scene_io import Cloud, Surface
from .sources import OVERLAID, remember_source, source_of
from .sources import digest as source_digest
from .viewpoint import camera_turn, turned_upright

# How near to the mesh a point counts as met, as a share of the cloud's longest side.
SHARE_OF_SIZE = 0.01
# At the end of a result's name.
MADE = " (ONet)"
# Less is had at once; more, by a thread first.
BYTES_AT_ONCE = 1_000_000
WEIGHTS_SUFFIXES = (".safetensors", ".pt", ".pth")


@dataclass(frozen=True)
class Request:
    """One call of the worker and where its mesh will go.

    scene: name of the scene that the mesh is for.
    kind: IMAGE, POINTS, VOXELS or NONE.
    source: what it is made from, for the user.
    matrix: world transform of the new object.
    overlays: name of an object that the mesh lies over, whose world coordinates are `turn` times
        those it arrives in (else it is lifted so that it stands on the object's origin plane).
    replaces: name of a object that was made from the same kind of input and gets the mesh instead
        of a new one.
    choices: the settings (see `mesh_settings`) and the rest that the object keeps.
    digest: of the object that it is made from, see `sources.digest`.
    known: which datablocks the names stood for, see `known_by`, so that they are found under other
        names too.
    """

    method: str
    params: dict[str, Any]
    scene: str
    kind: str
    name: str
    source: str
    arrays: Arrays = field(default_factory=dict)
    matrix: Matrix = field(default_factory=Matrix)
    overlays: str = ""
    turn: NDArray[np.float64] = field(default_factory=lambda: np.eye(4))
    replaces: str = ""
    choices: Mapping[str, Any] = field(default_factory=dict)
    digest: str = ""
    known: Known = field(default_factory=dict)


def options(
    model: str = AUTOMATIC, choices: Mapping[str, Any] | None = None, device: str = ""
) -> dict[str, Any]:
    """The parameters that all requests share.

    model: a name or a weights file, AUTOMATIC or empty for the one that suits; choices: settings by
    name, of Blender's values or plain ones, of which the worker gets those that it knows; device:
    empty for the preferences' choice.
    """
    chosen = runtime()
    return {
        "model": "" if model == AUTOMATIC else _found_anywhere(model),
        "settings": for_the_worker(choices or {}),
        "device": device or chosen.device,
        "folders": [str(folder) for folder in chosen.folders],
        "cut_out_file": str(cut_out.network_file()),
    }


def _found_anywhere(model: str) -> str:
    """A name as it is, a file with its whole path: the worker runs in another folder."""
    path = Path(model)
    if path.suffix.lower() in WEIGHTS_SUFFIXES or path.parent != Path():
        return str(Path(bpy.path.abspath(model)).resolve())
    return model


def prepare_object(
    item: bpy.types.Object,
    kind: str,
    depsgraph: bpy.types.Depsgraph,
    params: Mapping[str, Any],
    choices: Mapping[str, Any] | None = None,
    replaces: str = "",
) -> Pieces[Request]:
    """A mesh over an object: kind POINTS (its vertices or points) or VOXELS (its faces or volume).

    The network sees the object upright and scaled as it stands in the world, see `viewpoint`.
    choices: the settings, see `mesh_settings`; replaces: name of the object to give the mesh to.
    The first pieces read all that is Blender's. Raises InputError for objects
    that have no points or faces, are switched off, or flattened by their scale, and Cancelled where
    the scene is gone by then.
    """
    choices = dict(choices or {})
    evaluated = item.evaluated_get(depsgraph)
    if not evaluated.is_evaluated:
        raise InputError(
            "{name} is switched off or not in this scene: switch it on first.", name=item.name
        )
    sizes = scene_io.room_for(evaluated)
    room = Room(())
    is_large = sum(sizes) > BYTES_AT_ONCE
    home, layer = depsgraph.scene.original, depsgraph.view_layer.name
    if is_large:
        being_made = in_background(lambda: Room(sizes))
        yield being_made
        room, depsgraph = being_made.result(), graph_of(home, layer)
        evaluated = item.evaluated_get(depsgraph)
    matrix = evaluated.matrix_world.copy()
    scene_io.into_object_space(np.zeros((1, 3)), matrix)  # raises where that will not be possible
    params = {**params, "kind": NETWORK_KINDS[kind], "name": item.name, "up_axis": "z"}
    read: Callable[[], Cloud | Surface]
    with room.used():
        if kind == "POINTS":
            read = _read_points(item, depsgraph, choices.get("sample_surface", True))
            params |= {"fit": SHARE_OF_SIZE}
        elif kind == "VOXELS":
            take = scene_io.read_volume if item.type == "VOLUME" else scene_io.read_surface
            read = take(item, depsgraph)
        else:
            raise InputError("A picture was asked for, but an object was given.")
    name, scene = item.name, home.name
    known = known_by(home, item, bpy.data.objects.get(replaces))
    if is_large:
        yield None
        depsgraph = graph_of(home, layer)
    with room.used():
        digest = source_digest(item, depsgraph)

    def upright() -> tuple[Arrays, NDArray[np.float64], str]:
        return *turned_upright(name, read(), matrix, choices), digest()

    prepared = in_background(upright)
    yield prepared
    arrays, turn, mark = prepared.result()
    return Request(
        "reconstruct",
        params,
        scene,
        kind,
        name=named_after(name),
        source=name,
        arrays=arrays,
        matrix=matrix,
        overlays=name,
        turn=turn,
        replaces=replaces,
        choices=choices,
        digest=mark,
        known=known,
    )


def graph_of(scene: bpy.types.Scene, layer: str) -> bpy.types.Depsgraph:
    """What a view layer's objects come to by now; raises Cancelled where that is gone."""
    kept = scene.view_layers.get(layer)
    if kept is None:
        raise Cancelled()
    kept.update()
    return kept.depsgraph


def _read_points(
    item: bpy.types.Object, depsgraph: bpy.types.Depsgraph, sample_surface: bool
) -> Callable[[], Cloud]:
    """Points spread over an object's faces, or its vertices and points where it has no faces."""
    if sample_surface:
        with suppress(InputError):
            surface = scene_io.read_surface(item, depsgraph)
            return lambda: sampled(surface())
    return scene_io.read_cloud(item, depsgraph)


def prepare_picture(
    image: bpy.types.Image,
    scene: bpy.types.Scene,
    params: Mapping[str, Any],
    choices: Mapping[str, Any] | None = None,
    replaces: str = "",
    mask: bpy.types.Image | None = None,
) -> Pieces[Request]:
    """A mesh one unit large that stands at the 3D cursor.

    choices: the settings, see `mesh_settings`; with the pose CAMERA its front looks towards the
    active camera. mask: white where the object is. Raises InputError without pixels or camera.
    """
    choices = dict(choices or {})
    place = Matrix.Translation(scene.cursor.location)
    if choices.get("pose") == "CAMERA":
        place @= camera_turn(scene)
    name, scene_name, mask_name = image.name, scene.name, mask.name if mask is not None else ""
    known = known_by(scene, bpy.data.objects.get(replaces))
    arrays = yield from arrays_in_pieces(image, mask)
    return Request(
        "reconstruct",
        {**params, "kind": "image", "name": name},
        scene_name,
        "IMAGE",
        name=named_after(Path(name).stem),
        source=name,
        arrays=arrays,
        matrix=place,
        replaces=replaces,
        choices={**choices, "mask": mask_name},
        known=known,
    )


def prepare_again(
    item: bpy.types.Object,
    depsgraph: bpy.types.Depsgraph,
    params: Mapping[str, Any],
    choices: Mapping[str, Any],
) -> Pieces[Request]:
    """The mesh of an object that was reconstructed, anew with other settings.

    Raises InputError for other objects, and where what it was made from is gone.
    """
    assert_replaceable(item)
    kept = item.onet
    if kept.kind == "IMAGE" and kept.picture is not None:
        scene = depsgraph.scene.original
        return prepare_picture(kept.picture, scene, params, choices, item.name, kept.mask)
    source = source_of(item) if kept.kind in OVERLAID else None
    if source is not None:
        return prepare_object(source, kept.kind, depsgraph, params, choices, item.name)
    raise InputError(
        "{source}, which {name} was made from, is gone.", source=kept.source, name=item.name
    )


def assert_replaceable(item: bpy.types.Object) -> None:
    """Raises InputError where an object's mesh is not ours to replace."""
    if item.type != "MESH" or item.onet.kind not in INPUT_IDENTIFIERS:
        raise InputError("{name} was not reconstructed: select an object that was.", name=item.name)
    if not scene_io.is_ours(item):
        raise InputError("{name} is linked from another file: make it local first.", name=item.name)


def named_after(source: str) -> str:
    """The name of what is made from something, also where that was made by ONet itself."""
    return f"{source.partition(MADE)[0]}{MADE}"


def start(request: Request) -> Job:
    """Hands the request to the worker; raises OnetError where there is none to be had."""
    return engine_session.client(runtime()).start(request.method, request.params, request.arrays)


def compute(request: Request, on_progress: Progress | None = None) -> Answer:
    """Waits for the worker's answer; raises its error."""
    return start(request).result(on_progress)


def place_in_pieces(
    context: bpy.types.Context, request: Request, answer: Answer
) -> Pieces[bpy.types.Object]:
    """Makes the answer an object, selected and active; raises InputError before changing anything.

    What changed while the worker was at work is respected: the mesh goes to the scene that it was
    made for, and over its source wherever that is by now.
    """
    scene_of(request.scene, request.known)
    smooth = request.choices.get("shade_smooth", True)
    mesh = yield from mesh_in_pieces(request.name, lambda: _arrays(request, answer), smooth)
    try:
        scene = scene_of(request.scene, request.known)
    except InputError:
        discard([mesh])
        raise
    view_layer = context.view_layer if context.scene == scene else scene.view_layers[0]
    matrix = request.matrix
    source = source_now(request)
    if source is not None:
        matrix = source.matrix_world.copy()
    made = object_now(request.replaces, request.known)
    if made is None and (OBJECT, request.replaces) in request.known:
        discard([mesh])
        raise InputError("{name} is gone, for which this mesh was made.", name=request.replaces)
    if made is not None and made.type == "MESH" and made.onet.kind == request.kind:
        if request.overlays:
            scene_io.unshear(mesh, matrix)
        mesh.transform(scene_io.place_of(made))
        handwork.keep(made)
        scene_io.replace_mesh(made, mesh)
    else:
        if not request.overlays:
            matrix = _free(matrix, mesh, view_layer)
        made = scene_io.add_object(request.name, mesh, matrix, scene, view_layer)
    _remember(made, request, answer)
    return made


def _free(matrix: Matrix, mesh: bpy.types.Mesh, layer: bpy.types.ViewLayer) -> Matrix:
    """A world transform for a mesh that nothing is laid over: beside what is there already."""
    places = scene_io.transformed(scene_io.column(mesh.vertices, "co", 3, np.float32), matrix)
    return Matrix.Translation(beside(layer, places.min(axis=0), places.max(axis=0))) @ matrix


def place(context: bpy.types.Context, request: Request, answer: Answer) -> bpy.types.Object:
    """`place_in_pieces` at once."""
    return all_at_once(place_in_pieces(context, request, answer))


def source_now(request: Request) -> bpy.types.Object | None:
    """The object that a request's mesh lies over, whatever its name is by now; None for none."""
    return object_now(request.overlays, request.known)


def _arrays(request: Request, answer: Answer) -> MeshArrays:
    """The worker's mesh in the space of the object that will have it; needs no Blender."""
    vertices, faces = answer.arrays["vertices"], answer.arrays["faces"]
    if request.overlays:
        vertices = scene_io.transformed(vertices, request.turn)
        vertices = scene_io.into_object_space(vertices, request.matrix)
        if request.matrix.determinant() < 0:
            faces = faces[:, ::-1]  # a mirrored object shows its faces mirrored back
    else:
        vertices = on_floor(vertices)
    return MeshArrays.of(vertices, faces, answer.arrays.get("colours"))


def _remember(made: bpy.types.Object, request: Request, answer: Answer) -> None:
    """Writes into the object what it was made from and how."""
    kept = made.onet
    kept.kind = request.kind
    kept.model = answer.values["model"]
    source = source_now(request)
    kept.source = source.name if source is not None else request.source
    remember_source(made, source)
    kept.made_from = request.digest
    kept.chosen_model = request.params["model"]
    stored_models.remember(kept.chosen_model)
    if request.kind == "IMAGE":
        kept.picture = bpy.data.images.get(request.source)
        kept.mask = bpy.data.images.get(request.choices.get("mask", ""))
    for name in SETTINGS:
        if name in request.choices:
            setattr(kept, name, request.choices[name])
    kept.code = code_text(answer.arrays["code"]) if "code" in answer.arrays else ""
    kept.fit = answer.values.get("fit", -1.0)
    kept.left_out = answer.values.get("left_out", 0)
    kept.is_mirrored = answer.values.get("mirrored", False)
    kept.background = answer.values.get("background") or ""
    doubts.keep(made, answer)
    handwork.note(made)
    if "seen" in answer.arrays:
        show_seen(answer.arrays["seen"])


def seconds_of(answer: Answer) -> float:
    """How long the worker took."""
    return float(sum(answer.values["seconds"].values()))


def summary(made: bpy.types.Object, answer: Answer) -> Sentence:
    """What was made, for the user: how large it is and where, too."""
    message = Sentence(
        "{name}: {faces:,} faces in {seconds:.1f} s with the model {model!r}",
        name=made.name,
        faces=len(made.data.polygons),
        seconds=seconds_of(answer),
        model=answer.values["model"],
    )
    size, place = presenting.size_and_place(made)
    message = Sentence("{message}. {size}, at {place}", message=message, size=size, place=place)
    message = doubts.in_one([message, *doubts.doubts_of(made)])
    if not made.onet.kept_as:
        return message
    return Sentence(
        "{message}. What was changed by hand is kept, hidden, as {name}",
        message=message,
        name=made.onet.kept_as,
    )


def findings(made: bpy.types.Object) -> list[Sentence]:
    """What came out about an object and its input, one sentence each, without full stops."""
    kept = made.onet
    is_known = kept.kind == "POINTS" and kept.fit >= 0 and not handwork.is_changed(made)
    return Findings(
        fit=kept.fit if is_known else None,
        within=SHARE_OF_SIZE,
        outliers=kept.left_out,
        is_mirrored=kept.is_mirrored,
        background=kept.background or None,
    ).sentences()
