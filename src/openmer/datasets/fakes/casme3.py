"""A fake CAS(ME)^3: spNO and spNo, several clips in a recording, lost apex frames; part C."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from openmer.datasets.fakes._files import save_book, save_frames
from openmer.datasets.fakes._plan import FakePlan, fake_clips

_HEADER = ("Subject", "Filename", "Onset", "Apex", "Offset", "AU", "Objective class", "emotion")
_CLASSES = ("I", "II", "III", "IV", "V", "VI", "VII")
_LOST_APEX, _NO_OFFSET, _CAPITAL = 1, 3, 5  # which clip has which quirk


def write(root: Path, plan: FakePlan) -> None:
    """Write sheet, colour and depth frames; the first two clips of a subject share a recording."""
    if plan.variant == "C":
        _write_part_c(root, plan)
        return
    lines: list[tuple[object, ...]] = []
    for made in fake_clips("casme3", plan.each(), frames=plan.frames):
        turn = made.at // plan.subjects
        shift = 100 * turn  # clips of one recording do not overlap
        clip = replace(
            made, first=made.first + shift, onset=made.onset + shift, apex=made.apex + shift,
            offset=made.offset + shift,
        )  # fmt: skip
        recording = "abcdefghijklmnopqrstuvwxyz"[turn // 2 % 26]
        subject = (
            f"spNo.{clip.subject_id + 1}" if clip.at % 4 == 3 else f"spNO.{clip.subject_id + 1}"
        )
        offset = 0 if clip.at == _NO_OFFSET else clip.offset
        word = "Others" if clip.at == _CAPITAL and clip.word == "others" else clip.word
        lines.append(
            (subject, recording, clip.onset, clip.apex, offset, "4+7", _CLASSES[clip.at % 7], word)
        )
        if plan.frames:
            folder = root / f"spNO.{clip.subject_id + 1}" / recording
            lost = (clip.apex,) if clip.at == _LOST_APEX else ()
            save_frames(folder / "color", clip, "{}.jpg", without=lost)
            save_frames(folder / "depth", clip, "{}.png", grey=True)
    save_book(
        root / "cas(me)3_part_A_ME_label_JpgIndex_v2.xlsx",
        {"about": [("JPG index", 2)], "label": [_HEADER, *lines]},
    )


def _write_part_c(root: Path, plan: FakePlan) -> None:
    lines: list[tuple[object, ...]] = []
    for clip in fake_clips("casme3", plan.each(), frames=plan.frames):
        subject, count = clip.subject_id + 1, clip.at + 1
        lines.append((subject, count, clip.onset, clip.offset, "4\uff0c7"))
        if plan.frames:
            folder = root / f"spNO.{subject}" / str(count)
            save_frames(folder / "color", clip, "{}.jpg")
            save_frames(folder / "depth", clip, "{}.png", grey=True)
    header = ("sub", "count", "onset", "offset", "au")
    save_book(root / "CAS(ME)3_part_C_ME.xlsx", {"Sheet1": [header, *lines]})
