"""What every output format shows of a run, as values and as plain text; no format's own syntax."""

from __future__ import annotations

import unicodedata
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from openmer.errors import DataError
from openmer.evaluation import Estimate, RunInfo, Summary, list_metrics, warnings_of
from openmer.reports._published import is_composite

Run = tuple[RunInfo, Summary]
"""A run's record and its scores."""

LEAKY = "LEAKY"
HONEST = "honest"
LEAKY_MEANS = (
    "A leaky run has seen the subjects it is tested on: its training epoch was chosen by the score "
    "on the held-out subject, or pictures of tested subjects made the weights it starts from, or "
    "another leak was made on purpose. Its numbers are too high, say nothing about new people, and "
    "only serve to explain published tables made the same way."
)
INTERVAL_MEANS = (
    "Intervals are 95 % bootstrap intervals: whole subjects are drawn with replacement, "
    "all their clips with them. The ± is the standard deviation over seeds."
)
RULE_WORDS = {"fixed": "last epoch", "inner": "inner subjects", "held_out": "held-out subject"}
LEAK_WORDS = {
    "carried_weights": "weights carried from fold to fold",
    "substring_subjects": "subjects matched by substring",
    "global_scaling": "scaled over all clips",
}
RULE_MEANS = {
    "fixed": "The last epoch of a budget stated beforehand.",
    "inner": "The best epoch on subjects held out inside the training subjects.",
    "held_out": "The best epoch on the tested subject: leaky.",
}
_CORPUS_WORDS = {"smic": "SMIC", "casme2": "CASME II", "samm": "SAMM"}
_MISSING = "\N{EN DASH}"
_SHOWN_SUBJECTS = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class ScoreText:
    """One score as text: its value, its 95 % interval, its spread over seeds ("" for one seed)."""

    value: str
    interval: str
    spread: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One run as a line of a table, all text.

    Attributes:
        title: The method's title; a run on shuffled labels says so.
        rule: How the epoch was chosen, in words.
        mark: "honest" or "LEAKY".
        leaky: The same as a truth value.
        scores: Every metric by its short name.
        seeds: How many seeds, in words.
        parameters: Number of weights ("867 k").
        time: Wall time ("4 min 10 s").
        data: Clips and subjects, in words.
        notes: What a reader must know: whether the run was audited, tested subjects that the
            weights have seen, a search of settings, clips that could not be prepared, a corpus that
            is not whole. One sentence or two each.
    """

    title: str
    rule: str
    mark: str
    leaky: bool
    scores: dict[str, ScoreText]
    seeds: str
    parameters: str
    time: str
    data: str
    notes: tuple[str, ...] = ()

    @property
    def label(self) -> str:
        """The run in one phrase; a leaky one says so."""
        return f"{self.title}, {self.rule}" + (f" ({LEAKY})" if self.leaky else "")


@dataclass(frozen=True, slots=True, kw_only=True)
class LeakRow:
    """One method under several epoch rules, honest and leaky side by side.

    Attributes:
        title: The method's title.
        fixed: UF1 at the last epoch; a dash where it was not run.
        inner: UF1 with the epoch chosen on inner subjects; a dash where it was not run.
        held_out: UF1 with the epoch chosen on the held-out subject: leaky.
        gain: `held_out` minus the better honest UF1, with its sign.
    """

    title: str
    fixed: str
    inner: str
    held_out: str
    gain: str


def ordered(runs: Sequence[Run]) -> list[Run]:
    """Order the runs: those of one title together, as they first occur, honest ones first."""
    if not runs:
        raise DataError("There is no run to report. Pass at least one folder of a finished run.")
    for info, summary in runs:
        _require_fit(info, summary)
    first: dict[str, int] = {}
    for info, _ in runs:
        first.setdefault(title_of(info), len(first))
    rules = list(RULE_WORDS)
    return sorted(
        runs,
        key=lambda run: (first[title_of(run[0])], run[0].leaky, rules.index(run[0].epoch_rule)),
    )


def row_of(info: RunInfo, summary: Summary) -> Row:
    """Write the scores and settings of a run as text."""
    warnings = warnings_of(info, summary)
    found = (
        _audit_note(info),
        _protocol_note(info),
        _seen_note(info),
        *warnings,
        _search_note(info),
        _source_note(info),
    )
    return Row(
        title=title_of(info),
        rule=_rule_of(info),
        mark=LEAKY if info.leaky else HONEST,
        leaky=info.leaky,
        scores={name: _score_text(found) for name, found in summary.scores.items()},
        seeds=counted(len(summary.seeds), "seed"),
        parameters=large_number(info.parameters),
        time=duration(info.seconds),
        data=f"{counted(summary.clips, 'clip')}, {counted(summary.subjects, 'subject')}",
        notes=tuple(plain(note) for note in found if note),
    )


def _rule_of(info: RunInfo) -> str:
    """How the epoch was chosen, and what else leaks on purpose."""
    words = [RULE_WORDS[info.epoch_rule], LEAK_WORDS.get(info.leak, plain(info.leak))]
    return ", ".join(word for word in words if word)


def _audit_note(info: RunInfo) -> str:
    """Say what is proven of a run: every table does."""
    also = f" Transductive, as the method says: {info.transductive}" if info.transductive else ""
    return f"Audit: {info.audit}.{also}"


def notes_of(rows: Sequence[Row]) -> list[str]:
    """Return the notes of all rows; one that does not hold for all names its run."""
    shared = [note for note in rows[0].notes if all(note in row.notes for row in rows)]
    own = [f"{row.label}: {note}" for row in rows for note in row.notes if note not in shared]
    return shared + own


def leak_rows(runs: Sequence[Run]) -> list[LeakRow]:
    """One row per method that was run with the leaky rule and with an honest one.

    Runs belong together where title, data and resolved method are the same, whatever the method's
    own keys named "epoch_rule" say; where one rule occurs twice among them, or the weights that
    they start from have seen tested subjects, there is no row.
    """
    groups: dict[str, list[Run]] = defaultdict(list)
    for info, summary in runs:
        groups[_same_but_for_the_rule(info, summary)].append((info, summary))
    rows = []
    for group in groups.values():
        uf1 = {info.epoch_rule: summary.uf1 for info, summary in group}
        honest = [uf1[rule] for rule in ("fixed", "inner") if rule in uf1]
        seen = any(info.seen_subjects or info.leak for info, _ in group)
        if seen or len(uf1) < len(group) or "held_out" not in uf1 or not honest:
            continue
        rows.append(
            LeakRow(
                title=title_of(group[0][0]),
                fixed=score(uf1.get("fixed")),
                inner=score(uf1.get("inner")),
                held_out=score(uf1["held_out"]),
                gain=f"{uf1['held_out'] - max(honest):+.3f}".replace("-", "\N{MINUS SIGN}"),
            )
        )
    return rows


def composite_runs(runs: Sequence[Run]) -> list[Run]:
    """List the runs that published numbers can stand beside: on the MEGC 2019 composite."""
    ours = [run for run in runs if is_composite(run[1]) and run[0].protocol == "loso"]
    return [run for run in ours if not run[0].shuffled_labels]


def titles(*, main: bool) -> dict[str, str]:
    """Return the titles of the metrics of the first table, or of the further ones, by name."""
    return {metric.name: metric.title for metric in list_metrics(main=main)}


def score(value: float | None) -> str:
    """Write a score with three digits; a dash where there is none or it is not defined."""
    return _MISSING if value is None or value != value else f"{value:.3f}"  # noqa: PLR0124


def interval_text(found: Estimate) -> str:
    """Write the 95 % interval of a score; a dash where there is none."""
    if found.low is None or found.high is None:
        return _MISSING
    return f"{score(found.low)}\N{EN DASH}{score(found.high)}"


def corpus_word(corpus: str) -> str:
    """How a corpus is written ("casme2" is CASME II); unknown ones as they are."""
    return _CORPUS_WORDS.get(corpus, plain(corpus))


def large_number(count: int | None) -> str:
    """Write a number of parameters with a unit: 1670, 867 k, 43.7 M; a dash for none."""
    if not count:
        return _MISSING
    if count < 10_000:
        return str(count)
    if count < 999_500:
        return f"{count / 1e3:.3g} k"
    return f"{count / 1e6:.3g} M" if count < 999.5e6 else f"{count / 1e9:.3g} G"


def duration(seconds: float) -> str:
    """Wall time in its two largest units: 0.4 s, 12 s, 4 min 10 s, 3 h 20 min."""
    if seconds < 10:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"


def counted(count: int, noun: str) -> str:
    """Write a number of things: "1 seed", "3 seeds"."""
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def plain(text: str) -> str:
    """Text on one line without control or direction characters, which could forge a table."""
    shown = "".join(" " if _is_control(c) else c for c in text)
    return " ".join(shown.split())


def shown_lines(text: str) -> str:
    """Text whose control and direction characters, line ends aside, are made visible."""
    return "\n".join(
        "".join("\N{REPLACEMENT CHARACTER}" if _is_control(c) else c for c in line)
        for line in text.split("\n")
    )


def _is_control(character: str) -> bool:
    return unicodedata.category(character).startswith("C")


def title_of(info: RunInfo) -> str:
    """Return the method's title; a run on shuffled labels or by another protocol says so."""
    shuffled = " on shuffled labels" if info.shuffled_labels else ""
    protocol = "" if info.protocol == "loso" else f", {info.protocol}"
    return plain(f"{info.title}{shuffled}{protocol}")


