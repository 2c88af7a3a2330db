"""What the benchmarks share: the machine's own rate, timing in turn, tables in Markdown."""

from __future__ import annotations

import argparse
import os
import platform
import resource
import statistics
import subprocess
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from onet_core.models.occupancy_network import OccupancyNetwork
from onet_core.models.prepared.products import Layer
from onet_core.models.weights import load_weights

Action = Callable[[], object]

CLOCKS = {"wall": time.perf_counter, "processor": time.process_time}

PRODUCT_SHAPE = (4096, 256, 256)
_PRODUCTS = 40
PRODUCT_GFLOP = _PRODUCTS * 2 * PRODUCT_SHAPE[0] * PRODUCT_SHAPE[1] * PRODUCT_SHAPE[2] / 1e9
# Two flops for each weight of the original decoder: 10 matrices of 256 x 256, first, last layer.
MFLOP = 2 * (10 * 256 * 256 + 3 * 256 + 256) / 1e6
# Probability at the surface of the toy network.
THRESHOLD = 0.2


def options(description: str | None) -> argparse.ArgumentParser:
    """The arguments that all benchmarks take."""
    parser = argparse.ArgumentParser(description=(description or "").partition("\n")[0])
    parser.add_argument("--quick", action="store_true", help="less work, fewer repetitions")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--repeat", type=int, help="repetitions, 3 when quick, else 7")
    parser.add_argument(
        "--clock",
        choices=list(CLOCKS),
        default="wall",
        help="'processor' counts this process's time only: for busy machines, with one thread",
    )
    return parser


def repetitions(chosen: argparse.Namespace) -> int:
    """How often each action is timed."""
    return chosen.repeat or (3 if chosen.quick else 7)


def heading(title: str, chosen: argparse.Namespace) -> None:
    """Prints the title, the machine and how its figures were taken."""
    print(f"## {title}\n")
    print(
        f"{_processor()}, {chosen.threads} threads, Python {platform.python_version()}, "
        f"torch {torch.__version__}, NumPy {np.__version__}; {chosen.clock} time, medians of "
        f"{repetitions(chosen)}; everything in a table was timed in turn, ratios are taken "
        "repetition by repetition"
    )


def _processor() -> str:
    try:
        with open("/proc/cpuinfo", encoding="ascii") as file:
            names = [line.split(":")[1].strip() for line in file if line.startswith("model name")]
    except OSError:
        names = []
    return names[0] if names else platform.processor() or platform.machine()


def seconds(action: Action, clock: str = "wall") -> float:
    """How long an action takes, by a clock of `CLOCKS`."""
    start = CLOCKS[clock]()
    action()
    return CLOCKS[clock]() - start


