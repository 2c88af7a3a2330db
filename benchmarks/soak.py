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
from collections.abc import Callable
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from onet_core.engine.client import EngineClient, Job  # noqa: E402
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
    points = np.random.default_rng(0).normal(size=(2000, 3))
    points /= np.linalg.norm(points, axis=1, keepdims=True)
    request = {"kind": "points", "settings": {"resolution": options.resolution}}
    memory: list[float] = []
    for _ in range(options.reconstructions):
        answer = client.call("reconstruct", request, {"points": points})
        wrong += len(answer.arrays["faces"]) == 0
        memory.append(memory_of(client))
    if memory:
        early = memory[min(20, len(memory) // 4)]
        print(
            f"{len(memory)} reconstructions in {time.monotonic() - start:.0f} s: worker at "
            f"{early:.0f} MiB after the first, {memory[-1]:.0f} MiB at the end, "
            f"{max(memory):.0f} MiB at most",
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
