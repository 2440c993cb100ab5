"""Initial weights of recipes/as-published/av.toml against those that the released code draws with seed 43.

Each component here has a generator of its own, so the draws differ. What must agree: every shape, every constant, which
weights start equal, and the distributions, as far as sums and first entries show them.
"""

from __future__ import annotations

import math
import re
from collections import defaultdict

import pytest
import torch
from assembled import assemble
from torch import Tensor

from codaar_core.api import Space

conversion = pytest.importorskip("codaar_plugin_released.conversion")
layout = pytest.importorskip("codaar_plugin_released.layout")

MODALITIES = ("video", "audio")
SPACES = {"video": Space((7, 7, 512), 10), "audio": Space((128,), 10)}


@pytest.fixture(scope="module")
def ours() -> dict[str, Tensor]:
    """Released names that have an effect, with our initial values."""
    _, model = assemble("as-published/av.toml", SPACES, [])
    tensors = conversion.to_released(model.state_dict(), MODALITIES)
    effective = (row for row in layout.layout(MODALITIES) if row.ours or "Cross_quantizer" in row.released)
    return {row.released: tensors[row.released].double() for row in effective}


def test_shapes(ours, released_numbers):
    released = released_numbers("init_seed43_av")
    for name, tensor in ours.items():
        assert list(tensor.shape) == released[f"{name}/shape"].tolist(), name


def test_constants(ours, released_numbers):
    """Constants are normalisation weights, attention biases, counts and counters."""
    released = released_numbers("init_seed43_av")
    constants = {name: float(tensor.flatten()[0]) for name, tensor in ours.items() if tensor.min() == tensor.max()}
    assert len(constants) > 30
    for name, tensor in ours.items():
        first, total = released[f"{name}/first4"], float(released[f"{name}/sum"])
        is_constant = bool((first == first[0]).all()) and total == float(first[0]) * tensor.numel()
        assert is_constant == (name in constants), name
        if is_constant:
            assert float(first[0]) == constants[name], name


def test_layers_that_start_equal(ours, released_numbers):
    """Both layers of a transformer are copies of one template; nothing else is a copy of anything."""
    released = released_numbers("init_seed43_av")
    names = [name for name, tensor in ours.items() if tensor.min() < tensor.max()]
    for equal in (lambda a, b: same_digest(released, a, b), lambda a, b: torch.equal(ours[a], ours[b])):
        copies = {(a, b) for a in names for b in names if a < b and ours[a].shape == ours[b].shape and equal(a, b)}
        layers = {(a, a.replace("layers.0", "layers.1")) for a in names if "encoder.layers.0" in a}
        buffers = ("Encoder/Cross_quantizer.ema_weight", "Encoder/Cross_quantizer.embedding")
        assert copies == layers | {tuple(sorted(buffers))}


def same_digest(released: dict[str, Tensor], a: str, b: str) -> bool:
    return all(torch.equal(released[f"{a}/{part}"], released[f"{b}/{part}"]) for part in ("sum", "first4"))


def kind(name: str) -> str:
    """Tensors that one initialiser draws, e.g. the same layer of each modality."""
    return re.sub(r"video|audio|\d", "", name)


def test_distributions(ours, released_numbers):
    """Released sums and first entries of every kind of tensor have our standard deviation, up to a small factor."""
    released = released_numbers("init_seed43_av")
    deviations = defaultdict(list)
    for name, tensor in ours.items():
        if tensor.numel() < 64 or tensor.min() == tensor.max():
            continue
        first, total = released[f"{name}/first4"], released[f"{name}/sum"]
        assert first.abs().max() <= 1.1 * tensor.abs().max(), name
        seen = torch.cat([first, total[None] / math.sqrt(tensor.numel())])
        deviations[kind(name)].append(seen / tensor.std())
    sizes = {each: float(torch.cat(values).square().mean().sqrt()) for each, values in deviations.items()}
    assert all(0.4 < size < 2.5 for size in sizes.values()), sizes
    assert sum(sizes.values()) / len(sizes) == pytest.approx(1, abs=0.1)
