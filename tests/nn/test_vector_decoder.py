"""The decoder of vectors: linear in what it reads, and what it refuses."""

from __future__ import annotations

import pytest
import torch

from codaar_core.api import ComponentError, DecoderContext, Space
from codaar_core.nn import SequenceDecoder, VectorDecoder


def test_sequence_decoder_is_linear_in_code_and_private_features():
    torch.manual_seed(0)
    decoder = SequenceDecoder(codes=6, private=3, hidden=4, output=5).double()
    full, private = torch.randn(2, 7, 6).double(), torch.randn(2, 7, 3).double()
    zero = decoder(torch.zeros_like(full), torch.zeros_like(private))
    torch.testing.assert_close(decoder(2 * full, 2 * private) - zero, 2 * (decoder(full, private) - zero))


def test_sequence_decoder_reads_the_code_before_the_private_features():
    decoder = SequenceDecoder(codes=6, private=3, hidden=4, output=5).double()
    with torch.no_grad():
        decoder.output.weight[:, :4] = 0
    full, private = torch.randn(2, 7, 6).double(), torch.randn(2, 7, 3).double()
    assert torch.equal(decoder(full, private), decoder(torch.zeros_like(full), private))


@pytest.mark.parametrize(
    ("private", "output", "message"),
    [
        (None, Space((5,)), r"needs private features \(F,\), not None"),
        (Space((3, 3, 5)), Space((5,)), r"needs private features \(F,\), not \(3, 3, 5\)"),
        (Space((6,)), Space((7, 7, 4)), r"needs output \(F,\), not \(7, 7, 4\)"),
    ],
)
def test_vector_decoder_refuses_what_is_not_a_vector(private, output, message):
    with pytest.raises(ComponentError, match=message):
        VectorDecoder(VectorDecoder.Config(), DecoderContext("heard", Space((12,)), private, output))
