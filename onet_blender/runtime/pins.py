"""Which build of PyTorch is installed, from where, and by which hash."""

from __future__ import annotations

from pathlib import Path

from .install import read_requirements

PYTORCH_FOR_PROCESSORS = "https://download.pytorch.org/whl/cpu"
TORCH_FOR_PROCESSORS = "requirements-torch-cpu.txt"


def torch_of(system: str, build: str, torch_index: str, requirements: Path) -> tuple[str, str]:
    """The requirement of torch for a `sys.platform`, and the index that has it, empty for any.

    For Linux the usual index has the build for NVIDIA cards only; the processor's, a tenth of its
    size, is on PyTorch's own, or on a mirror of it that torch_index names.
    """
    listed = [line for line in read_requirements(requirements) if line.startswith("torch==")]
    plain = listed[0] if listed else ""
    if system == "linux" and build == "CPU":
        pinned = requirements.with_name(TORCH_FOR_PROCESSORS)
        if pinned.is_file():
            (plain,) = read_requirements(pinned)
        return plain, torch_index or PYTORCH_FOR_PROCESSORS
    # What is on an index of the user's choice has other hashes.
    return (plain.split(" ")[0], torch_index) if torch_index else (plain, "")
