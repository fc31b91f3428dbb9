"""The model card of pretrained weights as Markdown, and what it says of their limits."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from openmer.reports import Table, escape_markdown, markdown_table

_USE = (
    "For research: to begin the training of a micro-expression model with.",
    "An expression is not an emotion. The classes name what annotators saw in a picture, not what "
    "a subject felt, meant or hid.",
    "Not for covert use, and not for decisions about people.",
)


def limits_of(card: Mapping[str, Any]) -> dict[str, list[str]]:
    """Write what the weights are for, and what a reader of their scores has to know.

    Args:
        card: As `openmer.pretraining._run.make_card` has it so far.
    """
    data = card["data"]
    limits = [
        "The scores are of plain expressions in single pictures; they say nothing about "
        "micro-expressions.",
        f"The {_total(data['validation']):,} validation images chose the epoch, too, so the scores "
        "are slightly optimistic. No further images were set apart.",
        "Nobody is on both sides of the split where a corpus names subjects."
        if data["subjects_named"]
        else "The images name nobody: the same subject may be on both sides of the split.",
    ]
    if "fer2013" in data["corpora"]:
        limits.append(
            "FER2013 holds near-duplicates, which may lie on both sides of the split, and many "
            "labels that people would not agree on."
        )
    limits += _who(card["subjects"], data["corpora"])
    if data["unsure"]:
        limits.append(f"Where the paper leaves the data open: {data['unsure']}")
    return {"use": list(_USE), "limits": limits}


def _who(subjects: Mapping[str, Sequence[str]], corpora: Mapping[str, Any]) -> list[str]:
    """Where `openmer audit` can find a tested subject among those of the images, and where not."""
    texts = []
    if subjects["named"]:
        texts.append(
            f"The ids of {len(subjects['named']):,} subjects are kept in the file: openmer audit "
            "finds them among those that a method is tested on."
        )
    blind = [corpora[name]["title"] if name in corpora else name for name in subjects["unnamed"]]
    if blind or subjects["unknown"]:
        texts.append(
            f"Whether a tested subject is among the images cannot be told of "
            f"{', '.join([*blind, *subjects['unknown']])}: nobody is named there."
        )
    return texts


def render_card(card: Mapping[str, Any], *, seconds: float | None = None) -> str:
    """Write the card as GitHub Markdown.

    Args:
        card: From `openmer.pretraining._run.make_card`, or out of a file of weights.
        seconds: Wall time of the training; None leaves it out.
    """
    corpora = ", ".join(corpus["title"] for corpus in card["data"]["corpora"].values())
    blocks = [
        f"# {escape_markdown(card['title'])}, pretrained on {escape_markdown(corpora)}",
        _lead(card),
        "![Loss and accuracy over the epochs](curve.png)",
        "## Use",
        _list(card["use"]),
        "## What to know of the scores",
        _list(map(escape_markdown, card["limits"])),
        "## Classes",
        _classes(card),
        "Rows are the truth, columns what was predicted:",
        _confusion(card),
        "## Data",
        _data(card["data"]),
        "## Training",
        _training(card, seconds),
        "## How to repeat it",
        f"```bash\n{card['command']}\n```",
        _versions(card),
    ]
    return "\n\n".join(block for block in blocks if block) + "\n"


def _lead(card: Mapping[str, Any]) -> str:
    scores, epochs, model = card["scores"], card["epochs"], card["model"]
    return (
        f"Validation accuracy **{scores['accuracy']:.3f}**, UF1 **{scores['uf1']:.3f}**, UAR "
        f"**{scores['uar']:.3f}** on {_total(card['data']['validation']):,} images and "
        f"{len(card['classes'])} classes, with the weights of epoch {epochs['best']} of "
        f"{epochs['run']}. Model `{model['name']}`, {model['parameter_count']:,} parameters with "
        f"batch-norm statistics, {model['trainable']:,} of them trained"
        + (", in half precision." if card.get("stored_as") == "float16" else ".")
    )


def _classes(card: Mapping[str, Any]) -> str:
    scores, data = card["scores"], card["data"]
    rows = [
        [
            name,
            f"{data['training'][name]:,}",
            f"{data['validation'][name]:,}",
            *(f"{scores[kind][name]:.3f}" for kind in ("precision", "recall", "f1")),
        ]
        for name in card["classes"]
    ]
    return _table(["Class", "Training", "Validation", "Precision", "Recall", "F1"], rows)


def _confusion(card: Mapping[str, Any]) -> str:
    names = card["classes"]
    rows = [
        [name, *(f"{count:,}" for count in counts)]
        for name, counts in zip(names, card["scores"]["confusion"], strict=True)
    ]
    return _table(["", *names], rows)


def _data(data: Mapping[str, Any]) -> str:
    channels, height, width = data["shape"]
    kind = "gray" if channels == 1 else "colour"
    drawn = "as many of each class as the smallest has" if data["balanced"] else "all of them"
    lines = [
        f"Scheme `{data['scheme']}` ({escape_markdown(data['source'])}): {data['images']:,} {kind} "
        f"images of {width}x{height} pixels, {drawn}; label scheme `{data['label_scheme']}`.",
        *map(_corpus, data["corpora"].values()),
        *_own(data),
        *(f"Difference from the paper: {escape_markdown(text)}." for text in data["differences"]),
        f"{data['failed']:,} images could not be read and are in no count.",
        f"SHA-256 of the images `{data['images_sha256'][:16]}`, of their classes "
        f"`{data['targets_sha256'][:16]}`.",
    ]
    return _list(lines)


def _corpus(corpus: Mapping[str, Any]) -> str:
    counted = f", {corpus['images']:,} images" if "images" in corpus else ""
    return (
        f"{escape_markdown(corpus['title'])}{counted}: {escape_markdown(corpus['paper'])}. Terms: "
        f"{escape_markdown(corpus['terms'])}."
    )


def _own(data: Mapping[str, Any]) -> list[str]:
    """Where images came from beside the corpora, and in which of them no face was looked for."""
    lines = []
    if "own" in data:
        own = data["own"]
        lines.append(
            f"Images of one's own: {escape_markdown(own['file'])}, {own['images']:,} rows, SHA-256 "
            f"`{own['sha256'][:16]}`."
        )
    whole = [data["corpora"][name]["title"] for name in data.get("whole", ())]
    if whole:
        named = escape_markdown(", ".join(whole))
        lines.append(f"Taken whole, as faces cut out already, with none looked for: {named}.")
    return lines


def _training(card: Mapping[str, Any], seconds: float | None) -> str:
    config, epochs = card["pretraining"], card["epochs"]
    share = f"{config['validation']:.0%}"
    split = "whole subjects and, of unnamed images, " if card["data"]["subjects_named"] else ""
    moved = "; then ".join(map(_stage, config["stages"]))
    started = card["start"]["from"]
    if "sha256" in card["start"]:
        started += f" (SHA-256 {card['start']['sha256'][:16]})"
    loss = config["loss"]
    weights = loss["class_weights"]
    named = loss["name"].replace("_", " ") + (
        f", gamma {loss['gamma']:g}" * (loss["name"] == "focal")
    )
    lines = [
        f"Start: {started}. Images enlarged or reduced to {config['size']}x"
        f"{config['size']} pixels.",
        f"Split: {split}{share} of each class for validation, drawn with the seed.",
        f"Stages, {_times(config['rounds'])} in a row: {moved}."
        if config["rounds"] > 1
        else f"Stages: {moved}.",
        f"{config['optimizer']}, batch {config['batch_size']}, weight decay "
        f"{config['weight_decay']:g}, label smoothing {config['label_smoothing']:g}.",
        f"Loss: {named}; class weights {weights or 'all 1'}; penalty on the head's weights L1 "
        f"{loss['head_l1']:g}, L2 {loss['head_l2']:g}.",
        "Augmentation: " + ", ".join(f"{k} {v:g}" for k, v in config["augment"].items()) + ".",
        f"{epochs['run']} of at most {epochs['at_most']} epochs were run. The best one, by "
        f"validation {config['validation_score']}, was {epochs['best']} ({epochs['best_part']}).",
    ]
    if seconds is not None:
        lines.append(f"{_duration(seconds)} of training, reading the images not counted.")
    return _list(map(escape_markdown, lines))


def _versions(card: Mapping[str, Any]) -> str:
    versions = ", ".join(f"{name} {number}" for name, number in card["versions"].items())
    how = "compiled steps" if card["compiled"] else "steps not compiled"
    return (
        f"Seed {card['seed']}, {card['device']}, {card['threads']} threads, {how}; {versions}. The "
        "same settings on the same machine give the same bytes; elsewhere the last digits differ."
    )


def _stage(stage: Mapping[str, Any]) -> str:
    moving = "all weights" if stage["trainable"] == "all" else "the head"
    text = (
        f"{moving} {_times(stage['iterations'])} {stage['epochs']} epochs at most, learning rate "
        f"{stage['learning_rate']:g} ({stage['schedule']})"
    )
    if stage["schedule"] == "plateau":
        text += (
            f", times {stage['plateau_factor']:g} after {stage['plateau_patience']} epochs without "
            "gain"
        )
    if stage["size"]:
        text += f", at {stage['size']}x{stage['size']} pixels"
    patience = int(stage["patience"])
    return f"{text}, stopped after {patience} without gain" if patience else text


def _times(number: int) -> str:
    return "once" if number == 1 else f"{number} times"


def _duration(seconds: float) -> str:
    minutes = seconds / 60
    if minutes < 2:
        return f"{seconds:.0f} seconds"
    return f"{minutes:.0f} minutes" if minutes < 120 else f"{minutes / 60:.1f} hours"


def _total(counts: Mapping[str, int]) -> int:
    return sum(counts.values())


def _list(lines: Iterable[str]) -> str:
    return "\n".join(f"- {line}" for line in lines)


def _table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    align = "l" + "r" * (len(header) - 1)
    return markdown_table(Table("", tuple(header), tuple(map(tuple, rows)), align=align))
