"""Model cards: what they tell, and that those beside the weights tell what the weights say."""

from __future__ import annotations

from dataclasses import asdict, replace

import pytest
from click.testing import CliRunner

from onet_core.cli import main
from onet_core.models.card import METHODS, model_card
from onet_core.models.catalogue import PRETRAINED, read_description
from onet_core.models.description import ModelDescription
from onet_core.models.steps import Steps

SHIPPED = sorted(PRETRAINED.glob("*.safetensors"))


@pytest.mark.parametrize("weights", SHIPPED, ids=lambda path: path.stem)
def test_weights_say_what_chose_their_values(weights) -> None:
    """If not: add the reasons to the configuration, `python -m training.measure.record NAME`."""
    described, plain = read_description(weights), asdict(Steps())
    tuned = {name for name, value in asdict(described.steps).items() if value != plain[name]}
    assert (tuned - {"chosen_by"}) | {"threshold"} <= set(described.steps.chosen_by)


@pytest.mark.parametrize("weights", SHIPPED, ids=lambda path: path.stem)
def test_the_card_beside_the_weights_is_theirs(weights) -> None:
    """If not: `onet models NAME > onet_core/pretrained/NAME.md`."""
    described = read_description(weights)
    card = weights.with_suffix(".md").read_text(encoding="utf-8")
    assert card == model_card(described)
    for message in (described.title, described.licence, described.limits, *described.categories):
        assert message
        assert message in card
    assert f"{described.metrics['iou']:.3f}" in card
    assert f"{described.metrics['shapes']} shapes of the split `test`" in card
    for method, values in described.metrics["baselines"].items():
        assert f"| {METHODS[method]} | {values['iou']:.3f} | {values['chamfer_l1']:.5f} |" in card


def test_a_model_that_says_little_has_a_short_card() -> None:
    card = model_card(ModelDescription("mine", "My chairs", "convolutional", "points"))
    assert card.startswith("# My chairs (`mine`)\n")
    assert "Licence: unknown." in card
    assert "##" not in card


def test_odd_numbers_do_not_matter() -> None:
    bare = ModelDescription("mine", "Mine", "convolutional", "points")
    odd = {"iou": "high", "baselines": 3, "categories": {"a": 1, "b": {"iou": 0.5}}}
    card = model_card(replace(bare, metrics={**odd, "generation": {"samples": []}}))
    assert "| this model | - | - | - | - |" in card
    assert "| b | 0.500 | - | - | - |" in card


def test_the_command_line_shows_it() -> None:
    shown = CliRunner().invoke(main, ["models", "points"])
    assert shown.exit_code == 0
    assert shown.stdout == model_card(read_description(PRETRAINED / "points.safetensors"))
    missing = CliRunner().invoke(main, ["models", "nothing"])
    assert missing.exit_code == 2
    assert "no model 'nothing'" in missing.stderr
