"""How a spotter is evaluated on long videos, as in the spotting tasks of the MEGC challenges.

A found movement is a true one where they share at least half of the frames that either has (IoU of
0.5, both ends counted). Each is used once. Hits, false alarms and misses are counted over all
videos together, and F1 is made of these counts; the mean of one F1 per video is another number.

Micro- and macro-expressions are compared within their kind: a micro-expression that was found as a
macro-expression is a miss and a false alarm. "all" adds up the counts of both kinds; "either" (not
a score of the challenges) asks only whether something was there.

The spot-then-recognise score is F1 of spotting times F1 of recognition over the spotted movements,
where the latter is the harmonic mean of mean precision and mean recall over the classes.

References:
    He et al. (2020), Spotting Macro- and Micro-expression Intervals in Long Video Sequences, FG
    (MEGC 2020: the dataset counted as one long video, both kinds pooled).
    Li et al. (2022), MEGC2022: ACM Multimedia 2022 Micro-Expression Grand Challenge.
    Liong, See and Chan (2023), Spot-then-recognize: A micro-expression analysis network for
    seamless evaluation of long videos, Signal Processing: Image Communication 110 (STRS).
    Fan et al. (2025), MEGC2025: Micro-Expression Grand Challenge on Spot Then Recognize and Visual
    Question Answering (STRS as the score of a challenge).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from openmer.datasets import KINDS, AnnotatedVideo, Kind
from openmer.errors import DataError
from openmer.evaluation.spotting._intervals import (
    Tally,
    recognition_of,
    spotting_intervals,
    units_of,
)
from openmer.evaluation.spotting._matching import (
    LEAST_IOU,
    Match,
    Span,
    checked,
    match_spans,
    named_as_in_truth,
)
from openmer.evaluation.spotting._scores import (
    ApexError,
    QuietVideos,
    Scope,
    ScopeScores,
    SpottingScores,
)


class Spotted(Protocol):
    """What `span_of` takes: the intervals and events of `openmer.video`, or anything like them."""

    @property
    def subject_id(self) -> int:
        """Number of the face."""

    @property
    def kind(self) -> Kind:
        """Micro or macro."""

    @property
    def onset_frame(self) -> int:
        """First frame."""

    @property
    def apex_frame(self) -> int:
        """Frame of the largest movement."""

    @property
    def offset_frame(self) -> int:
        """Last frame."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Evaluated:
    """One video: what is true, what was found, and what of it is the same."""

    video: AnnotatedVideo
    truth: tuple[Span, ...]
    found: tuple[Span, ...]
    same_kind: tuple[Match, ...]
    any_kind: tuple[Match, ...]


def span_of(event: Spotted) -> Span:
    """Return an interval as `score_spotting` takes it, with its `class_name` where it has one."""
    return Span(
        kind=event.kind,
        onset=event.onset_frame,
        offset=event.offset_frame,
        apex=event.apex_frame,
        subject_id=event.subject_id,
        class_name=getattr(event, "class_name", None),
    )


