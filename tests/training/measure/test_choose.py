"""Comparing values of a step: paired differences, and what can't be compared."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from onet_core.errors import InputError, ModelError
from onet_core.models.description import ModelDescription
from training.measure.choose import (
    AS_IT_IS,
    COLUMNS,
    UNIMPORTANT,
    Scores,
    command_of,
    main,
    section,
    table,
    value_of,
    variants_of,
    with_step,
)
from training.measure.provenance import commit_text


def test_values_are_of_the_fields_type() -> None:
    assert value_of("snap_within", "0.02") == 0.02
    assert value_of("smoothing", "6") == 6
    assert value_of("half_turn", "true") is True
    assert value_of("threshold", "0.4") == 0.4
    for field, text in (("smoothing", "1.5"), ("half_turn", "1"), ("chosen_by", "x"), ("no", "1")):
        with pytest.raises(InputError, match=field):
            value_of(field, text)


def test_a_value_is_checked_like_any_other() -> None:
    described = ModelDescription("a", "A", "convolutional", "points")
    assert with_step(described, "snap_within", 0.1).steps.snap_within == 0.1
    with pytest.raises(ModelError, match="smoothing"):
        with_step(described, "smoothing", 99)
    with pytest.raises(ModelError, match="draws"):
        with_step(described, "draws", 4)


def test_each_value_is_one_change() -> None:
    described = ModelDescription("a", "A", "convolutional", "points")
    found = variants_of(described, ["smoothing=3,6", "threshold=0.4+snap_within=0.1"])
    assert list(found) == [
        AS_IT_IS, "smoothing=3", "smoothing=6", "threshold=0.4+snap_within=0.1"
    ]  # fmt: skip
    assert found[AS_IT_IS] is described
    assert found["smoothing=6"] == with_step(described, "smoothing", 6)
    both = found["threshold=0.4+snap_within=0.1"]
    assert (both.threshold, both.steps.snap_within, both.steps.smoothing) == (0.4, 0.1, 0)
    with pytest.raises(InputError, match="no value"):
        variants_of(described, ["smoothing"])


def test_scores_are_kept_until_other_values_are_asked_for(tmp_path: Path) -> None:
    path, calls = tmp_path / "scores.jsonl", []

    def measure() -> np.ndarray:
        calls.append(1)
        return np.full((2, len(COLUMNS)), 0.1 + 0.2)

    first = Scores(path, ["a", "b"]).of("chair/one", measure)
    again = Scores(path, ["a", "b"])
    assert np.array_equal(again.of("chair/one", measure), first)
    assert len(calls) == 1
    again.of("chair/two", measure)
    assert len(calls) == 2
    with pytest.raises(InputError, match="other values"):
        Scores(path, ["a", "c"])
    assert list(again.commits) == [commit_text()]


def test_a_page_names_no_places_and_nothing_that_changes_nothing() -> None:
    words = ["points", "/home/me/shapes", "a=0.1,2", "--scores", "/tmp/x", "--limit", "104"]
    command = command_of("training.measure.choose", words, UNIMPORTANT)
    assert command == "`python -m training.measure.choose points shapes a=0.1,2 --limit 104`"
    text = section("Points", {"Command": command, "Shapes": "104"}, "| a |\n")
    assert text == f"## Points\n\n- Command: {command}\n- Shapes: 104\n\n| a |\n\n"


def test_differences_are_paired() -> None:
    """Shapes differ by 0.1, values by 0.01 on each: the error is that of the differences."""
    random = np.random.default_rng(0)
    shapes = random.normal(0.5, 0.1, (200, 1, len(COLUMNS)))
    noise = random.normal(0, 0.001, (200, 1, len(COLUMNS)))
    scores = np.concatenate([shapes, shapes + 0.01 + noise], axis=1)
    first, second = table("snap_within", (0.01, 0.02), scores).splitlines()[2:]
    assert first.startswith("| 0.01 | 0.")
    assert "(" not in first
    difference, error = second.split("(")[1].split(")")[0].split(" ± ")
    assert float(difference) == pytest.approx(0.01, abs=3e-4)
    assert float(error) == pytest.approx(0.001 / np.sqrt(200), rel=0.2)


def test_what_can_not_be_used_is_one_line(tmp_path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["no_such_model", str(tmp_path), "smoothing=0,3"]) == 2
    assert capsys.readouterr().err.count("\n") == 1
