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
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..errors import InputError, ModelError, NoSurfaceError
from ..mesh.mesh import Mesh
from ..pipeline.morphing import along, between
from .protocol import Arrays

if TYPE_CHECKING:
    from ..inputs.observation import Observation
    from ..pipeline.reconstructor import Reconstruction, Reconstructor, Settings

# What a runtime has to have beside torch and NumPy, by the names that are imported.
NEEDED = ("scipy", "trimesh", "PIL", "safetensors", "fast_simplification")

Params = Mapping[str, Any]
Report = Callable[[str, float], None]
Answer = tuple[dict[str, Any], Arrays]


def hello(params: Params, arrays: Arrays, report: Report) -> Answer:
    """Versions, devices with their memory in bytes, and which packages the runtime lacks.

    Raises EngineError where torch is.
    """
    import torch

    from .. import __version__

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
    info = {
        "onet": __version__,
        "python": platform.python_version(),
        "executable": sys.executable,
        "torch": torch.__version__,
        "threads": torch.get_num_threads(),
        "devices": devices,
        "missing": [name for name in NEEDED if importlib.util.find_spec(name) is None],
    }
    return info, {}


def _memory() -> dict[str, int]:
    """The machine's memory, where the system tells it without further libraries."""
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
            "error": entry.error,
            "description": entry.description and dataclasses.asdict(entry.description),
        }
        for entry in list_models(_folders(params))
    ]
    return {"models": listed}, {}


def reconstruct(params: Params, arrays: Arrays, report: Report) -> Answer:
    """A mesh of an observation.

    params: kind (image, points, voxels), path (absolute) or arrays (`points` (N, 3); `vertices`
    (V, 3) and `faces` (F, 3) to voxelise; `voxels` (X, Y, Z); `pixels` (H, W, 3 or 4), first row on
    top, and a `mask` (H, W); each may be the bytes of a file instead, `pixels_file` and `mask_file`
    (N,), see `decode_picture`), up_axis, mask (a file), model ("" for the default), folders,
    device, settings (fields of `Settings`), name; for voxels also origin (3,), the lower corner of
    the first cell, and pitch, the edge of a cell, which are else chosen to fill the unit cube;
    crop_outliers: whether stray points are left out; colours: whether those of a file are used;
    fit: a share of the size.

    The array `colours`, (N, 3) of the points or (F, 3, 3) of the triangles' corners, gives the mesh
    colours. Answers with the mesh and, beside what `_answer` tells: left_out, how many points were
    stray; fit, the share (0 to 1) of the points that the mesh is as near to as asked; background
    and the array `seen` (S, S, 3), what was removed from a picture and what was left; the array
    `code`, see `Reconstruction`, where the model has one.
    """
    params, arrays = _loaded(params, arrays)
    arrays, info = _without_strays(params, arrays)
    observation = _observe(params, arrays)
    reconstructor = _reconstructor(params, observation.kind)
    report("load", 0.0)
    made = reconstructor.reconstruct(observation, _settings(params), report)
    told, result = _answer(made)
    if "colours" in arrays:
        result["colours"] = _colours(made.mesh, arrays)
    if "fit" in params and observation.kind == "points":
        from ..mesh.nearest import share_near

        points = observation.frame.to_source(observation.data)
        reach = float(params["fit"]) * observation.frame.scale
        info["fit"] = share_near(points, made.mesh.vertices, made.mesh.faces, reach)
    if observation.kind == "image":
        info["background"], result["seen"] = observation.background, _seen(observation)
    return {**told, **info}, result


def look(params: Params, arrays: Arrays, report: Report) -> Answer:
    """What a network sees of a picture, without asking it: `seen` and background of `reconstruct`.

    params and arrays: as for `reconstruct`. Raises InputError for anything but pictures.
    """
    observation = _observe(params, arrays)
    if observation.kind != "image":
        raise InputError(f"{observation.name or 'The input'} is no picture.")
    return {"background": observation.background}, {"seen": _seen(observation)}


def convert(params: Params, arrays: Arrays, report: Report) -> Answer:
    """Converts an original checkpoint, params source, to weights in the folder target.

    Answers with the name and title of the model. Raises ModelError, also where there is one of that
    name already.
    """
    from ..models.weights import convert_checkpoint

    source = Path(params["source"])
    target = Path(params["target"]) / f"{source.stem}.safetensors"
    if target.exists():
        raise ModelError(f"There is a model {target.name} already: rename the file first.")
    report("load", 0.0)
    made = convert_checkpoint(source, target)
    return {"name": target.stem, "title": made.title, "input_kind": made.input_kind}, {}


