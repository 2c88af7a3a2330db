"""The occupied voxels of point clouds, at several sizes, and who neighbours whom.

Voxels are sorted Morton codes: the eight children of a voxel follow each other, so that a parent's
code is its children's shifted by three bits, and what is near in space is near in memory. The
clouds of a batch are one list; the cloud's number is in the highest bits.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

BITS = 17
"""Bits of a voxel's index along each axis: up to 131,072 voxels."""

_LIMIT = 1 << BITS
_MARGIN = 1 << 12
"""Lowest index of a voxel, so that neighbours' indices are never negative."""

# Bits of a number spread to every third place, in five steps: (shift, mask).
_SPREAD = (
    (32, 0x1F00000000FFFF),
    (16, 0x1F0000FF0000FF),
    (8, 0x100F00F00F00F00F),
    (4, 0x10C30C30C30C30C3),
    (2, 0x1249249249249249),
)


@dataclass(frozen=True)
class Level:
    """The occupied voxels of one size.

    codes: (M,) int64, sorted, each once.
    neighbours: (M, 27) int64, the voxels around each, M where there is none; entry 13 is the voxel
        itself.
    parents: (M,) int64, places in the next level.
    slots: (M,) int64, which of its parent's eight children each voxel is. Both empty in the last.
    """

    codes: Tensor
    neighbours: Tensor
    parents: Tensor
    slots: Tensor

    def __len__(self) -> int:
        return len(self.codes)


def codes_of(indices: Tensor, clouds: Tensor | int = 0) -> Tensor:
    """Morton codes (N,) of voxel indices (N, 3), each from -4,096 up to 120,000."""
    spread = (indices.long() + _MARGIN).clamp(0, _LIMIT - 1)
    for shift, mask in _SPREAD:
        spread = (spread | spread << shift) & mask
    code = spread[:, 0] << 2 | spread[:, 1] << 1 | spread[:, 2]
    return code | torch.as_tensor(clouds, device=code.device) << 3 * BITS


def indices_of(codes: Tensor) -> Tensor:
    """Voxel indices (N, 3) of Morton codes (N,)."""
    code = codes & ((1 << 3 * BITS) - 1)
    gathered = torch.stack([code >> 2, code >> 1, code], dim=1) & _SPREAD[-1][1]
    masks = [mask for _, mask in _SPREAD[-2::-1]] + [0x1FFFFF]
    for (shift, _), mask in zip(reversed(_SPREAD), masks, strict=True):
        gathered = (gathered | gathered >> shift) & mask
    return gathered - _MARGIN


def find(codes: Tensor, wanted: Tensor) -> Tensor:
    """The places (N,) of the wanted codes in sorted codes (M,), M where they are not there."""
    place = torch.searchsorted(codes, wanted).clamp_(max=max(len(codes) - 1, 0))
    return torch.where(codes[place] == wanted, place, len(codes))


def levels_of(codes: Tensor, count: int) -> list[Level]:
    """`count` levels, each of voxels twice as large, above the sorted codes (M,) of the finest.

    The codes of the coarser levels are counted with a margin of their own, see `_parents`.
    """
    levels = []
    for number in range(count):
        neighbours = _neighbours(codes)
        if number == count - 1:
            empty = codes.new_zeros(0)
            levels.append(Level(codes, neighbours, empty, empty))
            break
        above = _above(codes)
        parents_codes, parents = torch.unique_consecutive(above, return_inverse=True)
        levels.append(Level(codes, neighbours, parents, codes & 7))
        codes = parents_codes
    return levels


def _above(codes: Tensor) -> Tensor:
    """The codes of the voxels of twice the size, with the clouds' numbers kept where they are."""
    clouds = codes >> 3 * BITS
    return (codes & ((1 << 3 * BITS) - 1)) >> 3 | clouds << 3 * BITS


def _neighbours(codes: Tensor) -> Tensor:
    """The places (M, 27) of the voxels around each; M where there is none."""
    clouds = codes >> 3 * BITS
    indices = indices_of(codes)
    steps = torch.arange(-1, 2, device=codes.device)
    # A row of three along the last axis at a time, the mirror image by symmetry.
    table = torch.full((len(codes), 27), len(codes), device=codes.device)
    here = torch.arange(len(codes), device=codes.device)
    table[:, 13] = here
    for number in range(13):
        offset = torch.stack([steps[number // 9], steps[number // 3 % 3], steps[number % 3]])
        found = find(codes, codes_of(indices + offset, clouds))
        table[:, number] = found
        there = found < len(codes)
        table[found[there], 26 - number] = here[there]
    return table
