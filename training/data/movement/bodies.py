"""People that move: the parametric body of the package `anny` (Apache-2.0, its data CC0).

`anny` is no dependency of this project: `pip install anny` where movements are made.
"""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from onet_core.errors import OnetError

from .bends import smooth_way

# How far bones turn between two poses, as the deviation of a rotation vector in degrees.
_TURNS = {
    "upperarm01": 32.0, "lowerarm01": 32.0, "wrist": 15.0, "clavicle": 7.0, "upperleg01": 24.0,
    "lowerleg01": 26.0, "foot": 12.0, "spine": 6.0, "neck": 6.0, "head": 10.0, "shoulder01": 7.0,
    "finger": 8.0, "root": 12.0,
}  # fmt: skip
_FEWEST_FACES_OF_THE_SKIN = 10_000


@dataclass(frozen=True, eq=False)
class Moving:
    """A mesh whose vertices move.

    vertices: (T, V, 3), y up, the first step's longest edge 1 and its middle the origin.
    faces: (F, 3).
    """

    vertices: NDArray[np.float64]
    faces: NDArray[np.int64]


@lru_cache(maxsize=1)
def _body() -> tuple[Any, NDArray[np.int64]]:
    """The model and the faces of its skin, without the insides of eyes and mouth."""
    try:
        anny = importlib.import_module("anny")
    except ImportError as error:
        raise OnetError("Movements of people need the package anny: pip install anny.") from error
    import trimesh

    model = anny.Anny().to(torch.float32)
    faces = np.asarray(model.faces, dtype=np.int64)
    labels = trimesh.graph.connected_component_labels(
        trimesh.Trimesh(np.zeros((faces.max() + 1, 3)), faces, process=False).face_adjacency,
        node_count=len(faces),
    )
    largest = np.bincount(labels).argmax()
    skin = faces[labels == largest]
    assert len(skin) > _FEWEST_FACES_OF_THE_SKIN
    return model, skin


def moving_body(rng: np.random.Generator, steps: int) -> Moving:
    """A person of any build that goes through two or three poses in so many steps."""
    model, faces = _body()
    names = list(model.bone_labels)
    deviations = np.array([_turn_of(name) for name in names])
    poses = [np.radians(rng.normal(size=(len(names), 3)) * deviations[:, None])]
    for _ in range(int(rng.integers(1, 3))):
        poses.append(np.radians(rng.normal(size=(len(names), 3)) * deviations[:, None]))
    way = smooth_way(np.stack(poses), steps)
    matrices = np.tile(np.eye(4, dtype=np.float32), (steps, len(names), 1, 1))
    turned = Rotation.from_rotvec(way.reshape(-1, 3)).as_matrix()
    matrices[:, :, :3, :3] = turned.reshape(steps, len(names), 3, 3)
    build = {name: float(rng.uniform(0.1, 0.9)) for name in model.phenotype_labels}
    with torch.no_grad():
        made = model(pose_parameters=torch.from_numpy(matrices), phenotype_kwargs=build)
    upright = made["vertices"].double().numpy()[:, :, [0, 2, 1]] * [-1, 1, 1]
    used, faces = np.unique(faces, return_inverse=True)
    return normalised(upright[:, used], faces.reshape(-1, 3))


def normalised(vertices: NDArray[np.float64], faces: NDArray[np.int64]) -> Moving:
    """The movement (T, V, 3) in the network's frame, by its first step."""
    low, high = vertices[0].min(0), vertices[0].max(0)
    return Moving((vertices - (low + high) / 2) / (high - low).max(), faces)


def _turn_of(bone: str) -> float:
    return next((turn for name, turn in _TURNS.items() if bone.startswith(name)), 0.0)
