"""The vggish encoder's private features and the decoder against numbers of the released code, in float64."""

from __future__ import annotations

import pytest
from codaar_plugin_vggish.decoder import VggishDecoder
from codaar_plugin_vggish.encoder import VggishEncoder

from codaar_core.api import DecoderContext, Encoded, EncoderContext, Features, Quantized, Space

DECODER_NAMES = {
    "sequence.code.0": "audio_linear_1",
    "sequence.code.1": "audio_linear",
    "sequence.output": "audio_rec",
}


def private_name(key: str) -> str:
    return key.replace("0.", "audio_linear.")


def decoder_name(key: str) -> str:
    module, _, kind = key.rpartition(".")
    return f"{DECODER_NAMES[module]}.{kind}"


def test_private_features(released):
    numbers = released("audio_projection_small")
    context = EncoderContext("heard", Space((12,)), Space((16,)))
    encoder = VggishEncoder(VggishEncoder.Config(private=16), context).double()
    numbers.load(encoder.private_map, private_name)
    values = numbers["in0"].requires_grad_()
    private = encoder(Features(values)).private
    numbers.check(private, "out0")
    private.backward(numbers["ct0"])
    numbers.check(values.grad, "grad_in0")
    numbers.check_gradients(encoder.private_map, private_name)


@pytest.mark.parametrize("kind", ["av", "avt"])
def test_decoder(released, kind):
    numbers = released(f"audio_decoder_{kind}_small")
    private, full = numbers["in0"].requires_grad_(), numbers["in1"].requires_grad_()
    context = DecoderContext("heard", Space(full.shape[-1:]), Space((16,)), Space((12,)))
    decoder = VggishDecoder(VggishDecoder.Config(code=16), context).double()
    numbers.load(decoder, decoder_name)
    output = decoder(Encoded(full, private), Quantized(full, full, full))
    numbers.check(output, "out0")
    output.backward(numbers["ct0"])
    numbers.check(private.grad, "grad_in0")
    numbers.check(full.grad, "grad_in1")
    numbers.check_gradients(decoder, decoder_name)
