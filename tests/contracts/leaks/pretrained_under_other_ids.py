"""The card of the weights calls a tested subject by another name."""

from ._ground import started_from

KIND = "pretraining"
LIMIT = "or names them otherwise"


def plant(honest):
    folder = honest.task.clips[0].frame_paths[0].parents[3]
    return started_from(honest, folder / "made.safetensors", ["other/a17"])
