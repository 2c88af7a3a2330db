"""Ways from 17 clouds of a moving shape to 17 meshes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import load_file

from onet_core.inputs.point_clouds import prepare_points
from onet_core.mesh.carry import Carrier
from onet_core.mesh.mesh import Mesh
from onet_core.movement.tracking import TrackSettings, Velocity, tracked
from onet_core.pipeline.reconstructor import Reconstructor
from onet_core.settings import Settings

from ...learn.movement.network import FlowNetwork

Places = NDArray[np.float64]
_MOST_POINTS = 400
# Stiffness, weight of landmarks (there are none) and of normals, and rounds: the library's own
# weights, and three rounds instead of ten, which take a minute and a half for each movement.
_AMBERG = ((0.01, 10, 0.5, 3), (0.02, 5, 0.5, 3), (0.03, 2.5, 0.5, 3), (0.01, 0, 0.0, 3))


@dataclass(frozen=True, eq=False)
class Found:
    """What a way makes.

    meshes: of each step. paths: (T, V, 3) of the first mesh's vertices, None where a way has none.
    """

    meshes: list[Mesh]
    paths: NDArray[np.floating] | None = None


def of_paths(mesh: Mesh, paths: NDArray[np.floating]) -> Found:
    """A way's result whose meshes have the first one's faces."""
    return Found([Mesh(places, mesh.faces) for places in paths], paths)


def reconstructed(points: Places, reconstructor: Reconstructor, settings: Settings) -> Mesh:
    """The mesh of one cloud (N, 3), y up, in the cloud's coordinates."""
    made = reconstructor.reconstruct(prepare_points(points, "y"), settings)
    return made.mesh


def carried_along(meshes: Sequence[Mesh], steps: Sequence[int]) -> Found:
    """The first mesh's vertices, drawn to the surfaces of the others in turn.

    steps: whose meshes these are; in between nothing moves.
    """
    carrier = Carrier(meshes[0].vertices, meshes[0].faces)
    paths, now = [], carrier.places
    for step in range(steps[-1] + 1):
        if step in steps[1:]:
            mesh = meshes[list(steps).index(step)]
            now = carrier.onto(mesh.vertices, mesh.faces)
        paths.append(now)
    return of_paths(meshes[0], np.stack(paths))


def registered(
    mesh: Mesh, clouds: Sequence[Places], how: TrackSettings, velocity: Velocity | None = None
) -> Found:
    """The way that ships, or with another guess than momentum before each step."""
    return of_paths(mesh, tracked(mesh, clouds, 0, how, velocity).vertices)


def nearest_registered(mesh: Mesh, clouds: Sequence[Places]) -> Found:
    """Non-rigid nearest-point registration of another library, each step to the next.

    That of trimesh, after Amberg et al. 2007, with its own weights.
    """
    import trimesh

    now = trimesh.Trimesh(mesh.vertices, mesh.faces, process=False)
    paths = [np.asarray(now.vertices)]
    for cloud in clouds[1:]:
        # A mesh without faces: it fails for point clouds, whatever its page says.
        target = trimesh.Trimesh(np.asarray(cloud, dtype=np.float64), process=False)
        now.vertices = trimesh.registration.nricp_amberg(now, target, steps=_AMBERG)
        paths.append(np.array(now.vertices))
    return of_paths(mesh, np.stack(paths))


class Learned:
    """The network's guess, a `Velocity`."""

    def __init__(self, weights: Path) -> None:
        self._network = FlowNetwork().eval()
        state = {name: value.float() for name, value in load_file(weights).items()}
        self._network.load_state_dict(state)

    @torch.no_grad()
    def __call__(
        self, before: Places, after: Places, places: Places, velocity: Places | None
    ) -> Places:
        """See `Velocity`."""
        clouds = [self._network.encode(_batch(one[:_MOST_POINTS])) for one in (before, after)]
        last = np.zeros_like(places) if velocity is None else velocity
        known = torch.full((1, 1), float(velocity is not None))
        move = self._network(*clouds, _batch(places), _batch(last), known)
        return np.asarray(move[0].double().numpy())


def _batch(places: Places) -> torch.Tensor:
    return torch.from_numpy(np.asarray(places, dtype=np.float32))[None]
