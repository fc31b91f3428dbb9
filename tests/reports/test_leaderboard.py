"""The leaderboard: who may enter, what a record holds, and that it can be computed again."""

import tomllib

import pytest
import tomli_w
from tests.evaluation.made_up_runs import write_run

from openmer.errors import DataError, ProtocolError
from openmer.evaluation import AuditRecord, load_run, write_audit
from openmer.reports import add_record, check_records, leaderboard_page


def audited(folder, **options):
    """A run that was audited on every subject and epoch."""
    folder.mkdir(parents=True)
    write_run(folder, **options)
    record = AuditRecord(
        method="ststnet", title="STSTNet", epoch_rule="fixed", run=folder.name, findings=(),
        subjects=68, subjects_of=68, epochs=1, epochs_of=1, transductive="", openmer="0.1.0",
    )  # fmt: skip
    write_audit(folder, record)
    return folder


def test_a_record_has_the_scores_of_its_run_and_names_nobody(tmp_path):
    run = audited(tmp_path / "run", predictions={"seeds": (0, 1)})
    path = add_record(run, tmp_path / "board")
    assert check_records(tmp_path / "board") == []
    record, summary = tomllib.loads(path.read_text()), load_run(run)[1]
    for name, (value, low, high) in record["scores"].items():
        found = summary.scores[name]
        assert (value, low, high) == pytest.approx((found.value, found.low, found.high), abs=1e-4)
    assert "casme2/" not in path.read_text()
    assert add_record(run, tmp_path / "board") == path


def test_a_number_that_was_changed_is_found(tmp_path):
    path = add_record(audited(tmp_path / "run"), tmp_path)
    path.write_text(path.read_text().replace("clips = 442", "clips = 442 "))
    assert check_records(tmp_path) == []
    value = str(tomllib.loads(path.read_text())["scores"]["uf1"][0])
    path.write_text(path.read_text().replace(value, "0.99"))
    counts, digest = check_records(tmp_path)
    assert path.name in counts and "it was changed" in digest
    path.write_text("counts = 3")
    with pytest.raises(DataError, match=path.name):
        check_records(tmp_path)


@pytest.mark.parametrize("changes", [{}, {"leaky": True, "epoch_rule": "held_out"}])
def test_what_is_leaky_or_not_audited_stands_in_the_other_table(tmp_path, changes):
    write_run(tmp_path, **changes)
    with pytest.raises(ProtocolError, match="--leaky"):
        add_record(tmp_path, tmp_path / "board")
    path = add_record(tmp_path, tmp_path / "board", leaky=True)
    assert check_records(tmp_path / "board") == []
    honest, _, leaky = leaderboard_page(tmp_path / "board").partition("## LEAKY")
    leaky = leaky.partition("## Printed by papers")[0]
    assert "STSTNet" in leaky and "STSTNet" not in honest
    path.rename(path.with_name(path.name.removeprefix("leaky-")))
    assert "among the honest" in check_records(tmp_path / "board")[0]


def test_a_control_is_no_result(tmp_path):
    write_run(tmp_path, shuffled_labels=True)
    with pytest.raises(ProtocolError, match="shuffled"):
        add_record(tmp_path, tmp_path / "board", leaky=True)


def test_the_page_compares_with_the_best_on_the_same_clips(tmp_path):
    add_record(audited(tmp_path / "a", predictions={"skill": 2.0}), tmp_path / "board")
    add_record(audited(tmp_path / "b", predictions={"skill": 1.0}), tmp_path / "board")
    ours, _, printed = leaderboard_page(tmp_path / "board").partition("## Printed by papers")
    first, second = [line for line in ours.splitlines() if "STSTNet" in line]
    assert "| STSTNet | 0.735 |" in printed
    assert " to " in second and " to " not in first


def test_a_pair_that_cannot_be_compared_leaves_its_cell_empty(tmp_path):
    """Records of action units have other rows for the same clips."""
    board = tmp_path / "board"
    for name, skill in (("a", 2.0), ("b", 1.0)):
        path = add_record(audited(tmp_path / name, predictions={"skill": skill}), board)
    record = tomllib.loads(path.read_text())
    record["counts"] = record["counts"][:-1]
    path.write_text(tomli_w.dumps(record))
    page = leaderboard_page(board).partition("## Printed by papers")[0]
    assert page.count("STSTNet") == 2 and " to +" not in page and " to -" not in page


def test_an_epoch_chosen_on_tested_subjects_is_not_honest(tmp_path):
    path = add_record(audited(tmp_path / "run"), tmp_path / "board")
    path.write_text(path.read_text().replace('"fixed"', '"held_out"'))
    assert "among the honest" in check_records(path.parent)[-1]


@pytest.mark.parametrize("cell", [10**9, -1, 1.5, True])
def test_counts_that_no_run_has_are_refused(tmp_path, cell):
    path = add_record(audited(tmp_path / "run"), tmp_path / "board")
    record = tomllib.loads(path.read_text())
    for place in range(5):
        changed = [*record["counts"][0]]
        changed[place] = 2**33 if place < 2 and cell == 10**9 else cell
        path.write_text(tomli_w.dumps({**record, "counts": [changed, *record["counts"][1:]]}))
        with pytest.raises(DataError, match=rf"{path.name} cannot be read as a record"):
            check_records(path.parent)


def test_counts_that_give_no_scores_are_refused_by_the_name_of_the_file(tmp_path):
    path = add_record(audited(tmp_path / "run"), tmp_path / "board")
    record = tomllib.loads(path.read_text())
    record["counts"] = [row for row in record["counts"] if row[2] != 1]
    path.write_text(tomli_w.dumps(record))
    with pytest.raises(DataError, match=rf"{path.name} cannot be read as a record.*undefined"):
        check_records(path.parent)


@pytest.mark.parametrize("key", ["audit", "title", "clips", "classes"])
def test_a_record_of_other_types_is_refused(tmp_path, key):
    path = add_record(audited(tmp_path / "run"), tmp_path / "board")
    record = tomllib.loads(path.read_text())
    path.write_text(tomli_w.dumps({**record, "run": {**record["run"], key: 1.5}}))
    with pytest.raises(DataError, match=rf"{path.name} cannot be read as a record.*{key}"):
        check_records(path.parent)


def test_a_folder_that_is_not_there_is_no_empty_one(tmp_path):
    assert check_records(tmp_path) == []
    with pytest.raises(DataError, match="no folder"):
        check_records(tmp_path / "nowhere")
