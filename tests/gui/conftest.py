"""Real Blenders in chroots, with the extension installed in a home folder of its own.

Needs Linux, root rights and a few programs; what is missing is said in the reason of the skip. The
chroots are made once (one or two minutes each) in the folder that ONET_BLENDER_ROOTS names, by
default one in the user's cache. The pictures of the windows go to out/gui.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from chroots import ROOT, SCRIPTS, Blender, run
from playing import extension_files, is_running, play_story

import build_addon

# Debian's suites with the Blenders to test: 4.3.2 and 5.2.2 when this was written.
SUITES = ("trixie", "sid")
# Program and the Debian package that has it.
PROGRAMS = {
    "debootstrap": "debootstrap",
    "Xvfb": "xvfb",
    "import": "imagemagick",
    "xdotool": "xdotool",
}

# A checkpoint as the original code writes it.
MAKE_CHECKPOINT = """
import sys, torch
from onet_core.models.build import build_network
from onet_core.models.description import ModelDescription
network = {"decoder": "simple", "decoder_kwargs": {"hidden_size": 8}, "c_dim": 0, "z_dim": 4}
made = build_network(ModelDescription("a", "A", "occupancy_network", "none", network))
torch.save({"model": made.state_dict()}, sys.argv[1])
"""
MODULES_OF_PACKAGES = {"pillow": "PIL", "libigl": "igl"}

# What `known_models.py` makes for the stories.
MODELS = ("cube_points", "cube_voxels", "cube_picture", "sized")


@pytest.fixture(scope="session")
def scripts() -> Path:
    """The folder with the scripts that make and run the chroots."""
    if not (SCRIPTS / "gui-shot.sh").is_file():
        pytest.skip(f"SKIPPED: no {SCRIPTS}, whose scripts open a Blender on a machine like this")
    if not sys.platform.startswith("linux") or os.geteuid() != 0:
        pytest.skip("SKIPPED: windows are tested in chroots, which needs Linux and root rights")
    missing = [package for program, package in PROGRAMS.items() if shutil.which(program) is None]
    if missing:
        pytest.skip(f"SKIPPED: missing programs: apt-get install {' '.join(missing)}")
    if Path(sys.base_prefix) in (Path("/"), Path("/usr")):
        # It would have to be laid over the chroot's own programs.
        pytest.skip(
            "SKIPPED: this environment's Python is the system's; the chroot can't be given that. "
            "Make the environment with a Python in a folder of its own (pyenv, uv, conda)"
        )
    return SCRIPTS


@pytest.fixture(scope="session")
def package(scripts: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The extension's zip, built from this checkout."""
    folder = tmp_path_factory.mktemp("dist")
    done = subprocess.run(
        [sys.executable, str(ROOT / "build_addon.py"), "--output", str(folder)],
        capture_output=True,
        text=True,
        check=False,
    )
    if "No Blender was found" in done.stderr:
        pytest.skip("SKIPPED: no Blender module to build the zip: python3 dev.py environment")
    if done.returncode != 0:
        pytest.fail(done.stderr, pytrace=False)
    (made,) = folder.glob("*.zip")
    return made


@pytest.fixture(scope="session")
def full_package(scripts: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A full build whose packages have the names and versions of the runtime's, and nothing else.

    The real ones are hundreds of megabytes; what they do is tried with an existing runtime. Where
    ONET_RUNTIME_WHEELS names a folder that has them, for this machine and this environment's
    Python, it is those (some minutes):
    `pip download --no-deps -r onet_blender/runtime/requirements.txt`.
    """
    folder = tmp_path_factory.mktemp("full")
    blender = build_addon.Blender.of_module(ROOT)
    if os.environ.get("ONET_RUNTIME_WHEELS"):
        real = Path(os.environ["ONET_RUNTIME_WHEELS"])
        return build_addon.build(ROOT, folder / "dist", blender, "linux-x64", real)
    wheels = folder / "wheels"
    wheels.mkdir()
    for name, version in build_addon.pins(ROOT).items():
        info = f"{name.replace('-', '_')}-{version}.dist-info"
        module = MODULES_OF_PACKAGES.get(name, name.replace("-", "_"))
        metadata = f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"
        contents = {
            f"{module}.py": f"__version__ = {version!r}\n".encode(),
            f"{info}/METADATA": metadata.encode(),
            f"{info}/WHEEL": b"Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
            f"{info}/RECORD": b"",
        }
        wheel = wheels / f"{info.removesuffix('.dist-info')}-py3-none-any.whl"
        build_addon.write_zip(wheel, contents)
    return build_addon.build(ROOT, folder / "dist", blender, "linux-x64", wheels)


@pytest.fixture(scope="session")
def models(scripts: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with models whose shapes are known, and a checkpoint of the original code."""
    folder = tmp_path_factory.mktemp("models")
    run(sys.executable, ROOT / "tests" / "known_models.py", folder, *MODELS)
    run(sys.executable, "-c", MAKE_CHECKPOINT, folder / "original.pt")
    return folder


@pytest.fixture(params=SUITES)
def blender(request: pytest.FixtureRequest, scripts: Path, tmp_path: Path) -> Blender:
    """A Blender with an empty home folder."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    roots = Path(os.environ.get("ONET_BLENDER_ROOTS") or cache / "onet" / "blender-roots")
    suite = request.param
    roots.mkdir(parents=True, exist_ok=True)
    made = subprocess.run(
        [str(scripts / "make-blender-root.sh"), suite, str(roots / suite)],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    if made.returncode != 0:
        told = (made.stderr.strip().splitlines() or ["no reason given"])[-1]
        pytest.skip(f"SKIPPED: the chroot of Debian's {suite} can't be made: {told}")
    version = (roots / suite / ".blender-root-ready").read_text().splitlines()[0]
    return Blender(suite, roots / suite, tmp_path / "home", version)


@pytest.fixture
def files_before(blender: Blender) -> set[str]:
    """What is in Blender's settings before the extension is installed."""
    blender.run("--background", "--python-expr", "import bpy; bpy.ops.wm.save_userpref()")
    return extension_files(blender.home)


@pytest.fixture
def sitting(
    blender: Blender,
    scripts: Path,
    package: Path,
    models: Path,
    files_before: set[str],
    tmp_path: Path,
) -> Callable[[str], dict[str, Any]]:
    """Installs the extension; the function lets a story use the window and returns its notes."""
    blender.run(
        "--command", "extension", "install-file", "-r", "user_default", "--enable", package,
        shown=[package],
    )  # fmt: skip
    assert len(extension_files(blender.home)) > len(files_before)

    def play(story: str) -> dict[str, Any]:
        notes = play_story(story, blender, scripts, models, tmp_path)
        assert "Traceback" not in notes["log"], notes["log"]
        # The worker ends with Blender.
        assert not is_running(notes["worker"])
        return notes

    return play
