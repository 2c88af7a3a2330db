"""The pipeline: an observation -> code -> field -> mesh, back in the observation's own frame.

Everything that makes meshes calls this: command line, worker, tests, benchmarks and evaluation.
"""

from __future__ import annotations

import functools
import math
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor, nn
from torch.nn import functional

from ..devices import choose_device, fast_products, memory_errors
from ..errors import InputError, ModelError, NoSurfaceError
from ..field import Field, evaluate
from ..inputs.frame import Frame
from ..inputs.observation import Observation
from ..inputs.readings import read_cloud, subsample
from ..kinds import phrase_of
from ..mesh.mesh import Mesh
from ..mesh.normals import face_based_normals, vertex_normals
from ..mesh.parts import count_parts
from ..mesh.refine import refine
from ..mesh.simplify import simplify
from ..mesh.smooth import smooth
from ..mesh.snap import snap
from ..models.catalogue import find_model
from ..models.description import ModelDescription
from ..models.occupancy_network import OccupancyNetwork
from ..models.prepared import PreparedField, prepare
from ..models.prepared.averaged import MeanOfTwo
from ..models.prepared.lifted import Lifted
from ..models.weights import load_weights
from ..settings import Settings
from ..surface.extract import extract, extract_all
from ..surface.interactive import WORTHWHILE, InteractiveSurface, Update
from .faint import faint_lift, joining_lift
from .noise import noise_beside

Progress = Callable[[str, float], None]
"""Is told the stage and the fraction of the whole that is done, 0 to 1; may raise `Cancelled`."""

# Local features take clouds of any size, but denser ones than any trained on (3,000 points) mislead
# them. Two readings of so many points each: 18 validation shapes of 10,000 points have an IoU of
# 0.842, with 3,000 in each 0.841, with the same 10,000 in both 0.817.
MOST_POINTS = 4_500
GLOBAL_POINTS = 300
# Each takes some 30 microseconds: millions would take minutes.
DRAWING_POINTS = 200_000
# A cloud's noise is measured by so many of its points.
NOISE_POINTS = 3_000
# Noise can't be averaged away from clouds of so few.
FEW_POINTS = 1_000

# Points along each axis at which is looked for what a network is unsure of, and the threshold below
# which it is not unsure of an object but sees none.
PROBED = 33
LEAST_THRESHOLD = 0.02
# Signs of the coordinates of what is mirrored left to right, and turned by half about the vertical.
MIRRORED = (-1.0, 1.0, 1.0)
HALF_TURN = (-1.0, 1.0, -1.0)
# By how much the threshold is lowered at a time where that may join parts.
JOINING_STEP = 0.1

# Cells per axis of the grid on which a new shape's parts are counted, and the share of its area
# from which a part counts: even loose crumbs are a reason to draw again.
JUDGED_CELLS = 64
LEAST_PART = 0.001

# How long the stages take beside each other, roughly; only the progress bar depends on it.
_SHARES = {
    "encode": 1.0,
    "surface": 20.0,
    "smooth": 0.0,
    "snap": 0.0,
    "simplify": 1.0,
    "refine": 10.0,
    "normals": 2.0,
}


@dataclass(frozen=True, eq=False)
class Reconstruction:
    """A mesh and how it came about.

    mesh: in the source's frame; frame: network to source; seconds: by stage; evaluations: points
    that went through the network; model: its name; code: what `Reconstructor.decode` makes the same
    shape of, (code_width,), None where the model has no code of one vector; is_followed: whether
    the surface was found from an earlier one, see `Reconstructor.decode`; is_mirrored: whether a
    cloud was completed by its mirror image.
    """

    mesh: Mesh
    frame: Frame
    seconds: dict[str, float]
    evaluations: int
    model: str
    code: NDArray[np.float32] | None = None
    is_followed: bool = False
    is_mirrored: bool = False


