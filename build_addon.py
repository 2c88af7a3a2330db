#!/usr/bin/env python3
"""Builds the extension: `python3 build_addon.py [--blender BLENDER] [--check] [--full PLATFORM]`.

`onet_blender` becomes the root of `dist/onet-VERSION.zip`, `onet_core` with its weights a wheel in
it. Blender's own extension tool builds and validates the zip: that of the Blender given by
--blender, else that of the `bpy` module, either this interpreter's or of a `.venv-bpy-*` that
`dev.py` made. --check also installs the zip in that Blender, with settings of its own, removes it
again, and compares what was there before with what is there after; if ONET_RUNTIME_PYTHON names
the runtime's Python, a worker is started in between.

--full PLATFORM also packs the wheels of the runtime, so that it can be set up without a network:
those in --wheels DIR, else those that pip downloads for that platform. They lie in
`wheels-runtime`, outside the manifest's list, which would install them into Blender itself.

Flamenco's job types go to `dist/flamenco`. Same sources, same bytes. Standard library only.
"""

from __future__ import annotations

import argparse
import base64
import hashlib
import importlib
import importlib.util
import os
import re
import shutil
import subprocess
import sys
import tempfile
import threading
import tomllib
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent
EXTENSION_TOOL = "*/scripts/addons_core/bl_pkg/cli/blender_ext.py"
REPOSITORY = "user_default"
METADATA = re.compile(r"^[^/]+\.dist-info/METADATA$")
# The oldest date that a zip can hold.
DATE = (1980, 1, 1, 0, 0, 0)
EMPTY_WHEELS = "wheels = []\n"
VERDICT = "checked: "
RUNTIME_WHEELS = "wheels-runtime"
# Blender's names of the platforms, and the tags of the wheels that run there.
PLATFORMS = {
    "linux-x64": (
        "manylinux_2_28_x86_64",
        "manylinux_2_27_x86_64",
        "manylinux_2_17_x86_64",
        "manylinux2014_x86_64",
    ),
    "macos-arm64": ("macosx_14_0_arm64", "macosx_12_0_arm64", "macosx_11_0_arm64"),
    "windows-x64": ("win_amd64",),
}
# Blender 4.2 to 5.0 and from 5.1 on.
PYTHONS = ("3.11", "3.13")


class Failed(Exception):
    """The build did not work; the message says why."""


@dataclass(frozen=True)
class Blender:
    """How to call one Blender. tool: its extension tool; script: before a Python file to run."""

    tool: tuple[str, ...]
    script: tuple[str, ...]

    @classmethod
    def of_executable(cls, path: str) -> Blender:
        """A Blender program."""
        found = shutil.which(path)
        if found is None:
            raise Failed(f"There is no Blender at {path}.")
        return cls(
            (found, "--background", "--factory-startup", "--command", "extension"),
            (found, "--background", "--python-exit-code", "7", "--python"),
        )

    @classmethod
    def of_module(cls, root: Path) -> Blender:
        """The `bpy` of this interpreter, else the newest of those that `dev.py` installed."""
        candidates = []
        spec = importlib.util.find_spec("bpy")
        if spec is not None and spec.origin is not None:
            candidates.append((Path(sys.executable), Path(spec.origin).parent))
        for environment in sorted(root.glob(".venv-bpy-*"), reverse=True):
            python = environment / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
            candidates += [(python, found) for found in environment.glob("**/site-packages/bpy")]
        for python, package in candidates:
            for tool in sorted(package.glob(EXTENSION_TOOL)):
                return cls((str(python), str(tool)), (str(python),))
        raise Failed(
            "No Blender was found to build the extension with: give one with --blender, or run "
            "`python3 dev.py environment`, which installs it as a Python module."
        )


