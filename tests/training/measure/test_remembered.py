"""Networks with a code for each training shape (paper, section 4.1) are measured on these."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from onet_core.errors import InputError
from onet_core.models.description import ModelDescription
from onet_core.models.occupancy_network import OccupancyNetwork
from training.measure.evaluate import evaluate_network
from training.measure.protocol import Protocol

# As the files of `root` have them, in the order of its lists.
RADII = {("large", "train0"): 0.40, ("large", "train1"): 0.42, ("small", "train0"): 0.25}
RADII["small", "train1"] = 0.25
QUICK = Protocol(samples=5_000, resolution=48)
CODES = ModelDescription("codes", "Codes", "occupancy_network", "index", threshold=0.5)


class RememberedBalls(OccupancyNetwork):
    """The code of a ball is its radius."""

    def __init__(self, radii: list[float]) -> None:
        super().__init__(
            input_kind="index", encoder="idx", c_dim=1, encoder_kwargs={"shapes": len(radii)}
        )
        self.decoder = nn.Identity()
        assert self.encoder is not None
        self.encoder.weight.data.copy_(torch.tensor(radii)[:, None])

    def decode(self, points: Tensor, z: Tensor, code: Tensor) -> Tensor:
        return 100 * (code - points.norm(dim=-1))


def test_every_training_shape_is_made_from_its_own_code(root: Path) -> None:
    network = RememberedBalls(list(RADII.values())).eval()
    evaluation = evaluate_network(network, CODES, root, QUICK, device="cpu")
    scores = {(r.category, r.shape): r.scores["iou"] for r in evaluation.results}
    assert scores.keys() == RADII.keys()
    assert min(scores.values()) > 0.97
    text = evaluation.markdown()
    assert "4 shapes of the split `train`" in text
    assert "from the code that training learned for it" in text


def test_a_part_of_the_shapes_has_the_codes_of_the_whole(root: Path) -> None:
    """The codes of a wrong order would have the ratio of the volumes, 0.24."""
    network = RememberedBalls(list(RADII.values())).eval()
    some = Protocol(samples=5_000, resolution=48, categories=("small",), limit=1)
    evaluation = evaluate_network(network, CODES, root, some, device="cpu")
    (result,) = evaluation.results
    assert result.category == "small"
    assert result.scores["iou"] > 0.97


def test_data_that_it_did_not_learn_from_is_refused(root: Path) -> None:
    network = RememberedBalls([0.4, 0.3]).eval()
    with pytest.raises(InputError, match=r"codes of 2 shapes.*'train'.* has 4"):
        evaluate_network(network, CODES, root, QUICK, device="cpu")
    network = RememberedBalls(list(RADII.values())).eval()
    with pytest.raises(InputError, match="there is none at all"):
        evaluate_network(network, CODES, root, QUICK, baselines=["mean"], device="cpu")
