"""All panels open at the width that Blender gives the sidebar, in English and in German."""

from __future__ import annotations

import bpy
from hands import (
    Steps,
    add_points,
    ask,
    busy,
    extension,
    message,
    notes,
    open_tab,
    picture,
    point,
    press_button,
    sidebar,
    use_runtime,
)

# Pixels of the sidebar, tabs among them, that are left for the panels when it is narrow.
NARROW = 170
CLASSES = ("ONET_PT_reconstruct_advanced", "ONET_PT_generate", "ONET_PT_next_step")


def scenario() -> Steps:
    use_runtime()
    add_points()
    yield lambda: "cube_points" in listed()  # looked up in a thread, which a busy machine delays
    choices = bpy.context.scene.onet
    choices.model, choices.quality = "cube_points", "DRAFT"
    opened()
    yield from open_tab()
    yield from press_button("onet.reconstruct")
    yield lambda: not busy() and message("onet.reconstruct")
    yield 1.0
    yield from picture("1-default")
    yield from scrolled(40)
    yield from picture("2-default-below")
    yield from narrowed()
    notes["narrow"] = sidebar()[1].width
    yield from picture("3-narrow-below")
    yield from scrolled(-40)
    yield from picture("4-narrow")
    languages = bpy.app.translations.locales
    notes["german"] = "de_DE" in languages or "de" in languages
    if notes["german"]:
        view = bpy.context.preferences.view
        view.language = "de_DE" if "de_DE" in languages else "de"
        view.use_translate_interface = view.use_translate_tooltips = True
        yield 1.0
        yield from picture("5-german")
    notes["worker"] = extension("runtime.engine_session").process_id()


def listed() -> set[str]:
    return {entry.name for entry in extension("properties.model_list").listed_models()}


def opened() -> None:
    """Has panels that are closed at first be open; what was drawn already stays as it is."""
    for name in CLASSES:
        cls = getattr(bpy.types, name)
        bpy.utils.unregister_class(cls)
        cls.bl_options = set()
        bpy.utils.register_class(cls)


def narrowed() -> Steps:
    """The sidebar's edge, drawn to the right."""
    _, region = sidebar()
    left, width, above = region.x, region.width, region.y + 60
    top = bpy.context.window_manager.windows[0].height - 1
    yield from point(left, above)
    yield 0.3
    yield from ask(xdotool=["mousedown", 1])
    yield 0.3
    for step in range(1, 11):
        x = int(left + (width - NARROW) * step / 10)
        yield from ask(xdotool=["mousemove", x, int(top - above)])
        yield 0.1
    yield from ask(xdotool=["mouseup", 1])
    yield 1.0


def scrolled(lines: int) -> Steps:
    """Down, or up where there are fewer than none."""
    area, region = sidebar()
    with bpy.context.temp_override(
        window=bpy.context.window_manager.windows[0], area=area, region=region
    ):
        for _ in range(abs(lines)):
            if lines > 0:
                bpy.ops.view2d.scroll_down(page=False)
            else:
                bpy.ops.view2d.scroll_up(page=False)
    yield 0.5
