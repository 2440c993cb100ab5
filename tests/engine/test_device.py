"""Choice of the device from ``device.on``."""

from __future__ import annotations

import pytest
import torch

from codaar_core.api import CodaarError
from codaar_core.engine.devices.runtime import choose_device, make_runtime
from codaar_core.recipe.settings import DeviceSettings


@pytest.fixture
def machine(monkeypatch):
    """Returns a function that sets which accelerators are available."""

    def has(*accelerators: str) -> None:
        monkeypatch.setattr(torch.cuda, "is_available", lambda: "cuda" in accelerators)
        monkeypatch.setattr(torch.backends.mps, "is_available", lambda: "mps" in accelerators)

    return has


@pytest.mark.parametrize(("here", "chosen"), [((), "cpu"), (("cuda",), "cuda"), (("mps",), "mps")])
def test_auto_chooses_an_available_accelerator(machine, here, chosen):
    machine(*here)
    assert choose_device("auto") == torch.device(chosen)


@pytest.mark.parametrize("missing", ["cuda", "mps"])
def test_unavailable_device_is_refused(machine, missing):
    machine()
    with pytest.raises(CodaarError, match=f"device.on = '{missing}': this machine has no such device"):
        choose_device(missing)
    assert choose_device("cpu") == torch.device("cpu")


def test_bfloat16_on_a_cpu_without_instructions_for_it_warns(monkeypatch, recwarn):
    bf16 = DeviceSettings(on="cpu", autocast="bf16")
    for capable in ("AVX512", "AVX2"):
        monkeypatch.setattr(torch.backends.cpu, "get_cpu_capability", lambda found=capable: found)
        make_runtime(bf16)
    (warning,) = recwarn
    assert 'device.autocast = "off" is faster here' in str(warning.message)
