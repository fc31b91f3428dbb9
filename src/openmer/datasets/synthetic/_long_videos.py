"""Long synthetic videos in which every movement is known, to evaluate a spotter by.

The subjects are those of the synthetic clips; here they are filmed for a minute or two.
They show micro- and macro-expressions at irregular times, and all the while they blink, turn and
sway the head, talk, and the light changes. Some videos hold no expression at all, in some the
subject leaves and comes back, in some there are two.

OpenMER's spotter was tuned on subjects of the seeds 0 to 99; evaluate it on seeds from 100 on. A
score says how a method copes with these motions. It says nothing about how often it is right on
people.
"""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from openmer.datasets._true_events import TrueEvent
from openmer.datasets.synthetic import _motion as motion
from openmer.datasets.synthetic._actor import Actor, side_of_face
from openmer.datasets.synthetic._acts import Act, Distraction, draw_acts, draw_distractions
from openmer.datasets.synthetic._encode import encoded
from openmer.datasets.synthetic._faces import paint_face, sample_look
from openmer.datasets.synthetic._photo import CROP_UNITS
from openmer.datasets.synthetic._plan import stream
from openmer.errors import ConfigError, unknown_name
from openmer.files import replace_folder

_STAMP = ".plan"
VERSION = 1  # raise it whenever the same plan and seed give other frames

_NOISE_TILE = 64  # pixels by which the same noise is shifted from frame to frame
_AWAY_SHARE = (0.4, 0.55)  # of a video: between these times a subject who leaves is not there


