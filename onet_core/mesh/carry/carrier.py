"""A mesh that goes from surface to surface."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.sparse import diags
from scipy.sparse.csgraph import connected_components
from scipy.sparse.linalg import factorized

from .faces import Faces, Numbers, Places
from .surface import Surface, middles
from .unfold import moved_without_folds, opened, smoothed

# How often each step's moves are evened out among neighbours: first all go together, then each for
# itself. Then they are laid onto the surface in the same way. These and what follows were chosen by
# looking at some keys of 13 morphs of the four categories.
EVENING = (40, 30, 20, 15, 10, 10, 6, 6, 4, 4)
LAYING = (2, 1, 0, 0)
# From these steps on, vertices that nothing draws give way; and those that are farther off than so
# many distances between places of the surface.
GIVING_WAY, FAR_GIVING_WAY, FAR = 3, 7, 8
# What is still farther off in the end is laid onto the surface at once, and its folds are opened.
STICKING_OUT = 3
# A vertex that nothing draws counts so little beside its neighbours.
FAINT = 1e-3
# How much a part that is not joined to anything is drawn to the surface.
_DRAWN = 1e-4
# What lies nearer to the surface, in lengths of its places, is on it.
_ON_IT = 1e-6


class Carrier:
    """A mesh that goes from surface to surface. places: its vertices (V, 3) where they are now.

    vertices: (V, 3) to begin with; faces: (F, 3). Vertices at folds are moved a little.
    """

    def __init__(self, vertices: ArrayLike, faces: NDArray[np.integer]) -> None:
        start = np.array(vertices, dtype=np.float64)
        self._faces = Faces(start, faces)
        self.places = opened(self._faces, start)

    def onto(self, vertices: ArrayLike, faces: ArrayLike) -> Places:
        """Moves the vertices (V, 3) onto a surface of vertices (M, 3) and faces, and returns them.

        Neighbours move alike. No faces are folded over each other, neither there nor halfway from
        where they were.
        """
        surface = Surface(vertices, faces)
        before = self.places
        if (surface.nearest(before)[1] <= _ON_IT * surface.spacing).all():
            return before
        held: Numbers = np.empty(0, dtype=np.int64)
        for step, rounds in enumerate(EVENING):
            found = surface.matches(self.places, self._faces.normals(self.places))
            moves = self._evened(found.moves, np.maximum(found.weights, FAINT), rounds)
            lost = held[:0]
            if step >= GIVING_WAY:
                lost = np.union1d(held, np.flatnonzero(found.homeless))
            if step >= FAR_GIVING_WAY:
                far = np.flatnonzero(found.distances > FAR * surface.spacing)
                lost = np.union1d(lost, far)
            held = self._step(moves, lost, before, surface)
        for rounds in LAYING:
            places, distances = surface.nearest(self.places)
            moves = self._evened(places - self.places, np.ones(len(places)), rounds)
            far = np.flatnonzero(distances > FAR * surface.spacing)
            lost = np.union1d(held, far) if rounds else far[:0]
            held = self._step(moves, lost, before, surface)
        self._lay_what_sticks_out(before, surface)
        return self.places

    def _lay_what_sticks_out(self, before: Places, surface: Surface) -> None:
        _, distances = surface.nearest(self.places)
        out = np.flatnonzero(distances > STICKING_OUT * surface.spacing)
        if not 0 < len(out) < len(distances):
            return
        some = self._faces.grown(out, 2)
        places = self.places.copy()
        places[some] = self._stretched(some, surface)
        places[some], _ = surface.nearest(places[some])
        laid, _ = smoothed(self._faces, places, before)
        laid = opened(self._faces, laid, before)
        self.places = moved_without_folds(self._faces, self.places, laid, before).places

    def _evened(self, moves: Places, weights: Places, rounds: int) -> Places:
        """The moves (V, 3), of which each becomes more like its neighbours'."""
        sums = moves * weights[:, None]
        for _ in range(rounds):
            sums = (sums + self._faces.neighbours @ sums) / 2
            weights = (weights + self._faces.neighbours @ weights) / 2
        return sums / weights[:, None]

    def _step(self, moves: Places, lost: Numbers, before: Places, surface: Surface) -> Numbers:
        """Moves the vertices, and returns the numbers of those that can't go where they should."""
        lost = self._faces.grown(lost, 1)
        if 0 < len(lost) < len(moves):
            moves[lost] = (self._stretched(lost, surface) - self.places[lost]) / 2
        made = moved_without_folds(self._faces, self.places, self.places + moves, before)
        self.places, held = made.places, made.held
        return held

    def _stretched(self, some: Numbers, surface: Surface) -> Places:
        """Where some vertices (n,) would be, (n, 3), as a skin between all others.

        What has no others round it goes to the place of the surface that is nearest to its middle.
        """
        among = self._faces.joined[some][:, some]
        others = np.ones(len(self.places))
        others[some] = 0
        fixed = self._faces.joined[some] @ (self.places * others[:, None])
        count, parts = connected_components(among, directed=False)
        drawn, _ = surface.nearest(middles(self.places[some], parts, count))
        matrix = diags(self._faces.degrees[some] + _DRAWN) - among
        solve = factorized(matrix.tocsc())
        wanted = fixed + _DRAWN * drawn[parts]
        return np.stack([solve(axis) for axis in wanted.T], axis=1)