def build(
    root: Path, output: Path, blender: Blender, platform: str = "", wheels: Path | None = None
) -> Path:
    """Makes `output/onet-VERSION.zip` from the sources in `root` and returns its path.

    platform: one of `PLATFORMS` for a full build, `onet-VERSION-PLATFORM.zip`, with the runtime's
    wheels that lie in `wheels`. Raises Failed where the sources do not fit together, a wheel is
    missing, or the extension tool refuses them.
    """
    manifest_text = (root / "blender_manifest.toml").read_text(encoding="utf-8")
    manifest = tomllib.loads(manifest_text)
    project = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))
    _assert_consistent(root, manifest, manifest_text, project)
    with tempfile.TemporaryDirectory() as temporary:
        stage, built = Path(temporary) / "stage", Path(temporary) / "built.zip"
        _copy_addon(root, stage)
        wheel = write_wheel(root, stage / "wheels", project)
        filled = manifest_text.replace(EMPTY_WHEELS, f'wheels = ["./wheels/{wheel.name}"]\n')
        if platform:
            assert wheels is not None
            pack_runtime(root, stage, wheels)
            filled = filled.replace("wheels = [", f'platforms = ["{platform}"]\nwheels = [', 1)
        (stage / "blender_manifest.toml").write_text(filled, encoding="utf-8", newline="\n")
        _run(
            (*blender.tool, "build", "--source-dir", str(stage), "--output-filepath", str(built)),
            "Blender's extension tool refuses to build the zip",
        )
        suffix = f"-{platform}" if platform else ""
        package = Path(temporary) / f"{manifest['id']}-{manifest['version']}{suffix}.zip"
        # The tool takes the files in the order of the file system, with its dates.
        with zipfile.ZipFile(built) as archive:
            write_zip(package, {entry: archive.read(entry) for entry in archive.namelist()})
        _run((*blender.tool, "validate", str(package)), "Blender's extension tool rejects the zip")
        output.mkdir(parents=True, exist_ok=True)
        # Moved under another name first, so that nobody meets half a file.
        unfinished = output / f".{package.name}"
        shutil.move(package, unfinished)
        return unfinished.replace(output / package.name)


def pins(root: Path) -> dict[str, str]:
    """The runtime's packages, by their normalised names, and their versions."""
    text = (root / "onet_blender" / "runtime" / "requirements.txt").read_text(encoding="utf-8")
    found = re.findall(r"^([A-Za-z0-9._-]+)==([^\s;\\]+)", text, re.MULTILINE)
    return {normalised(name): version for name, version in found}


def normalised(name: str) -> str:
    """A package's name as indices compare it."""
    return re.sub("[-_.]+", "-", name).lower()


def pack_runtime(root: Path, stage: Path, wheels: Path) -> None:
    """Copies the runtime's wheels into the stage; raises Failed where one is missing."""
    found = sorted(wheels.glob("*.whl"))
    there = set()
    for wheel in found:
        name, version = wheel.name.split("-")[:2]
        # A local version, as builds of PyTorch have it, still is that version.
        there.add((normalised(name), version.partition("+")[0]))
    missing = [f"{name}=={version}" for name, version in sorted(set(pins(root).items()) - there)]
    if missing:
        raise Failed(f"{wheels} lacks wheels of {', '.join(missing)}.")
    for wheel in found:
        if normalised(wheel.name.split("-")[0]) == "torch":
            with zipfile.ZipFile(wheel) as archive:
                (name,) = [name for name in archive.namelist() if METADATA.search(name)]
                needs_nvidia = b"\nRequires-Dist: nvidia-" in archive.read(name)
            if needs_nvidia and not list(wheels.glob("nvidia*.whl")):
                raise Failed(
                    f"{wheel.name} is a build for NVIDIA cards and needs their wheels too: put "
                    "them there, or take a build for the processor (--torch-index)."
                )
    target = stage / RUNTIME_WHEELS
    target.mkdir()
    for wheel in found:
        shutil.copyfile(wheel, target / wheel.name)


