"""A model knows how sure it is, says nothing where that is too little, and one comes along."""

import json
import re
import shutil
import sys
from dataclasses import replace
from importlib import resources

import numpy as np
import pytest
from tests.builders import make_data, make_subjects, make_task
from tests.deployment.image_set import write_clips

from openmer.cli._app import main
from openmer.deployment import (
    calibration_from_run,
    default_model,
    estimate_from_run,
    read_model,
    train_model,
    write_model,
)
from openmer.errors import DataError, ProtocolError
from openmer.evaluation import Protocol, calibrate, cross_validate, probabilities_at, read_run
from openmer.training import Resources

ALONE = Resources(strategy="one_by_one")
METHODS = ("flow-mlp", "flow-svm")


@pytest.fixture(scope="module", params=METHODS)
def task(request):
    data = replace(make_data(clips=18), targets=np.repeat(np.arange(3), 6))
    return make_task(request.param, data=data, subjects=make_subjects(18)[::-1])


@pytest.fixture(scope="module")
def run(task, tmp_path_factory):
    protocol = Protocol(seeds=(0, 1))
    return cross_validate(task, protocol, out=tmp_path_factory.mktemp("runs"), resources=ALONE)


@pytest.fixture(scope="module")
def model(task, run):
    return train_model(
        task,
        estimate=estimate_from_run(run, task, "fixed"),
        calibration=calibration_from_run(run, task, "fixed"),
    )


def with_threshold(model, confidence):
    calibration = model.record.calibration.model_copy(update={"abstain_below": confidence})
    return model.record.model_copy(update={"calibration": calibration})


def test_the_calibration_is_that_of_the_run(task, run, model):
    found = model.record.calibration
    expected, _ = calibrate(read_run(run), "svm" if task.method.name == "flow-svm" else "network")
    assert found.temperature == expected.temperature
    assert (found.before.ece, found.after.nll) == (expected.before.ece, expected.after.nll)
    assert (found.clips, found.subjects, found.seeds) == (18, len(task.folds), (0, 1))
    assert found.run == model.record.estimate.run


def test_probabilities_are_the_scores_over_the_temperature(task, model):
    inputs = task.data.inputs
    found = model.probabilities(inputs)
    scores = model.scores(inputs).astype(np.float64)
    logits = scores if model.record.kind == "svm" else np.log(scores)
    assert found.shape == (18, 3)
    assert np.allclose(found.sum(axis=1), 1)
    assert np.allclose(found, probabilities_at(logits, model.record.calibration.temperature))
    assert np.array_equal(found.argmax(axis=1), scores.argmax(axis=1))
    decided = [model.record.decide(row).probabilities for row in scores.tolist()]
    assert np.allclose(decided, found)


def test_it_says_nothing_below_the_threshold(task, model):
    scores = model.scores(task.data.inputs[:1])[0].tolist()
    confidence = model.record.decide(scores).confidence
    winner = model.record.classes[int(np.argmax(scores))]
    unsure = with_threshold(model, min(1.0, confidence + 1e-9)).decide(scores)
    assert (unsure.class_name, unsure.likeliest) == (None, winner)
    assert f"{confidence:.3f} is below" in unsure.reason
    sure = with_threshold(model, confidence).decide(scores)
    assert (sure.class_name, sure.confidence, sure.reason) == (winner, confidence, "")


def test_it_is_stored_and_told(model, tmp_path):
    written = write_model(tmp_path / "model", model)
    assert read_model(tmp_path / "model").record == written.record
    temperature = f"{model.record.calibration.temperature:.4g}"
    assert f"/ {temperature})" in model.record.meaning
    card = (tmp_path / "model" / "card.md").read_text()
    assert f"temperature {model.record.calibration.temperature:.3f}" in card
    assert "informed consent" in card


def test_a_folder_of_before_there_was_calibration_is_read(model, tmp_path):
    write_model(tmp_path / "model", model)
    path = tmp_path / "model" / "model.json"
    record = json.loads(path.read_text())
    del record["calibration"], record["note"]
    path.write_text(json.dumps(record))
    old = read_model(tmp_path / "model")
    assert old.record.calibration is None
    assert old.record.meaning.endswith("not calibrated")
    decision = old.record.decide((0.2, 0.7, 0.1))
    assert (decision.class_name, decision.confidence) == ("positive", None)
    assert (decision.probabilities, "not calibrated" in decision.reason) == ((), True)
    with pytest.raises(DataError, match=r"not calibrated.*Train it again with an estimate"):
        old.probabilities(np.zeros((1, *old.record.input_shape), np.float32))


def test_a_run_that_is_no_honest_estimate_calibrates_nothing(task, tmp_path):
    for protocol, why in (
        (Protocol(epoch_rule="held_out"), "is leaky"),
        (Protocol(label_permutation=1), "shuffled labels"),
    ):
        run = cross_validate(task, protocol, out=tmp_path, resources=ALONE)
        with pytest.raises(ProtocolError, match=why):
            calibration_from_run(run, task, "fixed")


