"""The stamp of an audit beside a run: what was tried on it, how much of it, and what was found."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

from openmer.errors import DataError
from openmer.files import replace_file

AUDIT_FILE = "audit.json"
NOT_AUDITED = "not audited"
LIMITS = (
    "settings, clips or class weights that were decided outside of the program, by looking at "
    "tested subjects",
    "what was done to the files before: normalised over the corpus, or labels drawn into frames",
    "files that native code opens without Python, and names, sizes and times of files, which are "
    "asked for without opening them",
    "code that changes the audit, knows that it is audited, or leaks only after the audit",
    "a prior typed into the code by the name of a subject, or numbers in environment variables",
    "weights whose card does not say whose pictures made them, or names them otherwise",
    "one subject under two ids, where the frames show them in another light or are not there",
    "copies of which half is hidden, or that are turned by ten degrees or more, sheared, or reduced"
    " to a few levels or to edges",
    "records and stamps that somebody writes by hand, with the digests that belong to them",
    "attempts that were not reported: the best of many runs",
)
"""What no audit of a program can see; said beside every verdict."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing the audit found.

    Attributes:
        check: Name of the check.
        severity: ``leak`` makes a result worthless; ``note`` is for a reader to evaluate.
        fold: The held-out subject concerned; empty where it concerns the data as a whole.
        message: What was found, and what to do.
        corrected: Scores without it, where they can be computed.
    """

    check: str
    severity: Literal["leak", "note"]
    fold: str
    message: str
    corrected: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditRecord:
    """One audit of one method on one set of clips.

    Attributes:
        method: Name of the method.
        title: Its title.
        epoch_rule: What chose its epochs.
        run: Name of the folder of the run that is the same question.
        findings: Leaks, and notes for a reader.
        subjects: Held-out subjects that were poisoned.
        subjects_of: Held-out subjects in all.
        epochs: Epochs of each training; 0 for a method without epochs.
        epochs_of: Epochs of the method's budget.
        transductive: What the method says that its scores take from other clips of a subject.
        openmer: Version that made the audit.
    """

    method: str
    title: str
    epoch_rule: str
    run: str
    findings: tuple[Finding, ...]
    subjects: int
    subjects_of: int
    epochs: int
    epochs_of: int
    transductive: str
    openmer: str

    @property
    def leaks(self) -> tuple[Finding, ...]:
        """The findings that make a result worthless."""
        return tuple(finding for finding in self.findings if finding.severity == "leak")

    @property
    def clean(self) -> bool:
        """Whether no finding is a leak."""
        return not self.leaks

    @property
    def share(self) -> str:
        """How much was tried, in words; empty where it was all."""
        parts = []
        if self.epochs < self.epochs_of:
            parts.append(f"{self.epochs} of {self.epochs_of} epochs")
        if self.subjects < self.subjects_of:
            parts.append(f"{self.subjects} of {self.subjects_of} held-out subjects")
        return ", ".join(parts)

    @property
    def state(self) -> str:
        """What every table says: audited, audited in part, or what was found."""
        if not self.clean:
            checks = dict.fromkeys(finding.check for finding in self.leaks)
            return f"the audit found leaks: {', '.join(checks)}"
        how = f"audited in part ({self.share})" if self.share else "audited"
        notes = len(self.findings)
        doubts = f", {notes} note{'s' * (notes > 1)}" if notes else ""
        return how + doubts + (", transductive" if self.transductive else "")

    def to_json(self) -> dict[str, Any]:
        """Return values that `json.dumps` takes, with what the audit cannot see."""
        return {
            **asdict(self),
            "findings": [asdict(finding) for finding in self.findings],
            "clean": self.clean,
            "state": self.state,
            "cannot_see": list(LIMITS),
        }


def write_audit(folder: Path, record: AuditRecord) -> None:
    """Store an audit with its digest beside the run.

    Args:
        folder: Of the run that is the same question, whether it has begun or not.
        record: The audit.
    """
    content = record.to_json()
    stamped = {**content, "sha256": digest_of(content)}
    replace_file(folder / AUDIT_FILE, json.dumps(stamped, indent=1) + "\n")


def read_audit(folder: Path) -> AuditRecord | None:
    """Return the audit that lies beside a run; None where there is none.

    Raises:
        DataError: It was edited, is damaged, or is that of another run.
    """
    path = folder / AUDIT_FILE
    if not path.is_file():
        return None
    try:
        content = json.loads(path.read_bytes())
        record = AuditRecord(
            **{
                name: content[name]
                for name in AuditRecord.__dataclass_fields__
                if name != "findings"
            },
            findings=_findings(content["findings"]),
        )
        stamp = content.pop("sha256")
    except (ValueError, KeyError, TypeError) as error:
        raise DataError(f"{path} is no audit: {error!r}. Delete it and audit again.") from error
    if digest_of(content) != stamp or record.run != folder.name:
        raise DataError(
            f"{path} is not as it was written, or is that of another run. Delete it, and run "
            "openmer audit again."
        )
    return record


def audit_state(folder: Path) -> str:
    """Say of a run whether it was audited, how much of it, or what was found."""
    record = read_audit(folder)
    return NOT_AUDITED if record is None else record.state


def audit_sentence(states: Mapping[str, str]) -> str:
    """Say of the runs of one table what is proven of them.

    Args:
        states: What `audit_state` says of each, by its name in the table.
    """
    if len(set(states.values())) == 1:
        return f"Audit: {next(iter(states.values()))}."
    return f"Audit: {'; '.join(f'{name}: {state}' for name, state in states.items())}."


def digest_of(content: Mapping[str, Any]) -> str:
    """Return SHA-256 over what a record says, in hex, whatever the order of its keys."""
    text = json.dumps(content, sort_keys=True, ensure_ascii=True)
    return hashlib.sha256(text.encode()).hexdigest()


def _findings(tables: Sequence[Mapping[str, Any]]) -> tuple[Finding, ...]:
    return tuple(Finding(**found) for found in tables)