def _loaded(params: Params, arrays: Arrays) -> tuple[Params, Arrays]:
    """A file's points or mesh as arrays, where strays are to be left out or it has colours."""
    wanted = params.get("crop_outliers") or params.get("colours")
    if not wanted or "path" not in params or not Path(params["path"]).is_file():
        return params, arrays
    from ..inputs.load import MESH_SUFFIXES, default_up_axis, guess_kind
    from ..inputs.point_clouds import read_point_cloud, read_point_colours
    from ..mesh.files import read_mesh

    path, kind = Path(params["path"]), params.get("kind", "auto")
    kind = guess_kind(path) if kind == "auto" else kind
    found: Arrays = {}
    colours: NDArray[np.uint8] | None = None
    if kind == "points":
        found["points"] = read_point_cloud(path)
        colours = read_point_colours(path) if params.get("colours") else None
    elif kind == "voxels" and params.get("colours") and path.suffix.lower() in MESH_SUFFIXES:
        mesh = read_mesh(path)
        found = {"vertices": mesh.vertices, "faces": mesh.faces}
        colours = None if mesh.colours is None else mesh.colours[mesh.faces]
    if not found or (colours is None and not params.get("crop_outliers")):
        return params, arrays
    if colours is not None:
        found["colours"] = colours
    up_axis = params.get("up_axis")
    if up_axis in (None, "auto"):
        up_axis = default_up_axis(path, kind)
    others = {name: value for name, value in params.items() if name != "path"}
    asked = {**others, "kind": kind, "name": path.name, "up_axis": up_axis}
    return asked, {**arrays, **found}


def _without_strays(params: Params, arrays: Arrays) -> tuple[Arrays, dict[str, Any]]:
    """Leaves out stray points and their colours, where that is asked for; tells how many."""
    if not params.get("crop_outliers") or "points" not in arrays:
        return arrays, {}
    from ..inputs.outliers import stray_points

    stray = stray_points(arrays["points"])
    own = ("points", "colours") if "colours" in arrays else ("points",)
    kept = {name: arrays[name][~stray] for name in own}
    return {**arrays, **kept}, {"left_out": int(np.count_nonzero(stray))}


def _colours(made: Mesh, arrays: Arrays) -> NDArray[np.uint8]:
    """Of each vertex (V, 3), from the nearest place of what was given."""
    from ..mesh.nearest import colours_from_mesh, colours_from_points

    if "points" in arrays:
        return colours_from_points(made.vertices, arrays["points"], arrays["colours"])
    return colours_from_mesh(made.vertices, arrays["vertices"], arrays["faces"], arrays["colours"])


def _seen(observation: Observation) -> NDArray[np.uint8]:
    """A picture as the network gets it, (S, S, 3), first row on top."""
    return np.rint(observation.data.transpose(1, 2, 0) * 255).astype(np.uint8)


def generate(params: Params, arrays: Arrays, report: Report) -> Answer:
    """A new shape from the array `latent` (z_dim,), or from what `latent` makes of the params.

    params: model, folders, device, settings, and those of `latent`. Answers with the mesh and the
    latent that it was made from.
    """
    reconstructor = _reconstructor(params, "none")
    report("load", 0.0)
    values = arrays["latent"] if "latent" in arrays else _latent(params, reconstructor)
    info, result = _answer(reconstructor.generate(values, _settings(params), report))
    return info, {**result, "latent": np.asarray(values, dtype=np.float32)}


def sample(params: Params, arrays: Arrays, report: Report) -> Answer:
    """New shapes of several seeds.

    params: seeds, model, folders, device, settings. Answers with all vertices (V, 3) and faces
    (F, 3), those of each shape counted from 0; vertex_counts and face_counts, one for each seed, 0
    where the seed's shape has no surface; latents (N, z_dim); seconds, evaluations and model.
    Raises InputError where there are no seeds, NoSurfaceError where no seed has a surface.
    """
    seeds = params.get("seeds")
    if not isinstance(seeds, list) or not seeds or not all(type(seed) is int for seed in seeds):
        raise InputError("Generating needs a whole number as seed for each shape.")
    reconstructor = _reconstructor(params, "none")
    report("load", 0.0)
    settings = _settings(params)
    latents = [reconstructor.latent(seed) for seed in seeds]
    meshes, info = _several(reconstructor, latents, settings, report)
    return info, {**_joined(meshes), "latents": np.stack(latents)}


