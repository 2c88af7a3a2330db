"""Runs side by side: `python -m training.measure.comparison out/ablation/*/weights.safetensors`.

Each file carries what `training.measure.evaluate --record` measured. Runs of one title, which
differ by their seed, share a row: their mean and, from two on, the deviation between them. So the
paper's ablations (section 4.6) become a table, and so do repetitions of a run.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import mean, stdev

import click

from onet_core.errors import InputError, OnetError
from onet_core.models.catalogue import find_model
from onet_core.models.description import ModelDescription

from .report import MEASURES

# What has to be alike before numbers may stand beside each other.
ALIKE = ("data", "split", "shapes", "resolution", "samples")


@dataclass(frozen=True)
class Run:
    """A weights file's name, title and seed, and its means by measure."""

    file: str
    title: str
    seed: object
    scores: dict[str, float]


def read_runs(files: Sequence[Path]) -> tuple[list[Run], dict[str, object]]:
    """The runs, and what they have in common of `ALIKE`.

    Raises InputError, naming the file, where one was not measured or was measured otherwise than
    the first, and ModelError for files that are no weights.
    """
    if not files:
        raise InputError("Name the weights files to compare.")
    runs: list[Run] = []
    common: dict[str, object] = {}
    for file in files:
        described = find_model(file).description
        metrics = {} if described is None else described.metrics
        if described is None or not all(name in metrics for name in (*ALIKE, *MEASURES)):
            raise InputError(
                f"{file} was not measured: run training.measure.evaluate with --record on it first."
            )
        found = {name: metrics[name] for name in ALIKE}
        common = common or found
        for name in ALIKE:
            if found[name] != common[name]:
                raise InputError(
                    f"{file} was measured with another {name} than {files[0]} "
                    f"({found[name]} instead of {common[name]}): measure both alike."
                )
        runs.append(_run(file, described))
    return runs, common


def _run(file: Path, described: ModelDescription) -> Run:
    scores = {name: float(described.metrics[name]) for name in MEASURES}
    return Run(file.name, described.title, described.training.get("seed", "-"), scores)


def runs_table(runs: Sequence[Run], common: dict[str, object]) -> str:
    """Markdown: a row for each title, in the order of the files."""
    lines = [
        ", ".join(f"{name} {value}" for name, value in common.items()) + ".",
        "",
        f"| run | seeds | {' | '.join(title for title, _ in MEASURES.values())} |",
        "|" + "---|" * (2 + len(MEASURES)),
    ]
    for title in dict.fromkeys(run.title for run in runs):
        group = [run for run in runs if run.title == title]
        seeds = ", ".join(str(run.seed) for run in group)
        cells = (_spread([run.scores[name] for run in group]) for name in MEASURES)
        lines += [f"| {title} | {seeds} | {' | '.join(cells)} |"]
    return "\n".join(lines) + "\n"


def _spread(values: Sequence[float]) -> str:
    """The mean, and the deviation between runs where there are several."""
    text = f"{mean(values):.4f}"
    return f"{text} ± {stdev(values):.4f}" if len(values) > 1 else text


@click.command()
@click.argument("files", nargs=-1, type=click.Path(path_type=Path))
def main(files: tuple[Path, ...]) -> None:
    """Shows the recorded measures of several weights FILES in one table."""
    try:
        text = runs_table(*read_runs(files))
    except OnetError as error:
        click.echo(f"Error: {error}", err=True)
        sys.exit(2)
    click.echo(text, nl=False)


if __name__ == "__main__":
    main()
