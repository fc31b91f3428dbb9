"""The card of a model: what a reader should know before using it."""

from __future__ import annotations

from openmer.deployment._record import ModelRecord, TrainedOn
from openmer.evaluation import Calibration
from openmer.methods import Method
from openmer.reports import Table, markdown_table


def card_text(record: ModelRecord, method: Method) -> str:
    """Write the model card, a page of Markdown."""
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
        "about the look of a face, not about what anybody feels or intends, and no ground for any "
        "decision about a person.",
        "## How sure it is",
        _about_confidence(record.calibration),
        "## Trained on",
        _trained_on(record.trained_on),
        f"Seed {record.seed}, epoch rule {record.epoch_rule}"
        + (f", weights of epoch {record.epoch}." if record.epoch else "."),
        "The terms of these corpora hold for the model, too: most allow research only.",
        *([record.note] if record.note else []),
        "## Use",
        "For research, on people who have given their informed consent. Not for covert use, and "
        "not for decisions about people: not in hiring, policing, border control, insurance or "
        "grading.",
        "```bash\nopenmer predict CLIP_FOLDER --model THIS_FOLDER\n"
        "openmer export THIS_FOLDER --out model.onnx\n```",
    ]
    return "\n\n".join(parts) + "\n"


def _about_estimate(record: ModelRecord) -> str:
    if record.estimate is None:
        return "Evaluate the method with `openmer evaluate` before relying on it."
    return (
        "The estimate is of this way of training, on the same clips. Each subject is tested by one "
        "that has not seen that subject. This model has seen all of them: scores on these subjects "
        "say nothing."
    )


def _about_confidence(found: Calibration | None) -> str:
    if found is None:
        return "Its scores are not calibrated: take none of them for a probability."
    rule = "where no threshold made enough of the answers right, one half is taken"
    if found.target is not None:
        rule = f"chosen so that {found.target:.0%} of the answers are right"
    rows = tuple(
        (name, f"{errors.ece:.3f}", f"{errors.brier:.3f}", f"{errors.nll:.3f}")
        for name, errors in (("before", found.before), ("after", found.after))
    )
    columns = ("calibration", f"ECE, {found.bins} bins", "Brier score", "NLL")
    others, left_out = "subjects who were", "each"
    if found.held_out == "corpus":
        others, left_out = "a corpus that was", "their corpus"
    words = f"temperature {found.temperature:.3f}"
    if found.class_temperatures:
        words = (
            f"temperatures {', '.join(f'{one:.3f}' for one in found.class_temperatures)} (of the "
        )
        words += "class of the largest score)"
    parts = [
        f"Its confidence is a softmax at {words}, fitted on the {found.clips} clips of "
        f"{found.subjects} subjects while {left_out} was held out. Errors on {others} in neither "
        "the training nor the fit:",
        markdown_table(Table("", columns, rows, align="lrrr")),
        f"Below a confidence of {found.abstain_below:.2f} it says no class ({rule}). Measured on "
        f"each {found.held_out} by the threshold of the others: {found}.",
        "This holds for clips like these, with the classes in these shares. Elsewhere, and above "
        "all where mostly nothing is expressed, the confidence is not calibrated.",
    ]
    return "\n\n".join(parts)


def _trained_on(trained: TrainedOn) -> str:
    lines = [
        f"- {corpus}: {count.clips} clips of {count.subjects} subjects"
        for corpus, count in trained.corpora.items()
    ]
    lines += [f"- {name}: {count} clips" for name, count in trained.classes.items()]
    if trained.chose_epoch:
        lines.append(f"- of these clips {trained.chose_epoch} only chose the epoch")
    if trained.failures:
        lines.append(f"- left out, because they could not be prepared: {trained.failures} clips")
    return "\n".join(lines) or f"{trained.what[:1].upper()}{trained.what[1:]}."
