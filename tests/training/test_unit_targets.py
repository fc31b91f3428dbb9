"""Several action units as outputs of one network, alone and beside classes."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from tests.builders import make_data, make_jobs, make_spec, make_subjects

from openmer.training import ActionUnitConfig, FitJob, InnerConfig, Validation, fit_groups
from openmer.training._loop import fit
from openmer.training._parallel import RunPlan
from openmer.training._single import SingleLearner
from openmer.training._stacked import StackedLearner
from openmer.training._targets import best_thresholds, loss_weights, unit_losses

UNITS = ActionUnitConfig(units=(1, 4), balanced=True)


def data_with_units(classes=3, clips=24):
    data = make_data(clips=clips)
    units = np.zeros((clips, 2), np.float32)
    units[:, 0], units[::4, 1] = data.targets > 0, 1
    units[3] = np.nan
    targets = data.targets if classes else np.zeros_like(data.targets)
    return replace(data, units=units, num_classes=classes, targets=targets)


def spec_of(data, config=UNITS, **training):
    return make_spec(data=data, **training).model_copy(update={"units": config})


def test_the_loss_of_units_by_hand():
    logits = torch.logit(torch.tensor([[0.8, 0.5], [0.2, 0.5]]))
    targets = torch.tensor([[1.0, 0.0], [0.0, math.nan]])
    weights = torch.tensor([[1.0, 3.0], [2.0, 1.0]])
    plain = unit_losses(logits, targets, weights, ActionUnitConfig(units=(1, 4)))
    by_hand = [(2 * -math.log(0.8) + 3 * math.log(2)) / 2, -math.log(0.8)]
    assert plain.tolist() == pytest.approx(by_hand, rel=1e-5)
    focal = unit_losses(logits, targets, torch.ones(2, 2), ActionUnitConfig(units=(1, 4), gamma=2))
    assert focal[1].item() == pytest.approx(0.2**2 * -math.log(0.8), rel=1e-5)
    nobody = unit_losses(logits, torch.full((2, 2), math.nan), weights, UNITS)
    assert nobody.tolist() == [0, 0]


def test_balanced_weights_count_the_folds_own_known_clips():
    data = data_with_units()
    train = tuple(range(12))
    weights = loss_weights(spec_of(data), data, train).units
    known = data.units[:12][~np.isnan(data.units[:12]).any(axis=1)]
    for unit in range(2):
        present = int((known[:, unit] > 0).sum())
        counts = (len(known) - present, present)
        assert weights[:, unit].tolist() == pytest.approx([len(known) / 2 / n for n in counts])
    other = replace(data, units=data.units.copy())
    other.units[12:] = 1 - other.units[12:]
    assert torch.equal(weights, loss_weights(spec_of(other), other, train).units)


@pytest.mark.parametrize("classes", [0, 3])
def test_a_stack_learns_what_each_model_learns_alone(classes):
    data = data_with_units(classes)
    spec = spec_of(data, flip_probability=0.5)
    jobs = make_jobs(make_subjects(), validation=lambda test: Validation(clips=test, score="uar"))
    stacked = fit(jobs, StackedLearner(spec, data, device="cpu"), spec.training, data, spec.units)
    single = SingleLearner(spec, data, device="cpu", compiled=False)
    for job, together in zip(jobs, stacked, strict=True):
        (alone,) = fit([job], single, spec.training, data, spec.units)
        assert together.scores.shape == (len(job.predict), classes + 2)
        assert together.scores == pytest.approx(alone.scores, abs=1e-5)
        assert together.thresholds == pytest.approx(alone.thresholds, abs=1e-4)
        assert together.losses == pytest.approx(alone.losses, rel=1e-4)
        if classes:
            assert together.scores[:, :classes].sum(axis=1) == pytest.approx(1, abs=1e-5)


def test_units_are_learned_and_classes_beside_them():
    data = data_with_units()
    spec = spec_of(data, epochs=30)
    job = FitJob(subject_id="demo/s", seed=0, train=tuple(range(20)), predict=tuple(range(20, 24)))
    learner = SingleLearner(spec, data, device="cpu", compiled=False)
    (result,) = fit([job], learner, spec.training, data, spec.units)
    assert (result.scores[:, :3].argmax(axis=1) == data.targets[20:]).all()
    assert ((result.scores[:, 3] > 0.5) == (data.units[20:, 0] > 0)).all()
    assert result.thresholds.tolist() == [0.5, 0.5]


def test_thresholds_of_a_retrained_fold_are_those_of_its_inner_subjects():
    data = data_with_units()
    spec = spec_of(data, epochs=3, inner=InnerConfig(retrain=True))
    rows = tuple(range(20))
    whole = FitJob(subject_id="demo/s", seed=0, train=rows, predict=(20, 21))
    seen = Validation(clips=rows[12:], score="loss")
    job = replace(whole, train=rows[:12], validation=seen, whole=whole)
    plan = RunPlan(device="cpu", strategy="one_by_one")
    ((_, result),) = fit_groups([(spec, [job])], data, plan)
    ((_, first),) = fit_groups([(spec, [replace(job, whole=None)])], data, plan)
    assert result.thresholds.tolist() == first.thresholds.tolist()
    assert result.weights_sha256 != first.weights_sha256


@given(
    st.lists(st.tuples(st.integers(1, 99), st.booleans()), min_size=2, max_size=20).filter(
        lambda pairs: len({said for _, said in pairs}) == 2
    )
)
def test_no_threshold_has_a_better_f1_than_the_chosen_one(pairs):
    scores = np.array([[level / 100] for level, _ in pairs], np.float32)
    truth = np.array([[said] for _, said in pairs], np.float32)
    (chosen,) = best_thresholds(scores, truth, ActionUnitConfig(units=(1,)))

    def f1(threshold):
        said, present = scores[:, 0] >= threshold, truth[:, 0] > 0
        return 2 * (said & present).sum() / (said.sum() + present.sum())

    assert f1(chosen) == pytest.approx(max(f1(level / 200) for level in range(200)))
