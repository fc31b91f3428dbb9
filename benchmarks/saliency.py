"""Does the saliency of an attention variant lie where the face moved? With known motion.

Synthetic faces move by less than half a pixel, and the recipe of `dense-attention-motion` magnifies
that until an image shows it. Networks of no, channel, spatial and mixed attention are trained from
random weights, each without the subject whose clips are then explained. The true motion of a clip,
on the skin as it lies at the onset, is carried through the alignment of the recipe. What moved is
where it is at least half, or a tenth, of the largest one in the picture.

    python benchmarks/saliency.py [--folds 3] [--epochs 8] [--subjects 12] [--clips 12] [--seed 0]

Writes benchmarks/results/saliency.md and docs/images/saliency-maps.png. About a quarter of an
hour on one core; time grows with folds, epochs, subjects and clips alike.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path

import cv2
import matplotlib as mpl
import numpy as np
import torch
from machine import processor
from numpy.typing import NDArray

from openmer.clip import Clip
from openmer.datasets import read_manifest, write_corpus
from openmer.datasets.synthetic._plan import CorpusPlan, Part
from openmer.evaluation import Protocol, Task, prepare_task
from openmer.explanation import (
    ExplainedNetwork,
    SaliencyKind,
    SaliencyMap,
    draw_variants,
    explain,
    write_figure,
)
from openmer.explanation._figures import Picture
from openmer.explanation._held_out import held_out_network
from openmer.methods import Method, load_method
from openmer.preprocessing import Recipe, read_rgb, resize_image
from openmer.training import Resources, build_network

HERE = Path(__file__).parent
VARIANTS = {
    "none": "no attention",
    "channel": "channel attention",
    "spatial": "spatial attention",
    "mixed": "mixed attention",
}
KINDS: tuple[SaliencyKind, ...] = ("grad-cam", "hires-cam")
SHARES = {"half": 0.5, "a tenth": 0.1}
UNTRAINED = "mixed attention, untrained"


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """One held-out clip under one network and one kind of map.

    Attributes:
        inside: Share of the saliency on what moved, by the name of the threshold; nan if
            the map is empty.
        largest: Whether the largest pixel moved, at half of the largest motion.
        right: Whether the network was.
    """

    inside: dict[str, float]
    largest: bool
    right: bool


def main() -> None:
    """Make the clips, train, explain, write the table and draw the figure."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--folds", type=int, default=3, help="subjects held out, one at a time")
    parser.add_argument("--epochs", type=int, default=8)
    parser.add_argument("--subjects", type=int, default=12)
    parser.add_argument("--clips", type=int, default=12, help="per subject")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    torch.set_num_threads(1)
    started = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        os.environ["OPENMER_CACHE"] = str(Path(folder) / "cache")
        corpus = Path(folder) / "corpus"
        clips = read_manifest(write_corpus(corpus, plan(options), options.seed))
        task = prepare_task(method(options.epochs), clips, protocol=Protocol(), workers=1)
        motion = true_motion(corpus, task)
        maps = {
            name: explained(variant(task, name), options.folds, options.seed, name)
            for name in VARIANTS
        }
    untrained = explained_untrained(variant(task, "mixed"), options.folds, options.seed)
    minutes = (time.perf_counter() - started) / 60
    text = report(maps, untrained, motion, options, minutes)
    print(text)
    (HERE / "results" / "saliency.md").write_text(text, encoding="utf-8")
    draw(maps, motion, HERE.parent / "docs" / "images" / "saliency-maps.png")


def plan(options: argparse.Namespace) -> CorpusPlan:
    """Subjects of one corpus, clips of about a fifth of a second, the head swaying."""
    part = Part(
        corpus="heat",
        subjects=tuple(f"s{number:02}" for number in range(options.subjects)),
        fps=Fraction(100),
        movement_frames=(18, 24),
    )
    return CorpusPlan(
        parts=(part,),
        clips_per_subject=options.clips,
        frame_size=160,
        amplitude_px=(0.3, 0.5),
    )


def method(epochs: int) -> Method:
    """The method from random weights, on a budget; the step size suits so few epochs."""
    return load_method(
        "dense-attention-motion",
        [
            "model.weights=''",
            f"training.stages=[{{epochs = {epochs}, learning_rate = 1e-4}}]",
            "training.batch_size=16",
            "training.flip_probability=0.5",
            "epoch_rule=fixed",
        ],
    )


