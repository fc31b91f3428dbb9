"""All clips through one recipe: in order, the same bytes for any number of workers."""

from dataclasses import replace
from importlib import import_module

import cv2
import numpy as np
import pytest
from PIL import Image

from openmer.clip import Clip
from openmer.errors import ConfigError, DataError
from openmer.preprocessing import (
    ArrayCache,
    Recipe,
    fingerprint,
    prepare,
    register_flow,
)
from openmer.preprocessing import (
    _array_store as _rows,
)
from openmer.preprocessing.flow import _flow as flow_module

prepare_module = import_module("openmer.preprocessing._prepare")  # the package has the function

RECIPE = Recipe.from_tables(
    [
        {"step": "flow", "method": "farneback"},
        {"step": "strain"},
        {"step": "resize", "size": 14},
        {"step": "stretch"},
    ]
)


def some_clips(folder, count=4) -> tuple[Clip, ...]:
    rng = np.random.default_rng(0)
    clips = []
    for number in range(count):
        paths = tuple(folder / f"{number}_{frame}.png" for frame in range(2))
        for path in paths:
            Image.fromarray(rng.integers(0, 256, (20, 24), dtype=np.uint8)).save(path)
        clips.append(
            Clip(
                corpus="lab",
                subject=f"s{number}",
                name="a",
                emotion="joy",
                onset=0,
                apex=1,
                offset=1,
                frame_paths=paths,
            )
        )
    return tuple(clips)


@pytest.fixture
def at_once(monkeypatch):
    """Start processes for the shortest work."""
    monkeypatch.setattr(prepare_module, "_START_S", 0)


def test_arrays_stand_in_the_order_of_the_clips(tmp_path):
    clips = some_clips(tmp_path)
    seen = []
    prepared = prepare(clips, RECIPE, on_progress=lambda done, of: seen.append((done, of)))
    assert prepared.dtype == np.float32
    assert prepared.shape == (4, 3, 14, 14)
    assert seen == [(1, 4), (2, 4), (3, 4), (4, 4)]
    for clip, array in zip(clips, prepared, strict=True):
        assert np.array_equal(array, RECIPE.run(clip))
    assert np.array_equal(prepare(clips[::-1], RECIPE), prepared[::-1])


@pytest.mark.usefixtures("at_once")
def test_two_workers_and_a_cache_give_the_same_bytes(tmp_path):
    clips, cache = some_clips(tmp_path), ArrayCache(tmp_path / "cache")
    alone = prepare(clips, RECIPE)
    seen = []
    together = prepare(
        clips, RECIPE, cache=cache, workers=2, on_progress=lambda done, of: seen.append(done)
    )
    assert fingerprint(together) == fingerprint(alone)
    assert seen == [1, 2, 3, 4]
    assert len(list(cache.root.rglob("*.npy"))) == 4
    assert fingerprint(prepare(clips, RECIPE, cache=cache)) == fingerprint(alone)


def test_a_result_too_large_for_memory_has_the_same_bytes(tmp_path, monkeypatch):
    clips, cache = some_clips(tmp_path), ArrayCache(tmp_path / "cache")
    in_memory = prepare(clips, RECIPE, cache=cache)
    monkeypatch.setattr(_rows, "IN_MEMORY_BYTES", 0)
    for kept in (None, cache):
        assert fingerprint(prepare(clips, RECIPE, cache=kept)) == fingerprint(in_memory)
    assert len([path for path in cache.root.rglob("*") if path.is_file()]) == 4


def test_no_process_is_started_for_little_work_and_what_is_in_the_cache(tmp_path, monkeypatch):
    clips, cache = some_clips(tmp_path), ArrayCache(tmp_path / "cache")

    def started(*_):
        raise AssertionError("a process was started")

    monkeypatch.setattr(prepare_module, "_arrays_elsewhere", started)
    alone = prepare(clips, RECIPE, cache=cache, workers=2)
    assert fingerprint(prepare(clips, RECIPE, cache=cache, workers=2)) == fingerprint(alone)
    for clip in clips[1:]:
        cache.path(cache.key(RECIPE, clip)).unlink()
    monkeypatch.setattr(prepare_module, "_START_S", 0)
    with pytest.raises(AssertionError, match="started"):
        prepare(clips, RECIPE, cache=cache, workers=2)


