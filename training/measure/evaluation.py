"""The outcome of an evaluation: report, table, sheet, and what the weights' description records."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from onet_core.models.description import ModelDescription

from ..sheet import SheetRow, write_sheet
from .generation import SampleSet
from .protocol import Protocol
from .report import (
    MEASURES,
    Result,
    markdown_tables,
    mean_seconds,
    methods_of,
    summary,
    times_table,
    write_csv,
)

NETWORK = "network"


@dataclass
class Evaluation:
    """All that was measured.

    rows, headings: of the sheet of test shapes.
    sample_rows: of that of samples beside the nearest training shapes.
    sets: the samples and training shapes as sets.
    torn, torn_halfway: the share of samples, and of shapes halfway between two, that are in several
        parts.
    provenance: title -> value of the report's first lines (command, commit, data).
    notes: further sentences about the methods.
    skipped: one sentence for each shape that could not be read.
    labelled, surface: how many labelled points and surface samples each shape was measured with.
    """

    description: ModelDescription
    dataset: str
    protocol: Protocol
    results: list[Result] = field(default_factory=list)
    rows: list[SheetRow] = field(default_factory=list)
    headings: list[str] = field(default_factory=list)
    sample_rows: list[SheetRow] = field(default_factory=list)
    sets: dict[str, SampleSet] = field(default_factory=dict)
    torn: float = 0.0
    torn_halfway: float = 0.0
    provenance: dict[str, str] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    skipped: list[str] = field(default_factory=list)
    labelled: list[int] = field(default_factory=list)
    surface: list[int] = field(default_factory=list)
    seconds: float = 0.0

    @property
    def shapes(self) -> int:
        """How many shapes were measured."""
        return len({(result.category, result.shape) for result in self.results})

    @property
    def threshold(self) -> float:
        """The probability at the surface."""
        return self.protocol.threshold or self.description.threshold

    def _surface_text(self) -> str:
        text, steps = f"{self.threshold:g}", self.description.steps
        if steps.finest_asked:
            text += f", asked on grids of up to {steps.finest_asked} cells"
        if self.protocol.threshold is not None:
            return text
        if steps.faint_from:
            text += f", around faint parts lower, from {steps.faint_from:g} on"
        if steps.joined_from:
            text += f", between torn parts {steps.joined_from:g} where that joins them"
        if steps.smoothing:
            text += f", smoothed by {steps.smoothing} steps"
        if steps.snap_within:
            text += f", drawn to the points within {steps.snap_within:g}"
        return text

    def _drawn_text(self) -> str:
        draws = self.description.steps.draws
        return f", each the best of up to {draws} draws" if draws > 1 else ""

    def metrics(self) -> dict[str, object]:
        """What the weights' description records: JSON values, no places on this machine."""
        values: dict[str, object] = {
            "data": self.dataset,
            "split": self.protocol.split,
            "shapes": self.shapes,
            "resolution": self.protocol.resolution,
            "threshold": self.threshold,
            "samples": self.protocol.samples,
            **self._means(NETWORK),
            "categories": {
                category: self._means(NETWORK, category)
                for category in sorted({result.category for result in self.results})
            },
            "baselines": {
                method: self._means(method)
                for method in methods_of(self.results)
                if method != NETWORK
            },
        }
        if self.sets:
            values["generation"] = {
                name: {"coverage": _rounded(found.coverage), "mmd": _rounded(found.mmd)}
                for name, found in self.sets.items()
            }
            values |= {"torn": _rounded(self.torn), "torn_halfway": _rounded(self.torn_halfway)}
        return values

    def _means(self, method: str, category: str | None = None) -> dict[str, float]:
        chosen = [r for r in self.results if category in (None, r.category)]
        means = summary(chosen, method)
        return {name: _rounded(means[name]) for name in MEASURES}

    def markdown(self) -> str:
        """The report."""
        protocol, description = self.protocol, self.description
        lines = [f"# {description.title or description.name} on {self.dataset}", ""]
        if not protocol.is_complete:
            lines += ["**A quick look, not the full protocol: do not quote these numbers.**", ""]
        lines += [f"- {title}: {value}" for title, value in self.provenance.items()]
        lines += [
            f"- Model `{description.name}` ({description.architecture}), "
            f"input {self._input_text()}, surface at {self._surface_text()}, "
            f"grid {protocol.resolution}.",
            f"- {self.shapes} shapes of the split `{protocol.split}`"
            + (f" (limited to {protocol.limit})" if protocol.limit else "")
            + f", {_range_text(self.labelled)} labelled points and {_range_text(self.surface)} "
            f"surface samples each, seed {protocol.seed}.",
            f"- Took {self.seconds:.0f} s in all; per shape, the network's stages (seconds): "
            + ", ".join(
                f"{stage} {seconds:.3f}"
                for stage, seconds in mean_seconds(self.results, NETWORK).items()
            )
            + ".",
        ]
        if description.input_kind == "none":
            lines += [
                "- The network has no input: each test shape was encoded from its own labels, and "
                "decoded from the mean of the latent's distribution."
            ]
        if description.input_kind == "index":
            lines += [
                "- The network saw nothing of a shape: it was made from the code that training "
                "learned for it."
            ]
        lines += [f"- {note}" for note in self.notes]
        lines += self._closed_text()
        failures = [r for r in self.results if r.method == NETWORK and r.note]
        lines += [f"- No surface: {r.category}/{r.shape} ({r.note})" for r in failures]
        lines += [f"- Skipped: {sentence}" for sentence in self.skipped]
        text = "\n".join(lines) + "\n\n" + markdown_tables(self.results)
        text += times_table(self.results)
        if self.sets:
            text += _sets_table(self.sets)
            text += (
                f"\nOf the samples, {100 * self.torn:.0f} % are in several parts"
                f"{self._drawn_text()}; of shapes halfway between two samples, "
                f"{100 * self.torn_halfway:.0f} %.\n"
            )
        return text

    def _input_text(self) -> str:
        steps = self.description.steps
        details = [f"{name} {value}" for name, value in self.description.inputs.items()]
        details += [name for name in ("mirror", "half_turn", "denoise") if getattr(steps, name)]
        if self.protocol.conditions.text():
            details.append(self.protocol.conditions.text())
        kind = self.description.input_kind
        return kind + (f" ({', '.join(details)})" if details else "")

    def _closed_text(self) -> list[str]:
        counts = []
        for method in methods_of(self.results):
            closed = [r.closed for r in self.results if r.method == method and r.closed is not None]
            if closed:
                counts.append(f"{method} {sum(closed)} of {len(closed)}")
        return [f"- Closed meshes: {', '.join(counts)}."] if counts else []

    def write(self, folder: Path) -> list[Path]:
        """Writes results.csv, results.md and sheet.png into a folder; returns their paths.

        And samples.png for networks that make samples.
        """
        folder.mkdir(parents=True, exist_ok=True)
        paths = [folder / name for name in ("results.csv", "results.md", "sheet.png")]
        write_csv(paths[0], self.results)
        paths[1].write_text(self.markdown(), encoding="utf-8")
        write_sheet(paths[2], self.headings, self.rows)
        if self.sample_rows:
            paths.append(folder / "samples.png")
            headings = ["sample", "nearest training shape"]
            write_sheet(paths[-1], headings, self.sample_rows, panels=4)
        return paths


