"""Laws of the comparison of pictures: what is the same, by how much it was moved, and its words."""

from dataclasses import replace

import numpy as np
import pytest
from PIL import Image
from scipy.ndimage import gaussian_filter
from tests.builders import make_clip

from openmer.evaluation.audit import _copies
from openmer.evaluation.audit._copies import (
    _SCALES,
    VIEWS,
    _correlation,
    _is_copy,
    _Match,
    _overlapping,
    _peaks,
    _remark,
    _shared_part,
    _shift,
    _spectra,
    alike_pairs,
    check_intervals,
    halved,
    match_of,
)
from openmer.evaluation.audit._pictures import (
    Picture,
    _detail,
    picture_of_image,
    picture_of_onset,
    read_pictures,
    scaled,
)


def smooth(seed, side=64, channels=1):
    noise = np.random.default_rng(seed).normal(size=(channels, side, side))
    found = np.stack([gaussian_filter(one, 2.0) for one in noise]).astype(np.float32)
    return found / found.std()


def picture(seed):
    return Picture(onset=smooth(seed), motion=smooth(seed + 100))


@pytest.mark.parametrize(
    ("face", "motion", "two", "flow", "said"),
    [
        # frames: a copy where face and motion are the same, or half hidden and very much so
        (0.85, 0.85, True, False, "copy of a held-out"),
        (0.849, 0.86, True, False, ""),
        (0.86, 0.849, True, False, ""),
        (0.5, 0.97, True, False, "copy of a held-out"),
        (0.499, 0.97, True, False, ""),
        (0.5, 0.969, True, False, ""),
        (0.95, 0.1, True, False, "same face"),
        (0.949, 0.1, True, False, ""),
        (0.85, 0.95, False, False, "tested twice. Keep one of them"),
        (0.85, 0.949, False, False, "may be one clip"),
        (0.85, 0.92, False, False, "may be one clip"),
        (0.99, 0.919, False, False, ""),
        (0.93, 0.0, True, True, "copy of a held-out"),
        (0.929, 0.0, True, True, ""),
        (0.97, 0.0, False, True, "tested twice. Keep one of them"),
        (0.969, 0.969, False, True, ""),
    ],
)
def test_what_is_said_of_two_pictures_begins_at_these_correlations(face, motion, two, flow, said):
    found = _remark(_Match(face, motion), two=two, flow=flow, view="")
    assert (said in found) if said else not found
    if "may be one clip" not in found and "same face" not in found and said:
        thing = "flow" if flow else "picture"
        assert found.startswith(f"are the same {thing}. ")
        turned = _remark(_Match(face, motion), two=two, flow=flow, view="upside down")
        assert turned.startswith(f"are the same {thing} upside down. ")


def test_a_copy_is_of_the_same_face_and_motion():
    assert _is_copy(_Match(0.85, 0.6), 0.6) and not _is_copy(_Match(0.85, 0.59), 0.6)


@pytest.mark.parametrize("step", [-7, -1, 0, 1, 9])
@pytest.mark.parametrize("edge", [0, 1, 4])
def test_overlaps_show_the_same_places(step, edge):
    line = np.arange(40)
    own, other = _overlapping(step, 40, edge)
    assert len(line[own]) == len(line[other]) == 40 - abs(step) - 2 * edge
    assert (line[own] - line[other] == step).all()
    assert min(line[own].min(), line[other].min()) == edge
    assert max(line[own].max(), line[other].max()) == 39 - edge


@pytest.mark.parametrize("moved", [(0, 0), (3, -2), (-10, 10), (10, -10), (1, 7)])
def test_a_shift_is_found_and_the_shared_part_is_equal(moved):
    one = smooth(1, channels=2)
    other = np.roll(one, (-moved[0], -moved[1]), axis=(1, 2))
    assert _shift(one, other) == moved
    a, b = _shared_part(one, other, *moved, 1.0)
    np.testing.assert_array_equal(a, b)
    assert a.shape == (2, 62 - abs(moved[0]), 62 - abs(moved[1]))
    smaller, _ = _shared_part(one, one, 0, 0, 0.94)
    assert smaller.shape == (2, 58, 58)  # 2 pixels were left empty, and 1 more
    assert _shared_part(one, one, 0, 0, 1.06)[0].shape == (2, 62, 62)


def test_shifts_beyond_reach_are_not_looked_for():
    one = smooth(2)
    assert max(map(abs, _shift(one, np.roll(one, 20, axis=1)))) <= 10


