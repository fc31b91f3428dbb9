"""Action units: present or absent, scored per unit and pooled."""

from dataclasses import replace

import numpy as np
import pytest
from tests.builders import make_clip

from openmer.clip import Prediction
from openmer.datasets import label_scheme, labelled
from openmer.errors import ConfigError, ProtocolError
from openmer.evaluation import (
    CD6ME_UNITS,
    PredictionTable,
    Protocol,
    evaluate_units,
    score_units,
    units_of,
)
from openmer.methods import load_method


def coded(*codings):
    return [
        make_clip(subject=f"s{i % 4}", name=f"c{i}", action_units=text)
        for i, text in enumerate(codings)
    ]


def table(truth, predicted):
    """Predictions of two subjects in turn."""
    records = [
        Prediction(
            clip=f"a/s{i % 2}/c{i}", corpus="a", subject_id=f"a/s{i % 2}", truth=true, seed=0,
            epoch=0, scores=(1.0 - said, float(said)),
        )
        for i, (true, said) in enumerate(zip(truth, predicted, strict=True))
    ]  # fmt: skip
    return PredictionTable.from_predictions(records, ("absent", "present"))


def test_a_unit_is_a_label_scheme_of_two_classes():
    scheme = label_scheme("au:12")
    clips = coded("12", "L12+4", "4", "?", "12 or 15", "0", "2+1")
    kept, targets = labelled(clips, scheme)
    assert scheme.classes == ("absent", "present")
    assert targets == (1, 1, 0, 1, 0, 0)
    assert clips[3] not in kept
    assert load_method("flow-svm", ["label_scheme=au:12"]).scheme == scheme
    for wrong in ("au:", "au:x", "au:0", "au:100"):
        with pytest.raises(ConfigError, match="as in au:4"):
            label_scheme(wrong)


def test_units_are_those_that_enough_clips_show_and_do_not_show():
    clips = coded("1+2", "1", "4", "?", "1+4", "1+5")
    assert units_of(clips, 1) == (1, 2, 4, 5)
    assert units_of(clips, 2) == (4,)
    with pytest.raises(ProtocolError, match="No action unit"):
        units_of(clips, 4)


def test_scores_are_those_that_one_counts_by_hand():
    tables = {1: table([1, 1, 0, 0], [1, 0, 0, 0]), 4: table([1, 0, 0, 0], [1, 1, 0, 0])}
    one, four, mean = score_units(tables, draws=50)
    assert (one.unit, one.present, one.clips) == (1, 2, 4)
    assert one.f1_present.value == pytest.approx(2 / 3)
    assert one.f1_macro.value == pytest.approx((2 / 3 + 4 / 5) / 2)
    assert four.f1_present.value == pytest.approx(2 / 3)
    assert mean.unit == 0
    for name in ("f1_present", "f1_macro"):
        values = [getattr(found, name).value for found in (one, four)]
        assert getattr(mean, name).value == pytest.approx(np.mean(values))
        estimate = getattr(mean, name)
        assert 0 <= estimate.low <= estimate.value <= estimate.high <= 1
    assert one.auc == pytest.approx(0.75)
    assert score_units(tables, draws=50) == (one, four, mean)


def test_a_unit_that_few_clips_show_has_a_high_macro_f1_and_a_low_one_of_present():
    never = table([1] + [0] * 19, [0] * 20)
    (rare, _) = score_units({1: never}, draws=10)
    assert rare.f1_present.value == 0
    assert rare.f1_macro.value == pytest.approx(38 / 39 / 2)


def test_runs_on_other_clips_are_not_pooled():
    with pytest.raises(ProtocolError, match="2 different lists"):
        score_units({1: table([1, 0], [1, 0]), 2: table([1, 0, 0], [1, 0, 0])})


def test_no_unit_is_an_error(tmp_path):
    with pytest.raises(ConfigError, match="expected numbers"):
        evaluate_units(load_method("flow-svm"), coded("1"), (), Protocol(), out=tmp_path)


def test_cd6me_has_its_twelve_units():
    assert len(CD6ME_UNITS) == 12
    assert replace(make_clip(), action_units="").action_units == ""
