"""From an observation to the field that a network makes of it."""

from __future__ import annotations

from functools import cache
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from ..cells.surface import is_followed
from ..field import evaluate
from ..inputs.background import shown_in
from ..inputs.observation import Normals, Observation
from ..inputs.readings import read_cloud, subsample
from ..inputs.symmetry.completion import Believes, completed
from ..models.convolutional.network import PlanesNetwork
from ..models.description import ModelDescription
from ..models.layers import resized
from ..models.occupancy_network import OccupancyNetwork
from ..models.pictures.view import PictureView
from ..models.prepared import PreparedField, prepare, prepare_positions
from ..models.prepared.averaged import AS_IT_IS, HALF_TURN, MIRRORED, MeanOfTwo
from ..scans.surface import distinct
from ..sentences import Sentence
from ..settings import Settings
from .dense import DENSE_NOISE, is_dense, is_open_scan, noise_of_scan
from .finish import Cloud
from .noise import noise_beside

GLOBAL_POINTS = 300
# Each takes some 30 microseconds: millions would take minutes.
SNAPPED_POINTS = 200_000
# How many of a cloud's points its noise is measured with.
NOISE_POINTS = 1_000
# Noise can't be averaged away from clouds of so few.
FEW_POINTS = 1_000


class Encoded(NamedTuple):
    """What a network makes of an observation.

    field: logits at points in the network's frame.
    code: the vector (code_width,) that describes the shape as a whole; None where there is none.
    cloud: the points that may draw the surface to them; None where there are none.
    is_mirrored: whether the network read a cloud's mirror image too.
    dense: all points (N, 3) of a cloud that is followed point by point, see `pipeline.dense`; None
        for others.
    normals: of these points, where some are known.
    scanned: all points (N, 3) of a cloud, however it is read.
    view: where a picture was taken from; None where the network does not say.
    shown: (S, S), where the picture shows its object; None where that is not known.
    notes: what the user should know of the input.
    cells: (A, B, C) of a voxel grid that is followed cell by cell, see `cells.surface`.
    """

    field: PreparedField
    code: NDArray[np.float32] | None
    cloud: Cloud | None = None
    is_mirrored: bool = False
    dense: NDArray[np.float32] | None = None
    normals: Normals | None = None
    scanned: NDArray[np.float32] | None = None
    view: PictureView | None = None
    shown: NDArray[np.bool_] | None = None
    notes: tuple[Sentence, ...] = ()
    cells: NDArray[np.bool_] | None = None

    @property
    def is_followed(self) -> bool:
        """Whether the surface follows the input instead of the field."""
        return self.dense is not None or self.cells is not None


def code_width(network: nn.Module, model: ModelDescription) -> int:
    """Width of the vector that describes a shape as a whole, 0 where there is none.

    The latent z of models that generate, the code c of occupancy networks with an encoder (paper,
    section 3.1); features that lie on planes are no such vector.
    """
    if model.input_kind == "none":
        return int(getattr(network, "z_dim", 0))
    return network.c_dim if isinstance(network, OccupancyNetwork) else 0


def without_holes(
    network: nn.Module,
    model: ModelDescription,
    observation: Observation,
    settings: Settings,
    device: torch.device,
) -> Observation:
    """A cloud whose holes are filled from its mirror image, in a frame that may be another; the
    observation itself where there are none, or what is lacking is not wanted.

    Samples of a mesh lack nothing. A sheet is like its mirror image wherever the mirror stands, and
    ends at its border: scans that are no solid lack nothing either.
    """
    if (
        observation.kind != "points"
        or not settings.symmetry
        or settings.open_gaps is not None
        or (observation.normals is not None and observation.normals.is_exact)
    ):
        return observation
    believes = beliefs(network, model, observation.data, settings.random_seed, device)
    whole = completed(observation, believes)
    if whole is None or is_open_scan(observation.data, device, observation.normals):
        return observation
    return whole


