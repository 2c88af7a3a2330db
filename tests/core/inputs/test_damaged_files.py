"""Every reader reads a damaged file or refuses it in one sentence, quickly and in little memory."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
from sample_files import SAMPLES

from onet_core.inputs.load import load_observation
from tests.fuzz.mutations import check, mutated

hypothesis = pytest.importorskip("hypothesis")
st = hypothesis.strategies
EXAMPLES = 40


@pytest.mark.parametrize("name", SAMPLES)
def test_the_sound_ones_are_read(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(SAMPLES[name])
    load_observation(tmp_path / name)


@pytest.mark.parametrize("name", SAMPLES)
def test_mutated_files(tmp_path: Path, name: str) -> None:
    @hypothesis.settings(
        max_examples=EXAMPLES, derandomize=True, deadline=None, database=None,
        suppress_health_check=list(hypothesis.HealthCheck),
    )  # fmt: skip
    @hypothesis.given(st.integers(0, 2**32))
    def read(seed: int) -> None:
        check(tmp_path / name, mutated(SAMPLES[name], random.Random(seed)))

    read()


@pytest.mark.parametrize("name", SAMPLES)
def test_any_bytes(tmp_path: Path, name: str) -> None:
    head = SAMPLES[name][:24]

    @hypothesis.settings(
        max_examples=EXAMPLES // 3, derandomize=True, deadline=None, database=None,
        suppress_health_check=list(hypothesis.HealthCheck),
    )  # fmt: skip
    @hypothesis.given(st.binary(max_size=200), st.integers(0, len(head)))
    def read(content: bytes, kept: int) -> None:
        check(tmp_path / name, head[:kept] + content)

    read()
