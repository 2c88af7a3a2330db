"""Errors and results speak Blender's language."""

from __future__ import annotations

import ast
import string
from collections.abc import Iterator
from pathlib import Path

import bpy
import pytest

import onet_blender
import onet_core
from onet_blender.languages import translate
from onet_blender.languages.german_damage import OF_DAMAGE
from onet_blender.languages.german_files import OF_FILES
from onet_blender.languages.german_inputs import OF_THE_INPUTS
from onet_blender.languages.german_library import OF_THE_LIBRARY
from onet_blender.languages.german_movement import OF_FOLLOWING, OF_MOVING_OBJECTS
from onet_blender.languages.german_sentences import OWN
from onet_blender.languages.translate import translated
from onet_blender.languages.translations import GERMAN
from onet_blender.runtime.install import MEANINGS
from onet_core import errors
from onet_core.engine.process import KILLED
from onet_core.errors import Damage, InputError, OnetError
from onet_core.kinds import KINDS
from onet_core.sentences import Sentence

EXTENSION, LIBRARY = Path(onet_blender.__file__).parent, Path(onet_core.__file__).parent
# Work without a window speaks English, like the command line.
CONSOLE = {
    "batch.py", "batch_job.py", "options.py", "command_line.py", "export.py", "picture_inputs.py",
}  # fmt: skip
ERRORS = {
    name
    for name, cls in vars(errors).items()
    if isinstance(cls, type) and issubclass(cls, OnetError)
}
# Calls that begin with a template, and the arguments that the template has no part in.
MAKING = {*ERRORS, "SetupError", "Sentence", "refuse", "sentence", "noting"}
# Calls that show texts to the user.
SHOWING = {"report", "poll_message_set", "draw_text", "tell"}


def called(node: ast.Call) -> str:
    return node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")


def calls(folder: Path, names: set[str]) -> Iterator[tuple[str, ast.Call]]:
    """Where in a folder's modules these are called; console tools and tables left out."""
    for path in sorted(folder.rglob("*.py")):
        if path.name in CONSOLE or path.parent.name in ("cli", "languages"):
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and called(node) in names:
                yield f"{path.relative_to(folder.parent)}:{node.lineno}", node


def constants(nodes: list[ast.expr]) -> Iterator[str]:
    for node in nodes:
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value


def fields(template: str) -> list[tuple[str, str, str | None]]:
    """Name, format and conversion of what is filled in, in their order."""
    parts = string.Formatter().parse(template)
    return [(name, spec or "", kind) for _, name, spec, kind in parts if name is not None]


def has_words(template: str) -> bool:
    parts = string.Formatter().parse(template)
    return any(letter.isalpha() for words, *_ in parts for letter in words)


def sentences_of(folder: Path) -> set[str]:
    """The templates and texts of a folder's modules that reach the user."""
    found = {text for _, node in calls(folder, MAKING) for text in constants(node.args[:1])}
    if folder == EXTENSION:
        found |= {text for _, node in calls(folder, SHOWING) for text in constants(node.args)}
        found |= {template for _, template in MEANINGS}
    else:
        found |= {kind.phrase for kind in KINDS}
    return {text for text in found if has_words(text) and not text.isupper()}


@pytest.mark.once
def test_sentences_are_templates() -> None:
    """None is filled in where it is made; what is filled in has its values beside it."""
    for folder in (EXTENSION, LIBRARY):
        for place, node in calls(folder, MAKING | SHOWING):
            inner = [part for argument in node.args for part in ast.walk(argument)]
            assert not any(isinstance(part, ast.JoinedStr) for part in inner), place
            if called(node) in MAKING and node.args:
                for template in constants(node.args[:1]):
                    given = {keyword.arg for keyword in node.keywords}
                    assert given == {name for name, *_ in fields(template)} or not given, place


@pytest.mark.once
@pytest.mark.parametrize("folder", [EXTENSION, LIBRARY], ids=["extension", "library"])
def test_every_sentence_has_a_german_one(folder: Path) -> None:
    found = sentences_of(folder)
    assert len(found) > 100
    assert sorted(found - set(GERMAN)) == []


@pytest.mark.once
@pytest.mark.parametrize(
    ("table", "folder"),
    [
        (OWN | OF_MOVING_OBJECTS, EXTENSION),
        (OF_THE_LIBRARY | OF_THE_INPUTS | OF_FILES | OF_DAMAGE | OF_FOLLOWING, LIBRARY),
    ],
    ids=["extension", "library"],
)
def test_every_german_sentence_is_one_that_is_told(table: dict[str, str], folder: Path) -> None:
    assert sorted(set(table) - sentences_of(folder)) == []


@pytest.mark.once
def test_templates_can_be_filled() -> None:
    for english, german in GERMAN.items():
        names = sorted(fields(english))
        assert ("", "", None) not in names
        assert names == sorted(fields(german))


@pytest.fixture
def german(monkeypatch: pytest.MonkeyPatch) -> None:
    """As where Blender speaks German: as a module it has no languages."""
    monkeypatch.setattr(translate, "pgettext_iface", lambda text: GERMAN.get(text, text))


def test_sentences_are_translated_before_they_are_filled_in(german: None) -> None:
    animated = (
        "The picture {name} is animated: save the frame that you want as a picture of its own."
    )
    result = "{name}: {faces:,} faces in {seconds:.1f} s with the model {model!r}"
    end = Sentence("The worker process stopped unexpectedly: {reason}.", reason=KILLED)
    missing = InputError("There is no file {path}.", path="/x")
    damage = Damage("it announces {rows:,} rows and holds {held:,}", rows=9000, held=7)
    for sentence, known in (
        (
            Sentence(animated, name="a {b}: c"),
            "Das Bild a {b}: c ist animiert: das gewünschte Einzelbild als eigenes Bild speichern.",
        ),
        (
            Sentence(result, name="Car", faces=1234, seconds=0.5, model="car"),
            "Car: 1,234 Flächen in 0.5 s mit dem Modell 'car'",
        ),
        (
            Sentence("{end} Its log ({path}) ends with: {log}", end=end, path="/a: b", log="c."),
            "Der Arbeitsprozess hielt unerwartet an: er wurde beendet, vielleicht weil der "
            "Speicher voll war; eine niedrigere Auflösung versuchen. Sein Protokoll (/a: b) endet "
            "mit: c.",
        ),
        (
            InputError("{name}: {reason}", name="morph", reason=missing).sentence,
            "morph: Es gibt keine Datei /x.",
        ),
        (
            InputError(
                "{name} is damaged or not an OFF file: {reason}.", name="a.off", reason=damage
            ).sentence,
            "a.off ist beschädigt oder keine OFF-Datei: sie kündigt 9,000 Zeilen an und enthält 7.",
        ),
        (Sentence("Fetching {name}", name="numpy"), "Holt numpy"),
        (Sentence(""), ""),
        (Sentence("Nobody has said this before"), "Nobody has said this before"),
    ):
        assert translated(sentence) == known
    assert translated("Smoothing") == "Glättet"
    with pytest.raises(RuntimeError, match="Kein Objekt ist gewählt"):
        bpy.ops.onet.reconstruct(kind="POINTS")


@pytest.mark.once
def test_in_english_all_stays_as_it_is() -> None:
    for text in GERMAN:
        values = {name: 1 if spec else "x" for name, spec, _ in fields(text)}
        assert translated(Sentence(text, **values)) == str(Sentence(text, **values))
