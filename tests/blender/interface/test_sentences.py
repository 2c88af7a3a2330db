"""What is told of errors and results is told in Blender's language."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import bpy
import pytest

import onet_blender
import onet_core
from onet_blender.languages import sentences
from onet_blender.languages.german_sentences import OF_THE_WORKER, OWN
from onet_blender.languages.sentences import translated
from onet_blender.languages.translations import GERMAN
from onet_core.engine.client import FATES

SOURCES = Path(onet_blender.__file__).parent
# Work without a window speaks English, like the command line.
CONSOLE = {"batch.py", "batch_job.py", "options.py", "command_line.py"}
ERRORS = {"InputError", "EngineError", "OnetError", "ModelError", "SetupError"}
SAYING = {"report", "poll_message_set", "tell", "refuse", "draw_text"}
# What these functions make is told as it is.
TELLING = {
    "finish", "finish_in_pieces", "summary", "sentences", "describe", "in_words", "linked",
    "what_is_missing", "problem",
}  # fmt: skip
WORDS = re.compile(r"[a-z]{2,} \(?[a-z]{2,}")


def templates(node: ast.AST) -> Iterator[str]:
    """The texts of an expression, "{}" for what is filled in."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        yield node.value
    elif isinstance(node, ast.JoinedStr):
        parts = [part.value if isinstance(part, ast.Constant) else "{}" for part in node.values]
        yield "".join(map(str, parts))
    else:
        for inner in ast.iter_child_nodes(node):
            yield from templates(inner)


def sources(folder: Path) -> list[ast.Module]:
    return [
        ast.parse(path.read_text(encoding="utf-8"))
        for path in sorted(folder.rglob("*.py"))
        if path.name not in CONSOLE and "german" not in path.name
    ]


def called(node: ast.Call) -> str:
    return node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")


def told(tree: ast.Module) -> Iterator[str]:
    """The sentences of a module that reach the user."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Raise) and isinstance(node.exc, ast.Call):
            if called(node.exc) in ERRORS:
                yield from templates(node.exc)
        elif isinstance(node, ast.Call) and called(node) in SAYING:
            yield from templates(node)
        elif isinstance(node, ast.FunctionDef) and node.name in TELLING:
            for inner in ast.walk(node):
                if isinstance(inner, ast.Return) and inner.value is not None:
                    yield from templates(inner.value)


def pattern(template: str) -> re.Pattern[str]:
    return re.compile(".*".join(map(re.escape, template.split("{}"))), re.DOTALL)


def filled(template: str) -> str:
    return re.sub(r"\{\w+\}", "x", template)


def test_every_sentence_has_a_german_one() -> None:
    found = {text for tree in sources(SOURCES) for text in told(tree) if WORDS.search(text)}
    assert len(found) > 70
    known = [filled(text) for text in GERMAN]
    missing = [text for text in found if not any(pattern(text).fullmatch(one) for one in known)]
    assert not missing


@pytest.mark.parametrize(
    ("table", "folder"), [(OWN, SOURCES), (OF_THE_WORKER, Path(onet_core.__file__).parent)]
)
def test_every_german_sentence_is_one_that_is_told(table: dict[str, str], folder: Path) -> None:
    texts = {text for tree in sources(folder) for text in templates(tree)}
    texts = {re.sub(r"\{\w+\}", "{}", text) for text in texts if re.search("[a-z]{2}", text)}
    said = [pattern(text) for text in (*texts, "{}: {}")]
    for text in table:
        # Some consist of a sentence and of what may follow it.
        parts = re.split(r"(?<=[.x]) (?=[A-Z0-9x])", filled(text))
        assert any(one.fullmatch(part) for one in said for part in (filled(text), *parts)), text


@pytest.fixture
def german(monkeypatch: pytest.MonkeyPatch) -> None:
    """As where Blender speaks German: as a module it has no languages."""
    monkeypatch.setattr(sentences, "pgettext_iface", lambda text: GERMAN.get(text, text))


def test_sentences_are_found_by_their_templates(german: None) -> None:
    killed = f"The worker process stopped unexpectedly: {FATES[-9]}. Its log (/a: b) ends with: c."
    for english, known in {
        "The picture a {b}: c is animated: save the frame that you want as a picture of its own.":
            "Das Bild a {b}: c ist animiert: das gewünschte Einzelbild als eigenes Bild speichern.",
        "97 % of the points lie within 1 % of the size":
            "97 % der Punkte liegen näher als 1 % der Größe",
        "Car: 1,234 faces in 0.5 s with the model 'car'":
            "Car: 1,234 Flächen in 0.5 s mit dem Modell 'car'",
        "2 shapes: 9 faces in 0.5 s with the model 'a'. 1 of the seeds have no surface and were "
        "left out": "2 Formen: 9 Flächen in 0.5 s mit dem Modell 'a'. 1 der Startwerte haben keine "
            "Oberfläche und wurden weggelassen",
        "a, b were not made by a model with a latent space: select generated objects.":
            "a, b stammen nicht von einem Modell mit Codes: erzeugte Objekte auswählen.",
        killed: "Der Arbeitsprozess hielt unerwartet an: er wurde beendet, vielleicht weil der "
            "Speicher voll war; eine niedrigere Auflösung versuchen. Sein Protokoll (/a: b) endet "
            "mit: c.",
        "morph: There is no file /x.": "morph: Es gibt keine Datei /x.",
        "Fetching numpy": "Holt numpy",
        "": "",
        "Nobody has said this before": "Nobody has said this before",
    }.items():  # fmt: skip
        assert translated(english) == known
    with pytest.raises(RuntimeError, match="Kein Objekt ist gewählt"):
        bpy.ops.onet.reconstruct(kind="POINTS")


def test_in_english_all_stays_as_it_is() -> None:
    for text in GERMAN:
        assert translated(filled(text)) == filled(text)


def test_templates_can_be_filled() -> None:
    for english, german in GERMAN.items():
        names = re.findall(r"\{(\w*)\}", english)
        assert "" not in names
        assert sorted(names) == sorted(re.findall(r"\{(\w*)\}", german))
        assert sentences._pattern(english).fullmatch(filled(english))
