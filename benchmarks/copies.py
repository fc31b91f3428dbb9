"""How alike clips are that are no copies of each other, and how long the search for copies takes.

    python benchmarks/copies.py tiny demo NAME=MANIFEST ...

A name alone is a synthetic corpus. For each of them it prints and writes to
benchmarks/results/copies.md what the search of `openmer audit` would report, its processor time,
and the largest correlations, between two subjects and within one, of what it looks at closely.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from machine import processor

import openmer
from openmer.clip import Clip
from openmer.datasets import read_manifest
from openmer.evaluation.audit._copies import (
    _SCREEN,
    VIEWS,
    alike_pairs,
    check_pictures,
    match_of,
)
from openmer.evaluation.audit._pictures import read_pictures

RESULTS = Path(__file__).parent / "results" / "copies.md"
HEAD = (
    "| clips | number | reported | processor s | what is compared | picture | of what moves |",
    "| --- | ---: | ---: | ---: | --- | ---: | ---: |",
)


def main() -> None:
    """Measure all corpora, and keep the table."""
    lines = list(HEAD)
    with TemporaryDirectory() as folder:
        for name in sys.argv[1:]:
            title, _, manifest = name.partition("=")
            if not manifest:
                openmer.synthesize(Path(folder) / title, size=title, progress=False)
                manifest = str(Path(folder) / title / "manifest.csv")
            lines += _measured(title, read_manifest(Path(manifest)))
    print(*lines, sep="\n")
    RESULTS.write_text("\n".join([f"{processor()}.", "", *lines]) + "\n", encoding="utf-8")


def _measured(name: str, clips: Sequence[Clip]) -> Iterator[str]:
    """Yield a line for each kind of pair."""
    began = time.process_time()
    found = check_pictures(clips)
    seconds = time.process_time() - began
    pictures = read_pictures(clips)
    best: dict[str, tuple[float, float]] = {}
    for kind in _SCREEN:
        known = [i for i, one in enumerate(pictures) if one is not None and one.kind == kind]
        for i, j, view in alike_pairs([pictures[k] for k in known], _SCREEN[kind]):
            match = match_of(pictures[known[i]], VIEWS[view](pictures[known[j]]))
            same = clips[known[i]].subject_id == clips[known[j]].subject_id
            side = f"{kind}, {'one subject' if same else 'two subjects'}"
            face, motion = best.get(side, (0.0, 0.0))
            best[side] = max(face, match.face), max(motion, match.motion)
    for side, (face, motion) in sorted(best.items()):
        yield (
            f"| {name} | {len(clips)} | {len(found)} | {seconds:.1f} | {side} | {face:.3f} | "
            f"{motion:.3f} |"
        )


if __name__ == "__main__":
    main()
