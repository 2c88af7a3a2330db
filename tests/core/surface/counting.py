"""Counts what a graphics card would be asked, while the same steps run on the processor."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

# Steps after which the processor has to wait for a number, and others that only describe tensors.
_WAITS = {"nonzero", "_local_scalar_dense", "_unique2", "masked_select", "unique_dim"}
_FREE = {
    "view", "_unsafe_view", "reshape", "expand", "permute", "transpose", "t", "select", "slice",
    "unsqueeze", "squeeze", "detach", "alias", "split", "split_with_sizes", "unbind", "as_strided",
    "empty", "empty_like", "new_empty", "empty_strided", "_reshape_alias", "chunk", "unflatten",
    "narrow", "lift_fresh", "is_pinned", "_nested_tensor_size",
}  # fmt: skip


class Counted(TorchDispatchMode):
    """launches: steps that compute; waits: by kind, what the processor waits for; doubles: steps
    that give float64, which Apple's GPUs lack.

    Masks as indices wait too: their length is a number. What moves to the processor is counted by
    `counted`.
    """

    def __init__(self) -> None:
        super().__init__()
        self.launches = 0
        self.waits: Counter[str] = Counter()
        self.doubles: set[str] = set()

    def __torch_dispatch__(
        self, func: Any, types: Any, args: Any = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        name = func.overloadpacket.__name__
        if name in _WAITS or (name == "repeat_interleave" and len(args) == 1):
            self.waits[name] += 1
        if name in ("index", "index_put", "index_put_", "_index_put_impl_"):
            self.waits[name] += sum(
                isinstance(one, Tensor) and one.dtype == torch.bool for one in args[1]
            )
        if name not in _FREE:
            self.launches += 1
        result = func(*args, **(kwargs or {}))
        if name in _FREE:
            return result
        if any(
            isinstance(one, Tensor) and one.dtype == torch.float64 for one in tree_leaves(result)
        ):
            self.doubles.add(name)
        return result


def counted(action: Callable[[], Any]) -> tuple[Any, Counted]:
    """What an action gives, and what it asked of the device that it would run on."""
    counts = Counted()
    with pytest.MonkeyPatch.context() as patch:
        for name in ("cpu", "tolist"):
            method = getattr(Tensor, name)

            def counting(self: Tensor, *args: Any, _name: str = name, _method: Any = method) -> Any:
                counts.waits[_name] += 1
                return _method(self, *args)

            patch.setattr(Tensor, name, counting)
        with counts:
            return action(), counts
