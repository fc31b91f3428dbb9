"""A fake SMIC: no sheet, "s1" for some subjects and "s01" for others."""

from __future__ import annotations

from pathlib import Path

from openmer.datasets.fakes._files import save_frames
from openmer.datasets.fakes._plan import FakePlan, fake_clips

_SUBJECTS = (1, 2, 3, 4, 5, 6, 8, 9, 11, 12, 13, 14, 15, 18, 19, 20)
_SHORT = {"negative": "ne", "positive": "po", "surprise": "sur"}
_PADDED = 3  # this subject is "s03", all others are unpadded


def write(root: Path, plan: FakePlan) -> None:
    """Write the recording of the plan's variant, raw and cropped."""
    for clip in fake_clips("smic", plan.each(), frames=plan.frames, spread=442880):
        number = _SUBJECTS[clip.subject_id]
        subject = f"s{number:02}" if number == _PADDED else f"s{number}"
        name = f"{subject}_{_SHORT[clip.word]}_{clip.at + 1:02}"
        below = Path(plan.variant) / subject / "micro" / clip.word / name
        save_frames(root / "SMIC" / below, clip, "image{}.jpg")
        if plan.frames:
            save_frames(root / "SMIC_all_cropped" / below, clip, "reg_image{}.jpg")
    if plan.variant == "HS":
        face_image = root / "SMIC/HS/s1/non_micro/s1_non_01"
        face_image.mkdir(parents=True, exist_ok=True)
