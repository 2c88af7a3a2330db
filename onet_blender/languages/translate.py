"""Texts in Blender's language: a sentence's template is looked up before it is filled in."""

from __future__ import annotations

from bpy.app.translations import pgettext_iface

from onet_core.sentences import Sentence


def translated(text: str | Sentence) -> str:
    """A text or sentence in the interface's language; in English where it is not known."""
    return text.filled(pgettext_iface) if isinstance(text, Sentence) else pgettext_iface(text)
