"""Each model draws from its own training clips, every clip once per epoch."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from tests.builders import make_data, make_spec

from openmer.training import FitJob, Oversample, TrainingData
from openmer.training._batches import epoch_batches, training_rows
from openmer.training._sampling import Rows


def batches(order="shuffled", epoch=1, clips=24, train=None, seed=0, subject_id="demo/s1", **more):
    data = make_data(clips=clips, flipped=bool(more.get("flip_probability")))
    job = FitJob(subject_id=subject_id, seed=seed, train=tuple(train or range(clips)), predict=())
    return epoch_batches(job, make_spec(data=data, order=order, **more).training, data, epoch)


@given(
    train=st.sets(st.integers(0, 23), min_size=2),
    batch_size=st.integers(1, 30),
    order=st.sampled_from(["shuffled", "class_by_class", "as_listed"]),
)
def test_an_epoch_holds_every_training_clip_once_and_no_other(train, batch_size, order):
    found = batches(order, train=sorted(train), batch_size=batch_size)
    assert sorted(np.concatenate(found).tolist()) == sorted(train)
    assert max(map(len, found)) <= batch_size + 1


def test_a_single_last_clip_joins_the_batch_before():
    assert [len(rows) for rows in batches(clips=15, batch_size=7)] == [7, 8]


def test_shuffling_depends_on_seed_subject_and_epoch_alone():
    def order(**changes):
        return np.concatenate(batches(**changes)).tolist()

    assert order() == order()
    for changes in ({"epoch": 2}, {"seed": 1}, {"subject_id": "demo/s2"}):
        assert order(**changes) != order()


def test_class_by_class_lists_classes_in_turn_and_never_shuffles():
    found = np.concatenate(batches("class_by_class"))
    assert found.tolist() == np.concatenate(batches("class_by_class", epoch=2)).tolist()
    assert (np.diff(make_data().targets[found]) >= 0).all()


def test_flipped_rows_are_copies_of_the_jobs_own_clips():
    train = (0, 1, 2, 9, 10, 11, 12, 13, 14, 15, 16, 17)
    found = np.concatenate(batches(train=train, flip_probability=0.5))
    assert set((found % 24).tolist()) == set(train)
    assert (found >= 24).any() and (found < 24).any()
    data = make_data(flipped=True)
    taken = Rows(data, make_spec(data=data).training, "cpu").take(torch.tensor([24 + 9]))[0]
    np.testing.assert_array_equal(taken, data.flipped[9])


@pytest.mark.parametrize("probability", [0.0, 1.0])
def test_flip_probability_bounds(probability):
    rows = np.concatenate(batches(flip_probability=probability))
    assert (rows >= 24).mean() == probability


def of_classes(*counts):
    """Clips of each class, in the order of the classes."""
    targets = np.repeat(np.arange(len(counts)), counts)
    return replace(make_data(len(targets), flipped=False), targets=targets)


def test_copies_are_of_the_jobs_own_clips_and_of_smaller_classes_only():
    data = of_classes(12, 6, 3)
    train = tuple(i for i in range(21) if i not in (0, 13, 20))
    training = make_spec(data=data, oversample=Oversample(copies=2)).training
    rows = training_rows(make_jobs_of(train), training, data)
    assert tuple(rows[: len(train)]) == train
    copies = rows[len(train) :]
    assert set(copies // 21) == {1, 2}
    assert set((copies % 21).tolist()) == {i for i in train if data.targets[i] != 0}


def test_which_classes_are_smaller_is_counted_on_the_jobs_own_clips():
    data = of_classes(5, 6, 3)
    training = make_spec(data=data, oversample=Oversample()).training
    without_class_1 = tuple(i for i in range(14) if data.targets[i] != 1)
    rows = training_rows(make_jobs_of(without_class_1), training, data)
    assert set(data.targets[rows[rows >= 14] - 14].tolist()) == {2}


def make_jobs_of(train):
    return FitJob(subject_id="demo/s1", seed=0, train=train, predict=())


@pytest.mark.parametrize("copies", [0, 1])
def test_balanced_steps_hold_as_many_clips_of_each_class(copies):
    data = of_classes(12, 7, 4)
    changes = {"oversample": Oversample(copies=1)} if copies else {}
    training = make_spec(data=data, order="balanced", batch_size=8, **changes).training
    job = make_jobs_of(tuple(range(23)))
    steps = epoch_batches(job, training, data, 1)
    counts = [np.bincount(data.targets[step % 23], minlength=3).tolist() for step in steps]
    assert all(len(set(count)) == 1 for count in counts)
    assert sum(count[0] for count in counts) == (8 if copies else 4)
    assert all(len(set(step.tolist())) == len(step) for step in steps)
    other = np.concatenate(epoch_batches(job, training, data, 2))
    assert set(other.tolist()) != set(np.concatenate(steps).tolist())


def test_a_class_that_a_job_never_sees_makes_no_step_empty():
    data = of_classes(6, 4, 3)
    training = make_spec(data=data, order="balanced", batch_size=4).training
    job = make_jobs_of(tuple(range(10)))
    drawn = np.concatenate(epoch_batches(job, training, data, 1))
    assert np.bincount(data.targets[drawn]).tolist() == [4, 4]


def test_a_copy_is_a_flip_image_or_a_small_shift():
    rng = np.random.default_rng(3)
    images = rng.uniform(0, 255, (40, 1, 20, 20)).astype(np.float32)
    data = TrainingData(inputs=images, targets=np.arange(40) % 2, num_classes=2)
    training = make_spec(data=data, oversample=Oversample(copies=1, shift=0.1)).training
    copies = Rows(data, training, "cpu").take(torch.arange(40, 80)).numpy()
    kinds = [_kind(copy, image) for copy, image in zip(copies, images, strict=True)]
    assert set(kinds) == {"flip", "shift"}


def _kind(copy, image):
    """What a copy is of its image; shifted by one or two of its 20 pixels."""
    if np.array_equal(copy, image[..., ::-1]):
        return "flip"
    moves = [(y, x) for y, x in np.ndindex(5, 5) if (y == 2) != (x == 2)]
    padded = np.pad(image, ((0, 0), (2, 2), (2, 2)), mode="edge")
    same = [np.array_equal(copy, padded[:, y : y + 20, x : x + 20]) for y, x in moves]
    assert sum(same) == 1
    return "shift"
