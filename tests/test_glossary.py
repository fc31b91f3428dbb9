"""One name for one thing: the field's words stand in names, docstrings, messages and pages."""

import ast
import re

import pytest

from tests.test_documentation import ROOT, pages

# Words that stood here once -> the word of the field. A word counts in any form of a name:
# `heat_map`, `HeatMap`, `_heat_map`.
NAMES = {
    "anew": "again, is_restarted",
    "astray": "drift",
    "at_once": "parallel, batch, per_batch",
    "desk": "sessions",
    "door": "security middleware",
    "film": "video",
    "films": "videos",
    "cut_of": "frozen prefix",
    "heat": "saliency",
    "heated": "saliency",
    "judge": "evaluate",
    "judged": "evaluated",
    "likeness": "similarity",
    "machine": "svm, classifier",
    "passes_of": "stages",
    "mirror": "flip",
    "mirrored": "flipped",
    "person": "subject",
    "persons": "subjects",
    "still": "image, frozen",
    "stills": "images",
    "treatments": "preprocessing",
    "unrest": "noise",
    "watched": "validation",
    "watcher": "monitor",
}
# Of one room alone: tables have rows, and an audit has findings.
ROOMS = {
    "app": {"findings": "results"},
}
PROSE = {
    r"anew": "again; of weights: reinitialised",
    r"astray": "drifted",
    r"desks?": "sessions",
    r"films?": "video",
    r"heat(?:[ -]?maps?|s)?": "saliency, saliency map",
    r"judg(?:e|es|ed|ing)": "evaluate",
    r"likeness": "similarity",
    r"mirror(?:s|ed|ing)?": "flip",
    r"persons": "subjects",
    r"stills": "images",
    r"an? still(?= image|[.,;:])": "an image",
    r"treatments": "preprocessing",
    r"unrest": "noise",
    r"watched (?:score|epoch|clips?|accuracy)": "validation score",
}
_PROSE = re.compile(rf"\b(?:{'|'.join(PROSE)})\b", re.IGNORECASE)
# Words that seed random generators never change: every number ever measured hangs on them.
SEEDS = {"inner persons", "search persons", "validation persons", "stills"}

SOURCES = sorted((ROOT / "src").rglob("*.py"))


def words_of(name):
    """Return a name as its words in small letters: "FrameSequence" is "_frame_sequence_"."""
    return f"_{re.sub(r'(?<=[a-z0-9])(?=[A-Z])', '_', name).lower().strip('_')}_"


def names_of(tree):
    """Yield the line and the name of all that a module defines or assigns."""
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            yield node.lineno, node.name
        elif isinstance(node, ast.arg):
            yield node.lineno, node.arg
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield node.lineno, node.id
        elif isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store):
            yield node.lineno, node.attr


def wrong_names(source, room=""):
    """List the line, the name and the right word of each name of ours."""
    return [
        f"{line}: {name}: say {right}"
        for line, name in names_of(ast.parse(source))
        for ours, right in {**NAMES, **ROOMS.get(room, {})}.items()
        if f"_{ours}_" in words_of(name)
    ]


def wrong_words(text, first_line=1):
    """List the line, the word and the right word of each word of ours in a text."""
    return [
        f"{first_line + text.count(chr(10), 0, found.start())}: {found[0]}: say {right_word(found)}"
        for found in _PROSE.finditer(text)
    ]


def right_word(found):
    """Return the field's word for what was found."""
    return next(
        right
        for pattern, right in PROSE.items()
        if re.match(rf"{pattern}\b", found.string[found.start() :], re.IGNORECASE)
    )


def texts_of(source):
    """Yield the line and the text of every docstring, message and other text of a module."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.lineno, node.value


def as_lines(path, found):
    return "\n".join(f"{path.relative_to(ROOT)}:{each}" for each in found)


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT / "src")))
def test_names_docstrings_and_messages_say_the_fields_words(path):
    source = path.read_text(encoding="utf-8")
    found = wrong_names(source, path.relative_to(ROOT / "src" / "openmer").parts[0])
    for line, text in texts_of(source):
        if text not in SEEDS:
            found += wrong_words(text, line)
    assert not found, as_lines(path, found)


@pytest.mark.parametrize("path", pages(), ids=lambda path: str(path.relative_to(ROOT)))
def test_pages_say_the_fields_words(path):
    text = re.sub(r"`[^`\n]*`", "", path.read_text(encoding="utf-8"))  # no code within a line
    found = wrong_words(text)
    assert not found, as_lines(path, found)


def test_a_wrong_word_is_named_with_its_line_and_the_right_one():
    source = '"""Faces.\n\nA heat map of persons."""\n\ndef film_of(heatMap, still): ...\n'
    assert wrong_names(source) == [
        "5: film_of: say video", "5: heatMap: say saliency", "5: still: say image, frozen",
    ]  # fmt: skip
    [(line, text)] = texts_of(source)
    assert wrong_words(text, line) == [
        "3: heat map: say saliency, saliency map", "3: persons: say subjects",
    ]  # fmt: skip
    assert wrong_names("findings = 1\n", "app") == ["1: findings: say results"]
    assert not wrong_names("findings = 1\n", "evaluation")
    assert not wrong_names("def is_distilled(filmed, personal): ...\n")
