"""Laws of an encoder and its decoder, checked on clips and masks that Hypothesis draws.

The conformance kit checks the same contracts on a few fixed inputs; these laws look for inputs that break them. A test
module subclasses ``EncoderLaws`` under a name that pytest collects::

    class TestLaws(EncoderLaws):
        code_width = 12
        variants = ({}, {"private_activation": "none"})

        def encoder(self, **changes): ...
        def decoder(self): ...
        def values(self, clips, steps): ...
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from random import Random
from typing import Any, ClassVar

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from codaar_core.api import Decoder, Encoded, Encoder, Features, Quantized

# Each subclass inherits the same drawn tests, which Hypothesis would report.
laws = settings(deadline=None, max_examples=25, suppress_health_check=[HealthCheck.differing_executors])
sizes = st.integers(1, 4)


def masks(clips: int, steps: int) -> st.SearchStrategy[Tensor]:
    """Masks (clips, steps), also with clips that have no real step."""
    rows = st.lists(st.booleans(), min_size=steps, max_size=steps)
    return st.lists(rows, min_size=clips, max_size=clips).map(torch.tensor)


class EncoderLaws:
    """Base of a test class; dropout of the modules must be 0, and their weights must not depend on the call.

    Attributes:
        code_width: Width of the full codes that the decoder was built for.
        variants: Changes of the encoder's settings; the laws hold for each.
    """

    code_width: ClassVar[int]
    variants: ClassVar[Sequence[Mapping[str, Any]]] = ({},)

    @abstractmethod
    def encoder(self, **changes: Any) -> Encoder:
        """Build the encoder in float64, with some settings changed; always with the same weights."""

    @abstractmethod
    def decoder(self) -> Decoder:
        """Build the decoder of this encoder in float64, always with the same weights."""

    @abstractmethod
    def values(self, clips: int, steps: int) -> Tensor:
        """Draw float64 features (clips, steps, ...) from torch's generator."""

    def codes(self, clips: int, steps: int) -> Quantized:
        """Draw full codes."""
        full = torch.randn(clips, steps, self.code_width, dtype=torch.double)
        return Quantized(torch.zeros(clips, steps, dtype=torch.long), full, full)

    @laws
    @given(st.data(), sizes, sizes)
    def test_shapes_are_as_declared(self, data: st.DataObject, clips: int, steps: int) -> None:
        """Outputs have the shapes of the spaces that encoder and decoder declare."""
        encode, values = self.encoder(**data.draw(st.sampled_from(self.variants))), self.values(clips, steps)
        encoded = encode(Features(values))
        target = values if encode.target is None else encoded.target
        assert encoded.semantic.shape[:2] == (clips, steps) and encoded.mask is None
        assert encode.private is not None and encoded.private.shape == (clips, steps, *encode.private.shape)
        assert target.shape == (clips, steps, *(values.shape[2:] if encode.target is None else encode.target.shape))
        assert self.decoder()(encoded, self.codes(clips, steps)).shape == target.shape

    @laws
    @given(st.data(), sizes, sizes, st.booleans())
    def test_masked_steps_influence_no_other(self, data: st.DataObject, clips: int, steps: int, training: bool) -> None:
        """Values at masked steps change neither other steps nor buffers."""
        changes, mask = data.draw(st.sampled_from(self.variants)), data.draw(masks(clips, steps))
        values, others = self.values(clips, steps), self.values(clips, steps)
        others[mask] = values[mask]
        one, two = (self.encoder(**changes).train(training) for _ in range(2))
        before, after = one(Features(values, mask)), two(Features(others, mask))
        assert before.semantic.isfinite().all()
        for name in ("semantic", "private", "target"):
            first, second = getattr(before, name), getattr(after, name)
            if first is not None:
                torch.testing.assert_close(first[mask], second[mask], msg=name)
        torch.testing.assert_close(dict(one.named_buffers()), dict(two.named_buffers()))

    @laws
    @given(sizes, sizes, st.randoms(use_true_random=False))
    def test_order_of_clips_does_not_matter(self, clips: int, steps: int, random: Random) -> None:
        """Permuted clips give permuted outputs."""
        order = random.sample(range(clips), clips)
        values, codes = self.values(clips, steps), self.codes(clips, steps)
        encode, decode = self.encoder(), self.decoder()
        encoded, shuffled = encode(Features(values)), encode(Features(values[order]))
        torch.testing.assert_close(shuffled.semantic, encoded.semantic[order])
        torch.testing.assert_close(shuffled.private, encoded.private[order])
        decoded = decode(encoded, codes)
        torch.testing.assert_close(decode(shuffled, codes._replace(full=codes.full[order])), decoded[order])

    @pytest.mark.parametrize("masked", [False, True])
    @pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
    def test_gradient_reaches_every_parameter(self, masked: bool, dtype: torch.dtype) -> None:
        """Every parameter of encoder and decoder gets a gradient that is not zero."""
        mask = torch.tensor([[True, True, False], [True, False, False]]) if masked else None
        for changes in self.variants:
            encode, decode = self.encoder(**changes).to(dtype), self.decoder().to(dtype)
            encoded, codes = encode(Features(self.values(2, 3).to(dtype), mask)), self.codes(2, 3)
            output = decode(encoded, codes._replace(full=codes.full.to(dtype)))
            (output.square().mean() + encoded.semantic.pow(3).mean()).backward()
            for name, parameter in nn.ModuleList([encode, decode]).named_parameters():
                assert parameter.grad is not None and parameter.grad.any(), (name, changes)

    def test_evaluation_has_no_dropout(self) -> None:
        """In evaluation mode two calls give equal latents."""
        encode, features = self.encoder(dropout=0.5).eval(), Features(self.values(2, 3))
        assert torch.equal(encode(features).semantic, encode(features).semantic)

    def test_decoder_reads_only_the_private_features(self) -> None:
        """The decoder reads nothing of what was encoded but the private features."""
        encoded, codes = self.encoder()(Features(self.values(2, 3))), self.codes(2, 3)
        nothing = Encoded(torch.full_like(encoded.semantic, torch.nan), encoded.private)
        assert torch.equal(self.decoder()(encoded, codes), self.decoder()(nothing, codes))


class VectorEncoderLaws(EncoderLaws):
    """Also the laws of encoders whose Config is a ``codaar_core.nn.VectorSettings``."""

    def test_private_activation_is_a_choice(self) -> None:
        """With "relu", the private features are the ReLU of those without activation."""
        features = Features(self.values(4, 4))
        linear = self.encoder(private_activation="none")(features).private
        assert (linear < 0).any()
        torch.testing.assert_close(self.encoder()(features).private, linear.relu())

    def test_without_private_features(self) -> None:
        """With ``private=0`` there are none, and the latents are the same."""
        bare, features = self.encoder(private=0), Features(self.values(2, 10))
        assert bare.private is None and bare.private_map is None
        encoded = bare(features)
        assert encoded.private is None
        torch.testing.assert_close(encoded.semantic, self.encoder()(features).semantic)
