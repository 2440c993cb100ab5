"""Choice of the device from ``device.on``."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
import torch

from codaar_core.api import CodaarError
from codaar_core.engine.devices.choice import choose_device, require_devices
from codaar_core.engine.devices.processes import connect_ranks
from codaar_core.engine.devices.runtime import make_runtime
from codaar_core.recipe.settings import DeviceSettings


@pytest.fixture
def machine(monkeypatch):
    """Returns a function that sets which accelerators are available."""

    def has(*accelerators: str) -> None:
        monkeypatch.setattr(torch.cuda, "is_available", lambda: "cuda" in accelerators)
        monkeypatch.setattr(torch.cuda, "device_count", lambda: accelerators.count("cuda"))
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


@pytest.mark.parametrize(
    ("here", "settings", "message"),
    [
        (["cuda"], {"on": "cuda:7"}, r"device.on = 'cuda:7': this machine has 1 GPU, numbered from 0"),
        (
            ["cuda"] * 2,
            {"on": "cuda", "processes": 4},
            "device.processes = 4: this machine has 2 GPUs, and each",
        ),
        (["cuda"], {"on": "auto", "processes": 2}, "device.processes = 2: this machine has 1 GPU, and each process"),
        (["cuda"] * 2, {"on": "cuda:0", "processes": 2}, "all processes would share one GPU"),
        (["mps"], {"on": "auto", "dtype": "float64"}, r"Apple GPUs \(mps\) have no float64"),
        (["mps"], {"on": "mps", "processes": 2}, r"processes cannot exchange tensors of Apple GPUs \(mps\)"),
    ],
)
def test_what_this_machine_cannot_give_is_refused_before_anything_is_built(machine, here, settings, message):
    machine(*here)
    with pytest.raises(CodaarError, match=message) as error:
        require_devices(DeviceSettings(**settings))
    assert error.value.help


@pytest.mark.parametrize(
    ("here", "settings"),
    [
        ([], {"on": "auto", "processes": 4}),
        (["cuda"] * 2, {"on": "cuda", "processes": 2}),
        (["cuda"] * 2, {"on": "cuda:1"}),
        (["cuda"], {"on": "cpu", "processes": 4}),
        (["mps"], {"on": "mps"}),
    ],
)
def test_what_this_machine_has_is_accepted(machine, here, settings):
    machine(*here)
    require_devices(DeviceSettings(**settings))


def test_processes_of_torchrun_are_counted(machine, monkeypatch):
    machine("cuda")
    monkeypatch.setenv("LOCAL_WORLD_SIZE", "2")
    with pytest.raises(CodaarError, match="torchrun --nproc-per-node=2: this machine has 1 GPU"):
        require_devices(DeviceSettings(on="cuda"))


def test_no_process_is_started_without_a_device_for_each(machine):
    machine("cuda")
    plan = SimpleNamespace(device=DeviceSettings(on="cuda", processes=2))
    with pytest.raises(CodaarError, match="each process needs one"), connect_ranks(plan, None):
        pytest.fail("connected")


@pytest.mark.parametrize("tf32", [False, True])
def test_tf32_is_a_setting(tf32):
    backends = (torch.backends.cuda.matmul, torch.backends.cudnn)
    for backend in backends:
        backend.allow_tf32 = not tf32
    try:
        make_runtime(DeviceSettings(on="cpu", tf32=tf32))
        assert [backend.allow_tf32 for backend in backends] == [tf32, tf32]
    finally:
        make_runtime(DeviceSettings(on="cpu"))
