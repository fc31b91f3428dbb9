"""ELAN's files: annotations on tiers in XML, times in whole milliseconds."""

from __future__ import annotations

import mimetypes
from pathlib import Path
from urllib.parse import unquote, urlparse

import lazy_loader

from openmer.video.coding._coding import Coding, EventFormat, register_event_format
from openmer.video.coding._tiers import Tier, events_on, tiers_of

_NO_DATE = "1970-01-01T00:00:00+00:00"  # the same events give the same bytes
_MOMENT_MS = 40  # of an apex, where the rate is not known
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
    tiers = []
    for name, parts in document.tiers.items():
        labels = [(document.timeslots[a], document.timeslots[b], text)
                  for a, b, text, _ in parts[0].values()]  # fmt: skip
        participant = parts[2].get("PARTICIPANT") or ""
        told = name if "subject" in name.lower() else f"{name} {participant}"
        seconds = sorted((a / 1000, b / 1000, text or "") for a, b, text in labels)
        tiers.append(Tier(name=told, labels=seconds))
    media = [one.get("MEDIA_URL", "") for one in document.media_descriptors]
    video = unquote(urlparse(media[0]).path, errors="surrogateescape") if media else ""
    return Coding(video=video, events=events_on(tiers))


register_event_format(
    EventFormat(name="eaf", suffix=".eaf", title="ELAN", needs="pympi", write=_write, read=_read)
)
