"""Claimed scores against the predictions: how else a number may have been made."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Hashable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import pairwise

import numpy as np

from openmer.evaluation._audit_stamp import Finding
from openmer.evaluation._metrics import per_class_of
from openmer.evaluation.audit._results_table import (
    METRICS,
    Claim,
    Counts,
    Row,
    Score,
    classes_of,
    counts_of,
    scores_of,
)

_NEAR = 0.00051  # a score printed with three digits
_COMPOSITE = (250, 109, 83)  # clips of the classes of MEGC 2019: negative, positive, surprise
_PARTS = {"smic": 164, "casme2": 145, "samm": 133}  # clips of its corpora
_DRAWS, _UNLIKELY = 2000, 0.01
_FEW_FOLDS = 12


def check_claims(
    rows: Sequence[Row], final: Sequence[Row], kept: Sequence[Row], claims: Sequence[Claim]
) -> list[Finding]:
    """Explain claimed scores that are not those of the predictions.

    Args:
        rows: All predictions, of every epoch.
        final: Those of each fold's last epoch.
        kept: These without what does not belong there.
        claims: Scores of the whole, of folds or of epochs.
    """
    findings = []
    for claim in claims:
        if claim.epoch < 0 and not claim.fold:
            found = _explained(claim, rows, final, kept)
            findings += [found] if found else []
    findings += check_epochs([(claim.fold, claim.epoch) for claim in claims])
    return findings + _check_log(claims)


def check_epochs(told: Sequence[tuple[str, int]]) -> list[Finding]:
    """Note folds that leave out epochs, or end with an epoch of their own.

    Args:
        told: Fold and epoch of everything that is told; an epoch below 0 is none.
    """
    folds: dict[str, set[int]] = defaultdict(set)
    for fold, epoch in told:
        if epoch >= 0:
            folds[fold].add(epoch)
    every = sorted(set().union(*folds.values()))
    step = min((after - before for before, after in pairwise(every)), default=1)
    gaps = {
        fold: before + step
        for fold, own in folds.items()
        for before, after in pairwise(sorted(own))
        if after - before > step
    }
    ends = sorted(max(own) for own in folds.values())
    messages = []
    if gaps:
        fold, epoch = next(iter(gaps.items()))
        messages.append(
            f"{len(gaps)} of {len(folds)} folds leave out epochs, such as {epoch} of "
            f"{fold or 'the whole'}. Ask for all: epochs may be left out for what they scored."
        )
    if len(set(ends)) > 1:
        messages.append(
            f"Folds end with different epochs, from {ends[0]} to {ends[-1]}. Ask what chose them: "
            "if it was the score of the tested subject, the result is too high."
        )
    return [Finding(check="epochs", severity="note", fold="", message=one) for one in messages]


def check_shape(rows: Sequence[Row]) -> list[Finding]:
    """Note results in which subjects with few clips do better than the others.

    The best of many epochs is kept most easily where few clips have to be right.
    """
    right = defaultdict(list)
    for row in rows:
        right[row.fold].append(row.truth == row.predicted)
    if len(right) < _FEW_FOLDS:
        return []
    sizes = np.array([len(own) for own in right.values()], float)
    shares = np.array([np.mean(own) for own in right.values()])
    if np.ptp(sizes) == 0:
        return []
    lead = float(shares.mean() - (shares * sizes).sum() / sizes.sum())
    rng = np.random.default_rng(0)
    drawn = np.stack([rng.permutation(shares) for _ in range(_DRAWS)])
    leads = drawn.mean(axis=1) - drawn @ sizes / sizes.sum()
    chance = float((1 + (leads >= lead).sum()) / (1 + _DRAWS))
    if chance > _UNLIKELY:
        return []
    message = (
        f"Subjects with few clips are recognised better than those with many: the mean of folds is "
        f"{lead:+.3f} above the pooled accuracy, which chance does in {chance:.2%} of cases. This "
        "is the shape of an epoch that was chosen on each tested subject. Ask how it was chosen."
    )
    return [Finding(check="shape", severity="note", fold="", message=message)]


def _explained(
    claim: Claim, rows: Sequence[Row], final: Sequence[Row], kept: Sequence[Row]
) -> Finding | None:
    """Say how a claimed score came about; None where it is that of the predictions."""
    metric = METRICS[claim.name]
    classes = classes_of(rows)
    right = float(metric(counts_of(kept, classes)))
    corrected = scores_of(kept)
    seeds = _by_seed(kept)
    fair = [right, float(np.mean([metric(counts_of(own, classes)) for own in seeds]))]
    if any(abs(claim.value - value) < _NEAR for value in fair) and claim.value <= 1:
        return None
    for check, how in [*_ways(claim, rows, final, kept), *_other_scores(claim, kept)]:
        found = _finding(check, f"{claim.name} {claim.value:g} {how}", corrected)
        return replace(found, severity="note") if check == "vote of seeds" else found
    if claim.value > 1:
        message = f"{claim.name} {claim.value:g} is impossible: no share is above 1"
        return _finding("impossible value", message, corrected)
    message = _no_share(claim, seeds)
    if message:
        return _finding("impossible value", message, corrected)
    message = (
        f"{claim.name} {claim.value:g} is not that of the predictions, and no known mistake makes "
        f"it: they give {right:.4f}."
    )
    return Finding(
        check="another number", severity="note", fold="", message=message, corrected=corrected
    )


def _ways(
    claim: Claim, rows: Sequence[Row], final: Sequence[Row], kept: Sequence[Row]
) -> Iterator[tuple[str, str]]:
    """Yield every known way to a number that gives the claimed one."""
    classes, value = classes_of(rows), claim.value
    metric = METRICS[claim.name]
    best = _best_epochs(rows)
    if best and abs(float(metric(counts_of(best, classes))) - value) < _NEAR:
        yield "best epoch", "is that of the epoch that is best on each tested subject"
    for name, folds in (("", final), (" of the clips of its own fold", kept)):
        for way, mean in _means_of_folds(claim.name, folds, classes):
            if abs(mean - value) < _NEAR:
                yield "mean of folds", f"is the mean over folds{name}, {way}, not a pooled score"
    if claim.name == "uar":
        yield from _fixed_denominators(value, final, kept, classes)
    for absent in (0.0, 1.0):
        for table in (final, kept):
            if abs(_absent_counted(claim.name, table, classes, absent) - value) < _NEAR:
                yield "absent class", f"counts a class that has no clip as {absent:g}"
    if abs(float(metric(counts_of(final, classes))) - value) < _NEAR:
        yield "wrong rows", "counts tests that do not belong there"


def _other_scores(claim: Claim, kept: Sequence[Row]) -> Iterator[tuple[str, str]]:
    """Yield other scores, of other parts of the predictions, that give the claimed one."""
    classes = classes_of(kept)
    metric = METRICS[claim.name]
    seeds = _by_seed(kept)
    parts = _grouped(kept, lambda row: row.subject.rpartition("/")[0])
    for check, told, value in (
        ("best seed", "is that of the best seed", max(_of(metric, own, classes) for own in seeds)),
        ("best seed", "takes the best seed of each tested subject", _best_seeds(kept, metric)),
        ("vote of seeds", "is that of the vote of all seeds", _of(metric, _vote(kept), classes)),
        ("mean of corpora", "is the mean over corpora, not that of all clips",
         float(np.mean([_of(metric, own, classes) for own in parts]))),
        *_misnamed(claim.name, counts_of(kept, classes)),
    ):  # fmt: skip
        if abs(value - claim.value) < _NEAR:
            yield check, told


def _misnamed(name: str, counts: Counts) -> Iterator[tuple[str, str, float]]:
    """Yield scores that are called by the name of another one."""
    found = per_class_of(counts)
    share = found.support / found.support.sum()
    for said, value in (
        ("F1 weighted by the classes' clips", float((np.nan_to_num(found.f1) * share).sum())),
        (
            "the mean precision of the classes: rows and columns are exchanged",
            float(found.precision.mean()),
        ),
        *((other, float(metric(counts))) for other, metric in METRICS.items() if other != name),
    ):
        yield "another score", f"is {said}", value


def _no_share(claim: Claim, seeds: Sequence[Sequence[Row]]) -> str:
    """Say of an accuracy that no number of right clips gives it."""
    clips = len(seeds[0])
    nearest = round(claim.value * clips) / clips
    printed = 0.5 * 10.0 ** -len(f"{claim.value:g}".partition(".")[2])  # it may be rounded
    near = abs(nearest - claim.value) < max(_NEAR, printed)
    if claim.name != "accuracy" or len(seeds) > 1 or near:
        return ""
    return (
        f"accuracy {claim.value:g} is impossible: no number of right clips of {clips} gives it, "
        f"the nearest is {nearest:.4f}"
    )


def _of(metric: Score, rows: Sequence[Row], classes: Sequence[str]) -> float:
    return float(metric(counts_of(rows, classes)))


def _by_seed(rows: Sequence[Row]) -> list[list[Row]]:
    return _grouped(rows, lambda row: row.seed)


def _grouped(rows: Sequence[Row], key: Callable[[Row], Hashable]) -> list[list[Row]]:
    found: dict[Hashable, list[Row]] = defaultdict(list)
    for row in rows:
        found[key(row)].append(row)
    return list(found.values())


def _best_seeds(rows: Sequence[Row], metric: Score) -> float:
    """Return the score of each fold's seed that gets most of its clips right."""
    best = [
        row
        for fold in _grouped(rows, lambda row: row.fold)
        for row in max(_by_seed(fold), key=_right)
    ]
    return _of(metric, best, classes_of(rows))


