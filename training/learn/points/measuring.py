"""How well the field of a network fits shapes: labelled points, without meshes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, nn

from onet_core.models.convolutional.neighbours import with_cloud_features
from onet_core.models.convolutional.network import ConvolutionalOccupancyNetwork
from training.data.bank import Bank

from .clouds import draw_examples
from .flaws import Draw, Scans

# How what was learned is measured on the way: (points, scans).
_CLEAN = Scans(0, 0, 0, 0, 0.005, 0.005, 0, 0, 0, 0, 0, 0)
MEASURED = {
    "3000": (3000, _CLEAN),
    "300": (300, _CLEAN),
    "damaged": (3000, replace(_CLEAN, holes=1.0, outliers=0.04)),
    "half": (3000, replace(_CLEAN, halves=1.0)),
}
THRESHOLDS = (0.2, 0.25, 0.32, 0.36, 0.4, 0.45, 0.5, 0.55)


class Learner:
    """The network on its device, with the parts that bear it in 16 bits run so on a card.

    frozen: a module of the encoder that does not learn, nor what comes before it through it; it
    costs a third of a step less without the volume.
    """

    def __init__(
        self, network: ConvolutionalOccupancyNetwork, device: torch.device, frozen: str = ""
    ) -> None:
        self.network = network.to(device)
        self.device = device
        # Coordinates need 32 bits; the convolutions and the products of the decoder do not.
        self.half = torch.autocast(device.type, torch.bfloat16, enabled=device.type == "cuda")
        for name, module in network.encoder.named_modules():
            if name in ("unet", "encoder.volume"):
                self._run_in_half(module)
            if frozen and name == frozen:
                module.requires_grad_(False)
                module.forward = torch.no_grad()(module.forward)

    def _run_in_half(self, module: nn.Module) -> None:
        plain = module.forward

        def forward(*inputs: Tensor) -> Tensor:
            with self.half:
                return plain(*inputs).float()

        module.forward = forward

    def logits(self, queries: Tensor, clouds: Tensor) -> Tensor:
        """(B, T) at queries (B, T, 3) of clouds (B, N, 3)."""
        decoder = self.network.decoder
        code = self.network.encoder(clouds)
        code = {name: value.float() for name, value in code.items()}
        assert decoder.neighbours is not None
        code = with_cloud_features(code, decoder.neighbours.neighbours, decoder.padding)
        with self.half:
            return decoder(queries, code).float()


@torch.no_grad()
def measure(
    learner: Learner,
    bank: Bank,
    ids: Tensor,
    queries: int,
    batch: int = 16,
    names: Sequence[str] = tuple(MEASURED),
) -> dict[str, list[float]]:
    """Mean IoU of even points on shapes, for each of MEASURED that is named, at THRESHOLDS.

    The clouds are the same each time.
    """
    found: dict[str, Any] = {}
    none = torch.zeros(bank.count, dtype=torch.bool, device=bank.device)
    learner.network.eval()
    for name in names:
        count, scans = MEASURED[name]
        draw = Draw(torch.Generator(bank.device).manual_seed(1))
        scores = []
        for some in ids.split(batch):
            shown = draw_examples(bank, some, count, queries, draw, scans, none, 0.0)
            chance = learner.logits(shown.queries, shown.clouds).sigmoid()
            known = shown.weight > 0
            inside = (shown.occupancy > 0.5) & known
            row = []
            for threshold in THRESHOLDS:
                taken = (chance > threshold) & known
                row.append((taken & inside).sum(1) / (taken | inside).sum(1).clamp_min(1))
            scores.append(torch.stack(row, dim=1))
        found[name] = [round(value, 4) for value in torch.cat(scores).mean(0).tolist()]
    learner.network.train()
    return found
