"""The card of the weights writes a tested subject in capitals."""

from ._ground import started_from

KIND = "pretraining"
BY = "pretraining"


def plant(honest):
    folder = honest.task.clips[0].frame_paths[0].parents[3]
    return started_from(honest, folder / "made.safetensors", ["DEMO/S02"])
