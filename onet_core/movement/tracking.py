"""A mesh that follows clouds from frame to frame."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from ..mesh.mesh import Mesh
from .fit import FitSettings, Places, Samples, distances_to, fitted, moved_samples
from .frames import FAR
from .graph import Graph, Pose, graph_of, moved


class Velocity(Protocol):
    """Guesses how places of a surface move to the next cloud."""

    def __call__(
        self, before: Places, after: Places, places: Places, velocity: Places | None
    ) -> Places:
        """How far places (K, 3) of the surface of a cloud (N, 3) move to reach the next one
        (M, 3), (K, 3); velocity: the step before, None where there is none."""


@dataclass(frozen=True)
class TrackSettings:
    """How a mesh follows.

    nodes: that carry the mesh.
    samples, soft_samples: places of the mesh that feel the points, and of them at first.
    points: of a cloud that are looked at.
    momentum: how much of a step's velocity the next one is expected to have.
    """

    nodes: int = 150
    samples: int = 4000
    soft_samples: int = 600
    points: int = 3000
    momentum: float = 0.7
    fit: FitSettings = field(default_factory=FitSettings)


@dataclass(frozen=True, eq=False)
class Track:
    """What came of it.

    vertices: (T, V, 3), of the mesh at each frame.
    misses: (T,) how far the clouds' points are from the mesh, nine of ten of them.
    """

    vertices: NDArray[np.float32]
    misses: NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class _State:
    """Where the nodes are at a frame, and how far they have come since the one before."""

    pose: Pose
    frame: int
    step: Places | None


def tracked(
    mesh: Mesh,
    clouds: Sequence[Places],
    reference: int,
    how: TrackSettings | None = None,
    velocity: Velocity | None = None,
    progress: Callable[[float], None] | None = None,
) -> Track:
    """The mesh of the frame `reference` at all frames, whose clouds (N, 3) it goes through.

    All is in the network's frame, where the shape's longest edge is 1. progress: is called with the
    share that is done; may raise `Cancelled`.
    """
    how = how or TrackSettings()
    rng = np.random.default_rng(0)
    clouds = [_some(np.asarray(cloud, dtype=np.float64), how.points, rng) for cloud in clouds]
    graph = graph_of(mesh.vertices, mesh.faces, how.nodes)
    samples = _samples(graph, mesh, how.samples, rng)
    soft = samples.only(np.arange(min(how.soft_samples, len(samples.places))))
    places = np.asarray(mesh.vertices, dtype=np.float64)
    vertices = np.empty((len(clouds), len(places), 3), dtype=np.float32)
    misses = np.zeros(len(clouds))

    def keep(frame: int, pose: Pose) -> None:
        vertices[frame] = moved(graph, pose, places, graph.carriers, graph.weights)
        misses[frame] = _miss(moved_samples(graph, pose, samples), clouds[frame])

    def followed(state: _State, frame: int) -> _State:
        guess = _guess(
            clouds[state.frame], clouds[frame], state.pose.places, state.step, how, velocity
        )
        begun = _carried_on(graph, state.pose, guess)
        found = fitted(graph, samples, soft, begun, clouds[frame], how.fit)
        return _State(found, frame, found.places - state.pose.places)

    start = Pose.at_rest(graph)
    keep(reference, start)
    done = 1
    for way in (range(reference + 1, len(clouds)), range(reference - 1, -1, -1)):
        state = reached = _State(start, reference, None)
        for frame in way:
            if progress is not None:
                progress(done / len(clouds))
            lost = state
            state = followed(state, frame)
            keep(frame, state.pose)
            if lost is not reached and misses[frame] > FAR:
                # What led astray at the frame before may be gone.
                astray, miss = state, misses[frame]
                state = followed(reached, frame)
                keep(frame, state.pose)
                if misses[frame] > miss:
                    state = astray
                    keep(frame, state.pose)
            if misses[frame] <= FAR:
                reached = state
            done += 1
    return Track(vertices, misses)


def _some(points: Places, count: int, rng: np.random.Generator) -> Places:
    """At most so many of the points, mixed."""
    return points[rng.permutation(len(points))[:count]]


def _samples(graph: Graph, mesh: Mesh, count: int, rng: np.random.Generator) -> Samples:
    """Places spread over the mesh's faces by area, mixed."""
    vertices = np.asarray(mesh.vertices, dtype=np.float64)
    corners = vertices[mesh.faces]
    normals = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    areas = np.linalg.norm(normals, axis=1)
    chosen = rng.choice(len(areas), count, p=areas / areas.sum())
    shares = rng.dirichlet((1, 1, 1), count)
    places = np.einsum("nkc,nk->nc", corners[chosen], shares)
    # Each has the nodes of the corner nearest to it.
    corner = mesh.faces[chosen, shares.argmax(1)]
    return Samples(
        places,
        normals[chosen] / areas[chosen, None],
        graph.carriers[corner],
        graph.weights[corner],
    )


def _guess(
    before: Places,
    after: Places,
    places: Places,
    last: Places | None,
    how: TrackSettings,
    velocity: Velocity | None,
) -> Places:
    """How far the nodes move to the next frame, (K, 3), before its points are looked at closely."""
    if velocity is not None:
        return velocity(before, after, places, last)
    guess = np.zeros_like(places) if last is None else how.momentum * last
    # A shape that jumps as a whole is met where it is now.
    jump = np.broadcast_to(after.mean(0) - before.mean(0), places.shape)
    missed = [distances_to(places + step, after[:1000]).mean() for step in (guess, jump)]
    return jump if missed[1] < 0.8 * missed[0] else guess


def _carried_on(graph: Graph, pose: Pose, step: Places) -> Pose:
    """A pose whose nodes have moved by (K, 3), and turned with their neighbours."""
    places = pose.places + step
    first, second = graph.edges.T
    rest = graph.nodes[second] - graph.nodes[first]
    now = places[second] - places[first]
    arms = np.einsum("eij,ej->ei", pose.rotations[first], rest)
    both = np.zeros((len(places), 3, 3))
    np.add.at(both, first, now[:, :, None] * arms[:, None, :])
    # Nearly no turn where neighbours do not tell it.
    both += 1e-3 * graph.spacing**2 * np.eye(3)
    left, _, right = np.linalg.svd(both)
    left[:, :, -1] *= np.sign(np.linalg.det(left @ right))[:, None]
    turns = left @ right
    return Pose(Rotation.from_matrix(turns).as_matrix() @ pose.rotations, places)


def _miss(samples: Places, points: Places) -> float:
    return float(np.quantile(distances_to(samples, points), 0.9))
