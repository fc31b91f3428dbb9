"""Protocols: every clip in its place, no subject on both sides, and the audit over groups."""

from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.builders import make_clip, make_task

from openmer.datasets import read_folds
from openmer.errors import ConfigError, DataError, ProtocolError
from openmer.evaluation import (
    Protocol,
    ProtocolSplitter,
    cross_validate,
    load_run,
    make_folds,
    package_trainer,
    register_protocol,
    run_audit,
)
from openmer.evaluation._protocols import CD6ME, PROTOCOLS
from openmer.evaluation.audit._checks import check_folds
from openmer.reports._rows import row_of
from openmer.training import Resources


def clips_of(*subjects):
    """Clips of subjects "corpus/subject", with the classes 0, 1, 2, 0, ..."""
    clips = [make_clip(*one.split("/"), name=f"c{i}") for i, one in enumerate(subjects)]
    return clips, [i % 3 for i in range(len(clips))]


def in_groups(spec, method="flow-svm", **changes):
    task = make_task(method)
    corpora = CD6ME if spec == "cd6me" else ("a", "b")
    clips = tuple(replace(c, corpus=corpora[i % len(corpora)]) for i, c in enumerate(task.clips))
    if spec.startswith("file:"):
        subjects = sorted({clip.subject_id for clip in clips})
        rows = [f"{i % 3},{subject}" for i, subject in enumerate(subjects)]
        Path(spec[5:]).write_text("\n".join(["fold,subject", *rows]))
    folds = make_folds(spec, clips, task.data.targets.tolist())
    return replace(task, clips=clips, folds=folds, protocol=spec, **changes)


people = st.lists(
    st.sampled_from([f"{corpus}/s{i}" for corpus in "abc" for i in range(5)]), min_size=8
).filter(lambda found: len({one.split("/")[0] for one in found}) > 1 and len(set(found)) > 3)


@given(people, st.sampled_from(["loso", "kfold:2", "kfold:3", "kfold:2:3", "loco"]))
def test_folds_hold_out_every_clip_once_and_no_subject_is_on_both_sides(subjects, spec):
    clips, targets = clips_of(*subjects)
    folds = make_folds(spec, clips, targets)
    for seed in {fold.seed for fold in folds}:
        tested = Counter(i for fold in folds if fold.seed == seed for i in fold.test)
        assert tested == Counter(range(len(clips)))
    for fold in folds:
        train, test = ({subjects[i] for i in side} for side in (fold.train, fold.test))
        assert not train & test
        assert sorted(fold.train + fold.test) == list(range(len(clips)))
    assert folds == make_folds(spec, clips, targets)
    assert check_folds(subjects, folds) == []


def test_a_subject_of_two_corpora_never_trains_the_model_that_tests_it():
    clips, targets = clips_of("a/s1", "a/s2", "b/s1", "b/s3")
    clips[2] = replace(clips[2], same_as="a/s1")
    first, second = make_folds("loco", clips, targets)
    assert (first.held_out, first.train, first.test) == ("loco/a", (3,), (0, 1))
    assert (second.held_out, second.train, second.test) == ("loco/b", (1,), (2, 3))


def test_one_corpus_trains_and_another_is_tested():
    clips, targets = clips_of("a/s1", "b/s1", "c/s1", "a/s2")
    for spec in ("hde:a->b", "hde:a:b", "hde: a -> b"):
        (fold,) = make_folds(spec, clips, targets)
        assert (fold.held_out, fold.train, fold.test) == ("hde/a->b", (0, 3), (1,))
    (fold,) = make_folds("hde:a+c->b", clips, targets)
    assert (fold.train, fold.test) == ((0, 2, 3), (1,))


def test_cd6me_holds_out_each_of_its_six_corpora():
    clips, targets = clips_of(*[f"{corpus}/s" for corpus in CD6ME])
    assert [fold.held_out for fold in make_folds("cd6me", clips, targets)] == sorted(
        f"cd6me/{corpus}" for corpus in CD6ME
    )
    with pytest.raises(ProtocolError, match=r"missing here: casme,.*too many: smic"):
        make_folds("cd6me", [*clips[1:], make_clip("smic")], targets)


@pytest.mark.parametrize(
    ("spec", "text", "kind"),
    [
        ("losso", "Did you mean 'loso'", ConfigError),
        ("loso:3", "Leave it out", ConfigError),
        ("kfold", "as in kfold:5", ConfigError),
        ("kfold:1", "two or more", ConfigError),
        ("kfold:9", "needs 9 subjects", ProtocolError),
        ("hde:a", "expected two corpora", ConfigError),
        ("hde:a->a", "expected two corpora", ConfigError),
        ("hde:a->z", "no clip of z", ProtocolError),
        ("file:", "as in file:folds.csv", ConfigError),
        ("file:nowhere.csv", "nowhere.csv", DataError),
    ],
)
def test_what_does_not_serve_is_refused_with_what_is_expected(spec, text, kind):
    with pytest.raises(kind, match=text):
        make_folds(spec, *clips_of("a/s1", "a/s2", "b/s1", "b/s2"))


def test_one_corpus_alone_cannot_be_left_out():
    with pytest.raises(ProtocolError, match="two corpora, found a"):
        make_folds("loco", *clips_of("a/s1", "a/s2"))


@pytest.fixture
def folds_of(tmp_path):
    """Reads a table of folds for three clips of two subjects."""
    clips, targets = clips_of("a/s1", "a/s1", "a/s2")

    def read(text):
        (tmp_path / "f.csv").write_text(text)
        return read_folds(tmp_path / "f.csv", clips), make_folds(
            f"file:{tmp_path / 'f.csv'}", clips, targets
        )

    return read


