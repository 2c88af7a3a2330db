"""From what a network makes of shapes to their meshes: level -> surface -> finishing steps."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
import torch
from numpy.typing import NDArray

from ..cells.surface import mesh_of_cells
from ..devices import fast_products, memory_errors
from ..errors import NoSurfaceError
from ..field import Field
from ..inputs.frame import Frame
from ..mesh.mesh import Mesh
from ..models.description import ModelDescription
from ..models.pictures.confidence import doubts_of
from ..models.pictures.view import PictureView
from ..models.prepared import PreparedField
from ..sentences import Sentence
from ..settings import SCANNED_WITHIN, Settings
from ..surface.extract import Extraction, extract_all, only
from ..surface.interactive import WORTHWHILE
from ..surface.memory import Memory
from .dense import Followed, dense_mesh
from .encoding import Encoded
from .finish import Context, finished, pull_of, shares
from .level import Level, Outline, joined, level_of
from .loaded import interactive_surface
from .progress import Progress, Run

# How long encoding and the search for the surface take beside the finishing steps, roughly.
_ENCODING, _SURFACE = 1.0, 20.0


@dataclass(frozen=True, eq=False)
class Reconstruction:
    """A mesh and how it came about.

    mesh: in the source's frame.
    frame: network to source.
    seconds: by stage.
    evaluations: points that went through the network.
    model: its name.
    code: what `Reconstructor.decode` makes the same shape of, (code_width,); None where the model
        has no code of one vector.
    is_followed: whether the surface was found from an earlier one, see `Reconstructor.decode`.
    is_mirrored: whether a cloud was completed by its mirror image.
    view: where a picture was taken from, by the network's estimate; None where it makes none.
    notes: what the user should know of the input or the surface.
    doubts: why the shape may not be what was wanted, with what to do.
    """

    mesh: Mesh
    frame: Frame
    seconds: dict[str, float]
    evaluations: int
    model: str
    code: NDArray[np.float32] | None = None
    is_followed: bool = False
    is_mirrored: bool = False
    view: PictureView | None = None
    notes: tuple[Sentence, ...] = ()
    doubts: tuple[Sentence, ...] = ()


@dataclass(frozen=True)
class Wish:
    """What is asked for, and how much of what the model wants is done beside it.

    is_free: whether faint parts are drawn, torn ones joined, and the surface drawn to the points.
    is_interactive: whether the surface is followed from that of the last interactive call.
    """

    settings: Settings
    is_free: bool
    is_interactive: bool = False

    @classmethod
    def of(cls, settings: Settings | None) -> Wish:
        """All that the model wants, unless a threshold says where the surface is."""
        settings = settings or Settings()
        return cls(settings, is_free=settings.threshold is None)


def make(
    sources: Sequence[Callable[[], Encoded]],
    frame: Frame,
    model: ModelDescription,
    device: torch.device,
    wish: Wish,
    progress: Progress | None,
) -> list[Reconstruction | NoSurfaceError]:
    """The meshes of several shapes of one model, or of one shape.

    sources: give what the network makes of each shape. Where a shape has no surface, the error says
    why.
    """
    if not sources:
        return []
    stages = {"encode": _ENCODING, "surface": _SURFACE, **shares(wish.settings)}
    run = Run(stages, progress, len(sources))
    making = Making(model, device, wish, run)
    together: dict[str, float] = {}
    made: list[Reconstruction | NoSurfaceError] = []
    with memory_errors(device), fast_products(device):
        with run.stage("encode", together):
            shapes = [source() for source in sources]
        with run.stage("surface"):
            found = making.surfaces(shapes)
        for shape, (level, surface) in zip(shapes, found, strict=True):
            if isinstance(surface, NoSurfaceError):
                made.append(surface)
                continue
            times = {**together, **surface.seconds}
            seconds = {name: passed / len(shapes) for name, passed in times.items()}
            mesh = finished(surface.mesh, making.context(shape, level, surface), run, seconds)
            made.append(
                Reconstruction(
                    mesh.transformed(frame.matrix),
                    frame,
                    seconds,
                    level.field.evaluations,
                    model.name,
                    shape.code,
                    surface.is_followed,
                    shape.is_mirrored,
                    level.view or shape.view,
                    (*shape.notes, *surface.notes),
                    doubts_of(level.highest, model.steps),
                )
            )
    run.finish()
    return made


class Making:
    """The steps of one run of a model; `training.measure.variants` shares them between values."""

    def __init__(self, model: ModelDescription, device: torch.device, wish: Wish, run: Run) -> None:
        self._model, self._device, self._wish, self._run = model, device, wish, run

    def surfaces(
        self, shapes: Sequence[Encoded]
    ) -> list[tuple[Level, Extraction | NoSurfaceError]]:
        """Where each shape's surface is drawn, and that surface."""
        if len(shapes) == 1 and shapes[0].is_followed:
            followed = self._followed(shapes[0])
            if followed is not None:
                return [(Level(shapes[0].field, self._model.threshold), followed)]
        start = time.perf_counter()
        levels = [self._level(shape) for shape in shapes]
        probing = time.perf_counter() - start
        # The same for all: only networks that read something lower it, and those read one thing.
        least = self._model.steps.joined_from if self._wish.is_free else 0.0
        memory = Memory() if least and len(shapes) == 1 else None
        surfaces = self._found([level.field for level in levels], levels[0].threshold, memory)
        found: list[tuple[Level, Extraction | NoSurfaceError]] = []
        for level, surface in zip(levels, surfaces, strict=True):
            if not isinstance(surface, NoSurfaceError):
                at = partial(self._found_with, level, memory)
                padding = self._model.padding
                surface, level = joined(surface, level, least, padding, self._device, at)
                surface.seconds["network"] += probing
            found.append((level, surface))
        return found

    def _followed(self, shape: Encoded) -> Extraction | None:
        """The surface that follows all points or cells of an input; None where there is none."""
        start = time.perf_counter()
        settings = self._wish.settings
        if shape.cells is not None:
            stage, found = "cells", Followed(*mesh_of_cells(shape.cells, settings.resolution))
        else:
            assert shape.dense is not None
            stage = "dense"
            found = dense_mesh(
                shape.field,
                shape.dense,
                self._model.padding,
                settings.resolution,
                self._device,
                partial(self._run.report, "surface"),
                shape.normals,
                settings.open_gaps,
            )
        if found.mesh.is_empty:
            return None
        return Extraction(
            found.mesh,
            settings.resolution,
            (),
            {stage: time.perf_counter() - start},
            notes=found.notes,
            is_of_open=found.is_open,
        )

    def context(self, shape: Encoded, level: Level, surface: Extraction) -> Context:
        """What the finishing steps of a shape's surface may need."""
        settings = self._wish.settings
        steps, smoothing = self._model.steps, settings.smoothing
        if smoothing is None:
            smoothing = 0 if shape.is_followed else steps.smoothing
        is_cut = surface.is_of_open and settings.open_gaps is None
        is_drawn = self._wish.is_free and settings.snap and steps.snap_within > 0
        return Context(
            field=level.field,
            threshold=level.threshold,
            settings=settings,
            smoothing=smoothing,
            cloud=shape.cloud if is_drawn else None,
            pull=pull_of(steps),
            device=self._device,
            report=self._run.report,
            scanned=shape.scanned,
            gaps=SCANNED_WITHIN if is_cut else settings.open_gaps,
            is_of_field=not shape.is_followed,
        )

    def _level(self, shape: Encoded) -> Level:
        if self._wish.settings.threshold is not None:
            return Level(shape.field, self._wish.settings.threshold)
        outline = None
        if shape.shown is not None and shape.view is not None:
            outline = Outline(shape.shown, shape.view)
        return level_of(
            shape.field,
            self._model,
            self._device,
            with_faint=self._wish.is_free,
            # What was observed may be in several parts, an invented shape should not be.
            keep_apart=self._model.input_kind != "none",
            outline=outline,
        )

    def _found_with(self, level: Level, memory: Memory | None, added: Field) -> Extraction:
        return only(self._found([level.field], level.threshold, memory, added))

    def _found(
        self,
        fields: Sequence[PreparedField],
        threshold: float,
        memory: Memory | None,
        added: Field | None = None,
    ) -> Sequence[Extraction | NoSurfaceError]:
        settings, padding = self._wish.settings, self._model.padding
        resolution = settings.resolution
        if self._wish.is_interactive and resolution in WORTHWHILE:
            surface = interactive_surface(resolution, threshold, padding, str(self._device))
            return [surface.update(field, self._run.report) for field in fields]
        return extract_all(
            fields,
            resolution=resolution,
            threshold=threshold,
            padding=padding,
            device=self._device,
            progress=self._run.report,
            memory=memory,
            added=added,
            finest_asked=self._model.steps.finest_asked,
        )
