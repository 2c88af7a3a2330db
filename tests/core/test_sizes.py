"""How large files, classes and folders may be: see docs/architecture.md."""

from __future__ import annotations

import ast
from collections import Counter
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
FILES = [
    path
    for folder in ("onet_core", "onet_blender", "training", "tests", "benchmarks", "examples")
    for path in sorted((ROOT / folder).rglob("*.py"))
] + sorted(ROOT.glob("*.py"))
LINES, LINES_OF_A_CLASS, MODULES = 450, 250, 16


def test_files_are_found() -> None:
    assert {ROOT / "dev.py", Path(__file__)} < set(FILES)


def test_no_file_is_too_long() -> None:
    lengths = {path: path.read_text(encoding="utf-8").count("\n") for path in FILES}
    assert {str(path): lines for path, lines in lengths.items() if lines > LINES} == {}


def test_no_class_is_too_long() -> None:
    too_long = {
        f"{path}: {node.name}": node.end_lineno - node.lineno + 1
        for path in FILES
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.ClassDef)
        and node.end_lineno is not None
        and node.end_lineno - node.lineno >= LINES_OF_A_CLASS
    }
    assert too_long == {}


def test_no_folder_has_too_many_modules() -> None:
    modules = Counter(path.parent for path in FILES if path.name != "__init__.py")
    assert {str(folder): count for folder, count in modules.items() if count > MODULES} == {}
