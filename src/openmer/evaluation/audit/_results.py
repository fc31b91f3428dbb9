"""Check other people's results by their predictions, folds and log, with the numbers corrected."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from scipy.stats import binomtest

from openmer.clip import Clip
from openmer.datasets import alike_ids, label_scheme, labelled
from openmer.evaluation._audit_stamp import Finding
from openmer.evaluation.audit._finding import some
from openmer.evaluation.audit._results_claims import (
    check_claims,
    check_epochs,
    check_shape,
    check_sizes,
)
from openmer.evaluation.audit._results_table import (
    Claim,
    Row,
    Split,
    claims_of,
    classes_of,
    read_claims,
    read_rows,
    read_splits,
    scores_of,
)

_MANY = 20  # clips that nobody gets right by luck alone
_BEYOND_CHANCE = 0.001


@dataclass(frozen=True, slots=True, kw_only=True)
class ResultsAudit:
    """What can be said of other people's results.

    Attributes:
        findings: Leaks and mistakes, and notes; each with the scores without it, where these can
            be computed.
        scores: UF1, UAR and accuracy of the predictions as they stand, pooled over folds.
        corrected: The same without rows that do not belong there.
        clips: Clips that are left then.
        subjects: Subjects of these clips.
    """

    findings: tuple[Finding, ...]
    scores: Mapping[str, float]
    corrected: Mapping[str, float]
    clips: int
    subjects: int

    @property
    def clean(self) -> bool:
        """Whether no finding is a leak."""
        return not any(finding.severity == "leak" for finding in self.findings)


def check_results(
    rows: Sequence[Row],
    splits: Sequence[Split] = (),
    claims: Sequence[Claim] = (),
    truth: Mapping[str, str] | None = None,
) -> ResultsAudit:
    """Check predictions, folds and claimed scores of anybody.

    Args:
        rows: Predictions in the order of their file.
        splits: Who is on which side of which fold.
        claims: Scores that a paper or a log tells.
        truth: Class of every clip that should have been tested, by ``subject/clip`` as in `rows`,
            in the order of the corpus; None where it is not known.
    """
    findings = _check_ids(rows, splits) + _check_folds(rows, splits)
    final = _last_epochs(rows)
    findings += _check_scores(final) + _check_grouping(final)
    findings += check_epochs([(row.fold, row.epoch) for row in rows])
    kept, found = _check_rows(final)
    findings += found
    if truth is not None:
        kept, found = _check_truth(kept, truth)
        findings += found
    corrected = scores_of(kept)
    findings += check_claims(rows, final, kept, claims)
    findings += check_shape(kept) + _check_perfection(kept)
    findings += check_sizes(kept) if truth is None else []
    return ResultsAudit(
        findings=tuple(findings),
        scores=scores_of(final),
        corrected=corrected,
        clips=len({row.clip for row in kept}),
        subjects=len({row.subject for row in kept}),
    )


def check_published(
    predictions: Path,
    folds: Path | None = None,
    log: Path | None = None,
    *,
    claims: Sequence[str] = (),
    clips: Sequence[Clip] = (),
    scheme: str = "megc2019-3",
) -> ResultsAudit:
    """Check published results by their files.

    Args:
        predictions: CSV with subject, truth, and predicted or one score per class; clip, fold,
            seed, epoch and corpus where there are. Or a folder with one for each fold, or ``.npz``.
        folds: CSV with fold, part (train or test) and subject.
        log: Text or CSV with scores, of the whole or by epoch and fold.
        claims: Printed scores, as ``uf1=0.871``.
        clips: All that should have been tested; none where that is not known.
        scheme: Groups the clips' words into classes, where the file does not keep the words.

    Raises:
        DataError: A file cannot be read, or a column is missing.
    """
    rows = read_rows(predictions)
    stated = [*(read_claims(log) if log else ()), *claims_of(claims)]
    truth = _classes_of_clips(clips, rows, scheme) if clips else None
    return check_results(rows, read_splits(folds) if folds else (), stated, truth)


def _classes_of_clips(clips: Sequence[Clip], rows: Sequence[Row], scheme: str) -> dict[str, str]:
    """Return the class of every clip in the words of the file."""
    if {row.truth for row in rows} <= {clip.emotion for clip in clips}:
        return {f"{clip.subject_id}/{clip.name}": clip.emotion for clip in clips}
    grouping = label_scheme(scheme)
    kept, targets = labelled(clips, grouping)
    classes = [grouping.classes[target] for target in targets]
    return {f"{c.subject_id}/{c.name}": name for c, name in zip(kept, classes, strict=True)}


def _last_epochs(rows: Sequence[Row]) -> list[Row]:
    """Return the predictions of each fold's last epoch."""
    last: dict[tuple[str, str], int] = defaultdict(lambda: -1)
    for row in rows:
        last[row.seed, row.fold] = max(last[row.seed, row.fold], row.epoch)
    return [row for row in rows if row.epoch == last[row.seed, row.fold]]


