"""Evaluating a field, a function from points to logits, in chunks."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from typing import Protocol, runtime_checkable

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from .errors import DeviceError, InputError, ModelError

Field = Callable[[Tensor], Tensor]
"""Points (n, 3) in the network's frame -> logits (n,), on the points' device."""


@runtime_checkable
class PreparedField(Protocol):
    """A field that knows more than its logits, as `models.prepared.PreparedField` does."""

    def __call__(self, points: Tensor) -> Tensor:
        """Logits (n,) at points (n, 3), in float32."""

    @property
    def is_rough_faster(self) -> bool:
        """Whether `rough` costs less than the field itself."""

    def rough(self, points: Tensor) -> Tensor:
        """Logits (n,), less exact."""

    def with_gradient(self, points: Tensor) -> tuple[Tensor, Tensor]:
        """Logits (n,) and their gradients (n, 3)."""


Progress = Callable[[str, float], None]
"""Gets the stage and the fraction of the call that is done, 0 to 1; may raise `Cancelled`."""

# More points at once make the activations leave the processor's cache and, from 32 MiB an array
# on, cost a fresh memory mapping each: three to five times slower (the original's 100,000 do).
CPU_BATCH = 4096
GPU_BATCH = 131072
# Half precision keeps copies of what it multiplies: 2,048 points take two thirds of the time each.
CPU_ROUGH_BATCH = 2048
# The way back keeps what every layer let through, ten times as much as the way there.
CPU_GRADIENT_BATCH = 2048
# So near to the level no logit is rough in the search for the surface.
EXACT_BAND = 0.5
_SMALLEST_BATCH = 64


def stage(progress: Progress | None, name: str) -> Callable[[float], None] | None:
    """A progress function of the fraction alone, for a stage with that name."""
    return None if progress is None else partial(progress, name)


def logit(threshold: float) -> float:
    """The logit of a probability, ln(t) - ln(1 - t), rounded to float32.

    The original hands the level to marching cubes as a C float. MISE here gets the same number, so
    that both agree on which cells the surface crosses.
    Raises InputError unless 0 < threshold < 1.
    """
    if not 0 < threshold < 1:
        raise InputError(
            "A threshold of {threshold:g} can't be used: choose a probability between 0 and 1, "
            "such as 0.2.",
            threshold=threshold,
        )
    return float(np.float32(np.log(threshold) - np.log1p(-threshold)))


def grid_to_box(
    indices: NDArray[np.integer] | Tensor, resolution: int, padding: float, dtype: torch.dtype
) -> Tensor:
    """Grid indices (n, 3) -> points in the box of edge 1 + padding, in the original's arithmetic.

    Index 0 lies at -(1 + padding) / 2, index `resolution` at the opposite side.
    """
    if isinstance(indices, np.ndarray):
        indices = torch.from_numpy(np.ascontiguousarray(indices))
    points = indices.to(dtype)
    return (1 + padding) * (points / resolution - 0.5)


def evaluate(
    field: Field,
    points: Tensor,
    *,
    level: float | None = None,
    exact_band: float = EXACT_BAND,
    batch_points: int | None = None,
    progress: Callable[[float], None] | None = None,
) -> Tensor:
    """The field's logits at points, without gradients.

    points: (n, 3) -> logits (n,), on the same device. batch_points: how many points go to the field
    at once, by default 4,096 on the CPU, 2,048 in half precision, and 131,072 elsewhere; halved as
    often as memory runs out.
    level: a logit, for a caller who only asks on which side of it each point lies. A prepared field
    may then compute in half precision where the logit is further from the level than `exact_band`,
    and than four times the largest error that it makes nearer by; all nearer logits are float32's.
    With a band of 0 every logit may be rough that is finite so.
    progress: called after each batch with the fraction done; may raise `Cancelled`.
    Raises ModelError where a logit is not finite, DeviceError where memory is short even for the
    smallest batch.
    """
    if level is not None and isinstance(field, PreparedField) and field.is_rough_faster:
        rough_batch = batch_points or _batch(points, CPU_ROUGH_BATCH)
        logits = _evaluate(field.rough, points, rough_batch, progress)
        _replace_near(field, points, logits, level, exact_band, batch_points)
    else:
        logits = _evaluate(field, points, batch_points, progress)
    _assert_finite(logits)
    return logits


def _evaluate(
    field: Field,
    points: Tensor,
    batch_points: int | None,
    progress: Callable[[float], None] | None = None,
) -> Tensor:
    logits = points.new_empty(len(points))

    def step(first: int, last: int) -> None:
        with torch.no_grad():
            logits[first:last] = _checked(field(points[first:last]), last - first)

    _in_batches(step, points, batch_points or _batch(points, CPU_BATCH), progress)
    return logits


def _replace_near(
    field: PreparedField,
    points: Tensor,
    logits: Tensor,
    level: float,
    band: float,
    batch_points: int | None,
) -> None:
    """Makes rough logits exact near the level and where half precision overflowed, in place.

    What is found about the error on the way widens the band, until the error is small in it.
    """
    is_exact = torch.zeros_like(logits, dtype=torch.bool)
    is_wanted = band > 0
    while True:
        is_far = torch.isfinite(logits)
        if is_wanted:
            is_far &= (logits - level).abs() > band
        near = (~(is_far | is_exact)).nonzero().squeeze(1)
        if not len(near):
            return
        exact = _evaluate(field, points[near], batch_points)
        error = (exact - logits[near]).abs().nan_to_num(0, 0, 0).max()
        logits[near] = exact
        is_exact[near] = True
        band = max(band, 4 * float(error))


def evaluate_with_gradient(
    field: Field,
    points: Tensor,
    *,
    batch_points: int | None = None,
    progress: Callable[[float], None] | None = None,
) -> tuple[Tensor, Tensor]:
    """The field's logits at points, and their gradients with respect to the points.

    points: (n, 3) -> logits (n,), gradients (n, 3). A prepared field gives its own; for any other
    one backward pass leads to the points alone: no gradients for weights are computed or kept.
    batch_points: by default 2,048 on the CPU. Other arguments and errors: see `evaluate`.
    """
    logits = points.new_empty(len(points))
    gradients = torch.empty_like(points)
    with_gradient = field.with_gradient if isinstance(field, PreparedField) else None

    def step(first: int, last: int) -> None:
        batch = points[first:last]
        value, gradient = with_gradient(batch) if with_gradient else by_autograd(field, batch)
        logits[first:last] = _checked(value, last - first)
        gradients[first:last] = gradient

    _in_batches(step, points, batch_points or _batch(points, CPU_GRADIENT_BATCH), progress)
    _assert_finite(logits)
    return logits, gradients


def by_autograd(field: Field, points: Tensor) -> tuple[Tensor, Tensor]:
    """Logits (n,) and gradients (n, 3) at points (n, 3), by one backward pass to the points."""
    with torch.enable_grad():
        leaf = points.detach().requires_grad_(True)
        logits = field(leaf)
        (gradient,) = torch.autograd.grad(logits.sum(), leaf)
    return logits.detach(), gradient


def _batch(points: Tensor, on_cpu: int) -> int:
    return on_cpu if points.device.type == "cpu" else GPU_BATCH


def _in_batches(
    step: Callable[[int, int], None],
    points: Tensor,
    batch: int,
    progress: Callable[[float], None] | None,
) -> None:
    done = 0
    while done < len(points):
        last = min(done + batch, len(points))
        try:
            step(done, last)
        except RuntimeError as error:
            if not _is_out_of_memory(error):
                raise
            if batch <= _SMALLEST_BATCH:
                raise DeviceError(
                    "The memory of {device} is too full for {batch} points at once: close other "
                    "programs that use it, or choose the CPU.",
                    device=points.device,
                    batch=batch,
                ) from error
            batch //= 2
            torch.cuda.empty_cache()
            continue
        done = last
        if progress is not None:
            progress(done / len(points))


def _is_out_of_memory(error: RuntimeError) -> bool:
    # Only CUDA has a type of its own for this; the CPU and Apple's GPUs say it in words.
    words = ("out of memory", "can't allocate memory", "not enough memory")
    return isinstance(error, torch.OutOfMemoryError) or any(w in str(error) for w in words)


def _checked(logits: Tensor, count: int) -> Tensor:
    if logits.shape != (count,):
        raise ValueError(f"a field must give ({count},) logits, not {tuple(logits.shape)}")
    return logits


def _assert_finite(logits: Tensor) -> None:
    # A sum is as finite as its parts, and one step.
    if math.isfinite(float(logits.sum())):
        return
    bad = int(logits.numel() - torch.isfinite(logits).sum())
    if bad:
        raise ModelError(
            "The network's output is not finite (NaN or infinite) at {bad} of {count} points: "
            "its weights are damaged or do not fit this input.",
            bad=bad,
            count=len(logits),
        )