def merged(parts: Sequence[Evaluation], shapes: Sequence[tuple[str, str]]) -> Evaluation:
    """One evaluation of parts of its shapes, in the order of all of them, (category, name)."""
    place = {f"{category} {name}": number for number, (category, name) in enumerate(shapes)}
    whole = parts[0]
    for part in parts[1:]:
        whole.results += part.results
        whole.rows += part.rows
        whole.skipped += [one for one in part.skipped if one not in whole.skipped]
        whole.labelled += part.labelled
        whole.surface += part.surface
    whole.results.sort(key=lambda result: place[f"{result.category} {result.shape}"])
    whole.rows.sort(key=lambda row: place[row.captions[0]])
    return whole


def _sets_table(sets: Mapping[str, SampleSet]) -> str:
    lines = [
        "",
        "## Generation",
        "",
        "Coverage: share of the test shapes that are nearest to some shape of the set (higher is "
        "better), with its deviation between sets. MMD: mean Chamfer-L1 from a test shape to the "
        "set's nearest (lower is better). Means of sets as large as the test set; those of real "
        "training shapes, chosen at random, show what is reachable.",
        "",
        "| set of | sets | shapes | without surface | coverage | MMD |",
        "|---|---|---|---|---|---|",
    ]
    lines += [
        f"| {name} | {found.sets} | {found.size} | {found.empty} | "
        f"{found.coverage:.3f} ± {found.deviation:.3f} | {found.mmd:.4f} |"
        for name, found in sets.items()
    ]
    return "\n".join(lines) + "\n"


def _range_text(counts: Sequence[int]) -> str:
    """The count, or the least and the most of several; "no" of none."""
    if not counts:
        return "no"
    least, most = min(counts), max(counts)
    return str(most) if least == most else f"{least} to {most}"


def _rounded(value: float) -> float:
    return round(float(value), 5)
