"""Which side of clean dense scans is taken for outside, beside the truth.

    python -m training.measure.clouds.signs BUILT --data DATA [--limit 112] [--points 30000]
        [--rods]

The clouds are those of `validation`. Prints a table in Markdown: for some values of the constants
of `onet_core.scans.signs`, or of `normals.ROD`, the share of the points whose normals point inward.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from onet_core.inputs.observation import Observation
from onet_core.models.catalogue import default_model
from onet_core.pipeline.reconstructor import Reconstructor
from onet_core.scans import normals, signs, surface
from onet_core.scans.neighbours import Neighbours
from onet_core.settings import Settings

from ...data.observations import NETWORK_FRAME
from .validation import clouds, options

FloatArray = NDArray[np.float64]

_VALUES: dict[str, tuple[float, ...]] = {"FLAT": (99.0, 0.7, 0.5, 0.42, 0.35, 0.3)}
_RODS = (0.0, 0.25, 0.35)
_NEIGHBOURS = 10
"""Of planes, as for scans without noise."""


class _Asked(Exception):
    """What `signs.signed` was asked, which is all that is wanted of a reconstruction."""

    def __init__(self, *given: Any) -> None:
        self.given = given


def asked_of(points: FloatArray, reconstructor: Reconstructor) -> tuple[Any, ...]:
    """The arguments of `signs.signed` for a cloud (N, 3); both opinions are asked once only."""

    def stop(*given: Any, **_: bool) -> None:
        raise _Asked(*given[:6])

    before = surface.signed
    surface.signed = stop  # type: ignore[assignment]
    try:
        observation = Observation("points", points.astype(np.float32), NETWORK_FRAME)
        reconstructor.reconstruct(observation, Settings(resolution=64, symmetry=False))
    except _Asked as asked:
        *first, sides, blur = asked.given
        known: list[FloatArray] = []

        def remembered(places: FloatArray, ways: FloatArray) -> FloatArray:
            if not known:
                known.append(sides(places, ways))
            return known[0]

        return (*first, sides and remembered, blur)
    finally:
        surface.signed = before
    raise ValueError("the cloud is not followed point by point")


def wrong_by_value(given: tuple[Any, ...], truth: FloatArray) -> dict[str, float]:
    """Of each value, the share of points whose normals are on the wrong side; truth (N, 3)."""
    found = {}
    for name, values in _VALUES.items():
        before = getattr(signs, name)
        for value in values:
            setattr(signs, name, value)
            made = signs.signed(*given).normals
            found[f"{name} {value:g}"] = float((np.einsum("ni,ni->n", made, truth) < 0).mean())
        setattr(signs, name, before)
    return found


def wrong_by_rod(given: tuple[Any, ...], truth: FloatArray) -> dict[str, float]:
    """The same for values of `onet_core.scans.normals.ROD`."""
    points, _, *others = given
    around = Neighbours(points)
    planes = normals.plane_normals(points, around, _NEIGHBOURS)
    found, before = {}, normals.ROD
    for value in _RODS:
        normals.ROD = value
        axes = normals.around_rods(points, planes, around)
        made = signs.signed(points, axes, *others).normals
        found[f"ROD {value:g}"] = float((np.einsum("ni,ni->n", made, truth) < 0).mean())
    normals.ROD = before
    return found


def main() -> None:
    """See the module."""
    parser = options(__doc__)
    parser.add_argument("--rods", action="store_true", help="values of ROD, not those of FLAT")
    given = parser.parse_args()
    reconstructor = Reconstructor(default_model("points").path, "cpu")
    rows: dict[str, list[float]] = {}
    for name, points, truth in clouds(given, least=0.9):
        try:
            asked = asked_of(points, reconstructor)
        except ValueError:
            continue
        ways = truth[cKDTree(points).query(asked[0])[1]]
        wrong_sides = wrong_by_rod if given.rods else wrong_by_value
        for title, share in wrong_sides(asked, ways).items():
            rows.setdefault(title, []).append(100 * share)
        print(name, {title: round(shares[-1], 3) for title, shares in rows.items()}, flush=True)
    plain = np.array(next(iter(rows.values())))
    print(f"\n{len(plain)} shapes of the split `val`, {given.points:,} points.\n")
    print("| | wrong side | median | less than the first | worse by > 0.05 % | better |")
    print("|---|---|---|---|---|---|")
    for title, found in rows.items():
        values = np.array(found)
        less = plain - values
        error = less.std(ddof=1) / np.sqrt(len(less))
        print(
            f"| {title} | {values.mean():.3f} % | {np.median(values):.3f} % "
            f"| {less.mean():.3f} ± {error:.3f} | {(less < -0.05).sum()} | {(less > 0.05).sum()} |"
        )


if __name__ == "__main__":
    main()
