"""The audit passes what is honest and catches every leak planted here."""

from dataclasses import replace
from inspect import signature

import numpy as np
import pytest
import torch
from tests.builders import make_data, make_subjects, make_task
from torch import nn

import openmer
from openmer.errors import ConfigError
from openmer.evaluation import (
    Fold,
    Protocol,
    audit_method,
    package_trainer,
    run_audit,
    shortened,
)
from openmer.evaluation._splits import leave_one_subject_out
from openmer.evaluation.audit._checks import (
    check_folds,
    check_labels,
    check_pretraining,
    check_rule,
)
from openmer.evaluation.audit._poison import poison_test
from openmer.evaluation.audit._trainings import Budget
from openmer.methods import load_method
from openmer.models import create_model, save_weights
from openmer.training import FitResult, Resources, Validation
from openmer.training import _perturb as perturb
from openmer.training._folds import digest
from openmer.training._loop import fit as fit_loop
from openmer.training._single import SingleLearner


def leaks(findings):
    return [finding for finding in findings if finding.severity == "leak"]


def poisoned(task, fit, **options):
    return leaks(
        poison_test(task, fit, **({"epoch_rule": "fixed", "subjects": 0, "fresh": False} | options))
    )


@pytest.mark.parametrize("strategy", ["one_by_one", "stacked"])
@pytest.mark.parametrize("epoch_rule", ["fixed", "inner"])
@pytest.mark.parametrize(
    ("method", "overrides"),
    [
        ("flow-mlp", ()),
        ("flow-mlp", ("training.flip_probability=0.5", "training.batch_size=5")),
        ("ststnet", ("training.order=class_by_class",)),
        ("flow-mlp", ("training.perturb.every=1", "training.perturb.noise=0.3")),
        ("flow-mlp", ("training.perturb.every=2", "training.perturb.unit=step")),
    ],
)
def test_the_packages_own_training_is_clean(method, overrides, epoch_rule, strategy):
    task = make_task(method, overrides, data=make_data(size=14, flipped=True))
    fit = package_trainer(task, Resources(device="cpu", strategy=strategy))
    assert run_audit(task, fit, epoch_rule=epoch_rule, subjects=2, fresh=False) == []


def test_the_support_vector_machine_is_clean():
    task = make_task("flow-svm")
    assert run_audit(task, package_trainer(task, Resources()), subjects=0, fresh=False) == []


def test_the_held_out_rule_is_a_leak_by_name_and_by_poison():
    task = make_task(overrides=("training.epochs=8", "training.learning_rate=0.05"))
    fit = package_trainer(task, Resources(device="cpu", strategy="one_by_one"))
    assert leaks(check_rule("held_out"))
    assert poisoned(task, fit, epoch_rule="held_out")


class _Planted:
    """A small trainer of one's own, with one leak at a time."""

    def __init__(self, leak=""):
        self.leak = leak

    def __call__(self, data, jobs):
        carried, results = None, []
        for job in jobs:
            torch.manual_seed(job.seed)
            model = nn.Linear(data.inputs[0].size, data.num_classes)
            if self.leak == "weights carried over" and carried is not None:
                model.load_state_dict(carried)
            results.append(self._fit(model, data, job))
            carried = {name: value.clone() for name, value in model.state_dict().items()}
        return results

    def _fit(self, model, data, job):
        rows = list(job.train)
        if self.leak == "substring subject match":
            rows += list(job.predict[:1])
        seen = data.inputs if self.leak == "normalised over all clips" else data.inputs[rows]
        inputs = (data.inputs - seen.mean(axis=0)) / (seen.std(axis=0) + 1)
        if self.leak == "augmented copies":
            inputs = np.concatenate([inputs, inputs + 0.01])
            rows += [data.clips + i for i in range(data.clips)]
        targets = torch.from_numpy(np.concatenate([data.targets, data.targets]))
        x, index = torch.from_numpy(inputs.astype(np.float32)).flatten(1), torch.tensor(rows)
        optimizer = torch.optim.SGD(model.parameters(), lr=0.05)
        losses, best, kept = [], -1.0, None
        for _ in range(6):
            logits = model(x[index])
            if self.leak == "batch statistics over everybody":
                logits = logits - model(x).mean(dim=0)
            loss = nn.functional.cross_entropy(logits, targets[index])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            losses.append(float(loss.detach()))
            if self.leak == "epoch chosen on the held-out subject":
                test = list(job.predict)
                right = (model(x[test]).argmax(1) == targets[test]).float().mean().item()
                if right > best:
                    best, kept = right, {k: v.clone() for k, v in model.state_dict().items()}
        if kept is not None:
            model.load_state_dict(kept)
        state = {name: value.detach().numpy() for name, value in model.state_dict().items()}
        scores = model(x[list(job.predict)]).detach().numpy()
        return FitResult(
            job=job, scores=scores, epoch=6, losses=tuple(losses), weights_sha256=digest(state)
        )


