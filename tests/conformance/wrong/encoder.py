"""Encoders that break what only encoders must keep."""

from __future__ import annotations

from good_components import GoodEncoder

from wrong.register import breaks


@breaks("encoder", "record", "semantic should be (1, 1, 8)")
class WrongShape(GoodEncoder):
    """Latents of a width of its own."""

    def forward(self, features):
        encoded = super().forward(features)
        return encoded._replace(semantic=encoded.semantic[..., :3])


@breaks("encoder", "record", "private should be None")
class UndeclaredPrivate(GoodEncoder):
    """Gives what it does not declare."""

    private = None


@breaks("encoder", "record", "not an Encoded")
class BareTensor(GoodEncoder):
    """Gives a tensor."""

    def forward(self, features):
        return self.latents(features.values)


@breaks("encoder", "record", "raise ComponentError in __init__ for features that it cannot encode")
class NeverAsks(GoodEncoder):
    """Fails when it is too late."""

    def forward(self, features):
        return super().forward(features._replace(values=features.values[..., :1]))


@breaks("encoder", "mask-passed-on", "loses the mask")
class LosesMask(GoodEncoder):
    """Forgets which steps are real."""

    def forward(self, features):
        return super().forward(features)._replace(mask=None)
