"""``openmer show`` draws one sheet, or says in one message why not."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from tests.preprocessing.test_faces import subjects


@pytest.fixture(scope="module")
def manifest(tmp_path_factory):
    """Two clips of four frames each: a face, and noise."""
    folder = tmp_path_factory.mktemp("frames")
    noise = np.random.default_rng(0).integers(0, 256, (32, 32), dtype=np.uint8)
    rows = ["corpus,subject,clip,label,frames,onset,apex,offset,fps"]
    for name, image in (("face", subjects()[0][0]), ("noise", noise)):
        (folder / name).mkdir()
        for number in range(1, 5):
            moved = np.roll(image, number % 2, axis=1)
            Image.fromarray(moved).save(folder / name / f"img{number}.png")
        rows.append(f"lab,s1,{name},happiness,{name},0,1,3,200")
    (folder / "clips.csv").write_text("\n".join(rows))
    return folder / "clips.csv"


@pytest.fixture
def openmer(openmer):
    """The same, but for standard output."""

    def run(*arguments):
        code, _, err = openmer(*arguments)
        return code, err

    return run


def test_a_sheet_is_drawn(openmer, manifest):
    code, said = openmer("show", "lab/s1/face", "--manifest", manifest, "--out", "look/sheet.png")
    assert code == 0, said
    assert "sheet.png" in said and "not aligned" not in said
    assert Path("look/sheet.png").read_bytes().startswith(b"\x89PNG")


def test_without_a_face_it_says_so(openmer, manifest):
    code, said = openmer("show", "lab/s1/noise", "--manifest", manifest, "--detector", "haar")
    assert code == 0
    assert "lab/s1/noise: motion is shown on whole frames" in said
    assert Path("sheet.png").is_file()


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (("lab/s1/fase",), 2, "lab/s1/face"),
        (("lab/s1/face", "--detector", "mtcn"), 2, "Did you mean 'mtcnn'"),
        (("lab/s1/face", "--style", "dense"), 2, "Did you mean 'dense-attention'"),
        (("lab/s1/face", "--out", "sheet.gif"), 2, "ends in .png, .pdf or .svg"),
    ],
)
def test_a_wrong_name_is_one_message(openmer, manifest, arguments, code, message):
    found, said = openmer("show", *arguments, "--manifest", manifest)
    assert (found, message in said.replace("\n", " ")) == (code, True)
    assert not list(Path().glob("sheet*"))


def test_a_missing_manifest(openmer):
    code, said = openmer("show", "lab/s1/face", "--manifest", "none.csv")
    assert code == 3
    assert "none.csv" in said


def test_a_sheet_of_what_a_method_sees(openmer, tmp_path):
    from openmer.datasets import write_corpus

    manifest = write_corpus(tmp_path / "corpus", "tiny")
    code, said = openmer("show", "--method", "ststnet", "--manifest", manifest)
    assert code == 0, said
    assert Path("sheet.png").read_bytes().startswith(b"\x89PNG")


def test_a_clip_or_a_method_but_not_both(openmer, manifest):
    for asked in ((), ("lab/s1/face", "--method", "ststnet")):
        code, said = openmer("show", *asked, "--manifest", manifest)
        assert code != 0 and "not both" in " ".join(said.split())
