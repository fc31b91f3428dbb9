"""How alike clips are that are no copies of each other, and how long the search for copies takes.

    python benchmarks/copies.py MANIFEST ...

Prints, for each manifest, the largest correlations between two subjects and within one, of what the
search of `openmer audit` looks at closely, what it would report, and its processor time.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

from openmer.datasets import read_manifest
from openmer.evaluation.audit._copies import (
    _SCREEN,
    VIEWS,
    alike_pairs,
    check_pictures,
    match_of,
)
from openmer.evaluation.audit._pictures import read_pictures


def main() -> None:
    """Print it for each manifest."""
    for name in sys.argv[1:]:
        clips = read_manifest(Path(name))
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
        print(f"{name}: {len(clips)} clips, {len(found)} reported, {seconds:.1f} s of processor")
        for side, (face, motion) in sorted(best.items()):
            print(f"  {side}: picture {face:.3f}, of what moves {motion:.3f}")


if __name__ == "__main__":
    main()
