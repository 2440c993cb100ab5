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
    targets: Mapping[str, Tensor] = quantizer.targets(encoded, quantized)
    for step in align:
        targets = _mix_paired(step, targets, encoded)
    quantizer.update(targets, quantized, ranks)
    if align:
        quantizer.replace(_adjusted(align, quantizer.codebooks()))
    quantizer.reset(quantized, generator, ranks)


def _mix_paired(
    step: AlignmentStep, targets: Mapping[str, Tensor], encoded: Mapping[str, Encoded]
) -> dict[str, Tensor]:
    """Mix the time steps present in all modalities, each level by itself; the others keep their targets."""
    length = min(target.shape[1] for target in targets.values())
    paired = {m: target[:, :length].flatten(0, -2) for m, target in targets.items()}
    mixed = _require_same_shapes(step, "mix", paired, step.mix(paired))
    masks = [record.mask[:, :length] for record in encoded.values() if record.mask is not None]
    present = torch.stack(masks).all(0) if masks else None
    return {m: _replace_paired(targets[m], mixed[m], present) for m in targets}


def _replace_paired(target: Tensor, mixed: Tensor, present: Tensor | None) -> Tensor:
    """Put mixed rows into a target, except where not ``present``.

    Args:
        target: Targets (B, T, D) or (B, T, Q, D) of a modality.
        mixed: The rows (N, D) of its first time steps, mixed.
        present: True where a time step is present in all modalities, for those first steps; None: everywhere.
    """
    mixed = mixed.view(len(target), -1, *target.shape[2:])
    length = mixed.shape[1]
    if present is not None:
        mixed = torch.where(present.view(*present.shape, *[1] * (target.dim() - 2)), mixed, target[:, :length])
    return mixed if length == target.shape[1] else torch.cat([mixed, target[:, length:]], dim=1)


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
    counts = own_codeword_counts(quantized, size)
    return dict(zip(counts, ranks.sum(torch.stack(list(counts.values()))), strict=True))


@torch.no_grad()
def own_codeword_counts(quantized: Mapping[str, Quantized], size: int) -> dict[str, Tensor]:
    """Count as ``codeword_counts``, but only the clips of this rank."""
    codes = list(quantized.values())
    places = torch.cat([each.indices.flatten() + position * size for position, each in enumerate(codes)])
    counted = _counted(codes)
    counts = counted.new_zeros(len(codes) * size).index_add_(0, places, counted).unflatten(0, (-1, size))
    return dict(zip(quantized, counts.unbind(), strict=True))


def _counted(codes: Sequence[Quantized]) -> Tensor:
    """One for each index of a real time step of all modalities (N,), zero for the others."""
    indices = codes[0].indices
    wide = widest_float(indices.device)
    if all(each.mask is None for each in codes):
        return torch.ones((), dtype=wide, device=indices.device).expand(sum(each.indices.numel() for each in codes))
    return torch.cat([each.real_codes().flatten() for each in codes]).to(wide)


def by_level(values: Mapping[str, Tensor], levels: int) -> dict[str, Tensor]:
    """Divide tensors by level; with one code a step they stay as they are.

    Args:
        values: Tensors by name, whose first axis has equally many entries of each level.
        levels: Codes a step.

    Returns:
        The part of each level, called ``NAME.level-0`` and so on.
    """
    if levels == 1:
        return dict(values)
    return {f"{name}.level-{q}": part for name, each in values.items() for q, part in enumerate(each.chunk(levels))}


def usage(counts: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Measures of the use of codebooks.

    Args:
        counts: Counts (K,) by modality, or those of each level (``by_level``).

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
        modalities); with several codes a step, of each level (``by_level``).
    """
    levels = next(iter(quantized.values())).levels
    values = usage(by_level(codeword_counts(quantized, size, ranks), levels))
    pairs = combinations(quantized, 2)
    shares = {f"agreement.{m}-{n}": _agreement(quantized[m], quantized[n], ranks) for m, n in pairs}
    return values | {name: share.squeeze(0) for name, share in by_level(shares, levels).items()}


def _agreement(one: Quantized, other: Quantized, ranks: Ranks) -> Tensor:
    """Share (Q,) of the time steps present in both modalities at which they select the same index of a level."""
    length = min(one.indices.shape[1], other.indices.shape[1])
    pairs = zip(one.by_level(), other.by_level(), strict=True)
    equal = torch.stack([first[:, :length] == second[:, :length] for first, second in pairs])
    real = torch.ones_like(equal[0])
    for codes in (one, other):
        if codes.mask is not None:
            real = real & codes.mask[:, :length]
    counts = ranks.sum(torch.stack([*(equal & real).sum(dim=(1, 2)), real.sum()])).to(widest_float(real.device))
    return counts[:-1] / counts[-1]
