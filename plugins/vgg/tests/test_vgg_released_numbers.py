"""The vgg encoder and decoder against numbers of the released code, in float64."""

from __future__ import annotations

from zlib import crc32

import numpy as np
import pytest
import torch
from codaar_plugin_vgg.decoder import VggDecoder
from codaar_plugin_vgg.encoder import VggEncoder
from torch import Tensor, nn

from codaar_core.api import DecoderContext, Encoded, EncoderContext, Features, Quantized, Space

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
    """Stands where the temporal transformer is: the released video encoder ends before it."""

    def forward(self, pooled, mask):
        return pooled


def renamed(names: dict[str, str]):
    def rename(key: str) -> str:
        ours = next(prefix for prefix in names if key.startswith(f"{prefix}."))
        return names[ours] + key.removeprefix(ours)

    return rename


@pytest.mark.parametrize("mode", ["eval", "train"])
@pytest.mark.parametrize("mask", [None, torch.ones(2, 10, dtype=torch.bool)], ids=["no mask", "mask of real steps"])
def test_encoder(released, mode, mask):
    numbers, names = released(f"video_encoder_small_{mode}"), renamed(ENCODER_NAMES)
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
def test_decoder(released, kind):
    numbers, names = released(f"video_decoder_{kind}_small"), renamed(DECODER_NAMES)
    private, full = numbers["in0"].requires_grad_(), numbers["in1"].requires_grad_()
    context = DecoderContext("seen", Space(full.shape[-1:]), Space((3, 3, 32)), Space((7, 7, 16)))
    decoder = VggDecoder(VggDecoder.Config(code=8, hidden=16, output_hidden=16), context).double()
    numbers.load(decoder, names)
    output = decoder(Encoded(full, private), Quantized(full, full, full))
    numbers.check(output, "out0")
    output.backward(numbers["ct0"])
    numbers.check(private.grad, "grad_in0")
    numbers.check(full.grad, "grad_in1")
    numbers.check_gradients(decoder, names)


def drawn(name: str, shape: tuple[int, ...]) -> Tensor:
    return torch.from_numpy(np.random.RandomState(crc32(name.encode())).standard_normal(shape))


def weight_by_rule(prefix: str, key: str, shape: tuple[int, ...]) -> Tensor:
    """A weight that is not stored (the rule is in the README beside the numbers)."""
    draw = drawn(f"{prefix}/{key}", shape)
    if len(shape) >= 2:
        return draw / np.sqrt(np.prod(shape[1:]))
    if key.endswith("running_var"):
        return 1 + 0.1 * draw.abs()
    is_norm_scale = key in ("spatial_conv_stack.1.weight", "spatial_conv_stack.4.weight")
    return 1 + 0.1 * draw if is_norm_scale else 0.1 * draw


def load_by_rule(module: nn.Module, prefix: str, names) -> None:
    for key, value in module.state_dict().items():
        if value.dim():
            value.copy_(weight_by_rule(prefix, names(key), tuple(value.shape)))


@torch.no_grad()
def test_encoder_at_full_size(released):
    name = "video_encoder_full_eval"
    numbers = released(name)
    encoder = VggEncoder(VggEncoder.Config(), EncoderContext("seen", Space((7, 7, 512)), Space((256,)))).double().eval()
    encoder.temporal = PooledOnly()
    load_by_rule(encoder, name, renamed(ENCODER_NAMES))
    encoded = encoder(Features(drawn(f"{name}/in0", (1, 10, 7, 7, 512)).abs()))
    numbers.check(encoded.semantic, "out0")
    numbers.check(encoded.private.sum(), "out1_sum")
    numbers.check(encoded.private.norm(), "out1_norm")


@torch.no_grad()
def test_decoder_at_full_size(released):
    name = "video_decoder_avt_full"
    numbers = released(name)
    context = DecoderContext("seen", Space((768,)), Space((3, 3, 2048)), Space((7, 7, 512)))
    decoder = VggDecoder(VggDecoder.Config(), context).double()
    load_by_rule(decoder, name, renamed(DECODER_NAMES))
    private = drawn(f"{name}/in0", tuple(numbers["in0_shape"])).abs()
    full = drawn(f"{name}/in1", tuple(numbers["in1_shape"]))
    output = decoder(Encoded(full, private), Quantized(full, full, full))
    numbers.check(output.sum(), "out0_sum")
    numbers.check(output.norm(), "out0_norm")
