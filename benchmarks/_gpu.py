"""What a graphics card makes of ONet: tests, times and a report, in ten minutes at most.

    python3 dev.py gpu

Every step stands alone: one that fails says so in the report, and the next one goes on. Without a
card that PyTorch can use one sentence says so, and the status is 2.
"""

from __future__ import annotations

import platform
import statistics
import sys
import time
import traceback
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch

from onet_core.devices import choose_device, needed_version, rough_dtype
from onet_core.errors import OnetError
from onet_core.field import evaluate
from onet_core.inputs.frame import Frame
from onet_core.inputs.observation import Observation
from onet_core.mesh.nearest import nearest_on_mesh
from onet_core.models.convolutional.on_device import eigenvectors, nearest, solve_positive
from onet_core.pipeline.encoding import encoded
from onet_core.pipeline.reconstructor import Reconstructor
from onet_core.settings import Settings

SECONDS = 540.0
KINDS = {"points": "points", "voxels": "voxels", "picture": "image"}
REPORT = Path(__file__).resolve().parents[1] / "out" / "gpu.md"


def card() -> str | None:
    """The device that is measured, by torch's name; None where there is none."""
    if torch.cuda.is_available():
        return "cuda"
    if torch.backends.mps.is_available():
        return "mps"
    return None


def title(device: str) -> str:
    """What the card is called, and by which platform torch uses it."""
    if device == "mps":
        return "Apple GPU (MPS)"
    way = "ROCm" if torch.version.hip else "CUDA"
    gibibytes = torch.cuda.get_device_properties(0).total_memory / 2**30
    return f"{torch.cuda.get_device_name(0)} ({way}, {gibibytes:.0f} GiB)"


def ball(kind: str) -> Observation:
    """A ball with a hole, as each kind of network reads it."""
    rng = np.random.default_rng(0)
    frame = Frame(np.eye(4))
    if kind == "points":
        around, across = rng.uniform(0, 2 * np.pi, (2, 3000))
        radius = 0.3 + 0.12 * np.cos(across)
        torus = [radius * np.cos(around), 0.12 * np.sin(across), radius * np.sin(around)]
        noisy = np.stack(torus, axis=1) + rng.normal(0, 0.003, (3000, 3))
        return Observation("points", noisy.astype(np.float32), frame)
    if kind == "voxels":
        x, y, z = np.meshgrid(*[(np.arange(32) + 0.5) / 32 - 0.5] * 3, indexing="ij")
        grid = np.hypot(np.hypot(x, z) - 0.3, y) < 0.12
        return Observation("voxels", grid.astype(np.float32), frame)
    picture = np.ones((3, 224, 224), dtype=np.float32)
    picture[:, 60:160, 40:180] = 0.3
    return Observation("image", picture, frame)


class Run:
    """Steps with a time limit, and what they said."""

    def __init__(self, device: str) -> None:
        self.device, self.lines, self.failed = device, [], 0
        self._start = time.monotonic()

    def say(self, line: str) -> None:
        print(line, flush=True)
        self.lines.append(line)

    def step(self, name: str, action: Callable[[], str]) -> None:
        """Runs one step; what it returns, or why it failed, becomes a row of the table."""
        left = SECONDS - (time.monotonic() - self._start)
        if left < 0:
            self.say(f"| {name} | left out: the ten minutes are over |")
            return
        try:
            result = action()
        except Exception as error:
            self.failed += 1
            traceback.print_exc()
            first = (str(error).strip().splitlines() or [""])[0]
            result = f"**FAILED**: {type(error).__name__}: {first[:300]}"
        self.say(f"| {name} | {result} |")


def synchronise(device: str) -> None:
    if device == "mps":
        torch.mps.synchronize()
    elif device == "cuda":
        torch.cuda.synchronize()


def neighbours_agree(device: str) -> str:
    generator = torch.Generator().manual_seed(0)
    cloud, queries = (torch.rand(1, n, 3, generator=generator) for n in (3000, 2000))
    index = nearest(queries.to(device), cloud.to(device), 12).cpu()
    exact = torch.cdist(queries.double(), cloud.double()).topk(12, largest=False).values
    found = (queries.unsqueeze(2) - cloud[0][index[0]][None]).double().norm(dim=-1)
    error = float((found.sort(-1).values - exact).abs().max())
    assert error < 1e-3, f"distances differ by {error}"
    return f"distances within {error:.1e} of the processor's"


