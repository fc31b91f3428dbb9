"""Train, predict and export as a user meets them."""

import json
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from tests.deployment.image_set import WORDS, write_clips, write_method
from tests.deployment.test_packaged import CARD, method_with

from openmer.cli._app import main
from openmer.datasets import read_manifest
from openmer.deployment import read_model

QUICK = ("--workers", "1", "--compiled", "never", "--device", "cpu")


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    """A method file and the manifest of twelve clips."""
    folder = tmp_path_factory.mktemp("stills")
    return write_method(folder), write_clips(folder / "clips")


@pytest.fixture(scope="module")
def openmer(tmp_path_factory):
    """Runs a command in this process; returns exit code, standard output and standard error."""
    folder = tmp_path_factory.mktemp("work")

    def run(capsys, *arguments):
        with pytest.MonkeyPatch.context() as patch:
            patch.chdir(folder)
            patch.setattr(sys, "argv", ["openmer", *map(str, arguments)])
            capsys.readouterr()
            try:
                main()
                code = 0
            except SystemExit as exit_:
                code = exit_.code or 0
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    run.folder = folder
    return run


@pytest.fixture(scope="module")
def model(openmer, corpus):
    """The folder of a model that was trained with its estimate."""

    class Nowhere:
        readouterr = staticmethod(lambda: type("Said", (), {"out": "", "err": ""}))

    method, manifest = corpus
    folder = openmer.folder / "model"
    arguments = ("train", method, "--manifest", manifest, "--out", folder, *QUICK)
    assert openmer(Nowhere, *arguments)[0] == 0
    return folder


def test_train_attaches_the_honest_estimate_and_reuses_the_run(openmer, corpus, model, capsys):
    method, manifest = corpus
    estimate = read_model(model).record.estimate
    assert (estimate.clips, estimate.subjects, estimate.epoch_rule) == (12, 4, "fixed")
    run = openmer.folder / "runs" / estimate.run
    before = {path: path.stat().st_mtime_ns for path in run.rglob("*.parquet")}
    assert len(before) == 4
    again = ("train", method, "--manifest", manifest, "--out", "again", "--json", *QUICK)
    code, out, _ = openmer(capsys, *again, "--estimate", run)
    assert code == 0
    assert json.loads(out)["estimate"] == estimate.model_dump(mode="json")
    assert {path: path.stat().st_mtime_ns for path in run.rglob("*.parquet")} == before
    for path in model.iterdir():
        assert path.read_bytes() == (openmer.folder / "again" / path.name).read_bytes()


def test_train_without_an_estimate_says_so(openmer, corpus, capsys):
    method, manifest = corpus
    code, out, _ = openmer(
        capsys, "train", method, "--manifest", manifest, "--out", "bare", "--no-estimate", *QUICK
    )
    assert code == 0
    assert "No honest estimate was made" in out
    assert "12 clips of 4 subjects" in out


def test_predict_equals_scoring_the_arrays(openmer, corpus, model, capsys):
    _, manifest = corpus
    fitted = read_model(model)
    clips = read_manifest(manifest)
    expected = fitted.scores(np.stack([fitted.recipe.run(clip) for clip in clips]))
    code, out, _ = openmer(capsys, "predict", "--manifest", manifest, "--model", model, "--json")
    found = json.loads(out)
    assert code == 0
    assert found["caution"] == fitted.record.caution and "leave-one-subject-out" in out
    rows = [list(row["scores"].values()) for row in found["predictions"]]
    assert np.array_equal(np.array(rows, dtype=np.float32), expected)
    assert [row["label"] for row in found["predictions"]] == list(WORDS) * 4
    decisions = [fitted.record.decide(scores) for scores in rows]
    assert [row["class"] for row in found["predictions"]] == [one.class_name for one in decisions]
    assert [row["likeliest"] for row in found["predictions"]] == [
        WORDS[number] for number in expected.argmax(1)
    ]
    frames = manifest.parent / "c1"
    code, out, _ = openmer(capsys, "predict", frames, "--apex", 1, "--model", model, "--json")
    assert list(json.loads(out)["predictions"][0]["scores"].values()) == rows[1]
    code, out, _ = openmer(capsys, "predict", frames / "img1.png", "--model", model, "--json")
    assert list(json.loads(out)["predictions"][0]["scores"].values()) == rows[1]