def test_folds_of_a_file_are_taken_as_they_are(folds_of):
    names, folds = folds_of("fold,subject\nx,a/s1\ny,a/s2\n")
    assert names == ["x", "x", "y"]
    assert [(fold.held_out, fold.test) for fold in folds] == [("file/x", (0, 1)), ("file/y", (2,))]
    names, (fold,) = folds_of("fold,clip\n,a/s1/c0\n,a/s1/c1\nx,a/s2/c2\n")
    assert (names, fold.train, fold.test) == (["", "", "x"], (0, 1), (2,))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("fold,clip\nx,a/s1/c0\ny,a/s1/c1\nz,a/s2/c2\n", "a/s1 in 'x', 'y'"),
        ("fold,subject\nx,a/s1\n", "says nothing of 1 of 3 clips, such as a/s2/c2"),
        ("fold,subject\n,a/s1\n,a/s2\n", "tests none"),
        ("fold,subject\nx,s1\n", "expected corpus/subject"),
        ("group,subject\nx,a/s1\n", "fold"),
    ],
)
def test_a_wrong_file_of_folds_is_refused(folds_of, text, said):
    with pytest.raises((DataError, ProtocolError), match=said):
        folds_of(text)


def test_repeats_are_seeds():
    assert Protocol(folds="kfold:3:4").seeds == (0, 1, 2, 3)
    assert Protocol(folds="kfold:3", seeds=(0, 1)).seeds == (0, 1)
    with pytest.raises(ConfigError, match="Leave the seeds out"):
        Protocol(folds="kfold:3:4", seeds=(0, 1))


@pytest.mark.parametrize("spec", ["kfold:3", "kfold:3:2", "loco", "hde:a->b"])
def test_a_run_by_groups_says_so_everywhere(spec, tmp_path):
    task, protocol = in_groups(spec), Protocol(folds=spec)
    folder = cross_validate(task, protocol, out=tmp_path)
    info, summary = load_run(folder)
    assert (info.protocol, info.seeds) == (spec, protocol.seeds)
    assert (info.clips, info.subjects) == (len(task.tested), len(task.tested_subjects))
    assert (summary.clips, summary.subjects) == (info.clips, info.subjects)
    row = row_of(info, summary)
    assert row.title.endswith(f", {spec}")
    assert any(spec in note for note in row.notes)
    assert cross_validate(task, protocol, out=tmp_path) == folder
    assert cross_validate(in_groups("kfold:2"), Protocol(folds="kfold:2"), out=tmp_path) != folder


@pytest.mark.parametrize("spec", ["kfold:3", "kfold:2:2", "loco", "hde:a->b"])
@pytest.mark.parametrize(("method", "rule"), [("flow-svm", "fixed"), ("flow-mlp", "inner")])
def test_the_packages_own_training_is_clean_by_groups(spec, method, rule):
    task = in_groups(spec, method)
    fit = package_trainer(task, Resources(device="cpu"), rule)
    assert run_audit(task, fit, epoch_rule=rule, subjects=0, fresh=False) == []


@pytest.mark.parametrize("spec", ["cd6me", "file:folds.csv"])
def test_a_clean_training_passes_on_corpora_and_on_a_table(spec, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    task = in_groups(spec)
    fit = package_trainer(task, Resources(device="cpu"))
    assert run_audit(task, fit, subjects=0, fresh=False) == []


@pytest.mark.parametrize("spec", ["kfold:3", "loco", "hde:a->b", "cd6me", "file:folds.csv"])
def test_a_trainer_that_reads_any_subject_of_the_group_is_caught(spec, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    task = in_groups(spec)
    honest = package_trainer(task, Resources(device="cpu"))

    def leaky(data, jobs):
        """Give the last clip of the held-out group to the training."""
        return honest(data, [replace(job, train=(*job.train, job.predict[-1])) for job in jobs])

    found = run_audit(task, leaky, subjects=0, fresh=False)
    assert {one.fold for one in found if one.severity == "leak"} == {
        fold.held_out for fold in task.folds
    }


def test_a_protocol_of_ones_own_is_checked_like_the_others():
    @register_protocol("by-name")
    def by_name(clips, targets, text):
        return make_folds("loso", clips, targets)[: int(text)]

    try:
        clips, targets = clips_of("a/s1", "a/s2", "a/s3")
        folds = make_folds("by-name:2", clips, targets)
        assert [finding.check for finding in check_folds(["a/s1", "a/s2", "a/s3"], folds)] == [
            "test sizes"
        ]
        with pytest.raises(ProtocolError, match="0 folds"):
            make_folds("by-name:0", clips, targets)
    finally:
        del PROTOCOLS["by-name"]


@pytest.mark.parametrize("spec", ["loso", "kfold:3", "loco"])
def test_scikit_learn_takes_a_protocol_as_its_splitter(spec):
    from sklearn.model_selection import cross_val_predict
    from sklearn.tree import DecisionTreeClassifier

    subjects = [f"{'ab'[i % 2]}/s{i % 6}" for i in range(24)]
    inputs, targets = np.arange(24.0)[:, None], [i % 3 for i in range(24)]
    splitter = ProtocolSplitter(spec)
    folds = make_folds(spec, *clips_of(*subjects))
    assert splitter.get_n_splits(inputs, targets, subjects) == len(folds)
    for fold, (train, test) in zip(folds, splitter.split(inputs, targets, subjects), strict=True):
        assert (tuple(train), tuple(test)) == (fold.train, fold.test)
    said = cross_val_predict(
        DecisionTreeClassifier(), inputs, targets, groups=subjects, cv=splitter
    )
    assert len(said) == 24
    with pytest.raises(ConfigError, match="groups=subjects"):
        next(splitter.split(inputs, targets))
