"""The apex by three policies, against the synthetic truth."""

from dataclasses import replace
from fractions import Fraction

import cv2
import numpy as np
import pytest

from openmer.clip import Clip
from openmer.datasets.synthetic._clips import SyntheticClip, generate
from openmer.datasets.synthetic._plan import CorpusPlan, Part
from openmer.errors import ConfigError, DataError
from openmer.preprocessing import FlowApex, find_apex
from openmer.preprocessing.steps._apex import POLICIES

LUMA = np.array([0.299, 0.587, 0.114], np.float32)


@pytest.fixture(scope="module")
def clips() -> list[SyntheticClip]:
    """Two clips of a clear movement, with noise and sway."""
    part = Part(corpus="a", subjects=("s1", "s2"), fps=Fraction(100), movement_frames=(15, 19))
    plan = CorpusPlan(parts=(part,), clips_per_subject=1, frame_size=128, amplitude_px=(2.5, 3.0))
    return list(generate(plan))


def annotated(**fields: object) -> Clip:
    about = {"corpus": "a", "subject": "s", "name": "c", "emotion": "joy", **fields}
    return Clip(**about)


def test_every_result_records_its_policy(clips):
    gray = clips[0].frames_rgb @ LUMA
    for policy in POLICIES:
        assert find_apex(clips[0].clip, policy, frames=gray).policy == policy


def test_annotated_and_middle():
    clip = annotated(onset=4, apex=9, offset=23)
    found = find_apex(clip)
    assert (found.frame, found.policy, found.search, found.movement) == (9, "annotated", None, ())
    assert find_apex(clip, "middle").frame == 14  # number 10 of the 20 frames from 4 to 23
    assert find_apex(annotated(onset=4, offset=5), "middle").frame == 5
    assert find_apex(annotated(onset=0, offset=6), "middle").frame == 3


@pytest.mark.parametrize("search", [FlowApex(), FlowApex(method="farneback")])
def test_the_largest_movement_is_found_near_the_true_apex(clips, search):
    for synthetic in clips:
        clip = replace(synthetic.clip, apex=None)
        found = find_apex(clip, "flow", search=search, frames=synthetic.frames_rgb @ LUMA)
        assert abs(found.frame - synthetic.true_apex) <= 2
        assert found.search == search
        assert len(found.movement) == clip.offset - clip.onset + 1
        assert found.frame == clip.onset + int(np.argmax(found.movement))


def test_files_give_the_same_apex_as_frames(clips, tmp_path):
    gray = np.rint(clips[0].frames_rgb @ LUMA).astype(np.uint8)
    paths = tuple(tmp_path / f"{number:03}.png" for number in range(len(gray)))
    for path, frame in zip(paths, gray, strict=True):
        cv2.imwrite(str(path), frame)
    clip = replace(clips[0].clip, frame_paths=paths)
    from_files = find_apex(clip, "flow")
    assert from_files == find_apex(clip, "flow", frames=gray)
    assert from_files == find_apex(clip, "flow")


def test_measure_and_smoothing_are_used(clips):
    gray = clips[0].frames_rgb @ LUMA
    clip = clips[0].clip
    raw = find_apex(clip, "flow", search=FlowApex(smoothing_frames=0), frames=gray)
    smooth = find_apex(clip, "flow", frames=gray)
    length = find_apex(clip, "flow", search=FlowApex(measure="length"), frames=gray)
    assert raw.movement[0] == 0
    assert max(raw.movement) > max(smooth.movement)
    assert max(length.movement) > 5 * max(smooth.movement)


def test_errors():
    flow = np.zeros((10, 32, 32), np.float32)
    with pytest.raises(ConfigError, match="Did you mean 'middle'"):
        find_apex(annotated(onset=0, offset=5), "midle")
    with pytest.raises(DataError, match="a/s/c has no annotated apex"):
        find_apex(annotated(onset=0, offset=5))
    for onset, offset in ((None, 5), (5, None), (5, 5), (-1, 5)):
        with pytest.raises(DataError, match=f"onset {onset}, offset {offset}"):
            find_apex(annotated(onset=onset, offset=offset), "middle")
    with pytest.raises(DataError, match=r"offset is frame 10.*there are 10 frames"):
        find_apex(annotated(onset=0, offset=10), "flow", frames=flow)
    with pytest.raises(DataError, match="there are 0 frames"):
        find_apex(annotated(onset=0, offset=10), "flow")
    with pytest.raises(DataError, match=r"\(10, 32, 32, 1\)"):
        find_apex(annotated(onset=0, offset=5), "flow", frames=flow[..., None])


def test_settings_that_make_no_sense_are_refused():
    with pytest.raises(ConfigError, match="flow method 'dsi'"):
        FlowApex(method="dsi")
    with pytest.raises(ConfigError, match="measure is 'speed'"):
        FlowApex(measure="speed")
    with pytest.raises(ConfigError, match="smoothing_frames is -1"):
        FlowApex(smoothing_frames=-1)
