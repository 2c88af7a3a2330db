"""A bank of labelled shapes on a device: surfaces and queries in any number, without any file.

    bank = Bank.build("shapes.pack", torch.device("cuda"))
    ids = bank.ids("train")[torch.randint(...)]
    points, normals, colours, thin = bank.sample_surface(ids, 3000, generator)
    queries, occupancy = bank.queries(ids, 2048, generator)

Everything is in the network's frame: y up, front towards -z, centred, the longest edge 1.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from . import bank_labels, bank_patches
from .bank_solids import PROBES, THICKNESS, Solids
from .packfile import PackedShape, read_pack

# Edge of the box of queries, and 16-bit steps in it.
BOX = 1.1
_STEP = BOX / 65536
_HALVINGS = 6
# Queries near the surface are this far from it, evenly in the logarithm (a normal's deviation).
NEAR = (0.002, 0.05)
_AT_ONCE = 48
_TENSORS = (
    "corners", "paint", "level", "face_starts", "patch_face", "patch_number", "patch_side",
    "patch_thin", "patch_starts", "sums", "grids", "grid_row", "pool", "inside",
)  # fmt: skip
_LISTS = ("names", "categories", "splits", "sources", "groups", "methods")


class Bank:
    """Shapes, their surfaces and labelled queries, as tensors of one device.

    corners: (F, 3, 3) of all faces.
    paint: (F, 3) uint8.
    level: (F,) how finely each is cut. patch_face, patch_number, patch_side (+1, -1).
    patch_thin: (P,) of each patch of the solids' surfaces, shape after shape from patch_starts (S +
        1,).
    sums: (P,) float64, the shape's number plus the share of its area up to and with the patch.
    grids: (G, bytes) of flooded cells, of the shape that has the row in grid_row (S,), else -1.
    pool: (S, 2 N, 3) int16 queries, those near the surface last.
    inside: (S, 2 N) bool.
    """

    corners: Tensor
    paint: Tensor
    level: Tensor
    face_starts: Tensor
    patch_face: Tensor
    patch_number: Tensor
    patch_side: Tensor
    patch_thin: Tensor
    patch_starts: Tensor
    sums: Tensor
    grids: Tensor
    grid_row: Tensor
    pool: Tensor
    inside: Tensor

    def __init__(self, tensors: dict[str, Tensor], lists: dict[str, list[str]]) -> None:
        for name in _TENSORS:
            setattr(self, name, tensors[name])
        self.names, self.categories = lists["names"], lists["categories"]
        self.splits, self.sources = lists["splits"], lists["sources"]
        self.groups, self.methods = lists["groups"], lists["methods"]

    @property
    def count(self) -> int:
        """How many shapes there are."""
        return len(self.names)

    @property
    def device(self) -> torch.device:
        return self.pool.device

    @classmethod
    def build(
        cls,
        pack: str | Path,
        device: torch.device | str,
        limit: int | None = None,
        pool: int = 32768,
        seed: int = 0,
    ) -> Bank:
        """All shapes of a pack, or `limit` spread over it; `pool` queries evenly and as many near.

        Raises ValueError where the file is no pack, OSError where it can't be read.
        """
        start = time.perf_counter()
        device = torch.device(device)
        shapes = read_pack(Path(pack))
        if limit is not None and limit < len(shapes):
            chosen = np.linspace(0, len(shapes) - 1, limit).round().astype(int)
            shapes = [shapes[i] for i in chosen]
        # By method, and those of many faces together, so that what is done at once is alike.
        shapes.sort(key=lambda shape: (shape.row["method"], len(shape.faces)))
        print(f"bank: {len(shapes)} shapes read, {time.perf_counter() - start:.1f} s", flush=True)
        generator = torch.Generator(device).manual_seed(seed)
        parts: list[dict[str, Tensor]] = []
        first = 0
        while first < len(shapes):
            method = shapes[first].row["method"]
            some = [s for s in shapes[first : first + _AT_ONCE] if s.row["method"] == method]
            parts.append(_build_some(some, method, first, pool, device, generator))
            first += len(some)
        bank = cls(_joined(parts), _lists(shapes))
        if device.type == "cuda":
            torch.cuda.synchronize()
        print(
            f"bank: {len(bank.corners)} faces, {len(bank.sums)} patches, built in "
            f"{time.perf_counter() - start:.1f} s",
            flush=True,
        )
        return bank

    def save(self, folder: str | Path) -> None:
        """Writes the bank as .npy files and a list in JSON; the folder is made."""
        folder = Path(folder)
        folder.mkdir(parents=True, exist_ok=True)
        for name in _TENSORS:
            np.save(folder / f"{name}.npy", getattr(self, name).cpu().numpy())
        lists = {name: getattr(self, name) for name in _LISTS}
        (folder / "shapes.json").write_text(json.dumps(lists), encoding="utf-8")

    @classmethod
    def load(cls, folder: str | Path, device: torch.device | str) -> Bank:
        """The bank that `save` wrote. Raises OSError or ValueError where it can't be read."""
        folder = Path(folder)
        lists = json.loads((folder / "shapes.json").read_text(encoding="utf-8"))
        tensors = {}
        for name in _TENSORS:
            array = np.load(folder / f"{name}.npy", allow_pickle=False)
            tensors[name] = torch.from_numpy(array).to(device)
        return cls(tensors, lists)

    def ids(
        self,
        split: str = "train",
        categories: list[str] | None = None,
        source: str | None = None,
    ) -> Tensor:
        """Numbers (N,) int64 of the shapes of a split, of some categories, of a source."""
        chosen = [
            i
            for i in range(self.count)
            if self.splits[i] == split
            and (categories is None or self.categories[i] in categories)
            and (source is None or self.sources[i] == source)
        ]
        return torch.tensor(chosen, dtype=torch.int64, device=self.device)

    def triangles(self, ids: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """All faces of shapes (B,), shape after shape: corners (F, 3, 3), colours (F, 3) from 0 to
        1, and which of the shapes each is of, (F,) int64 from 0 to B - 1."""
        starts = self.face_starts[ids]
        counts = self.face_starts[ids + 1] - starts
        shape = torch.repeat_interleave(counts)
        first = starts - (counts.cumsum(0) - counts)
        face = torch.arange(len(shape), device=self.device) + first[shape]
        return self.corners[face], self.paint[face].float() / 255, shape

    def sample_surface(
        self, ids: Tensor, n: int, generator: torch.Generator | None = None
    ) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Points spread evenly over what is seen from outside of shapes' (B,) solids.

        Returns points (B, n, 3), normals (B, n, 3) outwards, colours (B, n, 3) from 0 to 1, and
        thin (B, n) bool: whether each is of a sheet, which has both sides close to each other.
        """
        device = self.device
        where = torch.rand((len(ids), n), generator=generator, device=device, dtype=torch.float64)
        patch = torch.searchsorted(self.sums, ids[:, None] + where, right=True)
        patch = patch.maximum(self.patch_starts[ids][:, None])
        patch = patch.minimum(self.patch_starts[ids + 1][:, None] - 1)
        face = self.patch_face[patch].long()
        within = torch.rand((len(ids), n, 2), generator=generator, device=device)
        within = torch.where(within.sum(-1, keepdim=True) > 1, 1 - within, within)
        shares = bank_patches.shares(
            self.level[face].long(), self.patch_number[patch].long(), within
        )
        corners = self.corners[face]
        points = (shares[..., None] * corners).sum(-2)
        normals = _normals(corners) * self.patch_side[patch][..., None]
        thin = self.patch_thin[patch]
        points = self._to_surface(ids, points, normals, thin)
        return points, normals, self.paint[face].float() / 255, thin

    def _to_surface(self, ids: Tensor, points: Tensor, normals: Tensor, thin: Tensor) -> Tensor:
        """Points of faces, moved outwards to where the solid ends."""
        out = torch.where(thin, THICKNESS, 0.0)[..., None]
        row = self.grid_row[ids].long()
        flooded = (row >= 0)[:, None].expand_as(thin)
        if len(self.grids) == 0:
            return points + out * normals
        rows = row.clamp_min(0)[:, None].expand_as(thin)
        low, high = out, torch.full_like(out, PROBES["floodfill"])
        for _ in range(_HALVINGS):
            middle = (low + high) / 2
            solid = bank_labels.in_cells(self.grids, rows, points + middle * normals)[..., None]
            low, high = torch.where(solid, middle, low), torch.where(solid, high, middle)
        return points + torch.where(flooded[..., None], low, out) * normals

    def queries(
        self,
        ids: Tensor,
        n: int,
        generator: torch.Generator | None = None,
        near_share: float = 0.5,
    ) -> tuple[Tensor, Tensor]:
        """Points (B, n, 3) with occupancies (B, n) 0 or 1, that share of them near the surface."""
        half = self.pool.shape[1] // 2
        near = round(n * near_share)
        chosen = torch.randint(half, (len(ids), n), generator=generator, device=self.device)
        chosen[:, n - near :] += half
        points = _to_floats(self.pool[ids[:, None], chosen])
        return points, self.inside[ids[:, None], chosen].float()

    def places(
        self, ids: Tensor, even: int, near: int, generator: torch.Generator | None = None
    ) -> Tensor:
        """New points (B, even + near, 3): so many evenly in the box, then so many near the surface
        of each shape, at distances `NEAR`."""
        points, _, _, _ = self.sample_surface(ids, near, generator)
        low, high = np.log(NEAR[0]), np.log(NEAR[1])
        spread = torch.rand((len(ids), near, 1), generator=generator, device=self.device)
        spread = torch.exp(low + (high - low) * spread)
        moved = torch.randn(points.shape, generator=generator, device=self.device)
        anywhere = torch.rand((len(ids), even, 3), generator=generator, device=self.device) - 0.5
        return torch.cat([BOX * anywhere, points + spread * moved], dim=1)


def _lists(shapes: list[PackedShape]) -> dict[str, list[str]]:
    columns = ("id", "category", "split", "source", "group", "method")
    return {
        name: [shape.row[column] for shape in shapes]
        for name, column in zip(_LISTS, columns, strict=True)
    }


def _joined(parts: list[dict[str, Tensor]]) -> dict[str, Tensor]:
    """Parts one after the other; what counts faces, patches or grids goes on counting."""
    faces = patches = grids = 0
    for part in parts:
        part["patch_face"] += faces
        part["patch_starts"] += patches
        part["face_starts"] += faces
        part["grid_row"] = torch.where(part["grid_row"] >= 0, part["grid_row"] + grids, -1)
        faces += len(part["corners"])
        patches += len(part["sums"])
        grids += len(part["grids"])
    joined = {}
    for name in _TENSORS:
        # One after the other, so that no more than one is there twice.
        joined[name] = torch.cat([part.pop(name) for part in parts])
    for name, end in (("patch_starts", patches), ("face_starts", faces)):
        last = torch.tensor([end], device=joined[name].device)
        joined[name] = torch.cat([joined[name], last])
    return joined


def _build_some(
    shapes: list[PackedShape],
    method: str,
    number: int,
    pool: int,
    device: torch.device,
    generator: torch.Generator,
) -> dict[str, Tensor]:
    """The tensors of some shapes of one method, the first of which has that number in the bank."""
    corners, paint, counts = [], [], []
    for shape in shapes:
        places = shape.vertices.astype(np.float32)[shape.faces] / 65535 - 0.5
        cross = np.cross(places[:, 1] - places[:, 0], places[:, 2] - places[:, 0])
        used = np.linalg.norm(cross, axis=1) > 1e-10
        corners.append(places[used])
        paint.append(shape.colours[used])
        counts.append(int(used.sum()))
    solid = Solids(
        torch.from_numpy(np.concatenate(corners)).to(device),
        torch.tensor([0, *np.cumsum(counts)], device=device),
        method,
    )
    patches = solid.surface(number)
    grids = solid.grids if solid.grids is not None else torch.zeros(0, 0, device=device)
    rows = torch.arange(len(shapes), device=device, dtype=torch.int32)
    part = {
        **patches,
        "corners": solid.corners,
        "paint": torch.from_numpy(np.concatenate(paint)).to(device),
        "level": solid.level.int(),
        "face_starts": torch.tensor([0, *np.cumsum(counts)[:-1]], device=device),
        "grids": grids if len(grids) else _no_grids(device),
        "grid_row": rows if method == "floodfill" else torch.full_like(rows, -1),
    }
    # A bank of these alone draws the surface points for the queries near it.
    alone = {**part, "sums": part["sums"] - number, "pool": _no_pool(device), "inside": rows}
    alone["patch_starts"] = torch.cat(
        [part["patch_starts"], torch.tensor([len(part["sums"])], device=device)]
    )
    drawn = Bank(alone, {name: [] for name in _LISTS})
    ids = torch.arange(len(shapes), device=device)
    part["pool"] = _to_steps(drawn.places(ids, pool, pool, generator))
    part["inside"] = solid.inside(_to_floats(part["pool"]))
    return part


def _no_pool(device: torch.device) -> Tensor:
    return torch.zeros((0, 0, 3), dtype=torch.int16, device=device)


def _no_grids(device: torch.device) -> Tensor:
    return torch.zeros((0, (bank_labels.CELLS + 7) // 8), dtype=torch.uint8, device=device)


def _to_steps(points: Tensor) -> Tensor:
    """Places in the box in 16 bits; those beyond go to its sides."""
    return (points / _STEP).round().clamp(-32768, 32767).to(torch.int16)


def _to_floats(steps: Tensor) -> Tensor:
    return steps.float() * _STEP


def _normals(corners: Tensor) -> Tensor:
    """Unit normals (..., 3) of faces (..., 3, 3)."""
    first = corners[..., 1, :] - corners[..., 0, :]
    second = corners[..., 2, :] - corners[..., 0, :]
    normals = torch.linalg.cross(first, second)
    return normals / normals.norm(dim=-1, keepdim=True).clamp_min(1e-20)


def main() -> None:
    parser = argparse.ArgumentParser(description="Makes a bank of a pack, in a folder.")
    parser.add_argument("pack", type=Path)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--limit", type=int, help="at most this many shapes, spread over the pack")
    parser.add_argument("--pool", type=int, default=32768, help="queries evenly, and as many near")
    given = parser.parse_args()
    bank = Bank.build(given.pack, given.device, given.limit, given.pool)
    start = time.perf_counter()
    bank.save(given.folder)
    print(f"bank: written in {time.perf_counter() - start:.1f} s")


if __name__ == "__main__":
    main()
