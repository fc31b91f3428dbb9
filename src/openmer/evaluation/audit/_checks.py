"""What the audit checks before any training: folds, clips, the epoch rule and the pretraining."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Sequence

import numpy as np

from openmer.datasets import alike_ids, ids_to_check
from openmer.evaluation._audit_stamp import Finding
from openmer.evaluation._experiment import Task
from openmer.evaluation._seen_subjects import chose_settings, start_of, subjects_of_weights
from openmer.evaluation._splits import Fold
from openmer.evaluation.audit._finding import leak_of, some
from openmer.training import EpochRule, TrainingData


def check_folds(
    subjects: Sequence[str], folds: Sequence[Fold], *, partial: bool = False
) -> list[Finding]:
    """Find subjects on both sides of a fold, and clips tested never, twice or in other folds.

    Args:
        subjects: Who is on each clip.
        folds: Of one subject each, who then names it, or of a group.
        partial: Whether clips may train without ever being tested.
    """
    findings = []
    for fold in folds:
        shared = {subjects[i] for i in fold.train} & {subjects[i] for i in fold.test}
        shared |= {fold.held_out} & {subjects[i] for i in fold.train}
        if shared:
            findings.append(leak_of("subject overlap", fold, f"trains on {some(shared)}"))
        others = {subjects[i] for i in fold.test} - {fold.held_out}
        if others and fold.held_out in subjects:
            message = f"also tests {some(others)}; compare ids for equality, not by substring"
            findings.append(leak_of("foreign test clips", fold, message))
    seeds = {fold.seed for fold in folds}
    for seed in sorted(seeds, key=str):
        own = [fold for fold in folds if fold.seed == seed]
        findings += _check_tests(subjects, own, partial=partial)
    return findings


def _check_tests(subjects: Sequence[str], folds: Sequence[Fold], *, partial: bool) -> list[Finding]:
    """Find clips that the folds of one seed test never or twice."""
    findings = []
    tested = np.bincount([i for fold in folds for i in fold.test], minlength=len(subjects))
    if (tested > 1).any() or (not partial and (tested == 0).any()):
        findings.append(
            Finding(
                check="test sizes",
                severity="leak",
                fold="",
                message=f"{int((tested == 0).sum())} clips are never tested and "
                f"{int((tested > 1).sum())} more than once; {int(tested.sum())} tests for "
                f"{len(subjects)} clips. Make the test sets a partition of the clips.",
            )
        )
    return findings


def check_labels(subjects: Sequence[str], data: TrainingData) -> list[Finding]:
    """Note equal clips with two labels, or with other action units."""
    same: dict[str, list[int]] = defaultdict(list)
    for i, clip in enumerate(data.inputs):
        if np.ptp(clip[1:]) > 0:  # clips without any motion are alike and say nothing
            same[hashlib.sha256(np.ascontiguousarray(clip).tobytes()).hexdigest()].append(i)
    findings = []
    for clips in same.values():
        words = ["labels"] if len({int(data.targets[i]) for i in clips}) > 1 else []
        words += ["action units"] if _units_differ(data, clips) else []
        if words:
            people = some({subjects[i] for i in clips})
            message = f"{len(clips)} equal clips of {people} have different {' and '.join(words)}."
            findings.append(
                Finding(check="label conflict", severity="note", fold="", message=message)
            )
    return findings


def _units_differ(data: TrainingData, clips: Sequence[int]) -> bool:
    """Whether clips have two targets of one action unit; what nobody coded is none."""
    if data.units is None:
        return False
    return any(len(set(own[~np.isnan(own)].tolist())) > 1 for own in data.units[list(clips)].T)


def check_rule(epoch_rule: EpochRule) -> list[Finding]:
    """Report the rule that chooses the epoch on the held-out subject, a leak by definition."""
    if epoch_rule != "held_out":
        return []
    message = (
        "The epoch rule 'held_out' chooses each fold's epoch on its held-out subject. Use 'fixed' "
        "or 'inner' for a number to be believed."
    )
    return [Finding(check="epoch rule", severity="leak", fold="", message=message)]


def check_training_classes(task: Task) -> list[Finding]:
    """Note folds whose training subjects lack a class, which they cannot learn."""
    findings = []
    for fold in task.folds:
        missing = _untrained(task, fold)
        if missing:
            message = f"Fold {fold.held_out} trains without any clip of {', '.join(missing)}."
            findings.append(
                Finding(check="classes", severity="note", fold=fold.held_out, message=message)
            )
    return findings


def _untrained(task: Task, fold: Fold) -> list[str]:
    """Say which classes and action units no training clip of a fold shows."""
    seen, classes = {int(task.data.targets[i]) for i in fold.train}, task.data.num_classes
    missing = [f"class {task.scheme.classes[i]}" for i in range(classes) if i not in seen]
    if task.data.units is not None:
        shown = np.nansum(task.data.units[list(fold.train)], axis=0) > 0
        units = zip(task.method.action_units.units, shown, strict=True)
        missing += [f"AU{unit}" for unit, own in units if not own]
    return missing


def check_pretraining(task: Task) -> list[Finding]:
    """Report tested subjects whose images made the weights that every fold starts from.

    A leak for each of them. Where weights do not say whose pictures made them, or a corpus of
    theirs names nobody, a note says that nothing can be found there.
    """
    stored, check = start_of(task.method), "pretraining"
    known = subjects_of_weights(stored)
    findings = []
    for fold in task.folds:
        tested = task.subjects_of(fold)
        alike = {name for one in tested for name in _written_otherwise(one, known.named)}
        if alike:
            other = "" if alike <= tested else f" (there called {some(alike)})"
            what = (
                f"starts from the weights {stored}, which pictures of this subject made{other}. "
                "Pretrain without the subject, or start from other weights"
            )
            findings.append(leak_of(check, fold, what))
    cannot = "whether a tested subject is among them cannot be checked."
    if known.unnamed:
        tested = {clip.corpus for clip in task.clips} & set(known.unnamed)
        also = f" It is likely of {some(tested)}, which is tested here." if tested else ""
        message = (
            f"Pictures of {', '.join(known.unnamed)} made the weights {stored}, and nobody is "
            f"named there: {cannot}{also}"
        )
        findings.append(Finding(check=check, severity="note", fold="", message=message))
    if known.unknown:
        message = (
            f"The weights {', '.join(known.unknown)} do not say whose pictures made them: {cannot} "
            "Those that openmer pretrain makes say it."
        )
        findings.append(Finding(check=check, severity="note", fold="", message=message))
    return findings


def _written_otherwise(subject_id: str, named: Sequence[str]) -> set[str]:
    """Return the ids that are this one but for case, zeros, white space and forms."""
    found = {subject_id} & set(named)
    for group in alike_ids({subject_id, *named}):
        found |= set(group) - {subject_id} if subject_id in group else set()
    return found


def check_ids(task: Task) -> list[Finding]:
    """Note ids that may be one subject, whose clips would then train the model tested on them."""
    return [
        Finding(
            check="ids",
            severity="note",
            fold="",
            message=f"{text[0].upper()}{text[1:]}. If so, give both one id (--same-subject A=B).",
        )
        for text in ids_to_check(task.clips)
    ]


def check_search(task: Task) -> list[Finding]:
    """Report tested subjects whose clips chose the method's settings before any fold began."""
    what = (
        "is trained with settings that clips of this subject chose ([searched] in the method). Let "
        "every fold search without its own subject ([search]), or test other subjects"
    )
    chose = set(chose_settings(task.method, task.tested_subjects, task.clips))
    reached = [fold for fold in task.folds if task.subjects_of(fold) & chose]
    return [leak_of("search", fold, what) for fold in reached]
