"""How right the normals of clean dense scans are, next to edges above all.

    python -m training.measure.clouds.edges BUILT --data DATA [--limit 104] [--points 30000]

Points on the outer surface of the meshes of DATA, with their true normals; BUILT holds the same
shapes' surfaces, which say what is outer, of the split `val`. Prints a table in Markdown: for some
values of the constants of `onet_core.scans.normals.sharpened`, the angle to the true normals.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from onet_core.scans import normals, quadrics
from onet_core.scans.neighbours import Neighbours

from .validation import clouds, options

FloatArray = NDArray[np.float64]

_WIDE, _NEIGHBOURS = 2.2, 12
"""The radius of quadrics in spacings and their points, as for scans without noise."""

_VALUES: dict[str, tuple[float, ...]] = {
    "CLEARER": (0.35, 0.5, 0.65, 0.8),
    "LOOKED_AT": (16, 24, 32),
}


def angles(points: FloatArray, truth: FloatArray) -> dict[str, FloatArray]:
    """Of each choice of constants, the angles (N,) of a cloud's normals to the true ones."""
    around = Neighbours(points)
    spacing = around.spacing()
    planes = normals.plane_normals(points, around, 10)
    planes *= np.where(np.einsum("ni,ni->n", planes, truth) < 0, -1.0, 1.0)[:, None]
    fits = quadrics.fitted(points, planes, around, _WIDE * spacing, _NEIGHBOURS)

    def off(found: FloatArray) -> FloatArray:
        cosine = np.clip(np.einsum("ni,ni->n", found, truth), -1, 1)
        return np.asarray(np.degrees(np.arccos(cosine)))

    results = {"quadrics alone": off(fits.normals)}
    for name, values in _VALUES.items():
        before = getattr(normals, name)
        for value in values:
            setattr(normals, name, value)
            results[f"{name} {value:g}"] = off(normals.sharpened(points, fits, around))
        setattr(normals, name, before)
    return results


def main() -> None:
    """See the module."""
    given = options(__doc__).parse_args()
    rows: dict[str, list[tuple[float, float, float]]] = {}
    for _, *cloud in clouds(given, least=0.5):
        for title, off in angles(*cloud).items():
            row = float(off.mean()), 100 * float((off > 20).mean()), 100 * float((off > 45).mean())
            rows.setdefault(title, []).append(row)
    plain = np.array(rows["quadrics alone"])
    print(f"{len(plain)} shapes of the split `val`, {given.points:,} points.\n")
    print("| | mean angle | less than alone | worse by > 0.05 | > 20 degrees | > 45 degrees |")
    print("|---|---|---|---|---|---|")
    for title, found in rows.items():
        values = np.array(found)
        less = plain[:, 0] - values[:, 0]
        error = less.std(ddof=1) / np.sqrt(len(less))
        mean = values.mean(axis=0)
        print(
            f"| {title} | {mean[0]:.3f} | {less.mean():.3f} ± {error:.3f} | {(less < -0.05).sum()} "
            f"| {mean[1]:.2f} % | {mean[2]:.2f} % |"
        )


if __name__ == "__main__":
    main()
