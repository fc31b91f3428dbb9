"""A fake MUG: takes from onset over apex to offset."""

from __future__ import annotations

from pathlib import Path

from openmer.datasets.fakes._files import save_image
from openmer.datasets.fakes._plan import FakePlan, movie


def write(root: Path, plan: FakePlan) -> None:
    """Write the takes."""
    for at, (subject_id, word) in enumerate(plan.each()):
        take = root / f"subject{subject_id + 1:03}" / word / f"take{at:03}"
        take.mkdir(parents=True, exist_ok=True)
        frames = movie("stills", subject_id % 3, word).frames_rgb if plan.frames else ()
        for index, frame_rgb in enumerate(frames):
            save_image(take / f"img_{index:04}.jpg", frame_rgb)
