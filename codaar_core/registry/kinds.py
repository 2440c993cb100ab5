"""The kinds of components: names, entry-point group and contract of each."""

from __future__ import annotations

from importlib import import_module

import attrs

from codaar_core.api.errors import CodaarError
from codaar_core.registry.suggestion import did_you_mean


@attrs.frozen
class Kind:
    """One kind of component."""

    name: str
    plural: str
    title: str
    base: str  # a name of codaar_core.api; a string, because most contracts import torch

    @property
    def group(self) -> str:
        """The entry-point group in which packages offer components of this kind."""
        return f"codaar.{self.plural}"

    def load_base(self) -> type:
        """Import the base class of this kind."""
        return getattr(import_module("codaar_core.api"), self.base)


KINDS = {
    kind.name: kind
    for kind in (
        Kind("extractor", "extractors", "extractor", "Extractor"),
        Kind("encoder", "encoders", "encoder", "Encoder"),
        Kind("decoder", "decoders", "decoder", "Decoder"),
        Kind("quantizer", "quantizers", "quantizer", "Quantizer"),
        Kind("alignment", "alignments", "alignment step", "AlignmentStep"),
        Kind("loss", "losses", "loss", "Loss"),
        Kind("head", "heads", "task head", "TaskHead"),
        Kind("data", "data", "data source", "DataSource"),
        Kind("benchmark", "benchmarks", "benchmark", "Benchmark"),
        Kind("hook", "hooks", "hook", "RunHooks"),
    )
}


def kind_called(name: str) -> Kind:
    """Find a kind by its singular or plural.

    Raises:
        CodaarError: There is no such kind.
    """
    for kind in KINDS.values():
        if name in (kind.name, kind.plural):
            return kind
    known = [word for kind in KINDS.values() for word in (kind.name, kind.plural)]
    raise UnknownKind(f"there is no kind {name!r}", did_you_mean(name, known) or f"the kinds are {', '.join(KINDS)}")


class UnknownKind(CodaarError):
    """A word that does not name a kind of component."""

    exit_code = 2
    code = "unknown-kind"  # its heading in docs/errors.md
