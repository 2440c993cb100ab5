"""Marks functions that torch.compile must not trace."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any, TypeVar, cast

import torch

Function = TypeVar("Function", bound=Callable[..., Any])


def not_compiled(function: Function) -> Function:
    """Leave a function out of compiled code (``device.compile``): it is called as it is, between two compiled graphs.

    For what torch cannot trace: recurrent layers, draws from a ``torch.Generator``, exchanges between ranks, Python
    numbers that change with every step. Mark the outermost function that contains nothing else, so that there are few
    graphs. Like ``torch.compiler.disable``, but the compiler, whose import takes a second, is imported only where
    something is compiled.

    Args:
        function: A function or method.

    Returns:
        The function with the mark.
    """

    @wraps(function)
    def call(*arguments: Any, **keywords: Any) -> Any:
        if torch.compiler.is_compiling():
            return torch.compiler.disable(function)(*arguments, **keywords)
        return function(*arguments, **keywords)

    return cast(Function, call)
