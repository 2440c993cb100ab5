"""Where the paper and the released code read differently: decoders' codes, lasting alignment, sums of errors."""

from __future__ import annotations

import pytest
import torch
from codaar_plugin_vqvae.codebooks import Codebooks
from codaar_plugin_vqvae.commitment import Commitment
from codaar_plugin_vqvae.reconstruction import Reconstruction
from torch import Tensor

from codaar_core.api import (
    CodaarError,
    ComponentError,
    Encoded,
    Features,
    LossContext,
    Quantized,
    QuantizerContext,
    Space,
    StepView,
)

MODALITIES = ("seen", "heard", "read")


class OneRank:
    rank, size = 0, 1

    def sum(self, value: Tensor) -> Tensor:
        return value

    gather = sum


def codebooks(**settings) -> Codebooks:
    torch.manual_seed(0)
    return Codebooks(Codebooks.Config(codes=6, dim=4, **settings), QuantizerContext(MODALITIES)).double()


def latents(**steps: int) -> dict[str, Tensor]:
    torch.manual_seed(1)
    return {m: torch.randn(2, steps.get(m, 3), 4, dtype=torch.double, requires_grad=True) for m in MODALITIES}


def quantize(quantizer: Codebooks, values: dict[str, Tensor]) -> dict[str, Quantized]:
    return quantizer.quantize({m: Encoded(value) for m, value in values.items()})


def test_decoders_read_rows_as_released():
    quantizer = codebooks()
    quantized = quantize(quantizer, latents())
    assert quantizer.decodable(quantized) is quantized


def test_concatenation_gives_all_decoders_one_code():
    quantizer, values = codebooks(decode="concatenation"), latents()
    quantized = quantize(quantizer, values)
    codes = quantizer.decodable(quantized)
    expected = torch.cat([quantizer.codewords[quantized[m].indices, book] for book, m in enumerate(MODALITIES)], dim=-1)
    for m in MODALITIES:
        assert torch.equal(codes[m].full, expected)
        assert torch.equal(codes[m].own, quantized[m].own)
    weights = torch.randn(12, dtype=torch.double)
    codes["seen"].full.mul(weights).sum().backward()
    for part, m in zip(weights.split(4), MODALITIES, strict=True):  # straight through, each part to its modality
        torch.testing.assert_close(values[m].grad, part.expand(2, 3, 4))


def test_concatenation_needs_equally_many_steps():
    quantizer = codebooks(decode="concatenation")
    with pytest.raises(CodaarError, match="3 of seen, 5 of heard, 3 of read"):
        quantizer.decodable(quantize(quantizer, latents(heard=5)))


def test_concatenation_needs_codebooks_of_their_own():
    with pytest.raises(ComponentError, match='needs books = "each"'):
        codebooks(decode="concatenation", books="shared")


@pytest.mark.parametrize("counts", ["smoothed", "plain"])
@pytest.mark.parametrize("scope", ["codebook", "sums"])
@torch.no_grad()
def test_the_scope_decides_whether_alignment_survives_the_next_update(scope: str, counts: str) -> None:
    quantizer = codebooks(align_scope=scope, counts=counts, initial_count=1.0)
    values = latents()
    quantized = quantize(quantizer, values)
    quantizer.update(values, quantized, OneRank())
    before = quantizer.codewords.clone()
    mean = torch.stack(tuple(quantizer.codebooks().values())).mean(dim=0)
    quantizer.replace(dict.fromkeys(MODALITIES, mean))
    aligned = quantizer.codewords.clone()
    nothing = {m: codes._replace(mask=torch.zeros(2, 3, dtype=torch.bool)) for m, codes in quantized.items()}
    quantizer.update(values, nothing, OneRank())
    expected = aligned if scope == "sums" else before
    torch.testing.assert_close(quantizer.codewords, expected, rtol=1e-3, atol=1e-6)


@pytest.mark.parametrize("masked", [False, True])
def test_sum_is_the_squared_norm_of_a_clip(masked: bool) -> None:
    mask = torch.tensor([[True, True, False], [True, False, False]]) if masked else None
    real = torch.ones(2, 3) if mask is None else mask
    quantizer, values = codebooks(), latents()
    encoded = {m: Encoded(value, mask=mask) for m, value in values.items()}
    quantized = quantizer.quantize(encoded)
    inputs = {m: Features(torch.randn(2, 3, 5, 5, dtype=torch.double), mask) for m in MODALITIES}
    decoded = {m: torch.randn(2, 3, 5, 5, dtype=torch.double) for m in MODALITIES}
    view = StepView(inputs, encoded, quantized, decoded, 0, 0, torch.Generator())
    context = LossContext(MODALITIES, Space((4,)), Space((12,)))
    reconstruction = Reconstruction(Reconstruction.Config(reduction="sum"), context)(view)
    commitment = Commitment(Commitment.Config(own=1.0, cross=0.0, reduction="sum"), context)(view)
    for m in MODALITIES:
        errors, distances = 0.0, 0.0
        for clip in range(2):
            for step in range(3):
                if real[clip, step]:
                    errors += float((decoded[m] - inputs[m].values)[clip, step].square().sum()) / 2
                    distances += float((values[m] - quantized[m].own)[clip, step].detach().square().sum()) / 2
        assert reconstruction[m].item() == pytest.approx(errors)
        assert commitment[m].item() == pytest.approx(distances)
