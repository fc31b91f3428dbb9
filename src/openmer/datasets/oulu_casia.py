"""Oulu-CASIA: 480 posed sequences of 80 subjects from neutral to the peak, per camera and light.

A copy holds ``B_OriginalImg/OriginalImg/VL/Strong/P001/Anger/000.jpeg``, for the cameras VL
(visible) and NI (near infrared) and the lights Strong, Weak and Dark. The last frames of a sequence
are its images, three by default.
"""

from __future__ import annotations

from pathlib import Path

from openmer.datasets._facts import Options, declared, find_folder
from openmer.datasets._reading import Reading
from openmer.datasets._registry import register_corpus
from openmer.datasets._sequence_images import Sequence, last_frames, read_sequences

FACTS = declared("oulu_casia")


@register_corpus(FACTS)
def read(root: Path, options: Options) -> Reading:
    """Read the last frames of every sequence of one camera and light."""
    camera, light = options.variant.split("-")
    wanted = f"{camera}/{light}"
    top = find_folder(
        FACTS, root, f"B_OriginalImg/OriginalImg/{wanted}", f"OriginalImg/{wanted}", wanted
    )
    sequences = [
        Sequence(
            subject=folder.parent.name,
            name=f"{options.variant}/{folder.name}",
            emotion=folder.name,
            part=options.variant,
            folder=folder,
        )
        for folder in sorted(top.glob("P*/*"))
        if folder.is_dir()
    ]
    return read_sequences("oulu_casia", sequences, options, last_frames)
