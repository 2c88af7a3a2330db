"""Faint parts: the level around them, and the ways that join them."""

from __future__ import annotations

import math

import pytest
import torch
from scipy.ndimage import label

from onet_core.pipeline.faint import JOINED, LEAST_JOINED, faint_lift, joining_lift

THRESHOLD = 0.36
SHARE, REACH = 0.7, 0.1


def log_odds(probability: float) -> float:
    return math.log(probability / (1 - probability))


@pytest.mark.parametrize(
    ("probability", "level"),
    [(0.3, SHARE * 0.3), (0.9, THRESHOLD), (0.01, 0.12)],
)
def test_the_level_is_a_share_of_what_is_highest_between_two_bounds(probability, level):
    logits = torch.full((9, 9, 9), log_odds(probability))
    lift = faint_lift(logits, THRESHOLD, 0.12, 0.05, SHARE, REACH)
    expected = log_odds(THRESHOLD) - log_odds(level)
    torch.testing.assert_close(lift, torch.full_like(lift, expected), rtol=1e-5, atol=1e-5)


def test_the_level_follows_only_what_is_near():
    spacing = REACH / 3
    logits = torch.full((33, 33, 33), log_odds(0.2))
    logits[0] = log_odds(0.99)
    lift = faint_lift(logits, THRESHOLD, 0.1, spacing, SHARE, REACH)
    # Three nodes away is near; the two that are smoothed over come on top.
    assert lift[3].abs().max() < lift[6].min()
    assert lift[1].abs().max() < 1e-5
    expected = log_odds(THRESHOLD) - log_odds(SHARE * 0.2)
    torch.testing.assert_close(lift[6:], torch.full_like(lift[6:], expected))
    # Beside what is sure the level is never higher than without it.
    assert lift.min() > -1e-6


def two_blocks(between: float) -> torch.Tensor:
    """Two blocks that are sure, and between them an angled ridge of a probability."""
    logits = torch.full((17, 17, 17), log_odds(0.001))
    logits[2:5, 2:5, 2:5] = logits[11:15, 11:15, 2:5] = log_odds(0.9)
    logits[5:13, 3, 3] = logits[12, 3:11, 3] = log_odds(between)
    return logits


def parts(logits: torch.Tensor, lift: torch.Tensor) -> int:
    return int(label((logits + lift).numpy() > log_odds(THRESHOLD))[1])


def test_parts_are_joined_along_the_likeliest_way():
    logits, none = two_blocks(0.05), torch.zeros(17, 17, 17)
    lift = joining_lift(logits, none, THRESHOLD)
    assert parts(logits, none) == 2
    assert parts(logits, lift) == 1
    ridge = (logits - log_odds(0.05)).abs() < 1e-6
    assert torch.equal(lift > 0, ridge)
    heights = (logits + lift)[ridge]
    torch.testing.assert_close(heights, torch.full_like(heights, log_odds(THRESHOLD) + JOINED))


def test_nothing_is_joined_where_the_network_sees_nothing_between():
    none = torch.zeros(17, 17, 17)
    logits = two_blocks(LEAST_JOINED / 2)
    assert torch.equal(joining_lift(logits, none, THRESHOLD), none)
    # What is in one part stays as it is.
    whole = two_blocks(0.9)
    assert torch.equal(joining_lift(whole, none, THRESHOLD), none)


def test_what_the_lift_alone_draws_can_be_left_out_where_nothing_joins_it():
    logits = two_blocks(LEAST_JOINED / 2)
    logits[2:5, 2:5, 2:5] = log_odds(0.2)
    lift = torch.where(logits > log_odds(0.1), 3.0, 0.0)
    assert parts(logits, lift) == 2
    assert torch.equal(joining_lift(logits, lift, THRESHOLD), lift)
    left = joining_lift(logits, lift, THRESHOLD, keep_apart=False)
    assert parts(logits, left) == 1
    assert torch.equal(left[9:], lift[9:])
    # Not what is above the threshold itself.
    sure = two_blocks(LEAST_JOINED / 2)
    assert torch.equal(joining_lift(sure, lift, THRESHOLD, keep_apart=False), lift)
