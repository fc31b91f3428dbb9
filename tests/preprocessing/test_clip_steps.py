"""Steps on the frames of a clip: magnify, interpolate, dynamic image, and which apex is taken."""

import sys
import warnings
from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
import torch
from PIL import Image
from scipy.ndimage import gaussian_filter, shift

from openmer.clip import Clip
from openmer.errors import ConfigError, DataError
from openmer.preprocessing import (
    ArrayCache,
    EmptyBandWarning,
    Failures,
    MagnifySettings,
    Recipe,
    find_apex,
    fingerprint,
    interpolate_frames,
    magnify,
    magnify_some,
    optical_flow,
    prepare,
    read_gray,
    read_rgb,
    stretch_8bit,
)
from openmer.preprocessing import _frames as frames_module
from openmer.preprocessing._dynamic_image import dynamic_image
from openmer.preprocessing.magnification._filters import Butterworth
from openmer.preprocessing.steps.magnify import MagnifyStep

FPS = 100
TIMES = 21
MAGNIFY = {"step": "magnify", "alpha": 4, "band_hz": [2.0, 12.0]}
FLOW = {"step": "flow", "method": "dis"}
APEX = {"step": "apex_frame"}
DYNAMIC = {"step": "dynamic_image"}
TIM = {"step": "interpolate", "n_frames": 7}


def recipe(*tables):
    return Recipe.from_tables(tables)


@pytest.fixture(scope="module")
def clip(tmp_path_factory):
    """A texture that moves 0.4 px to the right and back; its apex is frame 8, not the middle."""
    folder = tmp_path_factory.mktemp("clip")
    noise = np.random.default_rng(0).normal(size=(48, 56, 3))
    image = gaussian_filter(noise, (4, 4, 0), mode="wrap")
    image = 40 + (image - image.min()) / np.ptp(image) * 170
    paths = []
    for number in range(TIMES):
        share = max(0, 1 - ((number - 8) / 7) ** 2)
        moved = shift(image, (0, 0.4 * share, 0), mode="grid-wrap", order=3)
        paths.append(folder / f"{number:02}.png")
        Image.fromarray(np.rint(moved).astype(np.uint8)).save(paths[-1])
    return Clip(
        corpus="lab", subject="s1", name="a", emotion="joy", onset=1, apex=8, offset=19,
        fps=Fraction(FPS), frame_paths=tuple(paths),
    )  # fmt: skip


def frames(clip, gray=False, first=1, last=19):
    paths = clip.frame_paths[first : last + 1]
    read = read_gray if gray else lambda path: np.moveaxis(read_rgb(path), 0, -1)
    return np.stack([read(path) for path in paths])


# Magnify


@pytest.mark.parametrize("kind", ["ideal", "butterworth", "iir", Butterworth(causal=True)])
@pytest.mark.parametrize("shape", [(30, 16, 21), (30, 16, 21, 3)])
@pytest.mark.parametrize("settings", [MagnifySettings(), MagnifySettings(finest_level=1)])
def test_some_magnified_frames_are_those_of_the_magnified_clip(kind, shape, settings):
    film = torch.rand(shape, generator=torch.Generator().manual_seed(0))
    options = {"fps": 100, "alpha": 6.0, "band_hz": (4, 15), "filter": kind, "settings": settings}
    whole = magnify(film, **options)
    for pieces in (torch.split(film, 1), torch.split(film, 7), [film]):
        some = magnify_some(pieces, n_frames=30, wanted=[12, 0, 29], **options)
        assert torch.allclose(some, whole[[12, 0, 29]], atol=2e-5)
    array = magnify_some([film.numpy()], n_frames=30, wanted=[5], **options)
    assert isinstance(array, np.ndarray)


def test_some_frames_of_a_film_longer_than_one_matrix():
    film = np.random.default_rng(0).random((1100, 7, 8))
    options = {"fps": 100, "alpha": 3.0, "band_hz": (1, 4)}
    some = magnify_some([film], n_frames=1100, wanted=[700], **options)
    assert np.allclose(some[0], magnify(film, **options)[700], atol=1e-9)


