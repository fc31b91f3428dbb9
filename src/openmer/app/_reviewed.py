"""Accepted events as a corpus of one's own: clips of the face, and the manifest that lists them."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import numpy as np
from PIL import Image as Pillow

from openmer.app._decisions import Decision, ReviewItem
from openmer.app._pictures import face_frames_of
from openmer.errors import DataError
from openmer.files import readable, replace_folder
from openmer.video import Progress

_COLUMNS = (
    "corpus", "subject", "clip", "label", "frames", "onset", "apex", "offset", "fps",
    "action_units", "faces",
)  # fmt: skip
_CORPUS = "reviewed"


def write_reviewed(
    out: Path,
    items: Sequence[ReviewItem],
    decisions: dict[str, Decision],
    *,
    on_progress: Progress | None = None,
) -> int:
    """Write the accepted events that have a class as clips and ``manifest.csv``, for `evaluate`.

    Each face of each video is a subject of its own. The frames are the face, cut out at one place.

    Args:
        out: A new folder, or one that was written so before.
        items: The events.
        decisions: Of one coder.
        on_progress: Called with "write", how many clips are done, and how many there are.

    Returns:
        How many clips.

    Raises:
        DataError: No event with a class was accepted, or a video cannot be read.
    """
    chosen = [
        (item, decisions[item.key])
        for item in items
        if item.key in decisions
        and decisions[item.key].state == "accepted"
        and decisions[item.key].class_name
    ]
    if not chosen:
        raise DataError("No accepted event has a class. Accept some and give them a class first.")
    sheet = io.StringIO()
    writer = csv.DictWriter(sheet, _COLUMNS, lineterminator="\n")
    writer.writeheader()
    with replace_folder(out) as place:
        for done, (item, decision) in enumerate(chosen):
            if on_progress is not None:
                on_progress("write", done, len(chosen))
            writer.writerow(_clip(place, item, decision))
        (place / "manifest.csv").write_text(sheet.getvalue(), encoding="utf-8")
    return len(chosen)


def _clip(place: Path, item: ReviewItem, decision: Decision) -> dict[str, object]:
    """Write the frames of one event; return its row."""
    video = readable(item.folder.resolve().name).replace("\\", "_")  # no part of a path
    subject = f"{video}-{item.event.subject_id}"
    name = f"{item.event.kind}{decision.onset}-{item.number}"
    folder = place / "frames" / subject / name
    folder.mkdir(parents=True)
    with item.open() as frames:
        seen = face_frames_of(frames, item.event, decision.onset, decision.offset)
    step = seen.numbers[1] - seen.numbers[0]
    if decision.offset - seen.numbers[-1] > step:
        raise DataError(
            f"{item.key}: the decision ends with frame {decision.offset}, the video with "
            f"{seen.numbers[-1]}. Correct it with `openmer review`."
        )
    for number, image in enumerate(seen.crops_rgb):
        Pillow.fromarray(image).save(folder / f"img{number}.png")
    at = np.array(seen.numbers)
    rate = Fraction(seen.fps).limit_denominator(1001)
    return {
        "corpus": _CORPUS,
        "subject": subject,
        "clip": name,
        "label": decision.class_name,
        "frames": folder.relative_to(place).as_posix(),
        "onset": 0,
        "apex": int(np.abs(at - decision.apex).argmin()),
        "offset": len(at) - 1,
        "fps": str(rate),
        "action_units": decision.action_units,
        "faces": "cropped",
    }
