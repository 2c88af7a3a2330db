"""Starts the worker: `python -I .../onet_core/engine/__main__.py`.

The interpreter only needs the libraries. This package itself is taken from the folder that this
file lies in, without touching `sys.path`: that folder may be Blender's, whose other packages are
built for another Python.
"""

import importlib
import importlib.util
import json
import sys
from pathlib import Path

# With this status the last line on stderr is, as JSON, the sentence for the user on what is wrong
# with the interpreter.
UNSUITABLE = 78


def refuse(template: str, **values: str) -> None:
    """Ends the process, which has not begun to work; template, values: as of `Sentence`."""
    print(template.format(**values), file=sys.stderr)
    print(json.dumps({"template": template, "values": values}), file=sys.stderr)
    sys.exit(UNSUITABLE)


def main() -> None:
    if sys.version_info < (3, 11):  # noqa: UP036 -- the user chooses the interpreter
        found = ".".join(str(number) for number in sys.version_info[:3])
        refuse(
            "ONet needs Python 3.11 or newer, but {python} is Python {version}.",
            python=sys.executable,
            version=found,
        )
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
        refuse(
            "The runtime ({python}) lacks the package {name!r}: set it up again.",
            python=sys.executable,
            name=str(error.name),
        )
    worker.main()


if __name__ == "__main__":
    main()