def download_wheels(root: Path, platform: str, torch_index: str, folder: Path) -> None:
    """Has pip fetch the runtime's wheels for a platform and all of Blender's Pythons."""
    listed = [f"{name}=={version}" for name, version in pins(root).items()]
    torch = [line for line in listed if line.startswith("torch==")]
    others = [line for line in listed if line not in torch]
    for version in PYTHONS:
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps"]
        command += ["--only-binary", ":all:", "--dest", str(folder), "--python-version", version]
        for tag in PLATFORMS[platform]:
            command += ["--platform", tag]
        failure = f"The wheels for {platform} and Python {version} can't be fetched"
        index = ["--index-url", torch_index] if torch_index else []
        _run((*command, *index, *torch), failure)
        _run((*command, *others), failure)


def write_zip(path: Path, contents: dict[str, bytes]) -> None:
    """Writes a zip that depends on nothing but the files' names and contents.

    Metadata folders of wheels come last, as their convention wants it.
    """
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in sorted(contents, key=lambda name: (".dist-info/" in name, name)):
            entry = zipfile.ZipInfo(name, DATE)
            entry.create_system = 3  # Unix, wherever this runs
            entry.external_attr = 0o100644 << 16
            # A wheel is compressed already.
            entry.compress_type = (
                zipfile.ZIP_STORED if name.endswith(".whl") else zipfile.ZIP_DEFLATED
            )
            archive.writestr(entry, contents[name])


def write_wheel(root: Path, folder: Path, project: dict[str, Any]) -> Path:
    """Writes `onet_core` as a pure Python wheel into `folder` and returns its path.

    A wheel is a zip with three text files beside the package; written here, it needs no build
    tools, no network, and has no dates in it. Packages and data follow `pyproject.toml`.
    """
    metadata, package = project["project"], root / "onet_core"
    name, version = metadata["name"].replace("-", "_"), metadata["version"]
    sources = set(package.rglob("*.py"))
    for pattern in project["tool"]["setuptools"]["package-data"]["onet_core"]:
        sources.update(package.glob(pattern))
    contents = {
        path.relative_to(root).as_posix(): path.read_bytes() for path in sources if path.is_file()
    }
    info = f"{name}-{version}.dist-info"
    contents[f"{info}/licenses/LICENSE"] = (root / "LICENSE").read_bytes()
    contents[f"{info}/METADATA"] = (
        f"Metadata-Version: 2.4\nName: {metadata['name']}\nVersion: {version}\n"
        f"Summary: {metadata['description']}\nRequires-Python: {metadata['requires-python']}\n"
        f"License-Expression: {metadata['license']}\nLicense-File: LICENSE\n"
    ).encode()
    contents[f"{info}/WHEEL"] = (
        b"Wheel-Version: 1.0\nGenerator: build_addon\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
    )
    record = "".join(
        f"{path},sha256={_digest(content)},{len(content)}\n"
        for path, content in sorted(contents.items())
    )
    contents[f"{info}/RECORD"] = f"{record}{info}/RECORD,,\n".encode()
    folder.mkdir(parents=True, exist_ok=True)
    wheel = folder / f"{name}-{version}-py3-none-any.whl"
    write_zip(wheel, contents)
    return wheel


def check(package: Path, blender: Blender) -> None:
    """Installs the zip in a Blender with settings of its own, removes it, and looks for remains.

    Raises Failed with the last lines of Blender's output.
    """
    with tempfile.TemporaryDirectory() as temporary:
        # Copied, for a Blender that is confined and sees only the folder for temporary files.
        script = shutil.copy(Path(__file__).resolve(), temporary)
        zipped = shutil.copy(package, temporary)
        settings = Path(temporary) / "settings"
        settings.mkdir()
        output = _run(
            (*blender.script, str(script), "--", "--inside", str(zipped)),
            "The extension does not install and go away cleanly",
            {"BLENDER_USER_RESOURCES": str(settings)},
        )
    verdicts = [line for line in output if line.startswith(VERDICT)]
    if not verdicts:
        raise Failed("\n    ".join(["Blender did not run the check:", *output[-8:]]))
    print(verdicts[0].removeprefix(VERDICT), flush=True)


