"""Subjects: a component under test, with the surroundings, inputs and outputs that its kind has; one file a kind."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from codaar_core.api import Component
from codaar_core.testing.subjects.alignment import AlignmentSubject, Rows, Step
from codaar_core.testing.subjects.benchmark import BenchmarkSubject
from codaar_core.testing.subjects.data import DataSubject
from codaar_core.testing.subjects.decoder import DecoderSubject
from codaar_core.testing.subjects.encoder import EncoderSubject
from codaar_core.testing.subjects.extractor import ExtractorSubject
from codaar_core.testing.subjects.head import HeadInputs, HeadSubject
from codaar_core.testing.subjects.loss import LossSubject, loss_context
from codaar_core.testing.subjects.module import ModuleSubject, Outputs
from codaar_core.testing.subjects.quantizer import QuantizerSubject
from codaar_core.testing.subjects.subject import Subject

__all__ = [
    "MODULES",
    "SUBJECTS",
    "AlignmentSubject",
    "BenchmarkSubject",
    "DataSubject",
    "DecoderSubject",
    "EncoderSubject",
    "ExtractorSubject",
    "HeadInputs",
    "HeadSubject",
    "LossSubject",
    "ModuleSubject",
    "Outputs",
    "QuantizerSubject",
    "Rows",
    "Step",
    "Subject",
    "loss_context",
    "subject_of",
]

SUBJECTS: Mapping[str, type[Subject]] = {
    "extractor": ExtractorSubject,
    "encoder": EncoderSubject,
    "decoder": DecoderSubject,
    "quantizer": QuantizerSubject,
    "alignment": AlignmentSubject,
    "loss": LossSubject,
    "head": HeadSubject,
    "data": DataSubject,
    "benchmark": BenchmarkSubject,
}
"""How components of a kind are put to the test; of the other kinds, only the settings are."""

MODULES = tuple(kind for kind, subject in SUBJECTS.items() if issubclass(subject, ModuleSubject))


def subject_of(kind: str, name: str, component: type[Component], **more: Any) -> Subject:
    """The subject for a component of a kind."""
    return SUBJECTS.get(kind, Subject)(kind, name, component, **more)
