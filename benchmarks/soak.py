"""Many reconstructions, kills and cancels of one client: `python benchmarks/soak.py`.

Prints what came of each part and how the worker's memory went. A worker that is killed in mid-work
costs its job an error and nothing else; one that is cancelled goes on; memory stays flat. Ends with
status 1 where anything else happens.
"""

from __future__ import annotations

import argparse
import os
import random
import signal
import sys
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from onet_core.engine.client import EngineClient, Job  # noqa: E402
from onet_core.engine.protocol import Arrays  # noqa: E402
from onet_core.errors import Cancelled, EngineError, OnetError  # noqa: E402

MEBIBYTE = 2**20


def memory_of(client: EngineClient) -> float:
    """Of the worker, in MiB; Linux only, else 0."""
    try:
        pages = Path(f"/proc/{client.process_id}/statm").read_text().split()[1]
    except OSError:
        return 0.0
    return int(pages) * os.sysconf("SC_PAGE_SIZE") / MEBIBYTE


def ended_by(
    client: EngineClient,
    end: Callable[[EngineClient, Job], None],
    rng: random.Random,
    cells: int,
) -> str:
    """What becomes of a job that is ended somewhere on its way."""
    job = client.start("generate", {"seed": rng.randrange(1000), "settings": {"resolution": cells}})
    stop = time.monotonic() + rng.uniform(0.0, 0.5)
    while time.monotonic() < stop and not job.done:
        job.poll(wait=0.02)
    end(client, job)
    try:
        job.result(timeout=120)
    except Cancelled:
        return "cancelled"
    except EngineError:
        return "told"
    except OnetError as error:
        return type(error).__name__
    return "done before"


def cancel(_client: EngineClient, job: Job) -> None:
    """As by the button."""
    job.cancel()


def kill(client: EngineClient, _job: Job) -> None:
    """SIGKILL, as by a system that is out of memory."""
    if client.process_id is not None:
        os.kill(client.process_id, signal.SIGKILL)


def kinds_of_input() -> dict[str, tuple[dict[str, Any], Arrays]]:
    """One input of each kind: the parameters and arrays of `reconstruct`."""
    rng = np.random.default_rng(0)
    ball = rng.normal(size=(30_000, 3))
    ball /= np.linalg.norm(ball, axis=1, keepdims=True)
    cells = np.zeros((32, 32, 32), dtype=bool)
    cells[8:24, 4:28, 10:20] = True
    corners = np.array([[x, y, z] for x in (0, 1) for y in (0, 2) for z in (0, 3)], dtype=float)
    quads = [[0, 1, 3, 2], [4, 6, 7, 5], [0, 4, 5, 1], [2, 3, 7, 6], [0, 2, 6, 4], [1, 5, 7, 3]]
    faces = np.array([[a, b, c] for a, b, c, _ in quads] + [[a, c, d] for a, _, c, d in quads])
    pixels = np.full((200, 200, 3), 255, dtype=np.uint8)
    pixels[60:140, 30:170] = (90, 60, 40)
    return {
        "points": ({"kind": "points"}, {"points": ball[:2000]}),
        "few points": ({"kind": "points"}, {"points": ball[:300]}),
        "voxels": ({"kind": "voxels"}, {"voxels": cells}),
        "mesh": ({"kind": "voxels"}, {"vertices": corners, "faces": faces}),
        "picture": ({"kind": "image"}, {"pixels": pixels}),
        "dense scan": ({"kind": "points"}, {"points": ball}),
    }


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--reconstructions", type=int, default=500)
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--cancels", type=int, default=100)
    parser.add_argument("--resolution", type=int, default=32)
    parser.add_argument("--python", default=sys.executable, help="the runtime's Python")
    options = parser.parse_args()
    rng = random.Random(0)
    client = EngineClient(options.python)
    wrong = 0
    start = time.monotonic()
    settings = {"resolution": options.resolution}
    memory: list[float] = []
    inputs = kinds_of_input()
    # Dense clouds take the longest by far: one in each round of the others.
    order = [*(["points", "few points", "voxels", "mesh", "picture"] * 4), "dense scan"]
    made: Counter[str] = Counter()
    for number in range(options.reconstructions):
        kind = order[number % len(order)]
        params, arrays = inputs[kind]
        answer = client.call("reconstruct", {**params, "settings": settings}, arrays)
        wrong += len(answer.arrays["faces"]) == 0
        made[kind] += 1
        memory.append(memory_of(client))
    if memory:
        # From the second round on every network and every buffer has been needed once.
        early = memory[min(2 * len(order), len(memory) // 4)]
        middle = memory[len(memory) // 2]
        print(
            f"{len(memory)} reconstructions ({dict(made)}) in {time.monotonic() - start:.0f} s: "
            f"worker at {early:.0f} MiB after the first rounds, {middle:.0f} MiB half-way, "
            f"{memory[-1]:.0f} MiB at the end, {max(memory):.0f} MiB at most",
            flush=True,
        )
        wrong += memory[-1] > 1.1 * early
    for name, count, end, good in (
        (
            "cancels",
            options.cancels,
            cancel,
            {"cancelled", "done before"},
        ),
        ("kills", options.kills, kill, {"told", "done before"}),
    ):
        start = time.monotonic()
        outcomes = [ended_by(client, end, rng, options.resolution) for _ in range(count)]
        counted = {one: outcomes.count(one) for one in sorted(set(outcomes))}
        print(f"{count} {name} in {time.monotonic() - start:.0f} s: {counted}", flush=True)
        wrong += sum(one not in good for one in outcomes)
        # Whatever it was, the next job is done.
        wrong += not client.call("hello").values["torch"]
    client.close()
    return int(wrong > 0)


if __name__ == "__main__":
    sys.exit(main())
