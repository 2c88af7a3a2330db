"""Inside and outside of many meshes at once, by plain sums over all faces: made for graphics cards.

The rules are those of `training.data.build.occupancy`: winding numbers above a half, or what a
flood from outside does not reach in a grid of 128 cells; sheets are made 1.5/256 thick each way.
"""

from __future__ import annotations

import itertools

import numpy as np
import torch
from torch import Tensor

from . import bank_kernel

try:
    import igl
except ImportError:  # A machine for learning only.
    igl = None

GRID = 128
EDGE = GRID + 2
# A cell of the grid, with one more all around, in a row of bits.
CELLS = EDGE**3
_PAIRS_ON_CPU = 2_000_000
_PAIRS_ON_GPU = 100_000_000
_CELL_PAIRS = 20_000_000


def over_faces(
    points: Tensor, point_starts: Tensor, corners: Tensor, face_starts: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    """What each point has to do with all faces of its shape.

    points: (Q, 3) float32, shape after shape; point_starts: (S + 1,) int64, where each shape's
    begin; corners: (F, 3, 3) float32 and face_starts: (S + 1,) likewise.
    Returns winding numbers (Q,), squared distances (Q,) to the surface and nearest faces (Q,)
    int64, among all F. Shapes must have at least one face.
    """
    if points.is_cuda and bank_kernel.AVAILABLE:
        return bank_kernel.launch(points, point_starts, corners, face_starts)
    each = _by_trees if not points.is_cuda and igl is not None else _by_sums
    winding = points.new_zeros(len(points))
    squared, nearest = winding.clone(), winding.long()
    limits = zip(
        *(starts.tolist() for starts in (point_starts[:-1], point_starts[1:])),
        *(starts.tolist() for starts in (face_starts[:-1], face_starts[1:])),
        strict=True,
    )
    for first, last, low, high in limits:
        if last > first:
            here = slice(first, last)
            winding[here], squared[here], found = each(points[here], corners[low:high])
            nearest[here] = found + low
    return winding, squared, nearest


def _by_sums(points: Tensor, corners: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Winding numbers, squared distances and nearest faces (Q,) of faces (F, 3, 3)."""
    step = max(1, (_PAIRS_ON_GPU if points.is_cuda else _PAIRS_ON_CPU) // len(corners))
    parts = []
    for some in points.split(step):
        least = squared_distances(some[:, None], corners[None]).min(dim=1)
        parts.append((_winding(some, corners), least.values, least.indices))
    winding, squared, nearest = (torch.cat(part) for part in zip(*parts, strict=True))
    return winding, squared, nearest


def _by_trees(points: Tensor, corners: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """The same by libigl's search trees, on a processor."""
    vertices = corners.reshape(-1, 3).double().numpy()
    faces = np.arange(len(vertices)).reshape(-1, 3)
    queries = points.double().numpy()
    tree = igl.FastWindingNumberBVH()
    tree.init(vertices, faces)
    squared, nearest, _ = igl.point_mesh_squared_distance(queries, vertices, faces)
    found = (tree.winding_number(queries, 2.0), squared, nearest)
    winding, distances, which = (torch.from_numpy(np.asarray(one)) for one in found)
    return winding.float(), distances.float(), which.long()


def _winding(points: Tensor, corners: Tensor) -> Tensor:
    """Generalised winding numbers (Q,) of faces (F, 3, 3) around points (Q, 3)."""
    a, b, c = (corners[None, :, i] - points[:, None] for i in range(3))
    la, lb, lc = a.norm(dim=-1), b.norm(dim=-1), c.norm(dim=-1)
    volume = (a * torch.linalg.cross(b, c)).sum(-1)
    below = la * lb * lc + (a * b).sum(-1) * lc + (b * c).sum(-1) * la + (c * a).sum(-1) * lb
    return torch.atan2(volume, below).sum(1) / (2 * torch.pi)


def squared_distances(points: Tensor, corners: Tensor) -> Tensor:
    """Squared distances (...) of points (..., 3) from triangles (..., 3, 3)."""
    return (points - closest(points, corners)[0]).square().sum(-1)


def closest(points: Tensor, corners: Tensor) -> tuple[Tensor, Tensor]:
    """The places on triangles (..., 3, 3) that are closest to points (..., 3).

    Returns places (..., 3) and the shares of the three corners in each (..., 3).
    """
    a, b, c = corners.unbind(-2)
    ab, ac, ap = b - a, c - a, points - a
    normal = torch.linalg.cross(ab, ac)
    area = normal.square().sum(-1).clamp_min(1e-30)
    v = (torch.linalg.cross(ap, ac) * normal).sum(-1) / area
    w = (torch.linalg.cross(ab, ap) * normal).sum(-1) / area
    within = (v >= 0) & (w >= 0) & (v + w <= 1)
    shares = torch.stack([1 - v - w, v, w], dim=-1)
    best = torch.where(within, 0.0, torch.inf)
    for start, end in ((0, 1), (1, 2), (2, 0)):
        edge = corners[..., end, :] - corners[..., start, :]
        along = ((points - corners[..., start, :]) * edge).sum(-1)
        along = (along / edge.square().sum(-1).clamp_min(1e-30)).clamp(0, 1)
        offset = corners[..., start, :] + along[..., None] * edge - points
        squared = offset.square().sum(-1)
        parts = [torch.zeros_like(along)] * 3
        parts[start], parts[end] = 1 - along, along
        nearer = squared < best
        best = torch.where(nearer, squared, best)
        shares = torch.where(nearer[..., None], torch.stack(parts, dim=-1), shares)
    return (shares[..., None] * corners).sum(-2), shares


def flood(corners: Tensor, face_starts: Tensor) -> Tensor:
    """Cells that a flood from outside doesn't reach: (S, EDGE, EDGE, EDGE) bool.

    corners: (F, 3, 3) in the network's frame; face_starts: (S + 1,), where each shape's begin.
    """
    touched = _touched(corners, face_starts)
    if touched.is_cuda:
        return ~_reached(~touched)
    from scipy.ndimage import binary_fill_holes

    return torch.from_numpy(np.stack([binary_fill_holes(one) for one in touched.numpy()]))


def _reached(free: Tensor) -> Tensor:
    """Free cells (S, E, E, E) that a path of free cells joins to the grid's first one."""
    reached = torch.zeros_like(free)
    reached[:, 0], reached[:, -1] = True, True
    count = -1
    while True:
        for _ in range(32):
            for axis in (1, 2, 3):
                ahead, behind = reached.narrow(axis, 1, EDGE - 1), reached.narrow(axis, 0, EDGE - 1)
                ahead |= behind & free.narrow(axis, 1, EDGE - 1)
                behind |= ahead & free.narrow(axis, 0, EDGE - 1)
        now = int(reached.sum())
        if now == count:
            return reached
        count = now


def _touched(corners: Tensor, face_starts: Tensor) -> Tensor:
    """Cells that share at least a point with a face, see `onet_core.inputs.voxelise`."""
    device = corners.device
    shapes = len(face_starts) - 1
    # A hair smaller, so that faces in the cube's own sides touch the cells within only.
    cells = (corners.double() * (1 - 1e-6) + 0.5) * GRID + 1
    owner = torch.repeat_interleave(torch.arange(shapes, device=device), face_starts.diff())
    low = cells.amin(1).sub(1e-9).floor().long().clamp(0, EDGE)
    high = cells.amax(1).add(1e-9).floor().long().clamp(-1, EDGE - 1)
    edges = cells.roll(-1, dims=1) - cells
    units = torch.eye(3, dtype=cells.dtype, device=device)
    axes = [torch.linalg.cross(units[i].expand_as(edges), edges) for i in range(3)]
    across = torch.linalg.cross(edges[:, 0], edges[:, 1])[:, None]
    planes = torch.cat([*axes, across], dim=1)  # (F, 10, 3)
    shadow = planes @ cells.transpose(1, 2)
    reach = 0.5 * planes.abs().sum(-1) * (1 + 1e-9) + 1e-9
    lower, upper = shadow.amin(-1) - reach, shadow.amax(-1) + reach
    size = (high - low + 1).clamp_min(0)
    counts = size.prod(-1)
    touched = torch.zeros(shapes * CELLS, dtype=torch.bool, device=device)
    sums = counts.cumsum(0)
    steps = torch.arange(_CELL_PAIRS, int(sums[-1]) + _CELL_PAIRS, _CELL_PAIRS, device=device)
    bounds = [0, *torch.searchsorted(sums, steps, right=True).tolist()]
    bounds[-1] = len(counts)
    for first, last in itertools.pairwise(bounds):
        number = counts[first:last]
        face = torch.repeat_interleave(torch.arange(first, last, device=device), number)
        if len(face) == 0:
            continue
        before = sums - counts
        rank = torch.arange(len(face), device=device) + before[first] - before[face]
        wide = size[face]
        place = torch.stack(
            [rank // (wide[:, 1] * wide[:, 2]), rank // wide[:, 2] % wide[:, 1], rank % wide[:, 2]],
            dim=1,
        ) + low[face]  # fmt: skip
        centre = place + 0.5
        touching = torch.ones(len(face), dtype=torch.bool, device=device)
        for axis in range(planes.shape[1]):
            along = (planes[face, axis] * centre).sum(-1)
            touching &= (lower[face, axis] <= along) & (along <= upper[face, axis])
        flat = ((owner[face] * EDGE + place[:, 0]) * EDGE + place[:, 1]) * EDGE + place[:, 2]
        touched[flat[touching]] = True
    return touched.view(shapes, EDGE, EDGE, EDGE)


def pack_bits(values: Tensor) -> Tensor:
    """Bits (S, N) bool -> bytes (S, ceil(N / 8)) uint8, the first bit lowest."""
    short = -values.shape[1] % 8
    padded = torch.nn.functional.pad(values, (0, short)).view(len(values), -1, 8).to(torch.uint8)
    weights = 2 ** torch.arange(8, device=values.device, dtype=torch.uint8)
    return (padded * weights).sum(-1, dtype=torch.uint8)


def in_cells(grids: Tensor, row: Tensor, points: Tensor) -> Tensor:
    """Whether points (..., 3) are in solid cells of grids (G, bytes), each of row (...): (...)."""
    cell = ((points + 0.5) * GRID).floor().long() + 1
    within = ((cell >= 0) & (cell < EDGE)).all(-1)
    x, y, z = cell.clamp(0, EDGE - 1).unbind(-1)
    flat = (x * EDGE + y) * EDGE + z
    return (grids[row, flat >> 3] >> (flat & 7).to(torch.uint8)).bitwise_and(1).bool() & within
