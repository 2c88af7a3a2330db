"""Reconstructs folders of files without a window.

blender --background --python onet_blender/batch.py -- --input DIR --output DIR --format glb

Also runs under plain Python where the `bpy` module is installed. Works from a checkout and from the
installed extension; see `--help` (after `--`) for all options.
"""

from __future__ import annotations

import importlib
import os
import sys
from pathlib import Path

import bpy


def find_package() -> str:
    """The name under which this file's folder can be imported, whoever runs the file."""
    folder = Path(__file__).resolve().parent
    for name, module in list(sys.modules.items()):
        places = [Path(place).resolve() for place in getattr(module, "__path__", None) or []]
        if folder in places:
            return name
    # In a checkout, and in Blender where the extension is not enabled: as a package of its own.
    if str(folder.parent) not in sys.path:
        sys.path.append(str(folder.parent))
    return folder.name


if __name__ == "__main__":
    job = importlib.import_module(f"{find_package()}.batch_job")
    given = sys.argv[sys.argv.index("--") + 1 :] if "--" in sys.argv else sys.argv[1:]
    status = job.main(given)
    sys.stdout.flush()
    sys.stderr.flush()
    if not bpy.app.binary_path:
        # Blender as a module: version 4.2 crashes while the interpreter shuts down.
        os._exit(status)
    sys.exit(status)
