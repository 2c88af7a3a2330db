"""What the worker can be asked for. Each method takes plain values and arrays and returns both.

torch and everything that needs it is imported when a method is first used, so that the worker
itself starts at once.
"""

from __future__ import annotations

import dataclasses
import importlib.util
import os
import platform
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ..errors import InputError, ModelError
from ..pipeline.morphing import between, code_at, morphed
from ..pipeline.sequence import part_of, shapes_of, with_shared_faces
from .messages import (
    Answer,
    Params,
    Report,
    answer_of,
    figures_of_shapes,
    folders_of,
    job_of,
    joined_meshes,
    mesh_of,
    settings_of,
)
from .moving import move
from .protocol import Arrays

if TYPE_CHECKING:
    from ..pipeline.reconstructor import Reconstructor
    from ..pipeline.sequence import Shapes

# What a runtime has to have beside torch and NumPy, by the names that are imported.
NEEDED = ("scipy", "trimesh", "PIL", "safetensors", "fast_simplification", "igl")


def hello(params: Params, arrays: Arrays, report: Report) -> Answer:
    """Versions, devices with their memory in bytes, and which packages the runtime lacks.

    A device's `needs_torch` is the version of torch that it needs where the runtime's is older.

    params: ahead, optional: a kind of input for which all is loaded that a first reconstruction
    needs, see `ahead.make_ready`; then `is_ready` says whether that worked. Raises EngineError
    where torch is lacking.
    """
    import torch

    from .. import __version__
    from ..devices import needed_version

    devices: list[dict[str, Any]] = [
        {"name": "cpu", "title": platform.processor() or platform.machine(), **_memory()}
    ]
    for i in range(torch.cuda.device_count()):
        free, total = torch.cuda.mem_get_info(i)
        devices.append(
            {
                "name": f"cuda:{i}",
                "title": torch.cuda.get_device_name(i),
                "free_bytes": free,
                "total_bytes": total,
            }
        )
    if torch.backends.mps.is_available():
        devices.append({"name": "mps", "title": "Apple GPU"})
    for device in devices:
        device["needs_torch"] = needed_version(device["name"].partition(":")[0])
    info = {
        "onet": __version__,
        "python": platform.python_version(),
        "executable": sys.executable,
        "torch": torch.__version__,
        "threads": torch.get_num_threads(),
        "devices": devices,
        "missing": [name for name in NEEDED if importlib.util.find_spec(name) is None],
    }
    if params.get("ahead") and not info["missing"]:
        from .ahead import make_ready

        info["is_ready"] = make_ready(str(params["ahead"]), params, report)
    return info, {}


def _memory() -> dict[str, int]:
    """The machine's memory, where the system gives it without further libraries."""
    if not hasattr(os, "sysconf"):
        return {}
    page = os.sysconf("SC_PAGE_SIZE")
    known = {"free_bytes": "SC_AVPHYS_PAGES", "total_bytes": "SC_PHYS_PAGES"}
    return {key: page * os.sysconf(name) for key, name in known.items() if name in os.sysconf_names}


def models(params: Params, arrays: Arrays, report: Report) -> Answer:
    """The catalogue: shipped models and those in `folders`."""
    from ..models.catalogue import list_models

    listed = [
        {
            "name": entry.name,
            "path": str(entry.path),
            "error": str(entry.error),
            "description": entry.description and dataclasses.asdict(entry.description),
        }
        for entry in list_models(folders_of(params))
    ]
    return {"models": listed}, {}


def reconstruct(params: Params, arrays: Arrays, report: Report) -> Answer:
    """A mesh of an observation, see `pipeline.job.run`.

    params and arrays: see `messages.job_of`. Answers with the mesh, see `messages.answer_of`, and
    what `Findings` holds: left_out, fit and background, each only where it is known, and notes and
    doubts, lists of sentences as JSON; the array `seen` (S, S, 3), what the network saw of a
    picture; the array `code`, see `Reconstruction`, where the model has one.
    """
    from ..pipeline.job import run

    done = run(job_of(params, arrays), report)
    info, result = answer_of(done.made)
    findings = done.findings
    measured = {
        "left_out": findings.outliers,
        "fit": findings.fit,
        "background": findings.background,
    }
    info |= {name: value for name, value in measured.items() if value is not None}
    info["notes"] = [note.as_json() for note in findings.notes]
    info["doubts"] = [doubt.as_json() for doubt in findings.doubts]
    if done.seen is not None:
        result["seen"] = done.seen
    return info, result


