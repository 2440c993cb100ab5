"""The residual stack and the sequence decoder against slow, obvious twins."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F

from codaar_core.nn import ResidualStack, SequenceDecoder


@pytest.mark.parametrize("layers", [1, 2])
@pytest.mark.parametrize("skip", ["activated", "plain"])
def test_residual_stack_adds_what_its_skip_says(layers, skip):
    torch.manual_seed(0)
    stack = ResidualStack(4, layers, skip).double()
    x = torch.randn(2, 4, 3, 3, dtype=torch.double)
    expected = x
    for branch in stack.branches:
        inner = F.conv2d(expected.relu(), branch[0].weight, padding=1)
        added = expected.relu() if skip == "activated" else expected
        expected = added + F.conv2d(inner.relu(), branch[2].weight)
    torch.testing.assert_close(stack(x), expected.relu())


def test_residual_stack_leaves_its_input_alone():
    x = torch.randn(2, 4, 3, 3)
    before = x.clone()
    ResidualStack(4)(x)
    assert torch.equal(x, before)


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
