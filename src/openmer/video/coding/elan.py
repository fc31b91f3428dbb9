"""ELAN's files: annotations on tiers in XML, times in whole milliseconds."""

from __future__ import annotations

import mimetypes
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlparse

import lazy_loader

from openmer.datasets import KINDS
from openmer.video.coding._coding import (
    Coding,
    EventFormat,
    class_part,
    note_part,
    register_event_format,
    units_part,
)
from openmer.video.coding._tiers import Tier, events_on, tiers_of

if TYPE_CHECKING:
    from pympi import Eaf

_NO_DATE = "1970-01-01T00:00:00+00:00"  # the same events give the same bytes
_MOMENT_MS = 40  # of an apex, where the rate is not known
_MILLISECONDS = "milliseconds"
_CLASS = re.compile(r"(?i)class|emotion|expression|affect|label")  # names of dependent tiers
_UNITS = re.compile(r"(?i)\bAUs?\b|action.?units?|\bFACS\b")
_NOTES = re.compile(r"(?i)comment|note|remark")
pympi = lazy_loader.load("pympi")


def _write(path: Path, coding: Coding) -> None:
    document = pympi.Eaf(author="OpenMER")
    document.adocument["DATE"] = _NO_DATE
    if Path(coding.video).is_absolute():
        kind = mimetypes.guess_type(coding.video)[0] or "video/unknown"
        document.add_linked_file(Path(coding.video).as_uri(), mimetype=kind)
    moment_ms = max(1, round(1000 * coding.step_s)) if coding.step_s else _MOMENT_MS
    for tier in tiers_of(coding.events):
        document.add_tier(tier.name, part=f"subject {tier.subject_id}")
        for start_s, end_s, text in tier.labels:
            start = round(1000 * start_s)
            end = start + moment_ms if tier.is_apex else max(round(1000 * end_s), start + 1)
            document.add_annotation(tier.name, start, end, text)
    if len(document.tiers) > 1:
        document.remove_tier("default")
    document.to_file(str(path))


def _read(path: Path) -> Coding:
    document = pympi.Eaf(str(path), suppress_version_warning=True)
    units = document.header.get("TIME_UNITS", _MILLISECONDS)
    if units != _MILLISECONDS:
        raise ValueError(f"found the time unit {units}, expected {_MILLISECONDS}")
    media = sorted(document.media_descriptors, key=lambda one: not _is_video(one)) or [{}]
    url = media[0].get("MEDIA_URL") or media[0].get("RELATIVE_MEDIA_URL") or ""
    video = unquote(urlparse(url).path, errors="surrogateescape")
    return Coding(video=video, events=events_on(_tiers(document, _origin_ms(media[0]))))


def _is_video(media: Mapping[str, str]) -> bool:
    return media.get("MIME_TYPE", "").startswith("video")


def _origin_ms(media: Mapping[str, str]) -> int:
    """Return the time of the media file at which the time of the document begins."""
    return int(media.get("TIME_ORIGIN") or 0)


def _tiers(document: Eaf, origin_ms: int) -> list[Tier]:
    """Give the tiers that stand alone; what depends on one is said of its annotations."""
    tiers: dict[str, Tier] = {}
    said: dict[str, list[str]] = {}
    moments: dict[str, tuple[str, float, float]] = {}
    for name in sorted(document.tiers, key=lambda name: _depth(document, name)):
        aligned, refs, attributes, _ = document.tiers[name]
        parent = attributes.get("PARENT_REF")
        participant = attributes.get("PARTICIPANT") or ""
        told = name if "subject" in name.lower() else f"{name} {participant}".strip()
        coder = attributes.get("ANNOTATOR") or ""
        own = Tier(name=told, coder=coder, subject=participant.strip())
        times = {key: _seconds(document, one, origin_ms) for key, one in aligned.items()}
        if parent is None or own.is_apex:
            tiers[name] = own
            moments |= {key: (name, *span) for key, span in times.items()}
            said |= {key: [aligned[key][2].strip()] for key in aligned}
            continue
        texts = {key: (_around(moments, document, parent, times[key]), one[2])
                 for key, one in aligned.items()}  # fmt: skip
        texts |= {key: (one[0], one[1]) for key, one in refs.items()}
        for key, (owner, text) in texts.items():
            said[key] = said[owner]  # of the annotation at the root
            moments[key] = moments[owner]
            _add(said[owner], name, text.strip())
    for key, (name, start_s, end_s) in moments.items():
        if key in document.tiers[name][0]:
            label = "; ".join(filter(None, said[key]))
            tiers[name].labels.append((start_s, end_s, label))
    return [replace(tier, labels=sorted(tier.labels)) for tier in tiers.values()]


def _depth(document: Eaf, name: str) -> int:
    parent = document.tiers[name][2].get("PARENT_REF")
    return 0 if parent is None else 1 + _depth(document, parent)


def _seconds(document: Eaf, one: Sequence[str], origin_ms: int) -> tuple[float, float]:
    start, end = (document.timeslots[slot] for slot in one[:2])
    if start is None or end is None:
        raise ValueError("found an annotation without a time, expected all of them at times")
    return (start + origin_ms) / 1000, (end + origin_ms) / 1000


def _around(
    moments: Mapping[str, tuple[str, float, float]],
    document: Eaf,
    parent: str,
    span: tuple[float, float],
) -> str:
    """Find the annotation of the parent tier that a dependent one lies in."""
    middle = sum(span) / 2
    for key in document.tiers[parent][0]:
        if moments[key][1] <= middle <= moments[key][2]:
            return str(key)
    raise ValueError(f"found an annotation at {middle:.2f} s outside of those on {parent!r}")


def _add(said: list[str], tier: str, text: str) -> None:
    """Say of an annotation what stands on a tier that depends on its own."""
    if not text:
        return
    if _NOTES.search(tier):
        said.append(note_part(text))
    elif _UNITS.search(tier):
        said.append(units_part(text))
    elif _CLASS.search(tier):
        said.insert(0, text if text.lower() in KINDS else class_part(text))
    else:
        said.append(text)


register_event_format(
    EventFormat(name="eaf", suffix=".eaf", title="ELAN", needs="pympi", write=_write, read=_read)
)
