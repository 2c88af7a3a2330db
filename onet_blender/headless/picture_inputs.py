"""What a batch asks for of pictures beside what it asks for of all inputs: their masks."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from onet_core.errors import OnetError
from onet_core.kinds import format_of
from onet_core.matting import place
from onet_core.results import ResultFolder, make_folder


def masks_of(options: argparse.Namespace) -> dict[str, Path]:
    """The masks that there are by the names of their pictures; raises OnetError for no folder."""
    if options.save_masks is not None:
        make_folder(options.save_masks)
    if options.masks is None:
        return {}
    if not options.masks.is_dir():
        raise OnetError("There is no folder {folder} with masks.", folder=options.masks)
    return {path.stem: path.resolve() for path in sorted(options.masks.iterdir())}


def with_mask(
    path: Path,
    masks: Mapping[str, Path],
    options: argparse.Namespace,
    params: Mapping[str, Any],
    results: ResultFolder,
) -> tuple[dict[str, Any], dict[str, Any]]:
    """What to ask the worker for a file beside the rest, and what its result depends on by that."""
    asked: dict[str, Any] = {}
    used: dict[str, Any] = {}
    form = format_of(path)
    if form is not None and form.kinds[0] == "image":
        # Whether there is a network that finds the object changes what is made.
        used["can_cut_out"] = place.is_there(Path(str(params.get("cut_out_file", ""))))
        if options.save_masks is not None:
            if options.save_masks.resolve() == path.resolve().parent:
                raise OnetError(
                    "The folder {folder} for masks has the pictures themselves: choose another.",
                    folder=options.save_masks,
                )
            asked["save_mask"] = str(options.save_masks.resolve() / f"{path.stem}.png")
    mask = masks.get(path.stem)
    if mask is not None:
        asked["mask"] = str(mask)
        found = mask.stat()
        used["mask"] = [results.key_of(mask), found.st_size, found.st_mtime_ns]
    return asked, used
