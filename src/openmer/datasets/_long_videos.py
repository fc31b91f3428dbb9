"""Long videos with the movements that were annotated in them, to evaluate a spotter by.

`read_long_videos` reads CAS(ME)^2 and SAMM Long Videos, micro- and macro-expressions together,
`read_truth_csv` a table of one's own. Videos in which nothing was annotated are read as well: they
are where false alarms are counted.

CAS(ME)^3 is not read: its reader knows the micro-expressions only, so that every macro-expression
would count as a false alarm. The clips of 4DME are cut out already.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from openmer.clip import Clip
from openmer.datasets._facts import CorpusFacts, Options, options_of
from openmer.datasets._frame_folders import list_frames
from openmer.datasets._reading import Problem, error, note
from openmer.datasets._registry import GivenRoot, counted, facts, read
from openmer.datasets._true_events import KINDS, AnnotatedVideo, Kind, LongVideos, TrueEvent
from openmer.errors import ConfigError, DataError, unknown_name


@dataclass(frozen=True, slots=True, kw_only=True)
class _Layout:
    """How a corpus holds its long videos.

    Attributes:
        up: Folders from a video up to the folder that holds all of them.
        path: What the path of a video looks like from there; the group is the subject.
        kinds: The variants of the corpus that are its kinds; empty where a clip's word says it.
        kind: The kind of every movement; None where they differ.
        names_emotion: The word of a clip is an emotion, and not its kind.
        videos: How many long videos a copy may hold.
    """

    up: int
    path: re.Pattern[str]
    kinds: tuple[Kind, ...] = ()
    kind: Kind | None = None
    names_emotion: bool
    videos: tuple[int, ...]


_LAYOUTS = {
    "casme_squared": _Layout(
        up=2,
        path=re.compile(r"(s\d+)/[^/]+"),
        kinds=KINDS,
        names_emotion=True,
        videos=(87, 98),  # in the use of the MEGC challenges, in full
    ),
    "smic_long": _Layout(
        up=2,
        path=re.compile(r"(s\d+)/[^/]+"),
        kind="micro",
        names_emotion=True,
        videos=(157, 162, 71),  # HS in an edited sheet and in full; VIS, NIR
    ),
    "samm_long": _Layout(up=1, path=re.compile(r"(\d{3})_\d+"), names_emotion=False, videos=(147,)),
}


def read_long_videos(
    name: str, root: GivenRoot = None, *, variant: str | None = None, frames: str | None = None
) -> LongVideos:
    """Read the long videos of a corpus, with every movement at its place among all frames.

    An event without an offset is left out and reported: how much a found interval overlaps it
    cannot be said.

    Args:
        name: "casme_squared", "samm_long" or "smic_long".
        root: The folder of the corpus; None asks the environment and the config file.
        variant: The version of the sheet of SAMM Long Videos; None is the first.
        frames: The form of the frames; None is the first.

    Raises:
        ConfigError: No such corpus, variant or form; the root is not known; or names without
            frames are asked for.
        DataError: The corpus is not there, or no event of it can be read.
    """
    if name not in _LAYOUTS:
        raise unknown_name("corpus of long videos", name, _LAYOUTS)
    layout, corpus = _LAYOUTS[name], facts(name)
    found: dict[Path, list[tuple[Clip, TrueEvent]]] = {}
    problems: list[Problem] = []
    for options in _options(corpus, layout, variant, frames):
        reading = counted(name, read(name, root, options), options)
        problems += reading.problems
        for clip in (item for item in reading.items if isinstance(item, Clip)):
            event = _event(clip, layout, options)
            if isinstance(event, Problem):
                problems.append(event)
            else:
                found.setdefault(clip.frame_paths[0].parent, []).append((clip, event))
    if not found:
        shown = "; ".join(str(problem) for problem in problems[:3])
        raise DataError(f"No event of a long video of {corpus.title} can be read: {shown}")
    videos = [_video(corpus, folder, members) for folder, members in found.items()]
    problems += [note(video.key, _CUT) for video in videos if _is_cut(video, found)]
    videos += _without_events(corpus, layout, found, problems)
    if len(videos) not in layout.videos:
        expected = " or ".join(map(str, layout.videos))
        problems.append(note(name, f"{len(videos)} long videos, expected {expected}"))
    ordered = sorted(videos, key=lambda video: (video.subjects, video.name))
    return LongVideos(videos=tuple(ordered), problems=tuple(dict.fromkeys(problems)))


_CUT = "the frames lie in a folder of this one clip, so it is no long video"


def _options(
    corpus: CorpusFacts, layout: _Layout, variant: str | None, frames: str | None
) -> list[Options]:
    """Return the options of the readings that together give every kind."""
    if layout.kinds and variant is not None:
        raise ConfigError(
            f"The variants of {corpus.title} are its kinds of expressions; a spotter is evaluated "
            f"on all of them. Leave out the variant {variant!r}."
        )
    found = [options_of(corpus, variant=each, frames=frames) for each in layout.kinds or (variant,)]
    if not found[0].wants_frames:
        raise ConfigError(
            "Without frames nobody knows where in its video a movement is. Give one of "
            f"{', '.join(corpus.forms)} as the form of the frames."
        )
    return found


def _event(clip: Clip, layout: _Layout, options: Options) -> TrueEvent | Problem:
    """Return a clip as an event of its video; or why it is none."""
    word = options.variant if layout.kinds else clip.emotion.strip().lower().partition(" ")[0]
    kind = layout.kind or next((known for known in KINDS if known == word), None)
    if kind is None:
        return error(clip.key, f"type {clip.emotion!r} is neither micro nor macro; left out")
    if clip.onset is None or clip.offset is None:
        return error(clip.key, "the offset is not known, so nothing can overlap it; left out")
    return TrueEvent(
        kind=kind,
        onset=clip.onset,
        apex=clip.apex,
        offset=clip.offset,
        emotion=clip.emotion if layout.names_emotion else "",
        action_units=clip.action_units,
    )


def _video(
    corpus: CorpusFacts, folder: Path, members: list[tuple[Clip, TrueEvent]]
) -> AnnotatedVideo:
    first = members[0][0]
    return AnnotatedVideo(
        corpus=corpus.name,
        subjects=(first.subject,),
        name=folder.name,
        fps=first.fps,
        frames=len(first.frame_paths),
        frame_paths=first.frame_paths,
        path=folder,
        events=tuple(sorted((event for _, event in members), key=lambda event: event.onset)),
    )


def _is_cut(video: AnnotatedVideo, found: dict[Path, list[tuple[Clip, TrueEvent]]]) -> bool:
    members = found[video.path] if video.path else []
    return any(clip.name == video.name for clip, _ in members)


def _without_events(
    corpus: CorpusFacts, layout: _Layout, known: Iterable[Path], problems: list[Problem]
) -> list[AnnotatedVideo]:
    """Return the videos beside the known ones in which nothing was annotated."""
    taken = set(known)
    videos = []
    for base in sorted({folder.parents[layout.up - 1] for folder in taken}):
        for folder in sorted(base.glob("/".join(["*"] * layout.up))):
            place = layout.path.fullmatch(folder.relative_to(base).as_posix())
            if place is None or folder in taken or not folder.is_dir():
                continue
            try:
                paths = list_frames(folder)
            except DataError as problem:
                problems.append(error(f"{corpus.name}/{place[1]}/{folder.name}", str(problem)))
                continue
            if len(paths) > 1:
                videos.append(
                    AnnotatedVideo(
                        corpus=corpus.name, subjects=(place[1],), name=folder.name, fps=corpus.fps,
                        frames=len(paths), frame_paths=paths, path=folder,
                    )
                )  # fmt: skip
    return videos