@pytest.mark.parametrize(
    ("pieces", "said"),
    [
        ([np.zeros((3, 8, 8))], "Found 3 frames, expected 5"),
        ([np.zeros((4, 8, 8)), np.zeros((3, 8, 8))], "more than 5 frames"),
        ([np.zeros((4, 8, 8)), np.zeros((1, 8, 9))], r"shape \(8, 9\) after frames of shape"),
        ([], "Found 0 frames"),
    ],
)
def test_pieces_that_are_not_the_clip(pieces, said):
    with pytest.raises(DataError, match=said):
        magnify_some(pieces, n_frames=5, wanted=[0], fps=30, alpha=1, band_hz=(1, 9))


def test_the_magnified_apex_frame(clip):
    made = recipe(MAGNIFY, APEX).run(clip)
    whole = magnify(frames(clip), fps=FPS, alpha=4, band_hz=(2, 12))
    assert (made.shape, made.dtype) == ((3, 48, 56), np.float32)
    assert np.allclose(np.moveaxis(made, 0, -1), whole[7], atol=1e-2)
    cut = recipe({**MAGNIFY, "alpha": 60, "clip": True}, APEX).run(clip)
    assert (cut.min(), cut.max()) == (0, 255)


def test_flow_on_magnified_frames_is_about_1_plus_alpha_times_as_large(clip):
    plain = recipe(FLOW).run(clip)[0].mean()
    step = {**MAGNIFY, "frames": "all", "band_hz": [0.5, 40]}
    magnified = recipe(step, FLOW).run(clip)[0].mean()
    assert magnified / plain == pytest.approx(5, rel=0.25)
    whole = magnify(frames(clip, gray=True, first=0, last=20), fps=FPS, alpha=4, band_hz=(0.5, 40))
    assert np.allclose(recipe(step, FLOW).run(clip), optical_flow(*whole[[1, 8]], method="dis"))


@pytest.mark.parametrize("source", [FLOW, APEX, DYNAMIC])
def test_alpha_0_is_the_identity(clip, source):
    plain = recipe(source).run(clip)
    assert np.array_equal(recipe({**MAGNIFY, "alpha": 0}, source).run(clip), plain)


def test_a_still_is_neither_magnified_nor_interpolated(clip):
    pixels = frames(clip)[3]
    assert np.array_equal(
        recipe(MAGNIFY, TIM, APEX).run_image(pixels), recipe(APEX).run_image(pixels)
    )
    for source in (FLOW, DYNAMIC):
        with pytest.raises(
            ConfigError, match=f"image has no motion for the step .{source['step']}"
        ):
            recipe(MAGNIFY, source).run_image(pixels)


def test_what_magnify_needs_of_a_clip_is_said(clip):
    made = recipe(MAGNIFY, APEX)
    for changes, said in (
        ({"fps": None}, "lab/s1/a: the step 'magnify' needs the clip's frames per second"),
        ({"fps": Fraction(20)}, "lab/s1/a: band_hz is 2..12 Hz at 20 fps"),
        ({"offset": None}, "lab/s1/a: the step 'magnify' needs all frames .* offset None"),
        ({"apex": 20}, "lab/s1/a: frame 20 is needed, but .* frames 1 to 19"),
        ({"frame_paths": (), "flow_path": clip.frame_paths[0]}, "'magnify', which needs frames"),
    ):
        with pytest.raises(DataError, match=said):
            made.run(replace(clip, **changes))
    with pytest.raises(DataError, match="levels 9"):
        recipe({**MAGNIFY, "levels": 9}, APEX).run(clip)
    failures = Failures()
    prepare([clip, replace(clip, name="b", fps=None)], made, failures=failures)
    assert [(failure.clip, failure.step) for failure in failures] == [("lab/s1/b", "magnify")]