def write(params: Params, arrays: Arrays, report: Report) -> Answer:
    """Writes a mesh (arrays vertices, faces, perhaps colours) to a file.

    params: path (absolute), whose ending says the format; up_axis, for .glb. Answers with note, a
    sentence as JSON, where the format can't hold the mesh's place.
    """
    from ..mesh.files import write_mesh

    mesh = dataclasses.replace(mesh_of(arrays, ""), colours=arrays.get("colours"))
    note = write_mesh(mesh, Path(params["path"]), up_axis=str(params.get("up_axis", "z")))
    return ({} if note is None else {"note": note.as_json()}), {}


def look(params: Params, arrays: Arrays, report: Report) -> Answer:
    """What a network sees of a picture, without asking it: `seen`, background and doubts of
    `reconstruct`, and the array `mask` (H, W), where it shows the object; none for all of it.

    params and arrays: as for `reconstruct`, with pixels where there is a box, [left, top, right,
    bottom], see `matting.boxed`. Raises InputError for anything but pictures.
    """
    from ..pipeline import job

    asked = job_of(params, arrays)
    if params.get("box") and asked.pixels is not None:
        from ..matting.boxed import mask_in_box

        mask = mask_in_box(asked.pixels, params["box"], asked.name, job.cutter_of(asked))
        asked = dataclasses.replace(asked, mask=mask)
    observation, seen = job.look(asked)
    doubts = [doubt.as_json() for doubt in observation.doubts]
    found = {"seen": seen}
    if observation.mask is not None:
        found["mask"] = observation.mask
    return {"background": observation.background, "doubts": doubts}, found


def fetch_cut_out(params: Params, arrays: Arrays, report: Report) -> Answer:
    """Fetches the network that cuts objects out to params file; source: another address or path.

    Only asked where the user has agreed. Raises what `matting.place.fetch` raises.
    """
    from ..matting import place

    place.fetch(Path(params["file"]), str(params.get("source") or place.ADDRESS), report)
    return {"file": str(params["file"])}, {}


def paint(params: Params, arrays: Arrays, report: Report) -> Answer:
    """Colours for a mesh that was made from a picture, see `pipeline.job.picture_colours`.

    params and arrays: as for `look`; also the arrays mesh_vertices (V, 3), as they were made, z up,
    and mesh_faces (F, 3). Answers with the array `colours` (V, 3).
    """
    from ..pipeline.job import picture_colours

    mesh = mesh_of({"vertices": arrays["mesh_vertices"], "faces": arrays["mesh_faces"]}, "")
    return {}, {"colours": picture_colours(mesh, job_of(params, arrays))}


def open_file(params: Params, arrays: Arrays, report: Report) -> Answer:
    """What a scan, mesh or voxel file holds, see `pipeline.opening`.

    params: path (absolute), kind, up_axis. Answers with kind, centre, notes, and with the arrays
    vertices, faces and, where the file has some, colours, and normals or sights of points.
    """
    from ..pipeline import opening

    opened = opening.open_file(
        Path(params["path"]), str(params.get("kind", "auto")), params.get("up_axis")
    )
    result: Arrays = {"vertices": opened.vertices, "faces": opened.faces}
    if opened.colours is not None:
        result["colours"] = opened.colours
    if opened.normals is not None:
        result["normals"] = opened.normals
    if opened.sights is not None:
        result["sights"] = opened.sights
    notes = [note.as_json() for note in opened.notes]
    return {"kind": opened.kind, "centre": opened.centre.tolist(), "notes": notes}, result


