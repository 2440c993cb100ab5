"""What every component has: a kind, settings that explain themselves, and a context it is built in."""

from __future__ import annotations

from abc import ABC
from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar

import attrs


def setting(
    default: Any = attrs.NOTHING, help: str = "", check: Callable[..., Any] | None = None, *, formerly: str = ""
) -> Any:
    """Declare one setting of a component, with the sentence that explains it.

    Args:
        default: Value when the recipe says nothing; a setting without default must be given.
        help: One sentence with the unit or the source; shown by ``codaar inspect``.
        check: An attrs validator, e.g. ``attrs.validators.ge(0)``; its message is shown at the recipe's line.
        formerly: Former name of the setting; a recipe that still writes it works, with a note and a DeprecationWarning.
    """
    if isinstance(default, (list, dict)):
        raise TypeError("a default must not be mutable: write a tuple")
    return attrs.field(default=default, validator=check, metadata={"help": help, "formerly": formerly})


class Component(ABC):
    """Base of everything a recipe can name.

    A subclass nests a frozen attrs class ``Config``: its settings in the recipe. Where the defaults are too large for
    quick checks, or settings must be given, ``example = {"width": 8}`` says with which the conformance kit builds it.
    ``examples`` lists further configurations, each put over ``example``, that the kit runs as well: one for each way in
    which the component can work. ``expected_failures`` gives the reason for each check of the kit that the component
    fails on purpose: by check (``"fixed-point"``), or for one of ``examples`` (``"[metric=cosine]:distances"``).

    Args:
        config: The checked settings.
        context: What is known when this kind of component is built (each kind has its own record).
    """

    kind: ClassVar[str]
    example: ClassVar[Mapping[str, Any]] = {}
    examples: ClassVar[Sequence[Mapping[str, Any]]] = ()
    expected_failures: ClassVar[Mapping[str, str]] = {}

    @attrs.frozen(kw_only=True)
    class Config:
        """No settings."""

    def __init__(self, config: Any, context: Any) -> None:
        super().__init__()
        self.config = config
