"""A recipe is a value: read strictly, printed, hashed, and the same for the same clip."""

import tomllib
from contextlib import suppress
from dataclasses import replace
from itertools import chain, permutations
from typing import ClassVar, Literal

import numpy as np
import pytest
from PIL import Image
from scipy.ndimage import gaussian_filter, shift

from openmer.clip import Clip
from openmer.errors import ConfigError, DataError
from openmer.preprocessing import (
    Recipe,
    Step,
    list_steps,
    optical_flow,
    optical_strain,
    read_gray,
    resize_flow,
    stretch_8bit,
)
from openmer.preprocessing.flow import _flow as flow_module
from openmer.preprocessing.flow._flow import FlowMethod
from openmer.preprocessing.steps._step import STEPS

STSTNET = """
[[recipe]]
step = "flow"
method = "dis"
[[recipe]]
step = "strain"
[[recipe]]
step = "resize"
size = 28
[[recipe]]
step = "stretch"
"""
AVERAGED = STSTNET + '[[recipe]]\nstep = "average"\nsize = 14\n'


def recipe(toml: str) -> Recipe:
    return Recipe.from_tables(tomllib.loads(toml).get("recipe", []))


def steps(*names: str) -> Recipe:
    sizes = {"resize": {"size": 28}, "average": {"size": 14}}
    return Recipe.from_tables({"step": name, **sizes.get(name, {})} for name in names)


def clip_of_frames(folder, **changes) -> Clip:
    """Five frames of a texture that moves right by 0.3 px per frame."""
    noise = gaussian_filter(np.random.default_rng(0).normal(size=(48, 64)), 3, mode="wrap")
    gray = (noise - noise.min()) / np.ptp(noise) * 255
    folder.mkdir(exist_ok=True)
    paths = []
    for number in range(5):
        moved = shift(gray, (0, 0.3 * number), mode="grid-wrap").clip(0, 255)
        paths.append(folder / f"{number}.png")
        Image.fromarray(np.rint(moved).astype(np.uint8)).save(paths[-1])
    values = {"onset": 0, "apex": 3, "offset": 4, "frame_paths": tuple(paths), **changes}
    return Clip(corpus="lab", subject="s1", name="a", emotion="joy", **values)


def clip_of_flow_image(folder, side=28) -> Clip:
    pixels = np.random.default_rng(1).integers(0, 256, (side, side, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(folder / "flow.png")
    return Clip(corpus="lab", subject="s1", name="b", emotion="joy", flow_path=folder / "flow.png")


def test_the_form_of_the_ststnet_authors_step_by_step(tmp_path):
    clip = clip_of_frames(tmp_path)
    made = recipe(STSTNET).run(clip)
    flow = optical_flow(
        read_gray(clip.frame_paths[0]), read_gray(clip.frame_paths[3]), method="dis"
    )
    expected = stretch_8bit(resize_flow(np.concatenate([flow, optical_strain(flow)]), 28))
    assert made.dtype == np.float32
    assert made.shape == (3, 28, 28)
    assert np.array_equal(made, expected)


def test_the_averaged_form(tmp_path):
    clip = clip_of_frames(tmp_path)
    blocks = recipe(STSTNET).run(clip).reshape(3, 14, 2, 14, 2).mean((2, 4))
    assert np.allclose(recipe(AVERAGED).run(clip), blocks, atol=1e-4)


def test_true_magnitude_in_pixels_at_any_size(tmp_path):
    clip = clip_of_frames(tmp_path)
    assert steps("flow").run(clip).shape == (2, 48, 64)
    made = Recipe.from_tables([{"step": "flow", "size": 32}, {"step": "strain"}]).run(clip)
    assert made.shape == (3, 32, 32)
    assert abs(made[0].mean() - 0.9 * 32 / 64) < 0.05


def test_an_apex_that_is_not_annotated_is_the_middle_frame(tmp_path):
    middle = clip_of_frames(tmp_path, apex=None)
    assert recipe(STSTNET).inputs(middle) == (middle.frame_paths[0], middle.frame_paths[2])
    short = clip_of_frames(tmp_path, onset=3, apex=None)
    assert recipe(STSTNET).inputs(short) == (short.frame_paths[3], short.frame_paths[4])


def test_a_ready_flow_image_enters_after_stretch(tmp_path):
    clip = clip_of_flow_image(tmp_path)
    pixels = np.moveaxis(np.asarray(Image.open(clip.flow_path)), -1, 0)
    assert np.array_equal(recipe(STSTNET).run(clip), pixels)
    assert np.array_equal(steps("flow", "resize", "stretch").run(clip), pixels[:2])
    assert np.array_equal(steps("flow", "strain", "stretch").run(clip), pixels)
    blocks = pixels.reshape(3, 14, 2, 14, 2).mean((2, 4))
    assert np.allclose(recipe(AVERAGED).run(clip), blocks, atol=1e-4)


def test_a_ready_flow_image_of_another_size_is_resized_without_scaling(tmp_path):
    clip = clip_of_flow_image(tmp_path, side=56)
    pixels = np.moveaxis(np.asarray(Image.open(clip.flow_path)).astype(float), -1, 0)
    blocks = pixels.reshape(3, 28, 2, 28, 2).mean((2, 4))
    assert np.allclose(recipe(STSTNET).run(clip), blocks, atol=1e-3)


def test_true_magnitude_cannot_come_from_an_8_bit_image(tmp_path):
    with pytest.raises(DataError, match=r"lab/s1/b .*true magnitude"):
        steps("flow", "strain").run(clip_of_flow_image(tmp_path))


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"frame_paths": ()}, "neither frames nor a flow image"),
        ({"onset": None}, "onset None"),
        ({"apex": None, "offset": None}, "offset None"),
        ({"apex": 9}, "apex 9 must be"),
        ({"apex": 0}, "apex 0 must be"),
    ],
)
def test_a_clip_that_lacks_something_is_named(tmp_path, changes, said):
    with pytest.raises(DataError, match=f"lab/s1/a.*{said}"):
        recipe(STSTNET).run(clip_of_frames(tmp_path, **changes))


