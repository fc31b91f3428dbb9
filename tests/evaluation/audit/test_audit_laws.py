"""What the parts of the audit do, one by one and without any training."""

import time
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from tests.builders import make_data, make_subjects, make_task

from openmer.errors import ConfigError
from openmer.evaluation import Fold, Protocol
from openmer.evaluation._splits import leave_one_subject_out
from openmer.evaluation.audit import _poison
from openmer.evaluation.audit._audit import _epochs
from openmer.evaluation.audit._checks import (
    check_folds,
    check_ids,
    check_labels,
    check_rule,
    check_search,
    check_training_classes,
)
from openmer.evaluation.audit._finding import leak_of, some
from openmer.evaluation.audit._recording import Recorder
from openmer.evaluation.audit._scores import (
    Change,
    _changes,
    _noise,
    _nudged,
    _turned,
    close,
    difference_of_scores,
    everything,
    filled,
    moved,
    same_scores,
    score_by_clip,
)
from openmer.evaluation.audit._trainings import (
    Budget,
    Trial,
    _companion,
    _emptied,
    _other,
    chosen_folds,
    plain,
    shortened_method,
    trial_of,
)
from openmer.methods import load_method
from openmer.training import FitJob, FitResult

FOLD = Fold(held_out="demo/s3", train=(0, 1, 2), test=(3, 4, 5))


def job(predict=(3, 4, 5), **changes):
    return FitJob(subject_id="demo/s3", seed=0, train=(0, 1, 2), predict=predict, **changes)


def result(scores, predict=(3, 4, 5), **changes):
    told = {"epoch": 2, "losses": (0.5, 0.25), "weights_sha256": "ab"} | changes
    return FitResult(job=job(predict), scores=np.asarray(scores, np.float32), **told)


SCORES = np.eye(3, dtype=np.float32)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({}, ""),
        ({"settings": {"c": 1}}, "chooses c 1 in place of nothing when x"),
        ({"losses": (0.5, 0.26)}, "has other training losses when x"),
        ({"losses": (0.5, float("nan"))}, "has other training losses when x"),
        ({"epoch": 3}, "takes epoch 3 in place of 2 when x"),
        ({"thresholds": np.ones(2, np.float32)}, "has other thresholds when x"),
        ({"weights_sha256": "ac"}, "has other weights when x"),
    ],
)
def test_the_first_thing_that_changed_is_named(changes, said):
    clean = result(SCORES)
    assert _poison._difference(clean, result(SCORES, **changes), "when x") == said
    assert _poison._difference(clean, "broke", "when x").endswith("so it reads them: broke")


def test_losses_that_are_nan_in_both_are_equal():
    one = result(SCORES, losses=(float("nan"),))
    assert _poison._difference(one, result(SCORES, losses=(float("nan"),)), "") == ""


def test_what_is_found_says_whether_a_training_repeats_at_all():
    found = leak_of("labels", FOLD, "changes")
    clean = result(SCORES)
    assert _poison._said_of_repeats(found, clean, result(SCORES)) is found
    for again in (result(2 * SCORES), result(SCORES, epoch=9), "broke"):
        said = _poison._said_of_repeats(found, clean, again).message
        assert said.startswith(found.message) and "with nothing changed" in said


def test_labels_are_rotated_and_units_turned_round_of_tested_clips_alone():
    units = np.tile(np.array([[1.0, 0.0, np.nan]], np.float32), (24, 1))
    data = replace(make_data(), units=units)
    made = _poison._rotated_labels(data, FOLD)
    np.testing.assert_array_equal(made.targets[[3, 4, 5]], (data.targets[[3, 4, 5]] + 1) % 3)
    rest = [i for i in range(24) if i not in FOLD.test]
    np.testing.assert_array_equal(made.targets[rest], data.targets[rest])
    np.testing.assert_array_equal(made.units[3], [0, 1, 1])
    np.testing.assert_array_equal(made.units[rest], units[rest])
    assert _poison._rotated_labels(replace(data, num_classes=0, units=None), FOLD).units is None


