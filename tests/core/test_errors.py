"""Errors carry a template and its values; what the user reads is filled in last."""

from __future__ import annotations

import copy
import json
from pathlib import Path

import numpy as np
import pytest

from onet_core.errors import Cancelled, InputError, OnetError
from onet_core.sentences import Sentence


def test_an_error_is_its_filled_sentence() -> None:
    error = InputError(
        "{name} has {count:,} of {size:.1f}: {kind!r}", name="a", count=1234, size=0.25, kind="b"
    )
    assert str(error) == "a has 1,234 of 0.2: 'b'"
    assert error.sentence.template.startswith("{name} has {count:,}")
    assert str(Cancelled()) == "Cancelled."
    assert str(OnetError()) == ""


def test_braces_are_safe_without_values_and_in_values() -> None:
    assert str(InputError("a {b} {} {0}")) == "a {b} {} {0}"
    assert str(InputError("{name}.", name="{x} {name}")) == "{x} {name}."
    again = Sentence.from_json(InputError("a {b} {").sentence.as_json())
    assert str(again) == "a {b} {"


def test_a_value_that_is_missing_is_noticed_at_once() -> None:
    with pytest.raises(KeyError):
        Sentence("{name} and {other}", name="a")


def test_errors_within_errors_are_translated_with_them() -> None:
    german = {"There is no file {path}.": "Es fehlt {path}.", "{name}: {error}": "{name}: {error}"}
    inner = InputError("There is no file {path}.", path=Path("a") / "b")
    outer = InputError("{name}: {error}", name="shape", error=inner)
    assert str(outer) == f"shape: There is no file {Path('a') / 'b'}."
    assert outer.sentence.filled(german.get) == f"shape: Es fehlt {Path('a') / 'b'}."


@pytest.mark.parametrize(
    "values",
    [
        {"a": 1, "b": 2.5, "c": "text", "d": None, "e": True},
        {"a": np.int64(3), "b": np.float32(0.5), "c": Path("x"), "d": OSError("no"), "e": (1, 2)},
        {"a": float("nan"), "b": float("-inf"), "c": "ä\n{}", "d": Sentence("{x:g}", x=1.0)},
    ],
)
def test_sentences_survive_json(values: dict[str, object]) -> None:
    sentence = Sentence(" ".join(f"{{{name}}}" for name in values), **values)
    line = json.dumps(sentence.as_json(), allow_nan=False)
    again = Sentence.from_json(json.loads(line))
    assert again == sentence
    assert str(again) == str(sentence) == " ".join(str(value) for value in values.values())


@pytest.mark.parametrize(
    "content",
    [
        None,
        "text",
        {},
        {"template": "a"},
        {"template": "{b}", "values": {"a": 1}},
        {"template": "{a}", "values": {"a": [1]}},
        {"template": "{a}", "values": {"a": {"template": "x"}}},
        {"template": "{a:,}", "values": {"a": "text"}},
        {"template": "{a.b}", "values": {"a": "text"}},
        {"template": "{", "values": {"a": "text"}},
        {"template": "{a}", "values": {"a": {"number": "many"}}},
    ],
)
def test_what_is_no_sentence_is_refused(content: object) -> None:
    with pytest.raises(ValueError, match="no sentence"):
        Sentence.from_json(content)


def test_an_error_that_is_copied_keeps_its_sentence() -> None:
    error = InputError("{name}: {count}", name="a", count=2)
    again = copy.copy(error)
    assert type(again) is InputError
    assert str(again) == str(error)
    assert again.sentence == error.sentence
