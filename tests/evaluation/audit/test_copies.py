"""Copies on frames: what was done to the files does not hide them, and others are left alone."""

from dataclasses import replace

import numpy as np
import pytest
from PIL import Image
from tests.contracts.leaks._ground import honest_case

from openmer.evaluation.audit._copies import check_intervals, check_pictures, match_of
from openmer.evaluation.audit._pictures import Picture, read_pictures


@pytest.fixture(name="clips", scope="module")
def _clips(tmp_path_factory):
    return honest_case(tmp_path_factory.mktemp("copies")).task.clips


def test_clips_of_one_subject_and_of_others_are_no_copies(clips):
    assert check_pictures(clips) == []
    assert check_intervals(clips) == []


def test_a_clip_whose_files_are_missing_or_broken_is_not_compared(clips, tmp_path):
    (tmp_path / "broken.png").write_bytes(b"no image")
    broken = replace(clips[0], frame_paths=(tmp_path / "broken.png",), apex=0, offset=0)
    without = replace(clips[0], frame_paths=(), flow_path=None)
    assert read_pictures([broken, without]) == [None, None]
    assert check_pictures([broken, without, clips[0]]) == []


def test_two_subjects_with_copies_are_one_finding(clips):
    copies = [replace(clip, subject="s2", name=f"copy{clip.name}") for clip in clips[:3]]
    (finding,) = check_pictures([*clips[:5], *copies])
    assert "are the same picture" in finding.message and "more pairs" in finding.message
    assert "1.000" in finding.message


@pytest.mark.parametrize("flip", [False, True])
def test_flow_images_are_compared_and_u_changes_its_sign_in_a_flip(clips, tmp_path, flip):
    rng = np.random.default_rng(0)
    small = rng.uniform(0, 255, (7, 7, 3)).astype(np.uint8)
    flow = np.asarray(Image.fromarray(small).resize((28, 28), Image.Resampling.BICUBIC))
    other = flow[:, ::-1].copy() if flip else flow
    if flip:
        other[..., 0] = 255 - other[..., 0]
    shown = []
    for name, pixels in (("a", flow), ("b", other)):
        Image.fromarray(pixels).save(tmp_path / f"{name}.png")
        path = tmp_path / f"{name}.png"
        shown.append(replace(clips[0], subject=name, frame_paths=(), flow_path=path))
    (finding,) = check_pictures(shown)
    assert ("flow flipped" in finding.message) == flip and "same flow" in finding.message


def test_a_few_shared_frames_of_one_subject_are_a_note_and_more_a_leak(clips):
    path = clips[0].frame_paths
    early = replace(clips[0], onset=0, offset=2, frame_paths=(*path, *path[:0]))
    late = replace(clips[0], name="late", onset=2, offset=3)
    (finding,) = check_intervals([early, replace(late, onset=2)])
    assert (finding.severity, "1 frames" in finding.message) == ("note", True)
    (finding,) = check_intervals([early, replace(late, onset=1)])
    assert finding.severity == "leak" and "tested twice" in finding.message
    (finding,) = check_intervals([early, replace(late, subject="s9")])
    assert finding.severity == "leak" and "would train" in finding.message


def test_a_flat_picture_matches_nothing():
    flat = Picture(
        onset=np.zeros((1, 64, 64), np.float32), motion=np.zeros((1, 64, 64), np.float32)
    )
    assert match_of(flat, flat).face == 0.0


def test_frames_and_flow_are_not_compared(clips, tmp_path):
    Image.new("RGB", (28, 28)).save(tmp_path / "flow.png")
    flow = replace(clips[0], subject="s9", frame_paths=(), flow_path=tmp_path / "flow.png")
    assert check_pictures([clips[0], flow]) == []
