"""Clips of gray frames in memory, for steps that read frames."""

from tests.builders import make_clip

from openmer.preprocessing._frame_sequence import FrameSequence
from openmer.preprocessing.steps._step import ClipData


def clip_data(volume):
    """What a step gets of frames ``(frames, height, width)``: onset 0, apex 1, offset the last."""
    clip = make_clip(offset=len(volume) - 1, apex=1, frame_paths=("x",) * len(volume))
    frames = FrameSequence(
        clip=clip,
        places=tuple(map(float, range(len(volume)))),
        fps=None,
        images=lambda positions: iter([volume[position] for position in positions]),
    )
    return ClipData(clip=clip, files=None, aligned=frames, frames=frames)
