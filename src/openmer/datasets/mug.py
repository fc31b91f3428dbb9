"""MUG: posed sequences from onset over apex to offset, 19 fps; 52 of 86 subjects are released.

A copy holds ``subject001/anger/take000/img_0000.jpg``. The apex is not annotated; the frames about
the middle of a take stand for it, eight by default (papers take six to ten "near the apex").
"""

from __future__ import annotations

from pathlib import Path

from openmer.datasets._facts import Options, advice, declared
from openmer.datasets._reading import Reading
from openmer.datasets._registry import register_corpus
from openmer.datasets._sequence_images import Sequence, middle_frames, read_sequences
from openmer.errors import DataError

FACTS = declared("mug")


@register_corpus(FACTS)
def read(root: Path, options: Options) -> Reading:
    """Read the frames about the middle of every take."""
    takes = [*root.glob("subject*/*/take*"), *root.glob("*/subject*/*/take*")]
    if not takes:
        raise DataError(f"MUG is not in {root}: no subject001/anger/take000. {advice(FACTS)}")
    sequences = [
        Sequence(
            subject=take.parent.parent.name,
            name=f"{take.parent.name}/{take.name}",
            emotion=take.parent.name,
            folder=take,
        )
        for take in sorted(takes)
        if take.is_dir()
    ]
    return read_sequences("mug", sequences, options, middle_frames)
