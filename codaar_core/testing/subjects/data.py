"""A data source under test."""

from __future__ import annotations

from collections.abc import Iterator

from codaar_core.api import ComponentError, DataContext, DataError, DataSource, Split
from codaar_core.testing.check import Violation
from codaar_core.testing.environment.toys import CLIPS
from codaar_core.testing.subjects.subject import Subject


class DataSubject(Subject):
    """A data source, seen through all its modalities."""

    component: type[DataSource]

    def contexts(self) -> Iterator[DataContext]:
        """All its modalities; its spaces must be known before modalities are chosen."""
        try:
            modalities = tuple(self.build(DataContext(())).spaces)
        except ComponentError as error:
            raise Violation(
                f"{self.title} cannot be built: {error.message}",
                "give it an `example` of settings; let it build before it knows which modalities are wanted",
            ) from error
        if not modalities:
            raise Violation(f"{self.title}.spaces is empty", "give the space of every modality that the source has")
        yield DataContext(modalities)

    def synthetic(self, clips: int = CLIPS, seed: int | None = None) -> Split:
        """Random clips of a fresh source."""
        try:
            return self.build().synthetic(clips, self.seed if seed is None else seed)
        except DataError as error:
            raise Violation(
                f"{self.title}.synthetic looks for files: {error.message}",
                "make random features of the spaces' shapes; dry runs have no files",
            ) from error
