"""The residual stack against a slow, obvious reference."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from codaar_plugin_vgg.residual_stack import ResidualStack


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