def beliefs(
    network: nn.Module,
    model: ModelDescription,
    points: NDArray[np.float32],
    seed: int,
    device: torch.device,
) -> Believes:
    """What a network thinks of places in the frame of a cloud (N, 3), which is read as it is when
    it is first asked."""

    @cache
    def field() -> PreparedField:
        return _Reader(network, model, device).of_cloud_as_it_is(points, seed)

    def at(places: NDArray[np.float64]) -> NDArray[np.float64]:
        asked = torch.from_numpy(places.astype(np.float32)).to(device)
        return evaluate(field(), asked).sigmoid().double().cpu().numpy()

    return at


def encoded(
    network: nn.Module,
    model: ModelDescription,
    observation: Observation,
    settings: Settings,
    device: torch.device,
) -> Encoded:
    """What a network makes of an observation of its kind."""
    reader = _Reader(network, model, device)
    if observation.kind == "points":
        if is_dense(observation.data, model, settings, device, observation.normals):
            found = reader.of_dense_cloud(observation.data, observation.normals, settings)
        else:
            found = reader.of_cloud(observation.data, settings)
        return found._replace(scanned=observation.data)
    inputs = reader.tensor(observation.data)
    if observation.kind == "image":
        inputs = resized(inputs, int(model.inputs.get("image_size", 224)))
    field, code = reader.field(inputs, inputs)
    cells = observation.cells if is_followed(model, settings) else None
    view = _view(code)
    shown = None if view is None else shown_in(observation.data, observation.mask)
    return Encoded(field, reader.vector(code), view=view, shown=shown, cells=cells)


def decoded(
    network: nn.Module, model: ModelDescription, code: NDArray[np.float32], device: torch.device
) -> Encoded:
    """What a network makes of a code (code_width,)."""
    vector = torch.as_tensor(code, device=device)[None]
    if model.input_kind != "none":
        z = torch.zeros(1, int(getattr(network, "z_dim", 0)), device=device)
        return Encoded(prepare(network, z, vector), code)
    with torch.no_grad():
        features = network.encode_inputs(vector)  # type: ignore[operator]
    return Encoded(prepare(network, vector, features), code)


def _view(code: Any) -> PictureView | None:
    """The camera among the features of one picture, if it is."""
    if not isinstance(code, dict) or "camera" not in code:
        return None
    return PictureView.of_numbers(code["camera"][0].tolist(), float(code["confidence"][0]))


