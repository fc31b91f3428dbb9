"""Train the network of the spotter "learned", and evaluate it on faces that it never saw.

    openmer datasets inject VIDEO... --seed 1 --out footage --footage talking
    python benchmarks/train_spotter.py footage [--folds 4] [--steps 3000] [--drawn FOLDER]
    python benchmarks/train_spotter.py footage --evaluate other_footage
    python benchmarks/train_spotter.py footage --write

The twins without movements are what it learns from: how real faces move. Movements of all sizes,
places and durations are added to the motion that was measured in them, as the measurement shows
them: the removal of the head takes a part of them away. The copies with movements warped into the
pictures are never learned from. With --drawn, how drawn faces move is learned from, too: a folder
of `openmer.datasets.write_long`, the times of its movements left out.

Videos are left out in turn, in --folds groups; another folder of the same videos can be evaluated
by the networks that did not see them (--evaluate). The likelihood from which a movement counts is,
for each group, the lowest with at most one false alarm a minute in the twins of all other groups,
each evaluated by a network that did not see it. With --write, one network of all
videos is put into the package. Analyses and networks are kept under --out, so that a run that was
stopped goes on.
"""

from __future__ import annotations

import argparse
import pickle
import time
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.numpy import save
from torch import nn

from openmer.datasets import read_truth_csv
from openmer.datasets._footage_table import NONE, Movement, read_footage
from openmer.files import replace_file
from openmer.reports import markdown_table
from openmer.video import Analysis, LearnedSpotter, analyze_video
from openmer.video._recognize import spotted
from openmer.video.faces._patch import CELLS
from openmer.video.faces._resample import uniform_runs
from openmer.video.footage._evaluate import VideoTally, footage_rows, footage_table, tally_of
from openmer.video.footage._inject import RECIPES
from openmer.video.spotting._brief_input import (
    CONTEXT,
    RATE_HZ,
    BriefInput,
    between,
    brief_input,
    context_of,
    scaled,
)
from openmer.video.spotting._network import PLACES_PX, BriefNetwork
from openmer.video.spotting._regions import points, usual_layout
from openmer.video.spotting._settings import MeshSettings

HERE = Path(__file__).parent
WEIGHTS = HERE.parent / "src" / "openmer" / "weights" / "spotter.safetensors"
Floats = NDArray[np.float64]

WINDOW, BATCH, CHANNELS = 60, 16, 16  # samples of a window; windows of a step
PATTERNS = 1500
WARPS = 60
CALM_S = 0.3  # kept away from the movements of drawn faces
DRAWN_SHARE = 0.3  # windows of drawn faces for each window of a real one
GRID = np.arange(0.15, 0.96, 0.025)
FALSE_A_MINUTE = 1.0
# Middle of each recipe of `inject_movements` on the subject's right, pixels of the patch.
MIDDLES = ((62, 29), (38, 27), (62, 29), (55, 121), (55, 121), (38, 93))


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


