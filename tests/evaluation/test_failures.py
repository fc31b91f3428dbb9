"""Clips that cannot be prepared: dropped everywhere alike, recorded, and never in silence."""

import tomllib

import numpy as np
import pytest
from tests.evaluation.test_run import ONE, bytes_of, flow_clips

from openmer.errors import DataError, ProtocolError
from openmer.evaluation import (
    Protocol,
    cross_validate,
    evaluate,
    load_run,
    prepare_task,
    run_folder,
)
from openmer.methods import load_method
from openmer.preprocessing import Failure, Failures, StepError, listed, step_of
from openmer.preprocessing._failures import StoreError

WORDS = ("happiness", "disgust", "surprise", "fear", "positive", "surprise")
LABELS = WORDS + WORDS[::-1]  # three subjects take turns, so each has every class


def spoilt(clips, *numbers):
    for number in numbers:
        clips[number].flow_path.write_bytes(b"no image")
    return clips


def task_of(clips, **options):
    return prepare_task(load_method("flow-svm"), clips, protocol=Protocol(), workers=1, **options)


def test_they_leave_clips_classes_arrays_and_folds_alike(tmp_path):
    clips = flow_clips(tmp_path, LABELS)
    good = [clip for i, clip in enumerate(clips) if i not in (2, 7)]
    alone = task_of(good)
    task = task_of(spoilt(clips, 2, 7))
    assert task.clips == alone.clips == tuple(good)
    assert task.data.token() == alone.data.token()
    assert task.folds == alone.folds
    assert [(f.clip, f.step) for f in task.failures] == [(clips[i].key, "read") for i in (2, 7)]
    assert all(clip.flow_path.name in f.reason for clip, f in zip(
        (clips[2], clips[7]), task.failures, strict=True))  # fmt: skip
    assert (task.lost_subjects, alone.failures) == ((), ())


def test_the_same_clips_chosen_on_purpose_are_another_question(tmp_path):
    clips = flow_clips(tmp_path, LABELS)
    alone = run_folder(task_of(clips[1:]), Protocol(), tmp_path)
    task = task_of(spoilt(clips, 0))
    assert run_folder(task, Protocol(), tmp_path) != alone
    assert run_folder(task, Protocol(), tmp_path) == run_folder(
        task_of(clips), Protocol(), tmp_path
    )


def test_the_run_names_each_clip_with_its_reason(tmp_path):
    clips = spoilt(flow_clips(tmp_path, LABELS), 4)
    folder = evaluate(
        load_method("flow-svm"), clips, Protocol(), out=tmp_path / "runs", resources=ONE
    )
    record = tomllib.loads((folder / "run.toml").read_text())
    assert record["failures"] == [
        {"clip": clips[4].key, "step": "read", "reason": record["failures"][0]["reason"]}
    ]
    assert "4.png" in record["failures"][0]["reason"]
    assert (record["run"]["clips"], record["run"]["lost_subjects"]) == (11, [])
    info, summary = load_run(folder)
    assert (info.asked, info.clips, summary.clips) == (12, 11, 11)


def test_an_interrupted_run_with_failures_goes_on_to_the_same_bytes(tmp_path):
    task = task_of(spoilt(flow_clips(tmp_path, LABELS), 0))
    whole = cross_validate(task, Protocol(), out=tmp_path / "whole", resources=ONE)

    def stop(stage, done, total):
        if done == 1:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        cross_validate(task, Protocol(), out=tmp_path / "cut", resources=ONE, on_progress=stop)
    again = task_of(list(flow_clips_again(tmp_path)))
    folder = cross_validate(again, Protocol(), out=tmp_path / "cut", resources=ONE)
    assert folder.name == whole.name
    assert len(bytes_of(folder)) == 3
    assert bytes_of(folder) == bytes_of(whole)
    assert load_run(folder)[0].failures == load_run(whole)[0].failures


def flow_clips_again(folder):
    """The clips of `folder` as a later process reads them: the broken image is still broken."""
    broken = (folder / "0.png").read_bytes()
    clips = flow_clips(folder, LABELS)
    (folder / "0.png").write_bytes(broken)
    return clips


def test_a_subject_without_clips_has_no_fold_and_is_named(tmp_path):
    task = task_of(spoilt(flow_clips(tmp_path, LABELS), 0, 3, 6, 9))
    assert task.lost_subjects == ("demo/s0",)
    assert [fold.held_out for fold in task.folds] == ["demo/s1", "demo/s2"]
    info = load_run(cross_validate(task, Protocol(), out=tmp_path / "runs", resources=ONE))[0]
    assert (info.subjects, info.lost_subjects) == (2, ("demo/s0",))


def test_a_lost_class_a_lone_subject_and_nothing_at_all_are_refused(tmp_path):
    clips = flow_clips(tmp_path, LABELS)
    spoilt(clips, 2, 5, 6, 9)
    with pytest.raises(ProtocolError, match=r"(?s)class surprise is left.*4 clips could not"):
        task_of(clips)
    clips = flow_clips(tmp_path, LABELS)
    spoilt(clips, *(i for i in range(12) if i % 3))
    message = r"(?s)needs two subjects.*found demo/s0.*8 clips could not"
    with pytest.raises(ProtocolError, match=message):
        task_of(clips)
    with pytest.raises(DataError, match="No clip was prepared"):
        task_of(spoilt(clips, *range(12)))


def test_as_errors_the_first_one_stops(tmp_path):
    clips = spoilt(flow_clips(tmp_path, LABELS), 3)
    with pytest.raises(DataError, match=r"3\.png"):
        task_of(clips, on_failure="error")


def test_labels_are_permuted_over_the_clips_that_are_left(tmp_path):
    clips = flow_clips(tmp_path, LABELS)
    shuffled = Protocol(label_permutation=3)
    alone = prepare_task(load_method("flow-svm"), clips[1:], protocol=shuffled, workers=1)
    left = prepare_task(load_method("flow-svm"), spoilt(clips, 0), protocol=shuffled, workers=1)
    np.testing.assert_array_equal(left.data.targets, alone.data.targets)


def test_a_cache_that_cannot_be_written_to_is_no_fault_of_a_clip():
    failures = Failures("list")
    with pytest.raises(StoreError):
        failures.add(StoreError("the disk is full"), "demo/s0/a")
    with pytest.raises(StoreError), step_of("demo/s0/a", "align"):
        raise StoreError("the disk is full")
    failures.add(StepError("demo/s0/a", "align", "no face"), "demo/s0/a")
    assert len(failures) == 1


def test_the_list_is_counted_by_step():
    found = [Failure(clip=f"a/b/{i}", step=step, reason="No.") for i, step in enumerate("zzy")]
    assert listed(found, of=442).splitlines() == [
        "3 of 442 clips could not be prepared:",
        "  y: 1 clip",
        "    a/b/2: No.",
        "  z: 2 clips",
        "    a/b/0: No.",
        "    a/b/1: No.",
    ]
    assert listed([]) == ""


def test_two_clips_of_one_key_are_refused_before_labels_could_shift(tmp_path):
    clips = flow_clips(tmp_path, LABELS)
    with pytest.raises(DataError, match="more than once"):
        task_of([*clips, clips[0]])
