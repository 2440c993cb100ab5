"""The schema of results.json: the engine writes it, reports and sweeps read it. Nothing here imports torch."""

from codaar_core.engine.results.conversion import as_json, parse
from codaar_core.engine.results.headline import HeadlineMean, headline_means
from codaar_core.engine.results.json_schema import json_schema
from codaar_core.engine.results.records import (
    FORMAT,
    Alignment,
    BenchmarkCodes,
    CodewordDistance,
    Curves,
    IndexTable,
    LearningCurve,
    ModalityCodes,
    PairCodes,
    Pretraining,
    Results,
    Section,
    SeenOverlap,
    TransferScore,
)

__all__ = [
    "FORMAT",
    "Alignment",
    "BenchmarkCodes",
    "CodewordDistance",
    "Curves",
    "HeadlineMean",
    "IndexTable",
    "LearningCurve",
    "ModalityCodes",
    "PairCodes",
    "Pretraining",
    "Results",
    "Section",
    "SeenOverlap",
    "TransferScore",
    "as_json",
    "headline_means",
    "json_schema",
    "parse",
]
