"""Views through Blender's Cycles: a child process that gets arrays and gives back pictures."""

from __future__ import annotations

import json
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from onet_core.errors import OnetError

from ..build.normalise import Triangles
from .cameras import SIZE, Camera

BLENDER_VARIABLE = "ONET_BLENDER"
SAMPLES = 32
# A shape's views take seconds; a child that takes so long has hung.
_LONGEST = 1800.0
_SCENE = Path(__file__).with_name("cycles_scene.py")


def render_with_cycles(
    triangles: Triangles,
    cameras: Sequence[Camera],
    generators: Sequence[np.random.Generator],
    blender: str,
) -> list[NDArray[np.uint8]]:
    """Pictures (SIZE, SIZE, 3) of a shape on white, with materials and random light.

    generators: one for each camera, from which the light is drawn; every colour of the shape gets
    a roughness and is metal or not, the same in all pictures. Raises OnetError where Blender can't
    be run or fails.
    """
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        arrays: dict[str, NDArray[Any]] = {
            "vertices": triangles.vertices.astype(np.float32),
            "faces": triangles.faces.astype(np.int32),
            "colours": triangles.colours,
            "worlds": np.stack([camera.world for camera in cameras]),
            "intrinsics": np.stack([camera.intrinsic for camera in cameras]),
            **_materials(triangles.colours),
            **_lights(cameras, generators),
        }
        np.savez(folder / "scene.npz", **arrays)  # type: ignore[arg-type]
        (folder / "scene.json").write_text(json.dumps({"size": SIZE, "samples": SAMPLES}))
        _run(blender_command(blender, folder))
        return [_on_white(folder / f"{view:03d}.png") for view in range(len(cameras))]


def blender_command(blender: str, folder: Path) -> list[str]:
    """How the scene in a folder is rendered: by a Blender, or by a Python that has `bpy`.

    Raises OnetError where there is none.
    """
    program = shutil.which(blender) if blender else None
    if program is None:
        what = f"There is no {blender!r} here" if blender else "Rendering with Cycles needs Blender"
        raise OnetError(
            f"{what}: give a Blender, or a Python that has the module bpy, with --blender or in "
            f"the environment as {BLENDER_VARIABLE}."
        )
    if Path(program).name.lower().startswith("blender"):
        options = ["--background", "--factory-startup", "--python-exit-code", "1"]
        return [program, *options, "--python", str(_SCENE), "--", str(folder)]
    # -P: modules beside the script must not take the places of Blender's own, as `cycles` would.
    return [program, "-P", str(_SCENE), str(folder)]


def _run(command: Sequence[str]) -> None:
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, check=False, timeout=_LONGEST
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise OnetError(f"{command[0]} could not render: {error}.") from error
    if done.returncode:
        said = (done.stderr.strip() or done.stdout.strip()).splitlines()
        detail = said[-1].rstrip(".") if said else f"it ended with status {done.returncode}"
        raise OnetError(f"{command[0]} could not render: {detail}.")


def _materials(colours: NDArray[np.uint8]) -> dict[str, NDArray[np.float32]]:
    """Roughness and metal of each face; faces of one colour have one material."""
    codes = colours.astype(np.uint32) @ np.array([1, 256, 65536], np.uint32)
    found, places = np.unique(codes, return_inverse=True)
    draws = np.array([np.random.default_rng(int(code)).random(2) for code in found])
    roughness = 0.25 + 0.65 * draws[:, 0]
    metallic = (draws[:, 1] < 0.15).astype(np.float32)
    return {
        "roughness": roughness[places].astype(np.float32),
        "metallic": metallic[places],
    }


def _lights(
    cameras: Sequence[Camera], generators: Sequence[np.random.Generator]
) -> dict[str, NDArray[np.float64]]:
    """A sun from above and beside each camera (towards it, with its strength), and the sky."""
    suns, strengths, skies = [], [], []
    for camera, rng in zip(cameras, generators, strict=True):
        right, down, forward = camera.axes
        sun = right * (rng.random() * 2 - 1) - down * (0.6 + 0.6 * rng.random()) - forward * 0.6
        suns.append(sun / np.linalg.norm(sun))
        strengths.append(1.2 + 1.3 * rng.random())
        skies.append(0.5 + 0.4 * rng.random())
    return {"suns": np.array(suns), "strengths": np.array(strengths), "skies": np.array(skies)}


def _on_white(path: Path) -> NDArray[np.uint8]:
    try:
        with Image.open(path) as file:
            picture = np.asarray(file.convert("RGBA"), dtype=np.float32) / 255
    except OSError as error:
        raise OnetError(f"Blender left no picture {path.name}.") from error
    alpha = picture[..., 3:]
    shown = picture[..., :3] * alpha + (1 - alpha)
    return (shown * 255 + 0.5).astype(np.uint8)
