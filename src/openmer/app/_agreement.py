"""How far coders agree about found events: kappa, alpha, and how far apart their onsets are."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from itertools import combinations

import lazy_loader
import numpy as np
from sklearn.metrics import cohen_kappa_score

from openmer.app._decisions import Decision
from openmer.errors import ConfigError, DataError
from openmer.reports import Table

krippendorff = lazy_loader.load("krippendorff")

Decisions = Mapping[str, Mapping[str, Decision]]


@dataclass(frozen=True, slots=True, kw_only=True)
class PairAgreement:
    """Agreement of two coders on the events that both decided about.

    Attributes:
        coders: Their names.
        events: That both decided about.
        kappa: Cohen's kappa of accepted against rejected; None where all decisions are the same.
        class_kappa: Of the classes of events that both accepted; likewise None.
        onset_frames: Mean distance of the onsets of events that both accepted; None for none.
        apex_frames: Likewise of the apexes.
        offset_frames: Likewise of the offsets.
    """

    coders: tuple[str, str]
    events: int
    kappa: float | None
    class_kappa: float | None
    onset_frames: float | None
    apex_frames: float | None
    offset_frames: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Agreement:
    """Agreement of all coders.

    Attributes:
        pairs: Of each two.
        alpha: Krippendorff's alpha of accepted against rejected, over all coders, also where some
            did not decide; None where all decisions are the same.
        class_alpha: Of the classes of accepted events; likewise.
    """

    pairs: tuple[PairAgreement, ...]
    alpha: float | None
    class_alpha: float | None


def agreement_of(decisions: Decisions) -> Agreement:
    """Measure how far coders agree.

    Args:
        decisions: By coder, then by event.

    Raises:
        ConfigError: The package `krippendorff` is not installed.
        DataError: There are fewer than two coders.

    References:
        Cohen (1960), A coefficient of agreement for nominal scales. Krippendorff (2011), Computing
        Krippendorff's alpha-reliability.
    """
    if find_spec("krippendorff") is None:
        raise ConfigError("Agreement needs krippendorff. Install it with: pip install "
                          "'openmer[coding]'")  # fmt: skip
    if len(decisions) < 2:
        raise DataError(
            f"Found {len(decisions)} coder, expected two or more. Let another one review: "
            "`openmer review FOLDER --coder NAME`."
        )
    states = {c: {key: one.state for key, one in own.items()} for c, own in decisions.items()}
    classes = {c: _classes(own) for c, own in decisions.items()}
    return Agreement(
        pairs=tuple(_pair(decisions, a, b) for a, b in combinations(sorted(decisions), 2)),
        alpha=_alpha(states),
        class_alpha=_alpha(classes),
    )


def agreement_table(found: Agreement) -> Table:
    """Write the agreement as a table."""
    rows = [
        (
            " and ".join(pair.coders),
            str(pair.events),
            *map(_text, (pair.kappa, pair.class_kappa)),
            *map(_text, (pair.onset_frames, pair.apex_frames, pair.offset_frames)),
        )
        for pair in found.pairs
    ]
    rows.append(
        ("all (Krippendorff's alpha)", "", _text(found.alpha), _text(found.class_alpha), "", "", "")
    )
    columns = ("Coders", "Events", "Accepted", "Class", "Onset", "Apex", "Offset")
    note = (
        "Accepted and class: Cohen's kappa of each two coders. Onset, apex and offset: mean "
        "distance in frames, of events that both accepted."
    )
    return Table("", columns, tuple(rows), (note,), "lrrrrrr")


def _classes(own: Mapping[str, Decision]) -> dict[str, str]:
    accepted = {key: one for key, one in own.items() if one.state == "accepted"}
    return {key: one.class_name.lower() for key, one in accepted.items() if one.class_name}


def _pair(decisions: Decisions, first: str, second: str) -> PairAgreement:
    keys = sorted(set(decisions[first]) & set(decisions[second]))
    pairs = [(decisions[first][key], decisions[second][key]) for key in keys]
    both = [pair for pair in pairs if all(one.state == "accepted" for one in pair)]
    named = [(a.class_name.lower(), b.class_name.lower()) for a, b in both]
    apart = np.array([[abs(getattr(a, n) - getattr(b, n)) for n in ("onset", "apex", "offset")]
                      for a, b in both])  # fmt: skip
    onset, apex, offset = apart.mean(0).tolist() if both else (None, None, None)
    return PairAgreement(
        coders=(first, second),
        events=len(pairs),
        kappa=_kappa([(a.state, b.state) for a, b in pairs]),
        class_kappa=_kappa([pair for pair in named if all(pair)]),
        onset_frames=onset,
        apex_frames=apex,
        offset_frames=offset,
    )


def _kappa(pairs: list[tuple[str, str]]) -> float | None:
    words = {word for pair in pairs for word in pair}
    if len(words) < 2:
        return None
    return float(cohen_kappa_score(*zip(*pairs, strict=True)))


def _alpha(said: Mapping[str, Mapping[str, str]]) -> float | None:
    counts = Counter(key for own in said.values() for key in own)
    keys = sorted(key for key, count in counts.items() if count > 1)  # others cannot agree
    words = sorted({own[key] for own in said.values() for key in keys if key in own})
    if len(words) < 2:
        return None
    codes = [[words.index(own[key]) if key in own else np.nan for key in keys]
             for own in said.values()]  # fmt: skip
    return float(krippendorff.alpha(codes, level_of_measurement="nominal"))


def _text(value: float | None) -> str:
    return "" if value is None else f"{value:.2f}"
