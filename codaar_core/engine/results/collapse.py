"""Collapse of codebooks in pretraining: over an epoch, nearly all time steps have few codewords."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from codaar_core.api import Quantizer

FEWEST = 1.5  # perplexity, as for test clips; with two codewords: one has more than 86 %
FEW = 0.01  # perplexity, as a share of the codewords, but of no more than LARGE
LARGE = 1000  # with several entries a code there are many more codes than any model uses, e.g. 400 x 400
MOST = 0.5  # share of the time steps with one codeword
JUDGED = 2  # epochs from which codebooks are judged: in the first one, they leave their random start
PERPLEXITY, USED, LARGEST = "epoch_perplexity.", "epoch_used.", "epoch_largest_share."


def collapsed_codebooks(epochs: Sequence[Mapping[str, float | None]], codewords: int | None) -> dict[str, str]:
    """Find the codebooks that the last epoch shows to have collapsed.

    Args:
        epochs: Metrics of all epochs so far.
        codewords: Number of codewords of a codebook; with several codes a step, of a level.

    Returns:
        The numbers in words, by modality, or modality and level; empty in the first epoch.
    """
    return dict(_collapsed(epochs[-1], codewords)) if codewords and len(epochs) >= JUDGED else {}


def _collapsed(values: Mapping[str, float | None], codewords: int) -> Iterator[tuple[str, str]]:
    for name, perplexity in values.items():
        modality = name.removeprefix(PERPLEXITY)
        used, share = values.get(USED + modality), values.get(LARGEST + modality)
        if modality == name or perplexity is None or used is None or share is None:
            continue
        if perplexity < max(FEWEST, FEW * min(codewords, LARGE)) or share > MOST:
            yield (
                modality,
                f"{used:.0f} of {codewords} codewords in use, perplexity {perplexity:.3g}, "
                f"{share:.0%} of the time steps have the same one",
            )


def collapse_line(found: Mapping[str, str], quantizer: Quantizer) -> str:
    """Say which codebooks of a quantizer have collapsed, and what helps; empty if none has."""
    numbers = "; ".join(f"{modality}: {each}" for modality, each in found.items())
    return f"{numbers} ({quantizer.collapse_help})" if found and quantizer.collapse_help else numbers
