"""The vgg encoder and decoder against numbers of the released code, in float64."""

from __future__ import annotations

import pytest
import torch
from codaar_plugin_vgg.decoder import VggDecoder
from codaar_plugin_vgg.encoder import VggEncoder
from torch import nn

from codaar_core.api import DecoderContext, Encoded, EncoderContext, Features, Quantized, Space
from codaar_core.testing.released_numbers import drawn, drawn_weight, renaming

ENCODER_NAMES = {
    "channel_attention.strength": "se_layer",
    "private_map.convolutions.0": "spatial_conv_stack.0",
    "private_map.norms.0": "spatial_conv_stack.1",
    "private_map.convolutions.1": "spatial_conv_stack.3",
    "private_map.norms.1": "spatial_conv_stack.4",
}
DECODER_NAMES = {
    "code.0": "video_linear_1",
    "code.1": "video_linear",
    "enlarge.0": "inverse_conv_block.0",
    "enlarge.1.branches.0.0": "inverse_conv_block.1.stack.0.res_block.1",
    "enlarge.1.branches.0.2": "inverse_conv_block.1.stack.0.res_block.3",
    "enlarge.2": "inverse_conv_block.2",
    "enlarge.4": "inverse_conv_block.4",
}


class PooledOnly(nn.Module):
    """Replaces the temporal transformer: the released video encoder ends before it."""

    def forward(self, pooled, mask):
        return pooled


@pytest.mark.parametrize("mode", ["eval", "train"])
@pytest.mark.parametrize("mask", [None, torch.ones(2, 10, dtype=torch.bool)], ids=["no mask", "mask of real steps"])
def test_encoder(released_numbers, mode, mask):
    numbers, names = released_numbers(f"video_encoder_small_{mode}"), renaming(ENCODER_NAMES)
    context = EncoderContext("seen", Space((7, 7, 16)), Space((16,)))
    encoder = VggEncoder(VggEncoder.Config(channels=(16, 32)), context).double()
    encoder.temporal = PooledOnly()
    numbers.load(encoder, names)
    encoder.train(mode == "train")
    values = numbers["in0"].requires_grad_()
    encoded = encoder(Features(values, mask))
    numbers.check(encoded.semantic, "out0")
    numbers.check(encoded.private, "out1")
    ((encoded.semantic * numbers["ct0"]).sum() + (encoded.private * numbers["ct1"]).sum()).backward()
    numbers.check(values.grad, "grad_in0")
    if mode == "eval":
        numbers.check_gradients(encoder, names)
        return
    for name, parameter in encoder.named_parameters():
        # Batch normalisation takes the mean away: the true gradient of a bias before it is zero, theirs is rounding.
        if not (name.startswith("private_map.convolutions") and name.endswith("bias")):
            numbers.check(parameter.grad, f"grad_{names(name)}")
    for name, buffer in encoder.named_buffers():
        numbers.check(buffer, f"after_{names(name)}")


@pytest.mark.parametrize("kind", ["av", "avt"])
def test_decoder(released_numbers, kind):
    numbers, names = released_numbers(f"video_decoder_{kind}_small"), renaming(DECODER_NAMES)
    context = DecoderContext("seen", Space(numbers["in1"].shape[-1:]), Space((3, 3, 32)), Space((7, 7, 16)))
    decoder = VggDecoder(VggDecoder.Config(code=8, hidden=16, output_hidden=16), context).double()
    numbers.check_decoder(decoder, names)


def load_by_rule(module: nn.Module, prefix: str, names) -> None:
    for key, value in module.state_dict().items():
        if value.dim():
            value.copy_(drawn_weight(prefix, names(key), tuple(value.shape)))


@torch.no_grad()
def test_encoder_at_full_size(released_numbers):
    name = "video_encoder_full_eval"
    numbers = released_numbers(name)
    encoder = VggEncoder(VggEncoder.Config(), EncoderContext("seen", Space((7, 7, 512)), Space((256,)))).double().eval()
    encoder.temporal = PooledOnly()
    load_by_rule(encoder, name, renaming(ENCODER_NAMES))
    encoded = encoder(Features(drawn(f"{name}/in0", (1, 10, 7, 7, 512)).abs()))
    numbers.check(encoded.semantic, "out0")
    numbers.check(encoded.private.sum(), "out1_sum")
    numbers.check(encoded.private.norm(), "out1_norm")


@torch.no_grad()
def test_decoder_at_full_size(released_numbers):
    name = "video_decoder_avt_full"
    numbers = released_numbers(name)
    context = DecoderContext("seen", Space((768,)), Space((3, 3, 2048)), Space((7, 7, 512)))
    decoder = VggDecoder(VggDecoder.Config(), context).double()
    load_by_rule(decoder, name, renaming(DECODER_NAMES))
    private = drawn(f"{name}/in0", tuple(numbers["in0_shape"])).abs()
    full = drawn(f"{name}/in1", tuple(numbers["in1_shape"]))
    output = decoder(Encoded(full, private), Quantized(full, full, full))
    numbers.check(output.sum(), "out0_sum")
    numbers.check(output.norm(), "out0_norm")