class _Reader:
    """Asks one network."""

    def __init__(self, network: nn.Module, model: ModelDescription, device: torch.device) -> None:
        self._network, self._model, self._device = network, model, device
        self._code_width = code_width(network, model)
        self._latent = torch.zeros(1, int(getattr(network, "z_dim", 0)), device=device)

    def tensor(self, data: NDArray[np.float32]) -> Tensor:
        """What the encoder reads, (1, ...) float32 on the device."""
        return torch.from_numpy(np.array(data))[None].to(self._device)

    def vector(self, code: Any) -> NDArray[np.float32] | None:
        """The code (code_width,) as an array, where it is a vector."""
        return code[0].float().cpu().numpy() if self._code_width else None

    def of_cloud(self, points: NDArray[np.float32], settings: Settings) -> Encoded:
        """What the network makes of a cloud (N, 3), each of its places once.

        Where the first field says that the points are noisy, and they are dense enough, the cloud
        is read again without noise.
        """
        points = distinct(points).astype(np.float32)
        seed, steps = settings.random_seed, self._model.steps
        most = self._most()
        mirrored = min(steps.mirrored_points, most // 2) if settings.symmetry else 0
        readings = read_cloud(points, most, mirrored, steps.mirror_ratio, seed)
        field, code = self.field(self.tensor(readings.first), self.tensor(readings.second))
        snapped, noise = subsample(points, SNAPPED_POINTS, seed), 0.0
        if settings.denoise and steps.denoise and len(points) > FEW_POINTS:
            some = subsample(points, NOISE_POINTS, seed)
            noise = noise_beside(field, some, self._model.threshold, self._device)
            clean = readings.without_noise(snapped, noise, steps.denoise_reach)
            if clean is not None:
                field, code = self.field(self.tensor(clean.first), self.tensor(clean.second))
        # A shape that has a code is what the code says.
        cloud = None if self._code_width else Cloud(snapped, noise)
        return Encoded(field, self.vector(code), cloud, readings.is_mirrored)

    def _most(self) -> int:
        """How many points of a cloud the network reads at once."""
        if self._model.architecture == "occupancy_network":
            return int(self._model.inputs.get("points", GLOBAL_POINTS))
        return self._model.steps.local_points

    def of_cloud_as_it_is(self, points: NDArray[np.float32], seed: int) -> PreparedField:
        """What the network makes of a cloud (N, 3), of which it reads what it can at once."""
        some = subsample(distinct(points).astype(np.float32), self._most(), seed)
        return self._field(self.tensor(some))[0]

    def of_dense_cloud(
        self,
        points: NDArray[np.float32],
        normals: Normals | None,
        settings: Settings,
    ) -> Encoded:
        """What the network makes of some points of a cloud (N, 3), with the others beside it.

        Of a cloud that is too noisy to be followed it is what `of_cloud` makes.
        """
        seed, threshold = settings.random_seed, self._model.threshold
        field, _ = self._field(self.tensor(subsample(points, self._model.steps.local_points, seed)))
        if normals is not None and normals.is_exact:
            return Encoded(field, None, dense=points, normals=normals)
        some = subsample(points, NOISE_POINTS, seed)
        noise = noise_beside(field, some, threshold, self._device)
        if noise > DENSE_NOISE:
            # The field of an open scan, which is no solid, may be far from its points.
            noise = min(noise, noise_of_scan(points, self._device, seed))
        if noise > DENSE_NOISE:
            note = Sentence(
                "The scan has much noise, about {noise:.1g} % of the size, so fine detail is "
                "averaged away",
                noise=100 * noise,
            )
            return self.of_cloud(points, settings)._replace(notes=(note,))
        return Encoded(field, None, dense=points, normals=normals)

    def field(self, inputs: Tensor, again: Tensor) -> tuple[PreparedField, Any]:
        """The field of what was observed, and its code.

        again: what is read of it the second time, by models that are asked twice or read both ways.
        """
        steps = self._model.steps
        if getattr(self._network, "reads_both_ways", False):
            one, code = self._field(inputs)
            if torch.equal(inputs, again):
                return one, code
            return MeanOfTwo(one, self._field(again)[0], AS_IT_IS), code
        if self._code_width or not (steps.mirror or steps.half_turn):
            return self._field(inputs)
        signs = MIRRORED if steps.mirror else HALF_TURN
        moved = again.flip(-1) if steps.mirror else again * again.new_tensor(HALF_TURN)
        code, other = self._codes(inputs, moved)
        field = None
        if steps.half_turn and torch.equal(inputs, again):
            field = prepare_positions(self._network, [code, other], [AS_IT_IS, HALF_TURN])
        if field is None:
            field = MeanOfTwo(self._prepared(code), self._prepared(other), signs)
        return field, code

    def _field(self, inputs: Tensor) -> tuple[PreparedField, Any]:
        code = self._code(inputs)
        return self._prepared(code), code

    def _code(self, inputs: Tensor) -> Any:
        with torch.no_grad():
            return self._network.encode_inputs(inputs)  # type: ignore[operator]

    def _codes(self, one: Tensor, other: Tensor) -> tuple[Any, Any]:
        """The codes of two inputs, which networks of planes read together if of one size."""
        if one.shape != other.shape or not isinstance(self._network, PlanesNetwork):
            return self._code(one), self._code(other)
        both = self._code(torch.cat([one, other]))
        first, second = ({name: part[k : k + 1] for name, part in both.items()} for k in range(2))
        return first, second

    def _prepared(self, code: Any) -> PreparedField:
        return prepare(self._network, self._latent, code)
