"""Encodes the splits of a benchmark into the codes that heads are trained and tested on."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import NamedTuple

import torch
from torch import Tensor, nn

from codaar_core.api import Encoded, Features, Quantized, Quantizer, Split
from codaar_core.engine.assembly.input_checks import checked_features
from codaar_core.engine.assembly.model import Model
from codaar_core.engine.devices.prefetch import read_ahead
from codaar_core.engine.devices.runtime import Runtime

BATCH = 100  # clips encoded or predicted at once
LARGEST_KEPT = 1 << 28  # bytes of the targets of a split that is kept encoded, e.g. not the masks of a segmentation


class EncodedSplit(NamedTuple):
    """The codes of one modality of a split of N clips. Code indices are small, so they are kept in memory.

    Attributes:
        modality: The encoded modality.
        indices: Code indices (N, T); (N, T, Q) with several codes a step.
        mask: True where the time step is real (N, T); None if all are.
        target: Targets of the benchmark (N, ...).
        split: The encoded split; ``Split.given`` reads additional inputs of heads from it.
    """

    modality: str
    indices: Tensor
    mask: Tensor | None
    target: Tensor
    split: Split

    def of_level(self, level: int, size: int) -> EncodedSplit:
        """Return the codes of one level, with indices (N, T) from 0 to ``size`` - 1.

        Args:
            level: Number of the level, from 0.
            size: Codewords of a level.
        """
        return self if self.indices.dim() == 2 else self._replace(indices=self.indices[..., level] % size)


class EncodedOnce:
    """Encodes each split once for the heads of all seeds; splits with large targets are encoded for each anew.

    Args:
        encode: Encodes a role in one modality.
    """

    def __init__(self, encode: Callable[[str, str], EncodedSplit]) -> None:
        self._encode = encode
        self._kept: dict[tuple[str, str], EncodedSplit] = {}

    def __call__(self, role: str, modality: str) -> EncodedSplit:
        """Return the codes of a role in one modality."""
        if (role, modality) in self._kept:
            return self._kept[role, modality]
        encoded = self._encode(role, modality)
        if encoded.target.nbytes <= LARGEST_KEPT:
            self._kept[role, modality] = encoded
        return encoded


@torch.no_grad()
def encode_split(model: Model, runtime: Runtime, split: Split, modality: str, summarised: bool = False) -> EncodedSplit:
    """Encode one modality of all clips of a split.

    Args:
        model: The trained model.
        runtime: Device and precision.
        split: The split to read.
        modality: The modality to encode; the others are not read by the model.
        summarised: Whether a whole clip becomes one code, by ``Encoder.summary``.

    Raises:
        DataError: Features have another shape than those of pretraining, or NaN or infinite values; names the clips.
    """
    codes, targets, ids = [], [], split.ids
    parts = (range(start, min(start + BATCH, len(split))) for start in range(0, len(split), BATCH))
    for part, batch in runtime.batches(split.__getitem__, parts, (modality,), split.reads_files):
        names = [str(clip) if ids is None else ids[clip] for clip in part]
        features = checked_features(model, modality, batch.inputs[modality], runtime.device, runtime.dtype, names)
        encoded = encode_features(model, modality, features, summarised)
        codes.append(model.quantizer.quantize({modality: encoded})[modality])
        targets.append(batch.targets[modality])
    indices = concatenate_padded([each.indices for each in codes])
    masks = concatenate_padded([each.real() for each in codes])
    return EncodedSplit(modality, indices, None if bool(masks.all()) else masks, torch.cat(targets), split)


def encode_features(model: Model, modality: str, features: Features, summarised: bool) -> Encoded:
    """Latents of checked features; with ``summarised``, one for each clip."""
    encoder = model.encoder(modality)
    return encoder.summary(features) if summarised else encoder.semantic_only(features)


def concatenate_padded(parts: Sequence[Tensor]) -> Tensor:
    """Concatenate (B, T, ...) tensors on the first axis; shorter ones are padded with zeros, i.e. False in masks."""
    length = max(part.shape[1] for part in parts)
    padding = [0, 0] * (parts[0].dim() - 2)  # of the axes after T, last axis first
    return torch.cat([nn.functional.pad(part, (*padding, 0, length - part.shape[1])) for part in parts])


def head_batches(
    runtime: Runtime, encoded: EncodedSplit, order: Tensor, batch: int
) -> Iterator[tuple[Tensor, Tensor | None]]:
    """Yield the rows of each batch on the device with their ``given``, which is read ahead while the device computes.

    Args:
        runtime: The device.
        encoded: The encoded clips.
        order: Rows of the clips (N,), on the host.
        batch: Clips of a batch.
    """
    clips = [part.tolist() for part in order.split(batch)]
    rows = runtime.sent(runtime.pinned(order)).split(batch)
    given = read_ahead(lambda part: _pinned_given(runtime, encoded.split, part), clips, runtime.ahead)
    for part, (_, each) in zip(rows, given, strict=True):
        yield part, None if each is None else runtime.sent(each)


def _pinned_given(runtime: Runtime, split: Split, clips: Sequence[int]) -> Tensor | None:
    given = split.given(clips)
    return None if given is None else runtime.pinned(given)


def head_inputs(
    quantizer: Quantizer, encoded: EncodedSplit, rows: Tensor, given: Tensor | None
) -> tuple[Quantized | Tensor, ...]:
    """Return the arguments of a head for the clips ``rows``: their codes and, if the benchmark has one, ``given``."""
    codes = quantizer.lookup(encoded.modality, encoded.indices[rows])
    codes = codes._replace(mask=None if encoded.mask is None else encoded.mask[rows])
    return (codes,) if given is None else (codes, given.to(rows.device, codes.full.dtype))


@contextmanager
def encoder_dropout(model: Model) -> Iterator[None]:
    """Put the encoders in training mode, with dropout, and restore their buffers afterwards, e.g. batch statistics."""
    saved = {name: buffer.clone() for name, buffer in model.encoders.named_buffers()}
    model.encoders.train()
    try:
        yield
    finally:
        model.encoders.eval()
        for name, buffer in model.encoders.named_buffers():
            buffer.copy_(saved[name])
