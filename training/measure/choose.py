"""Which values of its steps suit a model: every value on the same validation shapes.

    python -m training.measure.choose points FOLDER snap_within=0.01,0.04 smoothing=0,12 \\
        [--points N] [--noise S] [--scores FILE] [--page training/results/chosen.md]

Each value is compared with the model as it is. The table shows means and, of each value, the mean
difference with its standard error, as shapes differ far more among each other than values do. Below
100 shapes nothing should be chosen. What was chosen goes into the model's configuration, with this
script, the shapes and the spread in `chosen_by`. With a file of scores a run that was stopped goes
on; with a page the table is also added there, with the command, the commit and the data.
"""

from __future__ import annotations

import argparse
import json
import math
import shlex
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import fields, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from onet_core.errors import InputError, OnetError
from onet_core.inputs.observation import Observation
from onet_core.mesh.mesh import Mesh
from onet_core.mesh.metrics import evaluate_mesh
from onet_core.mesh.parts import count_parts
from onet_core.models.catalogue import find_model
from onet_core.models.description import ModelDescription
from onet_core.models.steps import Steps
from onet_core.models.weights import load_weights
from onet_core.settings import Settings

from ..data.conditions import Conditions
from ..data.labelled import LabelledShape, read_shape, thinned
from ..data.observations import observe
from .protocol import Protocol
from .provenance import commit_text, data_version
from .report import MEASURES
from .variants import Variants

ENOUGH = 100
COLUMNS = (*MEASURES, "parts")
AS_IT_IS = "as it is"
UNIMPORTANT = ("--scores", "--page", "--title", "--device")


def value_of(field: str, text: str) -> Any:
    """A value of the threshold or of a field of `Steps`, from text.

    Raises InputError where it is none.
    """
    kinds = {"threshold": "float", **{item.name: str(item.type) for item in fields(Steps)}}
    readers: dict[str, Callable[[str], Any]] = {
        "bool": lambda word: {"true": True, "false": False}[word],
        "int": int,
    }
    if kinds.get(field) not in ("bool", "int", "float"):
        names = ", ".join(name for name, kind in kinds.items() if kind in ("bool", "int", "float"))
        raise InputError(f"There is no step {field!r} with values to choose: there are {names}.")
    try:
        return readers.get(kinds[field], float)(text)
    except (ValueError, KeyError) as error:
        raise InputError(f"{text!r} is no value of {field}.") from error


def with_step(described: ModelDescription, field: str, value: Any) -> ModelDescription:
    """The description with another threshold, or another value of a field of its steps."""
    if field == "threshold":
        return replace(described, threshold=value)
    return replace(described, steps=replace(described.steps, **{field: value}))


def variants_of(described: ModelDescription, wanted: Sequence[str]) -> dict[str, ModelDescription]:
    """The description as it is and with one value more each, by what was changed.

    wanted: `field=value`, or several values with commas between; `+` joins changes that are made
    together. Raises InputError and ModelError for what can't be.
    """
    found = {AS_IT_IS: described}
    for text in wanted:
        field, _, values = text.partition("=")
        if "+" in text:
            changed = described
            for change in text.split("+"):
                name, _, value = change.partition("=")
                changed = with_step(changed, name, value_of(name, value))
            found[text] = changed
            continue
        for value in values.split(","):
            found[f"{field}={value}"] = with_step(described, field, value_of(field, value))
    return found


def measured(
    meshes: Callable[[Observation], Iterable[Mesh]],
    shape: LabelledShape,
    observation: Observation,
    samples: int,
    seed: int = 0,
) -> NDArray[np.float64]:
    """The measures of each mesh that is made of an observation, (meshes, COLUMNS)."""
    target = thinned(shape, labels=samples, surface=samples, seed=seed)
    rows = []
    for mesh in meshes(observation):
        scores = evaluate_mesh(
            mesh, target.points, target.occupancies, target.surface_points,
            target.surface_normals, seed, samples=samples,
        )  # fmt: skip
        rows.append([*(scores[name] for name in MEASURES), float(count_parts(mesh))])
    return np.array(rows)


