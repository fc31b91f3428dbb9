"""The support vector machine per fold."""

import numpy as np
import pytest
from tests.builders import make_data, make_jobs, make_subjects

from openmer.errors import ProtocolError
from openmer.training import FitJob, SvmTraining
from openmer.training._svm import Examples, fit_pipeline, fit_svm


def test_it_learns_what_there_is_to_learn():
    data = make_data(clips=60)
    results = [fit_svm(job, SvmTraining(kind="svm"), data) for job in make_jobs(make_subjects(60))]
    right = [r.scores.argmax(1) == data.targets[list(r.job.predict)] for r in results]
    assert np.concatenate(right).mean() > 0.6


def test_flipped_copies_are_of_the_training_clips_alone():
    data = make_data(flipped=True)
    job = make_jobs(make_subjects())[0]
    training = SvmTraining(kind="svm", flipped_copies=True)
    clean = fit_svm(job, training, data)
    data.inputs[list(job.predict)] = np.nan
    data.flipped[list(job.predict)] = np.nan
    job = FitJob(subject_id=job.subject_id, seed=0, train=job.train, predict=())
    assert fit_svm(job, training, data).weights_sha256 == clean.weights_sha256


@pytest.mark.parametrize("seen", [(0, 1), (0, 2), (1, 2)])
def test_a_class_the_fold_never_saw_scores_lowest(seen):
    data = make_data(clips=30)
    train = tuple(i for i in range(24) if data.targets[i] in seen)
    job = FitJob(subject_id="demo/x", seed=0, train=train, predict=tuple(range(24, 30)))
    scores = fit_svm(job, SvmTraining(kind="svm"), data).scores
    assert scores.shape == (6, 3)
    assert set(scores.argmax(1).tolist()) <= set(seen)


def test_no_clip_to_score_is_no_error():
    data = make_data()
    job = FitJob(subject_id="demo/x", seed=0, train=tuple(range(24)), predict=())
    assert fit_svm(job, SvmTraining(kind="svm"), data).scores.shape == (0, 3)


def test_training_clips_of_one_class_are_one_clear_error():
    examples = Examples(
        inputs=np.ones((3, 2), np.float32),
        targets=np.zeros(3, np.int64),
        clips=np.arange(3),
    )
    with pytest.raises(ProtocolError, match="All 3 training clips are of one class"):
        fit_pipeline(SvmTraining(kind="svm"), examples)