@dataclass(frozen=True, slots=True, kw_only=True)
class Take:
    """One video to be made.

    Attributes:
        fps: Exact frames per second.
        seconds: How long it is.
        subjects: How many people are in it, 1 or 2.
        is_quiet: Nobody shows an expression.
        leaves: The subject, who is alone then, leaves the picture once and comes back.
    """

    fps: Fraction = Fraction(30)
    seconds: float = 60.0
    subjects: int = 1
    is_quiet: bool = False
    leaves: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class LongPlan:
    """Which videos are made, and of what size.

    Attributes:
        takes: One video each; every subject appears in one of them only.
        width: Of a frame in pixels.
        height: Likewise.
        face_px: Smallest and largest width of a face.
        noise: Standard deviation of the camera's noise, gray levels.

    Raises:
        ConfigError: There is no video, one is too short, has no room for its faces, or no rate, a
            side is odd, or the noise is no number.
    """

    takes: tuple[Take, ...]
    width: int = 640
    height: int = 480
    face_px: tuple[int, int] = (150, 200)
    noise: float = 1.2

    def __post_init__(self) -> None:
        if not self.takes or self.width % 2 or self.height % 2 or not 0 <= self.noise < math.inf:
            raise ConfigError(
                f"Found {len(self.takes)} videos of {self.width} x {self.height} px with noise "
                f"{self.noise:g}; give at least one, even sides, and a noise of 0 or more."
            )
        for take in self.takes:
            if (
                not 8 <= take.seconds < math.inf
                or take.fps <= 0
                or take.subjects not in (1, 2 - take.leaves)
            ):
                raise ConfigError(
                    f"Found a video of {take.seconds:g} s at {take.fps} frames per second with "
                    f"{take.subjects} subjects; give 8 s or more, a rate above 0, 1 or 2 subjects, "
                    "and 1 where they leave."
                )
            room = min(self.height, self.width // take.subjects)
            if side_of_face(self.face_px[1]) > room or not 0 < self.face_px[0] <= self.face_px[1]:
                raise ConfigError(
                    f"Faces {self.face_px} px wide do not fit into frames of {self.width} x "
                    f"{self.height} px with {take.subjects} subjects. Give two rising "
                    "widths above 0 that fit."
                )


_NTSC = Fraction(30000, 1001)
LONG_SIZES = MappingProxyType(
    {
        "tiny": LongPlan(
            takes=(Take(seconds=12), Take(seconds=10, is_quiet=True)),
            width=320,
            height=240,
            face_px=(100, 110),
        ),
        "demo": LongPlan(
            takes=(
                Take(seconds=40),
                Take(seconds=40, fps=Fraction(60)),
                Take(seconds=30, is_quiet=True),
                Take(seconds=30, leaves=True),
            ),
        ),
        "benchmark": LongPlan(
            takes=(
                *(Take() for _ in range(4)),
                Take(fps=Fraction(25)),
                Take(fps=_NTSC),
                Take(fps=Fraction(60)),
                Take(fps=Fraction(60)),
                Take(fps=Fraction(120)),
                Take(fps=Fraction(200), seconds=40),
                Take(leaves=True),
                Take(subjects=2),
                Take(is_quiet=True),
                Take(is_quiet=True, fps=Fraction(60)),
                Take(is_quiet=True, fps=Fraction(25)),
            ),
            face_px=(110, 150),
        ),
        "speed": LongPlan(takes=(Take(seconds=120),), width=1280, height=720, face_px=(200, 240)),
    }
)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class LongVideo:
    """A video that is drawn frame by frame, and the truth about it.

    Attributes:
        name: Of the video.
        subjects: Ids of its subjects, by their places from left to right.
        fps: Exact frames per second.
        width: Of a frame in pixels.
        height: Likewise.
        frames: How many.
        events: Every expression; its subject is counted from 1 in the order of `subjects`.
        distractors: What happens beside, for each subject.
    """

    name: str
    subjects: tuple[str, ...]
    fps: Fraction
    width: int
    height: int
    frames: int
    events: tuple[TrueEvent, ...]
    distractors: tuple[tuple[Distraction, ...], ...]
    _cast: tuple[Actor, ...]
    _leaves: bool
    _noise: float

    def frames_rgb(self) -> Iterator[NDArray[np.uint8]]:
        """Yield the frames, 0..255, shape ``(height, width, 3)``, one after the other."""
        wall = _wall(self.width, self.height)
        rng = stream(0, self.name, *self.subjects, "noise")
        shape = (self.height + _NOISE_TILE, self.width + _NOISE_TILE, 3)
        grain = rng.standard_normal(shape, dtype=np.float32) * np.float32(self._noise)
        for number in range(self.frames):
            frame = wall.copy()
            for place, actor in enumerate(self._cast):
                self._put(frame, actor, place, number)
            x, y = rng.integers(0, _NOISE_TILE, 2)
            noisy = frame + grain[y : y + self.height, x : x + self.width]
            yield np.clip(np.rint(noisy), 0, 255).astype(np.uint8)

    def _put(self, frame: NDArray[np.float32], actor: Actor, place: int, number: int) -> None:
        """Draw a subject into a frame; whoever is away leaves to the left."""
        side = actor.side_px
        middle = self.width * (2 * place + 1) // (2 * len(self._cast))
        left, top = middle - side // 2, (self.height - side) // 2
        if self._leaves and place == 0:
            left -= round(self._gone(number) * (left + side))
        seen = slice(max(left, 0), max(left + side, 0))
        if seen.stop > seen.start:
            picture = actor.picture(float(number / self.fps))
            frame[top : top + side, seen] = picture[:, seen.start - left :]

    def _gone(self, number: int) -> float:
        """How far the subject has left: 0 is in place, 1 is out of the picture."""
        first, last = (share * self.frames for share in _AWAY_SHARE)
        glide = float(self.fps)  # a second to go, and one to come back
        return float(np.clip(min(number - first, last - number) / glide, 0, 1))


def generate_long(plan: str | LongPlan, seed: int = 0) -> Iterator[LongVideo]:
    """Yield the videos of a plan; each draws its frames when it is asked for them.

    The same plan and seed give the same frames on the same machine.

    Args:
        plan: "tiny" (two videos of 10 seconds), "demo" (four of 30 to 40 seconds at 640 x 480),
            "benchmark" (15 of a minute, 25 to 200 frames per second), "speed" (two minutes at
            1280 x 720), or a plan.
        seed: 0 or larger.

    Raises:
        ConfigError: The plan is not known, or the seed is negative.
    """
    if isinstance(plan, str):
        if plan not in LONG_SIZES:
            raise unknown_name("size of long synthetic videos", plan, LONG_SIZES)
        plan = LONG_SIZES[plan]
    if seed < 0:
        raise ConfigError(f"The seed is {seed}; give 0 or a larger whole number.")
    first = 1
    for number, take in enumerate(plan.takes, start=1):
        subjects = tuple(f"s{seed}-{first + i}" for i in range(take.subjects))
        first += take.subjects
        yield _video(plan, take, f"video{number:02}", subjects)


def write_long(
    root: Path,
    plan: str | LongPlan = "demo",
    seed: int = 0,
    progress: Callable[[int, int], None] | None = None,
) -> Path:
    """Write long videos as H.264 files with `truth.csv`, all of them or nothing.

    Args:
        root: The folder to make; one that holds these videos already is reused.
        plan: As in `generate_long`.
        seed: As in `generate_long`.
        progress: Called with how many frames are written, and how many there are.

    Returns:
        The path of `truth.csv` (`openmer.datasets.read_truth_csv` reads it); beside it
        lies `distractors.csv`.

    Raises:
        ConfigError: As `generate_long`.
        DataError: The folder holds something else, or cannot be written.
    """
    root = Path(root).absolute()
    videos = list(generate_long(plan, seed))
    stamp = f"{VERSION} {seed} {LONG_SIZES[plan] if isinstance(plan, str) else plan}\n"
    names = ("truth.csv", "distractors.csv", *(f"{video.name}.mp4" for video in videos))
    if _is_complete(root, stamp, names):
        return root / "truth.csv"
    with replace_folder(root) as place:
        _write(place, videos, progress)
        (place / _STAMP).write_text(stamp, encoding="utf-8")
    return root / "truth.csv"


def _is_complete(root: Path, stamp: str, names: Iterable[str]) -> bool:
    """Tell whether a folder was made with this stamp, and none of its files was lost since."""
    try:
        found = (root / _STAMP).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return False
    return found == stamp and all((root / name).is_file() for name in names)


def _video(plan: LongPlan, take: Take, name: str, subjects: tuple[str, ...]) -> LongVideo:
    cast = tuple(_actor(plan, take, name, subject) for subject in subjects)
    frames = int(take.seconds * take.fps)
    events = [
        _event(act, subject_id, take.fps)
        for subject_id, actor in enumerate(cast, start=1)
        for act in actor.acts
    ]
    return LongVideo(
        name=name,
        subjects=subjects,
        fps=take.fps,
        width=plan.width,
        height=plan.height,
        frames=frames,
        events=tuple(sorted(events, key=lambda event: event.onset)),
        distractors=tuple(tuple(actor.distractions) for actor in cast),
        _cast=cast,
        _leaves=take.leaves,
        _noise=plan.noise,
    )


def _actor(plan: LongPlan, take: Take, name: str, subject: str) -> Actor:
    rng = stream(0, name, subject, "long")
    side_px = side_of_face(int(rng.integers(plan.face_px[0], plan.face_px[1] + 1)))
    acts = () if take.is_quiet else draw_acts(rng, take.seconds)
    if take.leaves:
        gone_s, back_s = (share * take.seconds for share in _AWAY_SHARE)
        acts = tuple(a for a in acts if a.offset_s < gone_s - 1 or a.onset_s > back_s + 1)
    return Actor(
        face=paint_face(
            sample_look(stream(0, subject, "look")), blur_units=max(0.4, 0.5 * CROP_UNITS / side_px)
        ),
        acts=acts,
        distractions=draw_distractions(rng, take.seconds),
        sway=motion.sample_sway(rng, 2.0),
        phases=rng.uniform(0, 2 * np.pi, 6),
        side_px=side_px,
    )


def _event(act: Act, subject_id: int, fps: Fraction) -> TrueEvent:
    onset, apex, offset = (round(at_s * fps) for at_s in (act.onset_s, act.apex_s, act.offset_s))
    units = "+".join(map(str, sorted(act.expression.strengths)))
    return TrueEvent(
        kind="micro" if act.is_micro else "macro",
        onset=onset,
        apex=apex,
        offset=offset,
        emotion=act.class_name,
        subject_id=subject_id,
        action_units=units,
    )


def _wall(width: int, height: int) -> NDArray[np.float32]:
    """Draw the wall behind the people, ``(height, width, 3)``."""
    y, x = np.mgrid[:height, :width].astype(np.float32)
    shade = 105 + 18 * np.sin(x / 140 + 1) + 14 * np.cos(y / 110)
    return np.asarray(shade[..., None] * np.array([1.0, 0.97, 0.92], np.float32))


def _write(
    root: Path, videos: list[LongVideo], progress: Callable[[int, int], None] | None
) -> None:
    total = sum(video.frames for video in videos)
    done = 0
    for video in videos:
        for _ in encoded(root / f"{video.name}.mp4", video.frames_rgb(), video.fps):
            done += 1
            if progress is not None and (done % 25 == 0 or done == total):
                progress(done, total)
    truth = [row for video in videos for row in _true_rows(video)]
    beside = [row for video in videos for row in _beside_rows(video)]
    (root / "truth.csv").write_text(_table(_TRUE, truth), encoding="utf-8")
    (root / "distractors.csv").write_text(_table(_BESIDE, beside), encoding="utf-8")


_SPAN = ("onset", "apex", "offset")
_TRUE = ("video", "subject_id", "subject", "kind", *_SPAN, "class", "action_units", "fps")
_BESIDE = ("video", "subject_id", "subject", "kind", "first", "last", "fps")


def _true_rows(video: LongVideo) -> Iterator[tuple[object, ...]]:
    """Yield one row for each event; of a video without any one row that says so."""
    name, whole = f"{video.name}.mp4", "+".join(video.subjects)
    for one in video.events:
        subject = video.subjects[one.subject_id - 1]
        span, labels = (one.onset, one.apex, one.offset), (one.emotion, one.action_units)
        yield (name, one.subject_id, subject, one.kind, *span, *labels, video.fps)
    if not video.events:
        yield (name, 1, whole, "", "", "", "", "", "", video.fps)


def _beside_rows(video: LongVideo) -> Iterator[tuple[object, ...]]:
    for subject_id, distractions in enumerate(video.distractors, start=1):
        for one in distractions:
            first, last = round(one.onset_s * video.fps), round(one.offset_s * video.fps)
            yield (
                f"{video.name}.mp4",
                subject_id,
                video.subjects[subject_id - 1],
                one.kind,
                first,
                last,
                video.fps,
            )


def _table(columns: tuple[str, ...], rows: list[tuple[object, ...]]) -> str:
    sheet = io.StringIO()
    writer = csv.writer(sheet, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows(rows)
    return sheet.getvalue()
