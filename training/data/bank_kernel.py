"""One pass over all pairs of points and faces, in Triton: winding numbers and nearest faces."""

from __future__ import annotations

import torch
from torch import Tensor

try:
    import triton
    import triton.language as tl

    AVAILABLE = True
except ImportError:
    AVAILABLE = False

POINTS = 64
FACES = 16

if AVAILABLE:

    @triton.jit
    def _over_faces(  # type: ignore[no-untyped-def]
        points, corners, block_first, block_last, block_low, block_high,
        winding, squared, nearest, P: tl.constexpr, F: tl.constexpr,
    ):  # fmt: skip
        block = tl.program_id(0)
        first = tl.load(block_first + block)
        last = tl.load(block_last + block)
        low = tl.load(block_low + block)
        high = tl.load(block_high + block)
        query = first + tl.arange(0, P)
        used = query < last
        x = tl.load(points + query * 3, mask=used, other=9.0)[:, None]
        y = tl.load(points + query * 3 + 1, mask=used, other=9.0)[:, None]
        z = tl.load(points + query * 3 + 2, mask=used, other=9.0)[:, None]
        turns = tl.zeros((P, F), dtype=tl.float32)
        least = tl.full((P, F), 1e30, dtype=tl.float32)
        which = tl.zeros((P, F), dtype=tl.int32)
        for start in range(low, high, F):
            face = start + tl.arange(0, F)
            there = face < high
            at = corners + face * 9
            # Corners, edges, the normal and the planes through the edges across the face: per face.
            x0 = tl.load(at, mask=there, other=0.0)[None, :]
            y0 = tl.load(at + 1, mask=there, other=0.0)[None, :]
            z0 = tl.load(at + 2, mask=there, other=0.0)[None, :]
            x1 = tl.load(at + 3, mask=there, other=0.0)[None, :]
            y1 = tl.load(at + 4, mask=there, other=0.0)[None, :]
            z1 = tl.load(at + 5, mask=there, other=0.0)[None, :]
            x2 = tl.load(at + 6, mask=there, other=0.0)[None, :]
            y2 = tl.load(at + 7, mask=there, other=0.0)[None, :]
            z2 = tl.load(at + 8, mask=there, other=0.0)[None, :]
            ux, uy, uz = x1 - x0, y1 - y0, z1 - z0
            vx, vy, vz = x2 - x1, y2 - y1, z2 - z1
            wx, wy, wz = x0 - x2, y0 - y2, z0 - z2
            per_u = 1 / (ux * ux + uy * uy + uz * uz + 1e-20)
            per_v = 1 / (vx * vx + vy * vy + vz * vz + 1e-20)
            per_w = 1 / (wx * wx + wy * wy + wz * wz + 1e-20)
            nx, ny, nz = uy * vz - uz * vy, uz * vx - ux * vz, ux * vy - uy * vx
            per_n = 1 / (nx * nx + ny * ny + nz * nz + 1e-30)
            kx, ky, kz = uy * nz - uz * ny, uz * nx - ux * nz, ux * ny - uy * nx
            lx, ly, lz = vy * nz - vz * ny, vz * nx - vx * nz, vx * ny - vy * nx
            mx, my, mz = wy * nz - wz * ny, wz * nx - wx * nz, wx * ny - wy * nx
            # Corners seen from the points.
            ax, ay, az = x0 - x, y0 - y, z0 - z
            bx, by, bz = x1 - x, y1 - y, z1 - z
            cx, cy, cz = x2 - x, y2 - y, z2 - z
            aa = ax * ax + ay * ay + az * az
            bb = bx * bx + by * by + bz * bz
            cc = cx * cx + cy * cy + cz * cz
            ab = ax * bx + ay * by + az * bz
            bc = bx * cx + by * cy + bz * cz
            ca = cx * ax + cy * ay + cz * az
            la = tl.sqrt(aa)
            lb = tl.sqrt(bb)
            lc = tl.sqrt(cc)
            volume = ax * (by * cz - bz * cy) + ay * (bz * cx - bx * cz) + az * (bx * cy - by * cx)
            below = la * lb * lc + ab * lc + bc * la + ca * lb
            # The angle of (below, volume), to 1e-6.
            wide = tl.maximum(tl.abs(volume), tl.abs(below))
            thin = tl.minimum(tl.abs(volume), tl.abs(below))
            t = thin / (wide + 1e-30)
            s = t * t
            angle = -0.01172120 * s + 0.05265332
            angle = angle * s - 0.11643287
            angle = angle * s + 0.19354346
            angle = angle * s - 0.33262347
            angle = (angle * s + 0.99997726) * t
            angle = tl.where(tl.abs(volume) > tl.abs(below), 1.5707963267948966 - angle, angle)
            angle = tl.where(below < 0, 3.141592653589793 - angle, angle)
            turns += tl.where(there[None, :], tl.where(volume < 0, -angle, angle), 0.0)
            # Squared distances from the three edges, or from the plane where that is over the face.
            t = tl.minimum(tl.maximum(-(ax * ux + ay * uy + az * uz) * per_u, 0.0), 1.0)
            ex, ey, ez = ax + t * ux, ay + t * uy, az + t * uz
            distance = ex * ex + ey * ey + ez * ez
            t = tl.minimum(tl.maximum(-(bx * vx + by * vy + bz * vz) * per_v, 0.0), 1.0)
            ex, ey, ez = bx + t * vx, by + t * vy, bz + t * vz
            distance = tl.minimum(distance, ex * ex + ey * ey + ez * ez)
            t = tl.minimum(tl.maximum(-(cx * wx + cy * wy + cz * wz) * per_w, 0.0), 1.0)
            ex, ey, ez = cx + t * wx, cy + t * wy, cz + t * wz
            distance = tl.minimum(distance, ex * ex + ey * ey + ez * ez)
            over = (ax * kx + ay * ky + az * kz >= 0) & (bx * lx + by * ly + bz * lz >= 0)
            over = over & (cx * mx + cy * my + cz * mz >= 0)
            height = nx * ax + ny * ay + nz * az
            distance = tl.where(over, height * height * per_n, distance)
            nearer = (distance < least) & there[None, :]
            least = tl.where(nearer, distance, least)
            which = tl.where(nearer, face[None, :], which)
        tl.store(winding + query, tl.sum(turns, axis=1) / 6.283185307179586, mask=used)
        best = tl.min(least, axis=1)
        tl.store(squared + query, best, mask=used)
        column = tl.where(least == best[:, None], which, -1)
        tl.store(nearest + query, tl.max(column, axis=1), mask=used)


def launch(
    points: Tensor, point_starts: Tensor, corners: Tensor, face_starts: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    """See `bank_labels.over_faces`."""
    device = points.device
    points, corners = points.contiguous(), corners.contiguous()
    blocks = (point_starts.diff() + POINTS - 1) // POINTS
    owner = torch.repeat_interleave(torch.arange(len(blocks), device=device), blocks)
    rank = torch.arange(len(owner), device=device) - (blocks.cumsum(0) - blocks)[owner]
    first = point_starts[owner] + rank * POINTS
    limits = [first, point_starts[owner + 1], face_starts[owner], face_starts[owner + 1]]
    winding, squared = points.new_empty(len(points)), points.new_empty(len(points))
    nearest = torch.empty(len(points), dtype=torch.int32, device=device)
    if len(owner):
        _over_faces[(len(owner),)](
            points, corners, *(one.int().contiguous() for one in limits),
            winding, squared, nearest, P=POINTS, F=FACES, num_warps=4,
        )  # fmt: skip
    return winding, squared, nearest.long()
