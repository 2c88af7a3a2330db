"""What a picture shows of an object where its field has nothing, and the camera that fits both.

A leg whose depth is uncertain is smeared along the lines of sight: nowhere does its probability
reach the threshold. But the picture shows it, so that somewhere along these lines there is
something, most likely where the probability is highest.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import ndimage
from torch import Tensor
from torch.nn import functional

from ..layers import in_one_thread, sample_cube
from .camera import PictureCamera

# Lines of sight along an edge of the picture, and places on each, while the camera is fitted.
_PIXELS, _DEPTHS = 40, 24
# Places on a line of sight where the parts are looked for that are lacking.
_FINE_DEPTHS = 40
# Parts stand out from what is drawn by more than the picture's edge over this.
_RIM = 32
# The picture's edge over the deviation of the Gaussian that evens out lines of sight.
_EVEN = 64
# How much a camera's numbers are changed at first, see `PictureCamera`.
_STEPS = (0.1, 0.1, 0.1, 0.1, 0.1, 0.05)
_TRIES = 30
# Logits times this are a soft outline: blunter ones make all look smaller than they are.
_SHARPNESS = 3.0
_NEARNESS = (0.02, 1.0)
# A line that advances less along an axis stays beside the sides that it doesn't meet.
_LEAST_STEP = 1e-9
# The logit of what lies beyond the box.
_NOTHING = -20.0


class Lack(NamedTuple):
    """What a field lacks along the lines of sight of a picture (S, S).

    missing: how far the field stays below what is wanted, 0 where the picture shows nothing or the
        field has something.
    highest: the highest logit on each line.
    """

    missing: Tensor
    highest: Tensor


def fitted_camera(
    cube: Tensor, half: float, camera: PictureCamera, shown: Tensor, level: float
) -> PictureCamera:
    """The camera from which a field's outline is most like what a picture shows, near another one.

    cube: logits (G, G, G), indexed x, y, z, at the nodes of a grid over the cube of edge 2 * half;
    camera: of one picture, (1,); shown: (S, S), 0 or 1; level: the logit at the surface. The
    outline is a soft one, whose IoU with the picture's has a slope.
    """
    # Imported here, as points and voxels, which need none of it, would wait for it too.
    from scipy.optimize import minimize

    wanted = functional.interpolate(shown[None, None], size=(_PIXELS, _PIXELS), mode="area")[0, 0]
    rows, columns = torch.meshgrid(*[torch.arange(_PIXELS, device=cube.device)] * 2, indexing="ij")
    pixels = torch.stack([columns.flatten(), rows.flatten()], dim=1)
    begin, steps = camera.numbers()[0].to(cube), cube.new_tensor(_STEPS)

    def unlikeness(change: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        with torch.enable_grad():
            leaf = torch.from_numpy(change.astype(np.float32)).to(begin).requires_grad_(True)
            moved = PictureCamera.from_numbers((begin + steps * leaf)[None])
            highest = _highest(cube, half, moved, pixels, _PIXELS, _DEPTHS)
            seen = (_SHARPNESS * (highest - level)).sigmoid().view(_PIXELS, _PIXELS)
            both = (seen * wanted).sum()
            loss = 1 - both / (seen + wanted - seen * wanted).sum()
            (slope,) = torch.autograd.grad(loss, leaf)
        return float(loss.detach()), slope.cpu().double().numpy()

    nearness = (np.array(_NEARNESS) - float(begin[-1])) / _STEPS[-1]
    # Sums of another order would end elsewhere: shapes don't depend on the number of threads.
    with torch.no_grad(), in_one_thread(cube):
        found = minimize(
            unlikeness,
            np.zeros(len(_STEPS)),
            jac=True,
            method="L-BFGS-B",
            bounds=[*[(None, None)] * (len(_STEPS) - 1), tuple(nearness)],
            options={"maxfun": _TRIES},
        )
    change = torch.from_numpy(found.x.astype(np.float32)).to(begin)
    return PictureCamera.from_numbers((begin + steps * change)[None])


def lack_of(
    cube: Tensor, half: float, camera: PictureCamera, shown: Tensor, level: float, margin: float
) -> Lack:
    """Which parts a field lacks that a picture shows; arguments: see `fitted_camera`.

    margin: how far above the level the highest logit should be on each line of sight that meets
    such a part. Where the field's outline is but narrower than the picture's nothing is lacking.
    """
    size = len(shown)
    rows, columns = shown.nonzero(as_tuple=True)
    highest = torch.full_like(shown, _NOTHING)
    pixels = torch.stack([columns, rows], dim=1)
    highest[rows, columns] = _highest(cube, half, camera, pixels, size, _FINE_DEPTHS)
    on, found = shown.bool().cpu().numpy(), highest.cpu().numpy()
    is_part = _parts(found > level, on)
    found = _even(found, on)
    missing = (level + margin - found).clip(min=0) * is_part
    return Lack(*(torch.from_numpy(values).to(cube) for values in (missing, found)))


def lacks_along(lack: Lack, camera: PictureCamera, points: Tensor) -> Tensor:
    """Which points (n, 3) lie on lines of sight along which a field lacks something, (n,)."""
    seen = camera.project(points[None])[:, :, None, :2]
    return functional.grid_sample(lack.missing[None, None], seen, align_corners=False).flatten() > 0


def _even(values: NDArray[np.float32], shown: NDArray[np.bool_]) -> NDArray[np.float32]:
    """Values (S, S) without the steps from one line of sight to the next; where nothing is shown,
    those of the nearest line that meets the object."""
    deviation = len(shown) / _EVEN
    weight = ndimage.gaussian_filter(shown.astype(np.float32), deviation)
    total = ndimage.gaussian_filter(np.where(shown, values, 0), deviation)
    even = (total / np.maximum(weight, 1e-6)).astype(np.float32)
    nearest = ndimage.distance_transform_edt(~shown, return_distances=False, return_indices=True)
    return even[tuple(nearest)]


def _parts(drawn: NDArray[np.bool_], shown: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Where a picture (S, S) shows parts that stand out from what is drawn, with their joints."""
    lacking = shown & ~drawn
    if not drawn.any():
        return lacking
    rim = len(shown) // _RIM
    core = lacking & (ndimage.distance_transform_edt(~drawn) > rim)
    return np.asarray(ndimage.binary_dilation(core, iterations=rim + 2) & shown)


