"""Images of one's own: a CSV in, images out, and every mistake named with its row."""

import hashlib
from pathlib import Path

import pytest

from openmer.datasets import label_scheme, read_own_images
from openmer.errors import DataError

HEADER = "corpus,subject,image,label\n"
SCHEME = label_scheme("macro-3")


@pytest.fixture
def read(tmp_path):
    """Reads a table that lies beside the images a.png and faces/b.jpg."""
    for name in ("a.png", "faces/b.jpg"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()

    def read(text):
        (tmp_path / "faces.csv").write_text(text, encoding="utf-8")
        return read_own_images(tmp_path / "faces.csv", SCHEME)

    return read


def test_a_row_becomes_an_image(read, tmp_path):
    first, second = read(HEADER + "Lab,006,a.png,Happiness\nlab,,faces/b.jpg,neutral\n").images
    assert (first.subject_id, first.emotion, first.path) == (
        "lab/006",
        "Happiness",
        tmp_path / "a.png",
    )
    assert (second.subject_id, second.key, second.cropped) == (None, "lab/faces/b.jpg", False)


def test_another_spelling_of_a_path_is_read_and_a_near_one_named(read, tmp_path):
    assert read(HEADER + "lab,1,Faces\\B.JPG,sad\n").images[0].path == tmp_path / "faces/b.jpg"
    with pytest.raises(DataError, match=r"row 2: image .*b1\.jpg does not exist \(.*b\.jpg does"):
        read(HEADER + "lab,1,faces/b1.jpg,sad\n")


def test_the_table_is_known_by_its_name_and_its_bytes(read, tmp_path):
    own = read(HEADER + "lab,1,a.png,sad\n")
    content = (tmp_path / "faces.csv").read_bytes()
    assert (own.file, own.sha256) == ("faces.csv", hashlib.sha256(content).hexdigest())


@pytest.mark.parametrize(("word", "cropped"), [("yes", True), ("No", False), ("", False)])
def test_a_face_that_is_cut_out_already_says_so(read, word, cropped):
    (image,) = read(f"corpus,subject,image,label,cropped\nlab,1,a.png,sad,{word}\n").images
    assert image.cropped is cropped


def test_a_row_may_end_early_where_the_rest_may_be_empty(read):
    (image,) = read("corpus,image,label,subject\nlab,a.png,sad\n").images
    assert image.subject_id is None


@pytest.mark.parametrize(
    ("row", "said"),
    [
        (",1,a.png,sad", "row 2: corpus is empty; every image needs one"),
        ("lab,1,,sad", "row 2: image is empty"),
        ("lab,1,a.png,", "row 2: label is empty"),
        ("lab,a/1,a.png,sad", "row 2: subject 'a/1' holds a slash"),
        ("lab,1,a.png,joy", "row 2: Label 'joy' is outside the scheme 'macro-3'"),
        ("lab,1,a.png,sad,yes", "row 2: more cells than columns"),
        ("lab,1,a.png,sad\nlab,2,./a.png,sad", r"row 3: image '.*a\.png' is already in row 2"),
        ("lab,1,gone.png,sad", r"1 paths that are not there, e\.g\. row 2: image .*gone\.png"),
        ("lab,1,faces,sad", "row 2: image .*faces does not exist"),
    ],
)
def test_a_wrong_row_is_named(read, row, said):
    with pytest.raises(DataError, match=said):
        read(f"{HEADER}{row}\n")


def test_all_wrong_rows_are_reported_together(read):
    with pytest.raises(DataError, match=r"2 wrong rows.*row 2.*row 4.*names 1 paths.*row 3"):
        read(HEADER + "lab,1,a.png,joy\nlab,1,gone.png,sad\n,1,a.png,sad\n")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", r"Expected a header row \(corpus, subject, image, label\) and one row per image"),
        (HEADER, "a header but no images"),
        ("corpus,image,label\n", "lacks the column subject"),
        ("corpus,subject,imge,label\n", r"image \(is 'imge' meant\?\)"),
        ("corpus,subject,image,label,croped\n", r"cropped \(is 'croped' meant\?\)"),
    ],
)
def test_a_wrong_table_says_what_to_do(read, text, said):
    with pytest.raises(DataError, match=said):
        read(text)


def test_an_answer_that_is_none_is_named(read):
    with pytest.raises(DataError, match="row 2: cropped 'maybe' is neither yes nor no"):
        read("corpus,subject,image,label,cropped\nlab,1,a.png,sad,maybe\n")


def test_a_missing_table_is_named():
    with pytest.raises(DataError, match=r"CSV table of images, at none\.csv, found nothing"):
        read_own_images(Path("none.csv"), SCHEME)
