"""What an image can tell that shows nothing but who it is: Efficient-ME under three epoch rules.

A synthetic corpus of the composite's size: 442 clips, 68 subjects, the class counts of SMIC, CASME
II and SAMM. Of every clip only the frame before the movement is used, which is the same whatever
class the clip shows, so there is nothing to recognise but the subject, the light and the noise.
Every subject prefers a class at random, as the subjects of the real corpora do. The base of the
network is held still (the paper's first stage, 5 x 15 epochs): enough to tell subjects apart. The
head's penalty is off and its learning rate ten times the paper's, so that it learns the subjects.

    python benchmarks/identity.py [--seeds 3] [--size 96]
    python benchmarks/identity.py --method efficient-me-free --size 64

With --method, another variant of Efficient-ME with its own schedule and its own epoch rule,
subjects in two groups, one seed: does it answer the same to everybody? Writes
results/identity-METHOD.md.

Otherwise writes benchmarks/results/identity.md and docs/images/identity.png. A rule that is honest
must score at chance; what is above it was chosen on the tested subject.
"""

from __future__ import annotations

import argparse
import re
import tempfile
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
from matplotlib.figure import Figure

from openmer.clip import Clip
from openmer.datasets.synthetic._clips import generate
from openmer.datasets.synthetic._plan import CorpusPlan, Part
from openmer.evaluation import (
    Protocol,
    RunInfo,
    Summary,
    confusion_matrix,
    evaluate,
    load_run,
    read_run,
    uf1,
)
from openmer.methods import Method, load_method
from openmer.theme import ACCENT, ALARM, PAPER, SOFT

HERE = Path(__file__).parent
TABLE = HERE / "results" / "identity.md"
PICTURE = HERE.parent / "docs" / "images" / "identity.png"
CLASSES = ("negative", "positive", "surprise")
# Subjects, and clips per class, of the parts of the MEGC 2019 composite.
PARTS = {"smic": (16, (70, 51, 43)), "casme2": (24, (88, 32, 25)), "samm": (28, (92, 26, 15))}
RULES = {
    "fixed": "last epoch",
    "inner": "inner subjects",
    "held_out": "held-out subject (LEAKY)",
}
CHANGES = (
    "training.stages=[{trainable = 'head', epochs = 15, iterations = 5, learning_rate = 1e-2}]",
    # With the penalty the head answers "negative" to everybody, and there is nothing to choose.
    "loss.head_l1=0.0",
    "loss.head_l2=0.0",
)


