"""Meshes that have been computed, so that scrubbing back is instant. Nothing of it is saved."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable

from ..scene.meshes import MeshArrays

MOST_BYTES = 256 * 2**20


class MeshCache:
    """Keeps the shapes used last, up to a number of bytes."""

    def __init__(self, most_bytes: int = MOST_BYTES) -> None:
        self._most_bytes = most_bytes
        self._shapes: OrderedDict[Hashable, MeshArrays] = OrderedDict()
        self.size = 0

    def __len__(self) -> int:
        return len(self._shapes)

    def get(self, key: Hashable) -> MeshArrays | None:
        """The shape of that key, which counts as used now; None where there is none."""
        shape = self._shapes.get(key)
        if shape is not None:
            self._shapes.move_to_end(key)
        return shape

    def put(self, key: Hashable, shape: MeshArrays) -> None:
        """Keeps a shape, and lets go of those that were not used for longest."""
        self._drop(key)
        self._shapes[key] = shape
        self.size += shape.nbytes
        while self.size > self._most_bytes:
            self._drop(next(iter(self._shapes)))

    def clear(self) -> None:
        """Lets go of all."""
        self._shapes.clear()
        self.size = 0

    def _drop(self, key: Hashable) -> None:
        old = self._shapes.pop(key, None)
        if old is not None:
            self.size -= old.nbytes
