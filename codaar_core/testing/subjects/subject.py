"""What every component under test has: settings, surroundings that it accepts, and a way to build it anew."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cached_property
from typing import TYPE_CHECKING, Any, TypeVar

import attrs
import torch

from codaar_core.api import Component, ComponentError
from codaar_core.testing.check import Violation
from codaar_core.testing.toys import generator_of

if TYPE_CHECKING:
    from codaar_core.testing.subjects.data import DataSubject

S = TypeVar("S", bound="Subject")


@attrs.frozen(slots=False)
class Subject:
    """A component under test."""

    kind: str
    name: str
    component: type[Component]
    data: tuple[DataSubject, ...] = ()  # the data sources of the same package, for benchmarks
    seed: int = 0

    @property
    def title(self) -> str:
        """The component's name for messages."""
        return self.component.__name__

    @cached_property
    def config(self) -> Any:
        """Default settings, those of ``example`` changed."""
        example = dict(self.component.example)
        try:
            return self.component.Config(**example)
        except Exception as error:
            raise Violation(
                f"{self.title}.Config cannot be made of {example or 'its defaults'}: {error}",
                f"give {self.title} a class attribute `example = {{...}}` of valid settings to be checked with",
            ) from error

    def having(self: S, config: Any) -> S:
        """The same component with other settings."""
        other = attrs.evolve(self)
        vars(other)["config"] = config
        return other

    def contexts(self) -> Iterable[Any]:
        """Surroundings to try; the first that the component accepts is taken."""
        return ()

    @cached_property
    def context(self) -> Any:
        """Surroundings that the component accepts."""
        refusals = []
        for context in self.contexts():
            try:
                self.build(context)
            except ComponentError as error:
                refusals.append(error.message)
            else:
                return context
        raise Violation(
            f"{self.title} refuses every toy context: {'; '.join(dict.fromkeys(refusals))}",
            "take widths and modalities from the context, and give it an `example` of settings that suit small widths",
        )

    def build(self, context: Any = None) -> Any:
        """Build it anew: the same component every time."""
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(self.seed)
            return self.component(self.config, self.context if context is None else context)

    @cached_property
    def sample(self) -> Any:
        """One that is built, to look at; checks that change something build their own."""
        return self.build()

    def generator(self) -> torch.Generator:
        """Fresh, for inputs."""
        return generator_of(self.seed)