def check_inside(package: Path) -> None:
    """What `check` runs inside Blender."""
    import bpy

    identity = tomllib.loads(zipfile.ZipFile(package).read("blender_manifest.toml").decode())["id"]
    module = f"bl_ext.{REPOSITORY}.{identity}"
    extensions = Path(bpy.utils.user_resource("EXTENSIONS"))
    if (extensions / REPOSITORY / identity).exists():
        raise Failed(f"{identity} is installed in {extensions} already: remove it first.")
    before = _footprint(extensions)
    done = bpy.ops.extensions.package_install_files(
        filepath=str(package), repo=REPOSITORY, enable_on_install=True
    )
    if done != {"FINISHED"} or module not in bpy.context.preferences.addons:
        raise Failed("Blender does not install and enable it.")
    installed = _footprint(extensions)
    core = importlib.import_module("onet_core")
    if extensions.resolve() not in Path(str(core.__file__)).resolve().parents:
        raise Failed(f"onet_core comes from {core.__file__}, not from the extension's wheel.")
    heavy = {"torch", "scipy", "trimesh"} & set(sys.modules)
    if heavy:
        raise Failed(f"The extension imports {', '.join(sorted(heavy))} into Blender.")
    if os.environ.get("ONET_RUNTIME_PYTHON"):
        # With the worker running there is more to take away.
        bpy.ops.onet.check_runtime()
    index = next(
        i
        for i, repository in enumerate(bpy.context.preferences.extensions.repos)
        if repository.module == REPOSITORY
    )
    done = bpy.ops.extensions.package_uninstall(repo_index=index, pkg_id=identity)
    if done != {"FINISHED"}:
        raise Failed("Blender does not remove it.")
    after = _footprint(extensions)
    left, lost = sorted(after - before), sorted(before - after)
    if left or lost:
        raise Failed(f"After removal these are left: {left}; these are gone: {lost}.")
    files = sum(item.startswith("file ") for item in installed)
    print(
        f"{VERDICT}Blender {bpy.app.version_string}: installed {files} files, added "
        f"{len(installed - before) - files} names, all gone after removal."
    )


def _footprint(extensions: Path) -> set[str]:
    """What is there that an extension could leave behind, as lines to compare."""
    import bpy

    # Blender itself adds the folder of all extensions' wheels and leaves it there.
    wheels = extensions / ".local"
    found = {f"path {path}" for path in sys.path if wheels not in Path(path).parents}
    for path in extensions.rglob("*"):
        # Blender's own index of what is installed.
        if path.is_file() and not {".blender_ext", ".cache"} & set(path.parts):
            found.add(f"file {path.relative_to(extensions).as_posix()}")
    found |= {f"module of operators {name}" for name in dir(bpy.ops)}
    found |= {f"add-on {addon.module}" for addon in bpy.context.preferences.addons}
    for name in dir(bpy.types):
        kind = getattr(bpy.types, name)
        found.add(f"class {name}")
        if hasattr(kind, "bl_rna"):
            found |= {f"property {name}.{item.identifier}" for item in kind.bl_rna.properties}
        for function in getattr(getattr(kind, "draw", None), "_draw_funcs", ()):
            # Blender lists a menu's own function from the first addition on.
            if function.__qualname__ != f"{name}.draw":
                found.add(f"drawn in {name}: {function.__module__}.{function.__qualname__}")
    for name in dir(bpy.app.handlers):
        functions = getattr(bpy.app.handlers, name)
        for function in functions if isinstance(functions, list) else ():
            found.add(f"handler {name}: {function.__module__}.{function.__qualname__}")
    keys = bpy.context.window_manager.keyconfigs.addon
    for keymap in keys.keymaps if keys is not None else ():
        found |= {f"key {keymap.name}: {item.idname} {item.type}" for item in keymap.keymap_items}
    return found | {f"thread {thread.name}" for thread in threading.enumerate()}


