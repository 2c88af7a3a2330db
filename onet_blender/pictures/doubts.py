"""Why the mesh of a picture may not be what was wanted: kept with the object, and said."""

from __future__ import annotations

import json
from collections.abc import Sequence

import bpy

from onet_core.engine.client import Answer
from onet_core.sentences import Sentence


def keep(made: bpy.types.Object, answer: Answer) -> None:
    """Writes an answer's doubts into its object."""
    made.onet.doubts = json.dumps(answer.values.get("doubts", []))


def doubts_of(made: bpy.types.Object) -> list[Sentence]:
    """What was kept, each with what to do."""
    try:
        return [Sentence.from_json(one) for one in json.loads(made.onet.doubts or "[]")]
    except ValueError:  # a .blend file may hold anything
        return []


def in_one(sentences: Sequence[Sentence]) -> Sentence:
    """Sentences one after the other, without the last full stop."""
    message, *others = sentences
    for other in others:
        message = Sentence("{message}. {more}", message=message, more=other)
    return message
