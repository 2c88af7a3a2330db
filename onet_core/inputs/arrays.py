"""Arrays from NumPy's files, never from pickles."""

from __future__ import annotations

import zipfile
import zlib
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
    try:
        loaded = np.load(path, allow_pickle=False)
        if isinstance(loaded, np.ndarray):
            return loaded
        with loaded:
            found = next((key for key in names if key in loaded.files), None)
            if found is None and len(loaded.files) == 1:
                found = loaded.files[0]
            if found is None:
                raise InputError(
                    f"{path.name} has no array named {' or '.join(names)}, "
                    f"only {', '.join(loaded.files) or 'nothing'}."
                )
            return loaded[found]
    except FileNotFoundError:
        raise InputError(f"There is no file {path}.") from None
    except (ValueError, EOFError, KeyError, OSError, zipfile.BadZipFile, zlib.error) as error:
        raise InputError(f"{path.name} is damaged or not a NumPy file of plain numbers.") from error
