"""Depth beside the frames: nearer is positive, holes say nothing, and it follows the alignment."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from openmer.clip import Clip
from openmer.datasets import load_clips
from openmer.datasets.fakes import write_fake
from openmer.errors import ConfigError, DataError
from openmer.preprocessing import ArrayCache, Recipe

FAR = 600  # millimetres, as most depth cameras write 16 bits


def clip_of(folder: Path, depth: list[np.ndarray], size=(48, 48)) -> Clip:
    """Two frames in color/ with their depth in depth/."""
    texture = np.random.default_rng(0).integers(0, 255, size).astype(np.uint8)
    paths = []
    for number, one in enumerate(depth, start=5):
        paths.append(folder / "color" / f"{number}.jpg")
        for path, image in ((paths[-1], texture), (folder / "depth" / f"{number}.png", one)):
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(image).save(path)
    return Clip(
        corpus="lab", subject="s1", name="a", emotion="joy", onset=0, apex=1, offset=1,
        frame_paths=tuple(paths),
    )  # fmt: skip


def recipe(*before, **options):
    """The flow, what follows it, and the depth."""
    names = [{"step": "flow", "method": "dis"}, *before, {"step": "depth", **options}]
    return Recipe.from_tables(names)


def plane(value=FAR, size=(48, 48)):
    return np.full(size, value, np.uint16)


def test_what_comes_nearer_is_positive_in_the_unit_of_the_files(tmp_path):
    apex = plane()
    apex[12:36, 12:36] -= 3
    made = recipe().run(clip_of(tmp_path, [plane(), apex]))
    assert made.shape == (3, 48, 48) and made.dtype == np.float32
    assert recipe().channels == 3 and recipe().flow_channels == 2
    np.testing.assert_array_equal(made[2, 12:36, 12:36], 3)
    assert made[2].sum() == 3 * 24 * 24


@pytest.mark.parametrize("wrong", [0, FAR + 500, FAR - 21])
def test_a_hole_and_the_border_of_the_head_say_nothing(tmp_path, wrong):
    apex = plane(FAR - 2)
    apex[:, :20] = wrong
    made = recipe({"step": "average", "size": 12}).run(clip_of(tmp_path, [plane(), apex]))
    np.testing.assert_allclose(made[2, :, 5:], 2, atol=1e-5)
    np.testing.assert_array_equal(made[2, :, :5], 0)


def test_a_cell_with_some_holes_has_the_mean_of_the_rest(tmp_path):
    apex = plane(FAR - 4)
    apex[::4] = 0
    made = recipe({"step": "average", "size": 6}).run(clip_of(tmp_path, [plane(), apex]))
    np.testing.assert_allclose(made[2], 4, atol=1e-5)


def test_it_goes_where_the_alignment_brings_the_frames(tmp_path):
    apex = plane()
    apex[10:20, 20:34] -= 5
    clip = replace(clip_of(tmp_path, [plane(), apex]), cropped=True)
    align = {"step": "align", "style": "mobilevit", "size": 96}
    tables = [align, *recipe().tables]
    made = Recipe.from_tables(tables).run(clip)
    assert made.shape == (3, 96, 96)
    lit = np.where(apex < FAR, 255, 0).astype(np.uint8)
    for path in clip.frame_paths:
        Image.fromarray(lit).save(path, quality=100)
    image = Recipe.from_tables([align, {"step": "apex_frame"}]).run(clip)[0] > 127
    moved = made[2] > 2.5
    assert (moved & image).sum() > 0.95 * (moved | image).sum() > 0


def test_a_flip_leaves_its_sign(tmp_path):
    apex = plane()
    apex[:, :9] -= 3
    one = recipe()
    made = one.run(clip_of(tmp_path, [plane(), apex]))
    np.testing.assert_array_equal(one.flipped(made)[2], made[2, :, ::-1])


def test_other_depth_is_another_entry_of_the_cache(tmp_path):
    clip, cache = clip_of(tmp_path, [plane(), plane(FAR - 1)]), ArrayCache(tmp_path / "cache")
    assert cache.run(recipe(), clip)[2].mean() == 1
    Image.fromarray(plane(FAR - 2)).save(tmp_path / "depth" / "6.png")
    assert cache.run(recipe(), clip)[2].mean() == 2
    assert [path.parent.name for path in recipe().inputs(clip)] == [*2 * ["color"], *2 * ["depth"]]


def test_what_is_missing_or_no_depth_is_named(tmp_path):
    clip = clip_of(tmp_path, [plane(), plane()])
    with pytest.raises(DataError, match=r"lab/s1/a.*no image .*range.5"):
        recipe(folder="range").run(clip)
    Image.fromarray(np.zeros((48, 48, 3), np.uint8)).save(tmp_path / "depth" / "6.png")
    with pytest.raises(DataError, match="has colours, expected depth"):
        recipe().run(clip)
    Image.fromarray(plane(size=(24, 48))).save(tmp_path / "depth" / "6.png")
    with pytest.raises(DataError, match="one size"):
        recipe().run(clip)
    for later in ("strain", "stretch"):
        with pytest.raises(ConfigError, match=f"'{later}' cannot stand after 'depth'"):
            Recipe.from_tables([*recipe().tables, {"step": later}])


def test_a_copy_of_casme3_gives_its_depth(tmp_path):
    root = write_fake("casme3", tmp_path / "casme3")
    clip = load_clips("casme3", root)[0]
    made = recipe({"step": "average", "size": 14}).run(clip)
    assert made.shape == (3, 14, 14) and np.abs(made[2]).max() > 0
