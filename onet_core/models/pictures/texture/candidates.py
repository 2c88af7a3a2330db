"""Which colours a hidden place could have, and what is known of each.

A picture shows a part of a mesh. A hidden place most likely has a colour that the object shows
somewhere else: on its mirror image, near by, on what faces the same way, at the same height.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.cluster.vq import kmeans2
from scipy.spatial import cKDTree

from ..painting import Look, camera_axes, from_nearest

Floats = NDArray[np.float32]

# Own pixel, mirrored pixel, the plain way's, nearest, nearest of like normal, nearest to the place
# reflected front to back, nearest at like height and distance from the axis, mean, palette.
COUNTS = (1, 1, 1, 6, 6, 2, 2, 1, 4)
PLAIN = 2
"""The candidate that is the plain way's colour."""
KIND_OF = np.repeat(np.arange(len(COUNTS)), COUNTS)
ABOUT_PLACE, ABOUT_CANDIDATE = 15, 12
# So many visible places stand for all, whatever the mesh's fineness.
_ANCHORS = 1500
# How far away a place counts whose normal is perpendicular, in longest edges.
_TURNED = 0.56
_SEED = 0


@dataclass(frozen=True, eq=False)
class Candidates:
    """Of hidden places.

    places: (H, ABOUT_PLACE), what is known of each.
    about: (H, K, ABOUT_CANDIDATE), what is known of each candidate.
    colours: (H, K, 3), 0 to 1.
    """

    places: Floats
    about: Floats
    colours: Floats


def candidates(look: Look, normals: NDArray[np.float64], asked: NDArray[np.intp]) -> Candidates:
    """Candidates for the vertices `asked` (H,) of a look, whose normals are (V, 3)."""
    blended, known = look.blended()
    rng = np.random.default_rng(_SEED)
    given = np.flatnonzero(known)
    anchors = given if len(given) <= _ANCHORS else rng.choice(given, _ANCHORS, replace=False)
    plain = _plain(look.vertices, blended, known, asked)
    places, facing = look.vertices[asked], normals[asked]
    found = _Found(look, normals, blended, places, facing)
    found.own(look.colours[asked, 0], look.weights[asked, 0])
    found.own(look.colours[asked, 1], look.weights[asked, 1])
    found.own(plain, known[asked].astype(float))
    flip = np.array([1, 1, -1])
    alike = np.hstack([look.vertices, normals * (_TURNED / np.sqrt(2))])
    turning = np.stack(
        [np.hypot(look.vertices[:, 0], look.vertices[:, 2]), look.vertices[:, 1]], axis=1
    )
    found.nearest(anchors, look.vertices, places, COUNTS[3])
    found.nearest(anchors, alike, alike[asked], COUNTS[4])
    behind = np.hstack([places * flip, facing * flip * (_TURNED / np.sqrt(2))])
    found.nearest(anchors, alike, behind, COUNTS[5])
    found.nearest(anchors, turning, turning[asked], COUNTS[6])
    found.same(look.mean, np.zeros(3), 1.0)
    for colour, middle, share in _palette(blended[anchors], look.vertices[anchors], COUNTS[8]):
        found.same(colour, middle, share)
    return Candidates(
        _about_places(look, normals, asked).astype(np.float32),
        np.concatenate(found.about, axis=1),
        np.concatenate(found.colours, axis=1).astype(np.float32) / np.float32(255),
    )


def _plain(
    vertices: NDArray[np.float64],
    colours: NDArray[np.float64],
    known: NDArray[np.bool_],
    asked: NDArray[np.intp],
) -> NDArray[np.float64]:
    """What the asked vertices get without a network, (H, 3)."""
    made = colours[asked].copy()
    unknown = ~known[asked]
    some = np.concatenate([np.flatnonzero(known), asked[unknown]])
    found = from_nearest(vertices[some], colours[some], known[some])
    made[unknown] = found[int(known.sum()) :]
    return made


