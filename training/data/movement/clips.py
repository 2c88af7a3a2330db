"""The movements ("animations") that a glTF file brings: its meshes at steps of one of them."""

from __future__ import annotations

import json
import tempfile
from copy import deepcopy
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation, Slerp

from onet_core.errors import InputError
from onet_core.inputs.formats import gltf
from onet_core.inputs.formats.gltf.buffers import Buffers

from .bodies import Moving, normalised

_WAYS = ("translation", "rotation", "scale")


class Clips:
    """A glTF file with one buffer, whose bones move its meshes in clips that have names."""

    def __init__(self, path: Path) -> None:
        self._name, self._buffers = path.name, Buffers(path)
        self._document = self._buffers.document
        named = self._document.get("animations", [])
        self._clips = {str(clip.get("name", at)): clip for at, clip in enumerate(named)}

    @property
    def names(self) -> list[str]:
        """The clips in the file's order."""
        return list(self._clips)

    def moving(self, clip: str, steps: int) -> Moving:
        """A clip from its first to its last moment, at so many even steps.

        Raises InputError where there is no such clip or it is interpolated by splines.
        """
        if clip not in self._clips:
            known = ", ".join(self._clips) or "none"
            raise InputError(f"{self._name} has no clip {clip!r}; it has {known}.")
        nodes = self._nodes_at(self._clips[clip], steps)
        # The reader of files poses skins by their nodes: a file for each step.
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            length = int(self._document["buffers"][0]["byteLength"])
            (folder / "buffer.bin").write_bytes(self._buffers.buffer(0)[:length])
            found = []
            for posed in nodes:
                buffers = [{"byteLength": length, "uri": "buffer.bin"}]
                document = {**self._document, "nodes": posed, "buffers": buffers}
                file = folder / "step.gltf"
                file.write_text(json.dumps(document), encoding="utf-8")
                read = gltf.read(file, "points")
                found.append(np.asarray(read.points))
        return normalised(np.stack(found), np.asarray(read.faces))

    def _nodes_at(self, clip: dict[str, Any], steps: int) -> list[list[dict[str, Any]]]:
        """The file's nodes as the clip places them at each step."""
        samplers = clip["samplers"]
        ends = [float(self._buffers.accessor(one["input"]).max()) for one in samplers]
        begins = [float(self._buffers.accessor(one["input"]).min()) for one in samplers]
        moments = np.linspace(min(begins), max(ends), steps)
        posed = [deepcopy(self._document["nodes"]) for _ in range(steps)]
        for channel in clip["channels"]:
            target, sampler = channel["target"], samplers[channel["sampler"]]
            if "node" not in target or target["path"] not in _WAYS:
                continue
            how = sampler.get("interpolation", "LINEAR")
            if how not in ("LINEAR", "STEP"):
                raise InputError(f"{self._name} moves by {how}, which is not read.")
            times = self._buffers.accessor(sampler["input"])[:, 0]
            values = self._buffers.accessor(sampler["output"])
            for nodes, value in zip(
                posed, between(times, values, moments, target["path"], how), strict=True
            ):
                nodes[target["node"]][target["path"]] = value.tolist()
        return posed


def between(
    times: NDArray[np.float64],
    values: NDArray[np.float64],
    moments: NDArray[np.float64],
    path: str,
    how: str = "LINEAR",
) -> NDArray[np.float64]:
    """Values (M, width) at moments (M,), between those (N, width) of the keys at times (N,).

    Before the first key and after the last one they stay. Rotations, quaternions x y z w, turn
    the shorter way.
    """
    moments = np.clip(moments, times[0], times[-1])
    if how == "STEP" or len(times) == 1:
        return values[np.searchsorted(times, moments, side="right") - 1]
    if path == "rotation":
        return np.asarray(Slerp(times, Rotation.from_quat(values))(moments).as_quat())
    return np.stack([np.interp(moments, times, column) for column in values.T], axis=1)
