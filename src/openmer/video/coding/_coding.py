"""What is said of the movements of one video, as programs for coding exchange it."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from openmer.errors import ConfigError, DataError, reading_file
from openmer.files import replace_files, require_same, short_name, temporary_folder
from openmer.registry import Registry
from openmer.video._event import MICRO_S, Event, Kind
from openmer.video._job import STAMP
from openmer.video.output._events import read_events

_EXTRA = "coding"
_UNITS = re.compile(
    r"AUs?\s*((?:[LRBTlrbt]?\d{1,2}[A-Ea-e]?)(?:\s*[+,]\s*[LRBTlrbt]?\d{1,2}[A-Ea-e]?)*)"
)
_NOTE = "note "


@dataclass(frozen=True, slots=True, kw_only=True)
class CodedEvent:
    """A movement as a coder has it; times in seconds since the first frame.

    Attributes:
        subject_id: Number of the face, 1 for the first.
        kind: "micro" or "macro".
        onset_s: When it begins.
        apex_s: When it is largest; None where nobody said.
        offset_s: When it ends.
        class_name: What it shows; "" where nobody said.
        action_units: Such as "6+12"; "" where nobody said.
        comment: Anything else.
    """

    subject_id: int = 1
    kind: Kind
    onset_s: float
    apex_s: float | None = None
    offset_s: float
    class_name: str = ""
    action_units: str = ""
    comment: str = ""

    @property
    def label(self) -> str:
        """All but subject and times in one line, for programs that keep one text an event."""
        units = f"AU {self.action_units}" if self.action_units else ""
        note = f"{_NOTE}{' '.join(self.comment.split())}" if self.comment else ""
        return "; ".join(part for part in (self.kind, self.class_name, units, note) if part)


@dataclass(frozen=True, slots=True, kw_only=True)
class Coding:
    """All that is said of one video.

    Attributes:
        video: Its path, as far as it is known; "" where it is not.
        duration_s: Its length; 0 where it is not known.
        step_s: Seconds from frame to frame; 0 where that is not known.
        events: By onset.
    """

    video: str
    duration_s: float = 0.0
    step_s: float = 0.0
    events: tuple[CodedEvent, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class EventFormat:
    """A kind of file that programs for coding read and write.

    Attributes:
        name: How `openmer events export` calls it.
        suffix: How its files end.
        title: The program.
        needs: Package that must be installed; "" where none must.
        write: Writes a coding into a new file.
        read: Reads one; raises `ValueError` or `KeyError` where the file has another form.
    """

    name: str
    suffix: str
    title: str
    needs: str = ""
    write: Callable[[Path, Coding], None]
    read: Callable[[Path], Coding]


EVENT_FORMATS: Registry[EventFormat] = Registry("format of events", "openmer.video.coding")


def register_event_format(form: EventFormat) -> EventFormat:
    """List a kind of file for `openmer events`.

    Raises:
        ValueError: Its name is taken.
    """
    EVENT_FORMATS.add(form.name, form)
    return form


def checked_formats(names: Iterable[str]) -> tuple[EventFormat, ...]:
    """Return formats by their names.

    Raises:
        ConfigError: There is no such format, or its package is not installed.
    """
    forms = tuple(EVENT_FORMATS[name] for name in names)
    if not forms:
        raise ConfigError(f"Found no format, expected some of {', '.join(EVENT_FORMATS)}.")
    for form in forms:
        if form.needs and find_spec(form.needs) is None:
            raise ConfigError(
                f"Files of {form.title} need {form.needs}. Install it with: pip install "
                f"'openmer[{_EXTRA}]'"
            )
    return forms


def export_events(
    folders: Sequence[Path], names: Sequence[str], out: Path | str
) -> tuple[Path, ...]:
    """Write the events of analysed videos for programs in which people code.

    Args:
        folders: Folders that `openmer analyze` wrote, or folders of such folders.
        names: Of formats: "eaf", "boris", "textgrid", "vtt".
        out: Folder for the files, which are named after the folders.

    Returns:
        The paths.

    Raises:
        ConfigError: There is no such format, or its package is not installed.
        DataError: A folder holds no results, two have one name, or a file is there already with
            other content, or cannot be written. Nothing is written then.
    """
    forms = checked_formats(names)
    contents: dict[Path, bytes] = {}
    with temporary_folder("coding") as place:
        for name, folder in _named(result_folders(folders)).items():
            coding = coding_of(folder)
            for form in forms:
                file = place / f"{short_name(name)}{form.suffix}"
                contents[Path(out) / file.name] = _written(form, file, coding)
    for path, content in contents.items():
        require_same(path, content)
    replace_files(contents)
    return tuple(contents)


def _written(form: EventFormat, file: Path, coding: Coding) -> bytes:
    try:
        form.write(file, coding)
        return file.read_bytes()
    except OSError as error:
        raise DataError(
            f"Cannot write {file.name} in {file.parent.parent}: {error.strerror}. Make room there."
        ) from error


def _named(folders: Sequence[Path]) -> dict[str, Path]:
    """Give folders by their names, which must differ, also on disks that know no capitals."""
    found: dict[str, Path] = {}
    for folder in (path.resolve() for path in folders):
        same = next((path for n, path in found.items() if n.casefold() == folder.name.casefold()),
                    folder)  # fmt: skip
        if same != folder:
            raise DataError(
                f"{same} and {folder} have one name, so their files would be one. Export them "
                "in turn, each with another --out."
            )
        found[folder.name] = folder
    return found


def result_folders(folders: Iterable[Path]) -> tuple[Path, ...]:
    """List the folders of results among these folders and those directly in them.

    Raises:
        DataError: One holds none.
    """
    found: list[Path] = []
    for folder in folders:
        own = [folder] if (folder / "events.json").is_file() else []
        own += sorted(
            path.parent
            for path in folder.glob("*/events.json")
            if not path.parent.name.startswith(".")  # half written
        )
        if not own:
            raise DataError(
                f"{folder} holds no results of `openmer analyze` (events.json). Give the folder of "
                "one video, or the folder that holds those of several."
            )
        found += own
    return tuple(dict.fromkeys(found))


def coding_of(folder: Path) -> Coding:
    """Read the results of one video as a coding.

    Raises:
        DataError: They are not those of `openmer analyze`.
    """
    path = folder / "events.json"
    with reading_file(path, "results of a video", "Give a folder that `openmer analyze` wrote."):
        told = json.loads(path.read_text(encoding="utf-8"))["video"]
        numerator, _, denominator = str(told["fps"]).partition("/")
        step_s = float(denominator or 1) / float(numerator) if numerator else 0.0
        return Coding(
            video=video_of(folder) or told["name"],
            duration_s=float(told["duration_s"]) + step_s,
            step_s=step_s,
            events=tuple(map(_coded, read_events(folder))),
        )


def video_of(folder: Path) -> str:
    """Return the path of the video whose results a folder holds; "" where it does not say."""
    try:
        return str(_stamp_of(folder)["video"]["path"])
    except (OSError, ValueError, KeyError, TypeError):
        return ""


def fps_given(folder: Path) -> Fraction | None:
    """Return the frame rate with which a video was analysed; None where none was given."""
    try:
        return Fraction(_stamp_of(folder)["fps"])
    except (OSError, ValueError, KeyError, TypeError, ZeroDivisionError):
        return None


def _stamp_of(folder: Path) -> dict[str, Any]:
    """Read what `openmer analyze` notes of itself; nothing is checked."""
    stamp: dict[str, Any] = json.loads((folder / STAMP).read_text(encoding="utf-8"))
    return stamp


def _coded(event: Event) -> CodedEvent:
    sure = "" if event.confidence is None else f"confidence {event.confidence:.2f}"
    return CodedEvent(
        subject_id=event.subject_id,
        kind=event.kind,
        onset_s=event.onset_s,
        apex_s=event.apex_s,
        offset_s=event.offset_s,
        class_name=event.class_name or "",
        comment=", ".join(part for part in ("found by OpenMER", sure) if part),
    )


def event_from(
    label: str, onset_s: float, offset_s: float, *, subject_id: int = 1, kind: str = ""
) -> CodedEvent:
    """Read a label, of ours or of a coder's own making, as an event.

    Its parts are set apart by semicolons: "micro" or "macro", action units ("AU 6+12"), a comment
    ("note ..."), and the class, which is any other word. Where the kind is not said it is that of
    the duration: micro up to half a second.
    """
    class_name, action_units, notes = "", "", []
    for part in (piece.strip() for piece in label.split(";")):
        units = _UNITS.fullmatch(part)
        if part.lower() in ("micro", "macro"):
            kind = part.lower()
        elif units:
            action_units = re.sub(r"\s*[+,]\s*", "+", units.group(1))
        elif part.startswith(_NOTE) or class_name:
            notes.append(part.removeprefix(_NOTE))
        else:
            class_name = part
    is_micro = kind == "micro" if kind else offset_s - onset_s <= MICRO_S[1] + 1e-3
    return CodedEvent(
        subject_id=subject_id,
        kind="micro" if is_micro else "macro",
        onset_s=onset_s,
        offset_s=offset_s,
        class_name=class_name,
        action_units=action_units,
        comment="; ".join(notes),
    )
