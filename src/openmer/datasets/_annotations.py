"""From the authors' frame numbers to a `Clip`: numbers are matched to files, never shifted.

A sheet counts frames as the camera did (``img46.jpg``); a `Clip` counts the files of its folder
from 0. The number that ends a file name joins the two. What does not fit is reported:

* no folder, or no frame of the onset: the clip cannot be read (fatal);
* an apex that is no number, not after the onset, after the offset, or whose frame is missing: the
  apex is None, as if the annotators had given none (note);
* an offset of 0 or no number: the apex is the last frame known to move (note);
* an offset not after the onset, or whose frame is missing: the offset is None (note);
* frames missing between onset and offset: they are counted (note).

Read with names and sheets only, a clip has no frames and counts from its onset, which is 0.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

from openmer.clip import Clip
from openmer.datasets._facts import CorpusFacts
from openmer.datasets._frame_folders import list_frames, number_of
from openmer.datasets._numbers import read_whole
from openmer.datasets._paths import find_path
from openmer.datasets._reading import Problem, Reading, error, note
from openmer.datasets._sheets import SheetRow
from openmer.errors import DataError


@dataclass(frozen=True, slots=True, kw_only=True)
class Annotation:
    """One clip as its authors wrote it down.

    Attributes:
        corpus, subject, name, emotion, fps, action_units: As in `Clip`.
        onset, apex, offset: Frame numbers as in the sheet; "" where the cell is empty.
        folder: Where its frames are; None where only names and sheets are read.
        whole_folder: The folder holds the movement and nothing else; there are no frame numbers.
        has_apex: The authors annotate an apex; where they do not, none is missed.
        row: Row of the sheet, counted from 1; 0 where there is none.
    """

    corpus: str
    subject: str
    name: str
    emotion: str
    onset: str = ""
    apex: str = ""
    offset: str = ""
    fps: Fraction | None
    action_units: str = ""
    folder: Path | None
    whole_folder: bool = False
    has_apex: bool = True
    row: int = 0

    @property
    def key(self) -> str:
        """As `Clip.key`."""
        return f"{self.corpus}/{self.subject}/{self.name}"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Interval:
    """Onset, apex and offset, in whatever they are counted."""

    onset: int | None
    apex: int | None
    offset: int | None


class _Unreadable(Exception):  # noqa: N818 - turned into a fatal problem, never seen by a caller
    """Why a clip cannot be read."""


def frame_number(text: str) -> int | None:
    """Read a frame number of a sheet; None for "", "/" and the like."""
    return read_whole(text)


def annotation_of(
    facts: CorpusFacts,
    row: SheetRow,
    folder: Path | None,
    *,
    subject: str = "",
    name: str = "",
    emotion: str = "",
    fps: Fraction | None = None,
) -> Annotation:
    """Return a clip as the row of a sheet has it; of what is given, that holds."""
    return Annotation(
        corpus=facts.name,
        subject=subject or row["subject"],
        name=name or row["clip"],
        emotion=emotion or row["emotion"],
        onset=row["onset"],
        apex=row["apex"],
        offset=row["offset"],
        fps=fps or facts.fps,
        action_units=row["action_units"],
        folder=folder,
        row=row.number,
    )


def read_annotations(annotations: Iterable[Annotation], before: Sequence[Problem] = ()) -> Reading:
    """Clips of annotations, in their order, with every problem.

    Args:
        annotations: In the authors' order.
        before: Problems that were met before, which come first.
    """
    folders: dict[Path, tuple[Path, ...]] = {}
    clips: dict[str, Clip] = {}
    problems = list(before)
    for annotation in annotations:
        try:
            if annotation.key in clips:
                raise _Unreadable("is listed twice; the second one is left out")
            clip, notes = _clip(annotation, folders)
        except _Unreadable as reason:
            problems.append(error(annotation.key, str(reason)))
        else:
            clips[clip.key] = clip
            problems += [note(clip.key, text) for text in notes]
    return Reading(items=tuple(clips.values()), problems=tuple(problems))


def _clip(given: Annotation, folders: dict[Path, tuple[Path, ...]]) -> tuple[Clip, list[str]]:
    """Build the clip of an annotation; also return notes and problems."""
    notes: list[str] = []
    paths = () if given.folder is None else _frames(given.folder, folders)
    if given.folder and paths and paths[0].parent.name != given.folder.name:
        notes.append(f"the folder {paths[0].parent} is spelt otherwise, and the only one that fits")
    if given.whole_folder:
        last = len(paths) - 1 if paths else None
        at = _Interval(onset=0 if paths else None, apex=None, offset=last)
    else:
        numbers = _checked(given, notes)
        at = _indexed(numbers, paths, notes) if paths else _from_onset(numbers)
    clip = Clip(
        corpus=given.corpus,
        subject=given.subject,
        name=given.name,
        emotion=given.emotion,
        onset=at.onset,
        apex=at.apex,
        offset=at.offset,
        fps=given.fps,
        frame_paths=paths,
        action_units=given.action_units,
    )
    return clip, notes


def _frames(folder: Path, folders: dict[Path, tuple[Path, ...]]) -> tuple[Path, ...]:
    """List the frames of a folder, once for all clips that share it.

    Case and Unicode form of its name do not count where exactly one folder fits.
    """
    if folder not in folders:
        try:
            folders[folder] = list_frames(find_path(Path(), str(folder)))
        except DataError as problem:
            raise _Unreadable(str(problem)) from problem
    if len(folders[folder]) < 2:
        raise _Unreadable(f"{folder} holds {len(folders[folder])} frames; a movement needs two")
    return folders[folder]


def _checked(given: Annotation, notes: list[str]) -> _Interval:
    """Return the frame numbers of a sheet, without those that cannot be true."""
    onset = frame_number(given.onset)
    if onset is None:
        raise _Unreadable(f"onset {given.onset!r} is no frame number")
    apex, offset = frame_number(given.apex), frame_number(given.offset)
    if given.has_apex and (apex is None or apex <= onset):
        notes.append(
            f"apex {given.apex!r} is no frame after the onset {onset}; taken as not annotated"
        )
        apex = None
    if not offset:
        text = "not known" if apex is None else f"taken as the apex {apex}"
        notes.append(f"offset {given.offset!r} is no frame number; {text}")
        offset = apex
    elif offset <= onset:
        notes.append(f"offset {offset} is not after the onset {onset}; taken as not known")
        offset = None
    if apex is not None and offset is not None and apex > offset:
        notes.append(f"apex {apex} is after the offset {offset}; taken as not annotated")
        apex = None
    return _Interval(onset=onset, apex=apex, offset=offset)


def _from_onset(numbers: _Interval) -> _Interval:
    """Return the same interval, counted from its onset."""
    onset = numbers.onset or 0
    apex, offset = (None if n is None else n - onset for n in (numbers.apex, numbers.offset))
    return _Interval(onset=0, apex=apex, offset=offset)


def _indexed(numbers: _Interval, paths: tuple[Path, ...], notes: list[str]) -> _Interval:
    """Return the same interval, counted in the files."""
    index = {number_of(path) or 0: at for at, path in enumerate(paths)}
    folder = paths[0].parent
    if numbers.onset not in index:
        raise _Unreadable(
            f"there is no frame {numbers.onset}, the onset, in {folder} "
            f"({min(index)}..{max(index)}, {len(index)} frames)"
        )
    for what, number in (("apex", numbers.apex), ("offset", numbers.offset)):
        if number is not None and number not in index:
            notes.append(f"frame {number}, the {what}, is missing in {folder}; taken as not known")
    onset = index[numbers.onset]
    apex = None if numbers.apex is None else index.get(numbers.apex)
    offset = None if numbers.offset is None else index.get(numbers.offset)
    if offset is not None and numbers.offset is not None:
        lost = numbers.offset - numbers.onset - (offset - onset)
        if lost:
            notes.append(f"{lost} frames between onset and offset are missing in {folder}")
    return _Interval(onset=onset, apex=apex, offset=offset)
