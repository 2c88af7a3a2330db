"""Finished sentences in Blender's language: what is told of errors and results.

They are written where they arise, in English and with names and numbers filled in; the worker's
arrive like that. Here each is recognised by its template, for which `translations` has a text.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Mapping

from bpy.app.translations import pgettext_iface

from .translations import GERMAN

# The place in a template for what is a sentence, or a part of one, itself.
NESTED = "reason"
MOST_REMEMBERED = 256


def translated(text: str) -> str:
    """A text or finished sentence in the interface's language; itself where it is not known."""
    known = pgettext_iface(text)
    if known != text or not text:
        return known
    found = _recognised(text)
    if found is None:
        return text
    template, values = found
    return pgettext_iface(template).format_map(
        {key: translated(value) if key == NESTED else value for key, value in values.items()}
    )


@functools.lru_cache(maxsize=MOST_REMEMBERED)
def _recognised(text: str) -> tuple[str, Mapping[str, str]] | None:
    """The template that a sentence comes from, and what is filled in."""
    for template, pattern in _patterns():
        match = pattern.fullmatch(text)
        if match is not None:
            return template, match.groupdict()
    return None


@functools.cache
def _patterns() -> list[tuple[str, re.Pattern[str]]]:
    """The templates, those with most words of their own first: others may be parts of them."""
    templates = [text for text in GERMAN if "{" in text]
    templates.sort(key=lambda text: len(re.sub(r"\{\w+\}", "", text)), reverse=True)
    return [(template, _pattern(template)) for template in templates]


def _pattern(template: str) -> re.Pattern[str]:
    parts = re.split(r"\{(\w+)\}", template)
    words = [
        f"(?P<{part}>.+)" if number % 2 else re.escape(part) for number, part in enumerate(parts)
    ]
    return re.compile("".join(words), re.DOTALL)
