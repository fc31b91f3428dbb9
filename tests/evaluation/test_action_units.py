"""Action units: present or absent, scored per unit and pooled."""

from dataclasses import replace

import numpy as np
import pytest
from tests.builders import make_clip, make_data, make_task

from openmer.clip import Prediction
from openmer.datasets import label_scheme, labelled, unit_targets, units_of
from openmer.errors import ConfigError, DataError, ProtocolError
from openmer.evaluation import (
    CD6ME_UNITS,
    PredictionTable,
    Protocol,
    above_threshold,
    cross_validate,
    evaluate_units,
    levels_of,
    package_trainer,
    read_run,
    read_units,
    run_audit,
    score_units,
    score_units_by_corpus,
)
from openmer.evaluation._unit_predictions import intensity_agreement
from openmer.methods import load_method
from openmer.reports import unit_corpora_table
from openmer.training import Resources
from openmer.training._targets import best_thresholds


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


def test_a_corpus_by_itself_and_the_mean_over_corpora():
    """Four clips of "a" are all right, four of "b" all wrong: each counts alike."""
    right, wrong = table([1, 0, 1, 0], [1, 0, 1, 0]), table([1, 0, 1, 0], [0, 1, 0, 1])
    both = [
        replace(one, clips=tuple(f"{name}{clip}" for clip in one.clips), corpora=(name,) * 4)
        for name, one in (("a", right), ("b", wrong))
    ]
    joined = replace(
        both[0],
        **{field: getattr(both[0], field) + getattr(both[1], field)
           for field in ("clips", "corpora", "subjects")},
        **{field: np.concatenate([getattr(one, field) for one in both])
           for field in ("truth", "scores", "seed", "epoch")},
    )  # fmt: skip
    found = score_units_by_corpus({1: joined})
    assert [(name, own.f1_present.value) for name, own in found.items()] == [("a", 1), ("b", 0)]
    rows = unit_corpora_table("A method", found).rows
    assert rows[-1] == ("mean", "", "0.500", "0.500")


def test_runs_on_other_clips_are_not_pooled():
    with pytest.raises(ProtocolError, match="2 different lists"):
        score_units({1: table([1, 0], [1, 0]), 2: table([1, 0, 0], [1, 0, 0])})


def test_no_unit_is_an_error(tmp_path):
    with pytest.raises(ConfigError, match="expected numbers"):
        evaluate_units(load_method("flow-svm"), coded("1"), (), Protocol(), out=tmp_path)


def test_cd6me_has_its_twelve_units():
    assert len(CD6ME_UNITS) == 12
    assert replace(make_clip(), action_units="").action_units == ""


def units_task(task, *overrides):
    """A network on random maps whose corner says the class, and with it the units."""
    data = make_data(flipped=True)
    units = np.stack([data.targets > 0, data.targets == 2], axis=1).astype(np.float32)
    units[5] = np.nan
    classes = {"num_classes": 0, "targets": np.zeros_like(data.targets)}
    data = replace(data, units=units, **(classes if task == "action_units" else {}))
    return make_task(overrides=(f"task={task}", "action_units.units=[1, 4]", *overrides), data=data)


@pytest.mark.parametrize("task", ["action_units", "both"])
def test_one_network_learns_all_units_and_none_sees_its_subject(task, tmp_path):
    ready = units_task(task, "training.epochs=40", "training.learning_rate=0.01")
    resources = Resources(device="cpu", strategy="one_by_one", compiled="never")
    folder = cross_validate(ready, Protocol(), out=tmp_path, resources=resources)
    tables = read_units({1: folder, 4: folder})
    assert {len(table) for table in tables.values()} == {23}
    assert not any("AU" in clip for table in tables.values() for clip in table.clips)
    *_, mean = score_units(tables, draws=50)
    assert mean.auc > 0.8
    run = read_run(folder)
    assert run.classes == (
        ("absent", "present") if task == "action_units" else ready.scheme.classes
    )
    assert len(run) == (46 if task == "action_units" else 24)
    leaks = run_audit(ready, package_trainer(ready, resources), subjects=1, fresh=False)
    assert [finding for finding in leaks if finding.severity == "leak"] == []


def test_thresholds_chosen_on_the_tested_subject_are_a_leak():
    ready = units_task("action_units")
    resources = Resources(device="cpu", strategy="one_by_one", compiled="never")
    honest, config = package_trainer(ready, resources), ready.method.action_units

    def leaky(data, jobs):
        return [
            replace(
                one,
                thresholds=best_thresholds(one.scores, data.units[list(one.job.predict)], config),
            )
            for one in honest(data, jobs)
        ]

    found = run_audit(ready, leaky, subjects=1, fresh=False)
    assert any("thresholds" in one.message for one in found if one.severity == "leak")