def test_predict_prints_a_table_and_the_caution(openmer, corpus, model, capsys):
    code, out, err = openmer(capsys, "predict", corpus[1].parent / "c0", "--model", model)
    assert code == 0
    assert all(word in out for word in ("class", *WORDS))
    assert "On subjects it has not seen: UF1" in err


def test_predict_with_the_weights_of_a_method(openmer, tmp_path, capsys):
    method, _ = method_with(tmp_path, CARD)
    Image.fromarray(np.full((60, 60), 99, np.uint8)).save(tmp_path / "face.png")
    code, _, err = openmer(capsys, "predict", tmp_path / "face.png", "--method", method)
    assert code == 0
    assert "never on a micro-expression" in err


def test_what_cannot_be_scored_is_named_and_the_rest_is_scored(openmer, corpus, model, capsys):
    frames = corpus[1].parent / "c0"
    broken = openmer.folder / "broken.png"
    broken.write_bytes(b"no image")
    code, out, err = openmer(capsys, "predict", frames, broken, "--model", model, "--json")
    assert code == 3
    assert len(json.loads(out)["predictions"]) == 1
    assert "broken.png" in json.loads(out)["failures"][0] and "broken.png" in err


def test_a_face_that_is_not_there_is_one_clear_error(openmer, corpus, tmp_path, capsys):
    method, _ = method_with(tmp_path, CARD)
    aligned = Path(method).read_text().replace(
        "[[recipe]]", '[[recipe]]\nstep = "align"\nstyle = "efficient-me"\n\n[[recipe]]', 1
    )  # fmt: skip
    Path(method).write_text(aligned)
    Image.fromarray(np.full((90, 90, 3), 120, np.uint8)).save(tmp_path / "wall.png")
    for given in (tmp_path / "wall.png", corpus[1].parent / "c0"):
        code, _, err = openmer(capsys, "predict", given, "--method", method)
        assert code == 3
        assert given.name in err and "face" in err and "Traceback" not in err
        code, _, err = openmer(capsys, "predict", given, "--method", method, "--faces", "cropped")
        assert code == 0, err


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (("predict", "{clips}/c0", "--model", "y", "--method", "z"), 2, "both of --model and"),
        (("predict", "--model", "{model}"), 2, "neither of clips and --manifest"),
        (("predict", "nowhere", "--model", "{model}"), 3, "There is no nowhere"),
        (("predict", "{clips}/c0", "--model", "nowhere"), 3, "no model in nowhere"),
        (("predict", "{clips}/manifest.csv", "--model", "{model}"), 3, "is no image"),
        (("predict", "{clips}/c0", "--apex", "7", "--model", "{model}"), 3, "inside 0..2"),
        (("predict", "{clips}/c0", "--fps", "x", "--model", "{model}"), 2, "is no rate"),
        (("predict", "{clips}/c0/img1.png", "--apex", "1", "--model", "{model}"), 3, "one folder"),
        (("predict", "{clips}/c0", "--method", "flow-svm"), 2, "no trained weights"),
        (("predict", "{clips}/c0", "--method", "flow-svn"), 2, "Did you mean 'flow-svm'"),
        (("train", "ststnet", "--out", "{model}", "--manifest", "x"), 3, "not empty"),
        (("train", "ststnet", "--out", "new"), 2, "neither of --manifest"),
        (("train", "ststnet", "--out", "new", "--no-estimate", "--estimate", "x"), 2, "at most"),
        (("export", "nowhere/model"), 3, "no model in nowhere/model"),
        (("export", "ststnett"), 2, "Did you mean 'ststnet'"),
        (("export", "{model}", "--manifest", "x"), 2, "--manifest without --int8"),
        (("export", "{model}", "--int8", "--out", "new"), 2, "Give clips to calibrate on"),
    ],
)
def test_a_wrong_input_is_one_clear_error(openmer, corpus, model, capsys, arguments, code, message):
    places = {"clips": corpus[1].parent, "model": model}
    found, _, err = openmer(capsys, *(word.format(**places) for word in arguments))
    assert found == code, err
    assert message in err.replace("\n", " ")
    assert "Traceback" not in err
    assert not (openmer.folder / "new").exists()