@pytest.fixture(scope="module")
def default():
    return default_model()


def test_the_default_model_gives_calibrated_probabilities(default):
    rng = np.random.default_rng(0)
    inputs = rng.normal(0, 1, (5, 3, 28, 28)).astype(np.float32)
    assert default.record.input_shape == (3, 28, 28)
    scores, found = default.scores(inputs), default.probabilities(inputs)
    assert scores.shape == found.shape == (5, 3)
    assert np.allclose(found.sum(axis=1), 1)
    assert np.allclose(scores.sum(axis=1), 1, atol=1e-6)
    assert (found.argmax(axis=1) == scores.argmax(axis=1)).all()


def test_the_default_model_says_how_far_to_trust_it(default):
    record = default.record
    assert record.classes == ("negative", "positive", "surprise")
    assert {name: count.clips for name, count in record.trained_on.corpora.items()} == {
        "casme2": 145,
        "samm": 133,
        "smic": 164,
    }
    assert (record.estimate.clips, record.estimate.subjects) == (442, 68)
    found = record.estimate.scores["uf1"]
    assert 0.7 < found.value < 0.76 and found.low < found.value < found.high
    found = record.calibration
    assert found.after.nll < found.before.nll and found.after.ece < found.before.ece
    assert 0.5 <= found.abstain_below < 1
    assert (found.clips, found.subjects) == (442, 68)
    assert (found.held_out, found.target, len(found.class_temperatures)) == ("corpus", 0.9, 3)


def test_the_default_model_holds_no_clip_no_subject_and_no_place(default):
    folder = resources.files("openmer.weights") / "default-model"
    files = {path.name: path.read_bytes() for path in folder.iterdir()}
    assert set(files) == {"card.md", "method.toml", "model.json", "model.safetensors"}
    assert sum(map(len, files.values())) < 1_000_000
    header = files["model.safetensors"].split(b"}}")[0].decode("ascii", "ignore")
    texts = [
        header,
        *(files[name].decode() for name in sorted(files) if name != "model.safetensors"),
    ]
    for text in texts:
        assert not re.search(r"sub\d|EP\d|\bs\d\d?\b|\d{3}_\d|\.png|\.\./|(?<![\w.<])/\w", text)
    source = default.record.trained_on.source
    assert set(source) <= {"kind", "manifest", "title", "sha256", "clips", "subjects"}
    assert all(442 not in value.shape for value in default.state.values())


def test_the_card_of_the_default_model_says_what_it_is_not_for():
    card = (resources.files("openmer.weights") / "default-model" / "card.md").read_text("utf-8")
    for words in (
        "SMIC, CASME II and SAMM", "authors of STSTNet", "licensed for research", "UF1 0.7",
        "three classes only", "laborator", "nobody has measured", "informed consent",
        "covert use", "decisions about people", "temperatures", "five groups", "Answers from",
    ):  # fmt: skip
        assert words in card


def predicted(capsys, *arguments):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", ["openmer", "predict", *map(str, arguments)])
        capsys.readouterr()
        try:
            main()
            code = 0
        except SystemExit as exit_:
            code = exit_.code or 0
    captured = capsys.readouterr()
    return code, captured.out, captured.err


def test_predict_without_a_model_takes_the_default_one(tmp_path, capsys, default):
    clip = write_clips(tmp_path / "clips", clips=1).parent / "c0"
    code, out, err = predicted(capsys, clip, "--json")
    told = json.loads(out)
    assert (code, told["method"]) == (0, "flow-kernel-compact")
    assert told["weights_sha256"] == default.record.weights_sha256
    assert told["calibration"]["temperature"] == default.record.calibration.temperature
    (found,) = told["predictions"]
    assert found["confidence"] == max(found["probabilities"].values())
    assert sum(found["probabilities"].values()) == pytest.approx(1)
    assert "comes with OpenMER" in err


def test_predict_says_that_it_is_not_sure_and_why(tmp_path, capsys, default):
    folder = tmp_path / "model"
    write_model(folder, replace(default, record=with_threshold(default, 1.0)))
    clip = write_clips(tmp_path / "clips", clips=1).parent / "c0"
    code, out, err = predicted(capsys, clip, "--model", folder)
    assert code == 0
    assert "not sure" in out and "calibrated confidence" in out
    assert "Not sure of 1 of 1: the confidence is below 1" in err
    _, out, _ = predicted(capsys, clip, "--model", folder, "--json")
    (found,) = json.loads(out)["predictions"]
    assert found["class"] is None
    assert found["likeliest"] in default.record.classes
    assert "is below 1" in found["reason"]
    shutil.rmtree(folder)
    write_model(folder, replace(default, record=with_threshold(default, 0.0)))
    _, out, err = predicted(capsys, clip, "--model", folder, "--json")
    (found,) = json.loads(out)["predictions"]
    assert (found["class"], found["reason"]) == (found["likeliest"], "")
    assert "Not sure" not in err
