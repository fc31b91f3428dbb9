"""Copies of clips: those that come in with the data are found, those of a training never leak."""

from dataclasses import replace

import numpy as np
import pytest
from tests.builders import make_data, make_subjects, make_task

from openmer.evaluation import package_trainer, run_audit
from openmer.evaluation.audit import _trainings
from openmer.evaluation.audit._duplicates import check_copies
from openmer.models import create_model, register_model, save_weights
from openmer.models._registry import _MODELS
from openmer.preprocessing import ArrayCache
from openmer.training import Resources, TrainingData
from openmer.training._sampling import Rows

SUBJECTS = ["a/1", "a/1", "a/2", "a/3"]


def images(clips=4, side=48, channels=3):
    rng = np.random.default_rng(2)
    inputs = rng.uniform(0, 255, (clips, channels, side, side)).astype(np.float32)
    return TrainingData(inputs=inputs, targets=np.arange(clips) % 3, num_classes=3)


def flip_of_flow(clip):
    copy = clip[..., ::-1].copy()
    copy[0] *= -1
    return copy


def shifted(clip, rows, columns):
    padded = np.pad(clip, ((0, 0), (4, 4), (4, 4)), mode="edge")
    side = clip.shape[-1]
    return padded[:, 4 - rows : 4 - rows + side, 4 - columns : 4 - columns + side]


COPIES = {
    "equal": lambda clip: clip,
    "flip": flip_of_flow,
    "right": lambda clip: shifted(clip, 0, 3),
    "left": lambda clip: shifted(clip, 0, -1),
    "up": lambda clip: shifted(clip, -2, 0),
    "flip and down": lambda clip: shifted(flip_of_flow(clip), 1, 0),
}


@pytest.mark.parametrize("kind", COPIES)
def test_a_copy_under_another_subject_is_a_leak(kind):
    data = images()
    assert check_copies(SUBJECTS, data) == []
    data.inputs[3] = COPIES[kind](data.inputs[0])
    (finding,) = check_copies(SUBJECTS, data)
    assert finding.severity == "leak" and "a/1, a/3" in finding.message
    assert "would train" in finding.message


@pytest.mark.parametrize("kind", COPIES)
def test_a_copy_under_the_same_subject_would_be_tested_twice(kind):
    data = images()
    data.inputs[1] = COPIES[kind](data.inputs[0])
    (finding,) = check_copies(SUBJECTS, data)
    assert finding.severity == "leak" and "tested more than once" in finding.message


def test_several_copies_of_one_clip_are_one_finding():
    data = images()
    data.inputs[2], data.inputs[3] = shifted(data.inputs[0], 1, 0), flip_of_flow(data.inputs[0])
    (finding,) = check_copies(SUBJECTS, data)
    assert finding.message.startswith("3 clips of a/1, a/2 and a/3") or "3 clips" in finding.message


def test_pictures_that_share_their_middle_only_are_no_copies():
    data = images()
    data.inputs[3] = data.inputs[0]
    data.inputs[3, :, :4] = 0
    assert check_copies(SUBJECTS, data) == []


def test_clips_without_motion_are_not_copies():
    data = images()
    data.inputs[[0, 3]] = 0
    assert check_copies(SUBJECTS, data) == []


def test_one_channel_is_compared():
    data = images(channels=1)
    data.inputs[3] = data.inputs[0]
    assert len(check_copies(SUBJECTS, data)) == 1


@pytest.fixture(name="task")
def _task(tmp_path):
    """A method that enlarges its smaller classes, balances its steps and ends in a machine."""
    register_model("tiny_net")(_tiny_net())
    path = tmp_path / "stored.safetensors"
    save_weights(path, create_model("tiny_net").state_dict(), {})
    data = make_data(clips=30, flipped=False)
    data = replace(
        data,
        inputs=(128 + 25 * data.inputs).clip(0, 255),
        targets=np.repeat(np.arange(3), (16, 8, 6))[np.random.default_rng(0).permutation(30)],
    )
    settings = (
        "model.name=tiny_net",
        "model.parameters={}",
        f'model.weights="{path.as_posix()}"',
        "recipe=[{step = 'apex_frame', size = 8}]",
        "training.flip_probability=0.0",
        "training.standardize=false",
        "training.order=balanced",
        "training.oversample={copies = 2, shift = 0.1}",
        "training.classifier={kind = 'svm', kernel = ['linear', 'rbf'], c = [0.1, 1.0]}",
    )
    yield make_task("flow-mlp", settings, data, make_subjects(30))
    del _MODELS["tiny_net"]


def _tiny_net():
    import torch

    class TinyNet(torch.nn.Module):
        def __init__(self, *, in_channels=3, num_classes=3, size=8):
            super().__init__()
            self.body = torch.nn.Conv2d(in_channels, 4, 3, stride=2)
            self.head = torch.nn.Linear(4, num_classes)

        def features(self, pixels):
            return self.body(pixels / 255).relu().mean((2, 3))

        def forward(self, pixels):
            return self.head(self.features(pixels))

    return TinyNet


def test_an_audit_neither_reads_nor_fills_the_cache_of_features(task, tmp_path, monkeypatch):
    stores = []
    monkeypatch.setattr(_trainings, "fit_folds", lambda given, *_: stores.append(given.data.store))
    kept = replace(task, data=replace(task.data, store=ArrayCache(tmp_path)))
    with pytest.raises(TypeError):  # no results
        package_trainer(kept, Resources(device="cpu"))(kept.data, [])
    assert stores == [None]


def test_enlarged_balanced_training_with_a_machine_is_clean(task):
    findings = run_audit(
        task, package_trainer(task, Resources(device="cpu")), subjects=2, fresh=False
    )
    assert [one for one in findings if one.severity == "leak"] == []


def test_copies_made_before_the_split_are_caught(task):
    """The habit of enlarging a corpus first and splitting it then."""
    rows = Rows(task.data, task.method.training, "cpu")
    import torch

    copies = rows.take(torch.arange(30, 60)).numpy()
    enlarged = replace(
        task.data,
        inputs=np.concatenate([task.data.inputs, copies]),
        targets=np.concatenate([task.data.targets, task.data.targets]),
    )
    subjects = [*make_subjects(30), *(f"copy/{i}" for i in range(30))]
    findings = check_copies(subjects, enlarged)
    assert len(findings) == 30


def test_a_trainer_that_draws_copies_of_the_tested_subject_is_caught(task):
    """Copies drawn from all clips, tested ones included: the poison reaches the weights."""
    from openmer.training import _batches as batches

    honest = batches.training_rows

    def leaky(job, training, data):
        everybody = replace(job, train=tuple(range(data.clips)))
        copies = honest(everybody, training, data)
        return np.concatenate([np.asarray(job.train), copies[copies >= data.clips]])

    batches.training_rows = leaky
    try:
        findings = run_audit(
            task, package_trainer(task, Resources(device="cpu")), subjects=1, fresh=False
        )
    finally:
        batches.training_rows = honest
    assert any(one.check in {"labels", "poison test"} for one in findings)
