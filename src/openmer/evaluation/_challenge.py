"""Answers to the questions of the MEGC challenges: read, write, score, and two plain baselines.

ME-VQA and ME-LVQA are JSON lines, each with ``video_id`` (of the question), ``video``, ``question``
and ``answer``; a file of questions has no answers, or empty ones. Other keys are kept. Questions of
ME-VQA ask for the coarse class, the fine-grained class, the action units, whether a unit is shown,
on which side it is, or for all of it. Questions of ME-LVQA are taken as they are: what is scored
and answered by prior does not depend on their words.

References:
    Fan et al. (2025), MEGC2025: Micro-Expression Grand Challenge on Spot Then Recognize and Visual
    Question Answering. Fan et al. (2026), MEGC2026: Micro-Expression Grand Challenge on Visual
    Question Answering. The organisers' program is not public: UF1 and UAR are those of MEGC 2019.
"""

from __future__ import annotations

import json
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from importlib import import_module
from pathlib import Path, PurePosixPath
from typing import Any, Literal

import numpy as np
from pydantic import BaseModel

from openmer.datasets import IMAGE_SUFFIXES, VIDEO_SUFFIXES
from openmer.errors import ConfigError, DataError, reading_file
from openmer.evaluation._metrics import confusion_matrix, uar, uf1
from openmer.files import readable, replace_file, require_same

_SUFFIXES = VIDEO_SUFFIXES | IMAGE_SUFFIXES
QuestionKind = Literal["coarse", "fine", "units", "unit", "side", "all", "other"]

