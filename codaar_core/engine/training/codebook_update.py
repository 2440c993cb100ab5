"""What happens to the codebooks after each step, and the statistics that say how they are used."""

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
    """Mix the targets, update, adjust, reset: in this order, once a step."""
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
    """Mix the time steps that all modalities have; the others stay as they are."""
    length = min(target.shape[1] for target in targets.values())
    paired = {m: target[:, :length].flatten(0, 1) for m, target in targets.items()}
    mixed = _checked(step, "mix", paired, step.mix(paired))
    masks = [record.mask[:, :length] for record in encoded.values() if record.mask is not None]
    present = torch.stack(masks).all(0).flatten() if masks else None
    return {m: _put_back(targets[m], paired[m], mixed[m], present) for m in targets}


def _put_back(target: Tensor, paired: Tensor, mixed: Tensor, present: Tensor | None) -> Tensor:
    batch, length, width = target.shape
    if present is not None:
        mixed = torch.where(present[:, None], mixed, paired)
    mixed = mixed.view(batch, -1, width)
    return mixed if mixed.shape[1] == length else torch.cat([mixed, target[:, mixed.shape[1] :]], dim=1)


def _adjusted(align: Sequence[AlignmentStep], codebooks: Mapping[str, Tensor]) -> Mapping[str, Tensor]:
    for step in align:
        codebooks = _checked(step, "adjust", codebooks, step.adjust(codebooks))
    return codebooks


def _checked(
    step: AlignmentStep, function: str, given: Mapping[str, Tensor], returned: Mapping[str, Tensor]
) -> Mapping[str, Tensor]:
    """A step must return one tensor a modality, shaped as the one it was given."""
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
def statistics(quantized: Mapping[str, Quantized], size: int, ranks: Ranks) -> dict[str, Tensor]:
    """Codewords in use and perplexity of one batch by modality, and index agreement by pair, as device scalars."""
    values: dict[str, Tensor] = {}
    for modality, codes in quantized.items():
        real = codes.real()
        counted = real.flatten().to(widest_float(real.device))
        uses = counted.new_zeros(size).index_add_(0, codes.indices.flatten(), counted)
        share = ranks.sum(uses)
        share = share / share.sum()
        values[f"used.{modality}"] = (share > 0).sum().to(share.dtype)
        values[f"perplexity.{modality}"] = torch.special.entr(share).sum().exp()
    for one, other in combinations(quantized, 2):
        values[f"agreement.{one}-{other}"] = _agreement(quantized[one], quantized[other], ranks)
    return values


def _agreement(one: Quantized, other: Quantized, ranks: Ranks) -> Tensor:
    """Share of time steps at which two modalities select the same index."""
    length = min(one.indices.shape[1], other.indices.shape[1])
    equal = one.indices[:, :length] == other.indices[:, :length]
    real = torch.ones_like(equal)
    for codes in (one, other):
        if codes.mask is not None:
            real = real & codes.mask[:, :length]
    same, steps = ranks.sum(torch.stack([(equal & real).sum(), real.sum()])).to(widest_float(real.device))
    return same / steps
