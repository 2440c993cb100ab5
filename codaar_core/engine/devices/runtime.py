"""Device, precision and ranks of a run, and the seeds of all its random draws."""

from __future__ import annotations

import hashlib
import json
import os
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any, TypeVar

import attrs
import torch
from torch import Tensor

from codaar_core.api import Batch, Features
from codaar_core.api.ranks import SingleProcess
from codaar_core.engine.devices.choice import choose_device
from codaar_core.engine.devices.cpu_memory import return_large_blocks, use_large_pages
from codaar_core.engine.devices.prefetch import read_ahead
from codaar_core.engine.devices.processes import DistributedRanks, RunRanks
from codaar_core.engine.devices.reader_processes import ReaderProcesses
from codaar_core.recipe.settings import DeviceSettings

__all__ = [
    "Runtime",
    "SingleProcess",
    "choose_device",
    "derive_seed",
    "generator_of",
    "make_runtime",
    "to_numbers",
    "widest_float",
]

Result = TypeVar("Result")
Key = TypeVar("Key")

AUTOCAST_DTYPES = {"off": None, "bf16": torch.bfloat16, "fp16": torch.float16}
NO_BFLOAT16 = ("NO AVX", "AVX", "AVX2")  # CPU capabilities, as torch names them, without bfloat16 instructions


@attrs.frozen
class Runtime:
    """Device, floating-point types and ranks of a run.

    Attributes:
        device: Where the model computes.
        dtype: Type of parameters and features.
        ranks: The processes of the run.
        autocast_dtype: Type of matrix products under autocast; None where autocast is off.
        ahead: Number of batches read in advance by a background thread.
        readers: Processes that read clips which must be decoded; None: this process reads them.
    """

    device: torch.device
    dtype: torch.dtype
    ranks: RunRanks = attrs.field(factory=SingleProcess)
    autocast_dtype: torch.dtype | None = None
    ahead: int = 0
    readers: ReaderProcesses | None = None

    @property
    def is_first(self) -> bool:
        """Whether this process is rank zero, which writes files and reports."""
        return self.ranks.rank == 0

    def batches(
        self, read: Callable[[Key], Batch], keys: Iterable[Key], modalities: Sequence[str], decodes: bool = False
    ) -> Iterator[tuple[Key, Batch]]:
        """Yield each key with its batch on the device; the next batches are read while the caller computes.

        Args:
            read: Reads the batch of a key.
            keys: Keys in reading order, e.g. indices of clips.
            modalities: Modalities to keep; the other features of a batch are not moved.
            decodes: Whether reading decodes files, so that reader processes help: ``Split.reads_files``.
        """
        narrow = NarrowedBatches(read, tuple(modalities), self.dtype)
        for key, batch in self._staged(narrow, keys, decodes):
            yield key, self.to_device(batch, modalities)

    def _staged(self, read: Callable[[Key], Batch], keys: Iterable[Key], decodes: bool) -> Iterator[tuple[Key, Batch]]:
        """Yield each key with its batch on the host, pinned."""
        if not decodes or self.readers is None or not self.readers.count:
            yield from read_ahead(lambda key: _map_tensors(self.pinned, read(key)), keys, self.ahead)
            return
        readers = self.readers
        wanted = readers.submit(read, keys)
        staged = read_ahead(lambda each: _map_tensors(self.pinned, readers.result(each[1])), wanted, self.ahead)
        yield from ((key, batch) for (key, _), batch in staged)

    def pinned(self, tensor: Tensor) -> Tensor:
        """Copy to pinned memory: from there a transfer to a GPU does not wait for the running computation."""
        return tensor.pin_memory() if self.device.type == "cuda" else tensor

    def sent(self, tensor: Tensor) -> Tensor:
        """Return a tensor of the host on the device; if it is pinned, the host does not wait."""
        return tensor.to(self.device, non_blocking=True)

    def shared_generators(self, seed: int) -> tuple[torch.Generator, torch.Generator]:
        """Return a generator of the CPU and one of the device, the same one on a CPU; equal on all ranks."""
        host = torch.Generator().manual_seed(seed)
        return host, host if self.device.type == "cpu" else torch.Generator(self.device).manual_seed(seed)

    def to_device(self, batch: Batch, modalities: Sequence[str]) -> Batch:
        """Move the features of ``modalities``, cast to ``dtype``, and all targets to the device."""
        moved = _map_tensors(self.sent, narrowed(batch, modalities, self.dtype))
        return moved._replace(inputs={m: self._cast(features) for m, features in moved.inputs.items()})

    def _cast(self, features: Features) -> Features:
        return features._replace(values=features.values.to(self.dtype))

    def autocast(self) -> AbstractContextManager[None]:
        """Return the autocast context of a training step; it does nothing where autocast is off."""
        return torch.autocast(self.device.type, self.autocast_dtype, enabled=self.autocast_dtype is not None)

    def send_to_workers(self, message: str) -> None:
        """As rank zero, send a message to the other ranks, which receive it from ``ranks.broadcast(None)``."""
        if isinstance(self.ranks, DistributedRanks):
            self.ranks.broadcast(message)

    def from_first(self, numbers: Sequence[int]) -> list[int]:
        """Return the numbers of rank zero on all ranks; the others are ignored."""
        if not isinstance(self.ranks, DistributedRanks):
            return list(numbers)
        return json.loads(self.ranks.broadcast(json.dumps([*numbers]) if self.is_first else None))

    def map_over_ranks(self, names: Sequence[str], work: Callable[[str], Result]) -> dict[str, Result]:
        """Compute ``work(name)`` for each name on one of the ranks, in turn.

        Returns:
            The results by name, on all ranks. Results of other ranks were pickled.
        """
        mine = {name: work(name) for name in names[self.ranks.rank :: self.ranks.size]}
        results = self.ranks.merge(mine) if isinstance(self.ranks, DistributedRanks) else mine
        return {name: results[name] for name in names}