def _assert_consistent(
    root: Path, manifest: dict[str, Any], manifest_text: str, project: dict[str, Any]
) -> None:
    """Raises Failed where the files that have to agree do not."""
    if not (root / "onet_blender" / "__init__.py").is_file():
        raise Failed(f"There is no add-on in {root / 'onet_blender'}.")
    source = (root / "onet_core" / "__init__.py").read_text(encoding="utf-8")
    version = project["project"]["version"]
    if manifest["version"] != version or f'__version__ = "{version}"' not in source:
        raise Failed(
            "pyproject.toml, blender_manifest.toml and onet_core/__init__.py differ in the version."
        )
    if EMPTY_WHEELS not in manifest_text:
        raise Failed(f"blender_manifest.toml lacks the line {EMPTY_WHEELS.strip()!r} to fill in.")


def _copy_addon(root: Path, stage: Path) -> None:
    """Copies the add-on's files and the licence."""
    package = root / "onet_blender"
    chosen = {name: root / name for name in ("LICENSE", "docs/blender.md", "docs/settings.md")}
    for path in package.rglob("*"):
        inside = path.relative_to(package)
        hidden = any(part.startswith(".") or part == "__pycache__" for part in inside.parts)
        if path.is_file() and not hidden:
            chosen[inside.as_posix()] = path
    for name, path in chosen.items():
        (stage / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, stage / name)


def _digest(content: bytes) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()


def _run(
    command: Sequence[str], failure: str, variables: dict[str, str] | None = None
) -> list[str]:
    """Runs a command and returns its lines of output; raises Failed where it does not succeed."""
    # A PYTHONPATH may hide what is being tested.
    inherited = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    done = subprocess.run(
        command,
        env={**inherited, **(variables or {})},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
        errors="replace",
        check=False,
    )
    lines = done.stdout.strip().splitlines()
    if done.returncode != 0:
        raise Failed("\n    ".join([f"{failure} (status {done.returncode}):", *lines[-8:]]))
    return lines


def main(arguments: Sequence[str]) -> int:
    """Returns the exit status: 0, or 1 with one message on standard error."""
    parser = argparse.ArgumentParser(description="Builds the extension's zip.")
    parser.add_argument("--blender", help="the Blender to build and check with (default: bpy)")
    parser.add_argument("--output", type=Path, default=ROOT / "dist", help="folder (default: dist)")
    parser.add_argument("--check", action="store_true", help="also install and remove the zip")
    parser.add_argument("--full", choices=PLATFORMS, help="pack the runtime for this platform")
    parser.add_argument("--wheels", type=Path, help="with --full: folder of the runtime's wheels")
    parser.add_argument("--torch-index", default="", help="with --full: where torch is fetched")
    parser.add_argument("--inside", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    try:
        if options.inside is not None:
            check_inside(options.inside)
            return 0
        blender = (
            Blender.of_executable(options.blender) if options.blender else Blender.of_module(ROOT)
        )
        with tempfile.TemporaryDirectory() as temporary:
            wheels = options.wheels or Path(temporary)
            if options.full and options.wheels is None:
                download_wheels(ROOT, options.full, options.torch_index, wheels)
            package = build(ROOT, options.output, blender, options.full or "", wheels)
        if options.check:
            check(package, blender)
    except Failed as error:
        print(f"Error: {error}", file=sys.stderr)
        return 1
    print(f"{package} ({package.stat().st_size / 2**20:.1f} MiB)")
    from onet_core.flamenco import write_job_types  # not above: --inside has no sources

    print(*write_job_types(options.output / "flamenco"), sep="\n")
    return 0


if __name__ == "__main__":
    status = main(sys.argv[sys.argv.index("--") + 1 :] if "--" in sys.argv else sys.argv[1:])
    if "bpy" in sys.modules and not sys.modules["bpy"].app.binary_path:
        # As a module, Blender 4.5 may wait for a thread of its own for ever when it should end.
        sys.stdout.flush()
        sys.stderr.flush()
        shutil.rmtree(sys.modules["bpy"].app.tempdir, ignore_errors=True)
        os._exit(status)
    if status:
        # Blender itself would end with 0.
        sys.exit(status)
