"""The vggish encoder's private features and the decoder against numbers of the released code, in float64."""

from __future__ import annotations

import pytest
from codaar_plugin_vggish.decoder import VggishDecoder
from codaar_plugin_vggish.encoder import VggishEncoder

from codaar_core.api import DecoderContext, EncoderContext, Features, Space
from codaar_core.testing.released_numbers import renaming

PRIVATE_NAMES = {"0": "audio_linear"}
DECODER_NAMES = {
    "sequence.code.0": "audio_linear_1",
    "sequence.code.1": "audio_linear",
    "sequence.output": "audio_rec",
}


def test_private_features(released_numbers):
    context = EncoderContext("heard", Space((12,)), Space((16,)))
    encoder = VggishEncoder(VggishEncoder.Config(private=16), context).double()
    released_numbers("audio_projection_small").check_function(
        encoder.private_map, renaming(PRIVATE_NAMES), lambda values: encoder(Features(values)).private
    )


@pytest.mark.parametrize("kind", ["av", "avt"])
def test_decoder(released_numbers, kind):
    numbers = released_numbers(f"audio_decoder_{kind}_small")
    context = DecoderContext("heard", Space(numbers["in1"].shape[-1:]), Space((16,)), Space((12,)))
    decoder = VggishDecoder(VggishDecoder.Config(code=16), context).double()
    numbers.check_decoder(decoder, renaming(DECODER_NAMES))