def test_a_band_without_a_bin_is_reported(clip):
    paper = {**MAGNIFY, "alpha": 15, "band_hz": [0.1, 0.4]}
    ideal = recipe({**paper, "filter": "ideal"}, APEX)
    said = ideal.reports(clip)["magnify"]
    assert "No bin between 0.1 and 0.4 Hz" in said
    assert "the output equals the input" in said
    with pytest.warns(EmptyBandWarning, match="No bin between"):
        made = ideal.run(clip)
    assert np.array_equal(made, recipe(APEX).run(clip))
    soft = recipe({**paper, "filter": "iir"}, APEX)
    assert "still magnifies" in soft.reports(clip)["magnify"]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert not np.array_equal(soft.run(clip), made)
    assert soft.find(MagnifyStep).report(clip).bins_in_band_hz == ()


# Interpolate and the dynamic image


@pytest.mark.parametrize("method", ["tim", "linear", "bandlimited"])
def test_flow_on_interpolated_frames(clip, method):
    made = recipe({**TIM, "n_frames": 10, "method": method}, FLOW).run(clip)
    film = interpolate_frames(frames(clip, gray=True), 10, method=method)
    near = optical_flow(film[0], film[3], method="dis")  # frame 1 + 3 * 2 = 7, as near as 9 to 8
    assert np.allclose(made, near, atol=1e-3)


def test_as_many_frames_as_before_change_nothing(clip):
    for source in (FLOW, APEX, DYNAMIC):
        made = recipe({**TIM, "n_frames": 19}, source).run(clip)
        assert np.array_equal(made, recipe(source).run(clip))


def test_onset_and_apex_are_never_one_interpolated_frame(clip):
    early = replace(clip, apex=2)
    two = recipe({**TIM, "n_frames": 2}, FLOW)
    assert np.array_equal(two.run(early), recipe(FLOW).run(replace(clip, apex=19)))


def test_the_dynamic_image_of_a_clip(clip):
    made = recipe(DYNAMIC).run(clip)
    expected = np.moveaxis(dynamic_image(frames(clip)), -1, 0)
    assert np.allclose(made, expected, atol=1e-3)
    assert recipe({**DYNAMIC, "averaged": False}).run(clip).std() > made.std()
    stretched = recipe({**DYNAMIC, "size": 24}, {"step": "stretch"})
    assert np.array_equal(
        stretched.run(clip), stretch_8bit(recipe({**DYNAMIC, "size": 24}).run(clip))
    )
    assert (stretched.channels, stretched.size, stretched.flow) == (3, 24, None)
    assert np.array_equal(stretched.flipped(made), made[..., ::-1])
    still = replace(clip, frame_paths=clip.frame_paths[:1] * TIMES)
    assert not recipe(DYNAMIC).run(still).any()
    pooled = interpolate_frames(frames(clip), 7, method="tim")
    assert np.allclose(
        recipe(TIM, DYNAMIC).run(clip), np.moveaxis(dynamic_image(pooled), -1, 0), atol=1e-2
    )


def test_frames_of_several_sizes_are_refused(clip, tmp_path):
    Image.new("RGB", (20, 20)).save(tmp_path / "other.png")
    paths = (*clip.frame_paths[:5], tmp_path / "other.png", *clip.frame_paths[6:])
    with pytest.raises(DataError, match=r"lab/s1/a: found a frame of shape \(20, 20, 3\)"):
        recipe(DYNAMIC).run(replace(clip, frame_paths=paths))


# Which apex


