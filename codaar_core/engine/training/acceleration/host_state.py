"""What a training step reads or changes outside the device: a recorded step would not read or change it again."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping
from typing import Any

import attrs
import torch
from torch import Tensor, nn

from codaar_core.api import StepView
from codaar_core.engine.assembly.model import Model

OF_TORCH = frozenset(vars(nn.Module()))  # attributes that every module has


class HostWatch:
    """Looks at training steps: which of their effects are not on the device.

    It finds attributes of components that are plain values or containers of them, tensors that are replaced in place of
    being changed, draws from generators of the host, and uses of the numbers of epoch and step.

    Args:
        model: The model whose components are looked at.

    Attributes:
        reads_epoch: Whether any step so far has read the number of its epoch.
        reads_step: Whether any has read its own number.
    """

    def __init__(self, model: Model) -> None:
        self.model = model
        self.reads_epoch = self.reads_step = False

    def watched(self, start: StepView) -> StepView:
        """Return a step whose numbers notice that they are read."""
        return attrs.evolve(
            start,
            epoch=watched_int(start.epoch, lambda: setattr(self, "reads_epoch", True)),
            step=watched_int(start.step, lambda: setattr(self, "reads_step", True)),
        )

    def state(self, start: StepView) -> dict[str, Any]:
        """Return what is on the host now, by a phrase that names it."""
        steps = {f"align.{number}": each for number, each in enumerate(self.model.align)}
        found = host_state(dict(self.model.named_modules()) | steps)
        if start.device_generator is not start.generator:  # on the CPU, these are the draws of the device
            found["random numbers of view.generator"] = tuple(start.generator.get_state().tolist())
            found["random numbers of torch's generator on the host"] = tuple(torch.get_rng_state().tolist())
        return found


def host_state(parts: Mapping[str, object]) -> dict[str, object]:
    """Trace the attributes of objects, without those that every module of torch has.

    Args:
        parts: The objects, by name.

    Returns:
        Traces by ``NAME.ATTRIBUTE``.
    """
    return {
        f"{path}.{name}".lstrip("."): trace(value)
        for path, part in parts.items()
        for name, value in {**vars(part), **vars(part).get("_buffers", {})}.items()
        if name not in OF_TORCH
    }


def changes(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[str]:
    """Name what differs between two states of the host."""
    return [name for name in {**before, **after} if before.get(name) != after.get(name)]


def trace(value: object) -> object:
    """Return something that is equal as long as a value on the host is, and a tensor lies where it did."""
    if isinstance(value, Tensor):
        return "tensor", value.data_ptr(), tuple(value.shape)
    if isinstance(value, Mapping):
        return tuple((key, trace(each)) for key, each in value.items())
    if isinstance(value, (list, tuple, deque)):
        return tuple(trace(each) for each in value)
    return value if isinstance(value, (bool, int, float, str, bytes)) else None


def watched_int(number: int, read: Callable[[], None]) -> int:
    """Return an equal integer that calls ``read`` whenever it is compared, computed with, converted or printed.

    Functions written in C that take an integer, such as ``range``, do not notice.
    """
    watched = _Watched(number)
    watched.read = read
    return watched


class _Watched(int):
    read: Callable[[], None]


def _reading(name: str) -> Callable[..., Any]:
    def method(self: _Watched, *arguments: Any) -> Any:
        self.read()
        return getattr(int, name)(self, *arguments)

    return method


_COMPARED = ("eq", "ne", "lt", "le", "gt", "ge", "hash", "bool")
_CONVERTED = ("int", "index", "float", "str", "repr", "format")
_COMPUTED = [f"{r}{name}" for name in ("add", "sub", "mul", "truediv", "floordiv", "mod", "pow") for r in ("", "r")]
for _name in (*_COMPARED, *_CONVERTED, *_COMPUTED, "neg", "abs", "divmod"):
    if hasattr(int, f"__{_name}__"):
        setattr(_Watched, f"__{_name}__", _reading(f"__{_name}__"))