def planted_task():
    return make_task(data=make_data(clips=40), subjects=make_subjects(40))


def test_an_honest_trainer_of_ones_own_passes():
    assert poisoned(planted_task(), _Planted()) == []


@pytest.mark.parametrize(
    ("field", "value", "found"),
    [
        ("weights_sha256", None, "weights_sha256 is NoneType, expected text"),
        ("losses", None, "losses is NoneType, expected a number per epoch"),
        ("losses", (0.5, None), "losses is tuple"),
        ("epoch", "last", "epoch is str, expected a whole number"),
        ("settings", 3, "settings is int, expected a mapping"),
        ("scores", 0.5, "scores is float, expected a row of numbers per clip"),
    ],
)
def test_a_result_of_another_type_is_told_by_its_field(field, value, found):
    def fit(data, jobs):
        return [replace(result, **{field: value}) for result in _Planted()(data, jobs)]

    with pytest.raises(ConfigError, match=found):
        poisoned(planted_task(), fit)


def test_tensors_that_still_know_their_gradient_are_results_too():
    def known(values):
        return torch.tensor(values, requires_grad=True)

    def fit(data, jobs):
        (made,) = _Planted()(data, jobs[-1:])
        losses = tuple(map(known, made.losses))
        return [replace(made, scores=known(made.scores), losses=losses)]

    assert poisoned(planted_task(), fit, subjects=1) == []


@pytest.mark.parametrize(
    "leak",
    [
        "batch statistics over everybody",
        "normalised over all clips",
        "epoch chosen on the held-out subject",
        "weights carried over",
        "substring subject match",
        "augmented copies",
    ],
)
def test_a_planted_leak_is_caught(leak):
    found = poisoned(planted_task(), _Planted(leak))
    assert found
    assert all(finding.fold and finding.message for finding in found)


def test_a_stopping_rule_that_watches_the_held_out_subject_is_caught():
    """The loop of this package, given a job that watches its test clips."""
    task = make_task(overrides=("training.epochs=8", "training.learning_rate=0.05"))

    def fit(data, jobs):
        learner = SingleLearner(task.spec, data, device="cpu", compiled=False)
        validation_clips = [
            replace(j, validation=Validation(clips=j.predict, score="loss")) for j in jobs
        ]
        return [fit_loop([job], learner, task.spec.training, data)[0] for job in validation_clips]

    assert poisoned(task, fit)


def test_a_training_that_stops_on_nan_is_reported_as_reading_it():
    def fit(data, jobs):
        if np.isnan(data.inputs).any():
            raise ValueError("Input contains NaN")
        return _Planted()(data, jobs)

    (finding, *_) = poisoned(planted_task(), fit)
    assert "reads them" in finding.message


def test_subject_overlap_and_foreign_clips_are_found():
    subjects = ["smic/s1", "smic/s11", "smic/s2"]
    substring = Fold(held_out="smic/s1", train=(2,), test=(0, 1))
    overlap = Fold(held_out="smic/s2", train=(0, 2), test=(2,))
    checks = {finding.check for finding in leaks(check_folds(subjects, [substring, overlap]))}
    assert checks == {"foreign test clips", "subject overlap"}


def test_clips_tested_twice_or_never_are_found():
    folds = leave_one_subject_out(["a/1", "a/1", "a/2"])
    assert check_folds(["a/1", "a/1", "a/2"], folds) == []
    broken = [folds[0], Fold(held_out="a/2", train=(0,), test=())]
    (finding,) = check_folds(["a/1", "a/1", "a/2"], broken)
    assert "1 clips are never tested" in finding.message


def test_equal_clips_of_one_subject_with_two_labels_are_noted():
    data = make_data()
    data.inputs[23] = data.inputs[22]
    (finding,) = check_labels(make_subjects(), data)
    assert (finding.severity, finding.check) == ("note", "label conflict")


def test_equal_clips_with_other_action_units_are_noted():
    data = make_data()
    units = np.zeros((24, 2), np.float32)
    units[3], units[6] = (1, np.nan), (0, 1)
    data = replace(data, targets=np.zeros_like(data.targets), num_classes=0, units=units)
    data.inputs[3] = data.inputs[6]
    (finding,) = check_labels(make_subjects(), data)
    assert "different action units" in finding.message
    units[6, 0] = np.nan
    assert check_labels(make_subjects(), data) == []


def test_a_fold_that_lacks_a_class_is_noted():
    data = make_data()
    subjects = ["a/rare" if target == 2 else f"a/{i}" for i, target in enumerate(data.targets)]
    task = make_task(data=data, subjects=subjects)
    fit = package_trainer(task, Resources(device="cpu"))
    notes = [f for f in run_audit(task, fit, subjects=1, fresh=False) if f.check == "classes"]
    assert "a/rare" in notes[0].message and "surprise" in notes[0].message


