"""Train what rates brief movements for the spotter "learned", and evaluate it on unseen faces.

    openmer datasets inject VIDEO... --seed 1 --out footage --footage talking
    python benchmarks/train_spotter.py footage [--folds 4] [--rounds 24] [--drawn FOLDER]
    python benchmarks/train_spotter.py footage --evaluate other_footage
    python benchmarks/train_spotter.py footage --write

The twins without movements are what it learns from: how real faces move. Movements of all sizes,
places and durations are added to the motion that was measured in them, as the measurement shows
them: the removal of the head takes a part of them away. The copies with movements warped into the
pictures are never learned from. With --drawn, drawn faces are learned from, too: a folder of
`openmer.datasets.write_long`, with the movements that are drawn in it.

Videos are left out in turn, in --folds groups; another folder of the same videos can be evaluated
by the trees that did not see them (--evaluate). The likelihood from which a movement counts is,
for each group, the lowest with at most half a false alarm a minute in the twins of all other
groups, each evaluated by trees that did not see it. With --write, trees of all videos are put
into the package. Analyses and evidence are kept under --out, so that a run that was stopped goes
on.
"""

from __future__ import annotations

import argparse
import pickle
import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from functools import partial
from pathlib import Path
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import save
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor

from openmer.datasets import read_truth_csv
from openmer.datasets._footage_table import NONE, Movement, read_footage
from openmer.files import replace_file
from openmer.reports import markdown_table
from openmer.video import Analysis, LearnedSpotter, analyze_video
from openmer.video._event import MICRO_S
from openmer.video._recognize import spotted
from openmer.video.faces._resample import uniform_runs
from openmer.video.footage._evaluate import VideoTally, footage_rows, footage_table, tally_of
from openmer.video.footage._inject import RECIPES
from openmer.video.spotting._brief_input import RATE_HZ, BriefInput, between, brief_input
from openmer.video.spotting._evidence import moments_of
from openmer.video.spotting._filters import bump
from openmer.video.spotting._forest import BriefForest
from openmer.video.spotting._patterns import MIDDLES_PX, REACH_PX, SIDES, shown
from openmer.video.spotting._settings import MeshSettings

HERE = Path(__file__).parent
WEIGHTS = HERE.parent / "src" / "openmer" / "weights" / "spotter.safetensors"
Floats = NDArray[np.float64]
Made = TypeVar("Made")

SHORTEST = 62  # samples of a piece that is learned from
SHOWN_S = (14.0, 20.0)  # length of what is simulated
CALM_SHARE = 0.1  # of what is simulated shows faces that are calmer than the real ones
TWIN_COUNTS = 3  # how often the twins as they are count
DRAWN_ROUNDS = 6
LEVELS = np.concatenate([np.arange(0.05, 0.9, 0.025), np.arange(0.9, 0.99, 0.01)])
FALSE_A_MINUTE = 0.5  # half of what may be: a level carries over to other faces roughly
# Which of `PLACES` each recipe of `inject_movements` is at.
PLACE_OF = (0, 1, 0, 2, 2, 3)
FORESTS = 2
LIKELIHOOD = {
    "max_iter": 100, "learning_rate": 0.1, "max_leaf_nodes": 15, "max_features": 0.3,
    "min_samples_leaf": 25, "l2_regularization": 5.0, "early_stopping": False,
}  # fmt: skip
TIMES = {
    "max_iter": 60, "learning_rate": 0.1, "max_leaf_nodes": 8, "max_features": 0.5,
    "loss": "absolute_error", "early_stopping": False,
}  # fmt: skip


@dataclass(frozen=True)
class Footage:
    """One video: its analysis, the rows of its table, and whether it is a twin."""

    name: str
    rows: tuple[Movement, ...]
    analysis: Analysis

    @property
    def is_twin(self) -> bool:
        """Whether nothing was put into it."""
        return all(row.kind == NONE for row in self.rows)

    @property
    def subject(self) -> str:
        """What it has in common with its twin."""
        return Path(self.name).stem.removesuffix("-plain")


@dataclass(frozen=True)
class Rows:
    """Moments that are learned from: evidence, whether each is a movement, and its times.

    `is_one` is 1 or 0, -1 where that is open; `lasts` is the logarithm of the duration over 0.2 s,
    `shift` how many samples the apex is later.
    """

    evidence: NDArray[np.float32]
    is_one: NDArray[np.int64]
    lasts: Floats
    shift: Floats


