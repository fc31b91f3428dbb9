"""The record of a run is read strictly, and a leak cannot be written as honest."""

import pytest
import tomli_w
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.builders import make_task

from openmer.errors import DataError
from openmer.evaluation import Protocol, cross_validate, load_run, read_run_info
from openmer.training import Resources

RUN = {
    "method": "ststnet",
    "title": "STSTNet",
    "epoch_rule": "fixed",
    "leaky": False,
    "classes": ["negative", "positive", "surprise"],
    "clips": 442,
    "subjects": 68,
    "seeds": [0, 1],
    "parameters": 1670,
    "seconds": 12,
    "device": "cpu",
    "strategy": "side by side",
}


@pytest.fixture
def finished(tmp_path):
    """The folder of a finished run of a support vector machine."""
    one = Resources(device="cpu", strategy="one_by_one")
    return cross_validate(make_task("flow-svm"), Protocol(), out=tmp_path, resources=one)


def write(folder, run, **tables):
    (folder / "run.toml").write_text(tomli_w.dumps({"run": run, **tables}), encoding="utf-8")
    return folder


def test_a_record_is_read(tmp_path):
    tables = {"method": {"name": "ststnet"}, "data": {"hash": "5f"}, "versions": {"numpy": "2"}}
    info = read_run_info(write(tmp_path, {**RUN, "command": "openmer", "later": 1}, **tables))
    assert (info.title, info.seeds, info.seconds) == ("STSTNet", (0, 1), 12.0)
    assert info.classes == ("negative", "positive", "surprise")
    assert (info.method_table, info.data, info.versions) == tuple(tables.values())
    assert info.command == "openmer"
    assert read_run_info(write(tmp_path, RUN)).command == ""


@pytest.mark.parametrize("key", RUN)
def test_a_missing_key_is_named(key, tmp_path):
    run = {name: value for name, value in RUN.items() if name != key}
    with pytest.raises(DataError, match=rf"run\.toml: \[run\] The key '{key}' is missing"):
        read_run_info(write(tmp_path, run))


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("method", 3, "expected a text"),
        ("leaky", "no", "expected true or false"),
        ("clips", True, "expected a whole number"),
        ("parameters", -1, "at least 0"),
        ("seconds", -0.5, "expected a number at least 0"),
        ("seconds", float("nan"), "expected a number"),
        ("classes", [], "expected a list, each value a text not empty"),
        ("seeds", [True], "seeds.0 is True, expected a whole number"),
        ("seeds", [], "no seed is finished"),
        ("epoch_rule", "best", "expected one of 'fixed', 'inner', 'held_out'"),
        ("epoch_rule", "held_out", "set leaky = true"),
        ("seen_subjects", ["samm/006"], "names 1 seen_subjects.*set leaky = true"),
    ],
)
def test_a_wrong_value_is_named(key, value, message, tmp_path):
    with pytest.raises(DataError, match=message):
        read_run_info(write(tmp_path, {**RUN, key: value}))


def test_clips_that_failed_are_read_strictly(tmp_path):
    failure = {"clip": "smic/s1/a", "step": "align", "reason": "No face."}
    run = {**RUN, "lost_subjects": ["smic/s1"]}
    info = read_run_info(write(tmp_path, run, failures=[failure], source={"kind": "corpus"}))
    assert (info.failures, info.lost_subjects) == ((failure,), ("smic/s1",))
    assert (info.asked, info.source) == (443, {"kind": "corpus"})
    plain = read_run_info(write(tmp_path, {**RUN, "lost_subjects": []}))
    assert (plain.failures, plain.lost_subjects, plain.asked) == ((), (), 442)
    for wrong in ([{"clip": "a"}], "none", [{**failure, "step": 3}]):
        with pytest.raises(DataError, match=r"\[\[failures\]\]"):
            read_run_info(write(tmp_path, RUN, failures=wrong))


def test_a_folder_without_a_record_says_so(tmp_path):
    with pytest.raises(DataError, match=r"There is no .*run\.toml"):
        read_run_info(tmp_path)
    (tmp_path / "run.toml").write_text("[run", encoding="utf-8")
    with pytest.raises(DataError, match="is not TOML"):
        read_run_info(tmp_path)
    (tmp_path / "run.toml").write_text("run = 3", encoding="utf-8")
    with pytest.raises(DataError, match=r"no table \[run\]"):
        read_run_info(tmp_path)


@given(place=st.floats(0, 1, exclude_max=True), bit=st.integers(0, 7))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=40)
def test_a_changed_bit_of_a_fold_is_noticed(finished, place, bit):
    files = sorted(finished.glob("folds/**/*.parquet"))
    path = files[int(place * len(files))]
    before = path.read_bytes()
    at = int(place * 997 * len(before)) % len(before)
    changed = bytearray(before)
    changed[at] ^= 1 << bit
    path.write_bytes(changed)
    try:
        with pytest.raises(DataError, match=rf"{path.name} is not the file that was written"):
            load_run(finished)
    finally:
        path.write_bytes(before)
    load_run(finished)


def test_a_lost_or_foreign_fold_is_noticed(finished):
    path = sorted(finished.glob("folds/**/*.parquet"))[0]
    copy = path.with_name("other.parquet")
    copy.write_bytes(path.read_bytes())
    with pytest.raises(DataError, match=r"other\.parquet is not the file"):
        load_run(finished)
    copy.unlink()
    path.unlink()
    with pytest.raises(DataError, match=f"{path.name} is not the file"):
        load_run(finished)
