"""The pipeline: an observation -> code -> field -> surface -> mesh, back in the source's frame.

Everything that makes meshes calls this: command line, worker, tests, benchmarks and evaluation. The
parts lie beside it: `encoding` (observation to field), `making` (field to mesh, by `level`, where
the surface is drawn, and `finish`, the steps from surface to mesh), `sampling` (new shapes).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import nn

from ..devices import choose_device
from ..errors import InputError, ModelError, NoSurfaceError
from ..inputs.frame import Frame
from ..inputs.observation import Observation
from ..kinds import phrase_of
from ..mesh.parts import count_parts
from ..models.catalogue import find_model
from ..models.description import ModelDescription
from ..sentences import Sentence
from ..settings import Settings
from .encoding import code_width, decoded, encoded, without_holes
from .loaded import load_model
from .making import Reconstruction, Wish, make
from .progress import Progress
from .sampling import JUDGED_CELLS, LEAST_PART, latent_of_seed

__all__ = ["Reconstruction", "Reconstructor"]

COMPLETED = Sentence(
    "The scan has holes, which its mirror image filled: turn Mirror Symmetry off if its sides "
    "differ"
)


class Reconstructor:
    """A model on a device, ready to make meshes.

    model: a name from the catalogue or a weights file; device: see `choose_device`; folders: where
    to look for models beside those that ship. The four models used last stay loaded, see
    `loaded.forget_models`. Raises ModelError and DeviceError.
    """

    def __init__(
        self, model: str | Path, device: str | torch.device = "auto", folders: Sequence[Path] = ()
    ) -> None:
        self.device = choose_device(device)
        path = find_model(model, folders=folders).path
        self._network, self.description = load_model(path, self.device)

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
        """Width of the vector that describes a shape as a whole, see `encoding.code_width`."""
        return code_width(self._network, self.description)

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
            raise ModelError(
                "The model {model!r} reads {wanted}, but {name} is {given}: choose another model.",
                model=self.description.name,
                wanted=Sentence(phrase_of(self.description.input_kind)),
                name=observation.name or Sentence("the input"),
                given=Sentence(phrase_of(observation.kind)),
            )
        wish = Wish.of(settings)
        network, model = self._network, self.description
        seen = without_holes(network, model, observation, wish.settings, self.device)
        source = partial(encoded, network, model, seen, wish.settings, self.device)
        made = _only(make([source], seen.frame, self.description, self.device, wish, progress))
        return made if seen is observation else replace(made, notes=(COMPLETED, *made.notes))

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
        return _only(self.generate_all([latent], settings, progress))

    def generate_all(
        self,
        latents: Sequence[ArrayLike | int],
        settings: Settings | None = None,
        progress: Progress | None = None,
    ) -> list[Reconstruction | NoSurfaceError]:
        """Makes several new shapes at once, see `generate` and `decode_all`."""
        self._assert_generative()
        codes = [
            self.latent(int(one)) if isinstance(one, (int, np.integer)) else one for one in latents
        ]
        return self.decode_all(codes, settings, progress)

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
        wish = Wish.of(settings)
        if interactive:
            wish = replace(wish, is_free=False, is_interactive=True)
        return _only(self._decode([code], wish, progress))

    def decode_all(
        self,
        codes: Sequence[ArrayLike],
        settings: Settings | None = None,
        progress: Progress | None = None,
    ) -> list[Reconstruction | NoSurfaceError]:
        """Makes the shapes of several codes at once: on a GPU the search for all takes about as
        many steps as that for one.

        codes, settings, progress: see `decode`. Returns for each what `decode` gives, or raises for
        want of a surface, so that one empty shape does not spoil the others; the time of the search
        is shared out evenly. Raises what `decode` raises else.
        """
        return self._decode(codes, Wish.of(settings), progress)

    def _decode(
        self, codes: Sequence[ArrayLike], wish: Wish, progress: Progress | None
    ) -> list[Reconstruction | NoSurfaceError]:
        sources = [
            partial(decoded, self._network, self.description, self._checked(code), self.device)
            for code in codes
        ]
        return make(sources, Frame.unit("z"), self.description, self.device, wish, progress)

    def latent(self, seed: int) -> NDArray[np.float32]:
        """A sample (z_dim,) of the prior; the same for a seed on every machine and device.

        Models may ask for several draws, see `sampling.latent_of_seed`.
        """
        self._assert_generative()
        return latent_of_seed(self._network, seed, self.description.steps.draws, self._parts)

    def _parts(self, latent: NDArray[np.float32]) -> float:
        """In how many parts the shape of a latent is; infinitely many where it has no surface.

        Not joined where the network is unsure: a shape that need not be is the better one.
        """
        wish = Wish(Settings(resolution=JUDGED_CELLS, normals=False), is_free=False)
        (made,) = self._decode([latent], wish, None)
        return math.inf if isinstance(made, NoSurfaceError) else count_parts(made.mesh, LEAST_PART)

    def assert_has_code(self) -> None:
        """Raises ModelError where no vector describes a shape as a whole."""
        if self.code_width == 0:
            raise ModelError(
                "The model {name!r} has no latent space: its shapes can't be blended. Use shapes "
                "of a model that generates.",
                name=self.description.name,
            )

    @property
    def _is_generative(self) -> bool:
        return self.description.input_kind == "none"

    def _assert_generative(self) -> None:
        if not self._is_generative or self.z_dim == 0:
            raise ModelError(
                "The model {model!r} does not generate shapes: it reads {wanted}.",
                model=self.description.name,
                wanted=Sentence(phrase_of(self.description.input_kind)),
            )

    def _checked(self, code: ArrayLike) -> NDArray[np.float32]:
        values = np.asarray(code, dtype=np.float32)
        self.assert_has_code()
        if values.shape != (self.code_width,) or not np.isfinite(values).all():
            raise InputError(
                "The model {model!r} needs {count} finite numbers as {what}, not an array of "
                "shape {shape}.",
                model=self.description.name,
                count=self.code_width,
                what=Sentence("latent") if self._is_generative else Sentence("code"),
                shape=values.shape,
            )
        return values


def _only(made: Sequence[Reconstruction | NoSurfaceError]) -> Reconstruction:
    (one,) = made
    if isinstance(one, NoSurfaceError):
        raise one
    return one
