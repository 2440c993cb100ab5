"""Settings that are not frozen, not explained, not valid or not read."""

from __future__ import annotations

import attrs
from good_components import GoodLoss

from codaar_core.api import setting
from wrong.register import breaks


@breaks("loss", "described", "has no docstring")
class Undescribed(GoodLoss):
    pass


@breaks("loss", "described", "which is no whole sentence")
class HalfDescribed(GoodLoss):
    """The first line goes on
    in the second."""


@breaks("loss", "settings-frozen", "decorate it with @attrs.frozen(kw_only=True)")
class Thawed(GoodLoss):
    """Settings that change."""

    @attrs.define(kw_only=True)
    class Config:
        power: float = setting(2.0, "exponent")


@breaks("loss", "settings-explained", "does not explain power")
class Unexplained(GoodLoss):
    """A setting without its sentence."""

    @attrs.frozen(kw_only=True)
    class Config:
        power: float = 2.0


@breaks("loss", "settings-names", "declares weight, which core reads itself")
class TakenName(GoodLoss):
    """A setting that core has already."""

    @attrs.frozen(kw_only=True)
    class Config:
        weight: float = setting(2.0, "factor")


@breaks("loss", "settings-round-trip", "refuses its own settings")
class WrongDefault(GoodLoss):
    """A default of another type."""

    @attrs.frozen(kw_only=True)
    class Config:
        power: int = setting(2.5, "exponent")


@breaks("loss", "settings-round-trip", "give Needy a class attribute `example")
class Needy(GoodLoss):
    """A setting without default, and no example."""

    @attrs.frozen(kw_only=True)
    class Config:
        power: int = setting(help="exponent")


@breaks("loss", "settings-schema", "has no word for the type of power")
class AnyType(GoodLoss):
    """A setting that may be anything."""

    @attrs.frozen(kw_only=True)
    class Config:
        power: object = setting(2.0, "exponent")


@breaks("loss", "settings-matter", "does the same whatever power is set to")
class IdleSetting(GoodLoss):
    """A setting that nothing reads; another that has its effect only beside a third."""

    @attrs.frozen(kw_only=True)
    class Config:
        power: float = setting(2.0, "exponent")
        shifted: bool = setting(False, "add the shift")
        shift: float = setting(1.0, "used where shifted")

    def term(self, item, ranks):
        return super().term(item, ranks) + self.config.shifted * self.config.shift