def test_a_transductive_method_has_a_note_of_its_scores():
    task = make_task()
    assert _poison._leak_of_scores(task, FOLD, "moves").severity == "leak"
    method = task.method.model_copy(update={"transductive": "uses all of a subject"})
    noted = _poison._leak_of_scores(replace(task, method=method), FOLD, "moves")
    assert noted.severity == "note" and noted.message.endswith(
        "transductive: uses all of a subject"
    )


def test_scores_are_close_within_a_ten_thousandth_of_the_largest():
    one = np.array([[0.5, 1.0]], np.float32)
    assert close(one, one + 0.9e-4) and not close(one, one + 1.2e-4)
    assert close(100 * one, 100 * one + 0.9e-2) and not close(100 * one, 100 * one + 1.2e-2)
    assert close(0.01 * one, 0.01 * one + 0.9e-4) and not close(one, one[0])
    assert close(np.full(2, np.nan), np.full(2, np.nan)) and close(np.empty(0), np.empty(0))


def test_most_clips_of_another_class_are_more_than_half_and_more_than_one():
    same, other = (np.array([1.0, 0.0]),) * 2, (np.array([1.0, 0.0]), np.array([0.0, 1.0]))
    assert not _turned([other]) and not _turned([other, same]) and _turned([other, other])
    assert not _turned([other] * 2 + [same] * 2) and _turned([other] * 3 + [same] * 2)


def test_scores_follow_their_clips():
    clean = result(SCORES)
    assert set(score_by_clip(clean)) == {3, 4, 5}
    swapped = result(SCORES[[1, 0, 2]])
    data = make_data()
    assert same_scores(clean, swapped, Change(data, (3, 4, 5), {3: 4, 4: 3, 5: 5}))
    assert not same_scores(clean, swapped, Change(data, (3, 4, 5), {3: 3}))
    assert same_scores(clean, result(SCORES[[1, 0, 2]]), Change(data, (3, 4, 5), {5: 5}))


def test_contents_move_with_their_flip_and_labels_stay():
    data = make_data()
    made = moved(data, data, {3: 5, 4: 3}, np.float32(2))
    np.testing.assert_array_equal(made.inputs[5], 2 * data.inputs[3])
    np.testing.assert_array_equal(made.flipped[3], 2 * data.flipped[4])
    np.testing.assert_array_equal(made.inputs[4], data.inputs[4])
    np.testing.assert_array_equal(made.targets, data.targets)
    bare = replace(data, flipped=None)
    assert moved(bare, data, {3: 5}).flipped is None and moved(data, bare, {3: 5}).flipped is None
    nan = filled(data, [1, 2], lambda shape: np.full(shape, np.nan))
    gone = np.isnan(nan.inputs).all(axis=(1, 2, 3)), np.isnan(nan.flipped).all(axis=(1, 2, 3))
    assert [list(np.flatnonzero(one)) for one in gone] == [[1, 2], [1, 2]]
    assert filled(bare, [1], lambda shape: np.zeros(shape)).flipped is None


def test_noise_is_as_wide_as_the_clips_and_one_more():
    data = make_data(clips=60, size=16)
    made = _noise(data, range(30))
    spread = float(data.inputs.std()) + 1
    assert made.inputs[:30].std() == pytest.approx(spread, rel=0.05)
    np.testing.assert_array_equal(made.inputs[30:], data.inputs[30:])


@pytest.mark.parametrize(
    ("test", "kept"),
    [((3, 4, 5), {3: 4, 4: 5}), ((3, 4), {3: 4}), ((3,), {}), ((3, 4, 5, 6), {3: 4, 4: 5})],
)
def test_half_of_the_clips_change_places_and_the_rest_is_noise(test, kept):
    data = make_data()
    change = everything(data, replace(FOLD, test=test), np.float32(1))
    assert change.place == kept
    for clip, place in kept.items():
        np.testing.assert_array_equal(change.data.inputs[place], data.inputs[clip])
    left = [i for i in test if i not in kept.values()]
    assert change.predict == (*reversed(list(kept.values())), *left[:1])
    for place in left:
        assert not np.isin(change.data.inputs[place], data.inputs).any()
    rest = [i for i in range(24) if i not in test]
    np.testing.assert_array_equal(change.data.inputs[rest], data.inputs[rest])
    nudged = everything(data, replace(FOLD, test=test))
    for clip, place in kept.items():
        assert not np.array_equal(nudged.data.inputs[place], data.inputs[clip])
        np.testing.assert_allclose(nudged.data.inputs[place], data.inputs[clip], rtol=2e-6)
    small = _nudged(data, FOLD)
    assert small.place == {3: 3, 4: 4, 5: 5} and small.predict == (3, 4, 5)


