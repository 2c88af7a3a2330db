"""The extension's zip: what is in it, always the same bytes, it comes and goes cleanly."""

from __future__ import annotations

import base64
import email
import hashlib
import os
import shutil
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import bpy
import pytest

import build_addon
from build_addon import Blender, Failed

ROOT = Path(build_addon.__file__).resolve().parent
SOURCES = ("blender_manifest.toml", "pyproject.toml", "LICENSE", "onet_core", "docs")
LEAVES_THINGS = """
import bpy
def handler(*arguments): pass
def drawn(self, context): pass
def register():
    bpy.types.VIEW3D_MT_object.append(drawn)
    bpy.types.Scene.onet_left = bpy.props.IntProperty()
    bpy.app.handlers.load_post.append(bpy.app.handlers.persistent(handler))
def unregister(): pass
"""


@pytest.fixture(scope="module")
def blender() -> Blender:
    return Blender.of_module(ROOT)


@pytest.fixture(scope="module")
def package(blender: Blender, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_addon.build(ROOT, tmp_path_factory.mktemp("dist"), blender)


@pytest.fixture
def sources(tmp_path: Path) -> Path:
    """A copy of what goes into the zip, to change, with another add-on."""
    copy = tmp_path / "sources"
    copy.mkdir()
    for name in SOURCES:
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, copy / name)
        else:
            shutil.copyfile(ROOT / name, copy / name)
    (copy / "onet_blender").mkdir()
    (copy / "onet_blender" / "__init__.py").write_text(LEAVES_THINGS)
    return copy


@pytest.fixture
def wheel(package: Path, tmp_path: Path) -> Path:
    with zipfile.ZipFile(package) as archive:
        (name,) = [name for name in archive.namelist() if name.endswith(".whl")]
        return Path(archive.extract(name, tmp_path))


def test_the_zip_holds_the_addon_and_the_library(package: Path) -> None:
    with zipfile.ZipFile(package) as archive:
        names = set(archive.namelist())
        manifest = tomllib.loads(archive.read("blender_manifest.toml").decode())
    addon = {
        path.relative_to(ROOT / "onet_blender").as_posix()
        for path in (ROOT / "onet_blender").rglob("*.py")
    }
    assert addon <= names
    assert {f"./{name}" for name in names if name.endswith(".whl")} == set(manifest["wheels"])
    assert package.name == f"onet-{manifest['version']}.zip"
    assert names - addon == {
        "blender_manifest.toml",
        "LICENSE",
        "docs/blender.md",
        "docs/settings.md",
        "runtime/requirements.txt",
        "runtime/requirements-torch-cpu.txt",
        manifest["wheels"][0].removeprefix("./"),
    }


