"""Metrics of a whole split: (prediction, target) -> a fraction 0..1, higher is better."""

from __future__ import annotations

from codaar_plugin_cmg.metrics.batches import batched, harmonic_mean
from codaar_plugin_cmg.metrics.clips import accuracy, class_f1, class_precision, class_recall, macro_precision
from codaar_plugin_cmg.metrics.parsing import event_counts, llp_event_f1, llp_segment_f1, parsing_scores, segment_counts
from codaar_plugin_cmg.metrics.retrieval import Standing, distinct, expected_recall, standing
from codaar_plugin_cmg.metrics.segments import foreground, micro_f1, micro_precision, micro_recall, segment_f1

__all__ = [
    "Standing",
    "accuracy",
    "batched",
    "class_f1",
    "class_precision",
    "class_recall",
    "distinct",
    "event_counts",
    "expected_recall",
    "foreground",
    "harmonic_mean",
    "llp_event_f1",
    "llp_segment_f1",
    "macro_precision",
    "micro_f1",
    "micro_precision",
    "micro_recall",
    "parsing_scores",
    "segment_counts",
    "segment_f1",
    "standing",
]
