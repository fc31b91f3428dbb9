"""What coders decide about found events: kept at once, one file for each coder, and exported."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    TypeAdapter,
    ValidationError,
    model_validator,
)

from openmer.datasets import parse_action_units
from openmer.errors import ConfigError, DataError, reading_file
from openmer.files import check_replaceable, is_of_the_system, replace_file
from openmer.video import (
    REVIEWS,
    Event,
    Video,
    fps_given,
    open_video,
    read_events,
    result_folders,
    video_of,
)

_FORMAT = 1
_CODER = re.compile(r"[\w][\w .-]{0,63}")
_Text = Annotated[
    str,
    Field(max_length=500),
    AfterValidator(lambda text: " ".join(re.sub(r"[\x00-\x1f\x7f-\x9f]", " ", text).split())),
]  # in one line, as a table has it


class Decision(BaseModel):
    """What one coder decided about one event; frames count from 0 over the whole video.

    Attributes:
        state: Whether it is an expression.
        onset: First frame.
        apex: Frame of the largest movement.
        offset: Last frame.
        action_units: Such as "4+L12"; "" where nobody said.
        class_name: What it shows; "" where nobody said.
        comment: Anything else.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    state: Literal["accepted", "rejected"]
    onset: int = Field(ge=0)
    apex: int = Field(ge=0)
    offset: int = Field(ge=0)
    action_units: _Text = ""
    class_name: _Text = ""
    comment: _Text = ""

    @model_validator(mode="after")
    def _rises(self) -> Self:
        if not self.onset <= self.apex <= self.offset or self.onset == self.offset:
            raise ValueError("expected onset <= apex <= offset, and offset after onset")
        return self


_DECISIONS = TypeAdapter(dict[str, Decision])


@dataclass(frozen=True, slots=True, kw_only=True)
class ReviewItem:
    """One found event to decide about.

    Attributes:
        key: Names it in the files of all coders: folder, face, kind and onset.
        folder: Results of the video.
        number: Of the event in the report, from 1.
        event: As it was found.
        frames: How many frames of the video could be read.
    """

    key: str
    folder: Path
    number: int
    event: Event
    frames: int

    def check(self, decision: Decision) -> None:
        """Refuse what nobody can have decided about this event.

        Raises:
            DataError: It ends after the video, or its action units are none.
        """
        if decision.offset >= max(self.frames, self.event.offset_frame + 1):
            raise DataError(
                f"The offset is frame {decision.offset}, but the last frame of the video is "
                f"{self.frames - 1}. Give a frame of the video."
            )
        parse_action_units(decision.action_units)

    @property
    def video(self) -> Path:
        """The video itself.

        Raises:
            DataError: It is not there any more, or the results do not name it.
        """
        path = Path(video_of(self.folder))
        if not path.name or not path.exists():
            raise DataError(
                f"The video of {self.folder} is not at {path} any more. Put it back there, or "
                "analyse it again where it is."
            )
        return path

    def open(self, *, threads: int = 1) -> Video:
        """Open the video at the frame rate with which it was analysed.

        Raises:
            DataError: It is not there any more, or cannot be read.
        """
        rate = fps_given(self.folder)
        return open_video(self.video, fps=rate, threads=threads, on_damage="skip")

    @property
    def found(self) -> Decision:
        """The event as a decision that accepts it as it was found."""
        event = self.event
        return Decision(
            state="accepted",
            onset=event.onset_frame,
            apex=event.apex_frame,
            offset=event.offset_frame,
            class_name=event.class_name or "",
        )


def review_items(folders: Sequence[Path]) -> tuple[ReviewItem, ...]:
    """List the events of analysed videos, by video and onset.

    Raises:
        DataError: A folder holds no results.
    """
    return tuple(
        ReviewItem(
            key=f"{folder.resolve().name}/{event.subject_id}/{event.kind}/{event.onset_frame}",
            folder=folder,
            number=number,
            event=event,
            frames=frames,
        )
        for folder in result_folders(folders)
        for frames in [_frames_in(folder)]
        for number, event in enumerate(read_events(folder), 1)
    )


def _frames_in(folder: Path) -> int:
    """Return how many frames of a video were analysed."""
    path = folder / "events.json"
    with reading_file(path, "results of a video", "Give a folder that `openmer analyze` wrote."):
        return int(json.loads(path.read_text(encoding="utf-8"))["video"]["frames"])


def reviews_folder(results: Path) -> Path:
    """Return where the files of coders lie: beside the folders of the videos."""
    is_one = (results / "events.json").is_file()
    return (results.resolve().parent if is_one else results) / REVIEWS


class Review:
    """The decisions of one coder; each is on the disk when `decide` returns.

    Args:
        folder: For the files of all coders.
        coder: Letters, digits, space, dot and hyphen.

    Raises:
        ConfigError: The name of the coder is no such name.
        DataError: There is a file of this coder that cannot be read, or none can be written.
    """

    def __init__(self, folder: Path, coder: str) -> None:
        if not _CODER.fullmatch(coder):
            raise ConfigError(
                f"Found the coder {coder[:80]!r}; expected letters, digits, spaces, dots and "
                "hyphens, such as --coder anna."
            )
        self.coder = coder
        self._path = folder / f"{coder}.json"
        check_replaceable(folder / f".{coder}")  # not there: what counts is the folder around it
        self.decisions = self._read()

    def decide(self, key: str, decision: Decision | None) -> None:
        """Keep what was decided about an event; None takes a decision back.

        What another session of this coder decided meanwhile stays.

        Raises:
            DataError: The file cannot be read or written.
        """
        changed = {name: one for name, one in self._read().items() if name != key}
        if decision is not None:
            changed[key] = decision
        told = {
            "format": _FORMAT,
            "coder": self.coder,
            "decisions": {name: changed[name].model_dump() for name in sorted(changed)},
        }
        text = json.dumps(told, indent=1, ensure_ascii=False)
        replace_file(self._path, f"{text}\n")
        self.decisions = changed

    def _read(self) -> dict[str, Decision]:
        return read_review(self._path) if self._path.exists() else {}


def read_review(path: Path) -> dict[str, Decision]:
    """Read the decisions of a coder by the keys of the events.

    Raises:
        DataError: It cannot be read, or has a later format.
    """
    with reading_file(path, "a review", "Move it away to begin again."):
        told = json.loads(path.read_text(encoding="utf-8"))
        if told["format"] != _FORMAT:
            raise ValueError(f"found format {told['format']}, expected {_FORMAT}")
        try:
            return _DECISIONS.validate_python(told["decisions"])
        except ValidationError as error:
            raise ValueError(first_of(error)) from error


def first_of(error: ValidationError) -> str:
    """Say in one sentence what was wrong with decisions first, and with which."""
    first = error.errors(include_url=False, include_context=False, include_input=False)[0]
    place = " ".join(str(part) for part in first["loc"] if part not in ("decision", "Decision"))
    return f"{place}: {first['msg']}".replace("Value error, ", "").removeprefix(": ")


def read_reviews(folder: Path) -> dict[str, dict[str, Decision]]:
    """Read the decisions of all coders, by their names.

    Raises:
        DataError: There is none, or one cannot be read.
    """
    files = [file for file in sorted(folder.glob("*.json")) if not is_of_the_system(file.name)]
    found = {file.stem: read_review(file) for file in files}
    if not found:
        raise DataError(f"{folder} holds no review. Run `openmer review` first.")
    return found
