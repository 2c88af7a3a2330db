"""What Blender runs when its window is open: one of the stories, by the variable STORY."""

from __future__ import annotations

import importlib
import os
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

importlib.import_module("hands").play(
    importlib.import_module(f"stories.{os.environ['STORY']}").scenario()
)
