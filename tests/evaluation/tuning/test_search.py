"""Searches: no subject chooses their own settings, and a stop costs nothing."""

import csv
import json
import tomllib
from dataclasses import replace

import numpy as np
import optuna
import pytest
from tests.builders import make_data, make_task

from openmer.errors import ConfigError, DataError, ProtocolError
from openmer.evaluation import (
    Fold,
    Protocol,
    cross_validate,
    everybody,
    load_run,
    package_trainer,
    read_run,
    run_audit,
    run_folder,
    settled,
    shortened,
)
from openmer.evaluation._splits import groups_inside
from openmer.evaluation.audit._checks import check_search
from openmer.evaluation.audit._poison import poison_test
from openmer.evaluation.tuning._groups import SearchRun
from openmer.evaluation.tuning._sampling import Trial, best_trial, open_places, settings_of
from openmer.evaluation.tuning._search import inner_folds, search_folds
from openmer.evaluation.tuning._storage import TrialBook, open_storage
from openmer.methods import load_method, with_settings
from openmer.reports._rows import row_of
from openmer.training import Resources, fit_jobs, plan_run

ONE = Resources(device="cpu", strategy="one_by_one")
GRID = 'search={inner_folds=2,space={"training.batch_size"=[4,8],"training.epochs"=[1,2]}}'
TPE = (
    'search={sampler="tpe",trials=5,startup=2,together=2,inner_folds=2,space={'
    '"training.batch_size"=[4,8],"training.learning_rate"={low=1e-3,high=0.1,log=true}}}'
)


def search_of(text=GRID):
    return load_method("flow-mlp", [text]).search


def searching(text=GRID, clips=6, **changes):
    """A small task with a search: subjects of one, two, three and more clips."""
    return make_task(overrides=(text,), data=make_data(clips=clips, **changes))


def run_of(task, **changes):
    return SearchRun(
        epoch_rule="fixed", plan=plan_run(task.spec, [], ONE), resources=ONE, **changes
    )


def trial(place, settings=None, **changes):
    told = {"metric": 0.5, "loss": 1.0, "epoch": 1.0, "losses": ()} | changes
    return Trial(place=place, settings=settings or {}, **told)


def bytes_of(folder):
    """Predictions, choices and history; the storage holds times of day and is left out."""
    kinds = {".parquet", ".json", ".csv"}
    files = [path for path in sorted(folder.rglob("*")) if path.suffix in kinds]
    return {path.relative_to(folder): path.read_bytes() for path in files}


def test_every_fold_searches_and_the_run_says_what_it_chose(tmp_path):
    task = searching()
    folder = cross_validate(task, Protocol(), out=tmp_path, resources=ONE)
    choices = {p: json.loads(p.read_text()) for p in (folder / "search").rglob("*.json")}
    assert {choice["subject_id"] for choice in choices.values()} == {f.held_out for f in task.folds}
    for path, choice in choices.items():
        assert path.parent.name == "demo" and choice["subject_id"] == f"demo/{path.stem}"
        everybody_else = {subject_id for group in choice["groups"] for subject_id in group}
        assert everybody_else == set(task.subjects) - {choice["subject_id"]}
        scores = [one["score"] for one in choice["trials"]]
        assert choice["place"] == scores.index(max(scores))
        assert choice["settings"] == task.method.search.point(choice["place"])
    record = tomllib.loads((folder / "run.toml").read_text())
    assert record["search"]["searches"] == len(task.folds)
    assert sum(record["search"]["chosen"]["training.epochs"].values()) == len(task.folds)
    epochs = {
        choice["subject_id"]: choice["settings"]["training.epochs"] for choice in choices.values()
    }
    table = read_run(folder)
    assert all(epochs[p] == e for p, e in zip(table.subjects, table.epoch, strict=True))
    info, summary = load_run(folder)
    assert info.leaky is False
    note = next(note for note in row_of(info, summary).notes if "search" in note)
    assert note.startswith("Every fold chose training.batch_size, training.epochs by a search")


