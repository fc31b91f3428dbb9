"""FER2013 as a table, as folders, and, where it lies on this machine, the real one."""

import zipfile
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as Picture

from openmer import datasets
from openmer.datasets import read_pixels
from openmer.datasets.fakes import fer2013 as fake
from openmer.datasets.fakes import write_fake
from openmer.datasets.fakes._plan import small_plan
from openmer.errors import DataError

REAL = Path(__file__).parents[3] / "shared" / "data" / "fer2013.zip"


def write_folders(folder: Path) -> Path:
    fake.write_folders(folder, small_plan(datasets.facts("fer2013"), "all", frames=True))
    return folder


def test_table_and_folders_say_the_same(tmp_path):
    table = datasets.load_images("fer2013", write_fake("fer2013", tmp_path / "t"))
    folders = datasets.load_images("fer2013", write_folders(tmp_path / "f"))
    assert Counter((i.emotion, i.part) for i in table) == Counter(
        (i.emotion, i.part) for i in folders
    )
    assert {image.row for image in folders} == {None}
    assert {image.part for image in table} == {"Training", "PublicTest", "PrivateTest"}


def test_pixels_of_rows_in_the_order_asked_for(tmp_path):
    images = datasets.load_images("fer2013", write_fake("fer2013", tmp_path / "t"))
    pixels = read_pixels(images)
    assert pixels.shape == (14, 48, 48)
    assert pixels.std() > 10
    np.testing.assert_array_equal(read_pixels([images[3], images[1], images[3]]), pixels[[3, 1, 3]])


def test_pixels_are_those_of_the_files(tmp_path):
    table = datasets.load_images("fer2013", write_fake("fer2013", tmp_path / "t"))
    folders = datasets.load_images("fer2013", write_folders(tmp_path / "f"))
    happy = next(i for i in table if i.emotion == "happy" and i.part == "PublicTest")
    same = next(i for i in folders if i.emotion == "happy" and i.part == "PublicTest")
    with Picture.open(same.path) as picture:
        stored = np.asarray(picture, float)
    assert np.abs(stored - read_pixels([happy])[0]).mean() < 8  # JPEG


def test_files_are_no_rows(tmp_path):
    with pytest.raises(DataError, match="image reader"):
        read_pixels(datasets.load_images("fer2013", write_folders(tmp_path / "f")))


def test_broken_rows_are_named(tmp_path):
    path = write_fake("fer2013", tmp_path / "t") / "fer2013.csv"
    path.write_text(path.read_text() + "9,1 2 3,Training\n")
    with pytest.raises(DataError, match="row 16: emotion '9'"):
        datasets.load("fer2013", path.parent)
    path.write_text("emotion,pixels,Usage\n3,1 2 3,Training\n")
    with pytest.raises(DataError, match="row 2 has 3 pixels"):
        read_pixels(datasets.load_images("fer2013", path.parent))


@pytest.mark.skipif(not REAL.is_file(), reason=f"no real FER2013 at {REAL}")
def test_names_of_the_real_one(tmp_path):
    with zipfile.ZipFile(REAL) as archive:
        names = [name for name in archive.namelist() if name.endswith(".jpg")]
        (tmp_path / "a.jpg").write_bytes(archive.read(names[0]))
    with Picture.open(tmp_path / "a.jpg") as picture:
        assert picture.size == (48, 48)
    for folder in {str(Path(name).parent) for name in names}:
        (tmp_path / "real" / folder).mkdir(parents=True)
    for name in names:
        (tmp_path / "real" / name).touch()
    options = datasets.options_of(datasets.facts("fer2013"))
    reading = datasets.examine("fer2013", tmp_path / "real", options)
    assert reading.problems == ()
    images = reading.items
    parts = Counter(image.part for image in images)
    assert parts == {"Training": 28709, "PublicTest": 3589, "PrivateTest": 3589}
    assert len({image.key for image in images}) == len(images)
