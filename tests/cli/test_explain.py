"""``openmer explain`` draws one honest figure, or says in one message why not."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from tests.deployment.image_set import WORDS, images_task

from openmer.deployment import read_model, train_model, write_model

QUICK = ("--set", "training.epochs=2", "--workers", "1", "--device", "cpu")


@pytest.fixture(scope="module")
def manifest(tmp_path_factory):
    """Twelve flow images of four subjects."""
    folder = tmp_path_factory.mktemp("flow")
    rng = np.random.default_rng(0)
    rows = ["corpus,subject,clip,label,flow_path"]
    for i in range(12):
        Image.fromarray(rng.integers(0, 255, (28, 28, 3), dtype=np.uint8)).save(folder / f"{i}.png")
        rows.append(f"lab,s{i % 4},c{i},{WORDS[i % 3]},{i}.png")
    rows.append("lab,s0,odd,others,0.png")
    (folder / "clips.csv").write_text("\n".join(rows))
    return folder / "clips.csv"


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """The folder of a model of images, and the manifest that it was trained on."""
    folder = tmp_path_factory.mktemp("trained")
    write_model(folder / "model", train_model(images_task(folder)))
    return folder / "model", folder / "clips" / "manifest.csv"


def test_the_figure_and_the_json_are_of_a_network_without_the_subject(openmer, manifest):
    code, out, err = openmer(
        "explain", "lab/s1/c1", "--method", "ststnet", "--manifest", manifest, "--json",
        "--class", "surprise", "--out", "look/saliency.png", *QUICK,
    )  # fmt: skip
    assert code == 0, err
    told = json.loads(out)
    assert (told["input"], told["held_out"], told["label"]) == ("lab/s1/c1", "lab/s1", "positive")
    assert (told["explained"], told["saliency"], told["layer"]) == (
        "surprise", "grad-cam", "features.5",
    )  # fmt: skip
    assert sum(told["scores"].values()) == pytest.approx(1)
    assert np.shape(told["cells"]) == (5, 5) and 0 <= np.min(told["cells"]) <= 1
    assert "9 clips of 3 subjects, not on lab/s1" in told["origin"]
    assert Path("look/saliency.png").read_bytes().startswith(b"\x89PNG")
    assert "look/saliency.png" in err


def test_in_words_it_says_what_was_seen_and_what_to_beware_of(openmer, manifest):
    where = ("--method", "ststnet", "--manifest", manifest)
    code, out, err = openmer("explain", "lab/s1/c1", *where, "--saliency", "hires-cam", *QUICK)
    assert code == 0, err
    assert "STSTNet says " in out and "Explained: " in out
    assert "not on lab/s1" in err
    assert ("says positive" in out) != ("The network is wrong" in err)
    assert Path("saliency.png").is_file()


def test_a_model_explains_folders_images_and_rows_of_a_manifest(openmer, trained):
    model, manifest = trained
    found = []
    for given in (
        (manifest.parent / "c1", "--apex", 1),
        (manifest.parent / "c1" / "img1.png",),
        ("demo/s1/c1", "--manifest", manifest),
    ):
        code, out, err = openmer("explain", *given, "--model", model, "--json")
        assert code == 0, err
        found.append(json.loads(out))
    assert found[0]["cells"] == found[1]["cells"] == found[2]["cells"]
    assert [each["label"] for each in found] == [None, None, "positive"]
    assert found[0]["held_out"] is None
    assert "it may have seen this subject" in found[0]["origin"]
    fitted = read_model(model)
    image = np.asarray(Image.open(manifest.parent / "c1" / "img1.png"))
    scores = fitted.scores(fitted.prepare_image(image)[None])[0]
    assert np.allclose(list(found[0]["scores"].values()), scores, atol=1e-6)


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (("lab/s1/c1",), 2, "neither of --method and --model"),
        (("lab/s1/c1", "--method", "ststnet", "--model", "x"), 2, "both of --method and --model"),
        (("lab/s1/c1", "--method", "ststnet"), 2, "neither of --manifest and --corpus"),
        (("lab/s1/c2", "--method", "ststnet", "--manifest", "{clips}"), 2, "lab/s1/c9"),
        (("lab/s0/odd", "--method", "ststnet", "--manifest", "{clips}"), 3, "among the 12 clips"),
        (("lab/s1/c1", "--method", "ststnett", "--manifest", "{clips}"), 2, "Did you mean"),
        (("lab/s1/c1", "--method", "flow-svm", "--manifest", "{clips}"), 2, "has no network"),
        (("lab/s1/c1", "--method", "flow-mlp", "--manifest", "{clips}"), 2, "convolutional maps"),
        (
            ("lab/s1/c1", "--method", "ststnet", "--manifest", "{clips}", "--apex", "1"),
            2,
            "--onset",
        ),
        (("lab/s1/c1", "--method", "ststnet", "--manifest", "{clips}", "--class", "x"), 2, "class"),
        (("x", "--model", "{model}", "--set", "training.epochs=2"), 2, "--set beside --model"),
        (("x", "--model", "{model}"), 3, "There is no x"),
        (("x", "--model", "nowhere"), 3, "no model in nowhere"),
        (("x", "--model", "{model}", "--out", "saliency.svg"), 2, "ends in .png"),
    ],
)
def test_what_cannot_be_explained_is_one_message(
    openmer, manifest, trained, arguments, code, message
):
    places = {"clips": manifest, "model": trained[0]}
    found, _, err = openmer("explain", *(word.format(**places) for word in arguments))
    assert found == code, err
    assert message in err.replace("\n", " ")
    assert "Traceback" not in err and not list(Path().glob("saliency*"))


def test_without_captum_one_message_says_what_to_install(openmer, manifest, monkeypatch):
    monkeypatch.setattr("openmer.explanation._grad_cam.find_spec", lambda _: None)
    code, _, err = openmer(
        "explain", "lab/s1/c1", "--method", "ststnet", "--manifest", manifest, *QUICK
    )
    assert code == 2
    assert "pip install 'openmer[explain]'" in err.replace("\n", " ")
