"""Encodes the clips of one part."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import attrs
import numpy as np
import torch
from torch import Tensor

from codaar_core.api import Batch, DataError, Split
from codaar_core.engine.assembly.input_checks import checked_features
from codaar_core.engine.assembly.model import Model
from codaar_core.engine.devices.prefetch import read_ahead
from codaar_core.engine.devices.runtime import Runtime
from codaar_core.engine.encoding.parts import Arrays
from codaar_core.engine.encoding.sources import Source
from codaar_core.engine.evaluation.encode_split import concatenate_padded, encode_features


@attrs.frozen
class ClipEncoder:
    """Encodes the clips of a source.

    Attributes:
        model: The trained model, frozen.
        runtime: Device and precision.
        extra: Further columns: latents, vectors, distances.
        bad_clips: Whether clips that cannot be encoded are an error ("refuse") or left out ("skip").
        batch: Clips encoded at once.
    """

    model: Model
    runtime: Runtime
    extra: frozenset[str]
    bad_clips: str
    batch: int

    def part(self, source: Source, names: Sequence[str], clips: range, progress: Callable[[int], None]) -> Arrays:
        """The arrays of one part; ``progress`` is called with the number of the next clip."""
        bad: dict[int, str] = {}
        ranges = [clips[start : start + self.batch] for start in range(0, len(clips), self.batch)]
        read = read_ahead(lambda each: self._read(source.split, each), ranges, self.runtime.ahead)
        encoded: list[dict[str, Tensor]] = []
        for each, batch in read:
            encoded += self._encode(source, names, each, batch, bad)
            progress(each.stop)
        columns = {name: [each[name] for each in encoded] for name in (encoded[0] if encoded else ())}
        joined = {name: _joined(parts).numpy() for name, parts in columns.items()}
        kept = [names[clip] for clip in clips if clip not in bad]
        texts = {"ids": kept, "bad": [names[clip] for clip in bad], "reasons": list(bad.values())}
        return {**joined, **{name: np.array(each, dtype=np.str_) for name, each in texts.items()}}

    def _read(self, split: Split, clips: range) -> Batch | DataError:
        """The batch, or the reason why it cannot be read."""
        try:
            return split[clips]
        except DataError as error:
            return error

    def _encode(
        self, source: Source, names: Sequence[str], clips: range, batch: Batch | DataError, bad: dict[int, str]
    ) -> Iterator[dict[str, Tensor]]:
        """Encode a batch; one with bad clips is halved until they are alone, and these are noted in ``bad``."""
        try:
            if isinstance(batch, DataError):
                raise batch
            yield self._codes(source, [names[clip] for clip in clips], batch)
        except DataError as error:
            if self.bad_clips == "refuse":
                help = "; ".join(filter(None, [error.help, "--bad-clips skip leaves such clips out"]))
                raise DataError(error.message, help) from error
            if len(clips) == 1:
                bad[clips[0]] = error.message
                return
            half = len(clips) // 2
            for each in (clips[:half], clips[half:]):
                yield from self._encode(source, names, each, self._read(source.split, each), bad)

    @torch.no_grad()
    def _codes(self, source: Source, names: Sequence[str], batch: Batch) -> dict[str, Tensor]:
        """The columns of a batch, on the CPU."""
        runtime = self.runtime
        checked = {
            m: checked_features(self.model, m, batch.inputs[m], runtime.device, runtime.dtype, names)
            for m in source.modalities
        }
        found: dict[str, Tensor] = {}
        for modality, features in checked.items():
            encoded = encode_features(self.model, modality, features, modality in source.summarised)
            codes = self.model.quantizer.quantize({modality: encoded})[modality]
            real = codes.real()
            columns = {"indices": codes.indices.int(), "mask": real}
            wanted = {"latents": encoded.semantic, "vectors": codes.own, "distances": codes.distances}
            columns |= {name: each for name, each in wanted.items() if name in self.extra and each is not None}
            for name, each in columns.items():
                outside = ~real.reshape(*real.shape, *[1] * (each.dim() - 2))
                found[f"{modality}/{name}"] = each.masked_fill(outside, 0).cpu()
            if source.has_targets and _is_one_number(batch.targets[modality]):
                found[f"{modality}/targets"] = batch.targets[modality].long()
        return found


def _is_one_number(targets: Tensor) -> bool:
    """Whether each clip has one whole number: its class, or the item of a retrieval benchmark."""
    return targets.dim() == 1 and not (targets.is_floating_point() or targets.is_complex())


def _joined(parts: Sequence[Tensor]) -> Tensor:
    """Columns of consecutive batches as one."""
    return torch.cat(list(parts)) if parts[0].dim() == 1 else concatenate_padded(parts)
