"""Reconstructs, generates and morphs without a window.

blender --background --python onet_blender/batch.py -- reconstruct --input DIR --output DIR

Also runs under plain Python where the `bpy` module is installed. Works from a checkout and from the
installed extension; see `--help` (after `--`) for all options.
"""

from __future__ import annotations

import importlib
import importlib.util
import os
import shutil
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
    # In a checkout nobody else has made the packages known.
    if str(folder.parent) not in sys.path:
        sys.path.append(str(folder.parent))
    return folder.name


def main() -> int:
    """The batch's exit status."""
    package = find_package()
    if importlib.util.find_spec("onet_core") is None:
        print("Error: ONet is installed but not enabled: enable it in Blender's preferences first.")
        return 2
    given = sys.argv[sys.argv.index("--") + 1 :] if "--" in sys.argv else sys.argv[1:]
    status: int = importlib.import_module(f"{package}.headless.batch_job").main(given)
    return status


if __name__ == "__main__":
    status = main()
    sys.stdout.flush()
    sys.stderr.flush()
    if not bpy.app.binary_path:
        # Blender as a module: after a glTF export, 4.2 crashes while the interpreter shuts down.
        shutil.rmtree(bpy.app.tempdir, ignore_errors=True)
        os._exit(status)
    sys.exit(status)
