"""torch's private operations are tried before they are used, and done without where they fail."""

from __future__ import annotations

from collections.abc import Iterator
from types import SimpleNamespace

import pytest
import torch
from torch.nn import functional

from onet_core.models.prepared import packed
from onet_core.models.prepared.products import Layer


@pytest.fixture(autouse=True)
def fresh() -> Iterator[None]:
    packed.works.cache_clear()
    yield
    packed.works.cache_clear()


def raising(*_arguments: object) -> torch.Tensor:
    raise RuntimeError("no kernel")


def other(rows: torch.Tensor, weight: torch.Tensor, *_more: object) -> torch.Tensor:
    return rows @ weight.T  # without bias and activation


@pytest.mark.parametrize(
    "operations",
    [
        SimpleNamespace(),
        SimpleNamespace(_linear_pointwise=raising, _reorder_linear_weight=lambda weight: weight),
        SimpleNamespace(_linear_pointwise=other, _reorder_linear_weight=lambda weight: weight),
        SimpleNamespace(_linear_pointwise=other),
        None,
    ],
    ids=["gone", "raises", "gives something else", "half of it", "as it is"],
)
def test_layers_are_right_whatever_torch_has(
    operations: SimpleNamespace | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    if operations is not None:
        monkeypatch.setattr(packed, "_operations", lambda: operations)
        assert not packed.works()
    generator = torch.Generator().manual_seed(1)
    weight, bias = torch.randn(160, 130, generator=generator), torch.randn(160, generator=generator)
    rows = torch.randn(7, 130, generator=generator)
    layer = Layer(weight, bias)
    expected = functional.linear(rows, weight, bias)
    torch.testing.assert_close(layer(rows), expected, atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(layer.rectified(rows), expected.relu(), atol=1e-4, rtol=1e-4)
