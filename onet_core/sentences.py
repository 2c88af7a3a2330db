"""Sentences for the user that can be translated: a template in English and the values in it.

A finished English sentence can't be translated, its template can. So whatever the user reads is
kept as `Sentence("There is no file {path}.", path=path)` until it is shown: `str()` fills it in in
English, `filled(translate)` in another language. Standard library only.
"""

from __future__ import annotations

import math
import numbers
from collections.abc import Callable, Mapping
from typing import Any, Union

Value = Union["Sentence", str, int, float, None]


class Sentence:
    """A template and its values.

    template: plain words where no values are given, braces included; else as for `str.format`.
    values: numbers and texts stay themselves, sentences are filled in (and translated) with the
        whole, anything else (a path, an operating system's error) becomes its text.
    Raises KeyError or IndexError where the template names a value that is not given.
    """

    def __init__(self, template: str, /, **values: object) -> None:
        self.template = template
        self.values = {name: _plain(value) for name, value in values.items()}
        self._english = self.filled(_itself)

    def __str__(self) -> str:
        return self._english

    def __bool__(self) -> bool:
        return bool(self.template)

    def __repr__(self) -> str:
        return f"Sentence({self._english!r})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Sentence) and self.as_json() == other.as_json()

    def __hash__(self) -> int:
        return hash(self._english)

    def filled(self, translate: Callable[[str], str]) -> str:
        """The finished sentence; `translate` is given each template before it is filled in."""
        template = translate(self.template)
        if not self.values:
            return template
        return template.format_map(
            {
                name: value.filled(translate) if isinstance(value, Sentence) else value
                for name, value in self.values.items()
            }
        )

    def as_json(self) -> dict[str, Any]:
        """What `from_json` reads, of types that JSON has."""
        return {
            "template": self.template,
            "values": {name: _as_json(value) for name, value in self.values.items()},
        }

    @classmethod
    def from_json(cls, content: Any) -> Sentence:
        """The sentence that `as_json` was called on; raises ValueError for anything else."""
        try:
            values = {name: _from_json(value) for name, value in content["values"].items()}
            return cls(str(content["template"]), **values)
        except (LookupError, ValueError, TypeError, AttributeError, RecursionError) as error:
            raise ValueError(f"This is no sentence: {str(content)[:60]}") from error


def _itself(text: str) -> str:
    return text


def _plain(value: object) -> Value:
    if value is None or isinstance(value, Sentence | str | bool | int | float):
        return value
    if isinstance(value, numbers.Integral):
        return int(value)
    return float(value) if isinstance(value, numbers.Real) else str(value)


def _as_json(value: Value) -> Any:
    if isinstance(value, Sentence):
        return value.as_json()
    if isinstance(value, float) and not math.isfinite(value):
        return {"number": str(value)}
    return value


def _from_json(value: Any) -> Value:
    if isinstance(value, Mapping):
        return float(value["number"]) if "number" in value else Sentence.from_json(value)
    if value is None or isinstance(value, str | bool | int | float):
        return value
    raise TypeError(type(value).__name__)


NOTHING = Sentence("")