def test_the_policy_says_which_frame_is_the_apex(clip):
    unknown = replace(clip, apex=None)
    found = find_apex(clip, "flow", frames=frames(clip, gray=True, first=0)).frame
    expected = {"annotated-or-middle": 8, "annotated": 8, "middle": 10, "flow": found}
    for policy, number in expected.items():
        for source, taken in ((FLOW, (1, number)), (APEX, (number,))):
            made = recipe({**source, "apex": policy})
            assert made.frame_numbers(clip) == taken
            assert f"frame {number}, counted from 0" in made.reports(clip)[source["step"]]
    assert abs(found - 8) <= 1
    with pytest.raises(DataError, match="lab/s1/a has no annotated apex"):
        recipe({**APEX, "apex": "annotated"}).run(unknown)
    assert "(middle)" in recipe(APEX).reports(unknown)["apex_frame"]
    assert "(annotated)" in recipe(APEX).reports(clip)["apex_frame"]
    assert recipe({**FLOW, "apex": "flow"}).frame_numbers(unknown) == (1, found)
    assert np.array_equal(
        recipe({**APEX, "apex": "flow"}).run(unknown), read_rgb(clip.frame_paths[found])
    )
    with pytest.raises(DataError, match="all frames from an onset to a later offset"):
        recipe({**FLOW, "apex": "flow"}).run(replace(unknown, offset=30))


def test_an_apex_of_ones_own_makes_no_use_of_a_ready_flow_image(clip):
    ready = replace(clip, flow_path=clip.frame_paths[0])
    for policy, start in (("annotated-or-middle", ()), ("middle", (1, 10))):
        made = recipe({**FLOW, "apex": policy}, {"step": "stretch"})
        assert made.frame_numbers(ready) == start
    with pytest.raises(DataError, match="'flow', which needs frames"):
        made.run(replace(ready, frame_paths=()))


def test_an_alignment_cannot_be_locked_at_an_apex_that_needs_it():
    align = {"step": "align", "style": "efficient-me", "locked_at": "apex"}
    with pytest.raises(ConfigError, match="locked at the apex"):
        recipe(align, {**APEX, "apex": "flow"})
    recipe(align, {**APEX, "apex": "middle"})


# All of them

RECIPES = {
    "flow": [FLOW],
    "searched": [{**FLOW, "apex": "flow"}],
    "magnified": [MAGNIFY, APEX],
    "all-magnified": [{**MAGNIFY, "frames": "all", "filter": "iir"}, FLOW],
    "interpolated": [MAGNIFY, TIM, {**FLOW, "apex": "flow"}],
    "dynamic": [DYNAMIC, {"step": "stretch"}],
}


@pytest.mark.parametrize("name", RECIPES)
def test_exactly_the_inputs_are_read_each_once(clip, name, monkeypatch):
    read, plain = [], frames_module.read_pixels
    monkeypatch.setattr(frames_module, "read_pixels", lambda path: read.append(path) or plain(path))
    made = recipe(*RECIPES[name])
    array = made.run(clip)
    assert sorted(read) == sorted(made.inputs(clip))
    assert len(read) == len(set(read))
    monkeypatch.setattr(frames_module, "_KEPT_BYTES", 3 * 48 * 56)  # one frame: others read again
    assert np.array_equal(made.run(clip), array)
    assert set(read) == set(made.inputs(clip))


@pytest.mark.parametrize("name", RECIPES)
def test_the_same_bytes_on_any_number_of_threads_and_from_the_tables(clip, name):
    made = recipe(*RECIPES[name])
    again = Recipe.from_tables(made.tables)
    assert again == made
    assert hash(again) == hash(made)
    assert again.fingerprint == made.fingerprint
    threads = torch.get_num_threads()
    seen = set()
    try:
        for number in (1, 2, 3):
            torch.set_num_threads(number)
            seen.add(fingerprint(again.run(clip)))
    finally:
        torch.set_num_threads(threads)
    assert len(seen) == 1