def main() -> None:
    """Train, evaluate, write."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("footage", type=Path)
    parser.add_argument("--evaluate", type=Path)
    parser.add_argument("--drawn", type=Path)
    parser.add_argument("--folds", type=int, default=4)
    parser.add_argument("--only", type=int, nargs="*")
    parser.add_argument("--steps", type=int, default=3000)
    parser.add_argument("--out", type=Path, default=Path("runs/spotter"))
    parser.add_argument("--write", action="store_true")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    videos = _analysed(arguments.footage, arguments.out)
    drawn = _drawn(arguments.drawn, arguments.out) if arguments.drawn else []
    if arguments.write:
        network = _trained("all", videos, drawn, arguments)
        state = network.state_dict()
        weights = {name: value.numpy().astype(np.float16) for name, value in state.items()}
        replace_file(WEIGHTS, save(weights))
        return
    evaluated = _analysed(arguments.evaluate, arguments.out) if arguments.evaluate else videos
    networks = {}
    for number in range(arguments.folds) if arguments.only is None else arguments.only:
        held = _held_out(videos, number, arguments.folds)
        rest = [video for video in videos if video.subject not in held]
        networks[number] = (held, _numpy(_trained(f"{number}", rest, drawn, arguments)))
    if arguments.only is None:
        text = _table(evaluated, networks, arguments)
        print(text)
        replace_file(HERE / "results" / "spotter.md", text)


def _analysed(folder: Path, out: Path) -> list[Footage]:
    """Analyse the videos of a folder with a table, or read what was analysed before."""
    by_video: dict[str, list[Movement]] = {}
    for row in read_footage(folder):
        by_video.setdefault(row.video, []).append(row)
    kept = out / folder.resolve().name
    kept.mkdir(parents=True, exist_ok=True)
    found = []
    for name, rows in sorted(by_video.items()):
        path = kept / f"{name}.pickle"
        if not path.exists():
            path.write_bytes(pickle.dumps(analyze_video(folder / name, model=None)))
            print(name, flush=True)
        found.append(Footage(name, tuple(rows), pickle.loads(path.read_bytes())))
    return found


def _drawn(folder: Path, out: Path) -> list[BriefInput]:
    """Return the motion of drawn faces between their movements."""
    kept = out / folder.resolve().name
    kept.mkdir(parents=True, exist_ok=True)
    found = []
    for video in read_truth_csv(folder / "truth.csv"):
        path = kept / f"{video.path.stem}.pickle"
        if not path.exists():
            path.write_bytes(pickle.dumps(analyze_video(video.path, model=None)))
        analysis = pickle.loads(path.read_bytes())
        for face in analysis.faces:
            for run in uniform_runs(face):
                piece = brief_input(run)
                times = run.times_s[0] + np.arange(len(piece.moved)) / RATE_HZ
                calm = np.ones(len(times), bool)
                for event in video.events:
                    onset, offset = (at / analysis.info.fps for at in (event.onset, event.offset))
                    calm &= (times < float(onset) - CALM_S) | (times > float(offset) + CALM_S)
                found += _calm_parts(piece, calm)
    return found


def _calm_parts(piece: BriefInput, calm: NDArray[np.bool_]) -> Iterator[BriefInput]:
    edges = np.flatnonzero(np.diff(np.concatenate([[0], calm.astype(int), [0]])))
    for first, end in edges.reshape(-1, 2):
        if end - first > WINDOW + 2:
            names = ("moved", "missing", "pose", "parts", "spread_px")
            yield BriefInput(**{name: getattr(piece, name)[first:end] for name in names})


def _held_out(videos: Sequence[Footage], number: int, folds: int) -> set[str]:
    return set(sorted({video.subject for video in videos})[number::folds])


def _pieces(video: Footage) -> list[BriefInput]:
    """Return the inputs of all times in view that are long enough for a window."""
    runs = (run for face in video.analysis.faces for run in uniform_runs(face))
    return [piece for piece in map(brief_input, runs) if len(piece.moved) > WINDOW + 2]


class Network(nn.Module):
    """What `BriefNetwork` computes, to be trained."""

    def __init__(self) -> None:
        super().__init__()
        side = CELLS // 2
        self.a = nn.Conv3d(2, CHANNELS, 3, padding=1, stride=(1, 2, 2))
        self.pos = nn.Parameter(torch.randn(6, 1, side, side) * 0.3)
        self.ctx = nn.Conv1d(CONTEXT, 8, 5, padding=2)
        self.b = nn.Conv3d(CHANNELS + 6 + 8, CHANNELS, 3, padding=1)
        self.c = nn.Conv3d(CHANNELS, CHANNELS, 3, padding=1)
        self.d = nn.Conv3d(CHANNELS, CHANNELS, (5, 1, 1), padding=(4, 0, 0), dilation=(2, 1, 1))
        self.e = nn.Conv3d(CHANNELS, CHANNELS, 3, padding=(2, 1, 1), dilation=(2, 1, 1))
        self.h = nn.Conv3d(CHANNELS, 3, 1)
        nn.init.constant_(self.h.bias[:1], -5.0)

    def forward(self, moved: torch.Tensor, context: torch.Tensor) -> torch.Tensor:
        """Give logits, lengths and shifts, ``(batch, 3, samples, 5, 5)``."""
        fine = torch.relu(self.a(moved))
        around = torch.relu(self.ctx(context))[..., None, None].expand(-1, -1, *fine.shape[2:])
        place = self.pos[None].expand(len(fine), -1, *fine.shape[2:])
        values = torch.relu(self.b(torch.cat([fine, place, around], 1)))
        for layer in (self.c, self.d, self.e):
            values = values + torch.relu(layer(values))
        return self.h(values)  # type: ignore[no-any-return]


def _numpy(network: Network) -> BriefNetwork:
    return BriefNetwork({name: value.numpy() for name, value in network.state_dict().items()})


def _trained(
    name: str,
    videos: Sequence[Footage],
    drawn: Sequence[BriefInput],
    arguments: argparse.Namespace,
) -> Network:
    """Train on twins and drawn faces, or read the network that was trained before."""
    learned = sorted(video.name for video in videos), len(drawn), arguments.footage.name
    digest = zlib.crc32(repr((*learned, arguments.drawn and arguments.drawn.name)).encode())
    path = arguments.out / f"network-{arguments.steps}-{name}-{digest:08x}.pt"
    network = Network()
    if path.exists():
        network.load_state_dict(torch.load(path))
        return network.eval()
    torch.manual_seed(0)
    network = Network()
    windows = Windows([p for v in videos if v.is_twin for p in _pieces(v)], drawn)
    optimizer = torch.optim.AdamW(network.parameters(), lr=4e-3, weight_decay=1e-3)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, 4e-3, total_steps=arguments.steps, pct_start=0.15
    )
    start, losses = time.perf_counter(), []
    for step in range(1, arguments.steps + 1):
        batch = [torch.from_numpy(part) for part in windows.batch()]
        loss = _loss(network(*batch[:2]), *batch[2:])
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(network.parameters(), 2.0)
        optimizer.step()
        schedule.step()
        losses.append(loss.item())
        if step % 200 == 0:
            seconds = time.perf_counter() - start
            print(f"{name}: {step}, loss {np.mean(losses[-200:]):.3f}, {seconds:.0f} s", flush=True)
    torch.save(network.state_dict(), path)
    return network.eval()


def _loss(
    found: torch.Tensor, heat: torch.Tensor, length: torch.Tensor, shift: torch.Tensor
) -> torch.Tensor:
    """Focal loss of the apexes (Law and Deng, 2018), and absolute errors of length and shift."""
    likelihood = torch.sigmoid(found[:, 0]).clamp(1e-4, 1 - 1e-4)
    is_apex = heat >= 0.999
    right = (1 - likelihood) ** 2 * likelihood.log() * is_apex
    wrong = (1 - heat) ** 4 * likelihood**2 * (1 - likelihood).log() * ~is_apex
    focal = -(right.sum() + wrong.sum()) / is_apex.sum().clamp(min=1)
    near = torch.isfinite(length)
    count = near.sum().clamp(min=1)
    errors = (found[:, 1] - length)[near].abs().sum()
    errors = errors + 0.3 * (found[:, 2] - shift)[near].abs().sum()
    return focal + errors / count


class Windows:
    """Draws windows of measured motion with known movements in them.

    Args:
        pieces: Motion of real faces in which nothing brief is known.
        drawn: Likewise of drawn faces.
    """

    def __init__(self, pieces: Sequence[BriefInput], drawn: Sequence[BriefInput]) -> None:
        self._rng = np.random.default_rng(0)
        self._pieces = [*pieces, *drawn]
        lengths = np.sqrt([min(len(piece.moved), 600) for piece in self._pieces])
        real, other = lengths[: len(pieces)].sum(), lengths[len(pieces) :].sum()
        lengths[len(pieces) :] *= DRAWN_SHARE * real / max(other, 1)
        self._weights = lengths / lengths.sum()
        self._patterns = [_pattern(self._rng) for _ in range(PATTERNS)]
        self._warps = [_warp(self._rng) for _ in range(WARPS)]

    def batch(self) -> tuple[NDArray[np.float32], ...]:
        """Draw inputs and targets: moved, context, heat, length, shift."""
        rows = [self._one() for _ in range(BATCH)]
        moved, context, *targets = (np.stack(part) for part in zip(*rows, strict=True))
        return (
            np.ascontiguousarray(moved.transpose(0, 4, 1, 2, 3), np.float32),
            np.ascontiguousarray(context.transpose(0, 2, 1), np.float32),
            *(np.ascontiguousarray(target, np.float32) for target in targets),
        )

    def _one(self) -> tuple[Floats, ...]:
        rng = self._rng
        piece = self._cut(self._pieces[rng.choice(len(self._pieces), p=self._weights)])
        moved = piece.moved * rng.uniform(0.7, 1.4)
        if rng.random() < 0.3:  # the noise of two people, still without a brief movement
            other = self._cut(self._pieces[rng.choice(len(self._pieces), p=self._weights)])
            moved = moved + rng.uniform(0.2, 0.7) * other.moved
        warp = self._warps[rng.integers(WARPS)]
        flat = warp @ moved.reshape(WINDOW, -1, 2).transpose(1, 0, 2).reshape(len(warp), -1)
        moved = flat.reshape(-1, WINDOW, 2).transpose(1, 0, 2).reshape(moved.shape)
        moved = moved + rng.normal(0, 0.03, moved.shape)
        targets = _Targets()
        at = rng.exponential(25) + 4
        while at < WINDOW - 6:
            half = rng.uniform(0.09, 0.46) * RATE_HZ / 2
            if at + half > WINDOW - 6:
                break
            middles, pattern = self._patterns[rng.integers(PATTERNS)]
            size = np.exp(rng.uniform(np.log(0.8), np.log(5)))
            back = rng.uniform(2.4, 3.4)
            course = _bump(np.arange(WINDOW) - at - half, half)
            course = course - _bump(np.arange(WINDOW) - at - half - back, half)
            moved = moved + size * course[:, None, None, None] * pattern
            targets.add(at + half, half, middles)
            at += 2 * half + 0.5 * RATE_HZ + rng.exponential(25)
        seen = replace(piece, moved=moved)
        return scaled(moved), context_of(seen), targets.heat, targets.length, targets.shift

    def _cut(self, piece: BriefInput) -> BriefInput:
        """Cut a window, flipped or played backwards at random, a little faster or slower."""
        rng, count = self._rng, len(piece.moved)
        speed = min(rng.uniform(0.85, 1.2), (count - 2) / WINDOW)
        first = rng.integers(0, count - int(WINDOW * speed))
        at = np.minimum(first + np.arange(WINDOW) * speed, count - 1)
        low = np.floor(at).astype(int)
        high, share = np.minimum(low + 1, count - 1), at - low

        def part(values: Floats) -> Floats:
            return between(values[low], values[high], share)

        moved, pose, parts = part(piece.moved), part(piece.pose), part(piece.parts)
        spread, missing = part(piece.spread_px), piece.missing[low]
        if rng.random() < 0.5:
            moved = moved[:, :, ::-1] * [-1, 1]
        if rng.random() < 0.5:
            moved = np.roll(-moved[::-1], 3, axis=0)
            moved[:3] = 0
            pose, parts, spread, missing = pose[::-1], parts[::-1], spread[::-1], missing[::-1]
        return BriefInput(moved=moved, missing=missing, pose=pose, parts=parts, spread_px=spread)


class _Targets:
    """What the network shall say in one window."""

    def __init__(self) -> None:
        side = CELLS // 2
        self.heat = np.zeros((WINDOW, side, side))
        self.length = np.full((WINDOW, side, side), np.nan)
        self.shift = np.full((WINDOW, side, side), np.nan)

    def add(self, apex: float, half: float, middles: Sequence[Floats]) -> None:
        """Add a movement; `apex` and `half` of its length in samples."""
        samples = np.arange(WINDOW)
        middle = round(apex)
        for at_px in middles:
            away = ((PLACES_PX - at_px) ** 2).sum(1).reshape(self.heat.shape[1:]) / (2 * 14.0**2)
            near = np.exp(-((samples - apex) ** 2)[:, None, None] / 2 - away)
            self.heat = np.maximum(self.heat, near)
            row, column = np.unravel_index(away.argmin(), away.shape)
            self.heat[middle, row, column] = 1
            for at in (middle - 1, middle, middle + 1):
                self.length[at, row, column] = np.log(2 * half / RATE_HZ / 0.2)
                self.shift[at, row, column] = apex - at


def _bump(at: Floats, half: float) -> Floats:
    return np.where(np.abs(at) < half, 0.5 + 0.5 * np.cos(np.pi * at / half), 0.0)


def _pattern(rng: np.random.Generator) -> tuple[list[Floats], Floats]:
    """Draw where a movement of 1 px is, and how the measurement shows it, ``(10, 10, 2)``."""
    recipe = rng.integers(len(MIDDLES))
    middle, way = MIDDLES[recipe], RECIPES[recipe].outward_down
    way = np.array(way) + rng.normal(0, 0.15, 2)
    if rng.random() < 0.15:
        way = rng.normal(0, 1, 2)
    way /= np.hypot(*way)
    middle = np.array(middle) + rng.normal(0, 4, 2)
    chosen = ((-1, 1), (-1,), (1,))[rng.choice(3, p=(0.6, 0.2, 0.2))]
    reach, blur, gain = 10.7 * rng.uniform(0.85, 1.25), rng.uniform(5, 11), rng.uniform(0.7, 1.1)
    layout, at = usual_layout(), points()
    middles, flow = [], np.zeros((len(at), 2))
    for side in chosen:
        own = np.array([80 + side * (80 - middle[0]), middle[1]])
        wide = reach**2 + blur**2
        near = np.exp(-((at - own) ** 2).sum(1) / (2 * wide)) * reach**2 / wide
        flow += gain * near[:, None] * [side * way[0], way[1]]
        middles.append(own)
    head = np.column_stack([at, np.ones(len(at)), layout.depth])
    weighted = (head * layout.skull[:, None]).T
    flow -= head @ np.linalg.solve(weighted @ head, weighted @ flow)
    side_points = int(np.sqrt(len(at)))
    blurred = cv2.GaussianBlur(flow.reshape(side_points, side_points, 2), (0, 0), 2.5)
    return middles, cv2.resize(blurred, (CELLS, CELLS), interpolation=cv2.INTER_AREA)


def _warp(rng: np.random.Generator) -> Floats:
    """Draw a small shift and scale of the cells, as weights ``(100, 100)``."""
    scale, shift = rng.uniform(0.9, 1.1, 2), rng.normal(0, 0.35, 2)
    axes = []
    for factor, by in zip(scale, shift, strict=True):
        at = np.clip((np.arange(CELLS) - 4.5) * factor + 4.5 + by, 0, CELLS - 1)
        low = np.minimum(at.astype(int), CELLS - 2)
        axis = np.zeros((CELLS, CELLS))
        axis[np.arange(CELLS), low] = 1 - (at - low)
        axis[np.arange(CELLS), low + 1] = at - low
        axes.append(axis)
    return np.kron(axes[1], axes[0])


def _table(
    videos: Sequence[Footage],
    networks: Mapping[int, tuple[set[str], BriefNetwork]],
    arguments: argparse.Namespace,
) -> str:
    """Evaluate every video by the network that did not see it."""
    at_all: dict[int, dict[float, list[VideoTally]]] = {}
    for number, (held, network) in networks.items():
        own = [video for video in videos if video.subject in held]
        at_all[number] = {
            level: [_tally(video, network, float(level)) for video in own] for level in GRID
        }
    chosen, tallies = [], []
    for number, found in at_all.items():
        others = [tally for n, each in at_all.items() if n != number for tally in _flat(each)]
        level = _least_level(others)
        chosen.append(level)
        tallies += found[level]
    pooled = _least_level([tally for each in at_all.values() for tally in _flat(each)])
    command = f"train_spotter.py FOOTAGE --folds {arguments.folds} --steps {arguments.steps}"
    command += " --drawn FOLDER" if arguments.drawn else ""
    command += " --evaluate OTHER" if arguments.evaluate else ""
    return (
        "# The learned spotter on videos that it never saw\n\n"
        f"`python benchmarks/{command}`: {len(videos)} videos of "
        "`openmer datasets inject`, each evaluated by a network that saw neither it nor its twin. "
        "Movements are of the kinds that it learned, and of other sizes, places and times. "
        "Likelihoods from which a movement counts, chosen in the other groups, whose networks had "
        "learned from the twin: "
        f"{', '.join(f'{level:.3f}' for level in chosen)}; of all groups together {pooled:.3f}.\n\n"
        + markdown_table(footage_table(footage_rows(tallies)))
        + "\n"
    )


def _flat(found: Mapping[float, list[VideoTally]]) -> list[tuple[float, VideoTally]]:
    return [(level, tally) for level, tallies in found.items() for tally in tallies]


def _least_level(found: Sequence[tuple[float, VideoTally]]) -> float:
    """Return the lowest likelihood with few enough false alarms in the twins."""
    for level in GRID:
        rows = [tally for each, tally in found if each == level]
        minutes = sum(tally.calm_s for tally in rows) / 60
        if sum(tally.false for tally in rows) <= FALSE_A_MINUTE * minutes:
            return float(level)
    return float(GRID[-1])


def _tally(video: Footage, network: BriefNetwork, level: float) -> VideoTally:
    spotter = LearnedSpotter(settings=MeshSettings(likelihood=level), network=network)
    pairs = ((face, one) for face in video.analysis.faces for one in spotter(face))
    events = tuple(spotted(one, face, "") for face, one in pairs if not one.gates)
    return tally_of(video.name, video.rows, replace(video.analysis, events=events))


if __name__ == "__main__":
    main()
