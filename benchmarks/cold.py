"""How long the start takes, stage by stage, and the first click in Blender beside the second.

    python benchmarks/cold.py [--quick] [--repeat N]

Prints tables in Markdown. Each stage is a process of its own that does all that the stages before
it do, in processor seconds, with one thread. The worker is the one behind Blender: what it needs
from a request to the mesh, by the clock or, on Linux with --clock processor, of the processor; with
*Start Ahead* it has loaded everything while the panel was shown.
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from _shared import heading, median, options, processes_in_turn, ratio, table, torus_cloud

from onet_core.engine.client import EngineClient

RECONSTRUCTOR = "from onet_core.pipeline.reconstructor import Reconstructor"
CLI = [sys.executable, "-m", "onet_core.cli"]


def stages(folder: Path) -> dict[str, list[str]]:
    """What each stage runs."""
    cloud, mesh = folder / "torus.xyz", folder / "torus.obj"
    np.savetxt(cloud, torus_cloud(3000)[0].numpy(), fmt="%.6f")
    made = [*CLI, "reconstruct", str(cloud), "-o", str(mesh), "--kind", "points", "--device", "cpu"]

    def python(code: str) -> list[str]:
        return [sys.executable, "-c", code]

    return {
        "Python": python("pass"),
        "`import onet_core`": python("import onet_core"),
        "`onet --help`": [*CLI, "--help"],
        "`onet models`": [*CLI, "models"],
        "NumPy": python("import numpy"),
        "PyTorch": python("import torch"),
        "PyTorch and SciPy": python("import torch, scipy.spatial, scipy.ndimage"),
        "all of ONet that a cloud needs": python(f"import onet_core.pipeline.job\n{RECONSTRUCTOR}"),
        "the points network in memory": python(f"{RECONSTRUCTOR}\nReconstructor('points', 'cpu')"),
        "a mesh of 16 cells": [*made, "--resolution", "16"],
        "a mesh of 128 cells": made,
    }


def stage_table(chosen: argparse.Namespace) -> None:
    """Every stage beside PyTorch's own import."""
    with tempfile.TemporaryDirectory() as folder:
        commands = stages(Path(folder))
        times = processes_in_turn(chosen, list(commands.values()))
    torch_alone = times[list(commands).index("PyTorch")]
    rows = [
        [name, median(seconds), ratio(seconds, torch_alone)]
        for name, seconds in zip(commands, times, strict=True)
    ]
    table("From nothing, processor seconds", ["until", "s", "beside PyTorch's import"], rows)


def of_worker(client: EngineClient, clock: str) -> float:
    """The clock's time, or the processor's that the worker has had."""
    status = Path(f"/proc/{client.process_id}/stat")
    if clock == "wall" or not status.exists():
        return time.perf_counter()
    fields = status.read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def clicks(ahead: bool, clock: str) -> list[float]:
    """Seconds of the first three requests to a fresh worker."""
    points = torus_cloud(3000)[0].numpy()
    client = EngineClient(sys.executable)
    try:
        client.call("hello", {"ahead": "points"} if ahead else {})
        times = []
        for _ in range(3):
            start = of_worker(client, clock)
            client.call("reconstruct", {"kind": "points", "device": "cpu"}, {"points": points})
            times.append(of_worker(client, clock) - start)
    finally:
        client.close()
    return times


def click_table(chosen: argparse.Namespace) -> None:
    """The first click beside the later ones, with and without Start Ahead."""
    os.environ["OMP_NUM_THREADS"] = str(chosen.threads)
    repeat = chosen.repeat or (1 if chosen.quick else 3)
    made = {
        name: [clicks(ahead, chosen.clock) for _ in range(repeat)]
        for name, ahead in (("Start Ahead", True), ("without", False))
    }
    rows = []
    for name, rounds in made.items():
        first = [times[0] for times in rounds]
        later = [statistics.mean(times[1:]) for times in rounds]
        rows.append([name, median(first), median(later), f"**{ratio(first, later)}**"])
    header = ["", "first click, s", "second and third, s", "first / later"]
    table("In Blender, 3,000 points, 128 cells", header, rows)


def main() -> None:
    chosen = options(__doc__).parse_args()
    heading("The start", chosen)
    stage_table(chosen)
    click_table(chosen)


if __name__ == "__main__":
    main()
