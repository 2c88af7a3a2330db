"""Parts of networks that are not ONet's own: classes named `module.Class` in a description.

A weights file never decides what is imported. A class is found where its module was imported
already, as training does for what a configuration names, or where the environment variable
ONET_EXTENSIONS (module names, separated by commas) allows it.
"""

from __future__ import annotations

import importlib
import os
import sys
from typing import Any

VARIABLE = "ONET_EXTENSIONS"


def is_extension(name: str) -> bool:
    """Whether a name is that of a class elsewhere."""
    return "." in name


def extension(name: str) -> Any:
    """What `module.Class` names. Raises ValueError where that may not be imported or is missing."""
    module, _, member = name.rpartition(".")
    allowed = [one.strip() for one in os.environ.get(VARIABLE, "").split(",")]
    if module not in sys.modules and module not in allowed:
        raise ValueError(f"it needs {name}: set {VARIABLE}={module} if you trust that module")
    try:
        return getattr(importlib.import_module(module), member)
    except (ImportError, AttributeError) as error:
        raise ValueError(f"it needs {name}, which can't be imported: {error}") from error