def _several(
    reconstructor: Reconstructor, codes: Sequence[ArrayLike], settings: Settings, report: Report
) -> tuple[list[Mesh], dict[str, Any]]:
    """The meshes of codes, without faces where there is no surface, and what is told about them.

    Raises NoSurfaceError where no code has a surface.
    """
    seconds: dict[str, float] = {}
    evaluations, problem = 0, NoSurfaceError()
    meshes = []
    for number, code in enumerate(codes):
        try:
            made = reconstructor.decode(code, settings, _part_of(report, number, len(codes)))
        except NoSurfaceError as error:
            problem = error
            meshes.append(Mesh(np.empty((0, 3)), np.empty((0, 3), dtype=np.int32)))
            continue
        meshes.append(made.mesh)
        evaluations += made.evaluations
        for name, time in made.seconds.items():
            seconds[name] = seconds.get(name, 0.0) + time
    if not any(len(mesh.faces) for mesh in meshes):
        raise problem
    info = {
        "seconds": seconds,
        "evaluations": evaluations,
        "model": reconstructor.description.name,
        "vertex_counts": [len(mesh.vertices) for mesh in meshes],
        "face_counts": [len(mesh.faces) for mesh in meshes],
    }
    return meshes, info


def _joined(meshes: Sequence[Mesh]) -> Arrays:
    return {
        "vertices": np.concatenate([mesh.vertices for mesh in meshes]).astype(np.float32),
        "faces": np.concatenate([mesh.faces for mesh in meshes]).astype(np.int32),
    }


def _part_of(report: Report, number: int, count: int) -> Report:
    """Progress of one of several shapes as that of the whole."""
    return lambda stage, fraction: report(stage, (number + fraction) / count)


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
    spherical = reconstructor.description.input_kind == "none"
    code = along(arrays["codes"], params["position"], spherical)
    description = reconstructor.description
    looks_for_more = description.faint_from or description.joined_from
    interactive = bool(params.get("preview")) or not looks_for_more
    made = reconstructor.decode(code, _settings(params), report, interactive=interactive)
    info, result = _answer(made)
    result["vertices"] = result["vertices"].astype(np.float32)
    return {**info, "followed": made.is_followed}, result


