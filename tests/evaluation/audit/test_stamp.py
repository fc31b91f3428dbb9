"""The stamp beside a run: what it says, that it is of this run, and that it was not edited."""

import json
import tomllib
from dataclasses import replace

import pytest
import tomli_w
from tests.builders import make_task

import openmer
from openmer import _plugins
from openmer.api._evaluate import Result
from openmer.errors import DataError
from openmer.evaluation import (
    AuditRecord,
    Finding,
    Protocol,
    audit_method,
    audit_sentence,
    cross_validate,
    load_run,
    read_audit,
    read_run_info,
    run_folder,
    write_audit,
)
from openmer.models import builder_of
from openmer.reports import unit_table
from openmer.reports._csv_sheet import render_csv
from openmer.reports._markdown import render_markdown
from openmer.training import Resources


def record(**changes):
    told = {
        "method": "flow-mlp", "title": "MLP", "epoch_rule": "fixed", "run": "abc", "findings": (),
        "subjects": 5, "subjects_of": 5, "epochs": 3, "epochs_of": 3, "transductive": "",
        "openmer": "1",
    }  # fmt: skip
    return AuditRecord(**(told | changes))


def finding(severity):
    return Finding(check="labels", severity=severity, fold="a/1", message="m")


@pytest.mark.parametrize(
    ("changes", "state"),
    [
        ({}, "audited"),
        ({"epochs": 1}, "audited in part (1 of 3 epochs)"),
        ({"subjects": 2}, "audited in part (2 of 5 held-out subjects)"),
        ({"epochs": 1, "subjects": 2}, "audited in part (1 of 3 epochs, 2 of 5 held-out subjects)"),
        ({"findings": (finding("note"),)}, "audited, 1 note"),
        ({"findings": (finding("note"),) * 2}, "audited, 2 notes"),
        ({"findings": (finding("note"), finding("leak"))}, "the audit found leaks: labels"),
        ({"transductive": "the subject's mean"}, "audited, transductive"),
    ],
)
def test_the_state_says_how_much_was_tried_and_what_was_found(changes, state):
    assert record(**changes).state == state


def test_an_audit_comes_back_as_it_was_written(tmp_path):
    folder = tmp_path / "abc"
    assert read_audit(folder) is None
    written = record(findings=(finding("note"),))
    write_audit(folder, written)
    assert read_audit(folder) == written
    told = json.loads((folder / "audit.json").read_text())
    assert len(told["cannot_see"]) >= 5 and told["clean"] is True


@pytest.mark.parametrize("change", [{"epochs": 3}, {"findings": []}, {"clean": True}])
def test_an_edited_audit_is_refused(tmp_path, change):
    folder = tmp_path / "abc"
    write_audit(folder, record(epochs=1, findings=(finding("leak"),)))
    path = folder / "audit.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | change))
    with pytest.raises(DataError, match="not as it was written"):
        read_audit(folder)


def test_an_audit_of_another_run_or_a_broken_one_is_refused(tmp_path):
    write_audit(tmp_path / "other", record())
    with pytest.raises(DataError, match="another run"):
        read_audit(tmp_path / "other")
    for text in ("{}", "no json", "[]"):
        (tmp_path / "other" / "audit.json").write_text(text)
        with pytest.raises(DataError, match="is no audit"):
            read_audit(tmp_path / "other")


@pytest.fixture(name="run", scope="module")
def _run(tmp_path_factory):
    """A finished run that was audited in part."""
    task = make_task()
    out = tmp_path_factory.mktemp("runs")
    resources = Resources(device="cpu", strategy="one_by_one")
    folder = cross_validate(task, Protocol(), out=out, resources=resources)
    made = audit_method(task, Protocol(), resources, subjects=1, epochs=1)
    return folder, made, run_folder(task, Protocol(), out)


def test_an_audit_belongs_to_the_run_of_the_same_question(run):
    folder, made, expected = run
    assert folder == expected and made.run == folder.name
    assert made.state == "audited in part (1 of 3 epochs, 1 of 7 held-out subjects)"


def test_a_plugin_that_has_changed_is_another_question(tmp_path, monkeypatch):
    task = make_task()
    module = builder_of(task.method.model.name).__module__
    runs = [run_folder(task, Protocol(), tmp_path)]
    for code in ("a", "b"):
        monkeypatch.setitem(_plugins._codes, module, code)
        runs.append(run_folder(task, Protocol(), tmp_path))
    assert len(set(runs)) == 3


def test_every_table_says_what_is_proven(run):
    folder, made, _ = run
    (folder / "audit.json").unlink(missing_ok=True)
    assert read_run_info(folder).audit == "not audited"
    assert "Audit: not audited." in render_markdown([load_run(folder)])
    write_audit(folder, made)
    assert "audited in part" in render_markdown([load_run(folder)])
    assert "audited in part" in render_csv([load_run(folder)])


def test_an_edited_record_of_a_run_is_refused(run, tmp_path):
    folder = run[0]
    tables = tomllib.loads((folder / "run.toml").read_text())
    text = (folder / "run.toml").read_text()
    try:
        tables["run"]["seconds"] += 1
        (folder / "run.toml").write_text(tomli_w.dumps(tables))
        with pytest.raises(DataError, match="was edited"):
            read_run_info(folder)
    finally:
        (folder / "run.toml").write_text(text)
    assert read_run_info(folder).epoch_rule == "fixed"


def test_a_transductive_method_is_noted_and_said(run):
    task = make_task()
    told = "the mean of the subject's clips"
    method = task.method.model_copy(update={"transductive": told})
    made = audit_method(
        replace(task, method=method), Protocol(), Resources(device="cpu"), subjects=1, epochs=1
    )
    assert made.transductive == told and made.state.endswith("transductive")


def test_results_and_comparisons_of_the_public_face_say_what_is_proven(run):
    folder, made, _ = run
    (folder / "audit.json").unlink(missing_ok=True)
    bare = Result.read(folder)
    assert bare.audit == "not audited" and "not audited" in repr(bare)
    write_audit(folder, made)
    told = Result.read(folder)
    assert set(told.to_frame().audit) == {made.state} and made.state in told._repr_html_()
    both = openmer.compare(bare, told)
    (row,) = both.to_frame().itertuples()
    assert (row.audit_first, row.audit_second) == (bare.audit, told.audit)
    assert f"first: not audited; second: {made.state}" in repr(both)


def test_a_sentence_names_runs_that_differ():
    assert audit_sentence({"AU1": "audited", "AU2": "audited"}) == "Audit: audited."
    assert audit_sentence({"AU1": "audited", "AU2": "not audited"}) == (
        "Audit: AU1: audited; AU2: not audited."
    )
    table = unit_table("MLP", (), {"AU1": "not audited"})
    assert "Audit: not audited." in table.notes
