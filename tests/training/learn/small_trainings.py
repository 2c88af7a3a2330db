"""Configurations of trainings that take seconds."""

from __future__ import annotations

from pathlib import Path

from training.learn.config import Config, load_config

NETWORK = (
    "model.network={encoder: pointnet_simple, decoder: cbatchnorm, c_dim: 8, z_dim: 0, "
    "encoder_kwargs: {hidden_dim: 8}, decoder_kwargs: {hidden_size: 8}}"
)

VOXEL_NETWORK = {
    "channels": 4,
    "hidden": 8,
    "decoder_hidden": 8,
    "plane_resolution": 8,
    "unet_depth": 2,
    "unet_width": 4,
    "patch": 3,
}


def small(root: Path, output: Path, *more: str) -> Config:
    """Two steps of a small network on the shapes in `root`; more overrides come last."""
    values = {
        "data": {
            "root": root, "categories": "[things]", "points": 64, "input_points": 50, "workers": 0,
        },
        "training": {"batch_size": 2, "max_steps": 2, "validate_every": 2, "pictures": 0},
        "test": {"points_iou": 500},
        "output": {"directory": output},
    }  # fmt: skip
    overrides = [f"{part}.{key}={value}" for part in values for key, value in values[part].items()]
    return load_config("pointcloud/onet", [*overrides, NETWORK, *more])
