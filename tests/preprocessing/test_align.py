"""Alignment as each paper states it, one transform per clip, and no motion of its own."""

import numpy as np
import pytest
from tests.preprocessing.test_faces import PLAN, subjects, turned

from openmer.datasets.synthetic._clips import generate
from openmer.datasets.synthetic._plan import CorpusPlan, Part
from openmer.errors import ConfigError, DataError
from openmer.preprocessing import (
    LUMA,
    Alignment,
    Face,
    find_alignment,
    mask_eyes,
    optical_flow,
)
from openmer.preprocessing.faces._align import (
    STYLES,
    align_dense_attention,
    align_efficient_me,
    align_mobilevit,
)


def made(*, noise=0.0):
    """One synthetic clip of the largest movement, with its truth."""
    part = Part(corpus="lab", subjects=("s1",), fps=PLAN.parts[0].fps, movement_frames=(9, 10))
    plan = CorpusPlan(
        parts=(part,), clips_per_subject=1, noise=noise, amplitude_px=(2.0, 2.5), sway=1.0
    )
    return next(generate(plan))


def face(box=(10, 20, 50, 100), right=(20, 50), left=(40, 50), nose=(30, 60)):
    """A level face in a picture of 81 x 121 pixels, whose middle pixel is (40, 60)."""
    return Face(
        box_xyxy=box,
        score=1.0,
        landmarks_xy=(right, left, nose, (24, 80), (36, 80)),
        image_xy=(81, 121),
    )


def at(alignment, *points):
    return alignment.points(np.array(points, float)).tolist()


def test_efficient_me_keeps_the_aspect_and_fills_up_with_black():
    alignment = align_efficient_me(face(), 80)
    assert alignment.shown_xyxy == (20, 0, 60, 80)
    assert at(alignment, (10, 20), (50, 100)) == [[19.5, -0.5], [59.5, 79.5]]
    image = alignment.apply(np.full((121, 81, 3), 200, np.uint8))
    assert image.shape == (80, 80, 3)
    assert image[:, 20:60].min() == image.max() == 200
    assert image[:, :20].max() == image[:, 60:].max() == 0


def test_efficient_me_turns_about_the_middle_of_the_image():
    tilted = face(right=(20, 50), left=(40, 70), nose=(30, 62))
    alignment = align_efficient_me(tilted, 80)
    assert np.allclose(at(alignment, (40, 60)), [[40 - 10 + 19.5, 60 - 20 - 0.5]])
    (_, right_y), (_, left_y) = at(alignment, (20, 50), (40, 70))
    assert right_y == pytest.approx(left_y)
    swapped = face(right=(40, 70), left=(20, 50), nose=(30, 62))  # atan(dy / dx) knows no order
    assert align_efficient_me(swapped, 80) == alignment


def test_dense_attention_cuts_and_scales():
    alignment = align_dense_attention(face(), 112)
    assert np.allclose(at(alignment, (10, 20), (50, 100)), [[-0.5, -0.5], [111.5, 111.5]])
    assert (alignment.gray, alignment.masked_eyes_xy) == (False, ())
    assert alignment.scale == pytest.approx(np.sqrt(112 / 40 * 112 / 80))


def test_mobilevit_turns_about_the_middle_of_the_eyes_and_masks_them():
    tilted = face(right=(20, 50), left=(40, 60), nose=(30, 65))
    alignment = align_mobilevit(tilted, 160)
    assert np.allclose(at(alignment, (30, 55)), [[2 * (30 - -10) - 0.5, 2 * (55 - 20) - 0.5]])
    (right, left) = at(alignment, (20, 50), (40, 60))
    assert right[1] == pytest.approx(left[1])
    assert left[0] - right[0] == pytest.approx(2 * np.hypot(20, 10))
    image = alignment.apply(np.full((121, 81, 3), (10, 100, 200), np.uint8))
    assert image.shape == (160, 160)
    assert np.max(image) == pytest.approx(np.dot((10, 100, 200), LUMA), abs=1e-3)
    for x, y in (right, left):
        assert image[round(y), round(x)] == 0
        assert image[round(y - 0.3 * (left[0] - right[0])), round(x)] > 0  # the brow is seen


@pytest.mark.parametrize("style", ["efficient-me", "mobilevit"])
@pytest.mark.parametrize("degrees", [-25, 0, 25])
def test_eyes_become_level_whatever_the_tilt(style, degrees):
    for image, points in subjects():
        moved, true = turned(image, points, degrees)
        alignment = find_alignment(moved, style=style)
        dx, dy = np.diff(alignment.points(true[:2]), axis=0)[0]
        assert abs(np.degrees(np.arctan2(dy, dx))) < 4
        inside = alignment.points(true)
        assert inside.min() > 0 and inside.max() < alignment.width