def _vote(rows: Sequence[Row]) -> list[Row]:
    """Return a row for each clip, with the class that most seeds predict, the first on a tie."""
    return [
        replace(own[0], predicted=Counter(row.predicted for row in own).most_common(1)[0][0])
        for own in _grouped(rows, lambda row: row.clip)
    ]


def check_sizes(rows: Sequence[Row]) -> list[Finding]:
    """Note corpora with other numbers of clips than MEGC 2019 has, where nothing else is known."""
    found = Counter(
        row.subject.partition("/")[0].lower() for row in rows if row.seed == rows[0].seed
    )
    other = {name: n for name, n in found.items() if n != _PARTS.get(name, n)}
    if not set(_PARTS) <= set(found) or not other:
        return []
    told = ", ".join(f"{n} clips of {name} in place of {_PARTS[name]}" for name, n in other.items())
    message = (
        f"{told} of the MEGC 2019 composite. Ask which clips were left out and why; --manifest or "
        "--corpus names them."
    )
    return [Finding(check="clips", severity="note", fold="", message=message)]


def _fixed_denominators(
    value: float, final: Sequence[Row], kept: Sequence[Row], classes: Sequence[str]
) -> Iterator[tuple[str, str]]:
    """Divide right tests by class sizes that are not those of the tests."""
    counts = counts_of(final, classes)
    sizes = [counts_of(kept, classes).sum(axis=1)]
    if len(classes) == len(_COMPOSITE):
        sizes.append(np.sort(np.array(_COMPOSITE))[np.argsort(np.argsort(counts.sum(axis=1)))])
    for size in sizes:
        if (size == counts.sum(axis=1)).all() or not size.all():
            continue
        if abs(float((np.diag(counts) / size).mean()) - value) < _NEAR:
            most = float((counts.sum(axis=1) / size).mean())
            yield (
                "fixed denominators",
                f"divides by {', '.join(map(str, size))} clips of the classes, while "
                f"{', '.join(map(str, counts.sum(axis=1)))} are tested: its largest value is "
                f"{most:.4f}, not 1. As a share of that it is {value / most:.3f}",
            )
            return