def test_the_history_has_every_trial_with_its_curve(tmp_path):
    task = searching()
    folder = cross_validate(task, Protocol(), out=tmp_path, resources=ONE)
    with (folder / "search" / "history.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 4 * len(task.folds)
    assert sum(int(row["chosen"]) for row in rows) == len(task.folds)
    for row in rows:
        curve = [float(loss) for loss in row["training_losses"].split()]
        assert len(curve) == int(row["training.epochs"])
        assert 0 <= float(row["metric"]) <= 1 and float(row["loss"]) > 0


@pytest.mark.parametrize("text", [GRID, TPE])
def test_a_stopped_search_goes_on_and_repeats_no_trial(tmp_path, text):
    task = searching(text, clips=6)
    whole = cross_validate(task, Protocol(), out=tmp_path / "whole", resources=ONE)

    def stop(stage, done, total):
        if stage == "search" and done == 5:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        cross_validate(task, Protocol(), out=tmp_path / "cut", resources=ONE, on_progress=stop)
    seen = []
    folder = cross_validate(
        task,
        Protocol(),
        out=tmp_path / "cut",
        resources=ONE,
        on_progress=lambda stage, done, total: seen.append(done) if stage == "search" else None,
    )
    assert seen[0] >= 5
    assert bytes_of(folder) == bytes_of(whole)
    url = f"sqlite:///{folder / 'search' / 'trials.db'}"
    for fold in task.folds:
        name = f"flow-mlp/{folder.name}/seed0/{fold.held_out}"
        assert finished_places(url, name) == list(range(task.method.search.places))


@pytest.mark.slow
def test_side_by_side_gives_the_same_bytes_and_seeds_can_be_added(tmp_path):
    task = searching(TPE, clips=9)
    one = cross_validate(task, Protocol(seeds=(0, 1)), out=tmp_path / "one", resources=ONE)
    two = Resources(device="cpu", strategy="side_by_side", workers=2, compiled="never")
    cross_validate(task, Protocol(), out=tmp_path / "two", resources=two)
    folder = cross_validate(task, Protocol(seeds=(0, 1)), out=tmp_path / "two", resources=two)
    assert bytes_of(folder) == bytes_of(one)


def test_a_finished_run_needs_no_storage(tmp_path):
    task = searching(clips=9)
    folder = cross_validate(task, Protocol(), out=tmp_path, resources=ONE)
    before = bytes_of(folder)
    (folder / "search" / "trials.db").unlink()
    next((folder / "folds").rglob("*.parquet")).unlink()
    cross_validate(task, Protocol(), out=tmp_path, resources=ONE)
    assert bytes_of(folder) == before
    assert not (folder / "search" / "trials.db").exists()


def finished_places(url, name):
    """Places of all finished trials of a study, each as often as it was done."""
    storage = open_storage(url)
    study = optuna.load_study(study_name=name, storage=storage)
    trials = study.get_trials(states=(optuna.trial.TrialState.COMPLETE,))
    storage.remove_session()
    storage.engine.dispose()
    return sorted(trial.user_attrs["trial"]["place"] for trial in trials)


def test_two_that_search_the_same_into_one_storage_find_the_first_of_each_trial(tmp_path):
    url = f"sqlite:///{tmp_path / 'trials.db'}"
    search = search_of()
    with TrialBook(search, "q", url) as one, TrialBook(search, "q", url) as other:
        first, second = (trial(1, search.point(1), epoch=epoch) for epoch in (1.0, 2.0))
        one.add("s", first)
        other.add("s", second)
        other.add("s", trial(0, search.point(0)))
        assert one.read("s") == other.read("s") == {0: trial(0, search.point(0)), 1: first}
    assert finished_places(url, "q/s") == [0, 1, 1]
    with TrialBook(search, "q", url) as later:
        assert later.read("s")[1] == first
        assert later.read("another search") == {}
        later._study("s").add_trial(optuna.create_trial(value=1.0))  # of another program
        assert later.read("s").keys() == {0, 1}


def test_groups_share_no_subject_and_leave_out_the_held_out_one():
    task = searching(clips=24)
    for fold in task.folds:
        inner = inner_folds(task, fold, seed=0)
        assert sorted(i for part in inner for i in part.test) == sorted(fold.train)
        for part in inner:
            assert {*part.train, *part.test} == set(fold.train)
            assert not {task.subjects[i] for i in part.train} & {
                task.subjects[i] for i in part.test
            }
        assert inner == inner_folds(task, fold, seed=0)
    alone = Fold(held_out="a", train=(1,), test=(0,))
    with pytest.raises(ProtocolError, match="trains on 1 subject"):
        groups_inside(alone, "ab", (0, 1), groups=2, rng=np.random.default_rng(0))


def test_a_grid_is_tried_in_its_order_and_of_equals_the_first_is_best():
    search = search_of()
    assert [search.point(place)["training.epochs"] for place in range(4)] == [1, 2, 1, 2]
    assert open_places(search, {1: trial(1)}) == [0, 2, 3]
    assert best_trial(search, [trial(3), trial(1), trial(2, metric=0.4)]).place == 1
    by_loss = search.model_copy(update={"score": "loss"})
    assert best_trial(by_loss, [trial(0), trial(1, loss=0.5), trial(2, loss=np.inf)]).place == 1


def test_draws_depend_on_nothing_but_earlier_rounds():
    search = search_of(TPE)
    settings = [settings_of(search, place, {}, "x") for place in (0, 1)]
    done = {place: trial(place, own, metric=place / 3) for place, own in enumerate(settings)}
    assert open_places(search, {}) == [0, 1]
    assert open_places(search, {0: done[0]}) == [1]
    assert open_places(search, done) == [2, 3]
    third = settings_of(search, 3, done, "x")
    done[2] = trial(2, settings_of(search, 2, done, "x"), metric=1.0)
    assert settings_of(search, 3, done, "x") == third
    assert open_places(search, done | {3: trial(3, third)}) == [4]
    assert settings_of(search, 1, {}, "y") != settings[1]


def test_what_is_drawn_twice_is_trained_once(monkeypatch):
    from openmer.evaluation.tuning import _groups as search_groups

    space = 'search={sampler="tpe",trials=6,startup=1,together=1,inner_folds=2,space={'
    task = searching(space + '"training.batch_size"=[4]}}', clips=6)
    trained = []

    def counted(groups, *rest):
        trained.extend(job for _, jobs in groups for job in jobs)
        return fit_groups(groups, *rest)

    fit_groups = search_groups.fit_groups
    monkeypatch.setattr(search_groups, "fit_groups", counted)
    (choice,) = search_folds(task, [(0, task.folds[0])], run_of(task))
    assert len(choice.trials) == 6 and choice.place == 0
    assert len(trained) == 2


def test_a_training_that_comes_to_nothing_is_the_worst_and_stops_nobody(tmp_path):
    grid = GRID.replace('"training.epochs"=[1,2]', '"training.learning_rate"=[1e30,1e-3]')
    task = searching(grid, clips=6)
    (choice,) = search_folds(task, [(0, task.folds[0])], run_of(task, folder=tmp_path / "m" / "h"))
    assert choice.settings["training.learning_rate"] == 1e-3


@pytest.mark.parametrize("text", [GRID, TPE])
@pytest.mark.parametrize("epoch_rule", ["fixed", "inner"])
def test_the_packages_own_search_is_clean(text, epoch_rule):
    task = shortened(searching(text, clips=24), 2)
    fit = package_trainer(task, ONE, epoch_rule)
    assert run_audit(task, fit, epoch_rule=epoch_rule, subjects=2, fresh=False) == []


@pytest.mark.parametrize("text", [GRID, TPE])
def test_a_stacked_search_is_clean(text):
    """No choice of another fold, which has seen the subject, decides who is in a stack."""
    task = shortened(searching(text, clips=24), 2)
    fit = package_trainer(task, Resources(device="cpu", strategy="stacked"))
    assert run_audit(task, fit, subjects=2, fresh=False) == []


def test_a_search_for_a_support_vector_machine_is_clean():
    method = load_method("flow-svm", ["search.space={training.c=[0.1, 10.0]}"])
    task = replace(searching(clips=24), method=method)
    assert run_audit(task, package_trainer(task, ONE), subjects=1, fresh=False) == []


class _LeakySearch:
    """Settings chosen as the field often does it: by the score on the held-out subjects."""

    def __init__(self, task, everybody_at_once):
        self.task, self.everybody_at_once = task, everybody_at_once

    def __call__(self, data, jobs):
        task = replace(self.task, data=data)
        points = [task.method.search.point(place) for place in range(4)]
        results = [[self._fit(task, job, point) for point in points] for job in jobs]
        scores = np.array([[self._score(data, one) for one in of_job] for of_job in results])
        if self.everybody_at_once:
            scores[:] = scores.mean(axis=0)
        return [of_job[int(row.argmax())] for of_job, row in zip(results, scores, strict=True)]

    @staticmethod
    def _fit(task, job, point):
        spec = replace(task, method=with_settings(task.method, point)).spec
        (result,) = fit_jobs([job], spec, task.data, plan_run(spec, [job], ONE))
        return replace(result, settings=point)

    @staticmethod
    def _score(data, result):
        truth = data.targets[list(result.job.predict)]
        chosen = result.scores[np.arange(len(truth)), truth]
        return np.nan_to_num(np.log(chosen), nan=-99.0).mean() if len(truth) else -99.0


@pytest.mark.parametrize("everybody_at_once", [False, True])
def test_a_search_on_the_held_out_subjects_is_caught(everybody_at_once):
    task = searching(clips=24)
    found = poison_test(task, _LeakySearch(task, everybody_at_once), epoch_rule="fixed", subjects=3)
    leaks = [finding for finding in found if finding.severity == "leak"]
    assert leaks
    assert any("chooses training.batch_size" in finding.message for finding in leaks)


def test_settings_that_a_subject_chose_are_refused_on_that_subject(tmp_path):
    task = searching(clips=9)
    known = settled(task, everybody(task), epoch_rule="fixed", resources=ONE)
    searched = known.method.searched
    assert searched.subjects == tuple(sorted(set(task.subjects)))
    assert (searched.trials, searched.clips, known.method.search) == (4, 9, None)
    assert known.method.training.epochs == searched.settings["training.epochs"]
    with pytest.raises(ProtocolError, match=r"demo/s1 for one, chose the settings.*\[search\]"):
        cross_validate(known, Protocol(), out=tmp_path, resources=ONE)
    assert {finding.fold for finding in check_search(known)} == set(task.subjects)
    others = make_task(data=make_data(clips=9), subjects=[f"else/{p[5:]}" for p in task.subjects])
    unseen = replace(others, method=known.method)
    assert check_search(unseen) == []
    assert (
        load_run(cross_validate(unseen, Protocol(), out=tmp_path, resources=ONE))[0].leaky is False
    )


def test_a_search_is_part_of_the_question(tmp_path):
    folders = {
        run_folder(searching(text), Protocol(), tmp_path)
        for text in (GRID, TPE, GRID.replace("folds=2", "folds=3"))
    }
    assert len(folders) == 3


@pytest.mark.parametrize(
    ("url", "kind", "message"),
    [
        ("nonsense", ConfigError, "'nonsense' cannot be opened"),
        ("sqlite:////nowhere/at/all.db", DataError, "cannot be reached: unable to open"),
        ("foo://me:secret@there/x", ConfigError, r"foo://(me:\*\*\*@)?there/x cannot be opened"),
    ],
)
def test_a_storage_that_is_none_is_one_clear_error(tmp_path, url, kind, message):
    with pytest.raises(kind, match=message):
        cross_validate(searching(), Protocol(), out=tmp_path, resources=ONE, storage=url)


def test_the_proof_takes_the_corners_of_a_search():
    long = 'search={space={"training.epochs"=[50,100,200],"training.batch_size"=[4,8,16]}}'
    brief = shortened(searching(long), 4).method
    assert brief.training.epochs == 3
    assert brief.search.space == {"training.epochs": (4,), "training.batch_size": (4, 16)}
    few = shortened(searching(TPE.replace("trials=5", "trials=50")), 4).method.search
    assert (few.trials, few.startup) == (4, 2)


def test_flipped_copies_are_prepared_where_a_trial_may_draw_them():
    from openmer.evaluation._experiment import _draws_flipped

    plain = ("training.flip_probability=0.0",)
    space = 'search.space={"training.flip_probability"=[0.0,0.5]}'
    assert not _draws_flipped(load_method("flow-mlp", plain))
    assert _draws_flipped(load_method("flow-mlp", (*plain, space)))


@pytest.mark.parametrize("text", [GRID, TPE])
def test_a_list_can_be_a_value_of_a_search(tmp_path, text):
    weights = '"loss.class_weights"=[[1.0,2.0,3.0],[1.0,1.0,1.0]]'
    text = text.replace('"training.batch_size"=[4,8]', weights).replace("trials=5", "trials=3")
    task = searching(text, clips=6)
    folder = tmp_path / "m" / "h"
    url = f"sqlite:///{tmp_path / 'trials.db'}"
    asked = run_of(task, folder=folder, storage=url)
    (choice,) = search_folds(task, [(0, task.folds[0])], asked)
    assert choice.settings["loss.class_weights"] in [(1.0, 2.0, 3.0), (1.0, 1.0, 1.0)]
    (again,) = search_folds(task, [(0, task.folds[0])], asked)
    assert (again.settings, again.place) == (choice.settings, choice.place), "read back"
    method = with_settings(task.method, choice.settings)
    assert method.loss.class_weights == choice.settings["loss.class_weights"]
