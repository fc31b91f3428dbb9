"""Predictions survive the disk, in any order, with the same bytes; broken ones are named."""

import dataclasses

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from tests.evaluation.made_up_runs import CLASSES, make_prediction, make_predictions

from openmer.errors import DataError
from openmer.evaluation import PredictionTable, read_predictions, read_run, write_predictions
from openmer.evaluation._predictions import require_same_clips

FEW = {"casme2": (3, (6, 5, 4)), "samm": (2, (4, 3, 3))}


def few(**options):
    return make_predictions(corpora=FEW, **options)


def assert_same(first: PredictionTable, second: PredictionTable) -> None:
    for field in dataclasses.fields(PredictionTable):
        ours, theirs = getattr(first, field.name), getattr(second, field.name)
        assert np.array_equal(ours, theirs), field.name


def write_folds(folder, predictions):
    for seed in {record.seed for record in predictions}:
        for subject_id in {record.subject_id for record in predictions}:
            rows = [r for r in predictions if (r.seed, r.subject_id) == (seed, subject_id)]
            write_predictions(folder / f"folds/seed{seed}/{subject_id}.parquet", rows, CLASSES)


def test_a_table_is_sorted_and_speaks_like_its_records():
    records = few(seeds=(3, 1))
    table = PredictionTable.from_predictions(records, CLASSES)
    expected = sorted(records, key=lambda record: (record.seed, record.clip))
    assert table.clips == tuple(record.clip for record in expected)
    assert table.predicted.tolist() == [record.predicted for record in expected]
    assert (table.seeds, len(table)) == ((1, 3), len(records))
    with pytest.raises(ValueError, match="read-only"):
        table.truth[0] = 1


def test_ties_go_to_the_first_class_as_in_a_record():
    record = make_prediction(scores=(0.1, 0.45, 0.45))
    table = PredictionTable.from_predictions([record], CLASSES)
    assert table.predicted.tolist() == [record.predicted] == [1]


def test_what_is_written_is_read(tmp_path):
    path = tmp_path / "new" / "fold.parquet"
    write_predictions(path, few(), CLASSES)
    assert_same(read_predictions(path), PredictionTable.from_predictions(few(), CLASSES))
    assert pq.ParquetFile(path).read().column_names == [
        *("clip", "corpus", "subject_id", "truth"),
        *("score_negative", "score_positive", "score_surprise", "seed", "epoch"),
    ]
    assert [file.name for file in path.parent.iterdir()] == ["fold.parquet"]


def test_same_predictions_same_bytes_in_any_order(tmp_path):
    write_predictions(tmp_path / "a", few(), CLASSES)
    write_predictions(tmp_path / "b", reversed(few()), CLASSES)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_a_run_is_all_its_folds(tmp_path):
    records = few(seeds=(0, 1))
    write_folds(tmp_path, records)
    (tmp_path / "folds/seed0/.x.parquet.1.tmp").write_text("a kill left this")
    assert_same(read_run(tmp_path), PredictionTable.from_predictions(records, CLASSES))
    only = [record for record in records if record.seed == 1]
    assert_same(read_run(tmp_path, seeds=[1]), PredictionTable.from_predictions(only, CLASSES))


def test_a_run_that_cannot_be_read_says_why(tmp_path):
    with pytest.raises(DataError, match="holds no predictions"):
        read_run(tmp_path)
    write_folds(tmp_path, few())
    with pytest.raises(DataError, match="no predictions"):
        read_run(tmp_path, seeds=[7])
    extra = tmp_path / "folds/seed0/z.parquet"
    write_predictions(extra, few()[:1], CLASSES)
    with pytest.raises(DataError, match="predicted twice for seed 0"):
        read_run(tmp_path)
    write_predictions(extra, [make_prediction(clip="new")], CLASSES[::-1])
    with pytest.raises(DataError, match=r"z\.parquet has the classes surprise"):
        read_run(tmp_path)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"scores": (0.1, float("nan"), 0.2)}, r"EP02_01f \(seed 0\) has the scores .*nan"),
        ({"scores": (0.1, float("inf"), 0.2)}, "expected finite"),
        ({"scores": (0.1, 0.2)}, "has 2 scores; expected 3"),
        ({"truth": 3}, "class index 3; expected 0..2"),
    ],
)
def test_wrong_records_are_refused_by_name(changes, message, tmp_path):
    with pytest.raises(DataError, match=message):
        write_predictions(tmp_path / "fold", [make_prediction(**changes)], CLASSES)
    assert list(tmp_path.iterdir()) == []


def test_no_or_double_predictions_are_refused():
    with pytest.raises(DataError, match="no predictions"):
        PredictionTable.from_predictions([], CLASSES)
    with pytest.raises(DataError, match="twice"):
        PredictionTable.from_predictions([make_prediction(), make_prediction()], CLASSES)


def test_broken_files_are_named(tmp_path):
    path = tmp_path / "fold.parquet"
    with pytest.raises(DataError, match=r"no file of predictions .*fold\.parquet"):
        read_predictions(path)
    write_predictions(path, few(), CLASSES)
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(DataError, match=r"fold\.parquet cannot be read"):
        read_predictions(path)


@pytest.mark.parametrize(
    ("column", "values", "message"),
    [
        ("epoch", None, "column epoch is missing"),
        ("seed", [None, 1], "empty cells in the column seed"),
        ("truth", ["anger", "anger"], "true class 'anger'"),
        ("score_a", [float("nan"), 0.0], "expected finite"),
    ],
)
def test_files_that_are_no_predictions_are_named(column, values, message, tmp_path):
    columns = {name: ["a", "b"] for name in ("clip", "corpus", "subject_id")}
    columns |= {"truth": ["a", "b"], "score_a": [0.1, 0.2], "score_b": [0.3, 0.1]}
    columns |= {"seed": [0, 0], "epoch": [1, 1]}
    columns.pop(column)
    if values is not None:
        columns[column] = values
    path = tmp_path / "odd.parquet"
    pq.write_table(pa.table(columns), path)
    with pytest.raises(DataError, match=message) as error:
        read_predictions(path)
    assert "odd.parquet" in str(error.value)


def test_a_failed_write_leaves_the_old_file(tmp_path, monkeypatch):
    path = tmp_path / "fold.parquet"
    write_predictions(path, few(), CLASSES)
    before = path.read_bytes()

    def full_disk(_):
        raise OSError("no space")

    monkeypatch.setattr("os.fsync", full_disk)
    with pytest.raises(DataError, match="no space"):
        write_predictions(path, few(seeds=(5,)), CLASSES)
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


def test_seeds_must_speak_of_the_same_clips():
    records = few(seeds=(0, 1))
    require_same_clips(PredictionTable.from_predictions(records, CLASSES))
    with pytest.raises(DataError, match="Seed 1 lacks 1 of 25 clips"):
        require_same_clips(PredictionTable.from_predictions(records[:-1], CLASSES))
    last = dataclasses.replace(records[-1], truth=(records[-1].truth + 1) % 3)
    with pytest.raises(DataError, match="different data"):
        require_same_clips(PredictionTable.from_predictions([*records[:-1], last], CLASSES))
