"""A summary says the same as its predictions, seed by seed and part by part."""

import json

import numpy as np
import pytest
from tests.evaluation.made_up_runs import CLASSES, COMPOSITE, make_predictions, make_table

from openmer.errors import DataError, ProtocolError
from openmer.evaluation import PredictionTable, summarise
from openmer.evaluation import _metrics as metrics


def test_a_summary_is_that_of_its_predictions():
    table = make_table(seeds=(0, 1, 2))
    found = summarise(table, CLASSES, draws=100)
    by_seed = [
        metrics.pooled_scores(
            table.truth[table.seed == seed], table.predicted[table.seed == seed], num_classes=3
        )
        for seed in (0, 1, 2)
    ]
    assert [scores.uf1 for scores in found.per_seed] == [scores.uf1 for scores in by_seed]
    assert found.uf1 == pytest.approx(np.mean([scores.uf1 for scores in by_seed]))
    assert found.spread["uar"].sd == pytest.approx(np.std([s.uar for s in by_seed], ddof=1))
    assert found.spread["uar"].minimum == min(scores.uar for scores in by_seed)
    assert (found.clips, found.subjects, found.seeds) == (442, 68, (0, 1, 2))
    assert np.sum(found.confusion) == 3 * 442
    assert np.sum(found.confusion_mean) == pytest.approx(442)
    assert found.uf1 == pytest.approx(np.mean([scores.f1 for scores in found.per_class]))
    assert found.uar == pytest.approx(np.mean([scores.recall for scores in found.per_class]))
    assert [scores.support for scores in found.per_class] == [250, 109, 83]
    assert found.interval.uf1.low < found.uf1 < found.interval.uf1.high


def test_parts_come_from_the_same_predictions():
    table = make_table()
    found = summarise(table, CLASSES, draws=100)
    assert list(found.parts) == ["casme2", "samm", "smic"]
    for corpus, part in found.parts.items():
        rows = np.array(table.corpora) == corpus
        expected = metrics.pooled_scores(table.truth[rows], table.predicted[rows], num_classes=3)
        assert (part.uf1, part.uar) == pytest.approx((expected.uf1, expected.uar))
        assert (part.subjects, part.clips) == (COMPOSITE[corpus][0], sum(COMPOSITE[corpus][1]))
        assert part.interval.uf1.low < part.uf1 < part.interval.uf1.high


def test_subjects_add_up_to_the_accuracy():
    found = summarise(make_table(seeds=(0, 1)), CLASSES, draws=10)
    assert len(found.by_subject) == 68
    assert sum(subject_id.clips for subject_id in found.by_subject) == 442
    right = sum(subject_id.correct for subject_id in found.by_subject)
    assert right / 442 == pytest.approx(found.accuracy)


def test_a_part_without_a_class_skips_it_and_the_whole_does_not():
    corpora = {"a": (4, (9, 9, 9)), "b": (1, (4, 4))}
    found = summarise(make_table(corpora=corpora), CLASSES, draws=50)
    assert found.parts["b"].skipped == ("surprise",)
    assert found.parts["b"].interval is None
    assert found.to_json()["parts"]["b"]["interval"] == {"uf1": None, "uar": None, "accuracy": None}
    with pytest.raises(ProtocolError, match="No clip is surprise"):
        summarise(make_table(corpora={"b": (3, (4, 4))}), CLASSES)


def test_one_seed_has_no_spread():
    spread = summarise(make_table(), CLASSES, draws=10).spread["uf1"]
    assert spread.sd is None
    assert spread.minimum == spread.mean == spread.maximum


def test_json_has_the_keys_of_the_command_line():
    found = json.loads(json.dumps(summarise(make_table(seeds=(0, 1)), CLASSES).to_json()))
    assert list(found) == [
        *("uf1", "uar", "accuracy", "interval", "spread", "parts", "per_class", "confusion"),
        *("clips", "subjects", "seeds"),
    ]
    low, high = found["interval"]["uf1"]
    assert low < found["uf1"] < high
    assert set(found["spread"]["uf1"]) == {"mean", "sd", "minimum", "maximum"}
    assert {"uf1", "uar", "accuracy"} <= set(found["parts"]["smic"])
    assert set(found["per_class"]) == set(CLASSES)
    assert found["seeds"] == [0, 1]


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