def _means_of_folds(
    name: str, rows: Sequence[Row], classes: Sequence[str]
) -> Iterator[tuple[str, float]]:
    by_fold: dict[tuple[str, str], list[Row]] = defaultdict(list)
    for row in rows:
        by_fold[row.seed, row.fold].append(row)
    if len(by_fold) < 2:
        return
    counts = np.stack([counts_of(own, classes) for own in by_fold.values()])
    yield "absent classes left out", float(METRICS[name](counts).mean())
    if name != "accuracy":
        for absent in (0.0, 1.0):
            values = [_absent_counted(name, own, classes, absent) for own in by_fold.values()]
            yield f"absent classes counted as {absent:g}", float(np.mean(values))


def _absent_counted(name: str, rows: Sequence[Row], classes: Sequence[str], absent: float) -> float:
    """Return the mean over all classes, with a value for those that no tested clip has."""
    if name == "accuracy":
        return float("nan")
    found = per_class_of(counts_of(rows, classes))
    values = found.f1 if name == "uf1" else found.recall
    if (found.support > 0).all():
        return float("nan")
    return float(np.where(found.support > 0, values, absent).mean())


def _best_epochs(rows: Sequence[Row]) -> list[Row]:
    """Return the predictions of the epoch that gets most clips of each fold right, if several."""
    by_epoch: dict[tuple[str, str], dict[int, list[Row]]] = defaultdict(lambda: defaultdict(list))
    for row in rows:
        by_epoch[row.seed, row.fold][row.epoch].append(row)
    if max((len(epochs) for epochs in by_epoch.values()), default=0) < 2:
        return []
    best = [max(epochs.values(), key=_right) for epochs in by_epoch.values()]
    return [row for own in best for row in own]


