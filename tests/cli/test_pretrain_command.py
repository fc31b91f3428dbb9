"""`openmer pretrain` as a user meets it: weights, card, curve, and going on after a kill."""

import csv
import json
import signal
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from tests.forked import Forked

from openmer.datasets.fakes import write_fake
from openmer.methods import load_method
from openmer.models import load_weights

QUICK = (
    "--device", "cpu", "--threads", "1", "--set", "model.parameters.depth=1", "--set",
    "pretraining.size=32", "--set", "pretraining.batch_size=4", "--set",
    "pretraining.validation=0.5", "--set", "pretraining.validation_score=loss",
)  # fmt: skip
STAGE = "pretraining.stages=[{epochs=%d, learning_rate=1e-3}]"


@pytest.fixture(scope="module")
def fer2013(tmp_path_factory):
    return write_fake("fer2013", tmp_path_factory.mktemp("fer") / "fer2013")


@pytest.fixture
def openmer(openmer):
    """The same, its messages without their line breaks."""

    def run(*arguments):
        code, out, err = openmer(*arguments)
        return code, out, " ".join(err.split())

    return run


def pretrain(*options, root, epochs=2):
    return ("pretrain", "efficient-me", *QUICK, "--set", STAGE % epochs, "--root",
            f"fer2013={root}", *options)  # fmt: skip


def test_a_sheet_shows_the_images_and_trains_nothing(openmer, fer2013):
    code, _, err = openmer(*pretrain("--sheet", "look/images.png", root=fer2013))
    assert code == 0, err
    assert Path("look/images.png").read_bytes().startswith(b"\x89PNG")
    assert not Path("pretrained").exists()


