"""``openmer challenge``: answer the questions of the MEGC challenges, and score answers."""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from openmer import evaluation, reports
from openmer.cli._console import errors, output
from openmer.cli._options import Json

if TYPE_CHECKING:
    from openmer.evaluation import Predicted

app = typer.Typer(help="Answer the questions of the MEGC challenges, and score answers.")
_Train = Annotated[
    Path | None,
    typer.Option("--train", metavar="JSONL", help="Answered questions about other videos."),
]
_SHOWN = 5
_Predictions = typer.Option(metavar="JSON", help="From `openmer predict --json`.")


@app.command()
def answer(
    questions: Annotated[Path, typer.Argument(help="Questions as JSON lines.")],
    train: Annotated[
        Path, typer.Option("--train", metavar="JSONL", help="Answered questions to learn from.")
    ],
    out: Annotated[Path, typer.Option("--out", metavar="JSONL", help="The answers.")],
    coarse: Annotated[Path | None, _Predictions] = None,
    fine: Annotated[Path | None, _Predictions] = None,
) -> None:
    """Answer by what models say of each video; what they do not say, by the prior of the questions.

    Without --coarse and --fine all answers are the prior: the most frequent answer to the words of
    a question. Videos are found by the last part of the names of the inputs, without the
    ending of a video or image.
    """
    asked = evaluation.read_answers(questions)
    prior = evaluation.answer_by_prior(asked, evaluation.read_answers(train))
    by_coarse, by_fine = _read(coarse), _read(fine)
    for text in _lacking(
        {evaluation.video_name(one.video) for one in asked}, {*by_coarse, *by_fine}
    ):
        errors.print(text, highlight=False, soft_wrap=True)
    shown = {}
    for video in {one.video for one in asked}:
        first, second = (
            by.get(evaluation.video_name(video), evaluation.Predicted(input=""))
            for by in (by_coarse, by_fine)
        )
        shown[video] = evaluation.Shown(
            coarse=first.likeliest or "",
            fine=second.likeliest or "",
            units=tuple(first.action_units or second.action_units),
        )
    answers = evaluation.answer_by_template(asked, shown, prior)
    evaluation.write_answers(out, answers)
    alone = sum(not one.answer for one in evaluation.answer_by_template(asked, shown, ()))
    text = f"{out}: {len(answers)} answers, {alone} of them by prior alone"
    errors.print(text, soft_wrap=True)


@app.command()
def score(
    truth: Annotated[Path, typer.Argument(help="The true answers.")],
    answers: Annotated[Path, typer.Argument(help="The answers.")],
    train: _Train = None,
    as_json: Json = False,
) -> None:
    """Score answers; with --train, beside what answers without a look at the videos score."""
    true = evaluation.read_answers(truth)
    rows = {"answers": evaluation.score_answers(true, evaluation.read_answers(answers))}
    if train is not None:
        prior = evaluation.answer_by_prior(true, evaluation.read_answers(train))
        rows["prior alone"] = evaluation.score_answers(true, prior)
    if as_json:
        typer.echo(json.dumps({name: asdict(found) for name, found in rows.items()}))
    else:
        output.print(reports.terminal_table(reports.answers_table(rows)))


def _lacking(asked: set[str], told: set[str]) -> Iterator[str]:
    """Say which videos nothing is predicted of, and which prediction is near by its name."""
    lost = sorted(asked - told) if told else []
    others = {name.casefold(): name for name in sorted(told - asked)}
    for name in lost[:_SHOWN]:
        near = difflib.get_close_matches(name.casefold(), others, n=1)
        hint = f" {others[near[0]]!r}, which is near, is asked about nowhere." if near else ""
        yield f"Nothing is predicted of the video {name!r}.{hint}"
    if len(lost) > _SHOWN:
        yield f"Nothing is predicted of {len(lost) - _SHOWN} other videos."


def _read(path: Path | None) -> Mapping[str, Predicted]:
    return {} if path is None else evaluation.read_predicted(path)
