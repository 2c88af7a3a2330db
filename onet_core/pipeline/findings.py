"""What a reconstruction found out about its input, beside the mesh. Standard library only."""

from __future__ import annotations

import math
from dataclasses import dataclass

from ..sentences import Sentence

BACKGROUNDS = {
    "mask": Sentence("The mask shows the object"),
    "transparent": Sentence("The transparent background was removed"),
    "plain": Sentence("The plain background was removed"),
    "cut_out": Sentence(
        "The object was cut out of its background: see whether it is the right one"
    ),
    "none": Sentence(
        "No background was found: the whole picture was taken for the object. Mask the object, or "
        "fetch Cut-Out"
    ),
}


@dataclass(frozen=True)
class Findings:
    """What is worth telling about an input and how well the mesh fits it.

    fit: share of the points, 0 to 1, that lie within `within` of the mesh; None where not measured.
    within: a share of the input's size.
    outliers: how many points were removed; None where none were looked for.
    is_mirrored: whether the mirror image of a symmetric cloud was used as well.
    background: what was removed from a picture, a key of `BACKGROUNDS`; None for other inputs.
    notes: what was decided while the input was read, where that was open.
    doubts: why the mesh may not be what was wanted, each with what to do.
    """

    fit: float | None = None
    within: float = 0.01
    outliers: int | None = None
    is_mirrored: bool = False
    background: str | None = None
    notes: tuple[Sentence, ...] = ()
    doubts: tuple[Sentence, ...] = ()

    def sentences(self) -> list[Sentence]:
        """One sentence for each finding, without full stops."""
        found = [*self.doubts, *self.notes]
        if self.fit is not None:
            # Rounded down: 100 % means every point.
            percent = math.floor(100 * self.fit + 1e-6)
            found.append(
                Sentence(
                    "{percent} % of the points lie within {share:g} % of the size",
                    percent=percent,
                    share=100 * self.within,
                )
            )
        if self.outliers:
            one = Sentence("1 outlier was removed")
            several = Sentence("{count:,} outliers were removed", count=self.outliers)
            found.append(one if self.outliers == 1 else several)
        if self.is_mirrored:
            found.append(Sentence("The scan is symmetric, so its mirror image was used as well"))
        if self.background is not None:
            found.append(BACKGROUNDS[self.background])
        return found
