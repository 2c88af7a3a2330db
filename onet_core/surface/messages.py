"""The message where there is no surface."""

from __future__ import annotations

import numpy as np

from ..errors import NoSurfaceError


def no_surface(level: float, lowest: float, highest: float) -> NoSurfaceError:
    """The message; all are logits, lowest and highest those that were seen."""
    threshold = 0.5 * (1 + float(np.tanh(level / 2)))
    low, high = (0.5 * (1 + float(np.tanh(value / 2))) for value in (lowest, highest))
    if high - low < 1e-5:
        return NoSurfaceError(
            "No surface at threshold {threshold:g}: the network's probability is {high:.3g} in "
            "the whole box, so no threshold helps: check the input and the model.",
            threshold=threshold,
            high=high,
        )
    all_outside = threshold >= high
    suggestion = high / 2 if all_outside else (1 + low) / 2
    if not low < suggestion < high:
        suggestion = (low + high) / 2
    other = _rounded_within(suggestion, low, high)
    if all_outside:
        return NoSurfaceError(
            "No surface at threshold {threshold:g}: the network takes the whole box for outside; "
            "its probabilities range from {low} to {high}. Try a threshold such as {other}, or "
            "check the input.",
            threshold=threshold,
            low=_probability(low),
            high=_probability(high),
            other=other,
        )
    return NoSurfaceError(
        "No surface at threshold {threshold:g}: the network takes the whole box for inside; its "
        "probabilities range from {low} to {high}. Try a threshold such as {other}, or check the "
        "input.",
        threshold=threshold,
        low=_probability(low),
        high=_probability(high),
        other=other,
    )


def _probability(value: float) -> str:
    return f"{value:.3g}" if value < 0.99 else f"{value:.6g}"


def _rounded_within(value: float, low: float, high: float) -> str:
    """The value with as few digits as keep it between low and high."""
    texts = [f"{value:.{digits}g}" for digits in range(1, 18)]
    return next((text for text in texts if low < float(text) < high), texts[-1])
