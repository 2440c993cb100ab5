"""An extractor under test."""

from __future__ import annotations

from collections.abc import Iterator

import torch

from codaar_core.api import Extractor, ExtractorContext
from codaar_core.testing.subjects.subject import Subject
from codaar_core.testing.toy_recordings import WRITERS


class ExtractorSubject(Subject):
    """An extractor of sentences, or of files some of which can be made here."""

    component: type[Extractor]

    def contexts(self) -> Iterator[ExtractorContext]:
        """The device that is always there."""
        yield ExtractorContext(torch.device("cpu"))

    @property
    def can_be_tried(self) -> bool:
        """Whether there is something to be read."""
        return bool(self.suffix or not self.component.suffixes)

    @property
    def suffix(self) -> str:
        """The first suffix it reads of those of which files can be made; empty where there is none."""
        return next((each for each in self.component.suffixes if each in WRITERS), "")
