"""Metrics of both benchmarks: averaged over batches as in the released code, and over the whole test split."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

from codaar_plugin_cmg.metrics import (
    batched,
    event_counts,
    foreground,
    harmonic_mean,
    llp_event_f1,
    llp_segment_f1,
    micro_f1,
    micro_precision,
    micro_recall,
    parsing_scores,
    segment_counts,
    segment_f1,
)
from torch import Tensor

from codaar_core.api import Metric, Predicted

LEVELS = {"segment": segment_counts, "event": event_counts}


def released(batch: int, headline: str) -> Mapping[str, Metric]:
    """Micro precision and recall with background, averaged over batches, and F1 of the two averages.

    Args:
        batch: Clips per batch.
        headline: Name of the first metric, by which the released code selects the epoch.
    """
    precision, recall = batched(micro_precision, batch), batched(micro_recall, batch)
    metrics = {"precision": precision, "recall": recall, "f1": harmonic_mean(precision, recall)}
    return {headline: metrics[headline], **metrics}


def of_both(prediction: Tensor, target: Tensor, level: str, score: str) -> float:
    """Type@AV or Event@AV of LLP.

    Args:
        prediction: Predictions for the same recordings in two modalities (2, N, T, classes).
        target: True labels in the same shape.
        level: "segment" or "event".
        score: "type" or "event".
    """
    one, other = map(Predicted, prediction, target)
    return parsing(one, other, level)[f"{level}_{score}_av"]


MICRO: Mapping[str, Metric] = {
    "segment_f1": segment_f1,
    "precision": foreground(micro_precision),
    "recall": foreground(micro_recall),
    "f1_with_background": micro_f1,
    "precision_with_background": micro_precision,
    "recall_with_background": micro_recall,
}

STRICT: Mapping[str, Metric] = {
    **MICRO,
    "llp_segment_f1": foreground(llp_segment_f1),
    "segment_type_av": partial(of_both, level="segment", score="type"),
    "segment_event_av": partial(of_both, level="segment", score="event"),
    "llp_event_f1": foreground(llp_event_f1),
    "event_type_av": partial(of_both, level="event", score="type"),
    "event_event_av": partial(of_both, level="event", score="event"),
}
"""Metrics of the tested modality; Type@AV and Event@AV take both modalities, stacked."""


def strict_scores(source: Predicted, target: Predicted) -> dict[str, float]:
    """All metrics of ``STRICT`` for the same recordings in both modalities; LLP's counts are computed once."""
    micro = {name: float(metric(*target)) for name, metric in MICRO.items()}
    return {**micro, **parsing(source, target, "segment"), **parsing(source, target, "event")}


def parsing(source: Predicted, target: Predicted, level: str) -> dict[str, float]:
    """LLP's three scores at one level, without background, the last class."""
    one, other = (Predicted(*(each[..., :-1] for each in side)) for side in (source, target))
    scores = parsing_scores(one, other, LEVELS[level])
    return {
        f"llp_{level}_f1": scores["visual"],
        f"{level}_type_av": scores["type"],
        f"{level}_event_av": scores["event"],
    }