def variant(task: Task, attention: str) -> Task:
    """The task with another attention in its network; the input is the same."""
    model = task.method.model
    if model is None:
        raise SystemExit("The method has no model.")
    model = model.model_copy(update={"parameters": {**model.parameters, "attention": attention}})
    return replace(task, method=task.method.model_copy(update={"model": model}))


def true_motion(corpus: Path, task: Task) -> dict[str, NDArray[np.float32]]:
    """How far each place of the input moved in truth, as a share of the farthest, by clip."""
    found = {}
    with np.load(corpus / "truth.npz") as truth:
        for clip in task.clips:
            length = np.hypot(*truth[f"{clip.key}/facial_flow_xy"].astype(np.float32))
            found[clip.key] = carried(task.method.steps, clip, length / length.max())
    return found


def carried(recipe: Recipe, clip: Clip, length: NDArray[np.float32]) -> NDArray[np.float32]:
    """A field on the onset frame after the alignment of a recipe, at the size of its input."""
    if recipe.align is not None:
        reference = read_rgb(clip.frame_paths[recipe.align.frame_number(clip)])
        alignment = recipe.align.find(np.ascontiguousarray(np.moveaxis(reference, 0, -1)))
        length = alignment.apply(255 * length) / np.float32(255)
    size = recipe.size or len(length)
    length = length if length.shape == (size, size) else resize_image(length, size)
    return np.asarray(length / length.max(), np.float32)


def explained(
    task: Task, folds: int, seed: int, name: str
) -> dict[SaliencyKind, list[SaliencyMap]]:
    """Explain clips of the first subjects, each by a network that has not seen them."""
    found: dict[SaliencyKind, list[SaliencyMap]] = {kind: [] for kind in KINDS}
    resources = Resources(device="cpu", workers=1, compiled="never")
    for fold in task.folds[:folds]:
        started = time.perf_counter()
        by = held_out_network(task, fold.held_out, seed=seed, resources=resources)
        print(f"{name}, {time.perf_counter() - started:.0f} s: {by.origin}", flush=True)
        for kind in KINDS:
            found[kind] += saliency_maps(task, fold.test, by, kind)
    return found


def explained_untrained(task: Task, folds: int, seed: int) -> dict[SaliencyKind, list[SaliencyMap]]:
    """The same by a network that has learned nothing."""
    _, height, width = task.data.inputs.shape[1:]
    spec = task.method.network_spec(task.data.num_classes, (3, height, width))
    by = ExplainedNetwork(
        network=build_network(spec, seed).eval(),
        title=UNTRAINED,
        recipe=task.method.steps,
        classes=task.scheme.classes,
        origin="",
    )
    tests = [place for fold in task.folds[:folds] for place in fold.test]
    return {kind: saliency_maps(task, tests, by, kind) for kind in KINDS}


def saliency_maps(
    task: Task, places: list[int] | tuple[int, ...], by: ExplainedNetwork, kind: SaliencyKind
) -> list[SaliencyMap]:
    """Saliency maps of some clips, of the class that the network says."""
    return [
        explain(
            by,
            np.array(task.data.inputs[place]),
            name=task.clips[place].key,
            truth=int(task.data.targets[place]),
            kind=kind,
        )
        for place in places
    ]


def measured(shown: SaliencyMap, motion: NDArray[np.float32]) -> Measured:
    """Where the saliency of a clip lies."""
    saliency = shown.found.saliency
    largest = np.unravel_index(int(saliency.argmax()), saliency.shape)
    return Measured(
        inside={name: inside(saliency, motion >= share) for name, share in SHARES.items()},
        largest=bool(saliency.any() and motion[largest] >= SHARES["half"]),
        right=shown.predicted == shown.truth,
    )


def inside(saliency: NDArray[np.float32], moved: NDArray[np.bool_]) -> float:
    """Share of the saliency that lies on what moved; nan if it is empty."""
    total = float(saliency.sum())
    return float(saliency[moved].sum()) / total if total else float("nan")


def best_possible(motion: NDArray[np.float32], cells: int) -> NDArray[np.float32]:
    """The true motion as seen through a grid of cells: the saliency of a network that knew it."""
    return resize_image(resize_image(motion, cells), len(motion))