@attrs.frozen
class NarrowedBatches:
    """Reads batches and prepares their transfer; can be pickled if ``read`` can.

    Attributes:
        read: Reads the batch of a key.
        modalities: Modalities to keep.
        dtype: Type of features on the device.
    """

    read: Callable[[Any], Batch]
    modalities: tuple[str, ...]
    dtype: torch.dtype

    def __call__(self, key: Any) -> Batch:
        """Read a batch; see ``narrowed``."""
        return narrowed(self.read(key), self.modalities, self.dtype)


def narrowed(batch: Batch, modalities: Sequence[str], dtype: torch.dtype) -> Batch:
    """Return a batch with these modalities only, cast where that makes its transfer smaller."""
    chosen = {m: batch.inputs[m] for m in modalities}
    return Batch({m: _cast_if_wider(each, dtype) for m, each in chosen.items()}, batch.targets)


def _cast_if_wider(features: Features, dtype: torch.dtype) -> Features:
    wider = features.values.itemsize > dtype.itemsize
    return features._replace(values=features.values.to(dtype)) if wider else features


def _map_tensors(change: Callable[[Tensor], Tensor], batch: Batch) -> Batch:
    inputs = {
        m: Features(change(each.values), None if each.mask is None else change(each.mask))
        for m, each in batch.inputs.items()
    }
    return Batch(inputs, {m: change(target) for m, target in batch.targets.items()})


def make_runtime(settings: DeviceSettings, ranks: RunRanks | None = None) -> Runtime:
    """Configure torch in this process according to the recipe's ``[device]`` and return the runtime.

    Raises:
        CodaarError: This machine has no such device.
    """
    ranks = ranks or SingleProcess()
    device = choose_device(settings.on)
    if device.type == "cuda" and device.index is None and isinstance(ranks, DistributedRanks) and ranks.size > 1:
        device = torch.device("cuda", ranks.local_rank)
        torch.cuda.set_device(device)
    if device.type == "cpu":
        use_large_pages()
        return_large_blocks()
    if threads := settings.threads or (_threads_per_process(ranks) if device.type == "cpu" else 0):
        torch.set_num_threads(threads)
    if settings.deterministic:
        os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # deterministic cuBLAS requires it
    torch.use_deterministic_algorithms(settings.deterministic)
    torch.backends.cuda.matmul.allow_tf32 = settings.tf32
    torch.backends.cudnn.allow_tf32 = settings.tf32  # torch's own default is on for convolutions and LSTMs
    autocast_dtype = AUTOCAST_DTYPES[settings.autocast]
    if autocast_dtype == torch.bfloat16 and device.type == "cpu":
        _warn_if_bfloat16_is_slow()
    ahead = 0 if device.type == "cpu" else settings.ahead  # read_ahead gives the reason
    return Runtime(device, getattr(torch, settings.dtype), ranks, autocast_dtype, ahead)


def _warn_if_bfloat16_is_slow() -> None:
    if torch.backends.cpu.get_cpu_capability() in NO_BFLOAT16:
        warnings.warn('this CPU has no instructions for bfloat16: device.autocast = "off" is faster here', stacklevel=3)


def _threads_per_process(ranks: RunRanks) -> int:
    """Divide the machine's cores among its ranks; 0, torch's default, for a single process."""
    local_size = int(os.environ.get("LOCAL_WORLD_SIZE", ranks.size))
    return 0 if local_size == 1 else max(1, usable_cores() // local_size)


def usable_cores() -> int:
    """Return the number of CPU cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def widest_float(device: torch.device) -> torch.dtype:
    """Return the widest floating-point type of a device."""
    return torch.float32 if device.type == "mps" else torch.float64


def derive_seed(seed: int, *path: str | int) -> int:
    """Return the seed of one use of random numbers in a run, e.g. of one step or one component.

    It depends on ``seed`` and ``path`` only, not on the numbers drawn elsewhere. A step therefore draws the same
    numbers after a resume, and replacing one component does not change the initial weights of the others.
    """
    digest = hashlib.blake2b(repr((seed, *path)).encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big") >> 1


def generator_of(seed: int, *path: str | int) -> torch.Generator:
    """Return a CPU generator with the seed ``derive_seed(seed, *path)``."""
    return torch.Generator().manual_seed(derive_seed(seed, *path))


def to_numbers(values: Mapping[str, Tensor]) -> dict[str, float]:
    """Copy scalars to the host in one transfer, which synchronises with the device."""
    if not values:
        return {}
    stacked = torch.stack([value.detach() for value in values.values()])
    return dict(zip(values, stacked.tolist(), strict=True))
