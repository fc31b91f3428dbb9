"""The schedule ``plateau``: the step size falls when a score rises no more, per model."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.builders import make_data, make_jobs, make_spec, make_subjects

from openmer.training import NetworkTraining, Plateau, Stage, Validation
from openmer.training._loop import fit
from openmer.training._single import SingleLearner
from openmer.training._stacked import StackedLearner

STAGE = Stage(
    epochs=10, learning_rate=0.02, schedule="plateau", plateau_patience=2, plateau_factor=0.5
)


def falls(scores, stage=STAGE):
    plateau = Plateau()
    return [plateau.follow(score, stage) for score in scores], plateau.rate


def test_it_falls_after_its_patience_and_waits_anew():
    fallen, rate = falls([1, 2, 2, 1, 2, 2, 3, 3])
    assert fallen == [False, False, False, True, False, True, False, False]
    assert rate == 0.25


@given(st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=40, unique=True))
def test_a_rising_score_never_slows_down(scores):
    assert falls(sorted(scores)) == ([False] * len(scores), 1.0)


@given(st.lists(st.integers(0, 3), max_size=40))
def test_it_cannot_fall_more_often_than_its_patience_allows(scores):
    fallen, rate = falls(scores)
    assert sum(fallen) <= max(0, len(scores) - 1) // STAGE.plateau_patience
    assert rate == 0.5 ** sum(fallen)


def test_other_schedules_never_fall():
    assert falls([1] * 9, Stage(epochs=9, learning_rate=0.1)) == ([False] * 9, 1.0)


def counted(learner):
    """The learner, with a list of the models that are slowed down, in their order."""
    slowed, slow_down = [], learner.slow_down

    def count(model, factor):
        slowed.append(model)
        slow_down(model, factor)

    learner.slow_down = count
    return learner, slowed


def spec_and_data():
    data = make_data(clips=24, seed=3)
    spec = make_spec("flow_mlp", data)
    training = NetworkTraining(batch_size=7, stages=(STAGE,))
    return spec.model_copy(update={"training": training}), data


WATCHES = {
    "watched": lambda test: Validation(clips=test, score="loss"),
    "stopping": lambda test: Validation(clips=test, score="loss", patience=5),
    "unwatched": None,
}


@pytest.mark.parametrize("watch", list(WATCHES))
@pytest.mark.parametrize("optimizer", ["adam", "sgd"])
def test_a_stack_slows_down_each_model_as_if_alone(watch, optimizer):
    spec, data = spec_and_data()
    training = spec.training.model_copy(update={"optimizer": optimizer})
    spec = spec.model_copy(update={"training": training})
    jobs = make_jobs(make_subjects(), validation=WATCHES[watch])
    learner, slowed = counted(StackedLearner(spec, data, device="cpu"))
    stacked = fit(jobs, learner, training, data)
    falls_of = []
    for model, (result, job) in enumerate(zip(stacked, jobs, strict=True)):
        single, own_slowed = counted(SingleLearner(spec, data, device="cpu", compiled=False))
        alone = fit([job], single, training, data)[0]
        falls_of.append(len(own_slowed))
        assert slowed.count(model) == len(own_slowed)
        assert result.epoch == alone.epoch
        np.testing.assert_allclose(result.losses, alone.losses, rtol=1e-3, atol=1e-4)
        np.testing.assert_allclose(result.scores, alone.scores, atol=1e-3)
    assert any(falls_of) or watch == "unwatched", "nothing slowed down: no test at all"


def test_a_fall_changes_the_weights_and_the_next_stage_begins_at_its_own_rate():
    spec, data = spec_and_data()
    job = make_jobs(make_subjects(), validation=WATCHES["watched"])[0]
    rates = []
    for schedule in ("plateau", "constant"):
        changes = {"schedule": schedule, "iterations": 2, "epochs": 16, "learning_rate": 0.05}
        stage = STAGE.model_copy(update=changes)
        training = NetworkTraining(batch_size=7, stages=(stage,))
        own = spec.model_copy(update={"training": training})
        learner = SingleLearner(own, data, device="cpu", compiled=False)
        enter = learner.enter

        def noted(stage, learner=learner, enter=enter):
            if hasattr(learner, "_optimizer"):
                rates.append(learner._optimizer.rate)
            enter(stage)
            rates.append(learner._optimizer.rate)

        learner.enter = noted
        fit([job], learner, training, data)
    first, end_of_first, second = rates[:3]
    assert first == second == 0.05 and end_of_first < 0.05
    assert rates[3:] == [0.05] * 3