def report(
    maps: dict[str, dict[SaliencyKind, list[SaliencyMap]]],
    untrained: dict[SaliencyKind, list[SaliencyMap]],
    motion: dict[str, NDArray[np.float32]],
    options: argparse.Namespace,
    minutes: float,
) -> str:
    """The table, with what a uniform map and the best possible one would score."""
    first = maps["mixed"][KINDS[0]]
    cells = first[0].found.cells.shape[0]
    fields = [motion[shown.name] for shown in first]
    rows = [
        line(VARIANTS[name], kind, maps[name][kind], motion) for kind in KINDS for name in VARIANTS
    ]
    rows += [line(UNTRAINED, kind, untrained[kind], motion) for kind in KINDS]
    columns = ["network", "map", "right", *(f"inside {name}, %" for name in SHARES)]
    columns += ["inside half where right, %", "largest pixel moved", "empty maps"]
    command = " ".join(
        f"--{name} {getattr(options, name)}"
        for name in ("folds", "epochs", "subjects", "clips", "seed")
    )
    return "\n".join(
        [
            "# Where the saliency lies",
            "",
            f"`python benchmarks/saliency.py {command}`, {minutes:.0f} minutes, {processor()}, one "
            f"thread. {len(first)} clips, each explained by a network that was trained on the "
            f"{options.subjects - 1} other subjects. Input {len(fields[0])}x{len(fields[0])} "
            f"pixels, maps of {cells}x{cells} cells. Inside: the share of the saliency of a clip "
            "that lies where the true motion is at least half, or a tenth, of its largest; mean "
            "over clips and its standard error. The class explained is the predicted one.",
            "",
            f"| {' | '.join(columns)} |",
            f"|{' --- |' * len(columns)}",
            *rows,
            given(
                "uniform map (share of the area)", [np.ones_like(field) for field in fields], fields
            ),
            given(
                "true motion on the same cells", [best_possible(f, cells) for f in fields], fields
            ),
            "",
            "The last line is what a network would score that knew the motion: cells are coarse.",
            "",
        ]
    )


def line(
    title: str, kind: SaliencyKind, shown: list[SaliencyMap], motion: dict[str, NDArray[np.float32]]
) -> str:
    """One network and one kind of map."""
    found = [measured(each, motion[each.name]) for each in shown]
    right = [each for each in found if each.right]
    half = {
        "all": [each.inside["half"] for each in found],
        "right": [each.inside["half"] for each in right],
    }
    cells = [
        title,
        kind,
        f"{len(right)} of {len(found)}",
        *(percent([each.inside[name] for each in found]) for name in SHARES),
        percent(half["right"]),
        f"{sum(each.largest for each in found)} of {len(found)}",
        str(int(np.isnan(half["all"]).sum())),
    ]
    return f"| {' | '.join(cells)} |"


def given(
    title: str, saliency: list[NDArray[np.float32]], fields: list[NDArray[np.float32]]
) -> str:
    """A map that no network made."""
    shares = [
        percent([inside(h, f >= share) for h, f in zip(saliency, fields, strict=True)])
        for share in SHARES.values()
    ]
    return f"| {title} | | | {' | '.join(shares)} | | | |"


def percent(shares: list[float]) -> str:
    """Mean of shares and its standard error, in percent; empty maps are left out."""
    known = np.array([share for share in shares if not np.isnan(share)])
    if len(known) < 2:
        return "-"
    error = known.std(ddof=1) / np.sqrt(len(known))
    return f"{100 * known.mean():.0f} ± {100 * error:.0f}"


def draw(
    maps: dict[str, dict[SaliencyKind, list[SaliencyMap]]],
    motion: dict[str, NDArray[np.float32]],
    path: Path,
) -> None:
    """The four variants of the first held-out clip, beside its true motion."""
    found = [(VARIANTS[name], maps[name][KINDS[0]][0]) for name in VARIANTS]
    field = motion[found[0][1].name]
    shown = [(title, renamed(one)) for title, one in found]
    rgb = (255 * mpl.colormaps["viridis"](field)[..., :3]).astype(np.uint8)
    moved = (field >= SHARES["half"]).astype(np.uint8)
    rgb[moved - cv2.erode(moved, np.ones((3, 3), np.uint8)) > 0] = 255
    beside = Picture(title="true motion", words="outlined: half of the largest", rgb=rgb)
    title = "Grad-CAM of four attention variants"
    write_figure(path, draw_variants(title, shown, beside=beside))


def renamed(one: SaliencyMap) -> SaliencyMap:
    """The map with its corpus called synthetic; the name it is drawn by decides the networks."""
    if one.by.training is None:
        raise SystemExit("The network of a picture must be a trained one.")
    job = one.by.training.job
    name, subject_id = (f"synthetic/{key.partition('/')[2]}" for key in (one.name, job.subject_id))
    training = replace(one.by.training, job=replace(job, subject_id=subject_id))
    return replace(one, name=name, by=replace(one.by, training=training))


if __name__ == "__main__":
    main()
