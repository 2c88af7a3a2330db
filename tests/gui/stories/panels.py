"""All panels open at the width that Blender gives the sidebar, in English and in German."""

from __future__ import annotations

import bpy
from hands import (
    Steps,
    add_points,
    busy,
    extension,
    message,
    notes,
    open_tab,
    picture,
    press_button,
    sidebar,
    use_runtime,
)

CLASSES = ("ONET_PT_reconstruct_advanced", "ONET_PT_generate", "ONET_PT_next_step")


def scenario() -> Steps:
    use_runtime()
    add_points()
    choices = bpy.context.scene.onet
    choices.model, choices.quality = "cube_points", "DRAFT"
    yield from open_tab()
    yield from press_button("onet.reconstruct")
    yield lambda: not busy() and message("onet.reconstruct")
    yield from opened()
    yield from picture("1-default")
    yield from scrolled("2-default-below")
    languages = bpy.app.translations.locales
    notes["german"] = "de_DE" in languages or "de" in languages
    if notes["german"]:
        view = bpy.context.preferences.view
        view.language = "de_DE" if "de_DE" in languages else "de"
        view.use_translate_interface = view.use_translate_tooltips = True
        yield 1.0
        yield from picture("3-german-below")
    notes["worker"] = extension("runtime.engine_session").process_id()


def opened() -> Steps:
    """Panels that are closed at first are opened, as a click on their head would do."""
    for name in CLASSES:
        cls = getattr(bpy.types, name)
        bpy.utils.unregister_class(cls)
        cls.bl_options = set()
        bpy.utils.register_class(cls)
    sidebar()[0].tag_redraw()
    yield 1.0


def scrolled(name: str) -> Steps:
    area, region = sidebar()
    with bpy.context.temp_override(
        window=bpy.context.window_manager.windows[0], area=area, region=region
    ):
        for _ in range(12):
            bpy.ops.view2d.scroll_down(page=False)
    yield 0.5
    yield from picture(name)
