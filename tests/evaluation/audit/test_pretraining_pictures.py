"""Images of a pretraining are compared with the tested clips by what they show."""

import numpy as np
import pytest
from PIL import Image, ImageOps
from tests.contracts.leaks._ground import draw_face, honest_case, write

from openmer.errors import ConfigError, DataError
from openmer.evaluation import pretraining_images
from openmer.evaluation.audit._pretraining_pictures import check_pretraining_pictures
from openmer.methods import load_method


@pytest.fixture(name="clips", scope="module")
def _clips(tmp_path_factory):
    return honest_case(tmp_path_factory.mktemp("pictures")).task.clips


@pytest.fixture(name="strangers", scope="module")
def _strangers(tmp_path_factory):
    folder = tmp_path_factory.mktemp("strangers")
    paths = [folder / "deep" / f"{number}.png" for number in range(30, 38)]
    for number, path in zip(range(30, 38), paths, strict=True):
        write(path, draw_face(number))
    (folder / "notes.txt").write_text("no image")
    return folder


def test_strangers_are_no_finding(clips, strangers):
    images = pretraining_images(strangers, load_method("flow-mlp"))
    assert len(images) == 8
    assert check_pretraining_pictures(clips, images) == []
    assert check_pretraining_pictures(clips, []) == []


@pytest.mark.parametrize("flip", [False, True])
def test_a_small_picture_of_a_tested_subject_is_found(clips, strangers, tmp_path, flip):
    path = tmp_path / "x_happy.jpg"
    with Image.open(clips[6].frame_paths[-1]) as image:
        (ImageOps.mirror(image) if flip else image).resize((64, 64)).save(path, quality=85)
    images = [*pretraining_images(strangers, load_method("flow-mlp")), path]
    (finding,) = check_pretraining_pictures(clips, images)
    assert (finding.severity, finding.fold) == ("leak", clips[6].subject_id)
    assert str(path) in finding.message and "1 images" in finding.message


def test_what_cannot_be_read_or_shows_nothing_is_not_compared(clips, tmp_path):
    (tmp_path / "broken.png").write_bytes(b"no image")
    write(tmp_path / "flat.png", np.full((64, 64), 128.0))
    images = pretraining_images(tmp_path, load_method("flow-mlp"))
    assert len(images) == 2
    assert check_pretraining_pictures(clips, images) == []
    assert check_pretraining_pictures([], images) == []


def test_a_table_is_read_as_the_pretraining_reads_it(clips, tmp_path):
    frame = clips[0].frame_paths[0]
    (tmp_path / "t.csv").write_text(f"corpus,subject,image,label\nmine,a,{frame},happy\n")
    assert pretraining_images(tmp_path / "t.csv", load_method("dense-attention")) == [frame]
    with pytest.raises(ConfigError, match=r"has no \[pretraining\]"):
        pretraining_images(tmp_path / "t.csv", load_method("flow-mlp"))
    with pytest.raises(DataError, match="no image below"):
        pretraining_images(tmp_path, load_method("flow-mlp"))
    assert pretraining_images(None, load_method("flow-mlp")) == []
