"""Which device a recipe's ``device.on`` means."""

from __future__ import annotations

import pytest
import torch

from codaar_core.api import CodaarError
from codaar_core.engine.devices.runtime import choose_device, make_runtime
from codaar_core.recipe.settings import DeviceSettings


@pytest.fixture
def machine(monkeypatch):
    """A machine with a build of PyTorch for every accelerator, and those of them that it has."""

    def has(*accelerators: str) -> None:
        monkeypatch.setattr(torch.cuda, "is_available", lambda: "cuda" in accelerators)
        monkeypatch.setattr(torch.backends.mps, "is_available", lambda: "mps" in accelerators)

    return has


@pytest.mark.parametrize(("here", "chosen"), [((), "cpu"), (("cuda",), "cuda"), (("mps",), "mps")])
def test_auto_is_the_accelerator_that_is_there_and_not_the_one_torch_was_built_for(machine, here, chosen):
    machine(*here)
    assert choose_device("auto") == torch.device(chosen)


@pytest.mark.parametrize("missing", ["cuda", "mps"])
def test_a_device_that_is_not_there_is_refused(machine, missing):
    machine()
    with pytest.raises(CodaarError, match=f"device.on = '{missing}': this machine has no such device"):
        choose_device(missing)
    assert choose_device("cpu") == torch.device("cpu")


def test_bfloat16_on_a_cpu_without_it_is_remarked(monkeypatch, recwarn):
    bf16 = DeviceSettings(on="cpu", autocast="bf16")
    for capable in ("AVX512", "AVX2"):
        monkeypatch.setattr(torch.backends.cpu, "get_cpu_capability", lambda found=capable: found)
        make_runtime(bf16)
    (warning,) = recwarn
    assert 'device.autocast = "off" is faster here' in str(warning.message)
