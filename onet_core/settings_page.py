"""docs/settings.md, made from the table of settings: `python -m onet_core.settings_page FILE`.

A test compares the file with what is made here. Standard library only.
"""

from __future__ import annotations

import sys
from pathlib import Path

from .setting_type import ALL_KINDS, BATCH, BLENDER, FLAMENCO, PYTHON, SHELL, Setting
from .settings import TABLE

GROUPS = {
    "mesh": "The surface",
    "points": "Points of scans",
    "picture": "Pictures",
    "finishing": "Finishing the mesh",
    "colours": "Colours",
    "placing": "In the scene",
    "input": "Input files",
    "reconstruct": "Only for reconstructing",
    "generate": "Only for generating shapes",
    "morph": "Only for morphs",
    "run": "The run",
}
FRONTS = {
    PYTHON: "Python",
    SHELL: "`onet`",
    BLENDER: "Blender",
    BATCH: "batch",
    FLAMENCO: "Flamenco",
}
_HEAD = """# Settings

Made from `onet_core/settings.py` by `python -m onet_core.settings_page docs/settings.md`: change
that file, not this one.

A setting has one name everywhere: `Settings(refinement_steps=30)` in Python,
`--refinement-steps 30` for `onet` and for the batch (`blender --command onet`),
`refinement_steps` in job files, in Flamenco and in Blender's operators
(`bpy.ops.onet.reconstruct(refinement_steps=30)`). Settings that are on or off are `--denoise` and
`--no-denoise` as options, `true` and `false` in job files.

"Automatic" is `None` in Python and in `onet_blender.functions`, `null` in job files, and an option
that is left out. Blender's operators and Flamenco can't hold None: there the value in brackets
stands for it, and the panel has a check box.
"""


def page() -> str:
    """The whole page, in Markdown."""
    parts = [_HEAD]
    for group, title in GROUPS.items():
        found = [item for item in TABLE.values() if item.group == group]
        if found:
            parts.append(f"## {title}\n")
            parts += [_described(item) for item in found]
    return "\n".join(parts)


def _described(item: Setting) -> str:
    values = str(item.allowed).removeprefix("one of ")
    lines = [f"### `{item.name}`: {item.label}\n", f"{item.help}.\n"]
    lines.append(f"- Values: {values}" + (", several" if item.is_many else ""))
    lines.append(f"- Default: {_default(item)}")
    if set(item.kinds) != set(ALL_KINDS):
        kinds = [kind if kind != "none" else "generated shapes" for kind in item.kinds]
        lines.append(f"- Concerns: {', '.join(kinds)}")
    lines.append(f"- In: {', '.join(FRONTS[front] for front in item.offered)}")
    if item.formerly:
        old = ", ".join(
            f"`{former.name}`" + (" (the opposite)" if former.is_opposite else "")
            for former in item.formerly
        )
        lines.append(f"- Before 0.2: {old}, still understood")
    return "\n".join(lines) + "\n"


def _default(item: Setting) -> str:
    if item.is_required:
        return "none, it has to be given"
    if item.default is not None:
        return str(item.default).lower() if item.type is bool else str(item.default)
    needs_blank = {BLENDER, FLAMENCO} & set(item.offered) and item.type in (int, float)
    blank = f" ({item.blank:g})" if needs_blank else ""
    return f"automatic{blank}: {item.automatic}"


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(page(), encoding="utf-8")
