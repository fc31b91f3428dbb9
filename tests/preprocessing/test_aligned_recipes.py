"""Recipes that align, or take the apex frame; long runs that list what failed."""

import pickle
import sys
from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
from PIL import Image
from tests.preprocessing.test_faces import subjects

from openmer.clip import Clip
from openmer.errors import ConfigError, DataError
from openmer.preprocessing import (
    ArrayCache,
    Face,
    Failure,
    Failures,
    Recipe,
    StepError,
    find_alignment,
    fingerprint,
    flip_flow,
    optical_flow,
    prepare,
    read_gray,
    read_rgb,
    register_detector,
)
from openmer.preprocessing import _frames as frames_module
from openmer.preprocessing.faces import _detect as faces

ALIGN = {"step": "align", "style": "efficient-me", "size": 96}
APEX = Recipe.from_tables([{"step": "align", "style": "mobilevit"}, {"step": "apex_frame"}])
FLOW = [{"step": "flow", "method": "dis"}, {"step": "stretch"}]


@pytest.fixture(scope="module")
def clips(tmp_path_factory):
    """Three clips of three frames: a face, noise, a face whose second frame is broken."""
    rng = np.random.default_rng(0)
    found = []
    for name in ("face", "noise", "broken"):
        folder = tmp_path_factory.mktemp(name)
        for number in range(3):
            image = np.roll(subjects()[0][0], number, axis=1)
            if name == "noise":
                image = rng.integers(0, 256, image.shape, dtype=np.uint8)
            Image.fromarray(image).save(folder / f"{number}.png")
        paths = tuple(folder / f"{number}.png" for number in range(3))
        if name == "broken":
            paths[1].write_bytes(b"broken")
        found.append(
            Clip(
                corpus="lab", subject="s1", name=name, emotion="joy", onset=0, apex=1, offset=2,
                frame_paths=paths,
            )
        )  # fmt: skip
    return found


def test_flow_is_measured_on_aligned_frames(clips):
    clip = clips[0]
    made = Recipe.from_tables([ALIGN, FLOW[0]]).run(clip)
    alignment = find_alignment(np.moveaxis(read_rgb(clip.frame_paths[0]), 0, -1), size=96)
    pair = [alignment.apply(read_gray(path)) for path in clip.frame_paths[:2]]
    assert np.array_equal(made, optical_flow(*pair, method="dis"))
    x0, _, x1, _ = alignment.shown_xyxy
    assert np.median(made[0, 20:-20, x0 + 10 : x1 - 10]) == pytest.approx(alignment.scale, rel=0.1)


@pytest.mark.parametrize("source", [FLOW[0], {"step": "apex_frame"}])
@pytest.mark.parametrize("kind", ["colour", "gray", "16 bit", "alpha"])
def test_each_file_is_read_once_and_gives_the_same(clips, source, kind, tmp_path, monkeypatch):
    paths = []
    for number, path in enumerate(clips[0].frame_paths):
        image = np.asarray(Image.open(path))
        made = {
            "colour": image,
            "gray": image[..., 1],
            "16 bit": image[..., 1].astype(np.uint16) * 200 + number,
            "alpha": np.dstack([image, image[..., 0]]),
        }[kind]
        paths.append(tmp_path / f"{number}.png")
        Image.fromarray(made).save(paths[-1])
    clip = replace(clips[0], frame_paths=tuple(paths))
    alignment = find_alignment(np.moveaxis(read_rgb(paths[0]), 0, -1), size=96)
    read, plain = [], frames_module.read_pixels
    monkeypatch.setattr(frames_module, "read_pixels", lambda path: read.append(path) or plain(path))
    array = Recipe.from_tables([ALIGN, source]).run(clip)
    assert read == paths[:2]
    if source is FLOW[0]:
        pair = [alignment.apply(read_gray(path)) for path in paths[:2]]
        assert np.array_equal(array, optical_flow(*pair, method="dis"))
    else:
        apex = alignment.apply(np.moveaxis(read_rgb(paths[1]), 0, -1))
        assert np.array_equal(array, np.moveaxis(apex, -1, 0))


