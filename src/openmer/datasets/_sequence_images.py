"""Images of sequences: which frames of a posed expression stand for its label."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from openmer.clip import Image
from openmer.datasets._facts import Options
from openmer.datasets._frame_folders import list_frames
from openmer.datasets._reading import Problem, Reading, error
from openmer.errors import DataError

Choice = Callable[[tuple[Path, ...], int], tuple[Path, ...]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Sequence:
    """A labelled sequence of images.

    Attributes:
        subject, emotion, part: As in `Image`.
        name: The sequence's name inside the subject.
        folder: Where its frames are.
    """

    subject: str
    name: str
    emotion: str
    part: str = ""
    folder: Path


def last_frames(frames: tuple[Path, ...], count: int) -> tuple[Path, ...]:
    """Return the last frames, for an expression that goes from neutral to its peak."""
    return frames[-count:]


def middle_frames(frames: tuple[Path, ...], count: int) -> tuple[Path, ...]:
    """Those about the middle, where an expression rises and falls again."""
    first = max(0, (len(frames) - count) // 2)
    return frames[first : first + count]


def read_sequences(
    corpus: str, sequences: Iterable[Sequence], options: Options, choose: Choice
) -> Reading:
    """Images of every sequence; one that is too short, or not there, is a fatal problem.

    With names only, an image has the path of its sequence and no file is looked for.
    """
    images: list[Image] = []
    problems: list[Problem] = []
    for sequence in sequences:
        where = f"{corpus}/{sequence.subject}/{sequence.name}"
        if not options.wants_frames:
            names = tuple(sequence.folder / str(number) for number in range(options.per_sequence))
            images += (_image(corpus, sequence, path) for path in names)
            continue
        try:
            frames = list_frames(sequence.folder)
        except DataError as problem:
            problems.append(error(where, str(problem)))
            continue
        chosen = choose(frames, options.per_sequence)
        if len(chosen) < options.per_sequence:
            text = f"{sequence.folder} holds {len(chosen)} frames, expected {options.per_sequence}"
            problems.append(error(where, text))
        else:
            images += (_image(corpus, sequence, path) for path in chosen)
    return Reading(items=tuple(images), problems=tuple(problems))


def read_images(images: Iterable[Image], options: Options) -> Reading:
    """Images whose files are there; one that is not is a fatal problem."""
    present: dict[Path, frozenset[str]] = {}
    kept: list[Image] = []
    problems: list[Problem] = []
    for image in images:
        folder = image.path.parent
        if options.wants_frames and folder not in present:
            names = (path.name for path in folder.iterdir()) if folder.is_dir() else ()
            present[folder] = frozenset(names)
        if options.wants_frames and image.path.name not in present[folder]:
            problems.append(error(image.key, f"there is no file {image.path}"))
        else:
            kept.append(image)
    return Reading(items=tuple(kept), problems=tuple(problems))


def _image(corpus: str, sequence: Sequence, path: Path) -> Image:
    return Image(
        corpus=corpus,
        subject=sequence.subject,
        name=f"{sequence.name}/{path.stem}",
        emotion=sequence.emotion,
        path=path,
        part=sequence.part,
    )
