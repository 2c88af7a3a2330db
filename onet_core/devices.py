"""Which processor the networks run on, and what to say when its memory runs out."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch

from .errors import DeviceError


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
                f"There is no GPU for {str(name)!r} that this torch ({torch.__version__}) can "
                "use: choose 'auto' or 'cpu', or install a torch for your GPU."
            )
        if (device.index or 0) >= count:
            raise DeviceError(
                f"There is no {str(name)!r}: the GPUs are cuda:0 to cuda:{count - 1}."
            )
        return device
    if device.type == "mps":
        if not torch.backends.mps.is_available():
            raise DeviceError("There is no Apple GPU that torch can use: choose 'auto' or 'cpu'.")
        return device
    raise DeviceError(f"Unknown device {str(name)!r}: choose auto, cpu, cuda, cuda:1 or mps.")


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
    other = "" if device.type == "cpu" else ", or choose the device 'cpu'"
    return DeviceError(
        f"The memory of {device} is full: lower the resolution, close other programs{other}."
    )


@contextmanager
def fast_products(device: torch.device) -> Iterator[None]:
    """Lets matrix products on a CUDA device use TensorFloat-32 within the block.

    It keeps ten bits of mantissa, as half precision does, but the range and the sums of single
    precision, so nothing can overflow. Elsewhere this changes nothing.
    """
    if device.type != "cuda":
        yield
        return
    before = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision("high")
    try:
        yield
    finally:
        torch.set_float32_matmul_precision(before)
