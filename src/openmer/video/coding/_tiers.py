"""Events on tiers, as ELAN and Praat have them: one for each face and kind, one for its apexes."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace

from openmer.video.coding._coding import CodedEvent, event_from

_SUBJECT = re.compile(r"subject\s*(\d+)", re.IGNORECASE)
_KIND = re.compile(r"\b(micro|macro)\b", re.IGNORECASE)
_LANE = re.compile(r"\s*\(\d+\)\s*$")
_APEX = re.compile(r"\bapex\b", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Tier:
    """Labels over time; of a tier with apexes only the starts count.

    Attributes:
        name: Such as "subject 1 micro", "subject 1 micro apex".
        labels: Start, end and text, none overlapping another, by time.
        coder: Who filled it; "" where that is not known.
    """

    name: str
    coder: str = ""
    labels: list[tuple[float, float, str]] = field(default_factory=list)

    @property
    def base(self) -> str:
        """Its name without the number that a second tier of the same has."""
        return _LANE.sub("", self.name)

    @property
    def is_apex(self) -> bool:
        """Whether its labels say when movements are largest."""
        return bool(_APEX.search(self.name))

    @property
    def subject_id(self) -> int:
        """Number of the face; 1 where the name does not say."""
        found = _SUBJECT.search(self.name)
        return int(found.group(1)) if found else 1

    @property
    def kind(self) -> str:
        """Say "micro" or "macro"; "" where the name does not."""
        found = _KIND.search(self.name)
        return found.group(1).lower() if found else ""


def tiers_of(events: Iterable[CodedEvent]) -> list[Tier]:
    """Put events on tiers; those that overlap another of their kind go to a second one."""
    tiers: dict[str, Tier] = {}
    for event in sorted(events, key=lambda one: (one.subject_id, one.kind, one.onset_s)):
        lane = 1
        while True:
            name = f"subject {event.subject_id} {event.kind}" + (f" ({lane})" if lane > 1 else "")
            labels = tiers.setdefault(name, Tier(name=name)).labels
            if not labels or labels[-1][1] <= event.onset_s:
                break
            lane += 1
        labels.append((event.onset_s, event.offset_s, event.label))
        if event.apex_s is not None:
            apexes = tiers.setdefault(f"{name} apex", Tier(name=f"{name} apex")).labels
            apexes.append((event.apex_s, event.apex_s, event.kind))
    return list(tiers.values())


def events_on(tiers: Sequence[Tier]) -> tuple[CodedEvent, ...]:
    """Read events from tiers, of ours or of a coder's own names; by onset."""
    found = []
    for tier in (tier for tier in tiers if not tier.is_apex):
        apexes = [
            (other.subject_id, other.kind, start)
            for other in tiers
            if other.is_apex and other.coder in ("", tier.coder)
            for start, _, _ in other.labels
        ]
        for a, b, text in tier.labels:
            event = event_from(text, a, b, subject_id=tier.subject_id, kind=tier.kind)
            event = replace(event, tier=tier.base, coder=tier.coder)
            found.append(_with_apex(event, apexes))
    for other in (tier for tier in tiers if tier.is_apex):
        _check_apexes(found, [(other.subject_id, other.kind, start) for start, *_ in other.labels])
    return tuple(sorted(found, key=lambda event: (event.onset_s, event.subject_id)))


def with_apexes(
    events: Sequence[CodedEvent], apexes: Sequence[tuple[int, str, float]]
) -> tuple[CodedEvent, ...]:
    """Give each event the first apex within it; apexes have a subject, a kind and a time.

    Raises:
        ValueError: An apex is within no event.
    """
    _check_apexes(events, apexes)
    return tuple(_with_apex(event, apexes) for event in events)


def _check_apexes(events: Sequence[CodedEvent], apexes: Iterable[tuple[int, str, float]]) -> None:
    for subject_id, kind, at_s in apexes:
        spans = [(e.onset_s, e.offset_s) for e in events
                 if e.subject_id == subject_id and kind in ("", e.kind)]  # fmt: skip
        if not any(onset <= at_s <= offset for onset, offset in spans):
            raise ValueError(f"found an apex of face {subject_id} at {at_s} s, in no event of it")


def _with_apex(event: CodedEvent, apexes: Iterable[tuple[int, str, float]]) -> CodedEvent:
    for subject_id, kind, at_s in apexes:
        is_own = subject_id == event.subject_id and kind in ("", event.kind)
        if is_own and event.onset_s <= at_s <= event.offset_s:
            return replace(event, apex_s=at_s)
    return event
