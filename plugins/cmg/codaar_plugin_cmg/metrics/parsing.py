"""Audio-visual video parsing: the segment-level and event-level F1 of LLP (Tian et al., ECCV 2020).

Predictions and targets are multi-hot (N, T, classes) without background, positive above one half. Each class of each
video is counted separately; the score of a video is the mean F1 of the classes that are predicted or true in it, 1
without such a class; the score of a split is the mean over its videos.
"""

from __future__ import annotations

from collections.abc import Callable

import attrs
import torch
from torch import Tensor

from codaar_core.api import Predicted

Counter = Callable[[Tensor, Tensor], "Counts"]


@attrs.frozen
class Counts:
    """Counts of each class in each video (N, classes)."""

    right: Tensor  # true positives
    wrong: Tensor  # false positives
    missed: Tensor  # false negatives

    def __add__(self, other: Counts) -> Counts:
        return Counts(self.right + other.right, self.wrong + other.wrong, self.missed + other.missed)

    @property
    def f1(self) -> float:
        """Mean over videos of the mean over the classes that occur."""
        whole = 2 * self.right + self.wrong + self.missed
        there = whole > 0
        total = (2 * self.right / whole.clamp(min=1)).sum(1)
        videos = torch.where(there.any(1), total / there.sum(1).clamp(min=1), 1.0)
        return float(videos.mean())


def segment_counts(prediction: Tensor, target: Tensor) -> Counts:
    """Count segments."""
    predicted, true = prediction > 0.5, target > 0.5
    return Counts(*(each.sum(1).double() for each in (predicted & true, predicted & ~true, ~predicted & true)))


def event_counts(prediction: Tensor, target: Tensor) -> Counts:
    """Count events, the maximal runs of a class.

    A predicted event is right if its intersection over union with any true event is at least one half; a true event is
    missed if no predicted event reaches that. One event may match several.
    """
    predicted, true = (_events(each > 0.5) for each in (prediction, target))
    starts = torch.maximum(predicted[..., :, None, 0], true[..., None, :, 0])
    ends = torch.minimum(predicted[..., :, None, 1], true[..., None, :, 1])
    shared = (ends - starts).clamp(min=0)
    length, true_length = predicted[..., 1] - predicted[..., 0], true[..., 1] - true[..., 0]
    close = (shared > 0) & (3 * shared >= length[..., :, None] + true_length[..., None, :])
    found, met = close.any(-1), close.any(-2)
    parts = (found, (length > 0) & ~found, (true_length > 0) & ~met)
    return Counts(*(each.sum(-1).double() for each in parts))


def _events(active: Tensor) -> Tensor:
    """Starts and ends of the runs in (N, T, classes): (N, classes, runs, 2), padded with empty runs."""
    rows = active.transpose(1, 2)
    edge = torch.zeros_like(rows[..., :1])
    before, after = torch.cat([edge, rows[..., :-1]], -1), torch.cat([rows[..., 1:], edge], -1)
    first, last = rows & ~before, rows & ~after
    video, label, start = first.nonzero(as_tuple=True)
    place = first.cumsum(-1)[video, label, start] - 1
    events = rows.new_zeros((*rows.shape[:2], (rows.shape[-1] + 1) // 2, 2), dtype=torch.long)
    events[video, label, place] = torch.stack([start, last.nonzero(as_tuple=True)[2] + 1], -1)
    return events


def llp_segment_f1(prediction: Tensor, target: Tensor) -> float:
    """F1 of segments in one modality."""
    return segment_counts(prediction, target).f1


def llp_event_f1(prediction: Tensor, target: Tensor) -> float:
    """F1 of events in one modality."""
    return event_counts(prediction, target).f1


def parsing_scores(audio: Predicted, visual: Predicted, counts: Counter = segment_counts) -> dict[str, float]:
    """LLP's five scores for the same videos in audio and video.

    Args:
        audio: Predictions and labels for audio.
        visual: Predictions and labels for video.
        counts: ``segment_counts`` or ``event_counts``.

    Returns:
        F1 of "audio", "visual" and "audio_visual" (events in both), their mean "type", and "event", the
        F1 of audio and visual counted together.
    """
    both = Predicted(*(torch.minimum(heard, seen) for heard, seen in zip(audio, visual, strict=True)))
    heard, seen = counts(*audio), counts(*visual)
    scores = {"audio": heard.f1, "visual": seen.f1, "audio_visual": counts(*both).f1}
    return {**scores, "type": sum(scores.values()) / 3, "event": (heard + seen).f1}
