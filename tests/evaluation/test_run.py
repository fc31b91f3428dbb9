"""A run: the same bytes again, resumed after any stop, everything recorded."""

import tomllib
from dataclasses import replace

import numpy as np
import pytest
import torch
from tests.builders import make_clip, make_data, make_task

from openmer.errors import DataError, ProtocolError
from openmer.evaluation import (
    Protocol,
    cross_validate,
    fold_jobs,
    load_run,
    prepare_task,
    read_run,
    run_folder,
)
from openmer.evaluation._cross_validate import fold_path
from openmer.methods import load_method
from openmer.models import create_model, save_weights
from openmer.training import Resources

ONE = Resources(device="cpu", strategy="one_by_one")


def bytes_of(folder):
    return {p.relative_to(folder): p.read_bytes() for p in sorted(folder.rglob("*.parquet"))}


def test_a_run_stores_every_clip_once_and_says_how_it_was_made(tmp_path):
    task, protocol = make_task(), Protocol(seeds=(0, 1))
    folder = cross_validate(
        task, protocol, out=tmp_path, resources=ONE, command="openmer evaluate x"
    )
    table = read_run(folder)
    assert sorted(table.clips) == sorted(2 * [clip.key for clip in task.clips])
    assert set(table.epoch) == {3}
    record = tomllib.loads((folder / "run.toml").read_text())
    assert record["run"]["seeds"] == [0, 1]
    assert record["run"]["leaky"] is False
    assert record["run"]["command"] == "openmer evaluate x"
    assert record["method"]["training"]["epochs"] == 3
    assert record["plan"]["strategy"] == "one_by_one"
    assert {"openmer", "python", "torch"} <= set(record["versions"])
    info, summary = load_run(folder)
    assert (info.parameters, summary.clips) == (task.parameters, 24)


def test_running_again_changes_nothing_and_elsewhere_gives_the_same_bytes(tmp_path):
    task, protocol = make_task(), Protocol()
    folder = cross_validate(task, protocol, out=tmp_path / "a", resources=ONE)
    stamps = {path: path.stat().st_mtime_ns for path in folder.rglob("*") if path.is_file()}
    assert cross_validate(task, protocol, out=tmp_path / "a", resources=ONE) == folder
    assert {path: path.stat().st_mtime_ns for path in stamps} == stamps
    other = cross_validate(task, protocol, out=tmp_path / "b", resources=ONE)
    assert bytes_of(other) == bytes_of(folder)


def test_an_interrupted_run_goes_on_where_it_stopped(tmp_path):
    task, protocol = make_task(), Protocol()
    whole = cross_validate(task, protocol, out=tmp_path / "whole", resources=ONE)

    def stop(stage, done, total):
        if done == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        cross_validate(task, protocol, out=tmp_path / "cut", resources=ONE, on_progress=stop)
    folder = run_folder(task, protocol, tmp_path / "cut")
    kept = bytes_of(folder)
    assert len(kept) == 2
    assert not list(folder.rglob("*.tmp*"))
    with pytest.raises(DataError, match="no seed"):
        load_run(folder)
    seen = []
    cross_validate(
        task, protocol, out=tmp_path / "cut", resources=ONE, on_progress=lambda *s: seen.append(s)
    )
    assert seen[0] == ("train", 2, len(task.folds))
    assert bytes_of(folder) == bytes_of(whole)


def test_seeds_can_be_added_later(tmp_path):
    task = make_task()
    first = cross_validate(task, Protocol(seeds=(0,)), out=tmp_path, resources=ONE)
    before = bytes_of(first)
    again = cross_validate(task, Protocol(seeds=(0, 1)), out=tmp_path, resources=ONE)
    assert again == first
    assert before.items() <= bytes_of(first).items()
    assert load_run(first)[1].seeds == (0, 1)


def test_other_weights_to_start_from_are_another_question(tmp_path):
    path = tmp_path / "start.safetensors"
    folders = set()
    for value in (1.0, 2.0):
        save_weights(path, {"a": torch.tensor([value])}, {})
        task = make_task(overrides=(f'model.weights="{path.as_posix()}"',))
        folders.add(run_folder(task, Protocol(), tmp_path))
    assert len(folders) == 2


def test_a_run_from_weights_that_have_seen_a_tested_subject_is_leaky(tmp_path):
    path = tmp_path / "start.safetensors"
    state = create_model("flow_mlp", size=8).state_dict()
    for named, seen in ((["demo/s3", "x/s1"], ("demo/s3",)), (["x/s1"], ())):
        save_weights(path, state, {"subjects": {"named": named}})
        task = make_task(overrides=(f'model.weights="{path.as_posix()}"',))
        info, _ = load_run(cross_validate(task, Protocol(), out=tmp_path / "runs", resources=ONE))
        assert (info.epoch_rule, info.seen_subjects, info.leaky) == ("fixed", seen, bool(seen))


