"""Settings that are not frozen, not explained, not valid or not read."""

from __future__ import annotations

import attrs
from good_components import GoodLoss

from codaar_core.api import setting
from wrong.register import breaks, one_setting


@breaks("described", "has no docstring")
class Undescribed(GoodLoss):
    pass


@breaks("described", "which is not a whole sentence")
class HalfDescribed(GoodLoss):
    """The first line goes on
    in the second."""


@breaks("settings-frozen", "decorate it with @attrs.frozen(kw_only=True)")
class Thawed(GoodLoss):
    """Settings that change."""

    Config = one_setting(float, setting(2.0, "exponent"), frozen=False)


@breaks("settings-explained", "does not explain power")
class Unexplained(GoodLoss):
    """A setting without its sentence."""

    Config = one_setting(float, 2.0)


@breaks("settings-names", "declares weight, which core reads in the same block")
class TakenName(GoodLoss):
    """A setting that core has already."""

    @attrs.frozen(kw_only=True)
    class Config:
        weight: float = setting(2.0, "factor")


@breaks("settings-round-trip", "refuses its own settings")
class WrongDefault(GoodLoss):
    """A default of another type."""

    Config = one_setting(int, setting(2.5, "exponent"))


@breaks("settings-round-trip", "give Needy a class attribute `example")
class Needy(GoodLoss):
    """A setting without default, and no example."""

    Config = one_setting(int, setting(help="exponent"))


@breaks("settings-bounds", "accepts power = -2147483648\n   = help: give the setting a check")
class Boundless(GoodLoss):
    """A size that may be negative."""

    Config = one_setting(int, setting(2, "exponent"))


@breaks("settings-schema", "cannot express the type of power")
class AnyType(GoodLoss):
    """A setting that may be anything."""

    Config = one_setting(object, setting(2.0, "exponent"))


@breaks("settings-matter", "does the same for every value of power")
class IdleSetting(GoodLoss):
    """A setting that nothing reads; another that has its effect only beside a third."""

    @attrs.frozen(kw_only=True)
    class Config:
        power: float = setting(2.0, "exponent")
        shifted: bool = setting(False, "add the shift")
        shift: float = setting(1.0, "used where shifted")

    def term(self, item, ranks):
        return super().term(item, ranks) + self.config.shifted * self.config.shift