class _Found:
    """Collects candidates of the same places."""

    def __init__(
        self,
        look: Look,
        normals: NDArray[np.float64],
        blended: NDArray[np.float64],
        places: NDArray[np.float64],
        facing: NDArray[np.float64],
    ) -> None:
        self._look, self._normals, self._blended = look, normals, blended
        self._places, self._facing = places, facing
        self.about: list[Floats] = []
        self.colours: list[NDArray[np.float64]] = []

    def own(self, colours: NDArray[np.float64], weights: NDArray[np.float64]) -> None:
        """A colour of the place itself."""
        count = len(colours)
        about = np.zeros((count, 1, ABOUT_CANDIDATE), dtype=np.float32)
        about[:, 0, 3] = weights
        about[:, 0, 8:11] = (colours - self._look.mean) / 255
        self.about.append(about)
        self.colours.append(colours[:, None])

    def nearest(
        self,
        anchors: NDArray[np.intp],
        space: NDArray[np.float64],
        wanted: NDArray[np.float64],
        count: int,
    ) -> None:
        """Those of the anchors that are nearest in a space (V, D), to (H, D)."""
        # Where there are fewer anchors the last one counts more than once.
        most = min(count, len(anchors))
        chosen = cKDTree(space[anchors]).query(wanted, most)[1].reshape(len(wanted), most)
        chosen = anchors[chosen[:, np.minimum(np.arange(count), most - 1)]]
        offsets = self._look.vertices[chosen] - self._places[:, None]
        colours = self._blended[chosen]
        about = np.zeros((*chosen.shape, ABOUT_CANDIDATE), dtype=np.float32)
        about[..., :3] = offsets
        about[..., 3:5] = self._look.weights[chosen] * [1, 10]
        about[..., 5] = np.linalg.norm(offsets, axis=2)
        about[..., 6] = np.einsum("hki,hi->hk", self._normals[chosen], self._facing)
        about[..., 7] = self._normals[chosen][..., 1]
        about[..., 8:11] = (colours - self._look.mean) / 255
        about[..., 11] = np.arange(count) / count
        self.about.append(about)
        self.colours.append(colours)

    def same(self, colour: NDArray[np.float64], middle: NDArray[np.float64], share: float) -> None:
        """One colour for all places: of a part with this middle, of this share of the surface."""
        count = len(self._places)
        about = np.zeros((count, 1, ABOUT_CANDIDATE), dtype=np.float32)
        about[:, 0, :3] = middle - self._places
        about[:, 0, 5] = np.linalg.norm(about[:, 0, :3], axis=1)
        about[..., 8:11] = (colour - self._look.mean) / 255
        about[..., 11] = share
        self.about.append(about)
        self.colours.append(np.broadcast_to(colour, (count, 1, 3)))


def _about_places(look: Look, normals: NDArray[np.float64], asked: NDArray[np.intp]) -> Floats:
    """(H, ABOUT_PLACE): where places are, which way they face, and how the camera sees them."""
    places, facing = look.vertices[asked], normals[asked]
    axes = camera_axes(look.view)
    size = np.ptp(look.vertices, axis=0)
    return np.concatenate(
        [
            places,
            np.abs(places[:, :1]),
            facing,
            facing @ axes.T,
            places @ axes[2:].T,
            look.weights[asked, 1:] * 10,
            np.broadcast_to(size, places.shape),
        ],
        axis=1,
    ).astype(np.float32)


def _palette(
    colours: NDArray[np.float64], places: NDArray[np.float64], count: int
) -> list[tuple[NDArray[np.float64], NDArray[np.float64], float]]:
    """The main colours of anchors (A, 3), the most usual first: colour, middle, share of each."""
    with warnings.catch_warnings():
        # Objects of fewer colours have parts without any, which are left out below.
        warnings.simplefilter("ignore")
        middles, which = kmeans2(colours, count, minit="++", seed=_SEED, missing="warn")
    shares = np.bincount(which, minlength=count) / len(colours)
    made = []
    for number in np.argsort(-shares, kind="stable"):
        mine = which == number
        if mine.any():
            made.append((middles[number], places[mine].mean(axis=0), float(shares[number])))
    return [made[min(number, len(made) - 1)] for number in range(count)]