def test_the_threshold_of_a_unit_becomes_one_half():
    moved = above_threshold(np.array([[0.2, 0.3, 0.9]]), np.array([0.2, 0.5, 0.99]))
    assert moved[0] == pytest.approx([0.5, 0.3, 0.9 * 0.01 / (0.9 * 0.01 + 0.1 * 0.99)])
    assert above_threshold(moved, 1 - np.array([0.2, 0.5, 0.99]))[0] == pytest.approx(
        [0.2, 0.3, 0.9]
    )


def test_agreement_of_levels_is_icc_3_1():
    """Two raters who differ by a constant agree; the numbers of a table are worked out by hand."""
    assert intensity_agreement([0, 1, 3, 5], [1, 2, 4, 6]) == pytest.approx(1)
    assert intensity_agreement([0, 2, 4], [0, 4, 2]) == pytest.approx(0.5)
    assert intensity_agreement([0, 5], [5, 0]) == pytest.approx(-1)
    assert intensity_agreement([1], [1]) is None


def test_levels_are_those_that_somebody_annotated():
    clips = coded("12A+4", "12E", "0", "?")
    assert levels_of(clips, (4, 12)) == {
        4: {clips[1].key: 0.0, clips[2].key: 0.0},
        12: {clips[0].key: 1.0, clips[1].key: 5.0, clips[2].key: 0.0},
    }
    found = unit_targets(clips, (4, 12))
    assert found[:3].tolist() == [[1, 1], [0, 1], [0, 0]]
    assert np.isnan(found[3]).all()


def test_what_learns_one_problem_at_a_time_says_so():
    with pytest.raises(ConfigError, match="one model per unit"):
        load_method("flow-svm", ["task=action_units"])
    with pytest.raises(ConfigError, match="one model per unit"):
        load_method("mobilevit-svm", ["task=both"])


def test_the_units_of_a_method_are_found_among_the_clips():
    method = load_method("flow-mlp", ["task=both", "action_units.minimum=2"])
    clips = [replace(c, emotion="happiness") for c in coded("1+4", "1", "4", "0", "?")]
    assert method.with_classes_of(clips).action_units.units == (1, 4)
    assert load_method("flow-mlp").with_classes_of(clips).action_units.units == ()


def unleveled_task(task):
    """Clips of which some show a unit without its level, one of them alone of its subject."""
    texts = {0: "4+7", 1: "4B+7C", 2: "7A", 23: "4+7"}
    base = units_task(task, "action_units.intensity=true", "training.epochs=1",
                      "training.learning_rate=0.01")  # fmt: skip
    clips = tuple(replace(c, action_units=texts.get(i, "4B+7" if i % 3 else "0"))
                  for i, c in enumerate(base.clips))  # fmt: skip
    units = unit_targets(clips, (1, 4), intensity=True)
    return replace(base, clips=clips, data=replace(base.data, units=units),
                   present=unit_targets(clips, (1, 4)))  # fmt: skip


@pytest.mark.parametrize("task", ["action_units", "both"])
def test_a_unit_without_a_level_is_scored_as_present(task, tmp_path):
    ready = unleveled_task(task)
    assert np.isnan(ready.data.units).any()
    resources = Resources(device="cpu", strategy="one_by_one", compiled="never")
    folder = cross_validate(ready, Protocol(), out=tmp_path, resources=resources)
    tables = read_units({1: folder, 4: folder})
    assert {len(one) for one in tables.values()} == {24}
    _, four, _ = score_units(tables, levels=levels_of(ready.clips, (1, 4)), draws=20)
    assert four.present == int((ready.present[:, 1] == 1).sum())
    assert four.icc is not None


def test_the_mean_agreement_is_over_units_that_have_one():
    tables = {1: table([1, 0, 1, 0], [1, 0, 0, 0]), 4: table([1, 0, 1, 0], [1, 0, 0, 0])}
    levels = dict(zip(tables[4].clips, (3.0, 0.0, 2.0, 0.0), strict=True))
    one, four, mean = score_units(tables, levels={1: {}, 4: levels}, draws=10)
    assert one.icc is None and four.icc is not None and mean.icc == four.icc
    assert score_units(tables, levels={1: {}, 4: {}}, draws=10)[-1].icc is None


def test_predictions_of_units_have_digests_and_a_lost_fold_is_repeated(tmp_path):
    ready = units_task("both", "training.epochs=1", "training.learning_rate=0.01")
    resources = Resources(device="cpu", strategy="one_by_one", compiled="never")
    folder = cross_validate(ready, Protocol(), out=tmp_path, resources=resources)
    path = min((folder / "action_units").glob("folds/**/*.parquet"))
    content = path.read_bytes()
    for broken in (lambda: path.write_bytes(content[:-9]), path.unlink):
        broken()
        with pytest.raises(DataError, match=f"action_units.*{path.name} is not the file"):
            read_units({1: folder})
    cross_validate(ready, Protocol(), out=tmp_path, resources=resources)
    assert path.read_bytes() == content and read_units({1: folder})
