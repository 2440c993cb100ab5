"""Compiles encoders, decoders, quantizer and losses with torch.compile."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import torch

from codaar_core.engine.assembly.model import Model, shares

INDUCTOR = "inductor"  # torch's own compiler
SAME_DRAWS: dict[str, str | int | bool | Callable[..., Any]] = {"fallback_random": True}  # dropout as uncompiled


class Compiled:
    """A function that is compiled when it is first called; where torch cannot compile it, it stays as it is.

    Args:
        title: What it is, for the warning that says why it stays uncompiled.
        plain: The function.
        backend: torch's compiler.
    """

    def __init__(self, title: str, plain: Callable[..., Any], backend: str = INDUCTOR) -> None:
        self.title, self.plain, self.backend = title, plain, backend
        self.call = torch.compile(plain, backend=backend, options=SAME_DRAWS if backend == INDUCTOR else None)

    def __call__(self, *arguments: Any, **keywords: Any) -> Any:
        """Call it."""
        try:
            return self.call(*arguments, **keywords)
        except Exception as error:  # the compiler raises errors of several kinds, also assertions of its own
            result = self.plain(*arguments, **keywords)  # raises an error of the function itself again
            if self.call is not self.plain:
                warnings.warn(
                    f"device.compile is on, but torch cannot compile {self.title}, so it stays uncompiled: "
                    f"{first_line(error)}",
                    stacklevel=2,
                )
            self.call = self.plain
            return result

    def __reduce__(self) -> tuple[type[Compiled], tuple[Any, ...]]:
        """A copy of a compiled module compiles its own function."""
        return Compiled, (self.title, self.plain, self.backend)


def compile_parts(model: Model, device: torch.device) -> None:
    """Compile encoders, decoders, the quantizer's ``quantize`` and losses in place; what torch cannot compile stays.

    Warns once of each part that torch cannot compile, or once if it can compile nothing on this machine.
    """
    try:
        torch.compile(lambda x: x + 1)(torch.zeros(1, device=device))
    except Exception as error:
        reason = first_line(error)
        warnings.warn(f"device.compile is on, but torch cannot compile here, so nothing is: {reason}", stacklevel=2)
        return
    mark_parts(model)


def mark_parts(model: Model, backend: str = INDUCTOR) -> None:
    """Have the parts of a model compiled at their first call, by one of torch's compilers."""
    for kind in ("encoders", "decoders", "losses"):
        for name, part in getattr(model, kind).items():
            for function in ("prepare", "complete") if shares(part) else ("forward",):
                setattr(part, function, Compiled(f"{kind}.{name}", getattr(part, function), backend))
    model.quantizer.quantize = Compiled("the quantizer", model.quantizer.quantize, backend)  # type: ignore[method-assign]


def first_line(error: BaseException) -> str:
    """Return the first line of an error's message, or its type."""
    return (str(error).strip() or type(error).__name__).splitlines()[0]
