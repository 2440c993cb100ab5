"""Under autocast to bfloat16 codewords are assigned in the codebook's own precision."""

from __future__ import annotations

import pytest
import torch
from codaar_plugin_vqvae.codebooks import Codebooks

from codaar_core.api import Encoded, QuantizerContext

CODES, DIM = 800, 256


def filled(spread: float) -> tuple[Codebooks, torch.Tensor]:
    """Codewords around a common point, and latents near them, as layer normalisation leaves them."""
    generator = torch.Generator().manual_seed(0)
    quantizer = Codebooks(Codebooks.Config(codes=CODES, dim=DIM), QuantizerContext(("a",)))
    quantizer.wants_distances = True
    centre = torch.randn(DIM, generator=generator)
    quantizer.codewords[:, 0] = centre + spread * torch.randn(CODES, DIM, generator=generator)
    rows = torch.randint(CODES, (80, 10), generator=generator)
    noise = 0.5 * spread * torch.randn(80, 10, DIM, generator=generator)
    return quantizer, quantizer.codewords[rows, 0] + noise


@pytest.mark.parametrize("spread", [1.0, 1e-3], ids=["spread", "collapsed"])
def test_float32_latents_get_the_same_codewords(spread: float) -> None:
    quantizer, latents = filled(spread)
    expected = quantizer.quantize({"a": Encoded(latents)})["a"]
    with torch.autocast("cpu", torch.bfloat16):
        given = quantizer.quantize({"a": Encoded(latents)})["a"]
    assert torch.equal(given.indices, expected.indices)
    assert given.distances.dtype == given.own.dtype == torch.float32


def test_bfloat16_latents_get_nearly_the_same() -> None:
    quantizer, latents = filled(1.0)
    expected = quantizer.quantize({"a": Encoded(latents)})["a"].indices
    given = quantizer.quantize({"a": Encoded(latents.bfloat16())})["a"].indices
    assert (given == expected).double().mean() >= 0.995