def main() -> None:
    """Make the clips, evaluate under each rule, write the table and draw the figure."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--size", type=int, default=96, help="side of the images in pixels")
    parser.add_argument("--draw", action="store_true", help="draw the table that is there again")
    parser.add_argument("--method", default="", help="a variant with its own schedule")
    options = parser.parse_args()
    if options.method:
        check_answers(options.method, options.size)
        return
    if options.draw:
        draw(TABLE, PICTURE)
        return
    method = load_method(
        "efficient-me", [f"recipe=[{{step = 'apex_frame', size = {options.size}}}]", *CHANGES]
    )
    with tempfile.TemporaryDirectory() as folder:
        clips = make_clips(Path(folder))
        found = {rule: run(method, clips, rule, options.seeds, Path(folder)) for rule in RULES}
        chance = chance_uf1(clips)
    lines = [line(rule, *found[rule]) for rule in RULES]
    text = "\n".join(
        [
            "# Images without an expression",
            "",
            f"`python benchmarks/identity.py --seeds {options.seeds} --size {options.size}`: 442 "
            "synthetic images of 68 subjects, class counts of the MEGC 2019 composite, no "
            "expression in any of them. Efficient-ME from its pretrained weights, backbone frozen, "
            "75 epochs at 0.01 without the penalty of the head.",
            "",
            "| Epoch chosen on | UF1 | 95 % interval by subjects | spread over seeds |",
            "| --- | --- | --- | --- |",
            *lines,
            f"| chance: labels drawn by their frequency | {chance:.3f} | | |",
            "",
        ]
    )
    print(text)
    TABLE.write_text(text, encoding="utf-8")
    draw(TABLE, PICTURE)


def check_answers(name: str, size: int) -> None:
    """Count what a variant answers to images without an expression."""
    method = load_method(name, [f"recipe=[{{step = 'apex_frame', size = {size}}}]"])
    protocol = Protocol(epoch_rule=method.epoch_rule, folds="kfold:2")
    with tempfile.TemporaryDirectory() as folder:
        clips = make_clips(Path(folder))
        out = evaluate(method, clips, protocol, out=Path(folder) / "runs")
        _, summary = load_run(out)
        answers = np.bincount(read_run(out).predicted, minlength=len(CLASSES))
    shares = answers / answers.sum()
    counted = ", ".join(f"{word} {share:.0%}" for word, share in zip(CLASSES, shares, strict=True))
    text = (
        f"# {method.title}, images without an expression\n\n"
        f"`python benchmarks/identity.py --method {name} --size {size}`: 442 synthetic images of "
        f"68 subjects in two groups, one seed, epoch rule {method.epoch_rule}. Answers: {counted}; "
        f"UF1 {summary.uf1:.3f}, by chance {chance_uf1(clips):.3f}.\n"
    )
    print(text)
    (HERE / "results" / f"identity-{name}.md").write_text(text, encoding="utf-8")


def make_clips(folder: Path) -> list[Clip]:
    """One frame a clip, the one before any movement, under the composite's counts."""
    parts = tuple(
        Part(
            corpus=corpus,
            subjects=tuple(f"s{number:02}" for number in range(subjects)),
            fps=Fraction(100),
            movement_frames=(7, 7),
        )
        for corpus, (subjects, _) in PARTS.items()
    )
    most = max(-(-sum(counts) // subjects) for subjects, counts in PARTS.values())
    clips: list[Clip] = []
    left = {corpus: sum(counts) for corpus, (_, counts) in PARTS.items()}
    for made in generate(CorpusPlan(parts=parts, clips_per_subject=most, frame_size=160)):
        clip = made.clip
        subjects, counts = PARTS[clip.corpus]
        per_subject, more = divmod(sum(counts), subjects)
        place = int(clip.subject[1:])
        if int(clip.name[2:]) > per_subject + (place < more):
            continue
        left[clip.corpus] -= 1
        path = folder / f"{clip.key.replace('/', '_')}.png"
        cv2.imwrite(str(path), made.frames_rgb[clip.onset][..., ::-1])
        clips.append(replace(clip, onset=0, apex=0, offset=0, frame_paths=(path,)))
    if any(left.values()):
        raise SystemExit(f"The corpus lacks clips: {left}.")
    return labelled(clips)


def labelled(clips: list[Clip]) -> list[Clip]:
    """The clips with exact class counts per corpus and subjects who prefer a class at random."""
    rng = np.random.default_rng(0)
    found = []
    for corpus, (_, counts) in PARTS.items():
        own = [clip for clip in clips if clip.corpus == corpus]
        taste = {clip.subject_id: rng.dirichlet(np.full(3, 0.7)) for clip in own}
        left = np.array(counts, dtype=float)
        for at in rng.permutation(len(own)):
            chances = taste[own[at].subject_id] * left + 1e-9 * (left > 0)
            drawn = rng.choice(3, p=chances / chances.sum())
            left[drawn] -= 1
            found.append(replace(own[at], emotion=CLASSES[drawn]))
    return found


def run(
    method: Method, clips: list[Clip], rule: str, seeds: int, folder: Path
) -> tuple[RunInfo, Summary]:
    """The scores under one epoch rule."""
    protocol = Protocol(epoch_rule=rule, seeds=tuple(range(seeds)))
    return load_run(evaluate(method, clips, protocol, out=folder / "runs"))


def chance_uf1(clips: list[Clip], draws: int = 200) -> float:
    """Mean UF1 of labels permuted over all clips."""
    rng = np.random.default_rng(0)
    truth = np.array([CLASSES.index(clip.emotion) for clip in clips])
    return float(
        np.mean(
            [
                uf1(confusion_matrix(truth, rng.permutation(truth), num_classes=3))
                for _ in range(draws)
            ]
        )
    )


def line(rule: str, _: RunInfo, summary: Summary) -> str:
    """One row of the table."""
    found = summary.scores["uf1"]
    interval = "" if found.low is None else f"{found.low:.3f}-{found.high:.3f}"
    sd = found.sd
    spread = "one seed" if sd is None else f"±{sd:.3f}"
    return f"| {RULES[rule]} | {summary.uf1:.3f} | {interval} | {spread} |"


def draw(table: Path, picture: Path) -> None:
    """Draw UF1 with its interval per rule, and chance as a line, from the written table."""
    cells = r"(?m)^\| (.+?) \| ([\d.]+) \| (?:([\d.]+)-([\d.]+) )?\|"
    rows = re.findall(cells, table.read_text(encoding="utf-8"))
    *scores, (_, chance, *_) = rows
    figure = Figure(figsize=(7.2, 2.5), dpi=130, layout="constrained", facecolor=PAPER)
    panel = figure.subplots()
    panel.set_facecolor(PAPER)
    for place, (name, *numbers) in enumerate(reversed(scores)):
        colour = ALARM if "LEAKY" in name else ACCENT
        uf1, low, high = map(float, numbers)
        panel.plot([low, high], [place, place], color=colour, lw=3, alpha=0.35)
        panel.plot(uf1, place, "o", color=colour, ms=8)
        panel.annotate(
            f"{uf1:.3f}", (uf1, place), (0, 10), textcoords="offset points", ha="center",
            color=colour, weight="bold",
        )  # fmt: skip
    panel.axvline(float(chance), color=SOFT, ls="--", lw=1)
    panel.text(float(chance), 2.62, "chance", color=SOFT, ha="center", fontsize=9)
    panel.set_yticks(range(3), [name for name, *_ in reversed(scores)])
    panel.set_ylim(-0.5, 2.6)
    panel.set_xlim(0, 1)
    panel.set_xlabel("UF1 on images that show no expression, 95 % interval by subjects")
    panel.spines[["top", "right", "left"]].set_visible(False)
    panel.tick_params(left=False)
    figure.savefig(picture, metadata={"Software": None})


if __name__ == "__main__":
    main()