def open_picture(params: Params, arrays: Arrays, report: Report) -> Answer:
    """The pixels (H, W, 4) of a picture that Blender can't decode, of at most 2,048 a side.

    params: path (absolute). Raises InputError for files that are no pictures.
    """
    from ..inputs.load import read_input
    from ..inputs.pictures import thumbnail

    pixels = read_input(Path(params["path"]), "image").pixels
    assert pixels is not None
    return {}, {"pixels": thumbnail(pixels, 2048)}


def convert(params: Params, arrays: Arrays, report: Report) -> Answer:
    """Converts an original checkpoint, params source, to weights in the folder target.

    Answers with the name and title of the model. Raises ModelError, also where there is one of that
    name already.
    """
    from ..models.weights import convert_checkpoint

    source = Path(params["source"])
    target = Path(params["target"]) / f"{source.stem}.safetensors"
    if target.exists():
        raise ModelError(
            "There is a model {name} already: rename the file first.", name=target.name
        )
    report("load", 0.0)
    made = convert_checkpoint(source, target)
    return {"name": target.stem, "title": made.title, "input_kind": made.input_kind}, {}


def generate(params: Params, arrays: Arrays, report: Report) -> Answer:
    """A new shape from the array `latent` (z_dim,), or from what `latent` makes of the params.

    params: model, folders, device, settings, and those of `latent`. Answers with the mesh and the
    latent that it was made from.
    """
    reconstructor = _reconstructor(params, "none")
    report("load", 0.0)
    values = arrays["latent"] if "latent" in arrays else _latent(params, reconstructor)
    info, result = answer_of(reconstructor.generate(values, settings_of(params), report))
    return info, {**result, "latent": np.asarray(values, dtype=np.float32)}


def sample(params: Params, arrays: Arrays, report: Report) -> Answer:
    """New shapes of several seeds.

    params: seeds, model, folders, device, settings. Answers with all vertices (V, 3) and faces
    (F, 3), those of each shape counted from 0; vertex_counts and face_counts, one for each seed, 0
    where the seed's shape has no surface; latents (N, z_dim); seconds, evaluations and model.
    Raises InputError where there are no seeds, NoSurfaceError where no seed has a surface.
    """
    shapes, latents = _sampled(params, report)
    return figures_of_shapes(shapes), {**joined_meshes(shapes.meshes), "latents": np.stack(latents)}


def thumbnails(params: Params, arrays: Arrays, report: Report) -> Answer:
    """Small pictures of the shapes of several seeds, without their meshes.

    params: as for `sample`, and pixels, the edge of a picture. Answers with the array pictures
    (N, pixels, pixels, 4), empty where a seed's shape has no surface, and the model's name. Raises
    what `sample` raises.
    """
    from ..mesh.drawing import drawn

    shapes, _ = _sampled(params, report)
    pictures = [drawn(mesh, int(params.get("pixels", 128))) for mesh in shapes.meshes]
    return {"model": shapes.model}, {"pictures": np.stack(pictures)}


def _sampled(params: Params, report: Report) -> tuple[Shapes, list[NDArray[np.float32]]]:
    """The shapes of the params' seeds and their latents (z_dim,)."""
    seeds = params.get("seeds")
    if not isinstance(seeds, list) or not seeds or not all(type(seed) is int for seed in seeds):
        raise InputError("Generating needs a whole number as seed for each shape.")
    reconstructor = _reconstructor(params, "none")
    report("load", 0.0)
    latents = [reconstructor.latent(seed) for seed in seeds]
    shapes = shapes_of(reconstructor, latents, settings_of(params), report)
    return shapes, latents