def _highest(
    cube: Tensor, half: float, camera: PictureCamera, pixels: Tensor, size: int, depths: int
) -> Tensor:
    """The highest logits (P,) on the lines of sight of pixels (P, 2), column and row, of a picture
    of `size` of them along an edge, between where they enter the cube and where they leave it."""
    places = (pixels + 0.5) * (2 / size) - 1
    ends = [torch.cat([places, places[:, :1] * 0 + depth], dim=1) for depth in (0, 1)]
    start, end = (camera.locate(torch.cat(ends)[None])[0] / half).chunk(2)
    step = end - start
    step = torch.where(step.abs() < _LEAST_STEP, _LEAST_STEP, step)
    with torch.no_grad():
        # Where the sides are met, in order along the line.
        sides = torch.stack([(-1 - start) / step, (1 - start) / step])
        enter, leave = sides.amin(0).amax(1), sides.amax(0).amin(1)
        share = torch.linspace(0, 1, depths, device=cube.device)
        depth = torch.lerp(enter[:, None], leave[:, None], share)
        along = start[:, None] + depth[:, :, None] * step[:, None]
        deepest = sample_cube(cube, along.flatten(0, 1)).view_as(depth).argmax(dim=1)
        depth = depth.gather(1, deepest[:, None])
    # Where it is highest is known: one place a line has a slope, not all.
    highest = sample_cube(cube, start + depth * step)
    return highest.masked_fill(enter > leave, _NOTHING)
