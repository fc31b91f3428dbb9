"""What is said of the movements of one video, as programs for coding exchange it."""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from openmer.datasets import parse_action_units
from openmer.errors import ConfigError, DataError, reading_file
from openmer.files import replace_files, require_same, short_name, temporary_folder
from openmer.registry import Registry
from openmer.video._event import MICRO_S, Event, Kind
from openmer.video._job import STAMP
from openmer.video.output._events import read_events

_EXTRA = "coding"
_UNIT = r"[LRTBUA]?\d{1,2}[A-E]?[LR]?\??"
_NAMED_UNIT = re.compile(rf"(?i)\bAUs?[\s:._-]*(?={_UNIT}(?![^\W_]))")
_AMONG_WORDS = re.compile(  # as in "happiness (AU6+12)"
    rf"(?i)\(?\s*\bAUs?[\s:._-]*{_UNIT}(?:\s*(?:[+,&/]|\band\b|\bor\b)\s*(?:AUs?[\s:._-]*)?"
    rf"{_UNIT}(?![^\W_])|\s+AU[\s:._-]*{_UNIT}(?![^\W_]))*(?![^\W_])\s*\)?"
)
_NOTE = "note "
_PART = rf'\s*((?:{_NOTE})?"(?:[^"]|"")*"|[^;]*)\s*(?:;|$)'


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
        tier: Name of the tier that says so; "" where there is none.
        coder: Who says so; "" where that is not known.
        subject: Whose face it is, in the coder's words; "" where the file does not say.
    """

    subject_id: int = 1
    kind: Kind
    onset_s: float
    apex_s: float | None = None
    offset_s: float
    class_name: str = ""
    action_units: str = ""
    comment: str = ""
    tier: str = ""
    coder: str = ""
    subject: str = ""

    @property
    def label(self) -> str:
        """All but subject and times in one line, for programs that keep one text an event."""
        units = f"AU {self.action_units}" if self.action_units else ""
        name, said = (" ".join(text.split()) for text in (self.class_name, self.comment))
        parts = (self.kind, class_part(name), units, note_part(said))
        return "; ".join(part for part in parts if part)


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

    Its parts are set apart by semicolons: "micro" or "macro", action units ("AU 6+12", "AU6 AU12",
    "6+12"), a comment ("note ..."), and the class, which is any other word, or anything in double
    quotes. Where the kind is not said it is that of
    the duration: micro up to half a second.
    """
    class_name, action_units, notes = "", "", list[str]()
    for part in label_parts(label):
        units, rest = _units_in(part)
        action_units = "+".join(filter(None, (action_units, units)))
        if rest.lower() in ("micro", "macro"):
            kind = rest.lower()
        elif rest.lower().startswith(_NOTE) or (rest and class_name):
            notes.append(_unquoted(rest[len(_NOTE) :] if rest.lower().startswith(_NOTE) else rest))
        elif rest:
            class_name = _unquoted(rest)
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


def class_part(text: str) -> str:
    """Write a class as a part of a label: in quotes where it would be read as something else."""
    plain = event_from(text, 0.0, 1.0)
    return text if (plain.class_name, plain.comment) == (text, "") else quoted(text)


def note_part(text: str) -> str:
    """Write a comment as a part of a label; "" for none."""
    plain = label_parts(f"{_NOTE}{text}") == [f"{_NOTE}{text}"] and not text.startswith('"')
    return "" if not text else f"{_NOTE}{text if plain else quoted(text)}"


def units_part(text: str) -> str:
    """Write what stands where action units are expected as a part of a label."""
    units, _ = _units_in(f"AU {text}")
    return f"AU {units}" if units else note_part(text)


def label_parts(label: str, mark: str = ";") -> list[str]:
    """Split a label at its semicolons, or another mark, those in double quotes left out."""
    parts = (
        found.group(1).strip() for found in re.finditer(_PART.replace(";", re.escape(mark)), label)
    )
    return [part for part in parts if part]


def _units_in(part: str) -> tuple[str, str]:
    """Take the action units out of a part of a label; return them and what is left."""
    if part.startswith('"') or part.lower().startswith(_NOTE):
        return "", part
    plain = _NAMED_UNIT.sub("", unicodedata.normalize("NFKC", part))
    try:
        places = parse_action_units(plain) or ()
    except DataError:
        found = _AMONG_WORDS.search(part)
        if found is None:
            return "", part
        rest = f"{part[: found.start()].rstrip(' ,:-')} {part[found.end() :].lstrip(' ,:-')}"
        return _units_in(found.group().strip(" ()"))[0], rest.strip()
    if not places or (len(places) == 1 and plain == part):  # "4" may be a class
        return "", part
    joined = re.sub(r"(?i)\s*(?:[/|]|\bor\b)\s*", "/", plain.strip())
    return re.sub(r"(?i)(?:[+,&、\s]|\band\b)+", "+", joined).strip("+"), ""


def quoted(text: str) -> str:
    """Write a text in double quotes, so that no mark in it divides it; "" for none."""
    return '"' + text.replace('"', '""') + '"' if text else ""


def _unquoted(text: str) -> str:
    """Read what `quoted` wrote."""
    inner = text.strip()
    is_quoted = len(inner) > 1 and inner[0] == inner[-1] == '"' and re.fullmatch(_PART, inner)
    return inner[1:-1].replace('""', '"') if is_quoted else inner