def morph(params: Params, arrays: Arrays, report: Report) -> Answer:
    """The shape at a position between the shapes of the array `codes` (K, code_width).

    params: position (0 to 1), preview, model, folders, device, settings. The codes are latents, or
    what `reconstruct` answers as `code`. With preview, what the model is unsure of is not looked
    for, which takes longer than the rest. Answers as `generate` does, the mesh in single precision,
    and followed: whether the surface was found from the last call's, see `surface.interactive`.
    Raises ModelError where the model describes no shape by one vector.
    """
    reconstructor = _reconstructor(params, "none")
    reconstructor.assert_has_code()
    if "codes" not in arrays or not isinstance(params.get("position"), (int, float)):
        raise InputError("A morph needs the codes of its shapes and a position between them.")
    made = morphed(
        reconstructor,
        arrays["codes"],
        params["position"],
        settings_of(params),
        report,
        is_preview=bool(params.get("preview")),
    )
    info, result = answer_of(made)
    result["vertices"] = result["vertices"].astype(np.float32)
    return {**info, "followed": made.is_followed}, result


def morph_sequence(params: Params, arrays: Arrays, report: Report) -> Answer:
    """Several shapes on the way of `morph`, for meshes that play without a network.

    params: positions (0 to 1 each), shared, and those of `morph`; arrays: `codes`. Answers as
    `sample` does. With shared all shapes have the faces of the first, answered once: its vertices
    go from surface to surface, see `mesh.carry`; vertices is then (N, V, 3) in their order.
    Raises NoSurfaceError, with shared already where one of the shapes has no surface.
    """
    reconstructor = _reconstructor(params, "none")
    reconstructor.assert_has_code()
    positions = params.get("positions")
    if "codes" not in arrays or not isinstance(positions, list) or not positions:
        raise InputError("A morph needs the codes of its shapes and positions between them.")
    codes = [code_at(reconstructor, arrays["codes"], position) for position in positions]
    settings = settings_of(params)
    if not params.get("shared"):
        shapes = shapes_of(reconstructor, codes, settings, report)
        return figures_of_shapes(shapes), joined_meshes(shapes.meshes)
    # Projecting takes about as long as finding the surfaces.
    shapes = shapes_of(reconstructor, codes, settings, part_of(report, 0.0, 0.5))
    steps = with_shared_faces(shapes, positions, part_of(report, 0.5, 1.0))
    return figures_of_shapes(shapes), {
        "vertices": steps.astype(np.float32),
        "faces": shapes.meshes[0].faces.astype(np.int32),
    }


def latent(params: Params, arrays: Arrays, report: Report) -> Answer:
    """The latent (z_dim,) of a seed, or between those of two seeds.

    params: seed; or seed, other_seed and factor (0 to 1): a point between the two samples, by the
    angle that they span; model, folders, device.
    """
    reconstructor = _reconstructor(params, "none")
    values = _latent(params, reconstructor)
    return {"model": reconstructor.description.name}, {"latent": values.astype("float32")}


def _latent(params: Params, reconstructor: Reconstructor) -> NDArray[Any]:
    seeds = [params.get("seed")]
    if params.get("factor"):
        seeds.append(params.get("other_seed"))
    if not all(type(seed) is int for seed in seeds):
        raise InputError("Generating needs a whole number as seed, or two of them to go between.")
    first, *others = [reconstructor.latent(seed) for seed in seeds if seed is not None]
    return between(first, others[0], float(params["factor"])) if others else first


def free(params: Params, arrays: Arrays, report: Report) -> Answer:
    """Forgets all loaded models."""
    from ..pipeline.loaded import forget_models

    forget_models()
    return {}, {}


METHODS: dict[str, Callable[[Params, Arrays, Report], Answer]] = {
    "hello": hello,
    "models": models,
    "reconstruct": reconstruct,
    "write": write,
    "look": look,
    "fetch_cut_out": fetch_cut_out,
    "paint": paint,
    "open_file": open_file,
    "open_picture": open_picture,
    "convert": convert,
    "generate": generate,
    "sample": sample,
    "thumbnails": thumbnails,
    "move": move,
    "morph": morph,
    "morph_sequence": morph_sequence,
    "latent": latent,
    "free": free,
}


def _reconstructor(params: Params, kind: str) -> Reconstructor:
    from ..models.catalogue import default_model
    from ..pipeline.reconstructor import Reconstructor

    folders = folders_of(params)
    model = params.get("model") or default_model(kind, folders).path
    return Reconstructor(model, params.get("device", "auto"), folders)
