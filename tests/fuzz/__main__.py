"""Damaged files without end: `python -m tests.fuzz --count 20000 --seed 1 --out out/fuzz`.

A file that a reader does not cope with stays in the folder; make a test of it.
"""

from __future__ import annotations

import argparse
import random
import shutil
import sys
import time
from collections import Counter
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "core" / "inputs"))

from sample_files import SAMPLES

from .mutations import check, mutated


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("--count", type=int, default=20_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=Path("out/fuzz"))
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    counts: Counter[str] = Counter()
    failures, start = 0, time.monotonic()
    for number in range(options.count):
        rng = random.Random(f"{options.seed}/{number}")
        name = rng.choice(sorted(SAMPLES))
        path = options.out / name
        try:
            counts["read" if check(path, mutated(SAMPLES[name], rng)) == "read" else "refused"] += 1
        except AssertionError as error:
            failures += 1
            shutil.copy(path, options.out / f"F-{options.seed}-{number}-{name}")
            print(error, flush=True)
    seconds = time.monotonic() - start
    print(f"{options.count} files in {seconds:.0f} s: {dict(counts)}, {failures} failures")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