def test_magnified_clips_in_two_processes_and_from_the_cache(clip, tmp_path, monkeypatch):
    monkeypatch.setattr(sys.modules[prepare.__module__], "_START_S", 0)  # processes for a few clips
    clips = [clip, replace(clip, name="b", apex=9), replace(clip, name="c", apex=8)]
    made = recipe(MAGNIFY, {**APEX, "size": 32})
    alone = prepare(clips, made)
    cache = ArrayCache(tmp_path)
    for _ in range(2):
        assert np.array_equal(prepare(clips, made, workers=2, cache=cache), alone)


@pytest.mark.parametrize(
    ("base", "place", "changes"),
    [
        (
            [MAGNIFY, APEX],
            0,
            {
                "alpha": 5.0, "band_hz": [2.0, 13.0], "filter": "iir", "order": 1, "causal": True,
                "frames": "all", "pyramid": "gaussian", "levels": 2, "finest_level": 1,
                "cutoff_px": 16.0, "colour": "rgb", "chroma_gain": 0.5, "clip": True,
            },
        ),
        ([{**TIM, "n_frames": 8}, APEX], 0, {"n_frames": 9, "method": "linear"}),
        ([DYNAMIC], 0, {"size": 24, "averaged": False}),
        ([FLOW], 0, {"apex": "middle", "size": 32, "method": "tvl1"}),
        ([APEX], 0, {"apex": "middle", "size": 32}),
    ],
)  # fmt: skip
def test_every_option_is_in_the_fingerprint_and_moves_the_array(clip, base, place, changes):
    known = recipe(*base).steps[place].model_dump().keys() - {"step"}
    assert set(changes) == known
    prints, arrays = [recipe(*base).fingerprint], [recipe(*base).run(clip)]
    for key, value in changes.items():
        tables = [dict(table) for table in base]
        tables[place][key] = value
        made = recipe(*tables)
        prints.append(made.fingerprint)
        arrays.append(made.run(clip))
    assert len(set(prints)) == len(prints)
    moved = [key for key, array in zip(changes, arrays[1:], strict=True)
             if array.shape != arrays[0].shape or not np.array_equal(array, arrays[0])]  # fmt: skip
    assert set(changes) - set(moved) <= {"clip"}  # nothing was outside of 0..255


@pytest.mark.parametrize(
    ("tables", "said"),
    [
        ([MAGNIFY], "makes no array of its frames: found magnify"),
        ([MAGNIFY, MAGNIFY, FLOW], "'magnify' twice"),
        ([TIM, MAGNIFY, FLOW], "'magnify' cannot stand after 'interpolate'"),
        ([FLOW, MAGNIFY], "'magnify' cannot stand after 'flow'"),
        ([APEX, TIM], "'interpolate' cannot stand after 'apex_frame'"),
        ([DYNAMIC, {"step": "resize", "size": 28}], "'resize' cannot stand after 'dynamic_image'"),
        ([DYNAMIC, {"step": "strain"}], "'strain' cannot stand after 'dynamic_image'"),
        ([DYNAMIC, FLOW], "'flow' cannot stand after 'dynamic_image'"),
        ([DYNAMIC, APEX], "'apex_frame' cannot stand after 'dynamic_image'"),
        ([{**MAGNIFY, "band_hz": [3, 2]}, FLOW], "two rising edges"),
        ([{**MAGNIFY, "band_hz": [3]}, FLOW], "band_hz"),
        ([{**MAGNIFY, "alpha": -1}, FLOW], "alpha is -1, expected"),
        ([{**MAGNIFY, "alfa": 1}, FLOW], "Did you mean 'alpha'"),
        ([{**MAGNIFY, "filter": "fir"}, FLOW], "filter is 'fir', expected"),
        ([{**MAGNIFY, "filter": "iir", "causal": True}, FLOW], "neither order nor causal"),
        ([{"step": "interpolate", "n_frames": 1}, FLOW], "n_frames is 1, expected"),
        ([{**DYNAMIC, "sise": 1}], "Did you mean 'size'"),
    ],
)
def test_recipes_without_sense_are_refused(tables, said):
    with pytest.raises(ConfigError, match=said):
        Recipe.from_tables(tables)