def morph_sequence(params: Params, arrays: Arrays, report: Report) -> Answer:
    """Several shapes on the way of `morph`, for meshes that play without a network.

    params: positions (0 to 1 each), shared, and those of `morph`; arrays: `codes`. Answers as
    `sample` does. With shared all shapes have the faces of the first, answered once: its vertices
    go from surface to surface by nearest projection, vertices is then (N, V, 3) in their order.
    Raises NoSurfaceError, with shared already where one of the shapes has no surface.
    """
    reconstructor = _reconstructor(params, "none")
    reconstructor.assert_has_code()
    positions = params.get("positions")
    if "codes" not in arrays or not isinstance(positions, list) or not positions:
        raise InputError("A morph needs the codes of its shapes and positions between them.")
    spherical = reconstructor.description.input_kind == "none"
    codes = [along(arrays["codes"], position, spherical) for position in positions]
    shared = bool(params.get("shared"))
    # Projecting takes about as long as finding the surface.
    making = _part_of(report, 0, 2) if shared else report
    meshes, info = _several(reconstructor, codes, _settings(params), making)
    if not shared:
        return info, _joined(meshes)
    if not all(info["face_counts"]):
        missing = positions[info["face_counts"].index(0)]
        raise NoSurfaceError(
            f"There is no surface at {missing:g} of the morph: bake it as meshes, or choose "
            "another threshold."
        )
    from ..mesh.nearest import nearest_on_mesh

    steps = [meshes[0].vertices]
    for number, mesh in enumerate(meshes[1:], start=1):
        report("project", 0.5 + 0.5 * number / len(meshes))
        steps.append(nearest_on_mesh(steps[-1], mesh.vertices, mesh.faces).places)
    return info, {
        "vertices": np.stack(steps).astype(np.float32),
        "faces": meshes[0].faces.astype(np.int32),
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
    from ..pipeline.reconstructor import forget_models

    forget_models()
    return {}, {}


METHODS: dict[str, Callable[[Params, Arrays, Report], Answer]] = {
    "hello": hello,
    "models": models,
    "reconstruct": reconstruct,
    "look": look,
    "convert": convert,
    "generate": generate,
    "sample": sample,
    "morph": morph,
    "morph_sequence": morph_sequence,
    "latent": latent,
    "free": free,
}


def _folders(params: Params) -> list[Path]:
    return [Path(folder) for folder in params.get("folders", [])]


def _settings(params: Params) -> Settings:
    from ..pipeline.reconstructor import Settings

    given = dict(params.get("settings", {}))
    unknown = set(given) - {item.name for item in dataclasses.fields(Settings)}
    if unknown:
        raise InputError(f"There is no setting {', '.join(sorted(unknown))}.")
    return Settings(**given)


def _reconstructor(params: Params, kind: str) -> Reconstructor:
    from ..models.catalogue import default_model
    from ..pipeline.reconstructor import Reconstructor

    folders = _folders(params)
    model = params.get("model") or default_model(kind, folders).path
    return Reconstructor(model, params.get("device", "auto"), folders)


def _observe(params: Params, arrays: Arrays) -> Observation:
    from ..inputs.load import load_observation
    from ..inputs.pictures import decode_picture, mask_of_pixels, prepare_picture
    from ..inputs.point_clouds import prepare_points
    from ..inputs.voxelise import voxelise_mesh
    from ..inputs.voxels import VoxelGrid, prepare_voxels

    name = str(params.get("name", ""))
    up_axis = str(params.get("up_axis", "z"))
    if "path" in params:
        path = Path(params["path"])
        if not path.is_absolute():
            raise InputError(f"{path} is a relative path: give all of it.")
        return load_observation(
            path,
            params.get("kind", "auto"),
            params.get("up_axis"),
            params.get("mask") or None,
        )
    if "points" in arrays:
        return prepare_points(arrays["points"], up_axis, name)
    if "vertices" in arrays and "faces" in arrays:
        return voxelise_mesh(_mesh(arrays, name), up_axis, name)
    if "voxels" in arrays:
        grid = VoxelGrid.of_array(arrays["voxels"], name)
        if "origin" in params and "pitch" in params:
            origin = np.asarray(params["origin"], dtype=np.float64)
            grid = dataclasses.replace(grid, origin=origin, pitch=float(params["pitch"]))
        return prepare_voxels(grid, up_axis, name)
    if "pixels_file" in arrays:
        arrays = {**arrays, "pixels": decode_picture(arrays["pixels_file"], name)}
    if "mask_file" in arrays:
        content = decode_picture(arrays["mask_file"], f"The mask of {name}")
        arrays = {**arrays, "mask": mask_of_pixels(content)}
    if "pixels" in arrays:
        return prepare_picture(arrays["pixels"], arrays.get("mask"), name=name)
    raise InputError("Nothing to reconstruct was given: neither a file nor arrays.")


def _mesh(arrays: Arrays, name: str) -> Mesh:
    """The given mesh; raises InputError where its arrays do not belong together."""
    vertices, faces = arrays["vertices"], arrays["faces"]
    fits = (
        vertices.ndim == 2
        and vertices.shape[1] == 3
        and faces.ndim == 2
        and faces.shape[1] == 3
        and faces.dtype.kind in "iu"
    )
    if not fits or (faces.size and not 0 <= faces.min() <= faces.max() < len(vertices)):
        raise InputError(f"{name or 'The mesh'} has faces of other vertices than it has.")
    return Mesh(vertices, faces)


def _answer(made: Reconstruction) -> Answer:
    info = {
        "seconds": made.seconds,
        "evaluations": made.evaluations,
        "model": made.model,
        "matrix": made.frame.matrix.tolist(),
        "up_axis": made.frame.up_axis,
        "mirrored": made.is_mirrored,
    }
    arrays: Arrays = {
        "vertices": made.mesh.vertices,
        "faces": np.asarray(made.mesh.faces, dtype=np.int32),
    }
    if made.mesh.normals is not None:
        arrays["normals"] = made.mesh.normals
    if made.mesh.colours is not None:
        arrays["colours"] = made.mesh.colours
    if made.code is not None:
        arrays["code"] = made.code
    return info, arrays
