"""Whether people are told apart where one follows another by a hard cut.

    python benchmarks/hard_cuts.py VIDEO VIDEO... [--rounds 10] [--seed 0]

Each video must show one person. In each round short pieces of seven of them (or of all, if there
are fewer) follow one another, and three of the people come back at the end, in pieces of other
times. Pieces have the video's own place and size of the face, so that some cuts hit the same place.
Writes benchmarks/results/hard_cuts.md: people told apart, returns that were known again, and faces
that are nobody. It holds numbers only.
"""

from __future__ import annotations

import argparse
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from openmer.video import open_video
from openmer.video.faces._choice import tracker_for
from openmer.video.faces._seen import TrackSettings

Gray = NDArray[np.uint8]
Piece = tuple[int, list[Gray]]  # number of the person, frames

RESULT = Path(__file__).parent / "results" / "hard_cuts.md"
SIDE_PX, FRAMES, FPS = 512, 20, 30
PEOPLE, RETURNS = 7, 3


def main() -> None:
    """Follow the faces of every round and write the table."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("videos", nargs="+", type=Path)
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    halves = [_halves(video) for video in given.videos]
    rng = np.random.default_rng(given.seed)
    totals: Counter[str] = Counter()
    for _ in range(given.rounds):
        totals.update(_evaluate(_round(halves, rng)))
    text = _text(totals, len(halves), given.rounds, given.seed)
    print(text)
    RESULT.write_text(text, encoding="utf-8")


def _halves(video: Path) -> tuple[list[Gray], list[Gray]]:
    """Frames from the beginning and from the middle of a video, in a square image."""
    with open_video(video) as frames:
        grays = [_square(frame.gray) for frame, _ in zip(frames, range(120), strict=False)]
    middle = max(FRAMES, len(grays) - FRAMES)
    return grays[:FRAMES], grays[middle - FRAMES : middle]


def _square(gray: Gray) -> Gray:
    scale = SIDE_PX / max(gray.shape)
    small = cv2.resize(gray, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    image = np.full((SIDE_PX, SIDE_PX), 90, np.uint8)
    image[: small.shape[0], : small.shape[1]] = small[:SIDE_PX, :SIDE_PX]
    return image


def _round(
    halves: Sequence[tuple[list[Gray], list[Gray]]], rng: np.random.Generator
) -> list[Piece]:
    people = rng.permutation(len(halves))[:PEOPLE]
    again = rng.permutation(people[:-1])[:RETURNS]
    first = [(int(person), halves[person][0]) for person in people]
    return first + [(int(person), halves[person][1]) for person in again]


def _evaluate(pieces: Sequence[Piece]) -> Counter[str]:
    """Count people with a number of their own, returns under their first number, and nobodies."""
    numbers = [_number(seen) for seen in _followed(pieces)]
    first: dict[int, int] = {}
    counts: Counter[str] = Counter()
    for (person, _), (number, nobodies) in zip(pieces, numbers, strict=True):
        counts["nobodies"] += nobodies
        if person in first:
            counts["returns"] += 1
            counts["known"] += number == first[person]
        else:
            counts["people"] += 1
            counts["apart"] += number not in first.values() and number != 0
            first[person] = number
    return counts


def _number(seen: Counter[int]) -> tuple[int, int]:
    """The number seen most in a piece, 0 for none; and how many others there are."""
    return (seen.most_common(1)[0][0], len(seen) - 1) if seen else (0, 0)


def _followed(pieces: Sequence[Piece]) -> Iterator[Counter[int]]:
    tracker, _ = tracker_for(TrackSettings(landmarks="mesh"))
    frame = 0
    for _, grays in pieces:
        seen: Counter[int] = Counter()
        for gray in grays:
            seen.update(one.subject_id for one in tracker.see(frame, frame / FPS, gray))
            frame += 1
        yield seen


def _text(totals: Counter[str], videos: int, rounds: int, seed: int) -> str:
    return "\n".join([
        "# People who follow one another by hard cuts",
        "",
        f"`python benchmarks/hard_cuts.py VIDEO... --rounds {rounds} --seed {seed}`: "
        f"{videos} videos of one person each, {FRAMES} frames a piece.",
        "",
        "| What | Found | Of |",
        "| --- | --- | --- |",
        f"| People told apart | {totals['apart']} | {totals['people']} |",
        f"| People who came back and were known again | {totals['known']} | {totals['returns']} |",
        f"| Faces that are nobody | {totals['nobodies']} | 0 |",
        "",
    ])  # fmt: skip


if __name__ == "__main__":
    main()
