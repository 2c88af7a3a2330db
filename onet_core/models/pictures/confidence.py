"""How good the shape of a picture will be, from what the network says of it."""

from __future__ import annotations

from ...sentences import Sentence
from ..steps import Steps


def foretold_iou(highest: float, steps: Steps) -> float | None:
    """The overlap with the real shape that validation shapes had on average; None if not known.

    highest: the highest probability that the network gives anywhere. Of the signs that cost little
    it tells most, see `training.measure.pictures.confidence`.
    """
    if not steps.foretold_slope:
        return None
    return min(1.0, max(0.0, steps.foretold_base + steps.foretold_slope * highest))


def doubts_of(highest: float | None, steps: Steps) -> tuple[Sentence, ...]:
    """What the user is told of a shape of which the network is that sure; nothing where it is sure
    enough by the model's record, or that does not say."""
    foretold = None if highest is None else foretold_iou(highest, steps)
    if foretold is None or foretold >= steps.doubt_below:
        return ()
    return (
        Sentence(
            "This shape is mostly guessed (about {percent} % of it is likely to be right): try a "
            "picture of the whole object, seen a little from above, or mask it",
            percent=round(100 * foretold),
        ),
    )
