"""The codebook update of a training step, and statistics of how codebooks are used."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import combinations

import torch
from torch import Tensor

from codaar_core.api import AlignmentStep, CodaarError, Encoded, Quantized, Quantizer, Ranks
from codaar_core.engine.devices.runtime import widest_float


@torch.no_grad()
def update_codebooks(
    quantizer: Quantizer,
    align: Sequence[AlignmentStep],
    encoded: Mapping[str, Encoded],
    quantized: Mapping[str, Quantized],
    generator: torch.Generator,
    ranks: Ranks,
) -> None:
    """Update the codebooks once, in this order: mix the targets, update, adjust the codebooks, reset dead codewords.

    Args:
        quantizer: Owns the codebooks.
        align: Alignment steps, applied in order.
        encoded: Latents of this rank's clips, by modality.
        quantized: Codes of these latents, by modality.
        generator: Same state on all ranks.
        ranks: The ranks over which statistics are summed.

    Raises:
        CodaarError: An alignment step returned other modalities or shapes.
    """
    targets = {m: record.semantic.detach() for m, record in encoded.items()}
    for step in align:
        targets = _mix_paired(step, targets, encoded)
    quantizer.update(targets, quantized, ranks)
    if align:
        quantizer.replace(_adjusted(align, quantizer.codebooks()))
    quantizer.reset(quantized, generator, ranks)


def _mix_paired(
    step: AlignmentStep, targets: Mapping[str, Tensor], encoded: Mapping[str, Encoded]
) -> dict[str, Tensor]:
    """Mix the time steps present in all modalities; the others keep their targets."""
    length = min(target.shape[1] for target in targets.values())
    paired = {m: target[:, :length].flatten(0, 1) for m, target in targets.items()}
    mixed = _require_same_shapes(step, "mix", paired, step.mix(paired))
    masks = [record.mask[:, :length] for record in encoded.values() if record.mask is not None]
    present = torch.stack(masks).all(0).flatten() if masks else None
    return {m: _replace_paired(targets[m], paired[m], mixed[m], present) for m in targets}


def _replace_paired(target: Tensor, paired: Tensor, mixed: Tensor, present: Tensor | None) -> Tensor:
    """Put mixed time steps (B * shortest T, D) into ``target`` (B, T, D), except where not ``present``."""
    batch, length, width = target.shape
    if present is not None:
        mixed = torch.where(present[:, None], mixed, paired)
    mixed = mixed.view(batch, -1, width)
    return mixed if mixed.shape[1] == length else torch.cat([mixed, target[:, mixed.shape[1] :]], dim=1)


def _adjusted(align: Sequence[AlignmentStep], codebooks: Mapping[str, Tensor]) -> Mapping[str, Tensor]:
    for step in align:
        codebooks = _require_same_shapes(step, "adjust", codebooks, step.adjust(codebooks))
    return codebooks


def _require_same_shapes(
    step: AlignmentStep, function: str, given: Mapping[str, Tensor], returned: Mapping[str, Tensor]
) -> Mapping[str, Tensor]:
    """Return ``returned``.

    Raises:
        CodaarError: It does not have one tensor for each modality of ``given``, in the same shape.
    """
    name = f"{type(step).__name__}.{function}"
    if not isinstance(returned, Mapping) or set(returned) != set(given):
        got = sorted(returned) if isinstance(returned, Mapping) else type(returned).__name__
        raise CodaarError(f"{name} must return tensors for {sorted(given)}, not {got}")
    for modality, tensor in returned.items():
        if tensor.shape != given[modality].shape:
            expected, found = tuple(given[modality].shape), tuple(tensor.shape)
            raise CodaarError(f"{name} must keep the shape {expected} of {modality!r}, it returned {found}")
    return returned


@torch.no_grad()
def codeword_counts(quantized: Mapping[str, Quantized], size: int, ranks: Ranks) -> dict[str, Tensor]:
    """Count how often one batch, over all ranks, selects each codeword at a real time step.

    Args:
        quantized: Codes of this rank's clips, by modality.
        size: Number of codewords K.
        ranks: The ranks over which counts are summed.

    Returns:
        Counts (K,) by modality, on the device.
    """
    counts = []
    for codes in quantized.values():
        real = codes.real()
        counted = real.flatten().to(widest_float(real.device))
        counts.append(counted.new_zeros(size).index_add_(0, codes.indices.flatten(), counted))
    return dict(zip(quantized, ranks.sum(torch.stack(counts)), strict=True))


def usage(counts: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Measures of the use of codebooks.

    Args:
        counts: Counts (K,) by modality.

    Returns:
        Scalars ``used.M`` (codewords in use) and ``perplexity.M`` (exponential of the entropy of their frequencies).
    """
    values: dict[str, Tensor] = {}
    for modality, each in counts.items():
        frequency = each / each.sum()
        values[f"used.{modality}"] = (frequency > 0).sum().to(frequency.dtype)
        values[f"perplexity.{modality}"] = torch.special.entr(frequency).sum().exp()
    return values


@torch.no_grad()
def statistics(quantized: Mapping[str, Quantized], size: int, ranks: Ranks) -> dict[str, Tensor]:
    """Compute how one batch, over all ranks, uses the codebooks.

    Args:
        quantized: Codes of this rank's clips, by modality.
        size: Number of codewords K.
        ranks: The ranks over which counts are summed.

    Returns:
        Scalars on the device: those of ``usage``, and ``agreement.M-N`` (share of time steps with equal indices in both
        modalities).
    """
    values = usage(codeword_counts(quantized, size, ranks))
    for one, other in combinations(quantized, 2):
        values[f"agreement.{one}-{other}"] = _agreement(quantized[one], quantized[other], ranks)
    return values


def _agreement(one: Quantized, other: Quantized, ranks: Ranks) -> Tensor:
    """Share of the time steps present in both modalities at which they select the same index."""
    length = min(one.indices.shape[1], other.indices.shape[1])
    equal = one.indices[:, :length] == other.indices[:, :length]
    real = torch.ones_like(equal)
    for codes in (one, other):
        if codes.mask is not None:
            real = real & codes.mask[:, :length]
    same, steps = ranks.sum(torch.stack([(equal & real).sum(), real.sum()])).to(widest_float(real.device))
    return same / steps
