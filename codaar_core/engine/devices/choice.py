"""Chooses the device of a process, and refuses devices that this machine cannot give."""

from __future__ import annotations

import os

import torch

from codaar_core.api import CodaarError
from codaar_core.recipe.settings import DeviceSettings


def choose_device(on: str, setting: str = "device.on") -> torch.device:
    """Turn the recipe's ``device.on`` into a device; "auto" takes a GPU if the machine has one.

    Args:
        on: A device name of torch, or "auto".
        setting: Name of the setting or option that gave ``on``, for the error message.

    Raises:
        CodaarError: This machine has no such device.
    """
    available = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available(), "cpu": True}
    if on == "auto":
        return torch.device(next(name for name, here in available.items() if here))
    device = torch.device(on)
    if not available.get(device.type, False):
        raise CodaarError(f"{setting} = {on!r}: this machine has no such device", f'write {setting} = "auto" or "cpu"')
    if device.type == "cuda" and device.index is not None and device.index >= torch.cuda.device_count():
        raise CodaarError(
            f"{setting} = {on!r}: this machine has {_gpus()}, numbered from 0", f'write {setting} = "cuda:0" or "auto"'
        )
    return device


def require_devices(settings: DeviceSettings) -> None:
    """Check that this machine has a device for each process of a run, before anything is built.

    Under torchrun, the processes are those that torchrun started on this machine.

    Raises:
        CodaarError: There is no such device, there are too few, or it cannot compute what is asked for.
    """
    device = choose_device(settings.on)
    launched = "LOCAL_WORLD_SIZE" in os.environ
    processes = int(os.environ["LOCAL_WORLD_SIZE"]) if launched else settings.processes
    asked = f"torchrun --nproc-per-node={processes}" if launched else f"device.processes = {processes}"
    if device.type == "cuda" and processes > 1:
        _require_gpus(settings.on, processes, asked)
    if device.type == "mps":
        _require_mps(settings, processes, asked)


def _require_gpus(on: str, processes: int, asked: str) -> None:
    """Require a GPU for each of several processes."""
    if torch.device("cuda" if on == "auto" else on).index is not None:
        raise CodaarError(
            f"device.on = {on!r} with {asked}: all processes would share one GPU",
            'write device.on = "cuda": each process takes a GPU of its own',
        )
    if processes > torch.cuda.device_count():
        raise CodaarError(
            f"{asked}: this machine has {_gpus()}, and each process needs one of its own",
            f'start {torch.cuda.device_count()}, or write device.on = "cpu"',
        )


def _require_mps(settings: DeviceSettings, processes: int, asked: str) -> None:
    """Refuse what the GPUs of Apple cannot do."""
    if settings.dtype == "float64":
        raise CodaarError(
            f"device.on = {settings.on!r} with device.dtype = 'float64': Apple GPUs (mps) have no float64",
            'write device.dtype = "float32" or device.on = "cpu"',
        )
    if processes > 1:
        raise CodaarError(
            f"device.on = {settings.on!r} with {asked}: processes cannot exchange tensors of Apple GPUs (mps)",
            'start one process, or write device.on = "cpu"',
        )


def _gpus() -> str:
    count = torch.cuda.device_count()
    return f"{count} GPU{'s' * (count != 1)}"
