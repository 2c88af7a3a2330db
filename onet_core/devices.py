"""Which processor the networks run on, and what to say when its memory runs out."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any

import torch

from .errors import DeviceError

# The versions of torch from which all operations that ONet uses are there: on Apple's GPUs
# `embedding_bag` came with 2.10, `grid_sample` with border padding is known to work in 2.13.
FLOORS = {"cuda": (2, 6), "mps": (2, 13)}


def choose_device(name: str | torch.device = "auto") -> torch.device:
    """The device of that name: "auto", "cpu", "cuda", "cuda:1" or "mps".

    "auto" takes an NVIDIA GPU (or one that torch calls so) where torch can use one, else the CPU.
    Apple's "mps" has to be asked for. Raises DeviceError for a device that is not there.
    """
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(name)
    except RuntimeError:
        device = torch.device("meta")
    if device.type == "cpu":
        return device
    if device.type == "cuda":
        count = torch.cuda.device_count() if torch.cuda.is_available() else 0
        if count == 0:
            raise DeviceError(
                "There is no GPU for {name!r} that this torch ({version}) can use: choose 'auto' "
                "or 'cpu', or install a torch for your GPU.",
                name=str(name),
                version=torch.__version__,
            )
        if (device.index or 0) >= count:
            raise DeviceError(
                "There is no {name!r}: the GPUs are cuda:0 to cuda:{last}.",
                name=str(name),
                last=count - 1,
            )
        return device
    if device.type == "mps":
        if not torch.backends.mps.is_available():
            raise DeviceError("There is no Apple GPU that torch can use: choose 'auto' or 'cpu'.")
        needed = needed_version("mps")
        if needed:
            raise DeviceError(
                "On an Apple GPU the networks need PyTorch {needed}, not {version}: set the "
                "runtime up again, or choose 'auto' or 'cpu'.",
                needed=needed,
                version=torch.__version__,
            )
        return device
    raise DeviceError(
        "Unknown device {name!r}: choose auto, cpu, cuda, cuda:1 or mps.", name=str(name)
    )


def needed_version(kind: str) -> str:
    """The version of torch that a kind of device needs where this one is older; else nothing."""
    floor = FLOORS.get(kind, (0, 0))
    numbers = torch.__version__.split("+")[0].split(".")
    here = tuple(int(number) for number in numbers[:2])
    return "" if here >= floor else ".".join(map(str, floor))


def finest_dtype(device: torch.device) -> torch.dtype:
    """The most precise type that the device computes in: Apple's GPUs have no float64."""
    return torch.float32 if device.type == "mps" else torch.float64


def is_card(device: torch.device) -> bool:
    """Whether each step costs a launch and each number that is read back a wait: few steps over
    much are better there than many over little."""
    return device.type == "cuda"


@contextmanager
def memory_errors(device: torch.device) -> Iterator[None]:
    """Turns running out of memory within the block into a DeviceError that says what to do."""
    try:
        yield
    except (torch.OutOfMemoryError, MemoryError) as error:
        raise _full(device) from error
    except RuntimeError as error:
        # The allocator of the CPU raises the plain class.
        if "can't allocate memory" in str(error) or "not enough memory" in str(error):
            raise _full(device) from error
        raise


def _full(device: torch.device) -> DeviceError:
    if device.type == "cpu":
        return DeviceError(
            "The memory of {device} is full: lower the resolution, close other programs.",
            device=device,
        )
    return DeviceError(
        "The memory of {device} is full: lower the resolution, close other programs, or choose "
        "the device 'cpu'.",
        device=device,
    )


def fast_products(device: torch.device) -> AbstractContextManager[None]:
    """Lets matrix products on a CUDA device use TensorFloat-32 within the block.

    It keeps ten bits of mantissa, as half precision does, but the range and the sums of single
    precision, so nothing can overflow. Elsewhere this changes nothing.
    """
    return _product_precision(device, "high")


def exact_products(device: torch.device) -> AbstractContextManager[None]:
    """Full single precision for matrix products within the block, whatever is set around it."""
    return _product_precision(device, "highest")


@contextmanager
def _product_precision(device: torch.device, precision: str) -> Iterator[None]:
    if device.type != "cuda":
        yield
        return
    before = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision(precision)
    try:
        yield
    finally:
        torch.set_float32_matmul_precision(before)


def rough_dtype(device: torch.device) -> torch.dtype | None:
    """The type whose matrix products are faster than float32's on the device, None if none is.

    bfloat16 on processors that multiply it (AVX-512 BF16, AMX) and on NVIDIA GPUs from Ampere on,
    float16 on Volta and Turing. A torch too old to tell what the processor can, and
    Apple's GPUs, keep float32.
    """
    if device.type == "cpu":
        capabilities: dict[str, Any] = getattr(torch.cpu, "get_capabilities", dict)()
        fast = capabilities.get("avx512_bf16", False) or capabilities.get("amx_bf16", False)
        return torch.bfloat16 if fast else None
    if device.type == "cuda":
        major, _ = torch.cuda.get_device_capability(device)
        return torch.bfloat16 if major >= 8 else torch.float16 if major == 7 else None
    return None