def test_the_wheel_is_a_wheel(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        contents = {name: archive.read(name) for name in archive.namelist()}
    (info,) = {name.split("/")[0] for name in contents if ".dist-info/" in name}
    expected = {
        path.relative_to(ROOT).as_posix()
        for pattern in (
            "*.py",
            "pretrained/*.safetensors",
            "pretrained/*.md",
            "pretrained/*.png",
            "models/scans/*.safetensors",
            "models/pictures/texture/*.safetensors",
        )
        for path in (ROOT / "onet_core").rglob(pattern)
    }
    assert {name for name in contents if not name.startswith(info)} == expected
    recorded = {}
    for line in contents[f"{info}/RECORD"].decode().splitlines():
        name, digest, size = line.rsplit(",", 2)
        recorded[name] = (digest, size)
    assert recorded.pop(f"{info}/RECORD") == ("", "")
    for name, content in contents.items():
        if name != f"{info}/RECORD":
            digest = base64.urlsafe_b64encode(hashlib.sha256(content).digest()).decode().rstrip("=")
            assert recorded.pop(name) == (f"sha256={digest}", str(len(content)))
    assert recorded == {}
    metadata = email.message_from_bytes(contents[f"{info}/METADATA"])
    assert f"{metadata['Name'].replace('-', '_')}-{metadata['Version']}.dist-info" == info
    assert contents[f"{info}/WHEEL"].count(b"Root-Is-Purelib: true") == 1


@pytest.mark.once
def test_the_same_sources_give_the_same_bytes(
    sources: Path, blender: Blender, tmp_path: Path
) -> None:
    first = build_addon.build(sources, tmp_path / "first", blender)
    (sources / "onet_core" / "__pycache__").mkdir(exist_ok=True)
    (sources / "onet_core" / "__pycache__" / "x.pyc").write_bytes(b"x")
    (sources / "onet_blender" / ".hidden").write_text("x")
    for path in sources.rglob("*"):
        os.utime(path, (1e9, 1e9))
    (sources / "onet_blender" / "__init__.py").chmod(0o600)
    second = build_addon.build(sources, tmp_path / "second", blender)
    assert first.read_bytes() == second.read_bytes()


def test_tags_are_known_to_blender() -> None:
    (path,) = Path(bpy.utils.script_paths()[0]).rglob("_bpy_internal/extensions/tags.py")
    known: dict[str, set[str]] = {}
    exec(path.read_text(), known)
    manifest = tomllib.loads((ROOT / "blender_manifest.toml").read_text())
    assert set(manifest["tags"]) <= known["addons"]


@pytest.mark.once
def test_the_client_and_the_worker_run_from_the_wheel(
    wheel: Path, tmp_path: Path, runtime_python: str
) -> None:
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(tmp_path / "site")
    code = (
        f"import sys; sys.path.insert(0, {str(tmp_path / 'site')!r})\n"
        "from onet_core.engine.client import EngineClient\n"
        f"engine = EngineClient({runtime_python!r})\n"
        "print(engine.call('hello').values['missing'], 'torch' in sys.modules)\n"
        "engine.close()\n"
    )
    done = subprocess.run(
        [sys.executable, "-I", "-c", code], capture_output=True, text=True, check=False
    )
    assert done.stdout.strip() == "[] False", done.stderr


def test_it_installs_and_goes_away_cleanly(
    package: Path,
    blender: Blender,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("BLENDER_USER_RESOURCES")
    build_addon.check(package, blender)
    assert "all gone after removal" in capsys.readouterr().out


def test_what_an_addon_leaves_behind_is_found(
    sources: Path, blender: Blender, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("ONET_RUNTIME_PYTHON", raising=False)
    package = build_addon.build(sources, tmp_path, blender)
    expected = r"(?s)drawn in VIEW3D_MT_object.*handler load_post.*property Scene\.onet_left"
    with pytest.raises(Failed, match=expected):
        build_addon.check(package, blender)


def write_runtime_wheels(folder: Path) -> None:
    """Wheels of the right names and versions with nothing in them."""
    folder.mkdir()
    for name, version in build_addon.pins(ROOT).items():
        name = name.replace("-", "_")
        local = "+cpu" if name == "torch" else ""
        wheel = folder / f"{name}-{version}{local}-py3-none-any.whl"
        build_addon.write_zip(wheel, {f"{name}-{version}.dist-info/METADATA": b"Name: x\n"})


@pytest.mark.once
def test_a_full_build_brings_the_runtime(sources: Path, blender: Blender, tmp_path: Path) -> None:
    """Blender's tool accepts it; the wheels are not on the list that Blender installs."""
    (sources / "onet_blender" / "runtime").mkdir()
    shutil.copy(
        ROOT / "onet_blender" / "runtime" / "requirements.txt", sources / "onet_blender" / "runtime"
    )
    wheels = tmp_path / "wheels"
    write_runtime_wheels(wheels)
    package = build_addon.build(sources, tmp_path / "dist", blender, "linux-x64", wheels)
    assert package.name.endswith("-linux-x64.zip")
    with zipfile.ZipFile(package) as archive:
        names = set(archive.namelist())
        manifest = tomllib.loads(archive.read("blender_manifest.toml").decode())
    assert manifest["platforms"] == ["linux-x64"]
    assert len(manifest["wheels"]) == 1
    packed = {name for name in names if name.startswith("wheels-runtime/")}
    assert packed == {f"wheels-runtime/{path.name}" for path in wheels.iterdir()}

    (torch,) = wheels.glob("torch-*.whl")
    needy = b"Name: torch\nRequires-Dist: nvidia-cublas; sys_platform == 'linux'\n"
    build_addon.write_zip(torch, {"torch-1.dist-info/METADATA": needy})
    with pytest.raises(Failed, match="build for NVIDIA cards"):
        build_addon.build(sources, tmp_path / "dist", blender, "linux-x64", wheels)
    torch.unlink()
    with pytest.raises(Failed, match=r"lacks wheels of torch==\d"):
        build_addon.build(sources, tmp_path / "dist", blender, "linux-x64", wheels)


def test_mistakes_are_told_in_one_sentence(
    sources: Path, blender: Blender, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    manifest = sources / "blender_manifest.toml"
    good = manifest.read_text()

    def refused(text: str, message: str) -> None:
        manifest.write_text(text)
        with pytest.raises(Failed, match=message):
            build_addon.build(sources, tmp_path / "dist", blender)

    refused(good.replace('version = "0', 'version = "9'), "differ in the version")
    refused(good.replace("wheels = []", ""), "lacks the line")
    refused(good.replace('type = "add-on"', 'type = "tool"'), "refuses to build")
    manifest.write_text(good)
    (sources / "onet_blender" / "__init__.py").unlink()
    refused(good, "no add-on")
    assert not list((tmp_path / "dist").glob("*"))
    with pytest.raises(Failed, match="no Blender at"):
        Blender.of_executable(str(tmp_path / "blender"))
    monkeypatch.setattr(build_addon.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(Failed, match="--blender"):
        Blender.of_module(tmp_path)
