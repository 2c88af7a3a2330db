"""Hands and eyes for the script inside Blender's window: mouse, keyboard and camera.

Runs beside Blender with DISPLAY and SHOT_DIR set. `inside.py` asks by files: ask-N.json holds a
list of words for xdotool, or the name of a picture to take, or words for `offer.py`, another
program on the screen; an empty file answer-N says that it is done. {"end": true} ends this.
Standard library only.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path

# The first picture of a new Blender waits for its shaders to be compiled.
SECONDS_WITHOUT_A_SIGN = 90.0
OFFER = Path(__file__).resolve().with_name("offer.py")


def offer(words: list[object]) -> None:
    """Another program, which drops a file."""
    subprocess.run([sys.executable, str(OFFER), *map(str, words)], check=True)


def main() -> int:
    """0 once the script inside is through, 1 where it gives no sign of life any more."""
    folder = Path(os.environ["SHOT_DIR"])
    beat, number = folder / "beat", 0
    while True:
        ask = folder / f"ask-{number}.json"
        if not ask.exists():
            if time.time() - beat.stat().st_mtime > SECONDS_WITHOUT_A_SIGN:
                print("Blender hangs or has crashed", file=sys.stderr)
                return 1
            time.sleep(0.02)
            continue
        wanted = json.loads(ask.read_text())
        ask.unlink()
        if wanted.get("end"):
            return 0
        if "picture" in wanted:
            target = folder / f"{wanted['picture']}.png"
            subprocess.run(["import", "-window", "root", str(target)], check=True)
        elif "offer" in wanted:
            offer(wanted["offer"])
        else:
            subprocess.run(["xdotool", *map(str, wanted["xdotool"])], check=True)
        (folder / f"answer-{number}").touch()
        number += 1


if __name__ == "__main__":
    sys.exit(main())
