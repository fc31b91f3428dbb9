"""A step of a plug-in takes off the mean of the subject's clips that it has seen."""

from collections import defaultdict

import numpy as np

from ._ground import prepared_by

KIND = "before the program"
BY = "steps"


def plant(honest):
    seen = defaultdict(list)

    def centred(data):
        seen[data.clip.subject_id].append(data.array)
        return data.array - np.mean(seen[data.clip.subject_id], axis=0)

    return prepared_by(honest, centred)
