"""A summary says the same as its predictions, seed by seed and part by part."""

import csv
import io
import json

import numpy as np
import pytest
from rich.console import Console
from tests.evaluation.made_up_runs import CLASSES, COMPOSITE, make_predictions, make_run, make_table

from openmer.errors import DataError, ProtocolError
from openmer.evaluation import (
    METRICS,
    PredictionTable,
    accuracy,
    confusion_matrix,
    list_metrics,
    register_metric,
    summarise,
    uar,
    uf1,
)
from openmer.reports._csv_sheet import render_csv
from openmer.reports._html import render_html
from openmer.reports._latex import render_latex
from openmer.reports._markdown import render_markdown
from openmer.reports._terminal import render_terminal


def counts_of(truth, predicted):
    return confusion_matrix(truth, predicted, num_classes=3)


def test_a_summary_is_that_of_its_predictions():
    table = make_table(seeds=(0, 1, 2))
    found = summarise(table, CLASSES, draws=100)
    by_seed = [
        counts_of(table.truth[table.seed == seed], table.predicted[table.seed == seed])
        for seed in (0, 1, 2)
    ]
    assert [scores["uf1"] for scores in found.per_seed] == [uf1(counts) for counts in by_seed]
    assert found.uf1 == pytest.approx(np.mean([uf1(counts) for counts in by_seed]))
    assert found.scores["uar"].sd == pytest.approx(np.std([uar(c) for c in by_seed], ddof=1))
    assert list(found.scores) == [metric.name for metric in list_metrics()]
    assert (found.clips, found.subjects, found.seeds) == (442, 68, (0, 1, 2))
    assert np.sum(found.confusion) == 3 * 442
    assert np.sum(found.confusion_mean) == pytest.approx(442)
    assert found.uf1 == pytest.approx(np.mean([scores.f1 for scores in found.per_class]))
    assert found.scores["uar"].value == pytest.approx(
        np.mean([scores.recall for scores in found.per_class])
    )
    assert [scores.support for scores in found.per_class] == [250, 109, 83]
    assert found.scores["uf1"].low < found.uf1 < found.scores["uf1"].high


def test_parts_come_from_the_same_predictions():
    table = make_table()
    found = summarise(table, CLASSES, draws=100)
    assert list(found.parts) == ["casme2", "samm", "smic"]
    for corpus, part in found.parts.items():
        rows = np.array(table.corpora) == corpus
        counts = counts_of(table.truth[rows], table.predicted[rows])
        assert part.uf1 == pytest.approx(float(uf1(counts)))
        assert part.scores["uar"].value == pytest.approx(float(uar(counts)))
        assert np.array_equal(part.confusion, counts)
        assert (part.subjects, part.clips) == (COMPOSITE[corpus][0], sum(COMPOSITE[corpus][1]))
        assert part.scores["uf1"].low < part.uf1 < part.scores["uf1"].high


def test_subjects_add_up_to_the_accuracy():
    found = summarise(make_table(seeds=(0, 1)), CLASSES, draws=10)
    assert len(found.by_subject) == 68
    assert sum(subject_id.clips for subject_id in found.by_subject) == 442
    right = sum(subject_id.correct for subject_id in found.by_subject)
    assert right / 442 == pytest.approx(found.scores["accuracy"].value)


def test_a_part_without_a_class_skips_it_and_the_whole_does_not():
    corpora = {"a": (4, (9, 9, 9)), "b": (1, (4, 4))}
    found = summarise(make_table(corpora=corpora), CLASSES, draws=50)
    assert found.parts["b"].skipped == ("surprise",)
    assert {one.low for one in found.parts["b"].scores.values()} == {None}
    assert set(found.to_json()["parts"]["b"]["interval"].values()) == {None}
    assert [one.name for one in found.parts["b"].per_class] == ["negative", "positive"]
    with pytest.raises(ProtocolError, match="No clip is surprise"):
        summarise(make_table(corpora={"b": (3, (4, 4))}), CLASSES)


def test_json_has_the_keys_of_the_command_line():
    found = json.loads(json.dumps(summarise(make_table(seeds=(0, 1)), CLASSES).to_json()))
    names = [metric.name for metric in list_metrics()]
    assert list(found) == [
        *names,
        *("interval", "sd", "per_class", "confusion", "clips", "subjects", "skipped"),
        *("seeds", "parts"),
    ]
    for name in names:
        low, high = found["interval"][name]
        assert low < found[name] < high
        assert found["sd"][name] > 0
    assert set(names) <= set(found["parts"]["smic"])
    assert np.sum(found["parts"]["smic"]["confusion"]) == 2 * 164
    assert set(found["per_class"]) == set(CLASSES)
    assert set(found["per_class"]["positive"]) == {"precision", "recall", "f1", "support"}
    assert found["seeds"] == [0, 1]


def test_what_is_not_defined_is_null_in_json():
    corpora = {"a": (4, (9, 9, 9)), "b": (1, (4,))}
    found = json.loads(json.dumps(summarise(make_table(corpora=corpora), CLASSES).to_json()))
    assert found["parts"]["b"]["auc"] is None


def test_a_metric_of_ones_own_is_everywhere():
    @register_metric("error_rate", "Error rate")
    def error_rate(counts):
        return 1 - accuracy(counts)

    try:
        run = make_run(predictions={"seeds": (0, 1)})
        found = run[1].scores["error_rate"]
        assert found.value == pytest.approx(1 - run[1].scores["accuracy"].value)
        assert found.low < found.value < found.high
        assert found.sd is not None
        assert "error_rate" in run[1].parts["smic"].scores
        assert run[1].to_json()["error_rate"] == found.value
        text = f"{found.value:.3f}"
        for render in (render_html, render_markdown, render_latex):
            shown = render([run])
            assert "Error rate" in shown
            assert text in shown
        console = Console(width=100, file=io.StringIO())
        console.print(render_terminal([run]))
        assert "Error" in console.file.getvalue()
        assert text in console.file.getvalue()
        (full, *_) = csv.DictReader(io.StringIO(render_csv([run])))
        assert float(full["error_rate"]) == pytest.approx(found.value, abs=1e-6)
        assert full["error_rate_low"] and full["error_rate_sd"]
    finally:
        del METRICS["error_rate"]


def test_the_same_predictions_make_the_same_summary():
    records = make_predictions(seeds=(0, 1))
    first, second = (
        summarise(PredictionTable.from_predictions(rows, CLASSES), CLASSES)
        for rows in (records, records[::-1])
    )
    assert first == second


def test_classes_and_seeds_must_fit():
    with pytest.raises(DataError, match="mixes two runs"):
        summarise(make_table(), CLASSES[::-1])
    table = PredictionTable.from_predictions(make_predictions(seeds=(0, 1))[:-3], CLASSES)
    with pytest.raises(DataError, match="lacks 3 of 442"):
        summarise(table, CLASSES)
