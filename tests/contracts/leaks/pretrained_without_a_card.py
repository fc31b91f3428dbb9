"""The weights do not say whose pictures made them."""

from ._ground import started_from

KIND = "pretraining"
LIMIT = "weights whose card does not say"


def plant(honest):
    folder = honest.task.clips[0].frame_paths[0].parents[3]
    return started_from(honest, folder / "made.safetensors", None)