def test_a_face_on_dense_attention_comes_from_opencv():
    image, points = subjects()[0]
    inside = find_alignment(image, style="dense-attention").points(points)
    assert inside.min() > 0 and inside.max() < 112
    assert {name: (style.size, style.detector) for name, style in STYLES.items()} == {
        "efficient-me": (224, "mtcnn"),
        "dense-attention": (112, "haar"),
        "mobilevit": (256, "mtcnn"),
    }


@pytest.mark.parametrize("style", list(STYLES))
def test_a_clip_that_stands_still_stays_still_to_the_bit(style):
    still = np.stack([subjects()[0][0]] * 3)
    alignment = find_alignment(still[1], style=style)
    aligned = np.stack([alignment.apply(frame) for frame in still])
    assert aligned.dtype == np.float32
    assert aligned.shape[:3] == (3, alignment.height, alignment.width)
    assert aligned[0].tobytes() == aligned[1].tobytes() == aligned[2].tobytes()
    assert np.array_equal(aligned[0], alignment.apply(still[0]))


def test_alignment_adds_no_motion():
    """Flow between aligned frames is the true flow, moved, turned and scaled; nothing else."""
    clip = made()
    colours = clip.frames_rgb[[clip.clip.onset, clip.clip.apex]]
    gray = (colours @ np.array(LUMA)).astype(np.float32)
    alignment = find_alignment(colours[0])
    aligned = np.stack([alignment.apply(frame) for frame in colours])
    found = optical_flow(*(aligned @ np.array(LUMA, np.float32)), method="dis")
    true = through(alignment, clip.total_flow_xy)
    unaligned = through(alignment, optical_flow(*gray, method="dis"))
    x0, _, x1, _ = alignment.shown_xyxy

    def apart_px(one, other):
        return float(np.hypot(*(one - other))[16:-16, x0 + 12 : x1 - 12].mean())

    moved_px = apart_px(true, 0 * true)
    assert moved_px > 0.2 * alignment.scale
    assert apart_px(found, true) < 0.25 * moved_px
    assert apart_px(found, true) < apart_px(unaligned, true)


def through(alignment, flow_xy):
    """A flow field as it is between aligned frames."""
    planes = [_signed(alignment, plane) for plane in flow_xy]
    return np.einsum("ij,jhw->ihw", np.array(alignment.matrix)[:, :2], planes)


def _signed(alignment, plane):
    """A plane with negative values through a transform of images in 0..255."""
    return (alignment.apply(plane * 20 + 100) - 100) / 20


def test_small_details_are_averaged_where_the_image_shrinks():
    grid = np.indices((240, 240)).sum(axis=0) % 2 * 255
    alignment = Alignment(
        matrix=((0.2, 0.0, -0.4), (0.0, 0.2, -0.4)),
        width=48,
        height=48,
        shown_xyxy=(0, 0, 48, 48),
    )
    shrunk = alignment.apply(grid)[2:-2, 2:-2]
    assert shrunk.mean() == pytest.approx(127.5, abs=3)
    assert np.ptp(shrunk) < 30
    ramp = np.tile(np.arange(240.0), (240, 1))
    assert np.allclose(alignment.apply(ramp)[24, 4:-4], 2 + 5 * np.arange(4, 44), atol=0.2)


def test_values_stay_in_range_and_outside_the_edge_goes_on():
    edge = np.zeros((121, 81), np.uint8)
    edge[:, 40:] = 255
    image = align_dense_attention(face(box=(30, -20, 130, 80))).apply(edge)
    assert (image.min(), image.max()) == (0, 255)
    assert image[:, 70:].min() > 254
    np.testing.assert_allclose(image[:20], np.broadcast_to(image[24], (20, 112)), atol=0.1)
    with pytest.raises(DataError, match=r"shape \(3, 9, 9\)"):
        align_dense_attention(face()).apply(np.zeros((3, 9, 9)))


def test_masking_makes_a_copy():
    image = np.ones((9, 9, 3), np.float32)
    masked = mask_eyes(image, ((4.0, 4.0),), (2.0, 1.0))
    assert image.min() == 1
    assert (masked[..., 0] == 0).sum() == 7
    assert masked[4, 2:7].max() == masked[3:6, 4].max() == 0


@pytest.mark.parametrize("style", list(STYLES))
@pytest.mark.parametrize("nose", [(45, 60), (15, 60)])
def test_a_profile_is_not_aligned(style, nose):
    with pytest.raises(DataError, match="nose is not between"):
        STYLES[style].function(face(nose=nose), 64)


def test_what_cannot_be_aligned_says_why():
    noise = np.random.default_rng(0).integers(0, 256, (64, 64), dtype=np.uint8)
    with pytest.raises(DataError, match="No face was found"):
        find_alignment(noise)
    with pytest.raises(ConfigError, match="Did you mean 'efficient-me'"):
        find_alignment(noise, style="efficient")
    with pytest.raises(ConfigError, match="size is -1"):
        find_alignment(noise, size=-1)
