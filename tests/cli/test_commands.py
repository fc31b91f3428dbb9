"""The command line as a user and as a program meet it: output, exit codes, one clear message."""

import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from tests.forked import Forked

from openmer.models import create_model, save_weights

QUICK = ("--set", "training.epochs=2", "--workers", "1", "--compiled", "never", "--device", "cpu")


@pytest.fixture(scope="module")
def manifest(tmp_path_factory):
    """Twelve flow images of four subjects over two corpora that share a subject id."""
    folder = tmp_path_factory.mktemp("flow")
    rng = np.random.default_rng(0)
    rows = ["corpus,subject,clip,label,flow_path"]
    for i in range(12):
        corpus, subject = ("smic", "casme2")[i % 2], f"s{i % 4 // 2}"
        name = f"{corpus}_{subject}_{i}.png"
        Image.fromarray(rng.integers(0, 255, (28, 28, 3), dtype=np.uint8)).save(folder / name)
        rows.append(f"{corpus},{subject},c{i},{('negative', 'positive', 'surprise')[i % 3]},{name}")
    (folder / "samples.csv").write_text("\n".join(rows))
    return folder / "samples.csv"


def test_evaluate_prints_one_json_object(openmer, manifest):
    code, out, _ = openmer(
        "evaluate", "ststnet", "--manifest", manifest, "--seeds", 2, "--json", *QUICK
    )
    assert code == 0
    found = json.loads(out)
    assert {
        "method", "epoch_rule", "leaky", "clips", "subjects", "seeds", "uf1", "uar", "accuracy",
        "interval", "parts", "per_class", "confusion", "parameters", "seconds", "run",
    } <= set(found)  # fmt: skip
    assert (found["method"], found["epoch_rule"], found["leaky"]) == ("ststnet", "fixed", False)
    assert (found["clips"], found["subjects"], found["seeds"]) == (12, 4, [0, 1])
    assert set(found["parts"]) == {"smic", "casme2"}
    assert found["parameters"] == 1683
    assert len(found["interval"]["uf1"]) == 2
    assert np.sum(found["confusion"]) == 24
    assert Path(found["run"], "report.html").is_file()


def test_latency_prints_a_table_and_writes_it(openmer, tmp_path):
    code, out, err = openmer("latency", "ststnet", "--rounds", 1, "--out", "t.md")
    assert code == 0 and "ststnet" in out and "3x28x28" in out
    text = (tmp_path / "t.md").read_text(encoding="utf-8")
    assert "| ststnet | 3x28x28 | 0.00 M |" in text and "ONNX Runtime" in text and "Load" in text
    assert "Table: t.md" in err
    code, out, _ = openmer("latency", "ststnet", "--rounds", 1, "--json")
    (record,) = json.loads(out)
    assert record["parameters"] == 1683 and record["median_ms"]["PyTorch, 1"] > 0


@pytest.mark.parametrize("rule", ["fixed", "inner", "held_out"])
def test_every_rule_runs_and_only_one_is_marked_leaky(openmer, manifest, rule):
    code, out, _ = openmer(
        "evaluate", "flow-mlp", "--manifest", manifest, "--epoch-rule", rule, *QUICK
    )
    assert code == 0
    assert ("LEAKY" in out) == (rule == "held_out")
    code, out, _ = openmer("report", "runs", "--out", "page")
    assert code == 0
    page = Path("page/report.md").read_text()
    assert ("leaky" in page.lower()) == (rule == "held_out")


def test_a_control_with_shuffled_labels_says_so(openmer, manifest):
    code, out, _ = openmer("evaluate", "flow-svm", "--manifest", manifest, "--shuffle-labels", 1)
    assert code == 0
    assert "shuffled labels" in out


def test_audit_passes_the_honest_and_fails_the_leaky_rule(openmer, fresh_process, manifest):
    options = ("--json", "--epochs", 2, "--subjects", 2)
    code, out, _ = openmer("audit", "flow-mlp", "--manifest", manifest, *options)
    assert (code, json.loads(out)["clean"], json.loads(out)["findings"]) == (0, True, [])
    code, out, _ = openmer(
        "audit", "flow-mlp", "--manifest", manifest, "--epoch-rule", "held_out", "--json",
        "--subjects", 1, "--epochs", 2,
    )  # fmt: skip
    assert (code, json.loads(out)["clean"]) == (1, False)
    assert json.loads(out)["findings"][0]["severity"] == "leak"


