"""Where a run computes: device, precision, processes, and the seeds that every random draw follows from."""

from __future__ import annotations

import hashlib
import os
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import TypeVar

import attrs
import torch
from torch import Tensor

from codaar_core.api import Batch, CodaarError, Features
from codaar_core.api.ranks import SingleProcess
from codaar_core.engine.devices.cpu_memory import return_large_blocks, use_large_pages
from codaar_core.engine.devices.prefetch import read_ahead
from codaar_core.engine.devices.processes import DistributedRanks
from codaar_core.recipe.settings import DeviceSettings

__all__ = ["SingleProcess", "Runtime", "choose_device", "derive_seed", "generator_of", "make_runtime", "to_numbers"]

T = TypeVar("T")
Key = TypeVar("Key")

NARROW = {"off": None, "bf16": torch.bfloat16, "fp16": torch.float16}
NO_BFLOAT16 = ("NO AVX", "AVX", "AVX2")  # what CPUs are capable of that have no instructions for it


@attrs.frozen
class Runtime:
    """Device, floating-point types and ranks of a run."""

    device: torch.device
    dtype: torch.dtype
    ranks: SingleProcess | DistributedRanks = attrs.field(factory=SingleProcess)
    narrow: torch.dtype | None = None  # of matrix products under autocast
    ahead: int = 0  # batches that are read meanwhile

    @property
    def is_first(self) -> bool:
        """Whether this process writes and reports."""
        return self.ranks.rank == 0

    def batches(
        self, read: Callable[[Key], Batch], places: Iterable[Key], modalities: Sequence[str]
    ) -> Iterator[tuple[Key, Batch]]:
        """Each place of a split with its batch on the device; the next ones are read while this one is computed on."""
        for place, batch in read_ahead(lambda place: self._staged(read(place), modalities), places, self.ahead):
            yield place, self.place(batch, modalities)

    def _staged(self, batch: Batch, modalities: Sequence[str]) -> Batch:
        """From pinned memory, a GPU takes a batch without waiting for what it computes."""
        chosen = {m: batch.inputs[m] for m in modalities}
        return _each_tensor(Tensor.pin_memory, Batch(chosen, batch.targets)) if self.device.type == "cuda" else batch

    def place(self, batch: Batch, modalities: Sequence[str]) -> Batch:
        """Move the features of ``modalities`` (and all targets) to the device, in the run's precision."""
        chosen = {m: self._narrowed(batch.inputs[m]) for m in modalities}
        moved = _each_tensor(lambda tensor: tensor.to(self.device, non_blocking=True), Batch(chosen, batch.targets))
        return moved._replace(inputs={m: self._in_precision(features) for m, features in moved.inputs.items()})

    def _narrowed(self, features: Features) -> Features:
        """Features that are wider than the run's travel as the run's, narrower ones as they are."""
        return self._in_precision(features) if features.values.itemsize > self.dtype.itemsize else features

    def _in_precision(self, features: Features) -> Features:
        return features._replace(values=features.values.to(self.dtype))

    def autocast(self) -> AbstractContextManager[None]:
        """Where matrix products are taken in the narrow type, if the run has one."""
        return torch.autocast(self.device.type, self.narrow, enabled=self.narrow is not None)

    def agreed(self, own: int) -> int:
        """The largest number that a rank says; asked by way of the host, no device is waited for."""
        return max(self.ranks.lengths(own)) if isinstance(self.ranks, DistributedRanks) else own

    def tell(self, words: str) -> None:
        """As rank zero, tell the others what they wait for."""
        if isinstance(self.ranks, DistributedRanks):
            self.ranks.from_first(words)

    def shared_out(self, names: Sequence[str], work: Callable[[str], T]) -> dict[str, T]:
        """Do the work of each name on one of the ranks, in turns; gives all results to all of them."""
        mine = {name: work(name) for name in names[self.ranks.rank :: self.ranks.size]}
        done = self.ranks.collect(mine) if isinstance(self.ranks, DistributedRanks) else mine
        return {name: done[name] for name in names}

    def averaged(self, values: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Scalars as means over all ranks, still on the device."""
        means = self.ranks.sum(torch.stack([value.detach() for value in values.values()])) / self.ranks.size
        return dict(zip(values, means.unbind(), strict=True))

    def average_gradients(self, parameters: Iterable[torch.nn.Parameter]) -> None:
        """Replace gradients by their means over all ranks: the gradient of the mean of the ranks' losses."""
        if isinstance(self.ranks, DistributedRanks):
            gradients = [each.grad for each in parameters if each.grad is not None]
            self.ranks.add_up(gradients)
            torch._foreach_div_(gradients, self.ranks.size)


def _each_tensor(change: Callable[[Tensor], Tensor], batch: Batch) -> Batch:
    inputs = {
        m: Features(change(each.values), None if each.mask is None else change(each.mask))
        for m, each in batch.inputs.items()
    }
    return Batch(inputs, {m: change(target) for m, target in batch.targets.items()})


def make_runtime(settings: DeviceSettings, ranks: SingleProcess | DistributedRanks | None = None) -> Runtime:
    """Set up this process as the recipe's [device] says.

    Raises:
        CodaarError: The device does not exist here, or cannot do this.
    """
    ranks = ranks or SingleProcess()
    device = choose_device(settings.on)
    if device.type == "cuda" and device.index is None and ranks.size > 1:
        device = torch.device("cuda", ranks.local)
        torch.cuda.set_device(device)
    if device.type == "cpu":
        use_large_pages()
        return_large_blocks()
    if threads := settings.threads or (_threads_each(ranks) if device.type == "cpu" else 0):
        torch.set_num_threads(threads)
    if settings.deterministic:
        os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # what cuBLAS needs for it
    torch.use_deterministic_algorithms(settings.deterministic)
    narrow = NARROW[settings.autocast]
    if narrow == torch.bfloat16 and device.type == "cpu" and torch.backends.cpu.get_cpu_capability() in NO_BFLOAT16:
        warnings.warn('this CPU has no instructions for bfloat16: device.autocast = "off" is faster here', stacklevel=2)
    ahead = 0 if device.type == "cpu" else settings.ahead
    return Runtime(device, getattr(torch, settings.dtype), ranks, narrow, ahead)


def _threads_each(ranks: SingleProcess | DistributedRanks) -> int:
    """Share the machine's cores; 0, torch's own choice, for a single process."""
    local = int(os.environ.get("LOCAL_WORLD_SIZE", ranks.size))
    here = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return 0 if local == 1 else max(1, here // local)


def choose_device(on: str, setting: str = "device.on") -> torch.device:
    """Turn the recipe's ``device.on`` into a device; "auto" takes a GPU where there is one.

    Args:
        on: A name that torch knows, or "auto".
        setting: What it was given as, for the message.

    Raises:
        CodaarError: The device does not exist here.
    """
    available = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available(), "cpu": True}
    if on == "auto":
        return torch.device(next(name for name, here in available.items() if here))
    device = torch.device(on)
    if not available.get(device.type, False):
        raise CodaarError(f"{setting} = {on!r}: this machine has no such device", f'write {setting} = "auto" or "cpu"')
    return device


def widest(device: torch.device) -> torch.dtype:
    """The widest floating-point type that a device has."""
    return torch.float32 if device.type == "mps" else torch.float64


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
    stacked = torch.stack([value.detach() for value in values.values()])
    return dict(zip(values, stacked.tolist(), strict=True))
