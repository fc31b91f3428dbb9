"""Which found movement is which true one: intervals of frames, and their best pairing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from openmer.datasets import KINDS, Kind
from openmer.errors import DataError

LEAST_IOU = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """A movement in a video, true or found; frames count from 0, both ends included.

    Attributes:
        kind: "micro" or "macro".
        onset: First frame.
        offset: Last frame.
        apex: Frame of the largest movement; None where not known.
        subject: Number of the face it is on.
        class_name: What it shows; None where nobody says.
    """

    kind: Kind
    onset: int
    offset: int
    apex: int | None = None
    subject_id: int = 1
    class_name: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Match:
    """A found movement and the true one that it is: a record, because both are spans."""

    found: Span
    truth: Span


def overlap(first: Span, second: Span) -> float:
    """Frames in both over frames in either (IoU), 0..1; both ends of a span belong to it.

    Source: the evaluation code of the MEGC challenges, which counts frames the same way.
    """
    both = min(first.offset, second.offset) - max(first.onset, second.onset) + 1
    lengths = (first.offset - first.onset + 1) + (second.offset - second.onset + 1)
    return max(0, both) / (lengths - max(0, both))


def match_spans(
    found: Sequence[Span], truth: Sequence[Span], *, least_iou: float = LEAST_IOU
) -> tuple[Match, ...]:
    """Pair found movements of a video with true ones, each used once at most.

    As many pairs as possible are made; among the pairings with that many, the one with the largest
    sum of overlaps is taken. Subjects must be the same; kinds are not looked at, so give those of
    one kind to compare within it.

    Args:
        found: What a spotter found.
        truth: What the annotators found.
        least_iou: Overlap from which two may be the same, in 0..1, more than 0.

    Returns:
        The pairs, by the onset of the true movement.

    Raises:
        DataError: `least_iou` is out of its range.
    """
    if not 0 < least_iou <= 1:
        raise DataError(f"The least overlap is {least_iou}; expected more than 0, at most 1.")
    if not found or not truth:
        return ()
    # In one order whatever the order they came in, so that ties are always resolved the same way.
    found, truth = sorted(found, key=_order), sorted(truth, key=_order)
    worth = np.zeros((len(found), len(truth)))
    for row, one in enumerate(found):
        for column, other in enumerate(truth):
            iou = overlap(one, other)
            if one.subject_id == other.subject_id and iou >= least_iou:
                # One more pair is worth more than any sum of overlaps.
                worth[row, column] = 1 + min(worth.shape) + iou
    from scipy.optimize import linear_sum_assignment

    pairs = zip(*linear_sum_assignment(worth, maximize=True), strict=True)
    made = [Match(found=found[i], truth=truth[j]) for i, j in pairs if worth[i, j] > 0]
    return tuple(sorted(made, key=lambda match: _order(match.truth)))


def named_as_in_truth(
    found: Sequence[Span], truth: Sequence[Span], *, least_iou: float = LEAST_IOU
) -> tuple[Span, ...]:
    """Found movements of a video with the numbers that the truth gives to the faces.

    A spotter numbers faces as it meets them, and gives a new number to a face that it lost. So each
    of its faces is taken for the true subject most of whose movements it matches, the one with the
    lowest number on a tie.
    """
    subjects = sorted({span.subject_id for span in truth})
    if not subjects:
        return tuple(found)
    names = {}
    for face in {span.subject_id for span in found}:
        own = [span for span in found if span.subject_id == face]
        matched = [
            len(
                match_spans(
                    [replace(span, subject_id=who) for span in own], truth, least_iou=least_iou
                )
            )
            for who in subjects
        ]
        names[face] = subjects[int(np.argmax(matched))]
    return tuple(replace(span, subject_id=names[span.subject_id]) for span in found)


def checked(span: Span, where: str) -> Span:
    """Return the span; refuse an impossible one."""
    apex = span.onset if span.apex is None else span.apex
    if span.kind not in KINDS or not 0 <= span.onset <= apex <= span.offset:
        raise DataError(
            f"{where} has a {span.kind!r} movement with onset {span.onset}, apex {span.apex} and "
            f"offset {span.offset}; expected {' or '.join(KINDS)}, and frames from 0 in this order."
        )
    return span


def _order(span: Span) -> tuple[int, int, int, str, str]:
    return (span.onset, span.offset, span.subject_id, span.kind, span.class_name or "")