@pytest.mark.parametrize("factor", _SCALES)
def test_every_scale_is_tried(factor):
    one = picture(3)
    other = one.changed(lambda planes: scaled(planes, 1 / factor))
    found = match_of(one, other)
    assert found.face > 0.97 and found.motion > 0.97
    other_motion = Picture(onset=other.onset, motion=smooth(9))
    assert match_of(one, other_motion).motion < 0.5 < match_of(one, other_motion).face


def test_flow_has_no_motion_of_its_own_and_different_pictures_do_not_match():
    flow = Picture(onset=smooth(4, side=32, channels=3))
    assert match_of(flow, flow).motion == match_of(flow, flow).face == pytest.approx(1)
    assert abs(match_of(picture(5), picture(6)).face) < 0.6


def test_correlation_is_pearsons_over_all_channels():
    one, other = smooth(7, channels=1), smooth(8, channels=1) + 5
    expected = np.corrcoef(one.ravel(), other.ravel())[0, 1]
    assert _correlation(one, other) == pytest.approx(expected, abs=1e-5)
    assert _correlation(one, np.ones_like(one)) == 0.0
    assert _correlation(one, -3 * one) == pytest.approx(-1)
    tiny = 1e-4 * one[:, :2, :2]
    assert _correlation(tiny, tiny) == 0.0  # flat, but for rounding


def test_scaling_keeps_the_middle_and_stretches_a_ramp():
    ramp = np.broadcast_to(np.arange(64, dtype=np.float32), (1, 64, 64)).copy()
    assert scaled(ramp, 1.0) is ramp
    inner = scaled(ramp, 1.25)[0, 32, 4:60]
    np.testing.assert_allclose(inner, 31.5 + (np.arange(4, 60) - 31.5) / 1.25, atol=1e-4)


def test_spectra_have_length_one_and_peak_at_their_own_picture():
    planes = [smooth(i, channels=2) for i in range(3)]
    spectra = _spectra(planes)
    assert spectra.shape == (3, 2, 32, 17)
    peaks = _peaks(spectra.conj()[0] * spectra)
    assert peaks[0] == pytest.approx(1, abs=0.01) and (peaks[1:] < 0.6).all()
    near = _spectra([np.roll(planes[0], 10, axis=2), np.roll(planes[0], 14, axis=2)])
    found = _peaks(spectra.conj()[0] * near)
    assert found[0] > 0.75 > found[1]
    np.testing.assert_allclose(halved(np.ones((1, 64, 64)) * 3), np.full((1, 32, 32), 3.0))
    assert halved(planes[0])[0, 0, 1] == pytest.approx(planes[0][0, :2, 2:4].mean(), abs=1e-6)


@pytest.mark.parametrize("view", [view for view in VIEWS if "closer" not in view])
def test_each_view_is_found_among_others(view):
    one = picture(20)
    shown = [picture(10), VIEWS[view](one), picture(11), one, picture(12)]
    found = [(i, j, name) for i, j, name in alike_pairs(shown, 0.7) if {i, j} == {1, 3}]
    ((i, j, name),) = found
    match = match_of(shown[i], VIEWS[name](shown[j]))
    assert match.face > 0.99 and match.motion > 0.99
    assert len(list(alike_pairs(shown, 0.7))) == 1


@pytest.mark.parametrize("factor", [1.12, 1.25])
@pytest.mark.parametrize("flip", [False, True])
def test_pictures_cut_closer_are_found(factor, flip):
    one = picture(21)
    turned = one.flipped() if flip else one
    other = turned.changed(lambda planes: scaled(planes, factor))
    for shown in ([one, other], [other, one]):
        ((i, j, view),) = alike_pairs(shown, 0.7)
        assert "closer" in view and ("flipped" in view) == flip
        assert ("much" in view) == (factor > 1.2)
        assert match_of(shown[i], VIEWS[view](shown[j])).face > 0.95
    assert list(alike_pairs([one], 0.7)) == list(alike_pairs([], 0.7)) == []


def test_a_flip_of_flow_changes_u_and_one_of_frames_turns_both():
    flow = Picture(onset=smooth(30, channels=3))
    flipped = flow.flipped().onset
    np.testing.assert_array_equal(flipped[0], -flow.onset[0, :, ::-1])
    np.testing.assert_array_equal(flipped[1:], flow.onset[1:, :, ::-1])
    assert (flow.kind, picture(1).kind) == ("flow", "frames")
    one = picture(31)
    np.testing.assert_array_equal(one.flipped().motion, one.motion[..., ::-1])
    np.testing.assert_array_equal(one.flipped().onset, one.onset[..., ::-1])
    changed = one.changed(np.negative)
    np.testing.assert_array_equal(changed.motion, -one.motion)
    assert flow.changed(np.negative).motion is None


