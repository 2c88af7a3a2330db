"""What a scan's flaws cost: `python -m training.measure.robustness points --data ROOT`.

The same shapes are scanned with more and fewer points, noise, holes and strays, and turned, and
the meshes measured by the same protocol: one table, a row for each kind of scan.
"""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import click
from torch import nn

from onet_core.errors import ModelError, OnetError
from onet_core.mesh.files import replacing
from onet_core.models.catalogue import find_model
from onet_core.models.description import ModelDescription
from onet_core.models.weights import load_weights

from ..data.conditions import Conditions
from .evaluate import evaluate_network
from .evaluation import NETWORK, Evaluation
from .protocol import Protocol
from .provenance import command_text
from .report import MEASURES, mean_seconds, summary

PLAIN = Conditions(count=3000, noise=0.005)
SCANS: dict[str, Conditions] = {
    "3,000 points, aligned, noise 0.005": PLAIN,
    "turned about the vertical": replace(PLAIN, turn="any"),
    "100 points": replace(PLAIN, count=100),
    "300 points": replace(PLAIN, count=300),
    "300 points, turned": replace(PLAIN, count=300, turn="any"),
    "1,000 points": replace(PLAIN, count=1000),
    "10,000 points": replace(PLAIN, count=10_000),
    "100,000 points": replace(PLAIN, count=100_000),
    "100,000 points, turned": replace(PLAIN, count=100_000, turn="any"),
    "100,000 points, noise 0.02": replace(PLAIN, count=100_000, noise=0.02),
    "no noise": replace(PLAIN, noise=0.0),
    "noise 0.01": replace(PLAIN, noise=0.01),
    "noise 0.02": replace(PLAIN, noise=0.02),
    "30 % missing": replace(PLAIN, missing=0.3),
    "2 % strays": replace(PLAIN, outliers=0.02),
}


def measure_scans(
    network: nn.Module,
    description: ModelDescription,
    root: Path,
    protocol: Protocol,
    device: str = "auto",
) -> dict[str, Evaluation]:
    """What a network makes of each kind of `SCANS`, in that order.

    protocol: all but its conditions counts. Raises ModelError for networks that read no points,
    and what `evaluate` raises.
    """
    if description.input_kind != "points":
        raise ModelError(f"The model {description.name!r} reads no point clouds.")
    progress = sys.stderr.isatty()
    found = {}
    for name, conditions in SCANS.items():
        chosen = replace(protocol, conditions=conditions)
        found[name] = evaluate_network(
            network, description, root, chosen, device=device, progress=progress
        )
    return found


def scans_table(found: dict[str, Evaluation], command: str) -> str:
    """The report, as Markdown."""
    first = next(iter(found.values()))
    protocol = first.protocol
    lines = [
        f"# What a scan's flaws cost `{first.description.name}`, on {first.dataset}",
        "",
        f"- Command: `{command}`",
        *(f"- {title}: {value}" for title, value in first.provenance.items()),
        f"- {first.shapes} shapes of the split `{protocol.split}`"
        + (f" (limited to {protocol.limit})" if protocol.limit else "")
        + f", at most {protocol.samples} labelled points and surface samples each, "
        f"grid {protocol.resolution}, seed {protocol.seed}.",
        "- Means over categories. Each row says what differs from the first.",
        "",
        f"| scan | {' | '.join(title for title, _ in MEASURES.values())} | seconds |",
        "|" + "---|" * (2 + len(MEASURES)),
    ]
    for name, evaluation in found.items():
        means = summary(evaluation.results, NETWORK)
        cells = [f"{means[measure]:.4f}" for measure in MEASURES]
        seconds = sum(mean_seconds(evaluation.results, NETWORK).values())
        lines += [f"| {name} | {' | '.join(cells)} | {seconds:.1f} |"]
    return "\n".join(lines) + "\n"


@click.command()
@click.argument("weights")
@click.option("--data", "root", required=True, type=click.Path(path_type=Path),
              help="Dataset in the original's layout.")  # fmt: skip
@click.option("--split", default="test", show_default=True)
@click.option("--limit", type=int, help="Only this many shapes, spread over the split.")
@click.option("--resolution", default=128, show_default=True, help="Cells along an axis.")
@click.option("--samples", default=100_000, show_default=True,
              help="Labelled points and surface points per shape.")  # fmt: skip
@click.option("--output", required=True, type=click.Path(path_type=Path),
              help="The table, a Markdown file.")  # fmt: skip
@click.option("--device", default="auto", show_default=True)
def main(
    weights: str,
    root: Path,
    split: str,
    limit: int | None,
    resolution: int,
    samples: int,
    output: Path,
    device: str,
) -> None:
    """Measures WEIGHTS, a file or the name of a model for point clouds, on all kinds of scans."""
    try:
        protocol = Protocol(split=split, limit=limit, resolution=resolution, samples=samples)
        network, description = load_weights(find_model(weights).path)
        found = measure_scans(network, description, root, protocol, device)
        command = command_text("training.measure.robustness", click.get_current_context())
        text = scans_table(found, command)
        output.parent.mkdir(parents=True, exist_ok=True)
        with replacing(output) as file:
            file.write(text.encode())
    except (OnetError, OSError) as error:
        click.echo(f"Error: {error}", err=True)
        sys.exit(2)
    click.echo(text)


if __name__ == "__main__":
    main()
