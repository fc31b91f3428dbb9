"""Pictures of a tested subject made the weights; their card calls them by another name."""

from dataclasses import replace

from PIL import Image

from ._ground import started_from

KIND = "pretraining"
BY = "pretraining"


def plant(honest):
    frame = honest.task.clips[0].frame_paths[2]
    folder = frame.parents[3] / "expressions"
    folder.mkdir()
    with Image.open(frame) as image:
        image.resize((96, 96)).save(folder / "a17_happy.jpg", quality=80)
    found = started_from(honest, folder.parent / "made.safetensors", ["other/a17"])
    return replace(found, images=(folder / "a17_happy.jpg",))
