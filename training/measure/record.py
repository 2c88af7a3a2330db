"""Writes what was measured, and why values were chosen, into the description of a weights file.

    python -m training.measure.record MODEL ...

copies `chosen_by` and `limits` of the configuration `free/MODEL` into the weights of that name,
where both have the same threshold and steps, or with --values these too; run it again for new
weights. The tensors stay as they are.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from safetensors.torch import load_file, save_file

from onet_core.errors import ModelError, OnetError
from onet_core.models.catalogue import HEADER_KEY, find_model, read_description
from onet_core.models.description import ModelDescription

from ..learn.config import load_config


def record_metrics(path: Path, metrics: Mapping[str, Any]) -> None:
    """Replaces the metrics in a `.safetensors` header; the tensors stay as they are, bit for bit.

    The file is replaced whole or not at all. Raises ModelError for files of another kind.
    """
    _rewrite(path, replace(_described(path), metrics=dict(metrics)))


def record_reasons(path: Path, wanted: ModelDescription, *, with_values: bool = False) -> bool:
    """Gives weights the `chosen_by` and `limits` of a configuration's description.

    Returns whether any is new.

    with_values: whether its threshold and steps are theirs from now on.

    Raises ModelError where the weights have another threshold or other steps: then the reasons are
    not theirs.
    """
    found = _described(path)
    ours, theirs = (_values(described) for described in (found, wanted))
    differing = sorted(name for name in ours if ours[name] != theirs[name])
    if differing and not with_values:
        name = differing[0]
        raise ModelError(
            f"{path.name} has {name} {ours[name]}, its configuration {theirs[name]}: "
            "the configuration's reasons are not those of the weights."
        )
    new = replace(
        found, threshold=wanted.threshold, steps=wanted.steps, limits=wanted.limits or found.limits
    )
    if new == found:
        return False
    _rewrite(path, new)
    return True


def _values(described: ModelDescription) -> dict[str, Any]:
    values = {"threshold": described.threshold, **asdict(described.steps)}
    del values["chosen_by"]
    return values


def _described(path: Path) -> ModelDescription:
    if path.suffix != ".safetensors":
        raise ModelError(f"{path.name} carries no description: convert it to .safetensors first.")
    return read_description(path)


def _rewrite(path: Path, description: ModelDescription) -> None:
    handle, scratch = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    os.close(handle)
    try:
        save_file(
            load_file(path), scratch, metadata={HEADER_KEY: description.to_json(), "format": "pt"}
        )
        os.chmod(scratch, path.stat().st_mode & 0o777)
        os.replace(scratch, path)
    except BaseException:
        Path(scratch).unlink(missing_ok=True)
        raise


def main(arguments: Sequence[str] | None = None) -> int:
    """Returns 2 where something can't be used."""
    parser = argparse.ArgumentParser(prog="python -m training.measure.record", description=__doc__)
    parser.add_argument("models", nargs="+", help="names of shipped models")
    parser.add_argument("--values", action="store_true", help="take threshold and steps as well")
    chosen = parser.parse_args(arguments)
    try:
        for name in chosen.models:
            path = find_model(name).path
            wanted = load_config(f"free/{name}").description()
            is_new = record_reasons(path, wanted, with_values=chosen.values)
            print(f"{path.name}: {'recorded' if is_new else 'has them already'}")
    except OnetError as error:
        print(f"Error: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
