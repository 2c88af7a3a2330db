"""A mesh follows clouds of movements that are known."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from onet_core.errors import Cancelled, InputError
from onet_core.mesh.mesh import Mesh
from onet_core.movement.frames import FAR, notes_of, usable
from onet_core.movement.graph import Pose, graph_of, moved
from onet_core.movement.tracking import TrackSettings, tracked

# Fewer nodes than in earnest: the shapes are simple.
QUICK = TrackSettings(nodes=50, samples=1500, soft_samples=300)
Places = NDArray[np.float64]


def rod(rings: int = 33, around: int = 16) -> Mesh:
    """A closed flat rod along x, 1 long, 0.2 wide and 0.08 thick: its turns in itself are seen."""
    along = np.linspace(-0.5, 0.5, rings)
    angles = np.arange(around) / around * 2 * np.pi
    circle = np.stack([0.1 * np.cos(angles), 0.04 * np.sin(angles)], axis=1)
    rows = [np.column_stack([np.full(around, x), circle]) for x in along]
    vertices = np.concatenate([*rows, [[-0.5, 0, 0], [0.5, 0, 0]]])
    faces = []
    for ring in range(rings - 1):
        for k in range(around):
            a, b = ring * around + k, ring * around + (k + 1) % around
            faces += [[a, a + around, b], [b, a + around, b + around]]
    left, right = len(vertices) - 2, len(vertices) - 1
    for k in range(around):
        following, last = (k + 1) % around, (rings - 1) * around
        faces += [[left, k, following], [right, last + following, last + k]]
    return Mesh(vertices, np.array(faces))


def bent(places: Places, turn: float) -> Places:
    """The half of a rod beyond its middle turned about the z axis, over a soft joint."""
    share = np.clip(places[:, 0] / 0.2 + 0.5, 0, 1)
    angles = np.zeros((len(places), 3))
    angles[:, 2] = turn * share * share * (3 - 2 * share)
    return np.asarray(Rotation.from_rotvec(angles).apply(places))


def surface_points(mesh: Mesh, count: int, seed: int) -> Places:
    rng = np.random.default_rng(seed)
    corners = mesh.vertices[mesh.faces]
    areas = np.linalg.norm(
        np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]), axis=1
    )
    chosen = rng.choice(len(areas), count, p=areas / areas.sum())
    return np.einsum("nkc,nk->nc", corners[chosen], rng.dirichlet((1, 1, 1), count))


def test_a_rod_bends_by_as_much_as_its_points_do() -> None:
    mesh = rod()
    turns = np.linspace(0, 1.2, 7)
    truth = [bent(mesh.vertices, turn) for turn in turns]
    # Others at each frame, and of other numbers.
    clouds = [
        surface_points(Mesh(places, mesh.faces), 400 + 20 * number, number)
        for number, places in enumerate(truth)
    ]
    seen: list[float] = []
    track = tracked(mesh, clouds, 0, QUICK, progress=seen.append)
    assert track.vertices.shape == (7, len(mesh.vertices), 3)
    np.testing.assert_allclose(track.vertices[0], mesh.vertices, atol=1e-6)
    missed = np.linalg.norm(track.vertices - np.stack(truth), axis=2).mean(1)
    stayed = np.linalg.norm(truth[-1] - truth[0], axis=1).mean()
    assert stayed > 0.1
    assert missed.max() < 0.02
    assert seen == sorted(seen)
    assert (track.misses < 0.04).all()


def test_what_moves_as_a_whole_is_met_wherever_it_is() -> None:
    mesh = rod(9, 8)
    shift, turn = np.array([2.0, -1.0, 0.5]), Rotation.from_rotvec([0, 0, 0.2])
    there = np.asarray(turn.apply(mesh.vertices) + shift)
    clouds = [surface_points(mesh, 500, 0), surface_points(Mesh(there, mesh.faces), 500, 1)]
    track = tracked(mesh, clouds, 0, QUICK)
    assert np.linalg.norm(track.vertices[1] - there, axis=1).mean() < 0.02


def test_both_ways_from_the_reference() -> None:
    mesh = rod(17, 8)
    turns = (-0.4, -0.2, 0.0, 0.2, 0.4)
    truth = [bent(mesh.vertices, turn) for turn in turns]
    clouds = [surface_points(Mesh(p, mesh.faces), 400, n) for n, p in enumerate(truth)]
    track = tracked(mesh, clouds, 2, QUICK)
    missed = np.linalg.norm(track.vertices - np.stack(truth), axis=2).mean(1)
    assert missed.max() < 0.02
    again = tracked(mesh, clouds, 2, QUICK)
    np.testing.assert_array_equal(track.vertices, again.vertices)


def test_one_frame_of_something_else_does_not_lead_the_others_astray() -> None:
    mesh = rod(17, 8)
    truth = [bent(mesh.vertices, turn) for turn in (0.0, 0.15, 0.3, 0.45, 0.6)]
    clouds = [surface_points(Mesh(p, mesh.faces), 400, n) for n, p in enumerate(truth)]
    apart = np.random.default_rng(0).normal(size=(400, 3)) * 0.1
    clouds[2] = apart + np.where(np.arange(400)[:, None] % 2, [0, 1.5, 0], [0, -1.5, 0])
    track = tracked(mesh, clouds, 0, QUICK)
    missed = np.linalg.norm(track.vertices - np.stack(truth), axis=2).mean(1)
    assert missed[[1, 3, 4]].max() < 0.02
    assert track.misses[2] > 0.1
    assert track.misses[[1, 3, 4]].max() < FAR


def test_it_can_be_stopped() -> None:
    def stop(fraction: float) -> None:
        raise Cancelled

    mesh = rod(9, 8)
    with pytest.raises(Cancelled):
        tracked(mesh, [surface_points(mesh, 100, n) for n in range(3)], 0, QUICK, progress=stop)


def test_a_rigid_pose_moves_a_mesh_rigidly() -> None:
    mesh = rod(9, 8)
    graph = graph_of(mesh.vertices, mesh.faces, 20)
    np.testing.assert_allclose(graph.weights.sum(1), 1)
    turn = Rotation.from_rotvec([0.3, -0.2, 0.9])
    pose = Pose(np.tile(turn.as_matrix(), (len(graph.nodes), 1, 1)), turn.apply(graph.nodes) + 3)
    found = moved(graph, pose, mesh.vertices, graph.carriers, graph.weights)
    np.testing.assert_allclose(found, turn.apply(mesh.vertices) + 3, atol=1e-9)


def test_nodes_carry_a_mesh_without_a_seam() -> None:
    """However nodes move, vertices beside each other have nearly the same weights of each."""
    mesh = rod(129, 64)
    graph = graph_of(mesh.vertices, mesh.faces, 20)
    weights = np.zeros((len(mesh.vertices), len(graph.nodes)))
    np.put_along_axis(weights, graph.carriers, graph.weights, axis=1)
    start, end = mesh.faces[:, 0], mesh.faces[:, 1]
    lengths = np.linalg.norm(mesh.vertices[start] - mesh.vertices[end], axis=1) / graph.spacing
    jumps = np.abs(weights[start] - weights[end]).max(1)
    assert (jumps < 4 * lengths + 0.01).all()


def test_parts_that_nothing_joins_move_too() -> None:
    mesh = rod(9, 8)
    small = Mesh(mesh.vertices * 0.3 + [0, 0.3, 0], mesh.faces)
    both = Mesh(
        np.concatenate([mesh.vertices, small.vertices]),
        np.concatenate([mesh.faces, small.faces + len(mesh.vertices)]),
    )
    there = both.vertices + np.array([0.05, 0.02, 0])
    clouds = [surface_points(both, 600, 0), surface_points(Mesh(there, both.faces), 600, 1)]
    track = tracked(both, clouds, 0, QUICK)
    for part in np.split(track.vertices[1] - there, 2):
        np.testing.assert_allclose(part.mean(0), 0, atol=0.01)


def test_frames_without_points_are_left_out_and_named() -> None:
    full, empty = np.random.default_rng(0).normal(size=(60, 3)), np.empty((0, 3))
    used = usable([full, empty, full, full[:10]], [1, 3, 5, 7], 5)
    assert used == [0, 2]
    (note,) = notes_of([1, 3, 5, 7], used, np.array([0.01, 0.01]))
    assert str(note) == "Frames with fewer than 50 points were left out: 3, 7"


def test_frames_that_the_mesh_does_not_reach_are_named() -> None:
    misses = np.array([0.01, 0.012, 0.2, 0.011])
    (note,) = notes_of([10, 20, 30, 40], [0, 1, 2, 3], misses)
    assert str(note).endswith("a sudden change perhaps: 30")


@pytest.mark.parametrize(
    ("counts", "frames", "reference", "message"),
    [
        ([60], [1], 1, "two frames or more"),
        ([60, 60], [1, 2], 3, "Frame 3.* is not among"),
        ([0, 60], [1, 2], 1, "Frame 1.* has 0 points and needs 50"),
        ([60, 0, 3], [1, 2, 3], 1, "Only frame 1 has 50 points"),
    ],
)
def test_frames_that_are_no_movement(
    counts: list[int], frames: list[int], reference: int, message: str
) -> None:
    with pytest.raises(InputError, match=message):
        usable([np.zeros((count, 3)) for count in counts], frames, reference)


def test_places_that_are_no_numbers() -> None:
    with pytest.raises(InputError, match="points of frame 2 are no places"):
        usable([np.zeros((60, 3)), np.full((60, 3), np.nan)], [1, 2], 1)