def test_a_broken_frame_is_named_with_its_clip(tmp_path):
    clip = clip_of_frames(tmp_path)
    clip.frame_paths[3].write_bytes(b"broken")
    with pytest.raises(DataError, match=r"lab/s1/a: .*3\.png cannot be read"):
        recipe(STSTNET).run(clip)


@pytest.mark.parametrize(
    ("names", "said"),
    [
        ([], "no step at all"),
        (["stretch"], "'stretch' cannot stand after nothing"),
        (["average", "flow"], "'average' cannot stand after nothing, which gives frames"),
        (["flow", "strain", "flow"], "'flow' twice"),
        (["flow", "resize", "strain", "resize"], "'resize' twice"),
        (["flow", "stretch", "strain"], "'strain' .* after 'stretch'"),
        (["flow", "stretch", "resize"], "'resize' .* after 'stretch'"),
        (["flow", "average", "strain"], "'strain' .* after 'average'"),
    ],
)
def test_an_order_without_sense_is_refused(names, said):
    with pytest.raises(ConfigError, match=said):
        steps(*names)


@pytest.mark.parametrize(
    ("tables", "said"),
    [
        ([{"step": "streech"}], "Did you mean 'stretch'"),
        ([{"step": "flow", "methd": "tvl1"}], "Did you mean 'method'"),
        ([{"step": "flow", "method": "tvl"}], "Did you mean 'tvl1'"),
        ([{"step": "flow", "size": 8}], "size: .*16 px at least"),
        ([{"step": "flow", "size": True}], "size is True, expected a whole number"),
        ([{"step": "flow", "apex": "last"}], "apex is 'last', expected one of"),
        ([{"step": "flow"}, {"step": "resize"}], "Step 2 .*'size' is missing"),
        ([{"step": "flow"}, {"step": "resize", "size": 0}], "Step 2 .*size is 0"),
        ([{"step": "flow"}, {"size": 28}], "Step 2 of the recipe has no name"),
        ([{"step": "flow", "size": 28}, {"step": "average", "size": 29}], "at most 28"),
    ],
)
def test_tables_are_read_strictly(tables, said):
    with pytest.raises(ConfigError, match=said):
        Recipe.from_tables(tables)