def main() -> None:
    """Train, evaluate, write."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("footage", type=Path)
    parser.add_argument("--evaluate", type=Path)
    parser.add_argument("--drawn", type=Path)
    parser.add_argument("--folds", type=int, default=4)
    parser.add_argument("--rounds", type=int, default=24)
    parser.add_argument("--out", type=Path, default=Path("runs/spotter"))
    parser.add_argument("--write", action="store_true")
    arguments = parser.parse_args()
    out, rounds = arguments.out, arguments.rounds
    videos = _analysed(arguments.footage, out)
    drawn = []
    if arguments.drawn:
        path = out / f"rows-{arguments.drawn.resolve().name}.pickle"
        drawn = [_kept(path, partial(_drawn_rows, arguments.drawn, out))]
    name = f"rows-{arguments.footage.name}-{rounds}"
    rows = {
        twin.subject: _kept(out / f"{name}-{twin.name}.pickle", partial(_twin_rows, twin, rounds))
        for twin in videos
        if twin.is_twin
    }
    if arguments.write:
        replace_file(WEIGHTS, save(_trained([*rows.values(), *drawn])))
        return
    evaluated = _analysed(arguments.evaluate, out) if arguments.evaluate else videos
    forests = {}
    for number in range(arguments.folds):
        held = _held_out(videos, number, arguments.folds)
        learned = [row for subject, row in rows.items() if subject not in held]
        forests[number] = (held, BriefForest(_trained([*learned, *drawn])))
        print(f"group {number + 1} is trained", flush=True)
    text = _table(evaluated, forests, arguments)
    print(text)
    name = "spotter_other.md" if arguments.evaluate else "spotter.md"
    replace_file(HERE / "results" / name, text)


def _analysed(folder: Path, out: Path) -> list[Footage]:
    """Analyse the videos of a folder with a table, or read what was analysed before."""
    by_video: dict[str, list[Movement]] = {}
    for row in read_footage(folder):
        by_video.setdefault(row.video, []).append(row)
    kept = out / folder.resolve().name
    kept.mkdir(parents=True, exist_ok=True)
    found = []
    for name, rows in sorted(by_video.items()):
        analysis = _kept(kept / f"{name}.pickle", partial(analyze_video, folder / name, model=None))
        found.append(Footage(name, tuple(rows), analysis))
    return found


def _kept(path: Path, make: Callable[[], Made]) -> Made:
    """Return what was kept at a path, or make it and keep it."""
    if not path.exists():
        path.write_bytes(pickle.dumps(make()))
        print(path.name, flush=True)
    made: Made = pickle.loads(path.read_bytes())
    return made


def _held_out(videos: Sequence[Footage], number: int, folds: int) -> set[str]:
    return set(sorted({video.subject for video in videos})[number::folds])


def _pieces(video: Footage) -> list[BriefInput]:
    """Return the inputs of all times in view."""
    runs = (run for face in video.analysis.faces for run in uniform_runs(face))
    return [brief_input(run) for run in runs]


def _twin_rows(video: Footage, rounds: int) -> Rows:
    """What is learned from a twin."""
    pieces = _pieces(video)
    rng = np.random.default_rng(zlib.crc32(video.name.encode()))
    found = [_labelled(piece, []) for piece in pieces for _ in range(TWIN_COUNTS)]
    return _joined([*found, *_simulated_rows(pieces, rounds, rng)])


def _drawn_rows(folder: Path, out: Path) -> Rows:
    """What is learned from drawn faces: their own movements, and simulated ones."""
    kept = out / folder.resolve().name
    kept.mkdir(parents=True, exist_ok=True)
    found, rng = [], np.random.default_rng(0)
    for video in read_truth_csv(folder / "truth.csv"):
        path = kept / f"{video.path.name}.pickle"
        analysis = _kept(path, partial(analyze_video, video.path, model=None))
        for face in analysis.faces:
            for run in uniform_runs(face):
                fps = float(analysis.info.fps)
                spans = [(one.onset / fps, one.offset / fps) for one in video.events]
                own = [tuple((at - run.times_s[0]) * RATE_HZ for at in span) for span in spans]
                piece = brief_input(run)
                found.append(_labelled(piece, own))
                if not own:
                    found += _simulated_rows([piece], DRAWN_ROUNDS, rng)
    return _joined(found)


def _joined(rows: Sequence[Rows]) -> Rows:
    return Rows(*(np.concatenate([getattr(r, f.name) for r in rows]) for f in fields(Rows)))


def _labelled(piece: BriefInput, true: Sequence[tuple[float, float]]) -> Rows:
    """Find the moments of a piece whose movements, onset and offset in samples, are known."""
    moments = moments_of(piece)
    at, ratio = moments.at, moments.evidence[:, 0]
    is_one = np.zeros(len(at), np.int64)
    lasts, shift = np.zeros(len(at)), np.zeros(len(at))
    for onset, offset in true:
        middle, length = (onset + offset) / 2, offset - onset
        away = np.abs(at - middle)
        is_one[(away < length / 2 + 4) & (is_one == 0)] = -1
        near = np.flatnonzero(away <= max(2.5, 0.3 * length))
        if len(near) and length <= MICRO_S[1] * RATE_HZ:
            near = near[ratio[near] >= 0.6 * ratio[near].max()]
            is_one[near] = 1
            lasts[near], shift[near] = np.log(length / RATE_HZ / 0.2), middle - at[near]
    return Rows(moments.evidence, is_one, lasts, shift)


def _simulated_rows(
    pieces: Sequence[BriefInput], rounds: int, rng: np.random.Generator
) -> list[Rows]:
    """Add known movements to pieces, again and again."""
    long = [piece for piece in pieces if len(piece.moved) > SHORTEST]
    if not long:
        return []
    lengths = np.array([len(piece.moved) for piece in long], float)
    drawn = rng.choice(len(long), rounds, p=lengths / lengths.sum())
    return [_labelled(*_simulated(long[one], rng)) for one in drawn]


def _simulated(
    piece: BriefInput, rng: np.random.Generator
) -> tuple[BriefInput, list[tuple[float, float]]]:
    """Play a piece forwards and backwards, a little faster or slower, and add movements."""
    seen = _played(piece, rng)
    count = len(seen.moved)
    moved = seen.moved * np.exp(rng.uniform(np.log(0.75), np.log(1.3)))
    if rng.random() < CALM_SHARE:
        moved *= np.exp(rng.uniform(np.log(0.02), 0))
    moved = moved + rng.normal(0, 0.02, moved.shape)
    true = []
    onset, samples = RATE_HZ + rng.uniform(0, 40), np.arange(count)
    while onset < count - 25:
        half = rng.uniform(0.09, 0.43) * RATE_HZ / 2
        size = np.exp(rng.uniform(np.log(0.8), np.log(4.8)))
        at, back = samples - onset - half, rng.uniform(2.5, 3.4)
        course = bump(at, half) - bump(at - back, half)
        moved = moved + size * course[:, None, None, None] * _pattern(rng)
        true.append((onset, onset + 2 * half))
        onset += 2 * half + 36 + rng.exponential(25)
    return replace(seen, moved=moved), true


def _played(piece: BriefInput, rng: np.random.Generator) -> BriefInput:
    """Show a piece as long as footage is, flipped at random."""
    end = len(piece.moved) - 1
    count, speed = int(rng.uniform(*SHOWN_S) * RATE_HZ), rng.uniform(0.85, 1.2)
    room = end - count * speed
    at = np.arange(count) * speed + rng.uniform(0, max(room, end) if room <= 0 else room)
    turn = at % (2 * end)
    is_back = turn > end
    at = np.where(is_back, 2 * end - turn, turn)

    def part(values: Floats, where: Floats) -> Floats:
        low = np.clip(np.floor(where).astype(int), 0, end)
        return between(values[low], values[np.minimum(low + 1, end)], where - low)

    moved = part(piece.moved, at)  # backwards, what was before is what comes after
    moved[is_back] = -part(piece.moved, np.minimum(at + 3, end))[is_back]
    pose, parts = part(piece.pose, at), part(piece.parts, at)
    if rng.random() < 0.5:
        moved, pose, parts = moved[:, :, ::-1] * [-1, 1], pose * [-1, 1, -1], parts[:, [1, 0, 2, 3]]
    missing = piece.missing[np.minimum(at.astype(int), end)]
    spread = part(piece.spread_px, at)
    return BriefInput(moved=moved, missing=missing, pose=pose, parts=parts, spread_px=spread)


def _pattern(rng: np.random.Generator) -> Floats:
    """Draw where a movement of 1 px is, and how the measurement shows it, ``(10, 10, 2)``."""
    recipe = rng.integers(len(RECIPES))
    way = np.array(RECIPES[recipe].outward_down) + rng.normal(0, 0.15, 2)
    if rng.random() < 0.15:
        way = rng.normal(0, 1, 2)
    way /= np.hypot(*way)
    middle = np.array(MIDDLES_PX[PLACE_OF[recipe]]) + rng.normal(0, 4, 2)
    return shown(
        (middle[0], middle[1]),
        (way[0], way[1]),
        SIDES[rng.choice(3, p=(0.6, 0.2, 0.2))],
        reach_px=REACH_PX * rng.uniform(0.85, 1.25 if rng.random() < 0.9 else 1.8),
        blur_px=rng.uniform(5, 11),
        gain=rng.uniform(0.7, 1.1),
    )


def _trained(rows: Sequence[Rows]) -> dict[str, NDArray[np.generic]]:
    """Train trees, and return them as `BriefForest` takes them."""
    every = _joined(rows)
    known, ones = every.is_one >= 0, every.is_one == 1
    raters = [
        HistGradientBoostingClassifier(random_state=seed, **LIKELIHOOD).fit(
            every.evidence[known], every.is_one[known]
        )
        for seed in range(FORESTS)
    ]
    weights = _nodes("likelihood", raters)
    for name, target in (("lasts", every.lasts), ("shift", every.shift)):
        model = HistGradientBoostingRegressor(random_state=0, **TIMES)
        weights |= _nodes(name, [model.fit(every.evidence[ones], target[ones])])
    return weights


def _nodes(name: str, models: Sequence[object]) -> dict[str, NDArray[np.generic]]:
    """Return the nodes of all trees of models whose mean is taken."""
    columns: dict[str, list[NDArray[np.generic]]] = {}
    roots, count, start = [], 0, 0.0
    for model in models:
        start += float(np.ravel(model._baseline_prediction)[0]) / len(models)
        for (tree,) in model._predictors:
            nodes = tree.nodes
            ends = nodes["is_leaf"].astype(bool)
            roots.append(count)
            for key, values in (
                ("feature", np.where(ends, -1, nodes["feature_idx"].astype(np.int64))),
                ("threshold", np.where(ends, 0, nodes["num_threshold"])),
                ("low", np.where(ends, 0, nodes["left"].astype(np.int64) + count)),
                ("high", np.where(ends, 0, nodes["right"].astype(np.int64) + count)),
                ("value", np.where(ends, nodes["value"] / len(models), 0)),
            ):
                columns.setdefault(key, []).append(values)
            count += len(nodes)
    kinds = {"feature": np.int16, "threshold": np.float16, "low": np.uint16, "high": np.uint16,
             "value": np.float16}  # fmt: skip
    stored = {f"{name}.{key}": np.concatenate(v).astype(kinds[key]) for key, v in columns.items()}
    stored[f"{name}.roots"] = np.array(roots, np.uint16)
    return stored | {f"{name}.start": np.array([start])}


def _table(
    videos: Sequence[Footage],
    forests: Mapping[int, tuple[set[str], BriefForest]],
    arguments: argparse.Namespace,
) -> str:
    """Evaluate every video by the trees that did not see it."""
    at_all: dict[int, dict[float, list[VideoTally]]] = {}
    for number, (held, forest) in forests.items():
        own = [_tallies(video, forest) for video in videos if video.subject in held]
        at_all[number] = {level: [one[level] for one in own] for level in map(float, LEVELS)}
    chosen, tallies = [], []
    for number, found in at_all.items():
        others = [tally for n, each in at_all.items() if n != number for tally in _flat(each)]
        level = _least_level(others)
        chosen.append(level)
        tallies += found[level]
    pooled = _least_level([tally for each in at_all.values() for tally in _flat(each)])
    command = f"train_spotter.py FOOTAGE --folds {arguments.folds} --rounds {arguments.rounds}"
    command += " --drawn FOLDER" if arguments.drawn else ""
    command += " --evaluate OTHER" if arguments.evaluate else ""
    return (
        "# The learned spotter on videos that it never saw\n\n"
        f"`python benchmarks/{command}`: {len(videos)} videos of "
        "`openmer datasets inject`, each evaluated by trees that saw neither it nor its twin. "
        "Movements are of the kinds that they learned, and of other sizes, places and times. "
        "Likelihoods from which a movement counts, chosen in the other groups, whose trees had "
        "learned from the twin: "
        f"{', '.join(f'{level:.3f}' for level in chosen)}; of all groups together {pooled:.3f}.\n\n"
        + markdown_table(footage_table(footage_rows(tallies)))
        + "\n"
    )


def _flat(found: Mapping[float, list[VideoTally]]) -> list[tuple[float, VideoTally]]:
    return [(level, tally) for level, tallies in found.items() for tally in tallies]


def _least_level(found: Sequence[tuple[float, VideoTally]]) -> float:
    """Return the lowest likelihood with few enough false alarms in the twins."""
    for level in LEVELS:
        rows = [tally for each, tally in found if each == level]
        minutes = sum(tally.calm_s for tally in rows) / 60
        if sum(tally.false for tally in rows) <= FALSE_A_MINUTE * minutes:
            return float(level)
    return float(LEVELS[-1])


def _tallies(video: Footage, forest: BriefForest) -> dict[float, VideoTally]:
    """Compare what is found from each likelihood on; what is likelier never depends on the rest."""
    least = float(LEVELS[0])
    spotter = LearnedSpotter(settings=MeshSettings(likelihood=least), forest=forest)
    pairs = ((face, one) for face in video.analysis.faces for one in spotter(face))
    events = [(one, spotted(one, face, "")) for face, one in pairs if not one.gates]
    found = {}
    for level in map(float, LEVELS):
        own = tuple(
            event
            for one, event in events
            if one.kind != "micro" or one.strength * least >= level - 1e-9
        )
        found[level] = tally_of(video.name, video.rows, replace(video.analysis, events=own))
    return found


if __name__ == "__main__":
    main()
