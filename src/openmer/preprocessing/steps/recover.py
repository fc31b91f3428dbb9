"""The step that gives u and v of flow one scale again, and takes the motion of the head out."""

from __future__ import annotations

from dataclasses import replace
from typing import ClassVar, Literal

import numpy as np

from openmer.errors import ConfigError
from openmer.preprocessing.flow._motion import recover_flow
from openmer.preprocessing.steps._step import FLOW, RECOVERED_FLOW, STRETCHED_FLOW, ClipData, Step


class RecoverStep(Step):
    """u and v in one scale, less their medians, and strain; none has a unit any more.

    In the 8-bit form zero motion is another gray level in each clip, and u and v have scales of
    their own. The strain in the third channel tells the ratio of the scales. Flow in pixels loses
    its medians and its unit alone. Both come out alike.
    """

    gives: ClassVar = {FLOW: RECOVERED_FLOW, STRETCHED_FLOW: RECOVERED_FLOW}

    step: Literal["recover"] = "recover"

    @property
    def on_flow_image(self) -> bool:
        """True: it needs no frame."""
        return True

    def channels(self, before: int) -> int:
        """Return 3: u, v and strain.

        Raises:
            ConfigError: Strain is not there to recover by.
        """
        if before != 3:
            raise ConfigError(
                f"The step 'recover' takes u, v and strain, found {before} channels. Put the step "
                "'strain' behind 'flow'."
            )
        return before

    def apply(self, data: ClipData) -> ClipData:
        """Return the data with an array of the same shape."""
        flow = recover_flow(data.array, stretched=data.kind == STRETCHED_FLOW)
        return replace(data, array=flow.astype(np.float32))
