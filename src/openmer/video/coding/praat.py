"""Praat's TextGrid: labels on interval tiers, apexes on point tiers."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from types import ModuleType

from openmer.video.coding._coding import Coding, EventFormat, register_event_format
from openmer.video.coding._tiers import Tier, events_on, tiers_of


def _praat() -> ModuleType:
    return import_module("praatio.textgrid")


def _write(path: Path, coding: Coding) -> None:
    praat = _praat()
    grid = praat.Textgrid()
    end_s = max([coding.duration_s, 1e-3, *(event.offset_s for event in coding.events)])
    tiers = tiers_of(coding.events) or [Tier(name="subject 1 micro")]
    for tier in tiers:
        if tier.is_apex:
            points = [(at_s, text) for at_s, _, text in tier.labels]
            grid.addTier(praat.PointTier(tier.name, points, 0, end_s))
        else:
            grid.addTier(praat.IntervalTier(tier.name, tier.labels, 0, end_s))
    grid.save(str(path), format="long_textgrid", includeBlankSpaces=True)


def _read(path: Path) -> Coding:
    praat = _praat()
    grid = praat.openTextgrid(str(path), includeEmptyIntervals=False)
    tiers = []
    for tier in grid.tiers:
        found = [(entry[0], entry[-2], entry[-1]) for entry in tier.entries]
        is_points = isinstance(tier, praat.PointTier)
        name = f"{tier.name} apex" if is_points and "apex" not in tier.name else tier.name
        tiers.append(Tier(name=name, labels=found))
    return Coding(video="", duration_s=grid.maxTimestamp, events=events_on(tiers))


register_event_format(
    EventFormat(
        name="textgrid", suffix=".TextGrid", title="Praat", needs="praatio", write=_write,
        read=_read,
    )
)  # fmt: skip