def test_the_aligned_apex_frame(clips):
    image = APEX.run(clips[0])
    assert (image.shape, image.dtype) == ((3, 256, 256), np.float32)
    assert (APEX.channels, APEX.size, APEX.flow, APEX.stretched) == (3, 256, None, False)
    alignment = find_alignment(
        np.moveaxis(read_rgb(clips[0].frame_paths[0]), 0, -1), style="mobilevit"
    )
    apex = alignment.apply(np.moveaxis(read_rgb(clips[0].frame_paths[1]), 0, -1))
    assert np.array_equal(image, np.stack([apex] * 3))
    at_apex = Recipe.from_tables(
        [{"step": "align", "style": "mobilevit", "locked_at": "apex"}, {"step": "apex_frame"}]
    )
    assert at_apex.inputs(clips[0]) == clips[0].frame_paths[1:2]
    assert np.abs(at_apex.run(clips[0]) - image).mean() > 0.5


def test_an_apex_frame_as_it_is(clips):
    plain = Recipe.from_tables([{"step": "apex_frame"}])
    assert np.array_equal(plain.run(clips[0]), read_rgb(clips[0].frame_paths[1]))
    assert plain.size is None
    small = Recipe.from_tables([{"step": "apex_frame", "size": 48}])
    assert small.run(replace(clips[0], apex=None)).shape == (3, 48, 48)
    unknown = replace(clips[0], apex=None, offset=None)
    with pytest.raises(DataError, match="lab/s1/face: an apex is needed"):
        plain.run(unknown)
    with pytest.raises(DataError, match="apex 7 is not among its 3 frames"):
        plain.run(replace(clips[0], apex=7))
    with pytest.raises(DataError, match="no onset is annotated"):
        APEX.run(replace(clips[0], onset=None))


def test_a_still_goes_the_same_way(clips):
    pixels = np.moveaxis(read_rgb(clips[0].frame_paths[1]), 0, -1)
    still = replace(clips[0], onset=0, apex=0, frame_paths=clips[0].frame_paths[1:2])
    assert np.array_equal(APEX.run_image(pixels), APEX.run(still))
    with pytest.raises(ConfigError, match="image has no motion for the step 'flow'"):
        Recipe.from_tables(FLOW).run_image(pixels)
    with pytest.raises(DataError, match="No face"):
        APEX.run_image(np.zeros((48, 48)))


def test_options_left_out_are_those_of_the_paper():
    assert APEX.tables[0] == {
        "step": "align",
        "style": "mobilevit",
        "size": 256,
        "detector": "mtcnn",
        "locked_at": "onset",
    }
    assert Recipe.from_tables(APEX.tables) == APEX
    zero = {"step": "align", "style": "mobilevit", "size": 0, "detector": ""}
    assert Recipe.from_tables([zero, {"step": "apex_frame"}]) == APEX
    assert Recipe.from_tables([ALIGN, *FLOW]).fingerprint != Recipe.from_tables(FLOW).fingerprint


def test_a_new_version_of_a_detector_is_a_new_fingerprint(monkeypatch):
    before = APEX.fingerprint
    newer = replace(faces.face_detector("mtcnn"), version=99)
    monkeypatch.setitem(faces._DETECTORS._found, "mtcnn", newer)
    assert Recipe(APEX.steps).fingerprint != before


@pytest.mark.parametrize(
    ("tables", "said"),
    [
        ([ALIGN], "makes no array of its frames: found align"),
        ([FLOW[0], ALIGN], "'align' cannot stand after 'flow'"),
        ([ALIGN, ALIGN, FLOW[0]], "the step 'align' twice"),
        ([FLOW[0], {"step": "apex_frame"}], "'apex_frame' cannot stand after 'flow'"),
        ([{"step": "apex_frame"}, {"step": "strain"}], "'strain' cannot stand after 'apex_frame'"),
        ([{**ALIGN, "style": "efficient_me"}, FLOW[0]], "Did you mean 'efficient-me'"),
        ([{**ALIGN, "detector": "mtccn"}, FLOW[0]], "Did you mean 'mtcnn'"),
        ([{**ALIGN, "size": 4}, FLOW[0]], "size is 4, expected"),
        ([{**ALIGN, "sise": 4}, FLOW[0]], "Did you mean 'size'"),
        ([{"step": "align"}, FLOW[0]], "'style' is missing"),
    ],
)
def test_recipes_without_sense_are_refused(tables, said):
    with pytest.raises(ConfigError, match=said):
        Recipe.from_tables(tables)


