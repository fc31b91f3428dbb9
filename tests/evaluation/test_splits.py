"""Folds hold out subjects, all of them, once, by equality."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from openmer.errors import ProtocolError
from openmer.evaluation import hold_out_inside
from openmer.evaluation._splits import leave_one_subject_out

SUBJECTS = st.lists(st.sampled_from(["a/s1", "a/s11", "b/s1", "b/s01", "c/x"]), min_size=2)


@given(SUBJECTS.filter(lambda subjects: len(set(subjects)) > 1))
def test_every_clip_is_tested_once_and_nobody_is_on_both_sides(subjects):
    folds = leave_one_subject_out(subjects)
    assert [fold.held_out for fold in folds] == sorted(set(subjects))
    assert sorted(i for fold in folds for i in fold.test) == list(range(len(subjects)))
    for fold in folds:
        assert {subjects[i] for i in fold.test} == {fold.held_out}
        assert fold.held_out not in {subjects[i] for i in fold.train}
        assert len(fold.train) + len(fold.test) == len(subjects)


def test_ids_are_compared_for_equality_not_by_substring():
    fold = leave_one_subject_out(["smic/s1", "smic/s11", "smic/s1"])[0]
    assert (fold.held_out, fold.test) == ("smic/s1", (0, 2))


@pytest.mark.parametrize("subjects", [[], ["a/s1"], ["a/s1", "a/s1"]])
def test_one_subject_is_an_error(subjects):
    with pytest.raises(ProtocolError, match="at least two subjects"):
        leave_one_subject_out(subjects)


@given(
    subjects=SUBJECTS.filter(lambda subjects: len(set(subjects)) > 2),
    share=st.floats(0.05, 0.95),
    seed=st.integers(0, 9),
)
def test_inner_subjects_come_from_the_training_subjects_alone(subjects, share, seed):
    targets = [i % 3 for i in range(len(subjects))]
    for fold in leave_one_subject_out(subjects):
        train, watched = hold_out_inside(
            fold, subjects, targets, subjects_share=share, rng=np.random.default_rng(seed)
        )
        assert sorted(train + watched) == sorted(fold.train)
        assert not {subjects[i] for i in train} & {subjects[i] for i in watched}
        assert train and watched


def test_inner_split_has_every_class_on_both_sides_where_it_can():
    subjects = [f"a/{i // 3}" for i in range(30)]
    targets = [i % 3 for i in range(30)]
    for fold in leave_one_subject_out(subjects):
        train, watched = hold_out_inside(
            fold, subjects, targets, subjects_share=0.2, rng=np.random.default_rng(0)
        )
        assert {targets[i] for i in train} == {targets[i] for i in watched} == {0, 1, 2}


def test_inner_rule_needs_two_training_subjects():
    fold = leave_one_subject_out(["a/1", "a/2"])[0]
    with pytest.raises(ProtocolError, match="trains on 1 subject"):
        hold_out_inside(
            fold, ["a/1", "a/2"], [0, 1], subjects_share=0.2, rng=np.random.default_rng(0)
        )
