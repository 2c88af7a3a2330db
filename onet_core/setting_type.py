"""What there is to know about one setting; the settings themselves are in `settings`."""

from __future__ import annotations

import math
from dataclasses import dataclass
from numbers import Integral, Real
from pathlib import Path
from typing import Any

from .errors import InputError
from .kinds import INPUT_NAMES
from .sentences import Sentence

# What the front ends are called in the table.
PYTHON, SHELL, BLENDER, BATCH, FLAMENCO = "python", "shell", "blender", "batch", "flamenco"
EVERYWHERE = (PYTHON, SHELL, BLENDER, BATCH, FLAMENCO)
WITHOUT_A_WINDOW = (BATCH, FLAMENCO)

IMAGE, POINTS, VOXELS, NONE = "image", "points", "voxels", "none"
ALL_KINDS = (*INPUT_NAMES, NONE)


@dataclass(frozen=True)
class Former:
    """A name that a setting had in 0.1.0.

    name: with underscores.
    is_opposite: True meant False.
    is_in_files: it stands in .blend files too, not only in commands and jobs.
    """

    name: str
    is_opposite: bool = False
    is_in_files: bool = False

    @property
    def option(self) -> str:
        """As an option of a command, without the dashes before it."""
        return self.name.replace("_", "-")


@dataclass(frozen=True)
class Choice:
    """One of the values that a text can have.

    value: as written in commands; Blender has it in capitals.
    """

    value: str
    label: str
    help: str = ""


@dataclass(frozen=True)
class Setting:
    """What there is to know about one setting.

    name: a Python name; options have hyphens for underscores.
    type: of the value: bool, int, float, str or Path.
    default: None where the setting is automatic, or has to be given (`is_required`).
    label, help: for people; the help has no full stop at its end.
    group: where it is shown: mesh, points, finishing, colours, placing, input, run, or a command.
    kinds: of input that it concerns; "none" for generated shapes.
    offered: the front ends that have it.
    low, high: the least and the largest value; the bounds are allowed unless `is_open`.
    soft_low, soft_high: between which Blender's sliders move.
    choices: the values of a text; empty for any.
    automatic: what None stands for, in words; empty where None is not allowed.
    suggested: the value that appears when a user turns "automatic" off.
    formerly: its names in 0.1.0.
    subtype: Blender's, such as LENGTH.
    """

    name: str
    type: type
    default: Any
    label: str
    help: str
    group: str
    kinds: tuple[str, ...] = ALL_KINDS
    offered: tuple[str, ...] = EVERYWHERE
    low: float | None = None
    high: float | None = None
    soft_low: float | None = None
    soft_high: float | None = None
    is_open: bool = False
    choices: tuple[Choice, ...] = ()
    automatic: str = ""
    suggested: Any = None
    is_many: bool = False
    is_required: bool = False
    formerly: tuple[Former, ...] = ()
    subtype: str = ""

    @property
    def option(self) -> str:
        """As an option of a command, without the dashes before it."""
        return self.name.replace("_", "-")

    @property
    def is_path(self) -> bool:
        """Whether it names files or a folder."""
        return self.type is Path or self.subtype == "DIR_PATH"

    @property
    def blank(self) -> Any:
        """What stands for None where a value has to be of the setting's type."""
        if self.type is bool or not self.automatic:
            return self.default
        if self.type not in (int, float):
            return ""
        return self.type(-1 if self.low == 0 and not self.is_open else 0)

    def packed(self, value: Any) -> Any:
        """A value for a front end that can't hold None, see `blank`."""
        return self.blank if value is None else value

    def unpacked(self, value: Any) -> Any:
        """What `packed` gave, as the rest of the program wants it."""
        return None if self.automatic and value == self.blank else value

    def checked(self, value: Any) -> Any:
        """The value, a whole number as a float where that is wanted.

        Raises InputError with the setting's label where it is of another type or out of bounds.
        """
        if value is None:
            if self.automatic or self.default is None:
                return None
            raise InputError("{label} needs a value.", label=Sentence(self.label))
        if self.is_many:
            return [self.checked_one(item) for item in value]
        return self.checked_one(value)

    def checked_one(self, value: Any) -> Any:
        """`checked`, for one of the values where there may be many."""
        # NumPy's numbers are numbers too; true and false are none.
        wanted: Any = {int: Integral, float: Real, Path: (str, Path)}.get(self.type, self.type)
        right = isinstance(value, wanted) and (self.type is bool or not isinstance(value, bool))
        if not right or (self.type is float and not math.isfinite(value)) or self._is_out(value):
            raise InputError(
                "{label} can't be {value}: choose {allowed}.",
                label=Sentence(self.label),
                value=str(value),
                allowed=self.allowed,
            )
        return self.type(value)

    def _is_out(self, value: Any) -> bool:
        if self.choices:
            return value not in {choice.value for choice in self.choices}
        if self.low is not None and (value < self.low or (self.is_open and value == self.low)):
            return True
        return self.high is not None and (
            value > self.high or (self.is_open and value == self.high)
        )

    @property
    def allowed(self) -> Sentence:
        """The values that it can have, in words."""
        if self.choices:
            names = ", ".join(choice.value for choice in self.choices)
            return Sentence("one of {choices}", choices=names)
        if self.type not in (int, float):
            return Sentence("true or false") if self.type is bool else Sentence("a text")
        number = Sentence("a whole number") if self.type is int else Sentence("a number")
        if self.low is None:
            return number
        if self.high is None:
            return Sentence("{number}, {low} or more", number=number, low=self.low)
        if self.is_open:
            return Sentence(
                "{number} above {low} and below {high}", number=number, low=self.low, high=self.high
            )
        return Sentence(
            "{number} from {low} to {high}", number=number, low=self.low, high=self.high
        )
