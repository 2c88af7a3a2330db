"""Arrays from NumPy's files, never from pickles."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import InputError


def array_from_file(path: Path, names: tuple[str, ...]) -> NDArray[Any]:
    """The array of a .npy file, or of a .npz file the first of `names` it has, else its only one.

    Raises InputError for missing and damaged files, pickled objects, and files where the choice is
    open.
    """
    if not path.is_file():
        raise InputError(f"There is no file {path}.")
    try:
        with path.open("rb") as file:
            return _choose(np.load(file, allow_pickle=False), names, path.name)
    except InputError:
        raise
    except Exception as error:  # NumPy's readers raise whatever a damaged file makes them raise
        raise InputError(f"{path.name} is damaged or not a NumPy file of plain numbers.") from error


def _choose(loaded: Any, names: tuple[str, ...], file_name: str) -> NDArray[Any]:
    if isinstance(loaded, np.ndarray):
        return loaded
    found = next((key for key in names if key in loaded.files), None)
    if found is None and len(loaded.files) == 1:
        found = loaded.files[0]
    if found is None:
        raise InputError(
            f"{file_name} has no array named {' or '.join(names)}, "
            f"only {', '.join(loaded.files) or 'nothing'}."
        )
    return loaded[found]
