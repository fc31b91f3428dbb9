"""Many videos: each in turn with its own progress, or several processes at once."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path

from joblib import cpu_count, delayed

from openmer import remote
from openmer._engine import Engine, current_engine
from openmer._workers import in_workers
from openmer.datasets import same_files, videos_beside
from openmer.errors import DataError
from openmer.video._analyze import Progress
from openmer.video._job import Done, Request, folders_for, refuse_taken, run_job


def run_jobs(
    videos: Sequence[Path],
    out: Path,
    request: Request,
    *,
    workers: int,
    progress: Callable[[str], AbstractContextManager[Progress]],
) -> Iterator[Done | DataError]:
    """Analyse videos into folders of their own below one.

    Args:
        videos: Video files or folders of images.
        out: The folder that gets a folder for each.
        request: What is wanted of each.
        workers: Processes; 0 is one per core.
        progress: Opens a display of a title, and gives what reports to it.

    Yields:
        For each video, in their order, the result or why it cannot be read.

    Raises:
        ConfigError: The request names what does not exist.
        DataError: The place of a folder is taken by something else.
    """
    engine = current_engine()
    engine.require()
    pairs = list(zip(videos, folders_for(videos, out), strict=True))
    refuse_taken([folder for _, folder in pairs])
    if not engine.is_local:
        yield from _on_engine(engine, pairs, request, progress)
        return
    processes = min(workers or cpu_count(), len(pairs))
    if processes <= 1:
        for video, folder in pairs:
            with progress(video.name) as report:
                result = _run(video, folder, request, report)
            yield result
        return
    tasks = (delayed(_run)(video, folder, request) for video, folder in pairs)
    with progress("all videos") as report:
        for number, result in enumerate(in_workers(tasks, processes), start=1):
            report("analyze", number, len(pairs))
            yield result


def _on_engine(
    engine: Engine,
    pairs: Sequence[tuple[Path, Path]],
    request: Request,
    progress: Callable[[str], AbstractContextManager[Progress]],
) -> Iterator[Done | DataError]:
    """Analyse every video by a worker of an engine, which writes into the folder itself."""
    calls = [
        (number, video.absolute(), folder.absolute())
        for number, (video, folder) in enumerate(pairs)
    ]
    if request.model:  # workers may stand in another folder
        request = replace(request, model=str(Path(request.model).absolute()))
    found: dict[int, Done | DataError] = {}
    with progress("all videos") as report:
        for number, result in engine.run(_run_numbered, calls, (request,)):
            found[number] = result
            report("analyze", len(found), len(pairs))
    for number, (video, folder) in enumerate(pairs):
        result = found[number]
        if isinstance(result, Done):
            if not result.folder.exists():
                remote.bring(result.folder, is_needed=False)
            result = replace(result, video=video, folder=folder.parent / result.folder.name)
        yield result


def _run_numbered(
    request: Request, number: int, video: Path, folder: Path
) -> tuple[int, Done | DataError]:
    """Analyse one video in a worker of an engine, whose disk may be another one."""
    if not folder.exists():
        remote.bring(folder, is_needed=False)
    return number, _run(video, folder, request)


def videos_in(given: Sequence[Path], notes: list[str] | None = None) -> list[Path]:
    """Replace each folder that holds video files by these, sorted; others are folders of images.

    Args:
        given: Files and folders; one under several names, by a link or another spelling, is taken
            once, by its first.
        notes: Gets a text on each other name.
    """
    found: list[Path] = []
    for path in given:
        found += videos_beside(path) or [path]
    again = same_files(found)
    if notes is not None:
        notes += [f"{path} is {same}, which is analysed once." for path, same in again.items()]
    return [path for path in dict.fromkeys(found) if path not in again]


def _run(
    video: Path, folder: Path, request: Request, report: Progress | None = None
) -> Done | DataError:
    """Analyse one video; an error that is no fault of the request is a result, too."""
    try:
        return run_job(video, folder, request, report)
    except DataError as error:
        named = str(error) if str(video) in str(error) else f"{video}: {error}"
        return DataError(named)
