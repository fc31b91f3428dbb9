"""A clip is mixed from clips of two subjects, before the split."""

from ._ground import clip_of, read, write

KIND = "copies"
BY = "mixtures"


def plant(honest):
    one, other = honest.task.clips[0], honest.task.clips[7]
    folder = one.frame_paths[0].parents[1] / "mixed"
    paths = [folder / f"{i}.png" for i in range(len(one.frame_paths))]
    for path, first, second in zip(paths, one.frame_paths, other.frame_paths, strict=True):
        write(path, 0.6 * read(first) + 0.4 * read(second))
    mixed = clip_of(one.corpus, one.subject, "mixed", one.emotion, paths)
    return honest.with_clips([*honest.task.clips, mixed])
