"""Prove that no fold of a method sees its held-out subject."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from openmer import remote
from openmer.api._clips import Source
from openmer.api._display import Displayed, frame
from openmer.api._evaluate import Device, method_of, task_of
from openmer.api._progress import progress as shown
from openmer.datasets import LabelScheme
from openmer.evaluation import LIMITS, LOSO, Finding, Protocol, audit_method
from openmer.evaluation import pretraining_images as find_images
from openmer.methods import Method
from openmer.training import EpochRule, Resources

if TYPE_CHECKING:
    from pandas import DataFrame


@dataclass(frozen=True, repr=False)
class Audit(Displayed):
    """What an audit found.

    Attributes:
        title: Title of the method.
        epoch_rule: What chose its epochs.
        poisoned: How many folds had their held-out subject or group poisoned.
        findings: Leaks, and notes for a reader.
        state: What tables say: audited, audited in part and how much, or what was found.
    """

    title: str
    epoch_rule: str
    poisoned: int
    findings: tuple[Finding, ...]
    state: str

    @property
    def cannot_see(self) -> tuple[str, ...]:
        """What no audit of a program can see, however clean it is."""
        return LIMITS

    @property
    def clean(self) -> bool:
        """Whether no finding is a leak."""
        return not any(finding.severity == "leak" for finding in self.findings)

    def to_frame(self) -> DataFrame:
        """Return a table with a row for each finding."""
        columns = ("severity", "check", "fold", "message")
        return frame((asdict(finding) for finding in self.findings), columns)

    def _line(self) -> str:
        verdict = "clean" if self.clean else "leaks"
        return (
            f"{self.title}, epoch rule {self.epoch_rule}: {verdict}, {self.poisoned} held-out "
            f"subjects or groups poisoned, {len(self.findings)} findings; {self.state}. No audit "
            f"sees {'; '.join(LIMITS)}."
        )


def audit(
    method: str | Path | Method,
    clips: Source,
    *,
    epoch_rule: EpochRule | None = None,
    overrides: Sequence[str] = (),
    label_scheme: str | LabelScheme | None = None,
    protocol: str = LOSO,
    subjects: int = 3,
    epochs: int = 4,
    minutes: float = 10,
    full: bool = False,
    pretraining_images: str | Path | None = None,
    device: Device = "auto",
    workers: int = 0,
    progress: bool = True,
) -> Audit:
    """Change each held-out subject's clips and labels, train again, and compare every bit.

    Args:
        method: As in `evaluate`.
        clips: As in `evaluate`.
        epoch_rule: As in `evaluate`.
        overrides: As in `evaluate`.
        label_scheme: As in `evaluate`.
        protocol: As in `evaluate`.
        subjects: How many held-out subjects, or groups of them, are poisoned; 0 is everybody.
        epochs: Budget of the poisoned trainings; 0 is the method's own.
        minutes: After which no other subject is begun; at least one is poisoned. 0 is no bound.
        full: All subjects and the whole budget, however long that takes.
        pretraining_images: Folder or table of the images that made the method's weights, to look
            for tested subjects on them.
        device: As in `evaluate`.
        workers: As in `evaluate`.
        progress: As in `evaluate`.

    Returns:
        What was found; `clean` says whether no fold used its held-out subject.

    Raises:
        OpenMERError: As `evaluate`.

    Example:
        audit = openmer.audit("flow-svm", "clips.csv")
        print(audit.clean, audit.to_frame())
    """
    chosen = method_of(method, overrides, label_scheme)
    rule = epoch_rule or chosen.epoch_rule
    images = None if pretraining_images is None else remote.here(pretraining_images)
    made_by = find_images(images, chosen)
    with shown(progress) as report:
        how = Protocol(epoch_rule=rule, folds=protocol)
        task = task_of(chosen, clips, how, workers, report)
        found = audit_method(
            task,
            how,
            Resources(device=device),
            subjects=0 if full else subjects,
            epochs=0 if full else epochs,
            minutes=0 if full else minutes,
            images=made_by,
            on_progress=report,
        )
    return Audit(chosen.title, rule, found.subjects, found.findings, found.state)