def test_a_leaky_run_is_refused_as_an_estimate(openmer, corpus, capsys):
    method, manifest = corpus
    common = (method, "--manifest", manifest, *QUICK)
    code, out, _ = openmer(
        capsys, "evaluate", *common, "--epoch-rule", "held_out", "--json", "--out", "leaky"
    )
    run = json.loads(out)["run"]
    code, _, err = openmer(capsys, "train", *common, "--out", "new", "--estimate", run)
    assert code == 4
    assert "is leaky" in err
    assert not (openmer.folder / "new").exists()


def test_export_from_the_command_line(openmer, model, capsys):
    code, out, _ = openmer(capsys, "export", model, "--out", "small.onnx", "--json")
    assert code == 0
    told = json.loads(out)
    assert told["largest_difference"] <= 1e-4
    assert (openmer.folder / "small.onnx").stat().st_size == told["bytes"]


def test_export_in_8_bit_tells_its_agreement(openmer, corpus, model, capsys, monkeypatch):
    asked = ("export", model, "--out", "int8.onnx", "--int8", "--manifest", corpus[1])
    monkeypatch.setattr("openmer.deployment._quantize._require_agreement", lambda *_: None)
    code, out, _ = openmer(capsys, *asked, "--json")
    told = json.loads(out)
    assert code == 0
    assert (told["int8"], told["kind"]) == (True, "static")
    assert (told["calibrated"], told["compared"], told["on_clips"]) == (6, 6, True)
    assert (openmer.folder / "int8.onnx").stat().st_size == told["bytes"]
    code, out, err = openmer(capsys, *asked)
    changed = 6 - round(6 * told["same_class"])
    assert code == 0
    assert f"Of 6 other clips {told['same_class']:.1%} keep their class" in out.replace("\n", " ")
    assert (f"{changed} of 6 clips have another class" in err) == bool(changed)


def test_seven_words_of_ones_own_need_no_code(openmer, tmp_path, capsys):
    """All four commands of the how-to."""
    words = ("awe", "calm", "envy", "glee", "grief", "pride", "rage")
    manifest = write_clips(tmp_path / "seven", clips=28)
    header, *rows = manifest.read_text().splitlines()
    said = [row.split(",") for row in rows]
    for i, row in enumerate(said):
        row[3] = words[i % 7]
    manifest.write_text("\n".join([header, *map(",".join, said)]))
    told = ("hoof", "--manifest", manifest, "--label-scheme", "as-annotated")
    model = tmp_path / "model"
    for command in (
        ("evaluate", *told, *QUICK),
        ("audit", *told, "--subjects", 1, "--device", "cpu"),
        ("train", *told, "--out", model, "--no-estimate", *QUICK),
    ):
        code, out, err = openmer(capsys, *command)
        assert code == 0, out + err
    assert read_model(model).record.classes == words
    code, out, _ = openmer(capsys, "predict", "--manifest", manifest, "--model", model, "--json")
    found = json.loads(out)["predictions"]
    assert code == 0 and [row["label"] for row in found] == list(words) * 4
    assert all(tuple(row["scores"]) == words for row in found)
