"""The clips of a subject come again in another corpus, encoded again."""

from PIL import Image

from ._ground import clip_of

KIND = "copies"
BY = "copies"


def plant(honest):
    copies = []
    for clip in honest.task.clips[:2]:
        folder = clip.frame_paths[0].parents[3] / "other" / "p7" / clip.name
        folder.mkdir(parents=True)
        paths = [folder / f"{i}.jpg" for i in range(len(clip.frame_paths))]
        for path, original in zip(paths, clip.frame_paths, strict=True):
            with Image.open(original) as image:
                image.save(path, quality=60)
        copies.append(clip_of("other", "p7", clip.name, clip.emotion, paths))
    return honest.with_clips([*honest.task.clips, *copies])