def _right(rows: Sequence[Row]) -> int:
    return sum(row.truth == row.predicted for row in rows)


def _check_log(claims: Sequence[Claim]) -> list[Finding]:
    """Find folds whose stated score is the best of their epochs in a log."""
    findings = []
    for name in METRICS:
        epochs: dict[str, dict[int, float]] = defaultdict(dict)
        stated: dict[str, float] = {}
        for claim in claims:
            if claim.name == name and claim.epoch >= 0:
                epochs[claim.fold][claim.epoch] = claim.value
            elif claim.name == name:
                stated[claim.fold] = claim.value
        folds = {fold: own for fold, own in epochs.items() if len(own) > 1}
        if folds:
            findings += _chosen(name, folds, stated)
    return findings


def _chosen(
    name: str, folds: Mapping[str, Mapping[int, float]], claimed: Mapping[str, float]
) -> list[Finding]:
    last = {fold: own[max(own)] for fold, own in folds.items()}
    best = {fold: max(own.values()) for fold, own in folds.items()}
    named = [fold for fold in folds if fold in claimed]
    taken = [
        fold for fold in named if _is(claimed[fold], best[fold]) and not _is(best[fold], last[fold])
    ]
    honest = [
        fold for fold in named if _is(claimed[fold], last[fold]) and not _is(best[fold], last[fold])
    ]
    whole = claimed.get("")
    mean = _mean(best.values())
    if (
        whole is not None
        and "" not in folds
        and _is(whole, mean)
        and not _is(mean, _mean(last.values()))
    ):
        taken = list(folds)
    if not taken or honest:
        return []
    message = (
        f"{name}: {len(taken)} of {len(folds)} folds tell the best of their epochs, not the last: "
        f"the tested subject chose it. Mean of the best epochs {mean:.3f}, of the last "
        f"{_mean(last.values()):.3f}"
    )
    return [_finding("best epoch", message, {name: _mean(last.values())})]


def _is(one: float, other: float) -> bool:
    return abs(one - other) < _NEAR


def _mean(values: Collection[float]) -> float:
    return sum(values) / len(values)


def _finding(check: str, message: str, corrected: Mapping[str, float]) -> Finding:
    return Finding(
        check=check, severity="leak", fold="", message=f"{message}.", corrected=corrected
    )
