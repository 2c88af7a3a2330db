"""What the benchmarks share: the machine's own rate, timing in turn, tables in Markdown."""

from __future__ import annotations

import argparse
import platform
import statistics
import time
from collections.abc import Callable, Sequence

import numpy as np
import torch
from torch.nn import functional

Action = Callable[[], object]

PRODUCT_SHAPE = (4096, 256, 256)
_PRODUCTS = 40
PRODUCT_GFLOP = _PRODUCTS * 2 * PRODUCT_SHAPE[0] * PRODUCT_SHAPE[1] * PRODUCT_SHAPE[2] / 1e9


def options(description: str | None) -> argparse.ArgumentParser:
    """The arguments that all benchmarks take."""
    parser = argparse.ArgumentParser(description=(description or "").partition("\n")[0])
    parser.add_argument("--quick", action="store_true", help="less work, fewer repetitions")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--repeat", type=int, help="repetitions, 3 when quick, else 7")
    return parser


def repetitions(chosen: argparse.Namespace) -> int:
    """How often each action is timed."""
    return chosen.repeat or (3 if chosen.quick else 7)


def heading(title: str, chosen: argparse.Namespace) -> None:
    """Prints the title, the machine and how its figures were taken."""
    print(f"## {title}\n")
    print(
        f"{_processor()}, {chosen.threads} threads, Python {platform.python_version()}, "
        f"torch {torch.__version__}, NumPy {np.__version__}; medians of {repetitions(chosen)}, "
        "everything in a table timed in turn; ratios are taken repetition by repetition"
    )


def _processor() -> str:
    try:
        with open("/proc/cpuinfo", encoding="ascii") as file:
            names = [line.split(":")[1].strip() for line in file if line.startswith("model name")]
    except OSError:
        names = []
    return names[0] if names else platform.processor() or platform.machine()


def seconds(action: Action) -> float:
    """How long an action takes."""
    start = time.perf_counter()
    action()
    return time.perf_counter() - start


def in_turn(repeat: int, actions: Sequence[Action]) -> list[list[float]]:
    """Seconds of each action, repetition by repetition, after one uncounted round.

    What else the machine does then weighs on all of them alike.
    """
    for action in actions:
        action()
    rounds = [[seconds(action) for action in actions] for _ in range(repeat)]
    return [list(times) for times in zip(*rounds, strict=True)]


def matrix_products(dtype: torch.dtype) -> list[Action]:
    """Ways to multiply (4096, 256) by (256, 256), a decoder's layer: `PRODUCT_GFLOP` each.

    As a linear layer (MKL on x86) and as a 1x1 convolution of a channels-last image (oneDNN), from
    one array into another. What the faster of them reaches is the machine's own rate.
    """
    rows, size_in, size_out = PRODUCT_SHAPE
    generator = torch.Generator().manual_seed(0)
    points = torch.randn(rows, size_in, generator=generator).to(dtype)
    weight = torch.randn(size_out, size_in, generator=generator).to(dtype) / size_in**0.5
    bias = torch.zeros(size_out, dtype=dtype)
    image = points.view(1, 1, rows, size_in).permute(0, 3, 1, 2)
    kernel = weight[:, :, None, None].to(memory_format=torch.channels_last)

    def linear() -> None:
        with torch.no_grad():
            for _ in range(_PRODUCTS):
                functional.linear(points, weight, bias)

    def convolution() -> None:
        with torch.no_grad():
            for _ in range(_PRODUCTS):
                functional.conv2d(image, kernel, bias)

    return [linear, convolution]


def best_of(times: Sequence[Sequence[float]]) -> list[float]:
    """The shortest of several actions' times in each repetition."""
    return [min(round_) for round_ in zip(*times, strict=True)]


def rates(gflop: float, times: Sequence[float]) -> list[float]:
    """GFLOP/s in each repetition."""
    return [gflop / time_ for time_ in times]


def median(values: Sequence[float]) -> str:
    return f"{statistics.median(values):.3g}"


def ratio(one: Sequence[float], other: Sequence[float]) -> str:
    """The median of the ratios, repetition by repetition."""
    return f"{statistics.median(a / b for a, b in zip(one, other, strict=True)):.3f}"


def table(title: str, header: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """Prints a table in Markdown."""
    print(f"\n### {title}\n")
    print("| " + " | ".join(header) + " |")
    print("|" + "---|" * len(header))
    for row in rows:
        print("| " + " | ".join(map(str, row)) + " |", flush=True)