def fits_agree(device: str) -> str:
    generator = torch.Generator().manual_seed(0)
    half = torch.randn(500, 3, 3, generator=generator)
    matrices = half @ half.mT + 0.1 * torch.eye(3)
    right = torch.randn(500, 3, generator=generator)
    values = eigenvectors(matrices.to(device))[0].cpu()
    error = float((values - torch.linalg.eigvalsh(matrices)).abs().max())
    solved = solve_positive(matrices.to(device), right.to(device)).cpu()
    residual = float(((matrices @ solved.unsqueeze(-1)).squeeze(-1) - right).abs().max())
    assert error < 1e-3, f"eigenvalues differ by {error}"
    assert residual < 1e-2, f"a residual of {residual}"
    return f"eigenvalues within {error:.1e}, residuals {residual:.1e}"


def fields_agree(device: str, model: str) -> str:
    points = torch.rand(4000, 3, generator=torch.Generator().manual_seed(1)) - 0.5
    logits = []
    for name in ("cpu", device):
        made = Reconstructor(model, name)
        seen = encoded(made._network, made.description, ball(KINDS[model]), Settings(), made.device)
        logits.append(evaluate(seen.field, points.to(made.device)).cpu())
    error = float((logits[0] - logits[1]).abs().max() / logits[0].abs().max())
    turned = float(((logits[0] > 0) != (logits[1] > 0)).float().mean())
    assert turned < 0.01, f"{turned:.1%} of the points change sides"
    return f"largest difference {error:.1e} of the largest logit; {turned:.2%} change sides"


def meshes_agree(device: str, model: str) -> str:
    made = []
    for name in ("cpu", device):
        reconstructor = Reconstructor(model, name)
        settings = Settings(resolution=64, normals=False)
        made.append(reconstructor.reconstruct(ball(KINDS[model]), settings).mesh)
    away = nearest_on_mesh(made[1].vertices, made[0].vertices, made[0].faces).distances
    cells = float(np.sqrt(np.mean(away**2))) * 64 / 1.1
    assert cells < 0.05, f"the surface moved by {cells:.3f} cells"
    return f"the surface moved by {cells:.4f} cells ({len(made[1].faces)} faces)"


def seconds(device: str, model: str, resolution: int) -> str:
    reconstructor, settings = Reconstructor(model, device), Settings(resolution=resolution)
    times, launches = [], ""
    for number in range(4):
        start = time.perf_counter()
        made = reconstructor.reconstruct(ball(KINDS[model]), settings)
        synchronise(device)
        if number:
            times.append(time.perf_counter() - start)
    if device == "cuda" and resolution == 128:
        launches = "; " + counted(lambda: reconstructor.reconstruct(ball(KINDS[model]), settings))
    stages = ", ".join(f"{name} {passed:.3f}" for name, passed in made.seconds.items())
    return f"{statistics.median(times):.3f} s ({stages}){launches}"


def counted(action: Callable[[], object]) -> str:
    """How often the card was given work, and waited for."""
    activities = [torch.profiler.ProfilerActivity.CPU, torch.profiler.ProfilerActivity.CUDA]
    with torch.profiler.profile(activities=activities) as profile:
        action()
    events = {event.key: event.count for event in profile.key_averages()}
    launches = sum(count for key, count in events.items() if "LaunchKernel" in key)
    waits = sum(count for key, count in events.items() if "Synchronize" in key)
    return f"{launches} launches, {waits} synchronisations"


def main() -> int:
    device = card()
    if device is None:
        print(
            f"PyTorch {torch.__version__} finds no graphics card that ONet can use (CUDA, ROCm or "
            "Apple's MPS), so there is nothing to measure."
        )
        return 2
    needed = needed_version(device)
    if needed:
        print(f"This card needs PyTorch {needed}, not {torch.__version__}: there is no report.")
        return 2
    run = Run(device)
    run.say(f"# ONet on {title(device)}\n")
    run.say(
        f"{platform.platform()}, {platform.processor() or platform.machine()}, Python "
        f"{platform.python_version()}, PyTorch {torch.__version__}; half precision: "
        f"{rough_dtype(torch.device(device))}\n"
    )
    run.say("| step | result |\n|---|---|")
    run.step("the device can be chosen", lambda: str(choose_device(device)))
    run.step("nearest neighbours", lambda: neighbours_agree(device))
    run.step("fits", lambda: fits_agree(device))
    for model in KINDS:
        run.step(f"{model}: logits beside the processor's", lambda m=model: fields_agree(device, m))
        run.step(f"{model}: mesh beside the processor's", lambda m=model: meshes_agree(device, m))
    for model in KINDS:
        for resolution in (128, 256):
            for name in (device, "cpu"):
                run.step(
                    f"{model}, {resolution} cells, warm, on {name}",
                    lambda n=name, m=model, r=resolution: seconds(n, m, r),
                )
    REPORT.parent.mkdir(exist_ok=True)
    REPORT.write_text("\n".join(run.lines) + "\n", encoding="utf-8")
    print(f"\nThe report is {REPORT}: please send it with what you noticed.")
    return 1 if run.failed else 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except OnetError as error:
        sys.exit(f"Error: {error}")
