"""The table of marching cubes against PyMCubes and against what it must hold by geometry."""

from __future__ import annotations

import numpy as np
import pytest

from onet_core.surface.cube_cases import (
    CORNERS,
    EDGE_AXIS,
    EDGE_CORNERS,
    TRIANGLE_COUNTS,
    TRIANGLES,
    cuts_of_polygon,
    loops_of_case,
)

MIDDLES = (CORNERS[EDGE_CORNERS[:, 0]] + CORNERS[EDGE_CORNERS[:, 1]]) / 2


def triangles_of(case: int) -> list[list[int]]:
    return TRIANGLES[case, : TRIANGLE_COUNTS[case]].tolist()


def test_edges_join_neighbouring_corners_along_their_axis() -> None:
    difference = CORNERS[EDGE_CORNERS[:, 1]] - CORNERS[EDGE_CORNERS[:, 0]]
    assert np.array_equal(difference, np.eye(3, dtype=int)[EDGE_AXIS])
    assert len(np.unique(EDGE_CORNERS, axis=0)) == 12


def test_all_cases_equal_pymcubes() -> None:
    mcubes = pytest.importorskip("mcubes")
    edge_at = {tuple(middle): edge for edge, middle in enumerate(MIDDLES.tolist())}
    for case in range(256):
        values = np.array([1.0 if case >> corner & 1 else -1.0 for corner in range(8)])
        vertices, faces = mcubes.marching_cubes(values.reshape(2, 2, 2), 0.0)
        theirs = [[edge_at[tuple(vertices[i].tolist())] for i in face] for face in faces]
        turned = [{tuple(t[k:] + t[:k]) for k in range(3)} for t in theirs]
        ours = triangles_of(case)
        assert len(ours) == len(theirs)
        assert all(any(tuple(t) in turns for turns in turned) for t in ours), case


@pytest.mark.parametrize("case", range(256))
def test_triangles_use_each_crossed_edge_and_fill_the_loops(case: int) -> None:
    crossed = {
        edge
        for edge, (low, high) in enumerate(EDGE_CORNERS.tolist())
        if (case >> low & 1) != (case >> high & 1)
    }
    loops = loops_of_case(case)
    assert {edge for loop in loops for edge in loop} == crossed
    assert sum(map(len, loops)) == len(crossed)  # Each once: a vertex has one fan in the cell.
    assert TRIANGLE_COUNTS[case] == sum(len(loop) - 2 for loop in loops)

    directed = [(t[k], t[(k + 1) % 3]) for t in triangles_of(case) for k in range(3)]
    assert len(set(directed)) == len(directed)
    border = {(a, b) for a, b in directed if (b, a) not in directed}
    assert border == {(loop[k - 1], loop[k]) for loop in loops for k in range(len(loop))}


@pytest.mark.parametrize("case", range(256))
def test_no_diagonal_lies_in_a_face_of_the_cube(case: int) -> None:
    """Else the neighbouring cell could have the same diagonal, and an edge four faces."""
    directed = {(t[k], t[(k + 1) % 3]) for t in triangles_of(case) for k in range(3)}
    for a, b in directed:
        if (b, a) in directed:
            in_one_face = (MIDDLES[a] == MIDDLES[b]) & (MIDDLES[a] != 0.5)
            assert not in_one_face.any()


def test_a_polygon_has_as_many_cuts_as_catalan_says() -> None:
    assert [len(cuts_of_polygon(size)) for size in range(3, 8)] == [1, 2, 5, 14, 42]