def test_each_change_of_scores_is_tried_by_itself():
    """A trainer that has one habit: what is said names it."""
    data = make_data()
    clean = result(data.inputs[[3, 4, 5], 0, 0, :3])

    def said(habit):
        def outcome(changed, predict=None):
            asked = list(predict or (3, 4, 5))
            return result(habit(changed, asked), tuple(asked))

        return difference_of_scores(SimpleNamespace(fold=FOLD, outcome=outcome), data, clean)

    def honest(changed, asked):
        return changed.inputs[asked, 0, 0, :3]

    def by_others(changed, asked):
        others = changed.inputs[[3, 4, 5]].mean() - data.inputs[[3, 4, 5]].mean()
        return honest(changed, asked) + others

    def by_number(changed, asked):
        return honest(changed, asked) * len(asked) / 3

    def by_order(changed, asked):
        return honest(changed, asked) if asked == sorted(asked) else honest(changed, asked[::-1])

    def by_place(changed, asked):
        return data.inputs[asked, 0, 0, :3]

    assert said(by_others).startswith(
        "scores a clip otherwise when the subject's other clips are r"
    )
    assert "other clips are left out" in said(by_number)
    assert said(by_order) == "scores clips otherwise when they are asked for in another order"
    assert said(by_place).startswith("scores a clip by its place in the list")
    assert "are left out and change places" in said(honest)
    assert len(_changes(data, FOLD)) == 4
    one = SimpleNamespace(fold=replace(FOLD, test=(3,)))
    assert difference_of_scores(one, data, clean) == ""


def test_folds_are_chosen_from_the_largest_on_evenly():
    folds = leave_one_subject_out(make_subjects(28))  # of 1, 2, ..., 7 clips

    def sizes(subjects):
        return [len(fold.test) for fold in chosen_folds(folds, subjects)]

    assert sizes(0) == sizes(7) == sizes(9) == [7, 6, 5, 4, 3, 2, 1]
    assert sizes(1) == [7] and sizes(2) == [7, 1] and sizes(3) == [7, 4, 1]
    even = leave_one_subject_out(["b", "a"])
    assert [fold.held_out for fold in chosen_folds(even, 0)] == ["a", "b"]


def test_a_result_is_copied_into_plain_arrays():
    scores = torch.ones((3, 2), dtype=torch.float64, requires_grad=True)
    losses = [torch.tensor(0.5), 0.25]
    made = plain(replace(result(SCORES), scores=scores, losses=losses, epoch=np.int64(4)), job())
    assert made.scores.dtype == np.float32 and made.scores.tolist() == [[1, 1]] * 3
    assert made.losses == (0.5, 0.25) and type(made.losses) is tuple and type(made.epoch) is int
    told = plain(replace(result(SCORES), thresholds=np.array([0.5])), job())
    assert told.thresholds.dtype == np.float32 and made.thresholds is None
    for field, value in (("scores", np.array(0.5)), ("scores", [["a"]]), ("losses", [None]),
                         ("weights_sha256", 3), ("epoch", "x"), ("settings", 5),
                         ("thresholds", "x")):  # fmt: skip
        with pytest.raises(ConfigError, match=f"A trainer's result: {field} is"):
            plain(replace(result(SCORES), **{field: value}), job())


