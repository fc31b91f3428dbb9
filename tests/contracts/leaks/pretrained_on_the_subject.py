"""The weights were made on pictures of a tested subject."""

from ._ground import started_from

KIND = "pretraining"
BY = "pretraining"


def plant(honest):
    folder = honest.task.clips[0].frame_paths[0].parents[3]
    return started_from(honest, folder / "made.safetensors", ["demo/s2"])
