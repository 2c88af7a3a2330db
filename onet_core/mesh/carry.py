"""A mesh carried over to other surfaces: the same faces, new places, without folds."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .nearest import nearest_on_mesh
from .unfold import Unfolding

# How often the way to the surface is looked for anew, and evened out among neighbours each time.
ROUNDS = 3
EVENING_STEPS = 10


class Carrier:
    """A mesh that goes from surface to surface. `places`: its vertices (V, 3) where they are now.

    vertices: (V, 3) to begin with; faces: (F, 3).
    """

    def __init__(self, vertices: ArrayLike, faces: NDArray[np.integer]) -> None:
        start = np.array(vertices, dtype=np.float64)
        self._unfolding = Unfolding(len(start), faces)
        self.places = self._unfolding.unfolded(start)
        # Vertices that had to leave a surface. They go on as their neighbours do: laid onto the
        # next surface they would fold anew, and otherwise, so that they would tumble on the way.
        self._left = np.zeros(len(start), dtype=bool)

    def onto(self, target: ArrayLike, target_faces: ArrayLike) -> NDArray[np.float64]:
        """Moves the vertices (V, 3) onto a surface, and returns them.

        Neighbours move alike, so that triangles keep their order; where they would still fold over
        each other, vertices leave the surface a little. target, target_faces: the surface.
        """
        places = self.places.copy()
        for last in (False,) * (ROUNDS - 1) + (True,):
            move = nearest_on_mesh(places, target, target_faces).places - places
            even = move
            for _ in range(EVENING_STEPS):
                even = (even + self._unfolding.neighbours @ even) / 2
            places += np.where(self._left[:, None], even, move) if last else even
        made = self._unfolding.unfolded(places, self.places)
        self._left |= (made != places).any(axis=1)
        self.places = made
        return made