def table(
    title: str,
    names: Sequence[str],
    scores: NDArray[np.float64],
    columns: Sequence[str] = COLUMNS,
) -> str:
    """The comparison with the first as Markdown; scores: (shapes, names, columns)."""
    lines = [
        f"| {title} | " + " | ".join(columns) + " |",
        "|" + "---|" * (1 + len(columns)),
    ]
    for number, name in enumerate(names):
        cells = []
        for column in range(len(columns)):
            own = scores[:, number, column]
            cell = f"{np.mean(own):.5f}"
            if number:
                apart = own - scores[:, 0, column]
                error = float(np.std(apart, ddof=1)) / math.sqrt(len(apart))
                cell += f" ({np.mean(apart):+.5f} ± {error:.5f})"
            cells.append(cell)
        lines.append(f"| {name} | {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


class Scores:
    """The scores of the shapes that were measured so far, in a file with one line for each.

    commits: those that measured them, in the order in which they came.
    """

    def __init__(self, path: Path | None, names: Sequence[str]) -> None:
        """Raises InputError where the file has the scores of other values."""
        self._path, self._names = path, list(names)
        self._found: dict[str, list[list[float]]] = {}
        self.commits: dict[str, None] = {}
        if path is None or not path.is_file():
            return
        for line in path.read_text(encoding="utf-8").splitlines():
            one = json.loads(line)
            if one["values"] != self._names:
                raise InputError(f"{path} has the scores of other values: name another file.")
            self._found[one["shape"]] = one["scores"]
            self.commits[one["commit"]] = None

    def of(self, shape: str, measure: Callable[[], NDArray[np.float64]]) -> NDArray[np.float64]:
        """The scores (names, COLUMNS) of a shape, from the file or measured and kept there."""
        if shape not in self._found:
            self._found[shape] = measure().tolist()
            commit = commit_text()
            self.commits[commit] = None
            if self._path is not None:
                one = {
                    "shape": shape,
                    "commit": commit,
                    "values": self._names,
                    "scores": self._found[shape],
                }
                with self._path.open("a", encoding="utf-8") as file:
                    file.write(json.dumps(one) + "\n")
        return np.array(self._found[shape])


def section(title: str, facts: Mapping[str, str], body: str) -> str:
    """A part of the page of results: a heading, facts as a list, and a table."""
    lines = "".join(f"- {name}: {text}\n" for name, text in facts.items())
    return f"## {title}\n\n{lines}\n{body}\n"


def command_of(module: str, arguments: Sequence[str], left_out: Sequence[str]) -> str:
    """The command as a page names it: files by their names, without options that change nothing."""
    words, rest = ["python", "-m", module], iter(arguments)
    for word in rest:
        if word in left_out:
            next(rest, None)
        else:
            words.append(word if "=" in word else Path(word).name)
    return f"`{shlex.join(words)}`"


def main(arguments: Sequence[str] | None = None) -> int:
    """Prints the table. Returns 2 where something can't be used."""
    arguments = sys.argv[1:] if arguments is None else arguments
    parser = argparse.ArgumentParser(prog="python -m training.measure.choose", description=__doc__)
    parser.add_argument("model", help="name of a model, or a weights file")
    parser.add_argument("root", type=Path, help="folder of prepared shapes")
    parser.add_argument("values", nargs="+", help="FIELD=VALUE,... to compare with today's value")
    parser.add_argument("--limit", type=int, help="shapes; else all of the split val")
    parser.add_argument("--resolution", type=int, default=64)
    parser.add_argument("--samples", type=int, default=20_000)
    parser.add_argument("--points", type=int, help="of clouds; else as the model learned")
    parser.add_argument("--noise", type=float, help="of clouds; else as the model learned")
    parser.add_argument("--scores", type=Path, help="file that keeps each shape's scores")
    parser.add_argument("--page", type=Path, help="Markdown file to which the table is added")
    parser.add_argument("--title", help="heading on the page; else the model's name")
    parser.add_argument("--device", default="auto")
    chosen = parser.parse_args(arguments)
    try:
        network, described = load_weights(find_model(chosen.model).path)
        compared = variants_of(described, chosen.values)
        settings = Settings(resolution=chosen.resolution, normals=False)
        variants = Variants(network, list(compared.values()), settings, chosen.device)
        seen = Conditions(count=chosen.points, noise=chosen.noise).inputs_of(described)
        names = Protocol(split="val", limit=chosen.limit).shapes(chosen.root)
        kept = Scores(chosen.scores, list(compared))

        def measure(category: str, name: str) -> NDArray[np.float64]:
            shape = read_shape(chosen.root, category, name)
            observation = observe(shape, seen)
            if observation is None:
                raise InputError("Models that read nothing can't be compared with shapes.")
            return measured(variants.meshes, shape, observation, chosen.samples)

        rows = []
        for category, name in names:
            rows.append(kept.of(f"{category}/{name}", partial(measure, category, name)))
    except OnetError as error:
        print(f"Error: {error}", file=sys.stderr)
        return 2
    facts = {
        "Command": command_of("training.measure.choose", arguments, UNIMPORTANT),
        "Commit": ", ".join(kept.commits),
        "Data": f"{chosen.root.name}, version {data_version(chosen.root, names)} of these shapes",
        "Shapes": f"{len(names)} of the split `val`, grid {chosen.resolution}",
    }
    found = section(
        chosen.title or described.name,
        facts,
        table(described.name, list(compared), np.array(rows)),
    )
    publish(found, len(names), chosen.page)
    return 0


def publish(found: str, count: int, page: Path | None) -> None:
    """Prints a section that rests on a number of shapes; adds it to a page where one is given."""
    print(found, end="")
    if count < ENOUGH:
        print(f"Fewer than {ENOUGH} shapes: not enough to choose by.")
    if page is not None:
        with page.open("a", encoding="utf-8") as file:
            file.write(f"\n{found.rstrip()}\n")


if __name__ == "__main__":
    sys.exit(main())