def test_methods_are_cut_and_never_lengthened():
    def cut(name, epochs, *overrides):
        return shortened_method(load_method(name, overrides), epochs).training

    assert cut("ststnet", 4).epochs == 4 and cut("ststnet", 4, "training.epochs=3").epochs == 3
    (stage,) = cut("dense-attention", 1).stages
    assert (stage.epochs, stage.iterations, stage.patience, stage.plateau_patience) == (1, 1, 1, 1)
    (stage,) = cut("dense-attention", 9).stages
    assert (stage.patience, stage.plateau_patience) == (4, 2)
    assert cut("rrmfnet-pt", 9).perturb.every == 4 and cut("rrmfnet-pt", 1).perturb.every == 1
    svm = load_method("flow-svm")
    assert shortened_method(svm, 1) is svm
    assert _epochs(make_task()) == 3 and _epochs(make_task("flow-svm")) == 0


def test_the_training_before_sees_the_subject_and_a_few_of_every_class():
    task = make_task(data=make_data(clips=60), subjects=make_subjects(60))
    fold = task.folds[-1]
    before = FitJob(subject_id="x", seed=0, train=tuple(range(60)), predict=())
    made = _companion(task, replace(before, subjects=tuple(task.subjects)), fold)
    others = [clip for clip in made.train if clip not in fold.test]
    assert set(fold.test) <= set(made.train) and len(others) == 12
    assert np.bincount(task.data.targets[others]).tolist() == [4, 4, 4]
    assert made.subjects == tuple(task.subjects[clip] for clip in made.train)
    assert _companion(task, before, fold).subjects == ()


def test_the_training_before_is_another_fold_or_one_of_all_clips():
    task = make_task()
    first, second, *_ = task.folds
    assert _other(task, first) == second and _other(task, second) == first
    alone = replace(task, folds=(first,))
    made = _other(alone, first)
    assert made.train == tuple(range(24)) and made.held_out == f"{first.held_out} before"
    trial = trial_of(task, None, replace(first, seed=5), "fixed", Recorder())
    assert (trial.job.seed, len(trial.before)) == (5, 1)
    assert trial_of(task, None, first, "fixed", Recorder()).job.seed == 0


@pytest.mark.parametrize(
    ("folds", "passed_s", "allowed"), [(1, 29, True), (1, 31, False), (3, 44, True), (3, 46, False)]
)
def test_a_fold_is_expected_to_take_as_long_as_those_before(folds, passed_s, allowed):
    began = time.monotonic() - passed_s
    assert Budget(1.0, folds, began).allows_another() == allowed
    assert Budget(0.0, folds, began).allows_another() and Budget(1.0, 0, 0.0).allows_another()


def test_equal_units_of_equal_clips_are_no_conflict():
    data = make_data()
    data.inputs[3] = data.inputs[6] = data.inputs[9]
    units = np.zeros((24, 2), np.float32)
    units[3], units[6] = (0, np.nan), (0, 1)
    units[9] = (0, 1)
    assert check_labels(make_subjects(), replace(data, units=units)) == []
    units[9, 1] = 0
    (found,) = check_labels(make_subjects(), replace(data, units=units))
    assert found.message.endswith("have different action units.")


def test_a_trainer_holds_no_clips_that_it_is_not_given():
    units = np.ones((24, 2), np.float32)
    empty = _emptied(replace(make_data(), units=units, features=np.ones(3)))
    assert not len(empty.inputs) and not len(empty.targets) and not len(empty.flipped)
    assert empty.units is None and empty.features is None and empty.store is None
    assert _emptied(make_data(flipped=False)).flipped is None


def test_an_outcome_is_a_result_or_what_stopped_it():
    data = make_data()
    poisoned = filled(data, [3], lambda shape: np.full(shape, np.nan))
    seen = []

    class Recording:
        def recording(self):
            return torch.no_grad()

    def fit(data, jobs):
        seen.append([len(one.predict) for one in jobs])
        if len(jobs) > 1:
            raise ValueError("two")
        if jobs[0].predict:
            raise KeyError("one")
        return [result(np.empty((0, 3)), ())]

    trial = Trial(fit, FOLD, job(), (replace(job(), subject_id="before"),), Recording())
    assert trial.outcome(data) == "two" and seen == [[3, 3]]
    assert isinstance(trial.outcome(poisoned), FitResult) and seen[1:] == [[3, 3], [0]]
    assert trial.outcome(data, (3,)) == "two" and seen[-1] == [3, 1]

    def broken(data, jobs):
        raise ValueError("NaN") if len(jobs) > 1 else KeyError("x")

    assert replace(trial, fit=broken).outcome(poisoned) == "KeyError: 'x'"