@pytest.fixture(name="frames", scope="module")
def _frames(tmp_path_factory):
    """Five frames of 64 x 64, all different."""
    folder = tmp_path_factory.mktemp("frames")
    paths = []
    for i in range(5):
        gray = np.clip(smooth(40 + i)[0] * 30 + 128, 0, 255).astype(np.uint8)
        paths.append(folder / f"{i}.png")
        Image.fromarray(gray).save(paths[-1])
    return tuple(paths)


@pytest.mark.parametrize(
    ("onset", "apex", "offset", "first", "second"),
    [
        (1, 3, 4, 1, 3),
        (1, None, 4, 1, 2),
        (0, None, None, 0, 2),
        (None, None, 3, 0, 1),
        (9, 9, 9, 4, 4),
    ],
)
def test_onset_and_apex_are_the_annotated_frames_or_the_first_and_the_middle(
    frames, onset, apex, offset, first, second
):
    clip = replace(make_clip(), frame_paths=frames, onset=onset, apex=apex, offset=offset)
    levels = [np.asarray(Image.open(path), np.float32) for path in frames]
    (found,) = read_pictures([clip])
    np.testing.assert_allclose(found.onset[0], _detail(levels[first]), atol=1e-3)
    moved = gaussian_filter(levels[second] - levels[first], 0.7)
    np.testing.assert_allclose(found.motion[0], moved, atol=1e-3)
    shown = picture_of_onset(clip)
    np.testing.assert_array_equal(shown.onset, found.onset)
    assert not shown.motion.any() and picture_of_onset(replace(clip, frame_paths=())) is None


def test_detail_leaves_out_noise_light_and_marks(tmp_path):
    rng = np.random.default_rng(0)
    plane = rng.normal(size=(64, 64)).astype(np.float32)
    lit = plane + np.linspace(0, 50, 64, dtype=np.float32)
    inside = slice(16, -16)
    difference = _detail(lit)[inside, inside] - _detail(plane)[inside, inside]
    assert np.abs(difference).mean() < 0.01 < 0.3 < np.abs(_detail(plane)).mean()
    fine = gaussian_filter(plane, 0.7) - gaussian_filter(plane, 5.0)
    assert np.abs(_detail(plane)).max() <= 3 * np.abs(fine).mean() + 1e-6
    (tmp_path / "no.png").write_bytes(b"")
    assert picture_of_image(tmp_path / "no.png") is None


def test_shared_frames_are_counted_from_onset_to_offset(frames):
    def clip(name, onset, offset, **changes):
        own = replace(make_clip(name=name), frame_paths=frames, onset=onset, offset=offset)
        return replace(own, **changes)

    (found,) = check_intervals([clip("a", 0, 2), clip("b", 2, 4)])
    assert "1 frames in common, 33% of the shorter one" in found.message
    assert found.severity == "note" and "tested twice" in found.message
    (found,) = check_intervals([clip("a", 0, 1), clip("b", 1, 4)])
    assert found.severity == "note" and "50%" in found.message
    (found,) = check_intervals([clip("a", 1, 3), clip("b", None, None)])
    assert found.severity == "leak" and "3 frames in common, 100%" in found.message
    (found,) = check_intervals([clip("a", 0, 2), clip("b", 2, 4, subject="other")])
    assert found.severity == "leak" and "would train" in found.message
    assert check_intervals([clip("a", 0, 1), clip("b", 2, 4)]) == []
    assert check_intervals([clip("a", 0, 4), clip("b", 0, 4, frame_paths=())]) == []


def test_the_closest_of_several_pairs_is_named():
    def match(face, motion, remark=_copies._ONE_FACE):
        return _Match(face, motion, clips=("a", f"{face} {motion}"), remark=remark)

    found = _copies._finding([match(0.99, 0.1), match(0.9, 0.2), match(0.95, 0.2)])
    assert found.message.startswith("a and 0.95 0.2 show the same face")
    assert found.message.endswith(
        "Correlation 0.950, of what moves 0.200. 2 more pairs of them are alike."
    )
    assert found.severity == "leak"
    single = _copies._finding([match(0.9, 0.93, _copies._LIKE)])
    assert single.severity == "note" and single.message.endswith("of what moves 0.930.")