class Reconstructor:
    """A model on a device, ready to make meshes.

    model: a name from the catalogue or a weights file; device: see `choose_device`; folders: where
    to look for models beside those that ship. The four models used last stay loaded, see
    `forget_models`. Raises ModelError and DeviceError.
    """

    def __init__(
        self, model: str | Path, device: str | torch.device = "auto", folders: Sequence[Path] = ()
    ) -> None:
        self.device = choose_device(device)
        path = find_model(model, folders=folders).path.resolve()
        state = path.stat()
        self._network, self.description = _load(path, state.st_mtime_ns, str(self.device))

    @classmethod
    def of_network(
        cls, network: nn.Module, description: ModelDescription, device: str | torch.device = "auto"
    ) -> Reconstructor:
        """A network that is in memory already, for instance one in training.

        It is moved to the device and used as it is: the caller has put it in evaluation mode.
        """
        self = cls.__new__(cls)
        self.device = choose_device(device)
        self._network, self.description = network.to(self.device), description
        return self

    @property
    def z_dim(self) -> int:
        """Width of the latent space, 0 if there is none."""
        return int(getattr(self._network, "z_dim", 0))

    @property
    def code_width(self) -> int:
        """Width of the vector that describes a shape as a whole, 0 where there is none.

        The latent z of models that generate, the code c of occupancy networks with an encoder
        (paper, section 3.1); features that lie on planes are no such vector.
        """
        if self.description.input_kind == "none":
            return self.z_dim
        return self._network.c_dim if isinstance(self._network, OccupancyNetwork) else 0

    def reconstruct(
        self,
        observation: Observation,
        settings: Settings | None = None,
        progress: Progress | None = None,
    ) -> Reconstruction:
        """Makes the mesh of what was observed.

        progress: called between batches; may raise `Cancelled`. Raises ModelError where the model
        reads another kind, NoSurfaceError, DeviceError.
        """
        if observation.kind != self.description.input_kind:
            what = observation.name or "the input"
            raise ModelError(
                f"The model {self.description.name!r} reads "
                f"{phrase_of(self.description.input_kind)}, but "
                f"{what} is {phrase_of(observation.kind)}: choose another model."
            )
        settings = settings or Settings()
        run = _Run(settings, progress)
        with memory_errors(self.device), fast_products(self.device):
            with run.stage("encode"):
                if observation.kind == "points":
                    field, code, cloud = self._read_cloud(observation.data, settings)
                else:
                    inputs = self._inputs(observation)
                    field, code = self._field(inputs, inputs)
                    cloud = None
            vector = code[0].float().cpu().numpy() if self.code_width else None
            made = self._mesh(field, observation.frame, run, vector, cloud)
            return replace(made, is_mirrored=cloud is not None and cloud.is_mirrored)

    def generate(
        self,
        latent: ArrayLike | int,
        settings: Settings | None = None,
        progress: Progress | None = None,
    ) -> Reconstruction:
        """Makes a new shape, in the unit cube with z up.

        latent: (z_dim,) numbers, or a seed for `latent`. Raises ModelError where the model does not
        generate, InputError for a latent of another size, and what `reconstruct` raises.
        """
        self._assert_generative()
        values = self.latent(int(latent)) if isinstance(latent, (int, np.integer)) else latent
        return self.decode(values, settings, progress)

    def decode(
        self,
        code: ArrayLike,
        settings: Settings | None = None,
        progress: Progress | None = None,
        *,
        interactive: bool = False,
    ) -> Reconstruction:
        """Makes the shape of a code (code_width,), in the unit cube with z up.

        The code is a latent, or the code of a `Reconstruction`, or lies between such. interactive:
        from 64 to 127 cells the surface is found from that of the last interactive call where that
        is near, see `surface.interactive`; what the network is unsure of is not looked for.
        Raises ModelError where the model has none, InputError for another size, and what
        `reconstruct` raises.
        """
        run = _Run(settings or Settings(), progress, is_interactive=interactive)
        return self._decode(self._checked_code(code), run)

    def _decode(self, values: NDArray[np.float32], run: _Run) -> Reconstruction:
        with memory_errors(self.device), fast_products(self.device):
            vector = torch.as_tensor(values, device=self.device)[None]
            if not self._is_generative:
                z = torch.zeros(1, self.z_dim, device=self.device)
                field = prepare(self._network, z, vector)
                return self._mesh(field, Frame.unit("z"), run, values)
            with run.stage("encode"), torch.no_grad():
                features = self._network.encode_inputs(vector)  # type: ignore[operator]
            field = prepare(self._network, vector, features)
            return self._mesh(field, Frame.unit("z"), run, values)

    def generate_all(
        self,
        latents: Sequence[ArrayLike | int],
        settings: Settings | None = None,
        progress: Progress | None = None,
    ) -> list[Reconstruction | NoSurfaceError]:
        """Makes several new shapes at once: on a GPU the search for all takes about as many steps
        as that for one.

        latents, settings, progress: see `generate`. Returns for each what `generate` gives, or
        raises for want of a surface, so that one empty sample does not spoil the others; the time
        of the search is shared out evenly. Raises what `generate` raises else.
        """
        self._assert_generative()
        settings = settings or Settings()
        codes = [
            self._checked_code(self.latent(int(one)) if isinstance(one, (int, np.integer)) else one)
            for one in latents
        ]
        threshold = settings.threshold or self.description.threshold
        run = _Run(settings, progress)
        with memory_errors(self.device), fast_products(self.device):
            fields = []
            with run.stage("encode"), torch.no_grad():
                for code in codes:
                    vector = torch.as_tensor(code, device=self.device)[None]
                    features = self._network.encode_inputs(vector)  # type: ignore[operator]
                    fields.append(prepare(self._network, vector, features))
            with run.stage("surface"):
                start = time.perf_counter()
                if run.is_free:
                    # The threshold stays: only networks that read something lower it.
                    fields = [self._with_the_unsure(field, with_faint=True)[0] for field in fields]
                probing = time.perf_counter() - start
                extractions = extract_all(
                    fields,
                    resolution=settings.resolution,
                    threshold=threshold,
                    padding=self.description.padding,
                    device=self.device,
                    root_steps=settings.root_steps,
                    progress=run.report,
                )
            made: list[Reconstruction | NoSurfaceError] = []
            for code, field, extraction in zip(codes, fields, extractions, strict=True):
                run.report("normals", 0.0)  # Here the caller may cancel.
                if isinstance(extraction, NoSurfaceError):
                    made.append(extraction)
                    continue
                own = _Run(settings, None)
                own.seconds["encode"] = run.seconds["encode"] / len(codes)
                shares = {name: time / len(codes) for name, time in extraction.seconds.items()}
                own.seconds.update(shares)
                own.seconds["network"] += probing / len(codes)
                mesh = self._finish(extraction.mesh, field, threshold, own)
                made.append(self._reconstruction(mesh, field, Frame.unit("z"), own, code))
        run.finish()
        return made

    def _checked_code(self, code: ArrayLike) -> NDArray[np.float32]:
        values = np.asarray(code, dtype=np.float32)
        self.assert_has_code()
        if values.shape != (self.code_width,) or not np.isfinite(values).all():
            raise InputError(
                f"The model {self.description.name!r} needs {self.code_width} finite numbers as "
                f"{'latent' if self._is_generative else 'code'}, not an array of shape "
                f"{values.shape}."
            )
        return values

    def latent(self, seed: int) -> NDArray[np.float32]:
        """A sample (z_dim,) of the prior; the same for a seed on every machine and device.

        Models may ask for several draws (`ModelDescription.draws`): then it is the first one of the
        seed whose shape is in one part, or else that in the fewest. Where a shape hangs by a
        thread, devices may disagree about it.
        """
        self._assert_generative()
        if seed < 0:
            raise InputError(f"A seed can't be negative; {seed} is.")
        rng = np.random.default_rng(seed)
        drawn = [self._draw(rng) for _ in range(self.description.draws)]
        if len(drawn) == 1:
            return drawn[0]
        fewest, best = math.inf, drawn[0]
        for latent in drawn:
            parts = self._parts(latent)
            if parts < fewest:
                fewest, best = parts, latent
            if parts == 1:
                break
        return best

    def _draw(self, rng: np.random.Generator) -> NDArray[np.float32]:
        """A sample (z_dim,) of the prior: around one of its centres, if the network has any."""
        latent = rng.standard_normal(self.z_dim).astype(np.float32)
        centres = getattr(self._network, "centres", None)
        if centres is not None:
            latent += centres[int(rng.integers(len(centres)))].cpu().numpy()
        return latent

    def _parts(self, latent: NDArray[np.float32]) -> float:
        """In how many parts the shape of a latent is; infinitely many where it has no surface.

        Not joined where the network is unsure: a shape that need not be is the better one.
        """
        run = _Run(Settings(resolution=JUDGED_CELLS, normals=False), None, is_plain=True)
        try:
            made = self._decode(latent, run)
        except NoSurfaceError:
            return math.inf
        return count_parts(made.mesh, LEAST_PART)

    def assert_has_code(self) -> None:
        """Raises ModelError where no vector describes a shape as a whole."""
        if self.code_width == 0:
            raise ModelError(
                f"The model {self.description.name!r} has no latent space: its shapes can't be "
                "blended. Use shapes of a model that generates."
            )

    @property
    def _is_generative(self) -> bool:
        return self.description.input_kind == "none"

    def _assert_generative(self) -> None:
        if not self._is_generative or self.z_dim == 0:
            raise ModelError(
                f"The model {self.description.name!r} does not generate shapes: it reads "
                f"{phrase_of(self.description.input_kind)}."
            )

    def _inputs(self, observation: Observation) -> Tensor:
        """What the encoder reads of a picture or voxels, (1, ...) float32 on the device."""
        inputs = self._tensor(observation.data)
        if observation.kind == "image":
            size = int(self.description.inputs.get("image_size", 224))
            if inputs.shape[-1] != size:
                inputs = functional.interpolate(
                    inputs, (size, size), mode="bilinear", antialias=True
                )
        return inputs

    def _tensor(self, data: NDArray[np.float32]) -> Tensor:
        return torch.from_numpy(np.array(data))[None].to(self.device)

    def _read_cloud(
        self, points: NDArray[np.float32], settings: Settings
    ) -> tuple[PreparedField, Any, _Cloud]:
        """Field and code of a cloud, and what its points say of the surface.

        Where they say that they are noisy, and are dense enough, it is read again without noise.
        """
        readings = read_cloud(points, self._point_limit(), settings.symmetry, settings.random_seed)
        field, code = self._field(self._tensor(readings.first), self._tensor(readings.second))
        drawing, noise = subsample(points, DRAWING_POINTS, settings.random_seed), 0.0
        if settings.denoise and self.description.inputs.get("denoise") and len(points) > FEW_POINTS:
            some = subsample(points, NOISE_POINTS, settings.random_seed)
            noise = noise_beside(field, some, self.description.threshold, self.device)
            cleaned = readings.without_noise(drawing, noise)
            if cleaned is not None:
                field, code = self._field(self._tensor(cleaned.first), self._tensor(cleaned.second))
        return field, code, _Cloud(drawing, noise, readings.is_mirrored)

    def _field(self, inputs: Tensor, again: Tensor) -> tuple[PreparedField, Any]:
        """The field of what was observed, and its code.

        again: what is read of it the second time, by models that are asked twice.
        """
        with torch.no_grad():
            code = self._network.encode_inputs(inputs)  # type: ignore[operator]
        latent = torch.zeros(1, self.z_dim, device=self.device)
        field = prepare(self._network, latent, code)
        # A shape that has a code is the one that the code alone decodes to.
        if not self.code_width:
            field = self._mean_with_moved(field, again, latent)
        return field, code

    def _mean_with_moved(
        self, field: PreparedField, inputs: Tensor, latent: Tensor
    ) -> PreparedField:
        """The field, or where the model asks for it its mean with that of the moved inputs."""
        if self.description.inputs.get("mirror", False):
            moved, signs = inputs.flip(-1), MIRRORED
        elif self.description.inputs.get("half_turn", False):
            moved, signs = inputs * inputs.new_tensor(HALF_TURN), HALF_TURN
        else:
            return field
        with torch.no_grad():
            code = self._network.encode_inputs(moved)  # type: ignore[operator]
        return MeanOfTwo(field, prepare(self._network, latent, code), signs)

    def _point_limit(self) -> int:
        if self.description.architecture == "occupancy_network":
            return int(self.description.inputs.get("points", GLOBAL_POINTS))
        return MOST_POINTS

    def _mesh(
        self,
        field: PreparedField,
        frame: Frame,
        run: _Run,
        vector: NDArray[np.float32] | None,
        cloud: _Cloud | None = None,
    ) -> Reconstruction:
        """cloud: whose points the surface may follow."""
        with run.stage("surface"):
            threshold = run.settings.threshold or self.description.threshold
            start = time.perf_counter()
            if run.settings.threshold is None:
                field, threshold = self._with_the_unsure(field, with_faint=run.is_free)
            probing = time.perf_counter() - start
            update = self._surface(field, threshold, run)
            if run.is_free and self.description.joined_from:
                threshold, update = self._joined(field, threshold, update, run)
        extraction = update.extraction
        del run.seconds["surface"]
        run.seconds.update(extraction.seconds)
        run.seconds["network"] += probing
        mesh = self._finish(extraction.mesh, field, threshold, run, cloud)
        run.finish()
        return self._reconstruction(mesh, field, frame, run, vector, update.is_followed)

    def _reconstruction(
        self,
        mesh: Mesh,
        field: PreparedField,
        frame: Frame,
        run: _Run,
        vector: NDArray[np.float32] | None,
        is_followed: bool = False,
    ) -> Reconstruction:
        return Reconstruction(
            mesh.transformed(frame.matrix),
            frame,
            run.seconds,
            field.evaluations,
            self.description.name,
            vector,
            is_followed,
        )

    def _with_the_unsure(
        self, field: PreparedField, with_faint: bool
    ) -> tuple[PreparedField, float]:
        """The field and the threshold at which to draw it where the network may be unsure.

        Of the whole object: then the threshold is lower; with_faint: of parts of it, then the field
        is lifted there. See `ModelDescription.share_of_highest` and `faint_from`.
        """
        threshold, share = self.description.threshold, self.description.share_of_highest
        least = self.description.faint_from if with_faint else 0.0
        if not share and not least:
            return field, threshold
        half = (1 + self.description.padding) / 2
        axis = torch.linspace(-half, half, PROBED, device=self.device)
        logits = evaluate(field, torch.cartesian_prod(axis, axis, axis))
        if share:
            highest = float(logits.max().sigmoid())
            threshold = min(threshold, max(share * highest, LEAST_THRESHOLD))
        if not least:
            return field, threshold
        cube = logits.cpu().view(PROBED, PROBED, PROBED)
        lift = faint_lift(cube, threshold, least, spacing=2 * half / (PROBED - 1))
        # What was observed may be in several parts, an invented shape should not be.
        lift = joining_lift(cube, lift, threshold, keep_apart=not self._is_generative)
        lift = lift.to(self.device)
        return Lifted(field, lift, half), threshold

    def _joined(
        self, field: PreparedField, threshold: float, update: Update, run: _Run
    ) -> tuple[float, Update]:
        """The surface at the highest threshold at which it is in the fewest parts, and that.

        update: the surface at the model's threshold.
        """
        seconds = dict(update.extraction.seconds)
        lower, parts = threshold, count_parts(update.extraction.mesh)
        while parts > 1:
            lower = round(lower - JOINING_STEP, 6)
            if lower < self.description.joined_from:
                break
            other = self._surface(field, lower, run)
            for name, passed in other.extraction.seconds.items():
                seconds[name] += passed
            found = count_parts(other.extraction.mesh)
            if found < parts:
                parts, threshold, update = found, lower, other
        return threshold, replace(update, extraction=replace(update.extraction, seconds=seconds))

    def _surface(self, field: Field, threshold: float, run: _Run) -> Update:
        resolution, padding = run.settings.resolution, self.description.padding
        root_steps = run.settings.root_steps
        if run.is_interactive and resolution in WORTHWHILE and root_steps == 0:
            surface = _interactive_surface(resolution, threshold, padding, str(self.device))
            return surface.update(field, run.report)
        extraction = extract(
            field,
            resolution=resolution,
            threshold=threshold,
            padding=padding,
            device=self.device,
            root_steps=root_steps,
            progress=run.report,
        )
        return Update(extraction, is_followed=False)

    def _finish(
        self,
        mesh: Mesh,
        field: Field,
        threshold: float,
        run: _Run,
        cloud: _Cloud | None = None,
    ) -> Mesh:
        settings = run.settings
        within = self.description.snap_within
        if not (settings.snap and run.is_free and within) or settings.root_steps or self.code_width:
            cloud = None
        smoothing = settings.smoothing
        if smoothing is None:
            smoothing = 0 if settings.root_steps else self.description.smoothing
        if smoothing:
            with run.stage("smooth"):
                mesh = smooth(mesh, smoothing)
        if cloud is not None:
            with run.stage("snap"):
                mesh = snap(mesh, cloud.points, within, cloud.noise)
        if settings.faces is not None:
            with run.stage("simplify"):
                mesh = simplify(mesh, settings.faces)
        if settings.refinement:
            with run.stage("refine"):
                mesh = refine(
                    mesh,
                    field,
                    threshold=threshold,
                    steps=settings.refinement,
                    seed=settings.random_seed,
                    device=self.device,
                    progress=run.report,
                )
                # The field's bumps came back, and so did its distance from the points.
                mesh = smooth(mesh, smoothing)
                if cloud is not None:
                    mesh = snap(mesh, cloud.points, within, cloud.noise)
        if settings.normals:
            with run.stage("normals"):
                if smoothing or cloud is not None:
                    # The field's own are not those of this surface any more.
                    normals = face_based_normals(mesh.vertices, mesh.faces)
                else:
                    normals = vertex_normals(
                        mesh.vertices,
                        field,
                        faces=mesh.faces,
                        device=self.device,
                        progress=run.report,
                    )
            mesh = replace(mesh, normals=normals)
        return mesh


