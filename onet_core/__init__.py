"""Occupancy Networks: pictures, point clouds and coarse voxels to clean meshes.

Importing this package imports neither torch nor NumPy; the names below load what they need when
they are first used.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .errors import (
        Cancelled,
        DeviceError,
        EngineError,
        InputError,
        ModelError,
        NoSurfaceError,
        OnetError,
    )
    from .inputs.frame import Frame
    from .inputs.load import load_observation
    from .inputs.observation import Observation
    from .mesh.files import read_mesh, write_mesh
    from .mesh.mesh import Mesh
    from .pipeline.reconstructor import Reconstruction, Reconstructor
    from .settings import Settings

__version__ = "0.2.0"

__all__ = [
    "Cancelled",
    "DeviceError",
    "EngineError",
    "Frame",
    "InputError",
    "Mesh",
    "ModelError",
    "NoSurfaceError",
    "Observation",
    "OnetError",
    "Reconstruction",
    "Reconstructor",
    "Settings",
    "load_observation",
    "read_mesh",
    "write_mesh",
]

_HOMES = {
    "Frame": "inputs.frame",
    "Mesh": "mesh.mesh",
    "Observation": "inputs.observation",
    "Reconstruction": "pipeline.reconstructor",
    "Reconstructor": "pipeline.reconstructor",
    "Settings": "settings",
    "load_observation": "inputs.load",
    "read_mesh": "mesh.files",
    "write_mesh": "mesh.files",
}


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f".{_HOMES.get(name, 'errors')}", __name__), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
