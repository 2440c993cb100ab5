"""Where a run computes: device, precision, processes, and the seeds that every random draw follows from."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

import attrs
import torch
from torch import Tensor

from codaar_core.api import Batch, CodaarError, Features


class Alone:
    """The ranks of a run in a single process."""

    rank = 0
    size = 1

    def sum(self, value: Tensor) -> Tensor:
        """Nothing to add."""
        return value

    def gather(self, value: Tensor) -> Tensor:
        """Nothing to join."""
        return value


@attrs.frozen
class Runtime:
    """Device, floating-point type and ranks of a run."""

    device: torch.device
    dtype: torch.dtype
    ranks: Alone = attrs.field(factory=Alone)

    def place(self, batch: Batch, modalities: tuple[str, ...]) -> Batch:
        """Move the features of ``modalities`` (and all targets) to the device, in the run's precision."""
        inputs = {m: self._place_features(batch.inputs[m]) for m in modalities}
        targets = {m: target.to(self.device) for m, target in batch.targets.items()}
        return Batch(inputs, targets)

    def _place_features(self, features: Features) -> Features:
        mask = None if features.mask is None else features.mask.to(self.device)
        return Features(features.values.to(self.device, self.dtype), mask)


def choose_device(on: str) -> torch.device:
    """Turn the recipe's ``device.on`` into a device; "auto" takes a GPU where there is one.

    Raises:
        CodaarError: The device does not exist here.
    """
    if on == "auto":
        accelerator = torch.accelerator.current_accelerator() if hasattr(torch, "accelerator") else None
        return accelerator or torch.device("cuda" if torch.cuda.is_available() else "cpu")
    device = torch.device(on)
    available = {"cpu": True, "cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
    if not available.get(device.type, False):
        raise CodaarError(f"device.on = {on!r}: this machine has no such device", 'write device.on = "auto" or "cpu"')
    return device


def derive_seed(seed: int, *path: str | int) -> int:
    """Give the seed of one place in a run. Nothing depends on how many numbers were drawn elsewhere before:

    a step after a resume draws what it would have drawn, and exchanging one component leaves the others' initial
    weights as they were.
    """
    digest = hashlib.blake2b(repr((seed, *path)).encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big") >> 1


def generator_of(seed: int, *path: str | int) -> torch.Generator:
    """A CPU generator for one place in a run."""
    return torch.Generator().manual_seed(derive_seed(seed, *path))


def to_numbers(values: Mapping[str, Tensor]) -> dict[str, float]:
    """Bring scalars to the host in one transfer."""
    if not values:
        return {}
    stacked = torch.stack([value.detach().double() for value in values.values()])
    return dict(zip(values, stacked.tolist(), strict=True))