def forget_models() -> None:
    """Lets go of the models that are kept loaded and gives their memory back to the system."""
    _load.cache_clear()
    _interactive_surface.cache_clear()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()


@functools.lru_cache(maxsize=4)
def _load(path: Path, changed: int, device: str) -> tuple[nn.Module, ModelDescription]:
    """`load_weights`, remembered until the file changes; no gradients for the weights."""
    with memory_errors(torch.device(device)):
        network, description = load_weights(path, device)
    return network.requires_grad_(False), description


@functools.lru_cache(maxsize=1)
def _interactive_surface(
    resolution: int, threshold: float, padding: float, device: str
) -> InteractiveSurface:
    """The last interactive call's surface, where it had the same grid."""
    return InteractiveSurface(
        resolution=resolution, threshold=threshold, padding=padding, device=device
    )


class _Cloud(NamedTuple):
    """What the points of a cloud say of its surface.

    points: (N, 3) in the network's frame; noise: their deviation from the surface, 0 where that was
    not measured; is_mirrored: whether the network read their mirror image too.
    """

    points: NDArray[np.float32]
    noise: float
    is_mirrored: bool


class _Run:
    """Times the stages of one run and turns their progress into that of the whole.

    is_plain: nothing is drawn or joined but what lies above the model's threshold.
    """

    def __init__(
        self,
        settings: Settings,
        progress: Progress | None,
        *,
        is_interactive: bool = False,
        is_plain: bool = False,
    ) -> None:
        self.settings = settings
        self.is_interactive = is_interactive
        self.is_free = settings.threshold is None and not is_interactive and not is_plain
        self.seconds: dict[str, float] = {}
        self._progress = progress
        shares = dict(_SHARES)
        shares["refine"] *= settings.refinement
        for name, wanted in (
            ("simplify", settings.faces is not None),
            ("normals", settings.normals),
        ):
            shares[name] *= wanted
        total = sum(shares.values())
        self._shares = {name: share / total for name, share in shares.items()}
        self._done = 0.0
        self._current = 0.0
        self._reached = 0.0

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Times a block, whose share of the whole is done when it ends."""
        self._current = self._shares[name]
        self.report(name, 0.0)
        start = time.perf_counter()
        yield
        self.seconds[name] = time.perf_counter() - start
        self._done += self._current

    def report(self, name: str, fraction: float) -> None:
        """Passes on that a fraction of the current stage is done."""
        # A surface may be looked for more than once.
        self._reached = max(self._reached, min(1.0, self._done + self._current * fraction))
        if self._progress is not None:
            self._progress(name, self._reached)

    def finish(self) -> None:
        """Reports the end."""
        if self._progress is not None:
            self._progress("done", 1.0)