def _check_rows(rows: Sequence[Row]) -> tuple[list[Row], list[Finding]]:
    """Find clips that are tested in another one's fold, or more than once; leave them out."""
    findings = []
    foreign = _foreign(rows)
    kept = [row for row in rows if row not in foreign]
    if foreign:
        inside = [row for row in foreign if row.fold in row.subject]
        how = " Their ids contain the held-out one's: compare ids for equality." if inside else ""
        pairs = {f"{row.subject} in the fold of {row.fold}" for row in foreign}
        message = (
            f"{len(foreign)} of {len(rows)} tests are of subjects who are not held out in their "
            f"fold ({some(pairs)}): the model of that fold trained on them.{how}"
        )
        findings.append(_mistake("substring" if inside else "foreign clips", message, kept))
    once = list({(row.seed, row.clip): row for row in reversed(kept)}.values())[::-1]
    if len(once) < len(kept):
        twice = Counter((row.seed, row.clip) for row in kept)
        names = {clip for (_, clip), count in twice.items() if count > 1}
        differ = len({(row.seed, row.clip, row.predicted) for row in kept}) > len(once)
        also = " Their predictions differ." if differ else ""
        message = (
            f"{len(names)} clips are tested more than once ({some(names)}): {len(kept)} tests for "
            f"{len(once)} clips.{also} The first test of each is kept."
        )
        findings.append(_mistake("duplicates", message, once))
    seeds = {
        seed: {row.clip for row in once if row.seed == seed} for seed in {r.seed for r in once}
    }
    if len({frozenset(clips) for clips in seeds.values()}) > 1:
        stated = ", ".join(f"{len(clips)} of seed {seed}" for seed, clips in sorted(seeds.items()))
        message = f"Seeds are tested on different clips: {stated}. Test every seed on all clips."
        findings.append(_mistake("test sizes", message))
    return once, findings


def _check_scores(rows: Sequence[Row]) -> list[Finding]:
    """Find predictions that are not the class with the highest score.

    That alone is no mistake: Platt's probabilities and tuned thresholds do so, too. It is one where
    more of the predictions than of the highest scores are right, by a sign test.
    """
    other = [row for row in rows if row.best and row.best != row.predicted]
    if not other:
        return []
    right = [replace(row, predicted=row.best or row.predicted) for row in rows]
    better = sum(row.predicted == row.truth for row in other)
    worse = sum(row.best == row.truth for row in other)
    chance = binomtest(better, better + worse, alternative="greater").pvalue if better else 1.0
    message = (
        f"{len(other)} of {len(rows)} predictions are not the class with the highest score, or of "
        f"equal ones not the usual class ({some({row.clip for row in other})}), which makes "
        f"{better - worse:+d} of them right. Corrected by the scores."
    )
    found = _mistake("other than scores", message, right)
    return [found if chance < _BEYOND_CHANCE else replace(found, severity="note")]


def _check_grouping(rows: Sequence[Row]) -> list[Finding]:
    """Find folds of clips in place of subjects: they train and test each subject."""
    folds: dict[tuple[str, str], dict[str, list[str]]] = defaultdict(lambda: defaultdict(list))
    for row in rows:
        folds[row.seed, row.subject][row.fold].append(row.clip)
    split = {
        subject
        for (_, subject), own in folds.items()
        if len(own) > 1 and subject not in own and _are_parts(list(own.values()))
    }
    if not split:
        return []
    message = (
        f"The clips of {len(split)} subjects are tested in several folds ({some(split)}), so each "
        "of these models has trained on its tested subjects: the folds are of clips or frames, not "
        "of subjects. It cannot be corrected: train again by subjects."
    )
    return [_mistake("folds of clips", message)]


def _are_parts(folds: Sequence[Sequence[str]]) -> bool:
    """Whether folds have other clips of a subject, or other frames of a clip; repeats have all."""
    frames = any(len(set(clips)) < len(clips) for clips in folds)
    return frames or not set.intersection(*map(set, folds))


def _foreign(rows: Sequence[Row]) -> set[Row]:
    """Return tests of subjects outside of their own fold; folds may be numbers or groups."""
    folds: dict[str, set[str]] = defaultdict(set)
    for row in rows:
        folds[row.subject].add(row.fold)
    several = {subject for subject, own in folds.items() if len(own) > 1 and subject in own}
    return {row for row in rows if row.subject in several and row.fold != row.subject}