def test_a_recipe_is_a_value():
    one, same, other = recipe(STSTNET), recipe(STSTNET), recipe(AVERAGED)
    assert one == same != other
    assert len({one, same, other}) == 2
    assert one.fingerprint == same.fingerprint != other.fingerprint
    assert len(one.fingerprint) == 64
    assert Recipe.from_tables(one.tables) == one
    assert (one.channels, one.size, one.stretched) == (3, 28, True)
    assert (other.size, steps("flow").size, steps("flow").stretched) == (14, None, False)
    assert str(one).splitlines() == [
        "flow method=dis size=0 apex=annotated-or-middle",
        "strain",
        "resize size=28",
        "stretch",
    ]


def test_options_left_out_and_written_out_are_the_same_recipe():
    assert steps("flow").fingerprint == Recipe.from_tables(steps("flow").tables).fingerprint
    assert steps("flow").flow.method == "tvl1"


def test_a_new_version_of_a_flow_method_is_a_new_fingerprint(monkeypatch):
    before = steps("flow").fingerprint
    now = flow_module.flow_method("tvl1")
    newer = FlowMethod(name="tvl1", version=now.version + 1, function=now.function)
    monkeypatch.setitem(flow_module._METHODS._found, "tvl1", newer)
    assert steps("flow").fingerprint != before


def test_every_step_is_listed():
    assert list_steps() == (
        "align",
        "apex_frame",
        "append_apex",
        "append_phase",
        "average",
        "bi_woof",
        "center",
        "depth",
        "dynamic_image",
        "dynamics_map",
        "flow",
        "flow_series",
        "frame_series",
        "gradients",
        "hog_top",
        "hoof",
        "interpolate",
        "lbp_sip",
        "lbp_top",
        "magnify",
        "main_direction",
        "power",
        "recover",
        "residual",
        "resize",
        "strain",
        "stretch",
    )


# Their orders are those of test_flow_motion.
WITHOUT_UNIT = ("center", "gradients", "power", "recover", "residual")


def orders(count):
    """Every order of up to `count` steps that a recipe accepts."""
    found = []
    steps = [name for name in list_steps() if name not in WITHOUT_UNIT]
    for names in chain.from_iterable(permutations(steps, n) for n in range(count + 1)):
        with suppress(ConfigError):
            found.append(made_of(*names))
    return [[step.step for step in recipe.steps] for recipe in found]


def made_of(*names):
    options = {
        "align": {"style": "mobilevit"},
        "magnify": {"alpha": 2.0, "band_hz": [1.0, 2.0]},
        "interpolate": {"n_frames": 3},
        "dynamics_map": {"n_frames": 4, "periods": 2, "size": 4},
        "flow_series": {"n_frames": 3},
        "frame_series": {"n_frames": 3},
        "resize": {"size": 28},
        "average": {"size": 14},
    }
    return Recipe.from_tables({"step": name, **options.get(name, {})} for name in names)


def test_the_orders_that_make_sense():
    before = ["", "align", "magnify", "interpolate", "align magnify", "align interpolate"]
    before += ["magnify interpolate", "align magnify interpolate"]
    before += ["magnify align", "magnify align interpolate"]
    image = ["", "stretch", "average", "stretch average", "average stretch"]
    resized = ["", "strain", "resize", "strain resize", "resize strain"]
    flow = [f"{one} {two}" for one in resized for two in image]
    after = {
        "flow": [
            *flow,
            *(f"{one} append_apex" for one in flow),
            *(f"{one} depth" for one in flow if "stretch" not in one),
            *("append_phase", "resize append_phase"),
        ],
        "apex_frame": [""],
        "dynamic_image": image,
        "dynamics_map": [""],
        "flow_series": [""],
        "frame_series": [""],
    }
    expected = {
        tuple(f"{first} {source} {then}".split())
        for source, ways in after.items()
        for first in before
        for then in ways
    }
    found = {tuple(names) for names in orders(4)}
    assert found == {names for names in expected if len(names) <= 4}


@pytest.fixture
def place():
    class PlaceStep(Step):
        """Append where a pixel stands, as a package of somebody else might."""

        gives: ClassVar = {"flow": "placed flow"}

        step: Literal["place"] = "place"
        scale: float = 1.0

        def channels(self, before):
            return before + 1

        def change(self, array):
            places = np.linspace(0, self.scale, array.shape[-1], dtype=np.float32)
            return np.concatenate([array, np.broadcast_to(places, array[:1].shape)])

    yield PlaceStep
    del STEPS["place"]


