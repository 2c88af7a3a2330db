"""Records that check themselves: each field carries what may stand in it. Standard library only."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import MISSING, dataclass, field, fields
from typing import Any, TypeVar

from ..errors import ModelError

_TYPES: dict[str, tuple[type, ...]] = {
    "bool": (bool,), "int": (int,), "float": (int, float), "str": (str,),
    "list[str]": (list,), "dict[str, Any]": (dict,), "dict[str, str]": (dict,),
}  # fmt: skip

Made = TypeVar("Made", bound="Record")


@dataclass(frozen=True)
class Limits:
    """What a field may hold beyond its type.

    low, high: the least and the largest number.
    is_above, is_below: whether the bound itself is excluded.
    kinds: of input for which anything but the default makes sense; empty for all.
    choices: the values of a text; empty for any.
    """

    low: float = -math.inf
    high: float = math.inf
    is_above: bool = False
    is_below: bool = False
    kinds: tuple[str, ...] = ()
    choices: tuple[str, ...] = ()

    def text(self, name: str) -> str:
        """What a field of that name may hold, in signs that need no translation."""
        if self.choices:
            return ", ".join(self.choices)
        below, above = "<" if self.is_above else "<=", "<" if self.is_below else "<="
        return f"{self.low:g} {below} {name} {above} {self.high:g}"

    def hold(self, value: Any) -> bool:
        """Whether a value of the right type is within the bounds."""
        if self.choices:
            return value in self.choices
        if not isinstance(value, (int, float)) or isinstance(value, bool):
            return True
        low = value > self.low if self.is_above else value >= self.low
        return low and (value < self.high if self.is_below else value <= self.high)


def limited(
    default: Any = MISSING, low: float = -math.inf, high: float = math.inf, **more: Any
) -> Any:
    """A field with limits; `more` are those of `Limits`."""
    return field(default=default, metadata={"limits": Limits(low, high, **more)})


class Record:
    """Base of dataclasses whose fields are checked by type and limits when they are made."""

    def __post_init__(self) -> None:
        for item in fields(self):  # type: ignore[arg-type]
            value = getattr(self, item.name)
            if isinstance(value, Record):
                continue
            is_right = isinstance(value, _TYPES[str(item.type)])
            if isinstance(value, bool) and item.type != "bool":
                is_right = False
            if isinstance(value, list):
                is_right = is_right and all(isinstance(entry, str) for entry in value)
            limits = item.metadata.get("limits", Limits())
            if not is_right:
                raise ModelError(
                    "The model's description has an unusable value for {name!r}.", name=item.name
                )
            if not limits.hold(value):
                raise ModelError(
                    "The model's {name} is {value!r}; this version knows {known}.",
                    name=item.name,
                    value=value,
                    known=limits.text(item.name),
                )

    def check_kind(self, kind: str) -> None:
        """Raises ModelError for a field that does not fit models that read that kind of input."""
        for item in fields(self):  # type: ignore[arg-type]
            kinds = item.metadata.get("limits", Limits()).kinds
            if kinds and kind not in kinds and getattr(self, item.name) != item.default:
                raise ModelError(
                    "The model's {name} is for networks that read {kinds}, not {kind}.",
                    name=item.name,
                    kinds=", ".join(kinds),
                    kind=kind,
                )

    @classmethod
    def of(cls: type[Made], values: Mapping[str, Any]) -> Made:
        """The record of plain values, records within it as mappings.

        Raises ModelError for unknown and missing fields, and values that can't be meant.
        """
        known = {item.name: item for item in fields(cls)}  # type: ignore[arg-type]
        for name in values:
            if name not in known:
                raise ModelError(
                    "The model's description has an unknown field {name!r}; it may have been "
                    "made by a newer version.",
                    name=name,
                )
        missing = [
            name
            for name, item in known.items()
            if item.default is MISSING and item.default_factory is MISSING and name not in values
        ]
        if missing:
            raise ModelError(
                "The model's description lacks {names}.", names=", ".join(sorted(missing))
            )
        made = dict(values)
        for name, value in values.items():
            inner = known[name].default_factory
            if isinstance(inner, type) and issubclass(inner, Record):
                if not isinstance(value, Mapping):
                    raise ModelError(
                        "The model's description has an unusable value for {name!r}.", name=name
                    )
                made[name] = inner.of(value)
        return cls(**made)