def _protocol_note(info: RunInfo) -> str:
    """Say how clips were held out; empty for leave-one-subject-out."""
    if info.protocol == "loso":
        return ""
    return (
        f"Clips were held out by the protocol {info.protocol}, not by leave-one-subject-out; "
        "scores of different protocols are not comparable."
    )


def _seen_note(info: RunInfo) -> str:
    """Whose pictures made the weights that the folds start from; empty where it is nobody's."""
    if not info.seen_subjects:
        return ""
    shown = list(info.seen_subjects[:_SHOWN_SUBJECTS])
    more = len(info.seen_subjects) - len(shown)
    names = ", ".join([*shown, *([f"{more} more"] if more else [])])
    return (
        f"{LEAKY}: the weights that every fold starts from were made on pictures of "
        f"{len(info.seen_subjects)} of {counted(info.subjects, 'tested subject')}: {names}."
    )


def _search_note(info: RunInfo) -> str:
    """Which settings every fold chose for itself; empty where none did."""
    search = info.method_table.get("search")
    space = search.get("space") if isinstance(search, dict) else None
    if not isinstance(space, dict):
        return ""
    return (
        f"Every fold chose {', '.join(space)} by a search in its training subjects; the held-out "
        "subject had no part in it."
    )


def _source_note(info: RunInfo) -> str:
    """Say that a corpus is not whole, with its counts; empty where it is, or none is recorded."""
    source = info.source
    differences, doubtful = source.get("differences"), source.get("ids_to_check")
    if not differences:
        return _ids_note(doubtful or [])
    found = [
        f"{source.get(what, 0)} {what}, expected {source[f'{what}_expected']}"
        for what in ("clips", "subjects")
        if source.get(f"{what}_expected") not in (None, source.get(what))
    ]
    found.append(counted(len(differences), "difference") + " in all")
    whole = f"The copy of {source.get('title', 'the corpus')} is not whole: {'; '.join(found)}."
    return f"{whole} {_ids_note(doubtful or [])}".strip()