def pretrained_task(folder, subjects):
    """A task whose folds start from weights that say whose pictures made them."""
    path = folder / "made.safetensors"
    state = create_model("flow_mlp", size=8).state_dict()
    save_weights(path, state, {"subjects": subjects} if subjects else {})
    return make_task(overrides=(f"model.weights={path}",))


def test_pictures_of_a_tested_subject_in_the_pretraining_are_a_leak(tmp_path):
    named = {"named": ["ckplus/S005", "demo/s2", "demo/s22"], "unnamed": [], "unknown": []}
    task = pretrained_task(tmp_path, named)
    fit = package_trainer(task, Resources(device="cpu"))
    found = run_audit(task, fit, subjects=1, fresh=False)
    (leak,) = leaks(found)
    assert (leak.check, leak.fold) == ("pretraining", "demo/s2")
    assert "demo/s2" in leak.message and "made.safetensors" in leak.message
    assert found == [leak]


def test_a_pretraining_on_other_subjects_is_clean(tmp_path):
    assert check_pretraining(pretrained_task(tmp_path, {"named": ["ckplus/S005"]})) == []
    assert check_pretraining(make_task()) == []


@pytest.mark.parametrize(
    ("subjects", "said"),
    [
        ({"unnamed": ["fer2013", "rafdb"]}, "Pictures of fer2013, rafdb made the weights"),
        ({"unnamed": ["demo"]}, "It is likely of demo, which is tested here"),
        ({"unknown": ["old.safetensors"]}, "weights old.safetensors do not say whose pictures"),
        (None, "weights made.safetensors do not say whose pictures"),
    ],
)
def test_where_nobody_is_named_a_note_says_that_it_cannot_be_checked(tmp_path, subjects, said):
    (finding,) = check_pretraining(pretrained_task(tmp_path, subjects))
    assert (finding.severity, finding.fold) == ("note", "")
    assert said in finding.message and "cannot be checked" in finding.message


def test_the_weights_of_the_package_can_be_checked_no_further_than_a_note():
    method = load_method("efficient-me")
    (finding,) = check_pretraining(replace(make_task(), method=method))
    assert finding.severity == "note"
    assert "fer2013" in finding.message


def test_a_noise_as_wide_as_everybodys_clips_is_caught(monkeypatch):
    """The spread that noise is a share of is one more thing that a fold could learn of others."""
    task = make_task(overrides=("training.perturb.every=1",))
    fit = package_trainer(task, Resources(device="cpu", strategy="one_by_one"))
    assert poisoned(task, fit, subjects=2) == []
    own = perturb._spreads

    def everybodys(data, jobs):
        return own(data, [replace(job, train=tuple(range(data.clips))) for job in jobs])

    monkeypatch.setattr(perturb, "_spreads", everybodys)
    assert poisoned(task, fit, subjects=2)


def test_shortening_brings_perturbed_epochs_into_the_proof():
    task = replace(make_task(), method=load_method("rrmfnet-pt"))
    brief = shortened(task, 3).method.training
    assert (brief.epochs, brief.perturb.every) == (3, 1)
    assert shortened(task, 500) is task
    never = load_method("rrmfnet-pt", ("training.perturb.every=0",))
    assert shortened(replace(task, method=never), 3).method.training.perturb.every == 0


def test_a_budget_of_time_ends_the_audit_after_a_whole_subject():
    budget = Budget(3.5)
    for folds in (1, 2, 3):
        assert budget.allows_another()
        budget.folds, budget._began = folds, budget._began - 60
    assert not budget.allows_another()
    assert Budget(folds=3, _began=0.0).allows_another()
    task, resources = make_task(), Resources(device="cpu", strategy="one_by_one")
    record = audit_method(task, Protocol(), resources, epochs=1, minutes=1e-9)
    assert record.subjects == 1 and "1 of 7 held-out subjects" in record.state


def test_every_way_to_an_audit_has_the_same_defaults_and_a_bound_of_zero_is_none():
    ways = [signature(one).parameters for one in (openmer.audit, audit_method, run_audit)]
    for name in ("subjects", "epochs"):
        assert len({way[name].default for way in ways if name in way}) == 1
    assert Budget(ways[1]["minutes"].default, folds=9, _began=0.0).allows_another()


def test_shortening_never_lengthens():
    task = make_task()
    assert shortened(task, 2).method.training.epochs == 2
    assert shortened(task, 99) is task


def test_a_shortened_stage_still_slows_down_and_stops():
    task = replace(make_task(), method=load_method("dense-attention"))
    (brief,) = shortened(task, 4).method.training.stages
    assert (brief.epochs, brief.patience, brief.plateau_patience) == (4, 2, 1)
    as_it_was = shortened(task, 200).method.training.stages
    assert as_it_was == task.method.training.stages
