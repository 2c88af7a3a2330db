"""Whether training waits for its data: what reading a shape costs beside a step's work on it.

    python benchmarks/loader.py [--quick] [--threads N] [--clock processor]

Prints a table in Markdown for configurations of the paper and of the shipped networks, on shapes
that are built for it. Augmentations count as work of the step: they run where the network runs.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import torch
import trimesh
from _shared import heading, in_turn, median, options, ratio, repetitions, table
from torch.utils.data import DataLoader

from training.data.augmentation import Batch, augment
from training.data.build.folder import list_meshes
from training.data.build.work import Amount, build
from training.learn.config import Config, load_config
from training.learn.lightning_module import OccupancyTraining
from training.learn.train import make_loaders, make_module

CONFIGURATIONS = (
    "pointcloud/onet",
    "voxels/onet",
    "img/onet",
    "unconditional/onet_chairs",
    "free/points",
    "free/voxels",
    "free/picture",
)
SHAPES = 16
BATCH = 8


def build_dataset(folder: Path) -> Path:
    """Rings of growing thickness as in the original's dataset: 100,000 points, 24 views each."""
    meshes, root = folder / "meshes" / "ring", folder / "data"
    meshes.mkdir(parents=True)
    for number in range(SHAPES):
        ring = trimesh.creation.torus(major_radius=1.0, minor_radius=0.1 + 0.02 * number)
        ring.export(meshes / f"{number:02}.ply")
    build(list_meshes(meshes.parent, shares=(1.0, 0.0, 0.0)), root, Amount())
    return root


def configuration(name: str, root: Path) -> Config:
    """As it ships, but on the data, read by this process alone and in batches of one size."""
    overrides = [
        f"data.root={root}",
        "data.categories=null",
        "data.val_split=train",
        "data.workers=0",
        f"training.batch_size={BATCH}",
        "training.precision=32-true",
        "training.compile=false",
    ]
    return load_config(name, overrides)


def loader_of(config: Config, cache_bytes: int | None = None) -> DataLoader:
    """The training loader; cache_bytes: what it may keep in memory."""
    loader, _ = make_loaders(config)
    if cache_bytes is not None:
        loader.dataset.files.cache_bytes = cache_bytes  # type: ignore[attr-defined]
    return loader


def batches(loader: DataLoader) -> Iterator[Batch]:
    """Without end."""
    while True:
        yield from loader


def step(module: OccupancyTraining, optimiser: torch.optim.Optimizer, batch: Batch) -> None:
    """What the training loop does with a batch."""
    optimiser.zero_grad()
    kind = module.description.input_kind
    module.loss(augment(dict(batch), kind, module.augmentations)).backward()
    optimiser.step()


def main() -> None:
    chosen = options(__doc__).parse_args()
    torch.set_num_threads(chosen.threads)
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        root = build_dataset(Path(folder))
        for name in CONFIGURATIONS:
            config = configuration(name, root)
            kept, anew = batches(loader_of(config)), batches(loader_of(config, cache_bytes=0))
            module = make_module(config, SHAPES)
            optimiser = torch.optim.Adam(module.parameters())
            batch = next(kept)
            actions = [
                partial(next, kept),
                partial(next, anew),
                partial(step, module, optimiser, batch),
            ]
            from_memory, from_disk, work = in_turn(repetitions(chosen), actions, chosen.clock)
            each = [median([seconds / BATCH * 1e3 for seconds in taken])
                    for taken in (from_memory, from_disk, work)]  # fmt: skip
            rows.append([name, *each, ratio(work, from_memory), ratio(work, from_disk)])
    heading("Loader", chosen)
    header = [
        "configuration",
        "loading from memory (ms a shape)",
        "from files (ms a shape)",
        "step (ms a shape)",
        "step / loading from memory",
        "step / loading from files",
    ]
    table(f"Batches of {BATCH} shapes", header, rows)


if __name__ == "__main__":
    main()
