"""Reader of published weights: the files that it reads, and those that it refuses."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from codaar_core.api import DataError
from codaar_core.nn import load_published

HERE = "it is published somewhere"


def state(**more: torch.Tensor) -> dict[str, torch.Tensor]:
    return {"weight": torch.tensor([[1.0, 2.0]]), "bias": torch.tensor([3.0]), **more}


@pytest.mark.parametrize(("suffix", "save"), [(".pth", torch.save), (".safetensors", save_file)])
def test_both_kinds_of_files_are_read(suffix, save, tmp_path):
    path, module = tmp_path / f"x{suffix}", nn.Linear(2, 1)
    save(state(**{"classifier.weight": torch.zeros(4)}), path)
    load_published(module, path, HERE, unused=("classifier.",))
    assert all(torch.equal(module.state_dict()[name], value) for name, value in state().items())


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "the file of weights .* does not exist"),
        (b"", "cannot be read as a file of tensors only: "),
        (b"nothing of that", "cannot be read as a file of tensors only: "),
        ([torch.zeros(2)], "contains more than named tensors"),
        ({"weight": 3}, "contains more than named tensors"),
        ({"weight": Path("x")}, "cannot be read as a file of tensors only: "),
        (state(more=torch.zeros(1)), "has unknown more\n"),
        ({"more": torch.zeros(1)}, "lacks bias and 1 more tensors\n"),
        (state(weight=torch.zeros(1).expand(10**6, 10**6)), r"weight has the shape \(1000000, 1000000\), not \(1, 2\)"),
        (state(weight=torch.zeros(1, 2).to_sparse()), "weight is not a plain tensor of real numbers"),
        (state(weight=torch.zeros(1, 2) * 1j), "weight is not a plain tensor of real numbers"),
        (state(bias=torch.zeros(2)), r"bias has the shape \(2,\), not \(1,\)"),
    ],
)
@pytest.mark.parametrize("suffix", [".pth", ".safetensors"])
def test_anything_else_is_refused(content, message, suffix, tmp_path):
    path = tmp_path / f"x{suffix}"
    if isinstance(content, bytes):
        path.write_bytes(content)
    elif suffix == ".pth" and content is not None:
        torch.save(content, path)
    elif content is not None:
        if not (isinstance(content, dict) and all(isinstance(each, torch.Tensor) for each in content.values())):
            pytest.skip("safetensors cannot hold that")
        if any(each.is_sparse or each.numel() > 1000 for each in content.values()):
            pytest.skip("safetensors cannot hold that")
        save_file(content, path)
    with pytest.raises(DataError, match=message) as caught:
        load_published(nn.Linear(2, 1), path, HERE)
    assert str(path) in caught.value.message and caught.value.help == HERE


def test_no_code_of_a_file_is_run(tmp_path):
    class Bomb:
        def __reduce__(self):
            return Path.touch, (tmp_path / "run",)

    torch.save({"weight": Bomb()}, tmp_path / "x.pth")
    with pytest.raises(DataError, match="cannot be read as a file of tensors only"):
        load_published(nn.Linear(2, 1), tmp_path / "x.pth", HERE)
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("suffix", [".pth", ".safetensors"])
def test_special_files_are_not_opened(suffix, tmp_path):
    os.mkfifo(tmp_path / f"x{suffix}")
    with pytest.raises(DataError, match="is a named pipe") as caught:
        load_published(nn.Linear(2, 1), tmp_path / f"x{suffix}", HERE)
    assert caught.value.help == HERE


@pytest.mark.parametrize("suffix", [".pth", ".safetensors"])
@pytest.mark.parametrize("position", range(0, 1500, 83))
def test_a_damaged_file_is_one_error_or_is_read(position, suffix, tmp_path):
    """Bytes of weights may change unnoticed, as these files have no checksum; any other byte gives a DataError."""
    path = tmp_path / f"x{suffix}"
    torch.save(state(), path) if suffix == ".pth" else save_file(state(), path)
    content = bytearray(path.read_bytes())
    content[position % len(content)] ^= 0x7F
    path.write_bytes(content)
    with contextlib.suppress(DataError):
        load_published(nn.Linear(2, 1), path, HERE)