def test_it_writes_weights_card_history_and_curve(openmer, fer2013):
    code, out, err = openmer(*pretrain(root=fer2013))
    assert code == 0, err
    assert "UF1" in out
    assert "8 images of class negative" in err and "states 16698" in err
    folder = Path("pretrained/efficient-me")
    assert {path.name for path in folder.iterdir()} == {
        "efficient-me.safetensors", "card.md", "history.csv", "curve.png", "checkpoint.pt"
    }  # fmt: skip
    card = load_weights(str(folder / "efficient-me.safetensors")).card
    assert card["classes"] == ["negative", "positive", "surprise"]
    assert sum(map(sum, card["scores"]["confusion"])) == sum(card["data"]["validation"].values())
    assert card["data"]["training"] == {"negative": 4, "positive": 1, "surprise": 1}
    assert card["start"] == {"from": "scratch"}
    assert str(fer2013) not in json.dumps(card)
    with (folder / "history.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [row["number"] for row in rows] == ["1", "2"]
    assert float(rows[card["epochs"]["best"] - 1]["validation_loss"]) == card["scores"]["loss"]
    with Image.open(folder / "curve.png") as picture:
        assert picture.size == (1350, 780)


def test_the_card_says_what_a_reader_must_know(openmer, fer2013):
    openmer(*pretrain("--seed", 3, root=fer2013))
    text = Path("pretrained/efficient-me/card.md").read_text()
    for said in (
        "Validation accuracy", "UF1", "UAR", "Recall", "chose the epoch", "near-duplicates",
        "expression is not an emotion", "covert", "decisions about people", "Seed 3", "timm",
        "openmer pretrain efficient-me --seed 3", "states 16698", "not redistribute",
    ):  # fmt: skip
        assert said in text, said
    assert str(fer2013) not in text


def test_the_same_command_again_gives_the_same_bytes(openmer, fer2013):
    first = pretrain("--out", "a", root=fer2013)
    assert openmer(*first)[0] == 0
    made = {path.name: path.read_bytes() for path in Path("a").iterdir()}
    assert openmer(*first)[0] == 0
    assert openmer(*pretrain("--out", "b", root=fer2013))[0] == 0
    for name in ("efficient-me.safetensors", "history.csv", "curve.png"):
        assert Path("a", name).read_bytes() == Path("b", name).read_bytes() == made[name]
    assert openmer(*pretrain("--out", "c", "--seed", 1, root=fer2013))[0] == 0
    name = "efficient-me.safetensors"
    assert Path("c", name).read_bytes() != made[name]


@pytest.fixture(scope="module")
def ckplus(tmp_path_factory):
    return write_fake("ckplus", tmp_path_factory.mktemp("ck") / "ckplus")


MERGED = (
    "--set", "pretraining.scheme=dense-attention", "--set",
    "pretraining.recipe=[{step='align', style='dense-attention'}, {step='apex_frame', size=32}]",
)  # fmt: skip


def merge(*options):
    return ("pretrain", "efficient-me", *QUICK, "--set", STAGE % 1, *MERGED, *options)


def table_of(folder, rows):
    """A table of images of one's own, beside the images of its rows."""
    lines = ["corpus,subject,image,label,cropped"]
    for number, (subject, label) in enumerate(rows):
        pixels = np.random.default_rng(number).integers(0, 255, (48, 48, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(folder / f"{number}.png")
        lines.append(f"Lab,{subject},{number}.png,{label},yes")
    path = folder / "faces.csv"
    path.write_text("\n".join(lines), encoding="utf-8")
    return path


OWN = [(f"p{at // 3}", ("happiness", "sad", "surprise")[at % 3]) for at in range(12)]


def test_the_corpora_at_hand_are_merged_and_the_card_says_which(openmer, ckplus, fer2013):
    roots = ("--root", f"fer2013={fer2013}", "--root", f"ckplus={ckplus}")
    code, _, err = openmer(*merge(*roots))
    assert code == 0, err
    assert "RAF-DB is left out" in err
    card = load_weights("pretrained/efficient-me/efficient-me.safetensors").card
    data, subjects = card["data"], card["subjects"]
    assert set(data["corpora"]) == {"ckplus", "fer2013"}
    assert sum(corpus["images"] for corpus in data["corpora"].values()) == data["images"]
    assert (data["left_out"], data["whole"]) == (["rafdb"], ["fer2013"])
    assert subjects["named"] == ["ckplus/S005", "ckplus/S006", "ckplus/S007"]
    assert (subjects["unnamed"], subjects["unknown"]) == (["fer2013"], [])
    assert card["command"].endswith("--root ckplus=FOLDER --root fer2013=FOLDER")
    text = Path("pretrained/efficient-me/card.md").read_text()
    for said in ("RAF-DB is left out", "ids of 3 subjects", "cannot be told of FER2013"):
        assert said in text, said
    assert "faces cut out already, with none looked for: FER2013" in text
    assert str(ckplus) not in text + json.dumps(card)


def test_images_of_ones_own_alone_and_no_path_of_them_in_the_card(openmer, tmp_path, fer2013):
    table = table_of(tmp_path, OWN)
    for out in ("a", "b"):
        code, _, err = openmer(*merge("--images", table, "--out", out))
        assert code == 0, err
    written = [Path(out, "efficient-me.safetensors").read_bytes() for out in ("a", "b")]
    assert written[0] == written[1]
    card = load_weights("a/efficient-me.safetensors").card
    assert card["data"]["corpora"]["lab"]["images"] == card["data"]["images"] == 12
    assert card["data"]["own"]["file"] == "faces.csv"
    assert card["subjects"]["named"] == ["lab/p0", "lab/p1", "lab/p2", "lab/p3"]
    assert "--images faces.csv" in card["command"] and "--root" not in card["command"]
    text = Path("a/card.md").read_text()
    assert "pretrained on lab" in text and "faces.csv, 12 rows" in text
    assert str(tmp_path) not in text + json.dumps(card)


def test_images_of_ones_own_are_merged_with_a_root(openmer, tmp_path, fer2013):
    table = table_of(tmp_path, [*OWN, ("", "happiness")])
    code, _, err = openmer(*pretrain("--images", table, root=fer2013))
    assert code == 0, err
    card = load_weights("pretrained/efficient-me/efficient-me.safetensors").card
    assert set(card["data"]["corpora"]) == {"fer2013", "lab"}
    assert card["subjects"]["unnamed"] == ["fer2013", "lab"]
    assert "--images faces.csv" in card["command"]
    assert card["command"].endswith("--root fer2013=FOLDER")


def test_who_was_seen_before_is_kept(openmer, tmp_path, fer2013):
    table = table_of(tmp_path, OWN)
    assert openmer(*pretrain("--images", table, "--out", "a", root=fer2013))[0] == 0
    stored = "a/efficient-me.safetensors"
    assert openmer(*pretrain("--from", stored, "--out", "b", root=fer2013))[0] == 0
    subjects = load_weights("b/efficient-me.safetensors").card["subjects"]
    assert subjects["named"] == ["lab/p0", "lab/p1", "lab/p2", "lab/p3"]


def test_wrong_rows_are_named_with_what_to_do(openmer, tmp_path):
    table = table_of(tmp_path, [("p", "joy"), ("p", "sad")])
    code, _, err = openmer(*merge("--images", table))
    assert code == 3
    assert "row 2: Label 'joy' is outside the scheme 'macro-3'" in err


def test_no_corpus_at_hand_is_one_error(openmer):
    code, _, err = openmer(*merge())
    assert code == 2
    assert "CK+ (ckplus), RAF-DB (rafdb), FER2013 (fer2013)" in err


@pytest.mark.slow
@pytest.mark.parametrize("kill", [signal.SIGINT, signal.SIGKILL])
def test_killed_in_the_middle_it_goes_on_to_the_same_bytes(openmer, fer2013, tmp_path, kill):
    """A real process, stopped between two epochs or within one; then the same command again."""
    options = pretrain("--out", "cut", root=fer2013, epochs=120)
    cut = Forked(options, tmp_path)
    checkpoint = tmp_path / "cut" / "checkpoint.pt"
    deadline = time.monotonic() + 120
    while not checkpoint.is_file() and time.monotonic() < deadline:
        time.sleep(0.02)
    time.sleep(0.1)
    cut.send(kill)
    ended = cut.wait(timeout=120)
    assert checkpoint.is_file()
    assert not Path("cut", "efficient-me.safetensors").exists()
    if kill == signal.SIGINT:
        assert ended.returncode == 130
        assert "run the same command to go on" in ended.stderr
    assert openmer(*options)[0] == 0
    assert openmer(*pretrain("--out", "whole", root=fer2013, epochs=120))[0] == 0
    for name in ("efficient-me.safetensors", "history.csv", "curve.png"):
        assert Path("cut", name).read_bytes() == Path("whole", name).read_bytes()


def test_it_starts_from_a_file_of_its_own(openmer, fer2013):
    assert openmer(*pretrain("--out", "a", root=fer2013))[0] == 0
    stored = "a/efficient-me.safetensors"
    code, _, err = openmer(*pretrain("--from", stored, "--out", "b", root=fer2013))
    assert code == 0, err
    card = load_weights("b/efficient-me.safetensors").card
    assert card["start"] == {
        "from": "efficient-me.safetensors", "sha256": load_weights(stored).sha256
    }  # fmt: skip
    assert card["pretraining"]["start"] == "efficient-me.safetensors"


def test_one_json_object_on_request(openmer, fer2013):
    code, out, _ = openmer(*pretrain("--json", root=fer2013))
    assert code == 0
    assert {"scores", "data", "epochs", "weights", "use", "limits"} <= set(json.loads(out))


def test_images_that_cannot_be_read_are_listed_and_counted(openmer, tmp_path):
    from openmer import datasets
    from openmer.datasets.fakes import fer2013 as fake
    from openmer.datasets.fakes._plan import small_plan

    fake.write_folders(tmp_path / "f", small_plan(datasets.facts("fer2013"), "all", frames=True))
    broken = sorted((tmp_path / "f" / "train" / "sad").iterdir())[0]
    broken.write_bytes(b"no image")
    code, _, err = openmer(*pretrain(root=tmp_path / "f"))
    assert code == 0, err
    assert "1 of 12 images could not be read" in err
    assert broken.name in err
    card = load_weights("pretrained/efficient-me/efficient-me.safetensors").card
    assert (card["data"]["failed"], card["data"]["images"]) == (1, 11)


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (("ststnet",), 2, "has no [pretraining]"),
        (("efficient-mee",), 2, "Did you mean 'efficient-me'"),
        (("efficient-me",), 2, "--root fer2013=PATH"),
        (("efficient-me", "--root", "fer=x"), 2, "Did you mean 'fer2013'"),
        (("efficient-me", "--root", "nowhere"), 3, "nowhere"),
        (("efficient-me", "--root", "a", "--root", "fer2013=b"), 2, "two folders for fer2013"),
        (("efficient-me", "--set", "pretraining.scheme=efficient-me"), 2, "efficient-me-balanced"),
        (("efficient-me", "--set", "pretraining.sice=3"), 2, "pretraining.size"),
    ],
)
def test_a_wrong_request_is_one_clear_error(openmer, arguments, code, message):
    found, _, err = openmer("pretrain", *arguments)
    assert found == code
    assert message in err
    assert "Traceback" not in err
    assert not Path("pretrained").exists()


def test_two_corpora_need_their_names(openmer):
    scheme = ("--set", "pretraining.scheme=dense-attention")
    code, _, err = openmer("pretrain", "efficient-me", *scheme, "--root", "x")
    assert code == 2
    assert "ckplus=PATH, rafdb=PATH, fer2013=PATH" in err


def test_imagenet_without_a_network_is_one_message(openmer, fer2013, monkeypatch):
    import timm

    create = timm.create_model

    def offline(name, pretrained=False, **options):
        if pretrained:
            raise OSError("no network")
        return create(name, **options)

    monkeypatch.setattr(timm, "create_model", offline)
    code, _, err = openmer(*pretrain("--from", "imagenet", root=fer2013))
    assert code == 3
    assert "not at hand" in err and "--from PATH" in err and "'scratch'" in err


def test_another_pretraining_in_the_same_folder_is_refused(openmer, fer2013):
    assert openmer(*pretrain(root=fer2013))[0] == 0
    code, _, err = openmer(*pretrain("--seed", 1, root=fer2013))
    assert code == 2
    assert "begun with other settings" in err


def test_the_published_pretraining_is_a_method():
    config = load_method("efficient-me-paper").pretraining
    assert (config.start, config.size, config.rounds, config.validation_score) == (
        "imagenet",
        48,
        5,
        "loss",
    )
    assert config.loss.name == "focal"
    assert config.loss.class_weights == (0.27, 0.35, 0.38)
    stages = [(s.trainable, s.learning_rate, s.epochs, s.patience) for s in config.stages]
    assert stages == [("head", 1e-3, 100, 10), ("all", 1e-4, 100, 10)]
    ours, paper = (load_method(name) for name in ("efficient-me", "efficient-me-paper"))
    assert (ours.recipe, ours.training, ours.loss) == (paper.recipe, paper.training, paper.loss)
