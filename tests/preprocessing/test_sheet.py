"""The contact sheet shows what there is and says what there is not; its colours can be read."""

from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
from matplotlib.text import Text
from PIL import Image
from tests.preprocessing.test_faces import on_canvas, subjects

from openmer.clip import Clip
from openmer.errors import ConfigError, DataError
from openmer.preprocessing import flow_to_rgb, inspect_clip, round_up, write_sheet
from openmer.preprocessing._sheet import draw_sheet
from openmer.preprocessing.flow._colours import colour_wheel


def saved(folder, frames, **changes):
    paths = tuple(folder / f"{number}.png" for number in range(len(frames)))
    for path, frame in zip(paths, frames, strict=True):
        Image.fromarray(frame).save(path)
    fields = {"onset": 1, "apex": 5, "offset": 9, "fps": Fraction(100), "action_units": "4+L10"}
    return Clip(
        corpus="lab", subject="s1", name="a", emotion="joy", frame_paths=paths, **fields | changes
    )


@pytest.fixture(scope="module")
def clip(tmp_path_factory):
    """A face whose whole picture moves to the right and back, at most 2 pixels."""
    image = subjects()[0][0].astype(float)
    frames = []
    for number in range(11):
        share = max(0, 1 - abs(number - 5) / 5)
        moved = image + share * (np.roll(image, 2, axis=1) - image)
        frames.append(np.rint(moved).astype(np.uint8))
    return saved(tmp_path_factory.mktemp("face"), frames)


def words(figure):
    return " ".join(
        text.get_text().replace("\n", " ") for text in figure.findobj(Text) if text.get_text()
    )


def test_a_whole_sheet(clip, tmp_path):
    view = inspect_clip(clip, method="dis")
    assert [number for number, _ in view.strip][0::6] == [1, 9]
    assert 5 in [number for number, _ in view.strip]
    assert view.annotated == {"onset", "apex", "offset"}
    assert {name: made.shape for name, made in view.aligned.items()} == {
        "efficient-me": (224, 224, 3),
        "dense-attention": (112, 112, 3),
        "mobilevit": (256, 256),
    }
    assert view.magnified.shape == view.apex_frame.shape == (224, 224, 3)
    assert view.flow_xy.shape == (2, *view.strain.shape) == (2, 224, 224)
    assert view.flow_xy[0, 60:160, 80:140].mean() > view.scale  # to the right
    assert abs(view.movement.frame - 4) <= 1
    assert len(view.movement.movement) == 9
    said = words(draw_sheet(view))
    for part in (
        "lab/s1/a", "joy", "AU 4+L10", "90 ms at 100 frames/s", "onset · frame 1 · 0 ms",
        "apex · frame 5 · 40 ms", "offset · frame 9 · 80 ms", "mtcnn: 1 face",
        "dense-attention: 112 px", "mobilevit: 256 px, gray, eyes masked", "magnified", "Hz",
        "px in the clip's frames", "optical strain", "px per px", "Movement since the onset",
    ):  # fmt: skip
        assert part in said
    path = tmp_path / "deep" / "sheet.png"
    write_sheet(path, view)
    with Image.open(path) as image:
        assert min(image.size) > 1200
    before = path.read_bytes()
    write_sheet(path, view)
    assert path.read_bytes() == before


def test_without_a_face_the_rest_is_shown_on_whole_frames(tmp_path):
    noise = np.random.default_rng(0).integers(0, 256, (2, 48, 60), dtype=np.uint8)
    view = inspect_clip(saved(tmp_path, noise, onset=None, apex=None, offset=None, fps=None))
    assert (view.face, view.style, view.scale) == (None, "", 1)
    assert set(view.aligned.values()) == {"No face was found."}
    assert view.flow_xy.shape == (2, 48, 60)
    said = words(draw_sheet(view))
    for part in (
        "mtcnn: 0 faces", "No face was found.", "on whole frames: no alignment",
        "frames per second are not known", "onset, apex, offset not annotated",
    ):  # fmt: skip
        assert part in said


def test_all_faces_are_drawn_and_guesses_are_hollow(tmp_path):
    (first, _), (second, _), _ = subjects()
    both = on_canvas((first, 1, 10, 50), (second, 1, 150, 60))
    clip = saved(tmp_path, [both, both, both], onset=0, apex=1, offset=2, fps=None)
    view = inspect_clip(clip, detector="haar", style="dense-attention", method="dis")
    assert len(view.faces) == 2
    assert view.face.box_xyxy[0] > 150
    assert np.abs(view.flow_xy).max() == 0
    said = words(draw_sheet(view))
    assert "haar: 2 faces" in said
    assert "guessed from the box" in said


def test_what_cannot_be_shown_is_refused(clip, tmp_path):
    with pytest.raises(ConfigError, match=r"ends in \.png, \.pdf or \.svg"):
        write_sheet(tmp_path / "a.jpeg", None)
    with pytest.raises(DataError, match="lab/s1/a: a sheet needs frames"):
        inspect_clip(replace(clip, frame_paths=clip.frame_paths[:1]))
    with pytest.raises(ConfigError, match="Did you mean 'mobilevit'"):
        inspect_clip(clip, style="mobilvit")
    with pytest.raises(ConfigError, match="Did you mean 'haar'"):
        inspect_clip(clip, detector="har")


def test_colours_of_a_flow():
    right, up = np.array([[[2.0]], [[0.0]]]), np.array([[[0.0]], [[-2.0]]])
    left = -right
    assert np.array_equal(flow_to_rgb(0 * right, 2.0), np.ones((1, 1, 3)))
    assert np.array_equal(flow_to_rgb(right, 2.0), flow_to_rgb(5 * right, 2.0))
    half = flow_to_rgb(right / 2, 2.0)
    assert np.allclose(half, (1 + flow_to_rgb(right, 2.0)) / 2)
    for one, other in ((right, left), (right, up), (up, left)):
        assert np.abs(flow_to_rgb(one, 2.0) - flow_to_rgb(other, 2.0)).max() > 0.3
    wheel = colour_wheel(101)
    assert wheel.shape == (101, 101, 4)
    assert np.allclose(wheel[50, 100, :3], flow_to_rgb(right, 2.0)[0, 0])
    assert np.allclose(wheel[0, 50, :3], flow_to_rgb(up, 2.0)[0, 0])  # up is up
    assert np.allclose(wheel[50, 50], 1)
    assert wheel[0, 0, 3] == 0


@pytest.mark.parametrize(
    ("length", "rounded"),
    [(0, 1), (float("nan"), 1), (1, 1), (1.01, 1.2), (0.031, 0.04), (88, 100)],
)
def test_lengths_that_read_well(length, rounded):
    assert round_up(length) == pytest.approx(rounded)
