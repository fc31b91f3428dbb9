"""Entries of the cache: found again, never half-written, never trusted when broken."""

from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from openmer.clip import Clip
from openmer.errors import DataError
from openmer.preprocessing import ArrayCache, Recipe, default_cache_root
from openmer.preprocessing.flow import _flow as flow_module
from openmer.preprocessing.flow._flow import FlowMethod

RECIPE_TABLES = [{"step": "flow", "method": "counted"}]


@pytest.fixture
def calls(monkeypatch):
    """A flow method "counted" that notes each call."""
    made = []

    def counted(first, second):
        made.append(1)
        return np.stack([second - first, first])

    method = FlowMethod(name="counted", version=1, function=counted)
    monkeypatch.setitem(flow_module._METHODS._found, "counted", method)
    return made


def clip_of_frames(folder: Path, *, brightness: int = 0) -> Clip:
    folder.mkdir(exist_ok=True, parents=True)
    for number in range(3):
        Image.fromarray(np.full((16, 20), number + brightness, np.uint8)).save(
            folder / f"{number}.png"
        )
    return Clip(
        corpus="lab",
        subject="s1",
        name="a",
        emotion="joy",
        onset=0,
        apex=1,
        offset=2,
        frame_paths=tuple(folder / f"{number}.png" for number in range(3)),
    )


def test_a_second_run_computes_nothing(tmp_path, calls):
    cache, recipe = ArrayCache(tmp_path / "cache"), Recipe.from_tables(RECIPE_TABLES)
    clip = clip_of_frames(tmp_path / "a")
    first = cache.run(recipe, clip)
    again = cache.run(recipe, clip)
    assert len(calls) == 1
    assert first.tobytes() == again.tobytes()
    assert (again.dtype, again.shape) == (np.float32, (2, 16, 20))
    again += 1  # what is read is the caller's own


def test_an_entry_is_named_by_content_not_by_place(tmp_path, calls):
    cache, recipe = ArrayCache(tmp_path / "cache"), Recipe.from_tables(RECIPE_TABLES)
    key = cache.key(recipe, clip_of_frames(tmp_path / "a"))
    assert cache.key(recipe, clip_of_frames(tmp_path / "elsewhere")) == key
    assert cache.key(recipe, clip_of_frames(tmp_path / "b", brightness=5)) != key
    other = Recipe.from_tables([*RECIPE_TABLES, {"step": "strain"}])
    assert cache.key(other, clip_of_frames(tmp_path / "a")) != key


@pytest.mark.parametrize(
    ("step", "counts"),
    [
        ({"step": "magnify", "alpha": 4, "band_hz": [2.0, 12.0]}, True),
        ({"step": "interpolate", "n_frames": 5}, True),
        (None, False),
    ],
)
def test_frames_per_second_name_an_entry_where_they_count(tmp_path, step, counts):
    cache = ArrayCache(tmp_path / "cache")
    recipe = Recipe.from_tables([*([step] if step else []), {"step": "flow", "method": "dis"}])
    clip = replace(clip_of_frames(tmp_path / "a"), fps=Fraction(200))
    keys = {
        cache.key(recipe, replace(clip, fps=fps)) for fps in (Fraction(60), Fraction(200), None)
    }
    assert len(keys) == (3 if counts else 1)
    assert cache.key(recipe, clip) in keys


def test_changed_frames_are_computed_anew(tmp_path, calls):
    cache, recipe = ArrayCache(tmp_path / "cache"), Recipe.from_tables(RECIPE_TABLES)
    cache.run(recipe, clip_of_frames(tmp_path / "a"))
    array = cache.run(recipe, clip_of_frames(tmp_path / "a", brightness=7))
    assert len(calls) == 2
    assert array[1].max() == 7


@pytest.mark.parametrize(
    "damage",
    [
        lambda content: content[: len(content) // 2],
        lambda content: b"",
        lambda content: content[:-1],
        lambda content: content[:200] + bytes([content[200] ^ 1]) + content[201:],
    ],
    ids=["half", "empty", "one byte short", "one bit flipped"],
)
def test_a_broken_entry_is_computed_anew(tmp_path, calls, damage):
    cache, recipe = ArrayCache(tmp_path / "cache"), Recipe.from_tables(RECIPE_TABLES)
    clip = clip_of_frames(tmp_path / "a")
    whole = cache.run(recipe, clip)
    entry = cache.path(cache.key(recipe, clip))
    entry.write_bytes(damage(entry.read_bytes()))
    assert cache.load(cache.key(recipe, clip)) is None
    assert np.array_equal(cache.run(recipe, clip), whole)
    assert len(calls) == 2
    assert np.array_equal(cache.run(recipe, clip), whole)
    assert len(calls) == 2


def test_an_entry_is_an_ordinary_npy_file(tmp_path, calls):
    cache, recipe = ArrayCache(tmp_path / "cache"), Recipe.from_tables(RECIPE_TABLES)
    clip = clip_of_frames(tmp_path / "a")
    array = cache.run(recipe, clip)
    assert np.array_equal(np.load(cache.path(cache.key(recipe, clip))), array)


@pytest.mark.parametrize("failure", [OSError(28, "No space left on device"), KeyboardInterrupt()])
def test_a_full_disk_or_a_kill_leaves_nothing_behind(tmp_path, calls, monkeypatch, failure):
    cache, recipe = ArrayCache(tmp_path / "cache"), Recipe.from_tables(RECIPE_TABLES)
    clip = clip_of_frames(tmp_path / "a")
    write = Path.write_bytes

    def fail_in_the_middle(path, content):
        write(path, content[:50])
        raise failure

    monkeypatch.setattr(Path, "write_bytes", fail_in_the_middle)
    expected = DataError if isinstance(failure, OSError) else KeyboardInterrupt
    with pytest.raises(expected):
        cache.run(recipe, clip)
    assert [path for path in cache.root.rglob("*") if path.is_file()] == []


def test_a_cache_that_cannot_be_written_to_says_what_to_do(tmp_path, calls):
    (tmp_path / "cache").write_text("a file, not a folder")
    with pytest.raises(DataError, match=r"Cannot write to the cache .*OPENMER_CACHE"):
        ArrayCache(tmp_path / "cache").run(
            Recipe.from_tables(RECIPE_TABLES), clip_of_frames(tmp_path / "a")
        )


def test_a_missing_frame_is_named_with_its_clip(tmp_path, calls):
    clip = clip_of_frames(tmp_path / "a")
    clip.frame_paths[1].unlink()
    with pytest.raises(DataError, match=r"lab/s1/a: cannot read .*1\.png"):
        ArrayCache(tmp_path).run(Recipe.from_tables(RECIPE_TABLES), clip)


def test_the_folder_comes_from_the_environment(tmp_path, monkeypatch):
    monkeypatch.setenv("OPENMER_CACHE", str(tmp_path))
    assert ArrayCache().root == tmp_path
    monkeypatch.delenv("OPENMER_CACHE")
    assert default_cache_root() == Path.home() / ".cache" / "openmer"