UNIT_NAMES: Mapping[int, str] = {
    1: "inner brow raiser", 2: "outer brow raiser", 4: "brow lowerer", 5: "upper lid raiser",
    6: "cheek raiser", 7: "lid tightener", 9: "nose wrinkler", 10: "upper lip raiser",
    11: "nasolabial deepener", 12: "lip corner puller", 13: "sharp lip puller", 14: "dimpler",
    15: "lip corner depressor", 16: "lower lip depressor", 17: "chin raiser", 18: "lip pucker",
    20: "lip stretcher", 22: "lip funneler", 23: "lip tightener", 24: "lip pressor",
    25: "lips part", 26: "jaw drop", 27: "mouth stretch", 28: "lip suck", 38: "nostril dilator",
    39: "nostril compressor", 43: "eyes closed", 45: "blink",
}  # fmt: skip
"""Names of the Facial Action Coding System, as the challenges write them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """One line of a file.

    Attributes:
        video_id: Id of the question.
        video: What it is about.
        question: Its words.
        answer: "" where it is still to be answered.
        others: Further keys of the line.
    """

    video_id: str
    video: str
    question: str
    answer: str = ""
    others: Mapping[str, Any] = field(default_factory=dict)

    @property
    def kind(self) -> QuestionKind:
        """What is asked."""
        text = " ".join(self.question.lower().split())
        if "based on" in text and "action unit" in text:
            return "all"
        if "left or right" in text:
            return "side"
        if "shown on the face" in text:
            return "unit"
        if "action unit" in text:
            return "units"
        if "coarse" in text:
            return "coarse"
        return "fine" if "fine-grained" in text else "other"


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """What a video shows, as a classifier and action units say it; "" and none are not known."""

    coarse: str = ""
    fine: str = ""
    units: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class AnswerScores:
    """Scores of a file of answers; None where no such question is asked.

    Attributes:
        questions: How many there are.
        unanswered: How many have no answer; each is wrong.
        coarse_uf1: UF1 over the coarse classes that are true of some video; any other answer is
            wrong.
        coarse_uar: UAR likewise.
        fine_uf1: UF1 over the fine-grained classes.
        fine_uar: UAR likewise.
        bleu: Mean BLEU of a sentence over all questions, 0..1.
        rouge1: Mean ROUGE-1 (F-measure) over all questions, 0..1.
    """

    questions: int
    unanswered: int
    coarse_uf1: float | None
    coarse_uar: float | None
    fine_uf1: float | None
    fine_uar: float | None
    bleu: float
    rouge1: float


def read_answers(path: Path) -> tuple[Answer, ...]:
    """Read a file of questions or answers.

    Raises:
        DataError: The file is missing, a line is no JSON object with these keys, or a question
            stands in two lines; the line is named.
    """
    with reading_file(path, "a file of questions", "Expected a JSON object per line."):
        # No other character ends a line of JSON.
        lines = path.read_text(encoding="utf-8-sig").split("\n")
    found: dict[str, Answer] = {}
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        one = _answer(line, f"{path} line {number}")
        if found.setdefault(one.video_id, one) is not one:
            raise DataError(f"{path} line {number}: {one.video_id} stands in two lines.")
    if not found:
        raise DataError(f"{path} holds no question. Expected a JSON object per line.")
    return tuple(found.values())


def write_answers(path: Path, answers: Iterable[Answer]) -> None:
    """Write a file of answers, a JSON object per line, all of it or nothing.

    Raises:
        DataError: The file is there already with other content, or cannot be written.
    """
    lines = [
        json.dumps(
            {**one.others, "video_id": one.video_id, "video": one.video, "question": one.question,
             "answer": one.answer},
            ensure_ascii=False,
        )
        for one in answers
    ]  # fmt: skip
    content = readable("".join(f"{line}\n" for line in lines)).encode()
    require_same(path, content)
    replace_file(path, content)


class Predicted(BaseModel):
    """What is read of a prediction that `openmer predict --json` prints."""

    input: str
    likeliest: str | None = None
    action_units: list[int] = []


def video_name(path: str) -> str:
    """Return the last part of a path, without the ending of a video or image."""
    name = PurePosixPath(path.replace("\\", "/")).name
    suffix = PurePosixPath(name).suffix
    return name.removesuffix(suffix) if suffix.lower() in _SUFFIXES else name


def read_predicted(path: Path) -> dict[str, Predicted]:
    """Read what a model says of videos, by the name of the video.

    Args:
        path: What `openmer predict --json` printed.

    Raises:
        DataError: It is something else, or two videos have one name.
    """
    with reading_file(path, "what openmer predict --json prints", "Write it again."):
        told = json.loads(path.read_text(encoding="utf-8"))["predictions"]
        found = [Predicted.model_validate(one, strict=True) for one in told]
        named = {video_name(one.input): one for one in found}
    if len(named) < len(found):
        raise DataError(f"{path}: two inputs have one name. Give each video a name of its own.")
    return named


def score_answers(truth: Sequence[Answer], said: Sequence[Answer]) -> AnswerScores:
    """Score answers to the questions of `truth`, found by their ids.

    Raises:
        ConfigError: The extra ``challenge`` is not installed.
        DataError: No question of `truth` has an answer; or one has none in `said`, which answers
            what `truth` does not ask.
    """
    given = {one.video_id: one.answer.strip().lower() for one in said}
    asked = [one for one in truth if one.answer.strip()]
    if not asked:
        raise DataError("Found no true answer to any question. Give the answered file.")
    others = sorted(given.keys() - {one.video_id for one in truth})
    lost = [one.video_id for one in asked if one.video_id not in given]
    if others and lost:
        raise DataError(
            f"{len(lost)} questions have no answer, such as {lost[0]!r}, and {len(others)} answers "
            f"are to none of the questions, such as {others[0]!r}. Write video_id alike in both "
            "files, or leave these answers out."
        )
    pairs = [(one, one.answer.strip().lower(), given.get(one.video_id, "")) for one in asked]
    classes = {}
    for kind in ("coarse", "fine"):
        own = [(true, answer) for one, true, answer in pairs if one.kind == kind]
        classes[f"{kind}_uf1"], classes[f"{kind}_uar"] = _class_scores(own)
    bleu, rouge = _texts([(true, answer) for _, true, answer in pairs])
    return AnswerScores(
        questions=len(pairs),
        unanswered=sum(not answer for *_, answer in pairs),
        bleu=bleu,
        rouge1=rouge,
        **classes,
    )


def answer_by_prior(questions: Sequence[Answer], known: Sequence[Answer]) -> tuple[Answer, ...]:
    """Answer every question without a look at its video: by the most frequent answer to its words.

    What an answer is worth shows beside this one. Questions whose words nobody asked before get the
    most frequent answer to their kind.

    Args:
        questions: What is asked.
        known: Answered questions about other videos.

    Raises:
        DataError: None of these has an answer.
    """
    by_words: dict[str, Counter[str]] = defaultdict(Counter)
    by_kind: dict[str, Counter[str]] = defaultdict(Counter)
    for one in known:
        if one.answer.strip():
            by_words[one.question.lower()][one.answer] += 1
            by_kind[one.kind][one.answer] += 1
    if not by_words:
        raise DataError("Found no answered question to learn a prior from.")
    every = sum(by_kind.values(), Counter[str]())
    answers = []
    for one in questions:
        counts = by_words.get(one.question.lower()) or by_kind.get(one.kind) or every
        most = min(counts, key=lambda answer: (-counts[answer], answer))
        answers.append(replace(one, answer=most))
    return tuple(answers)


def answer_by_template(
    questions: Sequence[Answer], shown: Mapping[str, Shown], prior: Sequence[Answer]
) -> tuple[Answer, ...]:
    """Answer by what a classifier and action units say of each video, in the challenges' words.

    Args:
        questions: What is asked.
        shown: By `Answer.video`.
        prior: Answers from `answer_by_prior`, for what `shown` does not say.
    """
    otherwise = {one.video_id: one.answer for one in prior}
    answers = []
    for one in questions:
        found = _in_words(one, shown.get(one.video, Shown()))
        answers.append(replace(one, answer=found or otherwise.get(one.video_id, "")))
    return tuple(answers)


def _in_words(one: Answer, shown: Shown) -> str:
    names = ", ".join(UNIT_NAMES.get(unit, f"AU{unit}") for unit in shown.units)
    if one.kind == "coarse":
        return shown.coarse
    if one.kind == "fine":
        return shown.fine
    if one.kind == "units":
        return names
    if one.kind == "unit":
        asked = re.search(r"action unit (.+?) (?:is )?shown", one.question.lower())
        return _yes_or_no(asked.group(1), names) if asked and names else ""
    if one.kind == "all" and names and shown.fine and shown.coarse:
        verb = "units present are" if len(shown.units) > 1 else "unit present is"
        return (
            f"The action {verb}: {names}. Therefore, the fine-grained expression class is "
            f"{shown.fine}, and the coarse expression class is {shown.coarse}."
        )
    return ""


def _yes_or_no(name: str, shown: str) -> str:
    return "yes" if name in shown.split(", ") else "no"


def _answer(line: str, place: str) -> Answer:
    try:
        found = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise DataError(f"{place} is no JSON: {error}.") from error
    wanted = ("video_id", "video", "question")
    if not isinstance(found, dict) or any(not isinstance(found.get(n), str) for n in wanted):
        raise DataError(f"{place}: expected an object with the texts {', '.join(wanted)}.")
    answer = found.get("answer")
    if not isinstance(answer, str | None):
        raise DataError(f"{place}: found the answer {answer!r}, expected a text.")
    others = {name: value for name, value in found.items() if name not in (*wanted, "answer")}
    return Answer(**{name: found[name] for name in wanted}, answer=answer or "", others=others)


def _class_scores(pairs: Sequence[tuple[str, str]]) -> tuple[float | None, float | None]:
    """UF1 and UAR over the true classes; a last class takes the answers that are none of them."""
    if not pairs:
        return None, None
    classes = sorted({true for true, _ in pairs})
    place = {name: i for i, name in enumerate(classes)}
    truth = np.array([place[true] for true, _ in pairs])
    found = np.array([place.get(answer, len(classes)) for _, answer in pairs])
    counts = confusion_matrix(truth, found, num_classes=len(classes) + 1)
    return float(uf1(counts)), float(uar(counts))


def _texts(pairs: Sequence[tuple[str, str]]) -> tuple[float, float]:
    """Return the mean BLEU of a sentence and the mean ROUGE-1."""
    try:
        bleu, rouge = import_module("sacrebleu"), import_module("rouge_score.rouge_scorer")
    except ImportError as error:
        raise ConfigError(
            "Scores of answers need the packages sacrebleu and rouge-score. Install the extra: "
            "pip install 'openmer[challenge]'."
        ) from error
    scorer = rouge.RougeScorer(["rouge1"], use_stemmer=True)
    sentences = [bleu.sentence_bleu(said, [true]).score / 100 for true, said in pairs]
    words = [scorer.score(true, said)["rouge1"].fmeasure for true, said in pairs]
    return float(np.mean(sentences)), float(np.mean(words))
