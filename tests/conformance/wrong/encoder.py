"""Encoders that break what only encoders must keep."""

from __future__ import annotations

from good_components import GoodEncoder

from wrong.register import alters, breaks, replaces


@alters(GoodEncoder, "forward", "record", "semantic should be (1, 1, 8)")
def wrong_shape(encoded):
    """Latents of a width of its own."""
    return encoded._replace(semantic=encoded.semantic[..., :3])


@breaks("record", "private should be None")
class UndeclaredPrivate(GoodEncoder):
    """Gives what it does not declare."""

    private = None


@replaces(GoodEncoder, "forward", "record", "not an Encoded")
def bare_tensor(self, features):
    """Gives a tensor."""
    return self.latents(features.values)


@breaks("record", "raise ComponentError in __init__ for features that it cannot encode")
class NeverAsks(GoodEncoder):
    """Fails when it is too late."""

    def forward(self, features):
        return super().forward(features._replace(values=features.values[..., :1]))


@alters(GoodEncoder, "forward", "mask-passed-on", "loses the mask")
def loses_mask(encoded):
    """Forgets which steps are real."""
    return encoded._replace(mask=None)


@breaks("semantic-only", "call it from both")
class OtherLatents(GoodEncoder):
    """Is in a hurry."""

    def semantic_only(self, features):
        encoded = super().semantic_only(features)
        return encoded._replace(semantic=encoded.semantic * 2)
