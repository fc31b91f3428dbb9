"""The card of a model: what a reader should know before using it."""

from __future__ import annotations

from openmer.deployment.record import ModelRecord, TrainedOn
from openmer.methods import Method


def card_text(record: ModelRecord, method: Method) -> str:
    """A page of Markdown."""
    parts = [
        f"# {record.title}",
        f"A model of the method `{record.method}`, trained with OpenMER "
        f"{record.versions['openmer']}. Paper of the method: {method.paper}.",
        "## What it gives",
        f"One score for each of the classes {', '.join(record.classes)} (label scheme "
        f"`{record.label_scheme}`): {record.meaning}.",
        *([method.note] if method.note else []),
        "## How far to trust it",
        record.caution,
        _about_estimate(record),
        "Corpora of micro-expressions are small and come from laboratories. A class is a guess "
        "about the look of a face, not about what a person feels or intends, and no ground for any "
        "decision about a person.",
        "## Trained on",
        _trained_on(record.trained_on),
        f"Seed {record.seed}, epoch rule {record.epoch_rule}"
        + (f", weights of epoch {record.epoch}." if record.epoch else "."),
        "The terms of these corpora hold for the model, too: most allow research only.",
        "## Use",
        "```bash\nopenmer predict CLIP_FOLDER --model THIS_FOLDER\n"
        "openmer export THIS_FOLDER --out model.onnx\n```",
    ]
    return "\n\n".join(parts) + "\n"


def _about_estimate(record: ModelRecord) -> str:
    if record.estimate is None:
        return "Judge the method with `openmer evaluate` before relying on it."
    return (
        "The estimate is of this way of training, on the same clips, each person tested by a model "
        "that has not seen that person. This model has seen all of them: scores on these persons "
        "say nothing."
    )


def _trained_on(trained: TrainedOn) -> str:
    lines = [
        f"- {corpus}: {count.clips} clips of {count.persons} persons"
        for corpus, count in trained.corpora.items()
    ]
    lines += [f"- {name}: {count} clips" for name, count in trained.classes.items()]
    if trained.chose_epoch:
        lines.append(f"- of these clips {trained.chose_epoch} only chose the epoch")
    if trained.failures:
        lines.append(f"- left out, because they could not be prepared: {trained.failures} clips")
    return "\n".join(lines) or f"{trained.what[:1].upper()}{trained.what[1:]}."
