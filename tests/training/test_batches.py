"""Each model draws from its own training clips, every clip once per epoch."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from tests.builders import make_data, make_spec

from openmer.training.batches import epoch_batches
from openmer.training.jobs import FitJob
from openmer.training.rows import Rows


def batches(order="shuffled", epoch=1, clips=24, train=None, seed=0, person="demo/s1", **more):
    data = make_data(clips=clips, mirrored=bool(more.get("mirror_probability")))
    job = FitJob(person=person, seed=seed, train=tuple(train or range(clips)), predict=())
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


def test_shuffling_depends_on_seed_person_and_epoch_alone():
    def order(**changes):
        return np.concatenate(batches(**changes)).tolist()

    assert order() == order()
    for changes in ({"epoch": 2}, {"seed": 1}, {"person": "demo/s2"}):
        assert order(**changes) != order()


def test_class_by_class_lists_classes_in_turn_and_never_shuffles():
    found = np.concatenate(batches("class_by_class"))
    assert found.tolist() == np.concatenate(batches("class_by_class", epoch=2)).tolist()
    assert (np.diff(make_data().targets[found]) >= 0).all()


def test_mirrored_rows_are_copies_of_the_jobs_own_clips():
    train = (0, 1, 2, 9, 10, 11, 12, 13, 14, 15, 16, 17)
    found = np.concatenate(batches(train=train, mirror_probability=0.5))
    assert set((found % 24).tolist()) == set(train)
    assert (found >= 24).any() and (found < 24).any()
    data = make_data(mirrored=True)
    taken = Rows(data, None, "cpu").take(torch.tensor([24 + 9]))[0]
    np.testing.assert_array_equal(taken, data.mirrored[9])


@pytest.mark.parametrize("probability", [0.0, 1.0])
def test_mirror_probability_bounds(probability):
    rows = np.concatenate(batches(mirror_probability=probability))
    assert (rows >= 24).mean() == probability
