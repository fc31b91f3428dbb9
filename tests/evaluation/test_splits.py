"""Folds hold out subjects, all of them, once, by equality."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from openmer.errors import ProtocolError
from openmer.evaluation import hold_out_inside
from openmer.evaluation._splits import Fold, groups_inside, leave_one_subject_out

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
    with pytest.raises(ProtocolError, match="two subjects or more"):
        leave_one_subject_out(subjects)


@given(
    subjects=SUBJECTS.filter(lambda subjects: len(set(subjects)) > 2),
    share=st.floats(0.05, 0.95),
    seed=st.integers(0, 9),
)
def test_inner_subjects_come_from_the_training_subjects_alone(subjects, share, seed):
    targets = [i % 3 for i in range(len(subjects))]
    for fold in leave_one_subject_out(subjects):
        train, validation_clips = hold_out_inside(
            fold, subjects, targets, subjects_share=share, rng=np.random.default_rng(seed)
        )
        assert sorted(train + validation_clips) == sorted(fold.train)
        assert not {subjects[i] for i in train} & {subjects[i] for i in validation_clips}
        assert train and validation_clips


def test_inner_split_has_every_class_on_both_sides_where_it_can():
    subjects = [f"a/{i // 3}" for i in range(30)]
    targets = [i % 3 for i in range(30)]
    for fold in leave_one_subject_out(subjects):
        train, validation_clips = hold_out_inside(
            fold, subjects, targets, subjects_share=0.2, rng=np.random.default_rng(0)
        )
        assert {targets[i] for i in train} == {targets[i] for i in validation_clips} == {0, 1, 2}


def test_inner_rule_needs_two_training_subjects():
    fold = leave_one_subject_out(["a/1", "a/2"])[0]
    with pytest.raises(ProtocolError, match="trains on 1 subject"):
        hold_out_inside(
            fold, ["a/1", "a/2"], [0, 1], subjects_share=0.2, rng=np.random.default_rng(0)
        )


class Draws:
    """Stands for a generator; hands out prepared draws and counts them."""

    def __init__(self, *draws):
        self.draws, self.asked = list(draws), []

    def _next(self, call):
        self.asked.append(call)
        return np.array(self.draws.pop(0) if len(self.draws) > 1 else self.draws[0])

    def choice(self, names, *, size, replace):
        assert not replace
        return self._next((tuple(names), size))

    def permutation(self, names):
        return self._next(tuple(names))


def test_the_share_of_inner_subjects_is_rounded_and_leaves_one_on_each_side():
    subjects = ["t", *"abcdefghij"]
    fold = Fold(held_out="t", train=tuple(range(1, 11)), test=(0,))
    for share, count in ((0.01, 1), (0.24, 2), (0.26, 3), (0.99, 9)):
        rng = Draws(["a"])
        hold_out_inside(fold, subjects, [0] * 11, subjects_share=share, rng=rng)
        assert set(rng.asked) == {(tuple("abcdefghij"), count)}


def test_of_twenty_draws_those_with_every_class_on_both_sides_go_first():
    subjects, targets = ["t", "a", "a", "b", "b", "c"], [0, 0, 1, 0, 1, 1]
    fold = Fold(held_out="t", train=(1, 2, 3, 4, 5), test=(0,))
    rng = Draws(["c"], ["b"], ["a"])
    found = hold_out_inside(fold, subjects, targets, subjects_share=0.3, rng=rng)
    assert found == ((1, 2, 5), (3, 4))
    assert len(rng.asked) == 20
    # `a` alone lacks a class among those who train.
    subjects, targets = ["t", "a", "a", "b", "c"], [0, 0, 1, 0, 0]
    rng = Draws(["a"])
    found = hold_out_inside(
        Fold(held_out="t", train=(1, 2, 3, 4), test=(0,)),
        subjects,
        targets,
        subjects_share=0.3,
        rng=rng,
    )
    assert found == ((3, 4), (1, 2))
    assert len(rng.asked) == 20


def test_the_draw_nearest_to_the_shares_of_all_classes_is_taken():
    subjects, targets = "taaaabbbbcccc", [0, 0, 0, 0, 1, 0, 0, 1, 1, 0, 1, 1, 1]
    fold = Fold(held_out="t", train=tuple(range(1, 13)), test=(0,))
    for draws in (["a"], ["b"], ["c"]), (["c"], ["a"], ["b"]):
        found = hold_out_inside(fold, subjects, targets, subjects_share=0.3, rng=Draws(*draws))
        assert found[1] == (5, 6, 7, 8)


@given(st.lists(st.integers(0, 2), min_size=9, max_size=9))
def test_no_draw_is_better_than_the_one_that_is_taken(targets):
    subjects, fold = "tabbccccd", Fold(held_out="t", train=tuple(range(1, 9)), test=(0,))
    counts = {name: np.zeros(3) for name in "abcd"}
    for i in fold.train:
        counts[subjects[i]][targets[i]] += 1
    total = sum(counts.values())

    def unlike(name):
        held = counts[name]
        lacking = sum((total > 0) & (side == 0) for side in (held, total - held)).sum()
        return lacking, round(np.abs(held / held.sum() - total / total.sum()).sum(), 9)

    draws = Draws(*([name] for name in "abcd"))
    _, held = hold_out_inside(fold, subjects, targets, subjects_share=0.2, rng=draws)
    assert unlike(subjects[held[0]]) == min(map(unlike, "abcd"))


def test_a_draw_serves_where_none_is_whole():
    fold = Fold(held_out="t", train=(1, 2), test=(0,))
    rng = Draws(["a"])
    assert hold_out_inside(fold, "tab", [0, 0, 1], subjects_share=0.5, rng=rng) == ((2,), (1,))
    assert len(rng.asked) == 20


def test_groups_deal_large_subjects_first_to_the_smallest_group():
    subjects = [*"tt", *"aaa", *"bb", *"cc", "d"]
    fold = Fold(held_out="t", train=tuple(range(2, 10)), test=(0, 1))
    found = groups_inside(fold, subjects, [0] * 10, groups=2, rng=Draws(["d", "c", "b", "a"]))
    # a (3) to the first, c and b (2 each, c was drawn first) to the second, d to the first.
    assert found == (
        Fold(held_out="t inner 0", train=(5, 6, 7, 8), test=(2, 3, 4, 9)),
        Fold(held_out="t inner 1", train=(2, 3, 4, 9), test=(5, 6, 7, 8)),
    )


def test_the_first_deal_that_leaves_every_class_to_train_on_is_taken():
    subjects, targets = [*"taabbc"], [0, 0, 0, 1, 1, 1]
    fold = Fold(held_out="t", train=(1, 2, 3, 4, 5), test=(0,))
    bad, good = ["b", "a", "c"], ["a", "b", "c"]
    rng = Draws(bad, good, bad)
    found = groups_inside(fold, subjects, targets, groups=2, rng=rng)
    # Whoever trains without `a` lacks class 0, in any deal: the last of twenty is taken.
    assert len(rng.asked) == 20
    assert {part.test for part in found} == {(1, 2), (3, 4, 5)} or len(found) == 2
    targets = [0, 0, 1, 0, 1, 1]
    rng = Draws(bad)
    groups_inside(fold, subjects, targets, groups=2, rng=rng)
    assert len(rng.asked) == 1


@given(
    subjects=SUBJECTS.filter(lambda subjects: len(set(subjects)) > 2),
    groups=st.integers(2, 6),
    seed=st.integers(0, 9),
)
def test_groups_test_each_training_clip_once_and_split_no_subject(subjects, groups, seed):
    targets = [i % 3 for i in range(len(subjects))]
    for fold in leave_one_subject_out(subjects):
        found = groups_inside(
            fold, subjects, targets, groups=groups, rng=np.random.default_rng(seed)
        )
        assert len(found) == min(groups, len({subjects[i] for i in fold.train}))
        assert sorted(i for part in found for i in part.test) == sorted(fold.train)
        for number, part in enumerate(found):
            assert part.held_out == f"{fold.held_out} inner {number}"
            assert sorted(part.train + part.test) == sorted(fold.train)
            assert not {subjects[i] for i in part.train} & {subjects[i] for i in part.test}
            assert part.train and part.test


def test_groups_need_two_training_subjects():
    with pytest.raises(ProtocolError, match=r"trains on 1 subject\. Give more subjects"):
        groups_inside(
            Fold(held_out="t", train=(1,), test=(0,)), "ta", [0, 1], groups=2, rng=Draws(["a"])
        )
    rng = np.random.default_rng(0)
    two = Fold(held_out="t", train=(1, 2), test=(0,))
    assert len(groups_inside(two, "tab", [0, 1, 1], groups=2, rng=rng)) == 2
