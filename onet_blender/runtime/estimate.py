"""How long a mesh will take, from how long those before took on this machine."""

from __future__ import annotations

from onet_core.sentences import NOTHING, Sentence

from .chosen import preferences

STANDARD_CELLS, DRAFT_CELLS = 128, 64
# From here on a draft comes first.
SECONDS_OF_A_WAIT = 20.0
# Shorter waits need no word.
LEAST_SECONDS = 8.0
# Twice the cells along an axis: four times as many near the surface.
POWER = 2
# From this number of seconds on minutes are shown.
SECONDS_OF_MINUTES = 100


def note(kind: str, cells: int, seconds: float) -> None:
    """Keeps how long a mesh took. kind: IMAGE, POINTS, VOXELS or NONE; cells: along an axis."""
    chosen = preferences()
    if chosen is not None:
        paces = _paces(chosen.paces)
        paces[kind] = seconds * (STANDARD_CELLS / cells) ** POWER
        chosen.paces = " ".join(f"{name}={pace:.3g}" for name, pace in sorted(paces.items()))


def is_long(kind: str, cells: int) -> bool:
    """Whether a draft is worth having while the mesh is made."""
    pace, times = _pace(kind), (cells / STANDARD_CELLS) ** POWER
    return times > 1 if pace is None else cells > DRAFT_CELLS and pace * times > SECONDS_OF_A_WAIT


def sentence(kind: str, cells: int, count: int = 1) -> Sentence:
    """What to expect of so many meshes, for the panel; empty where it is not long."""
    pace, times = _pace(kind), (cells / STANDARD_CELLS) ** POWER
    if pace is None:
        if times <= 1:
            return NOTHING
        return Sentence("About {times:.0f} times as long as Standard", times=times)
    seconds = pace * times * count
    if seconds < LEAST_SECONDS:
        return NOTHING
    if seconds < SECONDS_OF_MINUTES:
        return Sentence("Will take about {seconds:.0f} s", seconds=seconds)
    return Sentence("Will take about {minutes:.0f} minutes", minutes=seconds / 60)


def _pace(kind: str) -> float | None:
    """Seconds at `STANDARD_CELLS`, None where nothing is known."""
    chosen = preferences()
    return _paces(chosen.paces).get(kind) if chosen is not None else None


def _paces(text: str) -> dict[str, float]:
    """Seconds at `STANDARD_CELLS` by kind, of what the preferences keep."""
    pairs = (part.partition("=") for part in text.split())
    return {name: float(value) for name, _, value in pairs}
