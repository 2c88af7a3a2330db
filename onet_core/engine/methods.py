"""What the worker can be asked for. Each method takes plain values and arrays and returns both.

torch and everything that needs it is imported when a method is first used, so that the worker
itself starts at once.
"""

from __future__ import annotations

import dataclasses
import platform
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import InputError
from ..mesh import Mesh
from .protocol import Arrays

if TYPE_CHECKING:
    from ..inputs.observation import Observation
    from ..reconstructor import Reconstruction, Reconstructor, Settings

Params = Mapping[str, Any]
Report = Callable[[str, float], None]
Answer = tuple[dict[str, Any], Arrays]


def hello(params: Params, arrays: Arrays, report: Report) -> Answer:
    """Versions and devices."""
    import torch

    from .. import __version__

    devices = [{"name": "cpu", "title": platform.processor() or platform.machine()}]
    for i in range(torch.cuda.device_count()):
        free, total = torch.cuda.mem_get_info(i)
        devices.append({
            "name": f"cuda:{i}", "title": torch.cuda.get_device_name(i),
            "free_bytes": free, "total_bytes": total,
        })
    if torch.backends.mps.is_available():
        devices.append({"name": "mps", "title": "Apple GPU"})
    info = {
        "onet": __version__, "python": platform.python_version(), "executable": sys.executable,
        "torch": torch.__version__, "threads": torch.get_num_threads(), "devices": devices,
    }
    return info, {}


def models(params: Params, arrays: Arrays, report: Report) -> Answer:
    """The catalogue: shipped models and those in `folders`."""
    from ..models.catalogue import list_models

    listed = [
        {
            "name": entry.name, "path": str(entry.path), "error": entry.error,
            "description": entry.description and dataclasses.asdict(entry.description),
        }
        for entry in list_models(_folders(params))
    ]
    return {"models": listed}, {}


def reconstruct(params: Params, arrays: Arrays, report: Report) -> Answer:
    """A mesh of an observation.

    params: kind (image, points, voxels), path or arrays (`points` (N, 3); `vertices` (V, 3) and
    `faces` (F, 3) to voxelise; `voxels` (X, Y, Z); `pixels` (H, W, 3 or 4), first row on top),
    up_axis, mask (a file), model ("" for the default), folders, device, settings, name.
    """
    observation = _observe(params, arrays)
    reconstructor = _reconstructor(params, observation.kind)
    report("load", 0.0)
    return _answer(reconstructor.reconstruct(observation, _settings(params), report))


def generate(params: Params, arrays: Arrays, report: Report) -> Answer:
    """A new shape from `latent` (z_dim,), or from the seed or seeds in params.

    params: seed; or seed, other_seed and factor: a point between the two samples, by the angle that
    they span; model, folders, device, settings.
    """
    import numpy as np

    reconstructor = _reconstructor(params, "none")
    report("load", 0.0)
    if "latent" in arrays:
        latent = arrays["latent"]
    else:
        latent = reconstructor.latent(int(params["seed"]))
        if params.get("factor"):
            other = reconstructor.latent(int(params["other_seed"]))
            latent = between(latent, other, float(params["factor"]))
    info, result = _answer(reconstructor.generate(latent, _settings(params), report))
    return info, {**result, "latent": np.asarray(latent, dtype=np.float32)}


def between(first: Any, second: Any, factor: float) -> Any:
    """The point at `factor` (0 to 1) between two latents (D,).

    Directions turn evenly and lengths change evenly: samples of a normal distribution in many
    dimensions lie near a sphere, and a straight line would cut through its empty inside.
    """
    import numpy as np

    first, second = np.asarray(first, dtype=np.float64), np.asarray(second, dtype=np.float64)
    lengths = np.linalg.norm(first), np.linalg.norm(second)
    cosine = float(np.clip(first @ second / max(lengths[0] * lengths[1], 1e-12), -1, 1))
    angle = np.arccos(cosine)
    if np.sin(angle) < 1e-6:
        return (1 - factor) * first + factor * second
    direction = (
        np.sin((1 - factor) * angle) * first / lengths[0]
        + np.sin(factor * angle) * second / lengths[1]
    ) / np.sin(angle)
    return direction * ((1 - factor) * lengths[0] + factor * lengths[1])


def free(params: Params, arrays: Arrays, report: Report) -> Answer:
    """Forgets all loaded models."""
    from ..reconstructor import forget_models

    forget_models()
    return {}, {}


METHODS: dict[str, Callable[[Params, Arrays, Report], Answer]] = {
    "hello": hello,
    "models": models,
    "reconstruct": reconstruct,
    "generate": generate,
    "free": free,
}


def _folders(params: Params) -> list[Path]:
    return [Path(folder) for folder in params.get("folders", [])]


def _settings(params: Params) -> Settings:
    from ..reconstructor import Settings

    given = dict(params.get("settings", {}))
    unknown = set(given) - {item.name for item in dataclasses.fields(Settings)}
    if unknown:
        raise InputError(f"There is no setting {', '.join(sorted(unknown))}.")
    return Settings(**given)


def _reconstructor(params: Params, kind: str) -> Reconstructor:
    from ..models.catalogue import default_model
    from ..reconstructor import Reconstructor

    folders = _folders(params)
    model = params.get("model") or default_model(kind, folders).path
    return Reconstructor(model, params.get("device", "auto"), folders)


def _observe(params: Params, arrays: Arrays) -> Observation:
    from ..inputs.load import load_observation
    from ..inputs.pictures import prepare_picture
    from ..inputs.point_clouds import prepare_points
    from ..inputs.voxelise import voxelise_mesh
    from ..inputs.voxels import VoxelGrid, prepare_voxels

    name = str(params.get("name", ""))
    up_axis = str(params.get("up_axis", "z"))
    if "path" in params:
        return load_observation(
            Path(params["path"]), params.get("kind", "auto"), params.get("up_axis"),
            params.get("mask") or None,
        )
    if "points" in arrays:
        return prepare_points(arrays["points"], up_axis, name)
    if "vertices" in arrays and "faces" in arrays:
        return voxelise_mesh(Mesh(arrays["vertices"], arrays["faces"]), up_axis, name)
    if "voxels" in arrays:
        return prepare_voxels(VoxelGrid.of_array(arrays["voxels"], name), up_axis, name)
    if "pixels" in arrays:
        return prepare_picture(arrays["pixels"], arrays.get("mask"), name=name)
    raise InputError("Nothing to reconstruct was given: neither a file nor arrays.")


def _answer(made: Reconstruction) -> Answer:
    import numpy as np

    info = {
        "seconds": made.seconds, "evaluations": made.evaluations, "model": made.model,
        "matrix": made.frame.matrix.tolist(),
    }
    arrays: Arrays = {
        "vertices": made.mesh.vertices, "faces": np.asarray(made.mesh.faces, dtype=np.int32)
    }
    if made.mesh.normals is not None:
        arrays["normals"] = made.mesh.normals
    if made.mesh.colours is not None:
        arrays["colours"] = made.mesh.colours
    return info, arrays