def _ids_note(texts: Sequence[str]) -> str:
    """Say which ids may be one subject; empty where none is in doubt."""
    if not texts:
        return ""
    more = len(texts) - _SHOWN_SUBJECTS
    shown = "; ".join([*texts[:_SHOWN_SUBJECTS], *([f"{more} more"] if more > 0 else [])])
    return f"Ids to be checked, since one subject under two ids is a leak: {shown}."


def _score_text(found: Estimate) -> ScoreText:
    return ScoreText(
        value=score(found.value),
        interval=interval_text(found),
        spread="" if found.sd is None else f"±{score(found.sd)}",
    )


def _require_fit(info: RunInfo, summary: Summary) -> None:
    recorded = (info.classes, info.clips, info.subjects, info.seeds)
    found = (summary.classes, summary.clips, summary.subjects, summary.seeds)
    if recorded != found:
        raise DataError(
            f"The record of {info.title} says (classes, clips, subjects, seeds) = {recorded}; its "
            f"predictions have {found}. Run it again; finished folds are kept."
        )


def _same_but_for_the_rule(info: RunInfo, summary: Summary) -> str:
    parts = sorted((name, part.clips) for name, part in summary.parts.items())
    method = _without_rule(info.method_table)
    return repr((info.method, title_of(info), info.classes, parts, summary.subjects, method))


def _without_rule(value: object) -> object:
    if isinstance(value, dict):
        return sorted(
            (str(key), _without_rule(inner)) for key, inner in value.items() if key != "epoch_rule"
        )
    return value
