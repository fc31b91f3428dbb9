"""``openmer search`` and searches inside the folds, as a user meets them."""

import json
import signal
import sqlite3
import time
import tomllib
from contextlib import closing, suppress
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from tests.forked import Forked

QUICK = ("--set", "training.epochs=2", "--workers", "1", "--compiled", "never", "--device", "cpu")
SEARCH = """
[search]
inner_folds = 2
[search.space]
training.batch_size = [4, 8]
training.learning_rate = [1e-3, 1e-2]
"""


@pytest.fixture(scope="module")
def manifest(tmp_path_factory):
    """Twelve flow images of four subjects."""
    folder = tmp_path_factory.mktemp("flow")
    rng = np.random.default_rng(0)
    rows = ["corpus,subject,clip,label,flow_path"]
    for i in range(12):
        Image.fromarray(rng.integers(0, 255, (28, 28, 3), dtype=np.uint8)).save(folder / f"{i}.png")
        rows.append(f"smic,s{i % 4},c{i},{('negative', 'positive', 'surprise')[i % 3]},{i}.png")
    (folder / "samples.csv").write_text("\n".join(rows))
    (folder / "search.toml").write_text(SEARCH)
    return folder / "samples.csv"


def given(manifest):
    return ("--manifest", manifest, "--search", manifest.parent / "search.toml", *QUICK)


def test_a_nested_search_is_judged_and_audited(openmer, manifest):
    code, out, err = openmer("evaluate", "flow-mlp", *given(manifest), "--json")
    assert code == 0, err
    told = json.loads(out)
    assert told["leaky"] is False
    record = tomllib.loads(Path(told["run"], "run.toml").read_text())
    assert record["search"]["searches"] == 4
    assert Path(told["run"], "search", "history.csv").read_text().count("\n") == 1 + 4 * 4
    quick = ("--subjects", "1", "--epochs", "2", "--device", "cpu")
    search = ("--search", manifest.parent / "search.toml")
    code, out, _ = openmer("audit", "flow-mlp", "--manifest", manifest, *search, *quick)
    assert code == 0 and "clean" in out


def test_what_everybody_chose_can_be_trained_but_not_reported(openmer, manifest):
    code, out, err = openmer("search", "flow-mlp", *given(manifest), "--out", "best.toml")
    assert code == 0, err
    assert "the best of 4 trials on 12 clips of 4 subjects: too good for an estimate" in " ".join(
        out.split()
    )
    clips = ("--manifest", manifest)
    code, _, err = openmer("evaluate", "best.toml", *clips, "--workers", "1")
    assert code == 4
    assert "smic/s0 for one, chose the settings" in err and "[search]" in err
    code, out, _ = openmer("audit", "best.toml", *clips, "--subjects", "1", "--json")
    assert code == 1
    found = json.loads(out)["findings"]
    assert {finding["fold"] for finding in found} == {f"smic/s{i}" for i in range(4)}
    code, _, err = openmer("train", "best.toml", *clips, "--out", "model", "--workers", "1")
    assert code == 4 and "--no-estimate" in err
    train = ("train", "best.toml", *clips, "--out", "model", "--no-estimate", "--workers", "1")
    assert openmer(*train)[0] == 0


def test_train_searches_on_everybody_and_estimates_the_search(openmer, manifest):
    code, out, err = openmer("train", "flow-mlp", *given(manifest), "--out", "model", "--json")
    assert code == 0, err
    assert json.loads(out)["estimate"]["subjects"] == 4
    method = tomllib.loads(Path("model/method.toml").read_text())
    assert "search" not in method
    assert method["searched"]["clips"] == 12
    size = method["searched"]["settings"]["training.batch_size"]
    assert method["training"]["batch_size"] == size


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (("--out", "best.toml"), 2, "has no [search]"),
        (("--out", "best.txt", "--set", 'search.space={"training.epochs"=[1,2]}'), 2, ".toml"),
        (("--out", "best.toml", "--search", "nowhere.toml"), 2, "There is no search file"),
    ],
)
def test_a_search_that_cannot_begin_says_why(openmer, manifest, arguments, code, message):
    found, _, err = openmer("search", "flow-mlp", "--manifest", manifest, *arguments)
    assert found == code and message in err


def test_a_file_that_no_search_wrote_is_never_replaced(openmer, manifest, tmp_path):
    (tmp_path / "mine.toml").write_text('name = "mine"\n')
    code, _, err = openmer("search", "flow-mlp", *given(manifest), "--out", "mine.toml")
    assert code == 3 and "mine.toml does not say that OpenMER wrote it" in err


@pytest.mark.slow
def test_killed_in_the_middle_of_a_search_it_goes_on_to_the_same_bytes(openmer, manifest, tmp_path):
    """A real process, killed between two trials; then the same command again."""
    command = ("evaluate", "flow-mlp", *given(manifest), "--set", "training.epochs=40", "--out")
    cut = Forked([*command, "cut"], tmp_path)
    deadline = time.monotonic() + 300
    while _finished(tmp_path / "cut") < 3 and time.monotonic() < deadline:
        time.sleep(0.05)
    cut.send(signal.SIGKILL)
    cut.wait()
    kept = _finished(tmp_path / "cut")
    assert 3 <= kept < 16
    assert openmer(*command, "cut")[0] == openmer(*command, "whole")[0] == 0
    assert _finished(tmp_path / "cut") == 16
    for kind in ("parquet", "json"):
        runs = [
            {
                p.relative_to(tmp_path / run): p.read_bytes()
                for p in tmp_path.glob(f"{run}/**/*.{kind}")
            }
            for run in ("cut", "whole")
        ]
        assert runs[0] == runs[1] and runs[0]


def _finished(out):
    """Finished trials in the storage of the only run."""
    for path in out.glob("flow-mlp/*/search/trials.db"):
        with suppress(sqlite3.OperationalError), closing(sqlite3.connect(path)) as storage:
            (count,) = storage.execute("select count(*) from trials where state = 'COMPLETE'")
            return count[0]
    return 0


def test_a_storage_without_a_search_is_refused_before_the_work(openmer, tmp_path):
    words = ("--manifest", tmp_path / "none.csv", "--storage", "sqlite:///trials.db")
    code, _, err = openmer("evaluate", "flow-svm", *words)
    assert code == 2
    assert "'flow-svm' searches nothing" in err and not (tmp_path / "trials.db").exists()