@pytest.mark.usefixtures("place")
def test_a_step_of_somebody_else(tmp_path):
    assert "place" in list_steps()
    made = Recipe.from_tables([{"step": "flow", "method": "dis"}, {"step": "place", "scale": 2.0}])
    array = made.run(clip_of_frames(tmp_path))
    assert (made.channels, made.flow_channels) == (3, 3)
    np.testing.assert_array_equal(array[2, 0, [0, -1]], [0, 2])
    with pytest.raises(ConfigError, match=r"'strain' .* after 'place', which gives placed"):
        Recipe.from_tables([{"step": "flow"}, {"step": "place"}, {"step": "strain"}])
    with pytest.raises(ValueError, match="recipe step name 'strain' is taken"):

        class Again(Step):
            step: Literal["strain"] = "strain"


def in_colour(clip):
    """The same clip, each frame tinted."""
    for path in clip.frame_paths:
        gray = np.asarray(Image.open(path), np.float32)
        planes = [gray, 0.5 * gray + 20, 255 - gray]
        Image.fromarray(np.rint(np.stack(planes, -1)).astype(np.uint8)).save(path)
    return clip


@pytest.mark.parametrize("before", [(), ("strain",), ("strain", "resize"), ("strain", "stretch")])
@pytest.mark.parametrize("colour", [False, True])
def test_an_appended_apex_follows_the_flow_at_its_size(tmp_path, before, colour):
    clip = clip_of_frames(tmp_path)
    clip = in_colour(clip) if colour else clip
    flow, both = steps("flow", *before), steps("flow", *before, "append_apex")
    made, count = both.run(clip), flow.channels
    assert (both.channels, both.flow_channels) == (count + 3, count)
    assert (flow.flow_channels, both.size, both.stretched) == (count, flow.size, flow.stretched)
    assert made.dtype == np.float32 and made.shape == (count + 3, *flow.run(clip).shape[1:])
    # Gray levels of three planes are rounded otherwise, and at some pixels flow makes more of that.
    apart = np.abs(made[:count] - flow.run(clip))
    assert np.quantile(apart, 0.99) <= (2 if both.stretched else 5e-3)
    assert apart.max() <= (25 if both.stretched else 0.05)
    apex = Recipe.from_tables([{"step": "apex_frame", "size": both.size or 0}]).run(clip)
    np.testing.assert_array_equal(made[count:], apex)
    assert both.inputs(clip) == flow.inputs(clip)


def test_a_flip_turns_u_and_leaves_the_colours_of_the_appended_apex(tmp_path):
    for names in (("strain",), ("strain", "stretch")):
        both = steps("flow", *names, "append_apex")
        made = both.run(in_colour(clip_of_frames(tmp_path)))
        flipped = both.flipped(made)
        np.testing.assert_array_equal(flipped[1:], made[1:, :, ::-1])
        np.testing.assert_array_equal(flipped[0], (255 * both.stretched) - made[0, :, ::-1])
        np.testing.assert_array_equal(both.flipped(flipped), made)


def test_the_appended_apex_is_the_one_that_the_flow_leads_to(tmp_path):
    clip = clip_of_frames(tmp_path)
    tables = [{"step": "flow", "apex": "middle"}, {"step": "append_apex"}]
    made = Recipe.from_tables(tables).run(clip)
    np.testing.assert_allclose(made[2], read_gray(clip.frame_paths[2]))


def test_an_apex_cannot_be_appended_to_a_ready_flow_image_or_to_an_image(tmp_path):
    both = steps("flow", "strain", "stretch", "append_apex")
    with pytest.raises(DataError, match=r"'append_apex', which needs frames"):
        both.run(clip_of_flow_image(tmp_path))
    with_both = replace(clip_of_frames(tmp_path), flow_path=tmp_path / "flow.png")
    assert both.inputs(with_both) == both.inputs(clip_of_frames(tmp_path))
    for names in (("apex_frame",), ("dynamic_image",)):
        with pytest.raises(ConfigError, match="'append_apex' cannot stand after"):
            steps(*names, "append_apex")
    for later in ("strain", "resize", "stretch", "average"):
        with pytest.raises(ConfigError, match=f"'{later}' cannot stand after 'append_apex'"):
            steps("flow", "append_apex", later)
