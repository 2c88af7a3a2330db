"""Starts the worker: `python -I .../onet_core/engine/__main__.py`.

The interpreter only needs the libraries. This package itself is taken from the folder that this
file lies in, without touching `sys.path`: that folder may be Blender's, whose other packages are
built for another Python.
"""

import importlib
import importlib.util
import sys
from pathlib import Path

# With this status the last line on stderr says, for the user, what is wrong with the interpreter.
UNSUITABLE = 78


def refuse(message: str) -> None:
    """Ends the process, which has not begun to work."""
    print(message, file=sys.stderr)
    sys.exit(UNSUITABLE)


def main() -> None:
    if sys.version_info < (3, 11):  # noqa: UP036 -- the user chooses the interpreter
        found = ".".join(str(number) for number in sys.version_info[:3])
        refuse(f"ONet needs Python 3.11 or newer, but {sys.executable} is Python {found}.")
    folder = Path(__file__).resolve().parent.parent
    spec = importlib.util.spec_from_file_location(
        "onet_core", folder / "__init__.py", submodule_search_locations=[str(folder)]
    )
    assert spec is not None
    assert spec.loader is not None
    package = importlib.util.module_from_spec(spec)
    sys.modules["onet_core"] = package
    spec.loader.exec_module(package)
    try:
        worker = importlib.import_module("onet_core.engine.worker")
    except ModuleNotFoundError as error:
        refuse(f"The runtime ({sys.executable}) lacks the package {error.name!r}: set it up again.")
    worker.main()


if __name__ == "__main__":
    main()