def test_different_questions_have_different_folders(tmp_path):
    task = make_task()
    questions = {
        run_folder(task, Protocol(), tmp_path),
        run_folder(task, Protocol(epoch_rule="inner"), tmp_path),
        run_folder(task, Protocol(label_permutation=1), tmp_path),
        run_folder(make_task(overrides=("training.epochs=4",)), Protocol(), tmp_path),
        run_folder(make_task(data=make_data(seed=1)), Protocol(), tmp_path),
    }
    assert len(questions) == 5
    assert run_folder(task, Protocol(seeds=(5,)), tmp_path) in questions


def test_a_hostile_subject_id_stays_inside_the_run(tmp_path):
    (job, *_) = fold_jobs(make_task(), "fixed", 0)
    from dataclasses import replace

    path = fold_path(tmp_path, replace(job, subject_id="corpus/../../x y"))
    assert path.resolve().is_relative_to(tmp_path.resolve())


def test_the_inner_rule_never_shows_the_held_out_subject():
    task = make_task()
    for fold, job in zip(task.folds, fold_jobs(task, "inner", 0), strict=True):
        seen = {*job.train, *job.validation.clips}
        assert seen == set(fold.train)
        assert not seen & set(fold.test)
        assert not {task.subjects[i] for i in job.train} & {
            task.subjects[i] for i in job.validation.clips
        }


def test_the_fixed_rule_watches_nothing_and_the_leaky_one_the_test_clips():
    task = make_task()
    assert all(job.validation is None for job in fold_jobs(task, "fixed", 0))
    for fold, job in zip(task.folds, fold_jobs(task, "held_out", 0), strict=True):
        assert job.validation.clips == fold.test
    assert Protocol(epoch_rule="held_out").leaky
    assert not Protocol(epoch_rule="inner").leaky


def test_the_leaky_rule_scores_higher_on_labels_without_signal(tmp_path):
    rng = np.random.default_rng(0)
    data = make_data(clips=80)
    data.targets[:] = rng.permutation(data.targets)
    data.inputs[:] = rng.normal(size=data.inputs.shape)
    subjects = [f"demo/s{i // 2}" for i in range(80)]
    overrides = (
        "training.epochs=25",
        "training.learning_rate=0.01",
        "training.flip_probability=0.0",
    )
    task = make_task(data=data, subjects=subjects, overrides=overrides)
    scores = {}
    for rule in ("fixed", "held_out"):
        folder = cross_validate(task, Protocol(epoch_rule=rule), out=tmp_path, resources=ONE)
        scores[rule] = load_run(folder)[1].uf1
    assert scores["held_out"] > scores["fixed"] + 0.1


def flow_clips(folder, labels):
    from PIL import Image

    rng = np.random.default_rng(0)
    clips = []
    for i, label in enumerate(labels):
        path = folder / f"{i}.png"
        Image.fromarray(rng.integers(0, 255, (28, 28, 3), dtype=np.uint8)).save(path)
        clip = make_clip(subject=f"s{i % 3}", name=f"c{i}", emotion=label)
        from dataclasses import replace

        clips.append(replace(clip, flow_path=path))
    return clips


def test_prepared_from_clips_with_labels_dropped_and_shuffled(tmp_path):
    labels = ["happiness", "disgust", "surprise", "others", "anger", "positive"]
    clips = flow_clips(tmp_path, labels)
    method = load_method("ststnet")
    task = prepare_task(method, clips, protocol=Protocol())
    assert [clip.emotion for clip in task.clips] == [w for w in labels if w != "others"]
    assert task.data.targets.tolist() == [1, 0, 2, 0, 1]
    assert task.data.inputs.shape == (5, 3, 28, 28)
    shuffled = prepare_task(method, clips, protocol=Protocol(label_permutation=3))
    assert sorted(shuffled.data.targets) == sorted(task.data.targets)


def test_a_prepared_task_says_which_units_are_present_without_a_level(tmp_path):
    clips = flow_clips(tmp_path, ["happiness"] * 4)
    texts = ("4+7", "4B", "0", "?")
    clips = [replace(c, action_units=text) for c, text in zip(clips, texts, strict=True)]
    units = ["task=action_units", "action_units.units=[4]", "action_units.intensity=true"]
    task = prepare_task(load_method("flow-mlp", units), clips, protocol=Protocol())
    assert task.data.units.ravel().tolist() == pytest.approx([np.nan, 0.4, 0], nan_ok=True)
    assert task.present.ravel().tolist() == [1, 1, 0]


def test_a_missing_class_and_an_odd_label_are_one_clear_error(tmp_path):
    method = load_method("ststnet")
    with pytest.raises(ProtocolError, match="No clip of class surprise"):
        prepare_task(
            method, flow_clips(tmp_path, ["happiness", "fear", "fear"]), protocol=Protocol()
        )
    with pytest.raises(DataError, match=r"demo/s0/c0: Label 'joy' .* is outside the scheme"):
        prepare_task(method, flow_clips(tmp_path, ["joy", "fear"]), protocol=Protocol())
