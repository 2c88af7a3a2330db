"""The threshold that suits the user's meshes, through the pipeline that Blender runs."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
from torch import nn

from onet_core.mesh.metrics import mesh_contains, volumetric_iou
from onet_core.models.description import ModelDescription
from onet_core.settings import Settings

from ...data.labelled import list_shapes, read_shape, thinned
from ...data.observations import observe
from ...measure.protocol import spread
from ...measure.variants import Variants

# Among these probabilities that at the surface is chosen.
THRESHOLDS = (0.2, 0.3, 0.4, 0.5, 0.6)
# Of the meshes that choose: a mesh takes seconds for each threshold.
MOST_TO_CHOOSE = 40
LABELS = 20_000


def choosing_shapes(root: Path) -> list[tuple[str, str]]:
    """(category, name) of the meshes that choose, spread over all where there are many."""
    listed = list_shapes(root, "val")
    return [listed[index] for index in spread(len(listed), MOST_TO_CHOOSE)]


def best_threshold(
    network: nn.Module,
    description: ModelDescription,
    root: Path,
    told: Callable[[], None] = lambda: None,
    resolution: int = Settings.resolution,
) -> tuple[float, float]:
    """The probability at the surface with the highest mean IoU of the meshes that are made.

    network: in evaluation mode. told: is called after each shape. Returns the threshold, the
    network's own where others are not better, and that IoU. Meshes are made as Blender makes them,
    smoothed and drawn to the points where the model wants that.
    """
    values = list(dict.fromkeys([description.threshold, *THRESHOLDS]))
    at_each = [description.at(value) for value in values]
    settings = Settings(resolution=resolution, normals=False)
    variants = Variants(network, at_each, settings)
    ious = []
    for category, name in choosing_shapes(root):
        shape = thinned(read_shape(root, category, name), labels=LABELS, surface=LABELS)
        observation = observe(shape, description)
        if observation is None:
            raise ValueError("A network without an input has nothing to choose a threshold by.")
        inside = [mesh_contains(mesh, shape.points) for mesh in variants.meshes(observation)]
        ious.append([float(volumetric_iou(found, shape.occupancies)) for found in inside])
        told()
    means = np.mean(ious, axis=0)
    best = int(means.argmax())
    return values[best], float(means[best])