def test_overlaps_and_foreign_clips_are_told_with_their_names():
    subjects = ["a", "a", "ab", "c"]
    (found,) = check_folds(subjects, [Fold(held_out="a", train=(1, 2), test=(0, 3))], partial=True)[
        :1
    ]
    assert (found.check, found.fold) == ("subject overlap", "a")
    assert found.message == "Fold a trains on a."
    found = check_folds(subjects, [Fold(held_out="a", train=(3,), test=(0, 1, 2))], partial=True)
    assert [one.check for one in found] == ["foreign test clips"] and "also tests ab;" in (
        found[0].message
    )
    group = [Fold(held_out="group/1", train=(3,), test=(0, 1, 2))]
    assert check_folds(subjects, group, partial=True) == []
    held = check_folds(subjects, [Fold(held_out="c", train=(3,), test=(0,))], partial=True)
    assert held[0].message == "Fold c trains on c."


def test_tests_are_counted_for_each_seed():
    subjects = ["a", "b", "b"]
    whole = leave_one_subject_out(subjects)
    twice = [replace(fold, seed=seed) for seed in (0, 1) for fold in whole]
    assert check_folds(subjects, twice) == []
    (found,) = check_folds(subjects, [*whole, whole[1]])
    assert found.message.startswith(
        "0 clips are never tested and 2 more than once; 5 tests for 3 clips."
    )
    (found,) = check_folds(subjects, whole[:1])
    assert found.message.startswith("2 clips are never tested and 0 more")
    assert check_folds(subjects, whole[:1], partial=True) == []
    assert len(check_folds(subjects, [*whole, whole[1]], partial=True)) == 1


def test_equal_clips_without_motion_say_nothing_of_labels():
    data = make_data()
    data.inputs[4:7, 1:] = 0.5
    data.inputs[4:7, 0] = 0
    assert check_labels(make_subjects(), data) == []
    data.inputs[3] = data.inputs[0] = data.inputs[6] = data.inputs[9]  # one class
    assert check_labels(make_subjects(), data) == []
    data.inputs[1] = data.inputs[9]
    (found,) = check_labels(make_subjects(), data)
    assert found.message == (
        "5 equal clips of demo/s1, demo/s2, demo/s3 and 1 more have different labels."
    )


def test_names_are_listed_up_to_three():
    assert some({"b", "a", "c"}) == "a, b, c" and some(set()) == ""
    assert some({"b", "a", "c", "d"}) == "a, b, c and 1 more"
    assert some(set("abcde")) == "a, b, c and 2 more"


def test_rules_classes_ids_and_searches():
    assert check_rule("inner") == check_rule("fixed") == []
    (found,) = check_rule("held_out")
    assert (found.severity, found.fold) == ("leak", "")
    task = make_task()
    assert check_training_classes(task) == check_ids(task) == check_search(task) == []
    lacking = replace(task, folds=(Fold(held_out="demo/s1", train=(1, 4), test=(0,)),))
    (found,) = check_training_classes(lacking)
    assert (
        found.message == "Fold demo/s1 trains without any clip of class negative, class surprise."
    )
    units = np.zeros((24, 2), np.float32)
    units[:, 1] = 1
    config = task.method.action_units.model_copy(update={"units": (4, 12)})
    method = task.method.model_copy(update={"action_units": config})
    shown = replace(task, method=method, data=replace(task.data, units=units))
    assert {one.message.rpartition(" ")[2] for one in check_training_classes(shown)} == {"AU4."}
    twins = replace(task, clips=(*task.clips[:-1], replace(task.clips[-1], subject="S1")))
    (found,) = check_ids(twins)
    assert found.severity == "note" and found.message.endswith("(--same-subject A=B).")
    assert found.message[0].isupper()
    assert Protocol().leaky is False
