"""Writes models whose surface is known: `python tests/known_models.py FOLDER NAME...`.

Run by the runtime's Python for tests that run in Blender's, where there is no torch.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import torch

from onet_core.models.build import build_network
from onet_core.models.description import ModelDescription
from onet_core.models.weights import save_weights

SIMPLE = {"decoder": "simple", "decoder_kwargs": {"hidden_size": 16}}
POINTNET = {"encoder": "pointnet_simple", "encoder_kwargs": {"hidden_dim": 8}, "c_dim": 4}
# Name -> kind of input, network. Whatever these are given, their shape is a cube, inside where the
# largest |coordinate| is below 0.3.
CUBES: dict[str, tuple[str, dict[str, Any]]] = {
    "cube_points": ("points", {**SIMPLE, **POINTNET}),
    "cube_voxels": ("voxels", {**SIMPLE, "encoder": "voxel_simple", "c_dim": 4}),
    "cube_picture": ("image", {**SIMPLE, "encoder": "resnet18", "c_dim": 4}),
    "cube_seed": ("none", {**SIMPLE, "c_dim": 0, "z_dim": 4}),
}
# A cube whose half edge is 0.05 (5 + z[0]).
SIZED = "sized"


def write(folder: Path, name: str) -> Path:
    """Writes the model of that name; returns the path of its file."""
    kind, network = CUBES.get(name, ("none", {**SIMPLE, "c_dim": 0, "z_dim": 2}))
    description = ModelDescription(name, name, "occupancy_network", kind, network, threshold=0.5)
    made = build_network(description)
    state = made.state_dict()
    for key, value in state.items():
        if key.startswith("decoder."):
            value.zero_()
    # logit = 1 - sum of relu(+-40 p - 11), zero where a coordinate is +-0.3;
    # for the other, 1 - sum of relu(+-100 p - 24 - 5 z[0]).
    steep, offset = (100.0, -24.0) if name == SIZED else (40.0, -11.0)
    state["decoder.fc_p.weight"][:6] = steep * torch.cat([torch.eye(3), -torch.eye(3)])
    state["decoder.fc_p.bias"][:6] = offset
    state["decoder.fc_out.weight"][0, :6] = -1
    state["decoder.fc_out.bias"][0] = 1
    if name == SIZED:
        state["decoder.fc_z.weight"][:6, 0] = -5.0
    made.load_state_dict(state)
    path = folder / f"{name}.safetensors"
    save_weights(path, made, description)
    return path


if __name__ == "__main__":
    for wanted in sys.argv[2:]:
        write(Path(sys.argv[1]), wanted)
