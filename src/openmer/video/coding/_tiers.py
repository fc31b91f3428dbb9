"""Events on tiers, as ELAN and Praat have them: one for each face and kind, one for its apexes."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace

from openmer.video.coding._coding import CodedEvent, event_from, note_part

_SUBJECT = re.compile(r"(?:subject|person|face)[\s_]*(\d+)", re.IGNORECASE)
_KIND = re.compile(r"\b(micro|macro)\b", re.IGNORECASE)
_LANE = re.compile(r"\s*\(\d+\)\s*$")
_APEX = re.compile(r"\bapex\b", re.IGNORECASE)
_UNIT = re.compile(r"\s*AU[\s:._-]*([LRTBU]?\d{1,2}[LR]?)\s*", re.IGNORECASE)
_INTENSITY = re.compile(r"[A-E]", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Tier:
    """Labels over time; of a tier with apexes only the starts count.

    Attributes:
        name: Such as "subject 1 micro", "subject 1 micro apex".
        labels: Start, end and text, none overlapping another, by time.
        coder: Who filled it; "" where that is not known.
        subject: Whose face it is about; "" where that is not known.
    """

    name: str
    coder: str = ""
    subject: str = ""
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
    def unit(self) -> str:
        """The action unit whose name the tier has, as "AU4" or "AU 12L"; "" for any other tier."""
        found = _UNIT.fullmatch(_SUBJECT.sub("", self.base))
        return found.group(1) if found else ""

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
    tiers = _with_units_joined(tiers)
    for tier in (tier for tier in tiers if not tier.is_apex):
        apexes = [
            (other.subject_id, other.kind, start)
            for other in tiers
            if other.is_apex and other.coder in ("", tier.coder)
            for start, _, _ in other.labels
        ]
        for a, b, text in tier.labels:
            event = event_from(text, a, b, subject_id=tier.subject_id, kind=tier.kind)
            event = replace(event, tier=tier.base, coder=tier.coder, subject=tier.subject)
            found.append(_with_apex(event, apexes))
    for other in (tier for tier in tiers if tier.is_apex):
        _check_apexes(found, [(other.subject_id, other.kind, start) for start, *_ in other.labels])
    return tuple(sorted(found, key=lambda event: (event.onset_s, event.subject_id)))


def _with_units_joined(tiers: Sequence[Tier]) -> list[Tier]:
    """Join tiers of one action unit each: what overlaps, of one coder and face, is one movement."""
    joined = [tier for tier in tiers if not tier.unit or tier.is_apex]
    by_place: dict[tuple[str, int, str], list[tuple[float, float, str]]] = {}
    for tier in tiers:
        if tier not in joined:
            labels = by_place.setdefault((tier.coder, tier.subject_id, tier.kind), [])
            labels += [(a, b, _unit_label(tier.unit, text)) for a, b, text in tier.labels]
    for (coder, subject_id, kind), labels in by_place.items():
        name = f"subject {subject_id} {kind} action units"
        joined.append(Tier(name=name, coder=coder, labels=_joined(sorted(labels))))
    return joined


def _joined(labels: Sequence[tuple[float, float, str]]) -> list[tuple[float, float, str]]:
    """Join labels that overlap, by their starts."""
    found: list[tuple[float, float, str]] = []
    for start, end, text in labels:
        if found and start < found[-1][1]:
            first, last, texts = found.pop()
            found.append((first, max(last, end), f"{texts}; {text}"))
        else:
            found.append((start, end, text))
    return found


def _unit_label(unit: str, text: str) -> str:
    """Write what stands on the tier of a unit: its intensity, or anything else as a comment."""
    if _INTENSITY.fullmatch(text.strip()):
        side = unit[-1] if unit[-1] in "LRlr" else ""
        return f"AU {unit.removesuffix(side)}{text.strip().upper()}{side}"
    is_name = text.strip().lower() in ("", "x", "1", "+", unit.lower(), f"au{unit}".lower())
    return f"AU {unit}" if is_name else f"AU {unit}; {note_part(text.strip())}"


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
