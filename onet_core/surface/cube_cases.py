"""The classic 256-case table of marching cubes, derived from the geometry of the cube.

Conventions. Corner c of a cell lies at (c >> 2 & 1, c >> 1 & 1, c & 1). The edges are numbered
0-11, four along x, four along y, four along z (`EDGE_CORNERS` gives their two corners, the lower
first). Bit c of a case is set where corner c is inside.

How a case becomes triangles:

1. Every face of the cube is crossed by segments that join its crossed edges. Where all four edges
   of a face are crossed, each segment cuts off one of the two *outside* corners, so the inside
   stays connected across the face. Both cells that share a face see the same segments: no holes.
2. Directed with the inside on a fixed side, the segments close to loops of 3 to 7 points.
3. A loop is cut into triangles. Any cut whose diagonals avoid the cube's faces gives a manifold
   mesh. Which one the classic table (Lorensen and Cline 1987; the version by Bourke and Bloyd that
   PyMCubes and the original code use) takes follows no rule, so it is written down, one letter a
   loop, in `_CLASSIC_CUTS`. The tests compare all 256 cases with PyMCubes.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

CORNERS: NDArray[np.int64] = np.array([[c >> 2 & 1, c >> 1 & 1, c & 1] for c in range(8)])
"""(8, 3) offsets of a cell's corners."""

EDGE_CORNERS: NDArray[np.int64] = np.array(
    [[c, c | 4 >> axis] for axis in range(3) for c in range(8) if not c & 4 >> axis]
)
"""(12, 2) the two corners of each edge, the one with the lower coordinate first."""

EDGE_AXIS: NDArray[np.int64] = np.repeat(np.arange(3), 4)
"""(12,) the axis along which each edge runs."""

Loop = list[int]
Triangle = tuple[int, int, int]

# One letter for each loop of more than three points, in the order in which `loops_of_case` meets
# them: the position of the classic table's cut in `cuts_of_polygon`, counted from "A".
_CLASSIC_CUTS = (
    "ABNANADBEDAAACEBDKjACNCDEJBB]jCAMCMAELCBBCB]CCAUBLDABAAAASBCjCEDXDBDCEAC"
    "SCBBBDXCABBLABBHDjBjCABAFCBAAKCDLAAAABAJXAUFAAjBLCCFBNjFCMBjBABBCBBNBLUA"
    "BBACCBACADAECBAEACBDBAAANBACLCBBBCBBDABDLDBIDCBBABEECBCAAFADAACEBCABBA"
)


def _face_cycles() -> list[list[int]]:
    """The corners of the six faces, in cyclic order, counter-clockwise seen from outside."""
    cycles = []
    for axis in range(3):
        u, v = (4 >> (axis + 1) % 3), (4 >> (axis + 2) % 3)
        for side in (0, 4 >> axis):
            cycle = [side, side | u, side | u | v, side | v]
            cycles.append(cycle if side else cycle[::-1])
    return cycles


def loops_of_case(case: int) -> list[Loop]:
    """The closed polygons in which the surface crosses a cell.

    case: 0-255, bit c set where corner c is inside.
    Returns lists of edge numbers, counter-clockwise seen from outside of the shape, each starting
    at its lowest edge, sorted by that edge.
    """
    edge_of = {frozenset(pair): e for e, pair in enumerate(EDGE_CORNERS.tolist())}
    following: dict[int, int] = {}
    for cycle in _face_cycles():
        inside = [bool(case >> corner & 1) for corner in cycle]
        for start in range(4):
            # A run of outside corners along the face's border: the segment that cuts it off.
            if inside[start] or not inside[start - 1]:
                continue
            stop = start
            while not inside[(stop + 1) % 4]:
                stop += 1
            entered = edge_of[frozenset((cycle[start - 1], cycle[start]))]
            left = edge_of[frozenset((cycle[stop % 4], cycle[(stop + 1) % 4]))]
            following[left] = entered
    loops = []
    while following:
        loop = [min(following)]
        while following[loop[-1]] != loop[0]:
            loop.append(following[loop[-1]])
        for edge in loop:
            del following[edge]
        loops.append(loop)
    return loops


@lru_cache
def cuts_of_polygon(size: int) -> list[list[Triangle]]:
    """All ways to cut a polygon of `size` points into triangles, in a fixed order."""

    def cuts(first: int, last: int) -> list[list[Triangle]]:
        if last - first < 2:
            return [[]]
        return [
            [*before, (first, apex, last), *after]
            for apex in range(first + 1, last)
            for before in cuts(first, apex)
            for after in cuts(apex, last)
        ]

    return cuts(0, size - 1)


def _build_table() -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    letters = iter(_CLASSIC_CUTS)
    triangles = np.full((256, 5, 3), -1, dtype=np.int64)
    counts = np.zeros(256, dtype=np.int64)
    for case in range(256):
        for loop in loops_of_case(case):
            cut = 0 if len(loop) == 3 else ord(next(letters)) - ord("A")
            for corners in cuts_of_polygon(len(loop))[cut]:
                triangles[case, counts[case]] = [loop[corner] for corner in corners]
                counts[case] += 1
    return triangles, counts


TRIANGLES, TRIANGLE_COUNTS = _build_table()
"""(256, 5, 3) edge numbers of each case's triangles, -1 where there are fewer than five; and (256,)
how many there are. Counter-clockwise seen from outside."""