def _check_truth(rows: Sequence[Row], truth: Mapping[str, str]) -> tuple[list[Row], list[Finding]]:
    """Compare with the clips and classes of the corpus."""
    findings = []
    tested = {row.clip for row in rows}
    missing = [clip for clip in truth if clip not in tested]
    if missing:
        lost = {clip.rpartition("/")[0] for clip in missing} - {row.subject for row in rows}
        whole = f", with all clips of {some(lost)}" if lost else ""
        wrong = [*rows, *(_missed(clip, truth[clip], rows) for clip in missing)]
        message = (
            f"{len(missing)} of {len(truth)} clips are never tested{whole} ({some(set(missing))}). "
            "Corrected as if they were wrong, which they are where a subject was dropped for it."
        )
        findings.append(_mistake("dropped subjects" if lost else "missing clips", message, wrong))
    unknown = sorted(tested - set(truth))
    if unknown:
        message = f"{len(unknown)} tested clips are not in the corpus ({some(set(unknown))})."
        findings.append(_mistake("foreign clips", message))
    differ = [row for row in rows if truth.get(row.clip, row.truth) != row.truth]
    if not differ:
        return list(rows), findings
    right = [replace(row, truth=truth.get(row.clip, row.truth)) for row in rows]
    order = "The order of labels and clips differs: " if _is_shifted(rows, truth) else ""
    message = (
        f"{order}{len(differ)} of {len(rows)} clips have another class than in the corpus "
        f"({some({row.clip for row in differ})}). Corrected by the corpus's classes."
    )
    findings.append(_mistake("misaligned order" if order else "other classes", message, right))
    return right, findings


def _is_shifted(rows: Sequence[Row], truth: Mapping[str, str]) -> bool:
    """Whether the classes in the file are the corpus's, in another order."""
    known = [row for row in rows if row.clip in truth]
    own, theirs = Counter(row.truth for row in known), Counter(truth[row.clip] for row in known)
    return own == theirs


def _missed(clip: str, truth: str, rows: Sequence[Row]) -> Row:
    """Count a clip that was left out as wrong."""
    other = next((name for name in classes_of(rows) if name != truth), truth)
    subject = clip.rpartition("/")[0]
    return Row(fold=subject, subject=subject, clip=clip, truth=truth, predicted=other)


def _check_ids(rows: Sequence[Row], splits: Sequence[Split]) -> list[Finding]:
    """Note ids of subjects, and of clips, that may be one written in two ways."""
    everybody = {row.subject for row in rows} | {split.subject for split in splits}
    subjects = [*alike_ids(everybody), *_with_and_without_corpus(everybody)]
    clips = alike_ids({row.clip for row in rows})
    clips = [group for group in clips if len({clip.rpartition("/")[0] for clip in group}) == 1]
    told = [
        (subjects, "subject", "their clips would train the model that is tested on the others"),
        (clips, "clip", "it is tested more than once"),
    ]
    return [
        Finding(
            check="ids",
            severity="note",
            fold="",
            message=f"{some({' and '.join(map(repr, group)) for group in groups})} may be one "
            f"{what}. If so, {so}: write it in one way.",
        )
        for groups, what, so in told
        if groups
    ]


def _with_and_without_corpus(ids: Collection[str]) -> list[tuple[str, str]]:
    """Pair ids such as ``casme2/s1`` with ``s1``."""
    parts = {one: one.rpartition("/") for one in ids}
    return sorted((one, name) for one, (_, mark, name) in parts.items() if mark and name in parts)


def _check_perfection(rows: Sequence[Row]) -> list[Finding]:
    """Note predictions that are all right."""
    if len(rows) < _MANY or any(row.predicted != row.truth for row in rows):
        return []
    message = (
        f"All {len(rows)} predictions are right. No method that was tested on subjects it had not "
        "seen is known to reach that on spontaneous micro-expressions: look for labels among its "
        "inputs, weights that are carried from fold to fold, or subjects on both sides."
    )
    return [Finding(check="all right", severity="note", fold="", message=message)]


def _check_folds(rows: Sequence[Row], splits: Sequence[Split]) -> list[Finding]:
    """Find subjects on both sides of a fold, and test sets that do not add up."""
    sides: dict[str, dict[str, set[str]]] = defaultdict(lambda: defaultdict(set))
    for split in splits:
        sides[split.fold][split.part].add(split.subject)
    findings = []
    shared: dict[str, set[str]] = {}
    for fold, parts in sides.items():
        learned = set().union(*(who for part, who in parts.items() if part != "test"))
        both = learned & parts["test"]
        if both:
            shared[fold] = both
    if shared:
        everybody = set().union(*shared.values())
        left = [row for row in _last_epochs(rows) if row.subject not in shared.get(row.fold, ())]
        message = (
            f"{len(shared)} of {len(sides)} folds train or choose on subjects that they test: "
            f"{some(everybody)}. Corrected by leaving out their tests."
        )
        findings.append(_mistake("subject overlap", message, left))
    tested = Counter(who for parts in sides.values() for who in parts["test"])
    often = {who for who, count in tested.items() if count > 1}
    never = {row.subject for row in rows} - set(tested) if splits else set()
    if often or never:
        message = (
            f"Test sets do not add up: {len(often)} subjects are in several ({some(often) or '-'}),"
            f" {len(never)} in none ({some(never) or '-'})."
        )
        findings.append(_mistake("test sizes", message))
    return findings


def _mistake(check: str, message: str, rows: Sequence[Row] = ()) -> Finding:
    """Report a mistake, with the scores without it."""
    corrected = scores_of(rows) if rows else {}
    return Finding(check=check, severity="leak", fold="", message=message, corrected=corrected)
