"""Splits -> codes: what heads are trained and tested on."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import NamedTuple

import torch
from torch import Tensor, nn

from codaar_core.api import Encoded, Features, Quantized, Quantizer, Split
from codaar_core.engine.assembly.model import Model
from codaar_core.engine.devices.runtime import Runtime

BATCH = 100


class EncodedSplit(NamedTuple):
    """A split seen through one modality: codes are small, so they are computed once and kept."""

    modality: str
    indices: Tensor  # (N, T)
    mask: Tensor | None  # (N, T)
    target: Tensor  # (N, ...)
    split: Split  # of what heads are given besides


@torch.no_grad()
def encode_split(model: Model, runtime: Runtime, split: Split, modality: str, summarised: bool = False) -> EncodedSplit:
    """Assign codes to all clips of a split, seen through one modality alone.

    Args:
        summarised: Whether a whole clip becomes one code.
    """
    codes, targets = [], []
    parts = (range(start, min(start + BATCH, len(split))) for start in range(0, len(split), BATCH))
    for _, batch in runtime.batches(split.__getitem__, parts, (modality,)):
        encoded = _encode(model, modality, batch.inputs[modality], summarised)
        codes.append(model.quantizer.quantize({modality: encoded})[modality])
        targets.append(batch.targets[modality])
    indices = _join([each.indices for each in codes])
    masks = _join([each.real() for each in codes])
    return EncodedSplit(modality, indices, None if bool(masks.all()) else masks, torch.cat(targets), split)


def _encode(model: Model, modality: str, features: Features, summarised: bool) -> Encoded:
    encoder = model.encoder(modality)
    return encoder.summary(features) if summarised else encoder(features)


def _join(parts: Sequence[Tensor]) -> Tensor:
    """Join (B, T) tensors; shorter ones are padded with zeros, which are False in a mask."""
    length = max(part.shape[1] for part in parts)
    return torch.cat([nn.functional.pad(part, (0, length - part.shape[1])) for part in parts])


def look_up(quantizer: Quantizer, coded: EncodedSplit, rows: Tensor) -> tuple[Quantized | Tensor, ...]:
    """What a head reads of some clips: their codes, and what the benchmark gives besides."""
    codes = quantizer.lookup(coded.modality, coded.indices[rows])
    codes = codes._replace(mask=None if coded.mask is None else coded.mask[rows])
    given = coded.split.given(rows.tolist())
    return (codes,) if given is None else (codes, given.to(rows.device, codes.full.dtype))


@contextmanager
def encoder_dropout(model: Model) -> Iterator[None]:
    """Leave the encoders in training mode, with their dropout; what they count meanwhile is forgotten."""
    kept = {name: buffer.clone() for name, buffer in model.encoders.named_buffers()}
    model.encoders.train()
    try:
        yield
    finally:
        model.encoders.eval()
        for name, buffer in model.encoders.named_buffers():
            buffer.copy_(kept[name])