def test_a_ready_flow_image_cannot_be_aligned(clips, tmp_path):
    Image.new("RGB", (28, 28)).save(tmp_path / "flow.png")
    recipe = Recipe.from_tables([ALIGN, *FLOW])
    both = replace(clips[0], flow_path=tmp_path / "flow.png")
    assert np.array_equal(recipe.run(both), recipe.run(clips[0]))
    with pytest.raises(DataError, match="'align', which needs frames"):
        recipe.run(replace(both, frame_paths=()))
    with pytest.raises(DataError, match="'align', which needs frames"):
        APEX.run(replace(both, frame_paths=()))


def test_the_flip_image_of_a_recipe():
    rng = np.random.default_rng(0)
    image, flow = rng.random((4, 3, 6, 6)), rng.random((4, 2, 6, 6))
    assert np.array_equal(APEX.flipped(image), image[..., ::-1])
    for recipe in (Recipe.from_tables(FLOW), Recipe.from_tables(FLOW[:1])):
        expected = flip_flow(flow, stretched=recipe.stretched)
        assert np.array_equal(recipe.flipped(flow), expected)


# Long runs


def test_failures_are_listed_and_counted_at_the_end(clips):
    failures = Failures()
    seen = []
    odd = replace(clips[0], name="odd", onset=None)
    prepared = prepare(
        [clips[1], clips[0], clips[2], odd], Recipe.from_tables([ALIGN, *FLOW]),
        failures=failures, on_progress=lambda done, total: seen.append((done, total)),
    )  # fmt: skip
    assert prepared.shape == (1, 2, 96, 96)
    assert seen[-1] == (4, 4)
    assert [(failure.clip, failure.step) for failure in failures] == [
        ("lab/s1/noise", "align"),
        ("lab/s1/broken", "read"),
        ("lab/s1/odd", "input"),
    ]
    assert failures.clips == {"lab/s1/noise", "lab/s1/broken", "lab/s1/odd"}
    said = str(failures).splitlines()
    assert said[0] == "3 clips could not be prepared:"
    assert said[1:3] == ["  align: 1 clip", f"    lab/s1/noise: {next(iter(failures)).reason}"]
    assert next(iter(failures)).reason.startswith("No face was found")
    assert str(Failures()) == ""


def test_failures_stop_a_run_where_they_are_errors(clips):
    recipe = Recipe.from_tables([ALIGN, *FLOW])
    for failures in (None, Failures("error")):
        with pytest.raises(StepError, match=r"^lab/s1/noise: No face was found"):
            prepare([clips[0], clips[1]], recipe, failures=failures)
    with pytest.raises(DataError, match=r"(?s)No clip was prepared.*align: 1 clip"):
        prepare([clips[1]], recipe, failures=Failures("list"))
    with pytest.raises(ConfigError, match="on_failure is 'skip'"):
        Failures("skip")


def test_two_workers_know_ones_own_detector_and_list_the_same(clips, tmp_path, monkeypatch):
    monkeypatch.setattr(faces._DETECTORS, "_found", dict(faces._DETECTORS._found))
    monkeypatch.setattr(sys.modules[prepare.__module__], "_START_S", 0)  # processes for a few clips

    def middle(image_rgb, /):
        if image_rgb[0, 0, 0] == 0:
            return []
        points = ((50, 60), (78, 60), (64, 75), (52, 85), (76, 85))
        return [Face(box_xyxy=(30, 30, 94, 94), score=1.0, landmarks_xy=points, image_xy=(1, 1))]

    register_detector("middle")(middle)
    recipe = Recipe.from_tables([{**ALIGN, "detector": "middle"}, *FLOW])
    alone, together = Failures(), Failures()
    first = prepare(clips, recipe, failures=alone)
    cache = ArrayCache(tmp_path)
    second = prepare(clips, recipe, failures=together, workers=2, cache=cache)
    assert fingerprint(first) == fingerprint(second)
    assert list(alone) == list(together)
    kept = len(list(tmp_path.rglob("*.npy")))
    prepare(clips, recipe, failures=Failures(), cache=cache)
    assert len(list(tmp_path.rglob("*.npy"))) == kept == 4  # two clips, and a face in each


