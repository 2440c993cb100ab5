"""Decoder of video: full code and private map -> VGG feature maps (H, W, C)."""

from __future__ import annotations

from typing import ClassVar, Literal

import attrs
from attrs.validators import ge
from torch import Tensor, nn

from codaar_core.api import ComponentError, Decoder, DecoderContext, Encoded, Quantized, Space, setting
from codaar_plugin_vgg.private_map import SHRINK
from codaar_plugin_vgg.residual_stack import ResidualStack
from codaar_plugin_vgg.transposed_convolution import TransposedConvolution


class VggDecoder(Decoder):
    """Two linear maps of the code, copied to every cell of the private map, then transposed convolutions.

    There is no non-linearity between the linear maps, as in the released code of arXiv 2605.12145.

    Raises:
        ComponentError: The private features are not a map, or the map is not four cells smaller than the output.
    """

    example: ClassVar = {"code": 8, "hidden": 8, "output_hidden": 8}
    examples: ClassVar = ({"skip": "plain"},)

    @attrs.frozen(kw_only=True)
    class Config:
        """Settings of the vgg decoder."""

        code: int = setting(256, "width of the mapped code", ge(1))
        hidden: int = setting(1024, "channels after the first transposed convolution", ge(1))
        residual_layers: int = setting(1, "layers of the residual stack", ge(1))
        skip: Literal["activated", "plain"] = setting(
            "activated", 'skip of a residual layer: "activated" relu(x) (released code), "plain" x (paper)'
        )
        output_hidden: int = setting(512, "channels after the second transposed convolution", ge(1))

    def __init__(self, config: Config, context: DecoderContext) -> None:
        super().__init__(config, context)
        private = _private_map(context)
        _check_output(context, private)
        self.code = nn.Sequential(nn.Linear(context.code_space.width, config.code), nn.Linear(config.code, config.code))
        self.enlarge = nn.Sequential(
            TransposedConvolution(config.code + private.width, config.hidden, kernel_size=3),
            ResidualStack(config.hidden, config.residual_layers, config.skip),
            TransposedConvolution(config.hidden, config.output_hidden, kernel_size=3),
            nn.ReLU(inplace=True),
            nn.ConvTranspose2d(config.output_hidden, context.output.width, kernel_size=1),
        )

    def forward(self, encoded: Encoded, quantized: Quantized) -> Tensor:
        """Reconstruct (B, T, H, W, C)."""
        private = encoded.private.flatten(0, 1).permute(0, 3, 1, 2)
        code = self.code(quantized.full).flatten(0, 1)
        maps = self.enlarge[1:](self.enlarge[0](private, code)).permute(0, 2, 3, 1)
        return maps.unflatten(0, quantized.full.shape[:2])


def _private_map(context: DecoderContext) -> Space:
    if context.private is None or len(context.private.shape) != 3:
        raise ComponentError(
            f"the vgg decoder of {context.modality} needs an encoder with a private map (h, w, P)",
            'use = "vgg" for the encoder too, or another decoder',
        )
    return context.private


def _check_output(context: DecoderContext, private: Space) -> None:
    height, width, _ = private.shape
    cells = (height + SHRINK, width + SHRINK)
    shape = context.output.shape
    if len(shape) != 3 or shape[:2] != cells:
        raise ComponentError(
            f"from its private map, the vgg decoder of {context.modality} makes maps of {cells} cells, not {shape}",
            'use = "vgg" for the encoder too, or another decoder',
        )