def test_a_tested_subject_in_the_pretraining_is_a_leak_wherever_it_is_judged(openmer, manifest):
    state = create_model("flow_mlp").state_dict()
    save_weights(Path("seen.safetensors"), state, {"subjects": {"named": ["smic/s0", "smic/s9"]}})
    options = ("flow-mlp", "--manifest", manifest, "--set", "model.weights=seen.safetensors")
    code, out, _ = openmer("audit", *options, "--json", "--epochs", 1, "--subjects", 1)
    (finding,) = json.loads(out)["findings"]
    assert (code, finding["severity"], finding["fold"]) == (1, "leak", "smic/s0")
    assert "smic/s0" in finding["message"] and "seen.safetensors" in finding["message"]
    code, out, err = openmer("evaluate", *options, *QUICK)
    assert code == 0
    told = " ".join(err.split())
    assert "LEAKY: pictures of 1 of 4 tested subjects, smic/s0 for one, made the weights" in told
    assert "LEAKY" in out
    code, out, _ = openmer("evaluate", *options, *QUICK, "--json")
    assert (json.loads(out)["leaky"], json.loads(out)["seen_subjects"]) == (True, ["smic/s0"])


def test_methods_are_listed_and_shown(openmer):
    code, out, _ = openmer("methods", "--json")
    assert code == 0
    assert {"ststnet", "flow-svm"} <= {row["name"] for row in json.loads(out)}
    code, out, _ = openmer("methods", "show", "ststnet")
    assert code == 0
    Path("mine.toml").write_text(out.replace('name = "ststnet"', 'name = "mine"', 1))
    assert "[training]" in out


def test_help_and_version(openmer):
    assert openmer("--help")[0] == 0
    code, out, _ = openmer("--version")
    assert (code, out.split()[0]) == (0, "openmer")


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (("evaluate", "stsnet"), 2, "Did you mean 'ststnet'"),
        (("evaluate", "ststnet", "--set", "training.epoch=3"), 2, "training.epochs"),
        (("evaluate", "ststnet", "--epoch-rule", "best"), 2, "held_out"),
        (("evaluate", "ststnet", "--seeds", "0"), 2, "seeds"),
        (("audit", "ststnett"), 2, "Did you mean 'ststnet'"),
        (("evaluate", "ststnet", "--set", "training.learning_rate=inf"), 2, "is inf, expected"),
        (("evaluate", "ststnet", "--out", __file__), 3, "test_commands.py is no folder"),
        (("audit", "ststnet", "--out", f"{__file__}/x"), 3, "test_commands.py is no folder"),
        (("evaluate", "ststnet", "--out", "n" * 300), 3, "more than 255 bytes"),
        (("audit", "ststnet", "--predictions", "p.csv"), 2, "Found METHOD, which belongs to"),
        (("audit", "ststnet", "--claim", "uf1=1"), 2, "Give --predictions FILE, too"),
    ],
)
def test_a_wrong_name_or_option(openmer, manifest, arguments, code, message):
    found, _, err = openmer(*arguments, "--manifest", manifest)
    assert found == code
    assert message in err
    assert not Path("runs").exists()


def edited(manifest, folder, change):
    """A copy of the manifest with changed rows, beside links to the same images."""
    lines = manifest.read_text().splitlines()
    for image in manifest.parent.glob("*.png"):
        (folder / image.name).write_bytes(image.read_bytes())
    (folder / "edited.csv").write_text("\n".join([lines[0], *change(lines[1:])]))
    return folder / "edited.csv"


