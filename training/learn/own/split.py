"""Which of the user's meshes a network learns from, which choose, and which only measure."""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterable, Mapping
from pathlib import Path

from onet_core.errors import InputError
from onet_core.mesh.files import replacing

SPLITS_FILE = "splits.json"
# Of the meshes, what chooses checkpoint, threshold and verdict, and what is measured in the end.
CHOOSING_SHARE = MEASURING_SHARE = 0.15
# With fewer, every one is needed to learn from or to choose by.
LEAST_TO_MEASURE = 5


def assigned(names: Iterable[str], before: Mapping[str, str]) -> dict[str, str]:
    """The split of each mesh, by its name `category/name`: train, val or test.

    By a hash of the names, so that the same meshes are always chosen; those that have a split
    `before` keep it, as a network that goes on has learned from them. Raises InputError for fewer
    than two.
    """
    order = sorted(names, key=lambda name: (zlib.crc32(name.encode()), name))
    count = len(order)
    if count < 2:
        raise InputError(
            "At least 2 meshes are needed to learn from one and check on the other; some dozens "
            "are good."
        )
    wanted = {
        "val": max(1, round(CHOOSING_SHARE * count)),
        "test": max(1, round(MEASURING_SHARE * count)) if count >= LEAST_TO_MEASURE else 0,
    }
    splits = {name: before[name] for name in order if name in before}
    for name in order:
        if name in splits:
            continue
        taken = list(splits.values())
        short = [split for split, least in wanted.items() if taken.count(split) < least]
        splits[name] = short[0] if short else "train"
    for needed in ("val", "train"):
        if needed not in splits.values():  # those that were are gone from the folder
            spare = [name for name in order if splits[name] == "test"]
            splits[(spare or order)[0]] = needed
    return splits


def read_splits(work: Path) -> dict[str, str]:
    """What `write_splits` wrote; nothing where there is no such file.

    Raises InputError where it is damaged.
    """
    path = work / SPLITS_FILE
    if not path.is_file():
        return {}
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise InputError(f"{path} is damaged: remove the folder {work} to begin anew.") from error
    return {str(name): str(split) for name, split in dict(content).items()}


def write_splits(work: Path, splits: Mapping[str, str]) -> None:
    """Keeps the splits beside the dataset."""
    with replacing(work / SPLITS_FILE) as file:
        file.write(json.dumps(dict(sorted(splits.items())), indent=1).encode())
