"""What each table of the paper consists of: runs, their configurations, and what differs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from onet_core.errors import InputError

from ..learn.config import Config, load_config

PROFILES = ("paper", "small")
# The original goes on until somebody stops it.
PAPER_CHANGES = ("training.max_steps=500000",)
# Two cores, free shapes: networks an eighth as wide, and some hundred steps.
SMALL_CHANGES = (
    "data.categories=null",
    "data.workers=0",
    "data.image_size=64",
    "data.points=512",
    "training.batch_size=8",
    "training.learning_rate=1.0e-3",
    "training.max_steps=1000",
    "training.validate_every=250",
    "training.checkpoint_every=250",
    "training.pictures=0",
    "test.points_iou=5000",
)
_DECODER = "model.network.decoder_kwargs={hidden_size: 32}"
# The encoders of pictures and voxels are costly: fewer steps.
SMALL_NETWORKS = {
    "img/onet": ("model.network.c_dim=64", _DECODER, "training.max_steps=500"),
    "pointcloud/onet": (
        "model.network.encoder=pointnet_simple",
        "model.network.encoder_kwargs={hidden_dim: 32}",
        "model.network.c_dim=32",
        _DECODER,
    ),
    "voxels/onet": ("model.network.c_dim=64", _DECODER, "training.max_steps=250"),
    "repr_power/onet": (_DECODER,),
}


@dataclass(frozen=True)
class Row:
    """One run of a table.

    config: the paper's.
    changes: what it changes of the table's base configuration in the profile `small`.
    overrides: what it changes in every profile.
    run: the name of its folder, where rows of two tables are one run; else made of the title.
    """

    title: str
    config: str
    changes: tuple[str, ...] = ()
    overrides: tuple[str, ...] = ()
    run: str = ""

    @property
    def key(self) -> str:
        """The name of its folder."""
        return self.run or self.title.replace(",", "").replace(" ", "_").lower()


@dataclass(frozen=True)
class Table:
    """A table of the paper.

    base: the configuration that the profile `small` makes smaller; "" for that of each row.
    differs: what differs from the paper, by profile.
    """

    title: str
    rows: tuple[Row, ...]
    base: str = ""
    differs: dict[str, tuple[str, ...]] = field(default_factory=dict)

    def only(self, titles: Sequence[str]) -> Table:
        """The table with only these rows; as it is without any. Raises InputError where it has
        no such row."""
        known = [row.title for row in self.rows]
        for title in titles:
            if title not in known:
                raise InputError(f"{self.title} has no row {title!r}, but {', '.join(known)}.")
        rows = tuple(row for row in self.rows if row.title in titles)
        return replace(self, rows=rows) if titles else self

    def of_shapes(self, counts: Sequence[int]) -> Table:
        """The table with its first row for each of so many training shapes of a category, which
        are validated on too; as it is without any."""
        row, rows = self.rows[0], []
        for count in counts:
            splits = [f"data.{name}_split=train:{count}" for name in ("train", "val")]
            title = f"{row.title}, {count} shapes"
            rows.append(replace(row, title=title, overrides=(*row.overrides, *splits)))
        return replace(self, rows=tuple(rows)) if rows else self

    def config(self, row: Row, profile: str, overrides: tuple[str, ...]) -> Config:
        """The configuration of a row."""
        overrides = (*row.overrides, *overrides)
        if profile == "paper":
            return load_config(row.config, [*PAPER_CHANGES, *overrides])
        base = self.base or row.config
        network = SMALL_NETWORKS.get(base, ())
        return load_config(base, [*SMALL_CHANGES, *network, *row.changes, *overrides])


# What holds for every table.
ALWAYS = {
    "paper": (
        "Batches leave out the shapes of an epoch that fill no whole batch (`drop_last`); the "
        "original's last batch is smaller.",
        "500,000 steps unless --steps says otherwise; the original ran until it was stopped.",
    ),
    "small": (
        "Free shapes instead of ShapeNet, decoders of 32 instead of 256 channels (of generation "
        "the original's 128), batches of 8, 512 points a shape, a learning rate of 0.001, few "
        "steps: our figures are to be compared "
        "with each other only.",
    ),
}
_FROM_SCRATCH = (
    "The picture encoder begins from nothing; the original's begins from ImageNet "
    "(`training.initial_weights=resnet18-f37072fd.pth`)."
)
_SURFACE = (
    "Points near the surface are the labelled points within 0.03 of it, half of each draw; the "
    "original reads a file of its own, points_surface.npz."
)
_CLOUDS = "Clouds of 300 points in the place of pictures: two cores learn those in the time."
_CODES = "One code for each shape of the data; the paper has those of 4,746 chairs."

TABLES: dict[str, Table] = {
    "representation": Table(
        "Representation power (section 4.1)",
        (Row("codes", "repr_power/onet", ("model.network.c_dim=512", "test.threshold=0.5")),),
        differs={"paper": (_CODES,), "small": (_CODES,)},
    ),
    "image": Table(
        "A picture (section 4.2, table 1)",
        (Row("image", "img/onet"),),
        differs={"paper": (_FROM_SCRATCH,), "small": (_FROM_SCRATCH, "Pictures of 64 pixels.")},
    ),
    "pointcloud": Table(
        "300 points with noise (section 4.3, table 2)", (Row("pointcloud", "pointcloud/onet"),)
    ),
    "voxels": Table("Voxels of 32 cells (section 4.4, table 3)", (Row("voxels", "voxels/onet"),)),
    "generation": Table(
        "New shapes (section 4.5)",
        tuple(
            Row(name, f"unconditional/onet_{name}s", (f"data.categories=[{name}]",))
            for name in ("airplane", "car", "chair", "sofa")
        ),
        differs={
            profile: ("The paper shows pictures only: coverage and distance are our addition.",)
            for profile in PROFILES
        },
    ),
    "sampling": Table(
        "How points are drawn (section 4.6, table 4)",
        (
            Row("uniform", "ablation/full", run="full"),
            Row("64 points", "ablation/sampling_uniform64", ("data.sampling=uniform64",)),
            Row("equal", "ablation/sampling_equal", ("data.sampling=equal",)),
            Row("surface", "ablation/sampling_surface", ("data.sampling=surface",)),
        ),
        "pointcloud/onet",
        {"paper": (_FROM_SCRATCH, _SURFACE), "small": (_CLOUDS, _SURFACE)},
    ),
    "architecture": Table(
        "The architecture (section 4.6, table 4)",
        (
            Row("full", "ablation/full"),
            Row(
                "no ResNet",
                "ablation/architecture_noresnet",
                ("model.network.decoder=cbatchnorm_noresnet",),
            ),
            Row("no CBN", "ablation/architecture_nocbn", ("model.network.decoder=batchnorm",)),
        ),
        "pointcloud/onet",
        {"paper": (_FROM_SCRATCH,), "small": (_CLOUDS,)},
    ),
}
