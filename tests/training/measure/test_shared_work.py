"""Values that share encoding and surfaces give the meshes that each gives alone."""

from __future__ import annotations

import numpy as np
from tiny_shapes import Sphere, write_shape

from onet_core.models.catalogue import find_model
from onet_core.models.weights import load_weights
from onet_core.pipeline.reconstructor import Reconstructor
from onet_core.settings import Settings
from training.data.conditions import Conditions
from training.data.labelled import read_shape
from training.data.observations import observe
from training.measure.choose import variants_of
from training.measure.generation import in_network_frame
from training.measure.variants import Variants

VALUES = [
    "half_turn=false", "mirrored_points=0", "threshold=0.5", "joined_from=0", "smoothing=0",
    "snap_within=0,0.05", "snap_neighbours=3", "snap_staying=5",
]  # fmt: skip


def test_shared_work_changes_no_mesh(tmp_path) -> None:
    write_shape(tmp_path, "balls", "one", Sphere(0.4), seed=0)
    network, described = load_weights(find_model("points").path)
    compared = variants_of(described, VALUES)
    shape = read_shape(tmp_path, "balls", "one")
    observation = observe(shape, Conditions(count=150, noise=0.02).inputs_of(described))
    settings = Settings(resolution=16, normals=False)
    meshes = list(Variants(network, list(compared.values()), settings, "cpu").meshes(observation))
    for mesh, variant in zip(meshes, compared.values(), strict=True):
        alone = Reconstructor.of_network(network, variant, "cpu").reconstruct(observation, settings)
        expected = in_network_frame(alone)
        np.testing.assert_array_equal(mesh.faces, expected.faces)
        np.testing.assert_allclose(mesh.vertices, expected.vertices, atol=1e-6)
    assert len({mesh.vertices.tobytes() for mesh in meshes}) >= len(VALUES)