@pytest.mark.usefixtures("at_once")
def test_where_processes_cannot_be_forked_the_bytes_are_the_same(tmp_path, monkeypatch):
    clips = some_clips(tmp_path)
    monkeypatch.setattr(prepare_module, "can_fork", lambda: False)
    assert fingerprint(prepare(clips, RECIPE, workers=2)) == fingerprint(prepare(clips, RECIPE))


@pytest.mark.usefixtures("at_once")
def test_workers_know_a_flow_method_of_ones_own_and_name_the_failing_clip(tmp_path, monkeypatch):
    monkeypatch.setattr(flow_module._METHODS, "_found", dict(flow_module._METHODS._found))
    register_flow("difference")(lambda first, second: np.stack([second - first] * 2))
    recipe = Recipe.from_tables([{"step": "flow", "method": "difference"}])
    clips = some_clips(tmp_path)
    assert np.array_equal(prepare(clips, recipe, workers=2), prepare(clips, recipe))
    clips[2].frame_paths[1].write_bytes(b"broken")
    with pytest.raises(DataError, match=r"lab/s2/a: .*2_1\.png"):
        prepare(clips, recipe, workers=2)


def test_opencv_has_one_thread_while_clips_are_prepared(tmp_path, monkeypatch):
    monkeypatch.setattr(flow_module._METHODS, "_found", dict(flow_module._METHODS._found))
    counts = []

    def still(first, _):
        counts.append(cv2.getNumThreads())
        return np.zeros((2, *first.shape), np.float32)

    register_flow("still")(still)
    before = cv2.getNumThreads()
    cv2.setNumThreads(2)
    try:
        prepare(some_clips(tmp_path), Recipe.from_tables([{"step": "flow", "method": "still"}]))
        assert cv2.getNumThreads() == 2
    finally:
        cv2.setNumThreads(before)
    assert set(counts) == {1}


def test_what_is_done_is_kept_when_a_later_clip_fails(tmp_path):
    clips, cache = some_clips(tmp_path), ArrayCache(tmp_path / "cache")
    clips[3].frame_paths[0].unlink()
    with pytest.raises(DataError, match="lab/s3/a"):
        prepare(clips, RECIPE, cache=cache)
    assert len(list(cache.root.rglob("*.npy"))) == 3


def test_clips_of_two_sizes_need_a_size_in_the_recipe(tmp_path):
    clips = some_clips(tmp_path)
    for path in clips[1].frame_paths:
        Image.new("L", (30, 30)).save(path)
    plain = Recipe.from_tables([{"step": "flow", "method": "farneback"}])
    with pytest.raises(ConfigError, match=r"lab/s1/a .*\(2, 30, 30\).*lab/s0/a .*\(2, 20, 24\)"):
        prepare(clips, plain)
    assert prepare(clips, RECIPE).shape == (4, 3, 14, 14)


def test_values_that_are_not_finite_are_never_handed_on(tmp_path, monkeypatch):
    monkeypatch.setattr(flow_module._METHODS, "_found", dict(flow_module._METHODS._found))
    register_flow("nan")(lambda first, second: np.full((2, *first.shape), np.nan))
    with pytest.raises(DataError, match="lab/s0/a gives values that are not finite"):
        prepare(some_clips(tmp_path), Recipe.from_tables([{"step": "flow", "method": "nan"}]))


def test_no_clip_and_no_worker_are_refused(tmp_path):
    with pytest.raises(DataError, match="no clip"):
        prepare([], RECIPE)
    with pytest.raises(ConfigError, match="0 workers"):
        prepare(some_clips(tmp_path), RECIPE, workers=0)


def test_the_fingerprint_sees_values_shape_and_type():
    array = np.arange(6, dtype=np.float32)
    prints = {
        fingerprint(array),
        fingerprint(array + 1),
        fingerprint(array.reshape(2, 3)),
        fingerprint(array.astype(np.float64)),
    }
    assert len(prints) == 4
    assert fingerprint(array.reshape(2, 3).T.copy().T) == fingerprint(array.reshape(2, 3))


def test_ready_flow_images_and_frames_stand_side_by_side(tmp_path):
    frames, other = some_clips(tmp_path, count=2)
    Image.new("RGB", (14, 14), (1, 2, 3)).save(tmp_path / "flow.png")
    ready = replace(other, frame_paths=(), flow_path=tmp_path / "flow.png")
    prepared = prepare([frames, ready], RECIPE)
    assert prepared[1].mean((1, 2)).tolist() == [1, 2, 3]
