"""Differences that the prose of a paper prints: all known, beside ours, paired by subject."""

import numpy as np
import pytest
from tests.evaluation.made_up_runs import write_run

from openmer.errors import DataError
from openmer.evaluation import METRICS, compare_runs, load_run, read_run, score_differences
from openmer.reproduction import difference_tables, load_study
from openmer.reproduction._differences import printed_differences
from openmer.reproduction._run_study import StudyResult


@pytest.mark.parametrize("printed", printed_differences(), ids=str)
def test_each_is_of_two_rows_of_its_study_and_of_a_part_and_a_metric(printed):
    study = load_study(printed.study)
    labels = {row.label.partition(":")[0] for row in study.rows}
    assert {printed.first, printed.second} <= labels
    assert printed.part in study.shown_parts and printed.score in METRICS
    assert printed.score in study.scores and 0 < abs(printed.difference) < 0.2


def test_all_that_the_prose_prints_are_there():
    assert len(printed_differences()) == 38


def test_a_study_has_a_line_for_each_beside_ours(tmp_path):
    study = load_study("rrmfnet-pt/neck")
    results = []
    for row, folder in zip(study.rows, ("one", "two"), strict=True):
        path = write_run(tmp_path / folder)
        results.append(StudyResult(row=row, honest=load_run(path), folder=path))
    (table,) = difference_tables(study, results)
    assert [line[:4] for line in table.rows] == [
        ("D - C", "SAMM", "UF1", "+0.0918"), ("D - C", "SAMM", "UAR", "+0.1109"),
    ]  # fmt: skip
    assert all(line[4].startswith("+0.000") for line in table.rows), "the runs are the same"
    (empty,) = difference_tables(study, [StudyResult(row=row) for row in study.rows])
    assert {line[4] for line in empty.rows} == {"-"}
    assert difference_tables(load_study("efficient-me/depth"), []) == []


def test_the_difference_of_uf1_is_that_of_two_compared_runs(tmp_path):
    first = read_run(write_run(tmp_path / "a"))
    worse = np.roll(first.scores, 1, axis=1)
    second = type(first)(
        **{name: getattr(first, name) for name in first.__dataclass_fields__} | {"scores": worse}
    )
    found, known = score_differences(first, second)["uf1"], compare_runs(first, second)
    assert found.value == pytest.approx(known.difference)
    assert (found.low, found.high) == pytest.approx((known.interval.low, known.interval.high))
    back = score_differences(second, first)["uf1"]
    assert (back.value, back.low) == pytest.approx((-found.value, -found.high))


def test_of_one_corpus_only_its_clips_count(tmp_path):
    table = read_run(write_run(tmp_path / "a"))
    corpus = table.corpora[0]
    own = table.of_corpus(corpus)
    assert set(own.corpora) == {corpus} and 0 < len(own) < len(table)
    assert score_differences(table, table, corpus=corpus)["uar"].value == 0
    with pytest.raises(DataError, match="No prediction is of corpus nowhere"):
        table.of_corpus("nowhere")