def test_an_error_of_a_step_comes_back_from_another_process():
    error = StepError("lab/s1/a", "align", "No face.")
    again = pickle.loads(pickle.dumps(error))
    assert str(again) == str(error) == "lab/s1/a: No face."
    assert again.failure == Failure(clip="lab/s1/a", step="align", reason="No face.")


def alone(clip, number=1):
    """The apex of a clip without its movement."""
    paths = clip.frame_paths[number : number + 1]
    return replace(clip, onset=None, apex=0, offset=None, frame_paths=paths)


@pytest.mark.parametrize("align", [None, {**ALIGN, "locked_at": "apex"}])
def test_an_apex_alone_serves_what_reads_the_apex_alone(clips, align):
    recipe = Recipe.from_tables([*([align] if align else []), {"step": "apex_frame"}])
    assert np.array_equal(recipe.run(alone(clips[0])), recipe.run(clips[0]))
    assert recipe.reports(alone(clips[0]))["apex_frame"].startswith("The apex is frame 0")


@pytest.mark.parametrize(
    "tables",
    [
        FLOW,
        [{"step": "dynamic_image"}],
        [{"step": "interpolate", "n_frames": 5}, {"step": "apex_frame"}],
        [{"step": "magnify", "alpha": 5, "band_hz": [1, 4]}, {"step": "apex_frame"}],
        [ALIGN, {"step": "apex_frame"}],
        [{"step": "apex_frame", "apex": "flow"}],
    ],
)
def test_an_apex_alone_is_refused_by_what_reads_more(clips, tables):
    failures = Failures()
    recipe = Recipe.from_tables(tables)
    with pytest.raises(DataError, match="it is an apex image alone"):
        prepare([alone(clips[0])], recipe, failures=failures)
    (failure,) = failures
    assert (failure.clip, failure.step) == (clips[0].key, "input")
    assert recipe.steps[0].step in failure.reason


def test_a_cropped_face_is_used_as_it_is(clips, tmp_path):
    noise = replace(clips[1], cropped=True)
    size = np.moveaxis(read_rgb(noise.frame_paths[0]), 0, -1).shape[:2]
    recipe = Recipe.from_tables([{**ALIGN, "style": "dense-attention"}, {"step": "apex_frame"}])
    whole = find_alignment(np.zeros((*size, 3)), style="dense-attention", size=96, detector="whole")
    apex = np.moveaxis(read_rgb(noise.frame_paths[1]), 0, -1)
    assert np.array_equal(recipe.run(noise), np.moveaxis(whole.apply(apex), -1, 0))
    with pytest.raises(DataError, match="face"):
        recipe.run(clips[1])
    cache = ArrayCache(tmp_path)
    assert cache.key(recipe, clips[0]) != cache.key(recipe, replace(clips[0], cropped=True))


def test_frames_can_be_magnified_before_the_face_is_cropped(clips):
    magnify = {"step": "magnify", "alpha": 5, "band_hz": [1.0, 4.0], "frames": "all"}
    align = {**ALIGN, "locked_at": "apex"}
    clip = replace(clips[0], fps=Fraction(10))
    before, after, plain = (
        Recipe.from_tables([*steps, {"step": "apex_frame"}]).run(clip)
        for steps in ([magnify, align], [align, magnify], [align])
    )
    assert before.shape == after.shape == plain.shape == (3, 96, 96)
    changes = [made - plain for made in (before, after)]
    assert min(np.abs(change).max() for change in changes) > 1, "both magnify"
    alike = np.corrcoef(changes[0].ravel(), changes[1].ravel())[0, 1]
    assert 0.5 < alike < 1, "the same movement, on other pixels"
