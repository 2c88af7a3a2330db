"""Random solids of a few primitives, added and cut away, as points of their surfaces with normals.

Edges, gaps, thin walls, tubes and pockets without end, exact and cheap: points are drawn on every
primitive, and those are kept that lie on the surface of the whole.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

BOX, CYLINDER, SPHERE, TORUS = range(4)
MOST_PRIMITIVES = 8


def random_solids(
    objects: int, count: int, generator: torch.Generator, device: torch.device
) -> tuple[Tensor, Tensor, Tensor]:
    """Points (objects, count, 3), outward normals (objects, count, 3), valid (objects, count).

    About within the unit cube. Where too few of the points drawn lie on the surface the rest is
    marked as not valid.
    """

    def uniform(*shape: int) -> Tensor:
        return torch.rand(*shape, generator=generator, device=device)

    shape = (objects, MOST_PRIMITIVES)
    kinds = (uniform(*shape) * 4).long()
    sizes = 0.05 + 0.3 * uniform(*shape, 3) ** 1.5
    # Plates and rods: one or two of the sizes small.
    flat = (uniform(*shape, 3) < 0.25) & (uniform(*shape, 1) < 0.5)
    sizes = torch.where(flat, 0.006 + 0.03 * uniform(*shape, 3), sizes)
    # A torus: sizes are its large radius and its tube's.
    tube = sizes[..., 0] * (0.08 + 0.7 * uniform(*shape))
    sizes[..., 1] = torch.where(kinds == TORUS, tube, sizes[..., 1])
    sizes[..., 1] = torch.where(kinds == CYLINDER, sizes[..., 0], sizes[..., 1])
    turns = random_turns((*shape,), generator, device)
    # Half of the objects are built along the axes, as machines' parts are.
    along = uniform(objects, 1, 1, 1) < 0.5
    turns = torch.where(along, _quarter_turns(shape, generator, device), turns)
    centres = 0.5 * (uniform(*shape, 3) - 0.5)
    used = (
        torch.arange(MOST_PRIMITIVES, device=device)
        < 1 + (uniform(objects, 1) * MOST_PRIMITIVES).floor()
    )
    first = torch.arange(MOST_PRIMITIVES, device=device) == 0
    cuts = (uniform(*shape) < 0.35) & ~first
    # Some cuts are the first solid made smaller and moved a little: shells, cups, tubes.
    hollow = cuts & (uniform(*shape) < 0.3)
    shrink = 0.75 + 0.22 * uniform(*shape, 1)
    kinds = torch.where(hollow, kinds[:, :1], kinds)
    sizes = torch.where(hollow[..., None], sizes[:, :1] * shrink, sizes)
    turns = torch.where(hollow[..., None, None], turns[:, :1], turns)
    shift = torch.einsum(
        "bkij,bkj->bki", turns, (uniform(*shape, 3) < 0.3) * sizes * (uniform(*shape, 1) - 0.3)
    )
    centres = torch.where(hollow[..., None], centres[:, :1] + shift, centres)

    drawn = 2 * count
    areas = _areas(kinds, sizes) * used
    share = (areas / areas.sum(dim=1, keepdim=True)).clamp(min=1e-9)
    chosen = torch.multinomial(share, drawn, replacement=True, generator=generator)
    rows = torch.arange(objects, device=device)[:, None]
    local, local_normals = _on_surface(
        kinds[rows, chosen], sizes[rows, chosen], uniform(objects, drawn, 4)
    )
    turn = turns[rows, chosen]
    points = torch.einsum("bnij,bnj->bni", turn, local) + centres[rows, chosen]
    normals = torch.einsum("bnij,bnj->bni", turn, local_normals)

    in_added = torch.zeros(objects, drawn, dtype=torch.bool, device=device)
    in_cut, in_other_added = in_added.clone(), in_added.clone()
    in_other_cut = in_added.clone()
    for number in range(MOST_PRIMITIVES):
        away = points - centres[:, number, None]
        inside = _is_inside(kinds[:, number, None], sizes[:, number, None], away @ turns[:, number])
        inside &= used[:, number, None]
        is_cut, own = cuts[:, number, None], chosen == number
        in_added |= inside & ~is_cut
        in_cut |= inside & is_cut
        in_other_added |= inside & ~is_cut & ~own
        in_other_cut |= inside & is_cut & ~own
    on_cut = cuts[rows, chosen]
    is_kept = torch.where(on_cut, in_added & ~in_other_cut, ~in_other_added & ~in_cut)
    normals = torch.where(on_cut[..., None], -normals, normals)
    # The kept ones first, in their random order.
    order = torch.argsort((~is_kept).to(torch.uint8), dim=1, stable=True)[:, :count]
    return points[rows, order], normals[rows, order], is_kept[rows, order]


def random_turns(
    shape: tuple[int, ...], generator: torch.Generator, device: torch.device
) -> Tensor:
    """Rotation matrices (*shape, 3, 3), uniform over all."""
    quaternions = torch.randn(*shape, 4, generator=generator, device=device)
    w, x, y, z = (quaternions / quaternions.norm(dim=-1, keepdim=True)).unbind(-1)
    rows = [
        1 - 2 * (y * y + z * z), 2 * (x * y - z * w), 2 * (x * z + y * w),
        2 * (x * y + z * w), 1 - 2 * (x * x + z * z), 2 * (y * z - x * w),
        2 * (x * z - y * w), 2 * (y * z + x * w), 1 - 2 * (x * x + y * y),
    ]  # fmt: skip
    return torch.stack(rows, dim=-1).view(*shape, 3, 3)


def _quarter_turns(
    shape: tuple[int, ...], generator: torch.Generator, device: torch.device
) -> Tensor:
    """Permutations of the axes (*shape, 3, 3)."""
    order = torch.rand(*shape, 3, generator=generator, device=device).argsort(dim=-1)
    return torch.eye(3, device=device)[order]


def _areas(kinds: Tensor, sizes: Tensor) -> Tensor:
    a, b, c = sizes.unbind(-1)
    box = 8 * (a * b + b * c + c * a)
    cylinder = 2 * math.pi * a * (a + 2 * c)
    sphere = 4 * math.pi * ((a * b) ** 1.6 + (b * c) ** 1.6 + (c * a) ** 1.6).div(3) ** (1 / 1.6)
    torus = 4 * math.pi**2 * a * b
    return torch.stack([box, cylinder, sphere, torus], dim=-1).gather(-1, kinds[..., None])[..., 0]


def _is_inside(kinds: Tensor, sizes: Tensor, places: Tensor) -> Tensor:
    x, y, z = places.unbind(-1)
    a, b, c = sizes.unbind(-1)
    flat = x * x + y * y
    box = (x.abs() < a) & (y.abs() < b) & (z.abs() < c)
    cylinder = (flat < a * a) & (z.abs() < c)
    sphere = (x / a) ** 2 + (y / b) ** 2 + (z / c) ** 2 < 1
    torus = (flat.sqrt() - a) ** 2 + z * z < b * b
    curved = torch.where(kinds == SPHERE, sphere, torus)
    return torch.where(kinds == BOX, box, torch.where(kinds == CYLINDER, cylinder, curved))


def _on_surface(kinds: Tensor, sizes: Tensor, draw: Tensor) -> tuple[Tensor, Tensor]:
    """Places (..., 3) and normals on primitives, from uniform numbers (..., 4)."""
    a, b, c = sizes.unbind(-1)
    u, v, w, q = draw.unbind(-1)
    turn = 2 * math.pi * u
    cosine, sine = turn.cos(), turn.sin()
    zero = torch.zeros_like(u)

    # The box: a face by its area, a place on it.
    faces = torch.stack([b * c, c * a, a * b], dim=-1)
    ends = faces.cumsum(-1) / faces.sum(-1, keepdim=True)
    axis = (q[..., None] > ends[..., :2]).sum(-1, keepdim=True)
    side = torch.where(w < 0.5, -1.0, 1.0)
    onto = torch.zeros_like(sizes).scatter(-1, axis, side[..., None])
    spread = torch.stack([2 * u - 1, 2 * v - 1, 2 * (w * 2 % 1) - 1], dim=-1)
    box = torch.where(onto != 0, onto, spread) * sizes

    # The cylinder: its side or one of its ends.
    on_side = q < c / (c + a / 2).clamp(min=1e-9) * 1.0
    radius = torch.where(on_side, a, a * v.sqrt())
    height = torch.where(on_side, (2 * v - 1) * c, side * c)
    cylinder = torch.stack([radius * cosine, radius * sine, height], dim=-1)
    round_normal = torch.stack([cosine, sine, zero], dim=-1)
    end_normal = torch.stack([zero, zero, side], dim=-1)
    cylinder_normal = torch.where(on_side[..., None], round_normal, end_normal)

    # The ellipsoid, denser at its ends.
    level = 2 * v - 1
    ring = (1 - level * level).clamp(min=0).sqrt()
    direction = torch.stack([ring * cosine, ring * sine, level], dim=-1)
    sphere = direction * sizes
    sphere_normal = direction / sizes

    # The torus, a little denser within.
    around = 2 * math.pi * v
    out = a + b * around.cos()
    torus = torch.stack([out * cosine, out * sine, b * around.sin()], dim=-1)
    torus_normal = torch.stack([around.cos() * cosine, around.cos() * sine, around.sin()], dim=-1)

    places, normals = torus, torus_normal
    for kind, place, normal in (
        (SPHERE, sphere, sphere_normal),
        (CYLINDER, cylinder, cylinder_normal),
        (BOX, box, onto),
    ):
        here = (kinds == kind)[..., None]
        places = torch.where(here, place, places)
        normals = torch.where(here, normal, normals)
    return places, normals / normals.norm(dim=-1, keepdim=True).clamp(min=1e-9)
