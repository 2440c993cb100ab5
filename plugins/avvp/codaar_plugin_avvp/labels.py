"""Labels of every second from events."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from codaar_plugin_avvp.events import SECONDS, Annotation


def segment_labels(annotations: Sequence[Annotation], classes: Sequence[str]) -> np.ndarray:
    """Give multi-hot labels (clips, 10, classes + 1) in float32.

    Several events may share a second. The last column is background, which is 1 in seconds without an event. An event
    of no length has no second.
    """
    column = {name: index for index, name in enumerate(classes)}
    labels = np.zeros((len(annotations), SECONDS, len(classes) + 1), dtype=np.float32)
    for clip, annotation in enumerate(annotations):
        for onset, offset, name in annotation.events:
            labels[clip, onset:offset, column[name]] = 1
    labels[..., -1] = 1 - labels.max(-1)
    return labels