@pytest.mark.parametrize(
    ("change", "code", "message"),
    [
        (lambda rows: [row for row in rows if "smic,s0" in row], 4, "two subjects or more"),
        (lambda rows: [row for row in rows if "surprise" not in row], 4, "class surprise"),
        (lambda rows: [row.replace("surprise", "joyful") for row in rows], 3, "joyful"),
        (lambda rows: [row.replace(".png", ".jpg") for row in rows], 3, ".jpg"),
        (lambda rows: [*rows, rows[0]], 3, "c0"),
        (lambda rows: [], 3, "edited.csv"),
    ],
    ids=["one subject", "a class missing", "odd label", "missing image", "twice", "empty"],
)
def test_unsound_data_is_one_clear_error(openmer, manifest, tmp_path, change, code, message):
    path = edited(manifest, tmp_path, change)
    found, _, err = openmer("evaluate", "ststnet", "--manifest", path, *QUICK)
    assert found == code
    assert message in err.replace("\n", " ")
    assert "Traceback" not in err


def test_a_corrupt_image_is_named_by_its_path(openmer, manifest, tmp_path):
    path = edited(manifest, tmp_path, list)
    (tmp_path / "smic_s0_0.png").write_bytes(b"not an image")
    stop = ("--on-failure", "error")
    code, _, err = openmer("evaluate", "ststnet", "--manifest", path, *stop, *QUICK)
    assert code == 3
    assert "smic_s0_0.png" in err
    assert not Path("runs").exists()
    code, out, err = openmer("evaluate", "ststnet", "--manifest", path, "--json", *QUICK)
    assert code == 0
    assert "1 of 12 clips could not be prepared" in err
    assert "smic_s0_0.png" in err
    assert (json.loads(out)["clips"], json.loads(out)["asked"]) == (11, 12)


def test_a_missing_manifest_and_a_folder_without_runs(openmer):
    code, _, err = openmer("evaluate", "ststnet", "--manifest", "nowhere.csv")
    assert code == 3 and "nowhere.csv" in err
    code, _, err = openmer("report", "empty")
    assert code == 3 and "no run" in err


def folds_of(run):
    return {path.relative_to(run): path.read_bytes() for path in run.glob("**/s*/**/*.parquet")}


EVALUATE = (
    "evaluate", "ststnet", "--set", "training.epochs=150", "--compiled", "never", "--device", "cpu",
)  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize(("kill", "workers"), [(signal.SIGINT, "1"), (signal.SIGKILL, "2")])
def test_stopped_at_any_moment_it_goes_on_to_the_same_bytes(
    openmer, manifest, tmp_path, kill, workers
):
    """A real process, stopped in the middle of its folds; the same command, or with one worker."""
    given = (*EVALUATE, "--manifest", str(manifest))
    openmer(*given, "--workers", "1", "--out", "whole")
    cut = Forked([*given, "--workers", "2", "--out", "cut"], tmp_path)
    deadline = time.monotonic() + 120
    while not list(tmp_path.glob("cut/**/*.parquet")) and time.monotonic() < deadline:
        time.sleep(0.02)
    cut.send(kill)
    ended = cut.wait(timeout=120)
    kept = {p.name: p.read_bytes() for p in tmp_path.glob("cut/**/*.parquet")}
    assert 1 <= len(kept) < 4
    if kill == signal.SIGINT:
        assert ended.returncode == 130
        assert "run the same command to go on" in ended.stderr
    code, _, err = openmer(*given, "--workers", workers, "--out", "cut")
    assert code == 0, err
    folds = folds_of(tmp_path / "whole")
    assert len(folds) == 4 and folds_of(tmp_path / "cut") == folds


@pytest.mark.slow
def test_workers_end_with_a_killed_parent_even_while_they_start(manifest, tmp_path):
    """Their end of the pipe closes: nobody is left, at work or waiting for it."""
    command = [
        sys.executable, "-c", "from openmer.cli import main; main()", "evaluate", "ststnet",
        "--manifest", str(manifest), "--set", "training.epochs=100000", "--workers", "2",
        "--compiled", "never", "--device", "cpu", "--out", str(tmp_path),
    ]  # fmt: skip
    killed = subprocess.Popen(command, stderr=subprocess.PIPE)
    workers = Path(f"/proc/{killed.pid}/task/{killed.pid}/children")
    deadline = time.monotonic() + 120
    while len(workers.read_text().split()) < 2 and time.monotonic() < deadline:
        time.sleep(0.02)
    killed.kill()
    killed.communicate(timeout=120)


def test_a_port_that_cannot_be_is_refused(openmer, tmp_path):
    code, _, err = openmer("review", tmp_path, "--port", "70000")
    assert code == 2 and "65535" in err
