"""Settings of encoders of vectors: the features and widths that they refuse, and the private map that they build."""

from __future__ import annotations

import pytest
import torch

from codaar_core.api import ComponentError, EncoderContext, Space
from codaar_core.nn import TemporalSettings, VectorSettings, check_vectors


def context(input: tuple[int, ...] = (5,), latent: int = 8) -> EncoderContext:
    return EncoderContext("north", Space(input, 10), Space((latent,)))


def test_features_that_are_not_vectors_are_refused():
    check_vectors(context(), "plain", "anything")
    expected = r"the plain encoder of north needs features \(F,\), not \(7, 7, 512\)"
    with pytest.raises(ComponentError, match=expected) as caught:
        check_vectors(context((7, 7, 512)), "plain", "embeddings (128,)")
    assert caught.value.help == "give it one vector a step, e.g. embeddings (128,)"


def test_heads_must_divide_the_latent_width():
    settings = TemporalSettings(heads=2, feedforward=8)
    assert settings.transformer(5, context())(torch.zeros(1, 3, 5)).shape == (1, 3, 8)
    with pytest.raises(ComponentError, match="2 attention heads of north do not divide .* 7"):
        settings.transformer(5, context(latent=7))


@pytest.mark.parametrize(("activation", "negative"), [("relu", False), ("none", True)])
def test_the_private_map_has_the_activation_that_is_set(activation, negative):
    torch.manual_seed(0)
    private = VectorSettings(private=6, private_activation=activation).private_map(5)(torch.randn(20, 5))
    assert private.shape == (20, 6) and bool((private < 0).any()) is negative


def test_without_private_features_there_is_no_map():
    assert VectorSettings(private=0).private_map(5) is None
