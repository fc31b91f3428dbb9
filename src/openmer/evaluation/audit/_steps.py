"""What steps of a plug-in make of a clip: it may depend on its frames, and on nothing else.

The poison test begins where the arrays are ready, so it cannot see what a step has put into them.
Some clips are prepared again here, under other names and words.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from openmer.clip import Clip
from openmer.evaluation._audit_stamp import Finding
from openmer.evaluation._experiment import Task
from openmer.evaluation.audit._recording import Recorder, allowed_roots, check_recorded
from openmer.evaluation.audit._scores import close
from openmer.files import temporary_folder
from openmer.preprocessing import has_foreign_code

_DOING = "While a clip is prepared, the program"
_CHECK = "steps"


def check_steps(task: Task) -> list[Finding]:
    """Prepare two clips again where a step, flow method or detector is not of this package.

    Each comes out as before when it is prepared alone, and when its label, its subject or the names
    of its files are others; whatever else differs was put into its array. Files that are read are
    noted.
    """
    if not has_foreign_code(task.method.steps):
        return []
    chosen = sorted({len(task.clips) - 1, task.folds[0].test[0]}, reverse=True)
    findings: list[Finding] = []
    with temporary_folder("openmer-steps") as folder, Recorder() as recorder:
        for number in chosen:
            with recorder.recording():
                found = _difference(task, number, folder / str(number))
            if found:
                findings.append(found)
                break
    shown = [path for clip in task.clips for path in (*clip.frame_paths, clip.flow_path) if path]
    allowed = [*allowed_roots(task), *shown, folder]
    read = check_recorded(recorder.calls, allowed, _DOING)
    return findings + [replace(one, check=_CHECK, severity="note") for one in read]


def _difference(task: Task, number: int, folder: Path) -> Finding | None:
    """Report the first thing beside the frames that changes the array of a clip."""
    clip = task.clips[number]
    for what, changed in _changes(clip, _other_word(clip, task.clips), folder):
        try:
            same = close(task.data.inputs[number], task.method.steps.run(changed()))
        except Exception as error:  # whatever a step of a plug-in raises
            message = (
                f"{clip.key} cannot be prepared again with {what} changed: {error!r}. What its "
                "steps take from there is not known."
            )
            return Finding(check=_CHECK, severity="note", fold="", message=message)
        if not same:
            message = (
                f"The array of {clip.key} is another one when {what} changes and its frames do "
                "not: a step puts more into it than the frames show, or is not repeatable. Let "
                "steps use the frames of the clip only."
            )
            return Finding(check=_CHECK, severity="leak", fold="", message=message)
    return None


def _changes(clip: Clip, word: str, folder: Path) -> Iterator[tuple[str, Callable[[], Clip]]]:
    """Yield what is changed of a clip, each with what makes it so."""
    told = replace(clip, emotion=word, action_units="")
    named = replace(told, subject="nobody", same_as="", name="a clip")
    yield "what is prepared before it", lambda: clip
    yield "its label", lambda: told
    yield "its subject and name", lambda: named
    yield "the names of its files", lambda: _copied(named, folder)


def _copied(clip: Clip, folder: Path) -> Clip:
    """Return the clip with its files under names that tell nothing."""
    folder.mkdir()
    paths = [folder / f"{i:05d}{path.suffix}" for i, path in enumerate(clip.frame_paths)]
    for path, copy in zip(clip.frame_paths, paths, strict=True):
        shutil.copyfile(path, copy)
    flow = None
    if clip.flow_path is not None:
        flow = Path(shutil.copyfile(clip.flow_path, folder / f"flow{clip.flow_path.suffix}"))
    return replace(clip, frame_paths=tuple(paths), flow_path=flow)


def _other_word(clip: Clip, clips: Sequence[Clip]) -> str:
    return next((one.emotion for one in clips if one.emotion != clip.emotion), "")
