"""Autocast does not change codes: encoders and quantizer compute them in full precision."""

from __future__ import annotations

import pytest
import torch

from codaar_core import load
from codaar_core.engine.assembly.build import build_data, build_model


@pytest.mark.parametrize("recipe", ["avt.toml", "paper/avt.toml"])
@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_latents_and_codes_are_bit_identical(root, recipe, dtype):
    small = ("data.patches=16", "encoders.video.channels=[4, 8]", "decoders.video.hidden=4", "quantizer.codes=64")
    plan = load(root / "recipes" / recipe, small)
    data = build_data(plan)
    model = build_model(plan, dict(data.spaces)).eval()
    inputs = data.synthetic(8, seed=0)[range(8)].inputs
    with torch.no_grad():
        encoded = model.encode(inputs)
        codes = model.quantizer.quantize(encoded)
        with torch.autocast("cpu", dtype):
            autocast_encoded = model.encode(inputs)
            autocast_codes = model.quantizer.quantize(autocast_encoded)
    for modality in model.modalities:
        assert torch.equal(encoded[modality].semantic, autocast_encoded[modality].semantic)
        assert torch.equal(codes[modality].indices, autocast_codes[modality].indices)
    private = autocast_encoded["video"].private
    assert not torch.equal(encoded["video"].private, private.to(encoded["video"].private.dtype)), (
        "autocast has no effect"
    )
