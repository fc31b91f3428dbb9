"""Flipped and shifted pictures of a tested subject, under another name, made the weights."""

from dataclasses import replace

from PIL import Image, ImageChops, ImageOps

from ._ground import started_from

KIND = "pretraining"
BY = "pretraining"


def plant(honest):
    frame = honest.task.clips[0].frame_paths[2]
    folder = frame.parents[3] / "expressions"
    folder.mkdir()
    with Image.open(frame) as image:
        ImageChops.offset(ImageOps.mirror(image), 7, 3).save(folder / "a17_happy.jpg", quality=80)
    found = started_from(honest, folder.parent / "made.safetensors", ["other/a17"])
    return replace(found, images=(folder / "a17_happy.jpg",))
