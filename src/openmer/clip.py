"""The records every stage passes on: a clip or an image as annotated, and a prediction."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Clip:
    """One annotated micro-expression.

    Frame numbers count from 0 into `frame_paths` and are inclusive. A clip has frames, or a ready
    flow image, or both. A clip of one frame is an apex alone, without onset and offset.

    Attributes:
        corpus: Lower-case name of the corpus ("casme2").
        subject: The subject's id inside the corpus, as text ("sub01"; leading zeros are kept).
        name: The clip's name inside the subject ("EP02_01f").
        emotion: The annotators' own word; grouping into classes lives in `datasets.labels`.
        onset: First frame of the movement; None where only a flow image is known.
        apex: Frame of the largest movement; None where the corpus annotates none.
        offset: Last frame of the movement; None where it is not known.
        fps: Exact frames per second (29.97 is ``Fraction(30000, 1001)``); None where unknown.
        frame_paths: One image file per frame, in order.
        flow_path: A ready onset-to-apex flow image: red u, green v, blue optical strain, 8 bit,
            each stretched to 0..255 per clip (the form of the STSTNet authors).
        action_units: The annotators' own text ("4+L10", "R12 or R15"); empty where there is none.
        same_as: Qualified id ("samm/006") of the same subject where they have another one, too; or
            the clip's own, which says that it was checked; empty where nothing is said.
        cropped: The frames are the face and little else, so no face has to be looked for in them.

    Example:
        frames = tuple(sorted(Path("frames/sub01/EP02_01f").glob("*.jpg")))
        clip = openmer.Clip(
            corpus="ours",
            subject="sub01",
            name="EP02_01f",
            emotion="happiness",
            frame_paths=frames,
        )
    """

    corpus: str
    subject: str
    name: str
    emotion: str
    onset: int | None = None
    apex: int | None = None
    offset: int | None = None
    fps: Fraction | None = None
    frame_paths: tuple[Path, ...] = ()
    flow_path: Path | None = None
    action_units: str = ""
    same_as: str = ""
    cropped: bool = False

    @property
    def subject_id(self) -> str:
        """The subject, unique across corpora: two people called "s01" never merge."""
        return self.same_as or f"{self.corpus}/{self.subject}"

    @property
    def key(self) -> str:
        """The clip, unique across corpora and subjects."""
        return f"{self.corpus}/{self.subject}/{self.name}"

    @property
    def apex_only(self) -> bool:
        """Whether it is an apex frame alone, without the movement."""
        return len(self.frame_paths) == 1

    @property
    def duration_s(self) -> float | None:
        """Seconds from onset to offset, both frames included; None where it is not known."""
        if self.onset is None or self.offset is None or self.fps is None:
            return None
        return float((self.offset - self.onset + 1) / self.fps)


@dataclass(frozen=True, slots=True, kw_only=True)
class Image:
    """One labelled macro-expression image, used to pretrain.

    Attributes:
        corpus: Lower-case name of the corpus ("ckplus").
        subject: The subject's id inside the corpus, as text; None where the corpus names nobody.
        name: The image's name inside the subject, or inside the corpus where there is none.
        emotion: The annotators' own word.
        path: The image file, or the table that holds the image.
        row: Row of that table, 0 is the first below the header; None for an image file.
        part: The authors' own part of the corpus ("Training"); empty where they made none.
        cropped: It is the face and little else, so no face has to be looked for in it.
    """

    corpus: str
    subject: str | None = None
    name: str
    emotion: str
    path: Path
    row: int | None = None
    part: str = ""
    cropped: bool = False

    @property
    def subject_id(self) -> str | None:
        """The subject, unique across corpora; None where the corpus names nobody."""
        return None if self.subject is None else f"{self.corpus}/{self.subject}"

    @property
    def key(self) -> str:
        """The image, unique across corpora and subjects."""
        return f"{self.subject_id or self.corpus}/{self.name}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Prediction:
    """What one run said about one clip.

    Attributes:
        clip: `Clip.key` of the clip.
        corpus: Its corpus, for scores per part of a composite.
        subject: `Clip.subject_id`, the subject held out.
        truth: Class index, 0..classes-1.
        scores: One number per class, larger is more likely; their argmax is the predicted class.
        seed: Seed of the run.
        epoch: Epoch whose weights made the scores, counted from 1; 0 where there are no epochs.
    """

    clip: str
    corpus: str
    subject_id: str
    truth: int
    scores: tuple[float, ...]
    seed: int
    epoch: int

    @property
    def predicted(self) -> int:
        """Index of the largest score; the first one on a tie."""
        return max(range(len(self.scores)), key=self.scores.__getitem__)
