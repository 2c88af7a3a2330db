"""Writes measured numbers into the description that a weights file carries."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from safetensors.torch import load_file, save_file

from onet_core.errors import ModelError
from onet_core.models.catalogue import HEADER_KEY, read_description


def record_metrics(path: Path, metrics: Mapping[str, Any]) -> None:
    """Replaces the metrics in a `.safetensors` header; the tensors stay as they are, bit for bit.

    The file is replaced whole or not at all. Raises ModelError for files of another kind.
    """
    if path.suffix != ".safetensors":
        raise ModelError(f"{path.name} carries no description: convert it to .safetensors first.")
    description = replace(read_description(path), metrics=dict(metrics))
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
