"""A fold tests everybody whose id contains the held-out one's."""

from dataclasses import replace

KIND = "folds"
BY = "foreign test clips"


def plant(honest):
    clips = [replace(c, subject="s11") if c.subject == "s2" else c for c in honest.task.clips]
    case = honest.with_clips(clips)
    folds = []
    for fold in case.task.folds:
        test = [i for i, clip in enumerate(clips) if fold.held_out in clip.subject_id]
        train = [i for i in range(len(clips)) if i not in test]
        folds.append(replace(fold, test=tuple(test), train=tuple(train)))
    return replace(case, task=replace(case.task, folds=tuple(folds)))