def processor_seconds(command: Sequence[str | Path]) -> float:
    """What a process with one thread and its children take, user and system."""
    env = {**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    # The uncounted round compiles this checkout's modules, as installing does.
    env.pop("PYTHONDONTWRITEBYTECODE", None)
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(command, check=True, capture_output=True, env=env)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def processes_in_turn(
    chosen: argparse.Namespace, commands: Sequence[Sequence[str | Path]]
) -> list[list[float]]:
    """Processor seconds of each command, repetition by repetition, after an uncounted round."""
    repeat = chosen.repeat or (1 if chosen.quick else 3)
    rounds = [[processor_seconds(command) for command in commands] for _ in range(1 + repeat)]
    return [list(times) for times in zip(*rounds[1:], strict=True)]


def in_turn(repeat: int, actions: Sequence[Action], clock: str = "wall") -> list[list[float]]:
    """Seconds of each action, repetition by repetition, after one uncounted round.

    What else the machine does then weighs on all of them alike.
    """
    for action in actions:
        action()
    rounds = [[seconds(action, clock) for action in actions] for _ in range(repeat)]
    return [list(times) for times in zip(*rounds, strict=True)]


def matrix_products(dtype: torch.dtype) -> list[Action]:
    """Ways to multiply (4096, 256) by (256, 256), a decoder's layer: `PRODUCT_GFLOP` each.

    As a linear layer (in float32 on x86 that is MKL), and where torch has oneDNN also as its 1x1
    convolution of a channels-last image and as the prepared decoders do. What the fastest of them
    reaches is the machine's own rate.
    """
    rows, size_in, size_out = PRODUCT_SHAPE
    generator = torch.Generator().manual_seed(0)
    points = torch.randn(rows, size_in, generator=generator).to(dtype)
    weight = torch.randn(size_out, size_in, generator=generator).to(dtype) / size_in**0.5
    bias = torch.zeros(size_out, dtype=dtype)
    image = points.view(1, 1, rows, size_in).permute(0, 3, 1, 2)
    kernel = weight[:, :, None, None].to(memory_format=torch.channels_last)
    layer = Layer(weight, bias)

    def repeated(product: Callable[[], object]) -> Action:
        def action() -> None:
            with torch.no_grad():
                for _ in range(_PRODUCTS):
                    product()

        return action

    products: list[Callable[[], object]] = [lambda: functional.linear(points, weight, bias)]
    if torch.backends.mkldnn.is_available():
        products += [
            lambda: torch.mkldnn_convolution(image, kernel, bias, (0, 0), (1, 1), (1, 1), 1),
            lambda: layer(points),
        ]
    return [repeated(product) for product in products]


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


def torus_cloud(count: int = 300, noise: float = 0.005) -> Tensor:
    """Points (1, count, 3) of the torus that the toy network was fitted to, by default with its
    noise."""
    generator = np.random.default_rng(0)
    around, across = generator.uniform(0, 2 * np.pi, (2, count))
    radius = 0.3 + 0.12 * np.cos(across)
    torus = np.stack(
        [radius * np.cos(around), 0.12 * np.sin(across), radius * np.sin(around)], axis=1
    )
    noisy = torus + generator.normal(0, noise, torus.shape)
    return torch.tensor(noisy, dtype=torch.float32)[None]


def toy_object(weights: Path | None) -> tuple[nn.Module, Tensor, Tensor]:
    """The original's point cloud network, a latent (1, 0) and a torus' code (1, 512).

    weights: a checkpoint of that network. None: random weights, the same in every run; the last
    layer is fitted to a torus, so that there is a surface, a lumpy one. What it costs is the same.
    """
    cloud = torus_cloud()
    latent = torch.zeros(1, 0)
    if weights is not None:
        network, _ = load_weights(weights, "cpu")
        network.eval().requires_grad_(False)
        return network, latent, network.encode_inputs(cloud)
    network = OccupancyNetwork(
        input_kind="points",
        encoder="pointnet_resnet",
        c_dim=512,
        encoder_kwargs={"hidden_dim": 512},
    )
    network.eval().requires_grad_(False)
    generator = torch.Generator().manual_seed(0)
    for name, parameter in network.named_parameters():
        values = torch.randn(parameter.shape, generator=generator)
        if parameter.dim() == 1:
            parameter.copy_(0.1 * values + ("conv_gamma" in name))
            continue
        gain = {"fc_p": 4.0, "fc_1": 0.7, "conv_gamma": 0.3, "conv_beta": 0.3}
        layer = name.split(".")[-2]
        parameter.copy_(values * gain.get(layer, 2**0.5) / parameter[0].numel() ** 0.5)
    code = network.encode_inputs(cloud)
    _fit_last_layer(network, latent, code)
    return network, latent, code


def torus_logit(points: Tensor) -> Tensor:
    """Logits (n,) of a torus at points (n, 3)."""
    x, y, z = points.unbind(-1)
    return 40 * (0.1 - torch.hypot(torch.hypot(x, z) - 0.3, y))


def _fit_last_layer(network: OccupancyNetwork, latent: Tensor, code: Tensor) -> None:
    points = torch.rand(8192, 3, generator=torch.Generator().manual_seed(1)) * 1.1 - 0.55
    seen: list[Tensor] = []
    hook = network.decoder.fc_out.register_forward_pre_hook(
        lambda _, arguments: seen.append(arguments[0])
    )
    for batch in points.split(2048):
        network.decode(batch[None], latent, code)
    hook.remove()
    features = torch.cat([one[0].T for one in seen]).double()
    features = torch.cat([features, torch.ones(len(features), 1).double()], dim=1)
    target = torus_logit(points).clamp(-12, 4).double()
    ridge = 1e-3 * len(points) * features.var(0).mean() * torch.eye(features.shape[1]).double()
    row = torch.linalg.solve(features.T @ features + ridge, features.T @ target).float()
    network.decoder.fc_out.weight.copy_(row[None, :-1, None])
    network.decoder.fc_out.bias.copy_(row[-1:])
