"""What to tell the user where there is no surface."""

from __future__ import annotations

import numpy as np

from ..errors import NoSurfaceError


def no_surface(level: float, lowest: float, highest: float) -> NoSurfaceError:
    """What to tell the user; all are logits, lowest and highest those that were seen."""
    return NoSurfaceError(_no_surface_message(level, lowest, highest))


def _no_surface_message(level: float, lowest: float, highest: float) -> str:
    threshold = 0.5 * (1 + float(np.tanh(level / 2)))
    low, high = (0.5 * (1 + float(np.tanh(value / 2))) for value in (lowest, highest))
    if high - low < 1e-5:
        return (
            f"No surface at threshold {threshold:g}: the network's probability is {high:.3g} in "
            "the whole box, so no threshold helps: check the input and the model."
        )
    all_outside = threshold >= high
    where = "outside" if all_outside else "inside"
    suggestion = high / 2 if all_outside else (1 + low) / 2
    if not low < suggestion < high:
        suggestion = (low + high) / 2
    return (
        f"No surface at threshold {threshold:g}: the network takes the whole box for {where}; its "
        f"probabilities range from {_probability(low)} to {_probability(high)}. Try a threshold "
        f"such as {_rounded_within(suggestion, low, high)}, or check the input."
    )


def _probability(value: float) -> str:
    return f"{value:.3g}" if value < 0.99 else f"{value:.6g}"


def _rounded_within(value: float, low: float, high: float) -> str:
    """The value with as few digits as keep it between low and high."""
    texts = [f"{value:.{digits}g}" for digits in range(1, 18)]
    return next((text for text in texts if low < float(text) < high), texts[-1])