def score_spotting(
    found: Mapping[str, Sequence[Span]],
    truth: Sequence[AnnotatedVideo],
    *,
    classes: Sequence[str] | None = None,
    face_seconds: Mapping[str, float] | None = None,
    least_iou: float = LEAST_IOU,
    draws: int = 2000,
    seed: int = 0,
) -> SpottingScores:
    """Evaluate what was found in videos by what was annotated in them.

    Faces need not be numbered as in the truth: in each video a found face is taken for the true
    subject most of whose movements it matches. Names of classes are compared without case.

    Args:
        found: Movements by `AnnotatedVideo.key`; a video that is absent is one in which nothing was
            found.
        truth: Every video that was looked at, those without an event as well.
        classes: The classes of recognition; movements with another true class are left out of it.
            None takes those that the truth names.
        face_seconds: Seconds in which a face was seen in each video, added up over its subjects, by
            key; None takes the length of the videos.
        least_iou: Overlap from which a found movement is a true one, more than 0, at most 1.
        draws: How many times subjects are drawn for the intervals.
        seed: Of these draws.

    Raises:
        DataError: There is no video, one is listed twice, something was found in a video that is
            not listed, a movement is impossible, or `face_seconds` or `least_iou` is.
    """
    _check(found, truth, face_seconds)
    evaluated = [_score(video, found.get(video.key, ()), least_iou) for video in truth]
    seconds = [_seconds(video, face_seconds) for video in truth]
    unit = units_of([video.subject_ids for video in truth])

    def scores(scope: Scope) -> ScopeScores:
        kinds = tuple(kind for kind in KINDS if scope in (kind, "all", "either"))
        matches = [_matches(each, scope, kinds) for each in evaluated]
        names = _classes(classes, evaluated, kinds)
        tally = _tally(evaluated, matches, kinds, seconds, names)
        return ScopeScores(
            scope=scope,
            truth=int(tally.truth.sum()),
            found=int(tally.found.sum()),
            hits=int(tally.hits.sum()),
            minutes=_minutes(seconds),
            apex=_apex_error(evaluated, matches),
            recognition=recognition_of(tally, names),
            intervals=spotting_intervals(tally, unit, draws=draws, seed=seed),
        )

    return SpottingScores(
        micro=scores("micro"),
        macro=scores("macro"),
        all=scores("all"),
        either=scores("either"),
        quiet=_quiet(evaluated, seconds),
        videos=len(truth),
        subjects=len({subject_id for video in truth for subject_id in video.subject_ids}),
        least_iou=least_iou,
        of_face=face_seconds is not None,
    )


def _check(
    found: Mapping[str, Sequence[Span]],
    truth: Sequence[AnnotatedVideo],
    face_seconds: Mapping[str, float] | None,
) -> None:
    keys = [video.key for video in truth]
    if not keys:
        raise DataError("There is no video to evaluate by. Give the annotated videos.")
    twice = sorted({key for key in keys if keys.count(key) > 1}) if len({*keys}) < len(keys) else []
    if twice:
        raise DataError(f"The video {twice[0]!r} is listed twice in the truth. Leave one out.")
    unknown = sorted(set(found) - set(keys))
    if unknown:
        raise DataError(
            f"Movements were found in {unknown[0]!r} and in {len(unknown) - 1} more videos of which"
            f" the truth knows nothing. It knows {', '.join(map(repr, sorted(keys)[:3]))} and "
            f"{max(0, len(keys) - 3)} more; use these keys."
        )
    for key, given in (face_seconds or {}).items():
        if not given >= 0 or given == float("inf"):
            raise DataError(f"A face is seen for {given} seconds in {key!r}; expected 0 or more.")
    if face_seconds is not None and set(keys) - set(face_seconds):
        raise DataError(
            f"For how long a face is seen in {min(set(keys) - set(face_seconds))!r} is not given. "
            "Give it for every video, 0 where none is seen."
        )


def _score(video: AnnotatedVideo, given: Sequence[Span], least_iou: float) -> _Evaluated:
    truth = tuple(
        checked(
            Span(
                kind=event.kind,
                onset=event.onset,
                offset=event.offset,
                apex=event.apex,
                subject_id=event.subject_id,
                class_name=event.emotion,
            ),
            f"The truth of {video.key}",
        )
        for event in video.events
    )
    given = [checked(span, f"What was found in {video.key}") for span in given]
    found = named_as_in_truth(given, truth, least_iou=least_iou)
    return _Evaluated(
        video=video,
        truth=truth,
        found=found,
        same_kind=tuple(
            match
            for kind in KINDS
            for match in match_spans(
                _of_kinds(found, (kind,)), _of_kinds(truth, (kind,)), least_iou=least_iou
            )
        ),
        any_kind=match_spans(found, truth, least_iou=least_iou),
    )


def _of_kinds(spans: Iterable[Span], kinds: Sequence[Kind]) -> list[Span]:
    return [span for span in spans if span.kind in kinds]


def _matches(evaluated: _Evaluated, scope: Scope, kinds: Sequence[Kind]) -> tuple[Match, ...]:
    if scope == "either":
        return evaluated.any_kind
    return tuple(match for match in evaluated.same_kind if match.truth.kind in kinds)


def _tally(
    evaluated: Sequence[_Evaluated],
    matches: Sequence[tuple[Match, ...]],
    kinds: Sequence[Kind],
    seconds: Sequence[float | None],
    classes: tuple[str, ...],
) -> Tally:
    """Count matches and misses in each video."""
    known = [each for each in seconds if each is not None]

    def counts(number: Callable[[_Evaluated], int]) -> NDArray[np.int64]:
        return np.array([number(each) for each in evaluated], dtype=np.int64)

    return Tally(
        hits=np.array([len(each) for each in matches], dtype=np.int64),
        found=counts(lambda each: len(_of_kinds(each.found, kinds))),
        truth=counts(lambda each: len(_of_kinds(each.truth, kinds))),
        seconds=np.array(known) if len(known) == len(seconds) else None,
        confusion=_confusion(matches, classes) if classes else None,
    )


def _confusion(matches: Sequence[tuple[Match, ...]], classes: tuple[str, ...]) -> NDArray[np.int64]:
    """Count the matches of each video by true and said class, as in `Tally`."""
    size = len(classes) + 1
    place = {name: at for at, name in enumerate(classes)}
    counts = np.zeros((len(matches), size, size), dtype=np.int64)
    for video, pairs in enumerate(matches):
        for pair in pairs:
            true = place.get(_plain(pair.truth.class_name))
            if true is not None:
                counts[video, true, place.get(_plain(pair.found.class_name), size - 1)] += 1
    return counts


def _plain(name: str | None) -> str:
    return (name or "").strip().lower()


def _classes(
    given: Sequence[str] | None, evaluated: Sequence[_Evaluated], kinds: Sequence[Kind]
) -> tuple[str, ...]:
    """Return the classes of recognition; none where the truth names none of them."""
    named = {
        _plain(span.class_name) for each in evaluated for span in _of_kinds(each.truth, kinds)
    } - {""}
    if given is None:
        return tuple(sorted(named))
    wanted = {_plain(name) for name in given}
    return tuple(sorted(wanted)) if wanted & named else ()


def _seconds(video: AnnotatedVideo, face_seconds: Mapping[str, float] | None) -> float | None:
    return video.duration_s if face_seconds is None else face_seconds[video.key]


def _minutes(seconds: Sequence[float | None]) -> float | None:
    known = [each for each in seconds if each is not None]
    return sum(known) / 60 if len(known) == len(seconds) else None


def _apex_error(
    evaluated: Sequence[_Evaluated], matches: Sequence[tuple[Match, ...]]
) -> ApexError | None:
    apart: list[int] = []
    rates: list[Fraction | None] = []
    for each, pairs in zip(evaluated, matches, strict=True):
        for pair in pairs:
            if pair.found.apex is not None and pair.truth.apex is not None:
                apart.append(abs(pair.found.apex - pair.truth.apex))
                rates.append(each.video.fps)
    if not apart:
        return None
    known = [rate for rate in rates if rate is not None]
    ms = [1000 * float(n / rate) for n, rate in zip(apart, known, strict=False)]
    return ApexError(
        matched=len(apart),
        mean_frames=float(np.mean(apart)),
        median_frames=float(np.median(apart)),
        mean_ms=float(np.mean(ms)) if len(known) == len(rates) else None,
    )


def _quiet(evaluated: Sequence[_Evaluated], seconds: Sequence[float | None]) -> QuietVideos:
    quiet = [at for at, each in enumerate(evaluated) if not each.truth]
    return QuietVideos(
        videos=len(quiet),
        found=sum(len(evaluated[at].found) for at in quiet),
        minutes=_minutes([seconds[at] for at in quiet]),
    )
